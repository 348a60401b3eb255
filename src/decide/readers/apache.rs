//! The rules for Apache: the file through the link, else the first build of the list that has the file replaces the
//! alias in the path.
//!
//! A file whose name has a `?` is left to the symlink: Apache would parse what follows as a query. A dollar sign
//! before a brace would be expanded when the file is read, so it comes from a variable.

use super::pattern::{CACHE, literal};
use crate::model::RelPath;

/// A variable whose value is one dollar sign.
const DOLLAR: &str = "mirrorkeep_dollar";

const HEAD: &str = "\
# Written by `mirrorkeep export readers --for apache`: below a name, a file of the current build, else one of a build that
# the alias left. The link itself comes first: for a moment after a move, processes of the server with the rules from
# before it answer, too. Include it at the end of a virtual host whose DocumentRoot is the mirror; it needs the modules
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
    // mod_rewrite takes quoted text unchanged, backslashes too; patterns and targets resolve these.
    let from = format!("\"^{}([^?]+)$\"", literal(&format!("/{}/", name.as_str())));
    let rule = |build: &RelPath| {
        let to = escaped(build.as_str());
        format!(
            "RewriteCond \"%{{DOCUMENT_ROOT}}/{to}/$1\" -f\nRewriteRule {from} \"/{to}/$1\" [PT,E=mirrorkeep_readers:1]\n"
        )
    };
    let link = format!(
        "RewriteCond \"%{{DOCUMENT_ROOT}}%{{REQUEST_URI}}\" -f\nRewriteRule {from} - [L,E=mirrorkeep_readers:1]\n"
    );
    link + &builds.iter().map(rule).collect::<String>()
}

/// Returns a text that is not changed by the expansion of variables and pattern groups.
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
