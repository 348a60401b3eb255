//! The rules for nginx: `try_files` in the builds of the list; a file that none of them has is served as without the
//! rules.
//!
//! A location is selected by the decoded path, and the rest below the alias is tried unchanged, so no name can add a
//! line to the configuration. The link is tried first, with its present target: while nginx reloads, its old and its
//! new processes both answer for about 100 ms, and each must be able to finish what the other began. nginx then uses
//! the path of the build as the path of the request, so types and cache times are set here again.

use super::pattern::{CACHE, literal};
use crate::model::{RelPath, quoted};

const HEAD: &str = "\
# Written by `mirrorkeep export readers --for nginx`: below a name, a file of the current build, else one of a build that
# the alias left. The link itself comes first: for a moment after a move, processes of the server with the rules from
# before it answer, too. Include it in a server block after the location that hides `.mirrorkeep` and before all other
# locations with patterns (in contrib/nginx.conf before the one of listings).
";

/// Serves files that no build of a list has as without the rules: redirects for directories, and 404.
const REST: &str = "
location @mirrorkeep_readers { add_header Cache-Control \"public, max-age=60\"; }
location @mirrorkeep_readers_text { default_type text/plain; add_header Cache-Control \"public, max-age=60\"; }
";

pub(super) fn write(names: &[(RelPath, Vec<RelPath>)]) -> String {
    let rest = if names.is_empty() { "" } else { REST };
    names.iter().fold(HEAD.to_owned(), |text, (name, builds)| text + &one(name, builds)) + rest
}

fn one(name: &RelPath, builds: &[RelPath]) -> String {
    let name = literal(&format!("/{}/", name.as_str()));
    let tried: Vec<String> = builds.iter().map(|build| quoted(&format!("/{}/$1", build.as_str()))).collect();
    let tried = tried.join(" ");
    // Names without a suffix are text.
    let text = quoted(&format!("^{name}((?:.+/)?[^/.]+)$"));
    let other = quoted(&format!("^{name}(.+[^/])$"));
    format!(
        "
location ~ {text} {{
    default_type text/plain;
    add_header Cache-Control \"{CACHE}\";
    try_files $uri {tried} @mirrorkeep_readers_text;
}}
location ~ {other} {{
    add_header Cache-Control \"{CACHE}\";
    try_files $uri {tried} @mirrorkeep_readers;
}}
"
    )
}
