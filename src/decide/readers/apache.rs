//! The rules for Apache: the first build of the list that has the file takes the place of the name in the path.
//!
//! A file whose name has a `?` is left to the symlink: Apache would take what follows for a query. Where a dollar sign
//! before a brace would be replaced when the file is read, it comes from a variable.

use super::pattern::{CACHE, literal};
use crate::model::RelPath;

/// A variable that holds one dollar sign.
const DOLLAR: &str = "mirrorkeep_dollar";

const HEAD: &str = "\
# Written by `mirrorkeep export readers --for apache`: below a name, a file of the current build, else one of a build that
# the name left. Include it at the end of a virtual host whose DocumentRoot is the mirror; it needs the modules
# rewrite and headers (`a2enmod rewrite headers` on Debian).
RewriteEngine On
";

pub(super) fn write(names: &[(RelPath, Vec<RelPath>)]) -> String {
    let rules: String = names.iter().map(|(name, builds)| one(name, builds)).collect();
    let mut text = HEAD.to_owned();
    if rules.contains("${") {
        text.push_str(&format!("Define {DOLLAR} \"$\"\n"));
    }
    text.push_str(&rules.replace("${", &format!("${{{DOLLAR}}}{{")));
    text + &format!("Header set Cache-Control \"{CACHE}\" env=mirrorkeep_readers\n")
}

fn one(name: &RelPath, builds: &[RelPath]) -> String {
    // mod_rewrite takes what is between quotes as it is, backslashes too; patterns and targets resolve these.
    let from = format!("\"^{}([^?]+)$\"", literal(&format!("/{}/", name.as_str())));
    let rule = |build: &RelPath| {
        let to = escaped(build.as_str());
        format!(
            "RewriteCond \"%{{DOCUMENT_ROOT}}/{to}/$1\" -f\nRewriteRule {from} \"/{to}/$1\" [PT,E=mirrorkeep_readers:1]\n"
        )
    };
    builds.iter().map(rule).collect()
}

/// Returns a text that stays as it is where variables and parts of patterns are put in.
fn escaped(text: &str) -> String {
    let mut plain = String::new();
    for c in text.chars() {
        if "\\$%".contains(c) {
            plain.push('\\');
        }
        plain.push(c);
    }
    plain
}
