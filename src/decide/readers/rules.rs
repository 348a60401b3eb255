//! Rules by which a web server finds a file below an alias in the current build, and otherwise in former ones.

use super::{apache, nginx};
use crate::model::{RelPath, unprintable};
use serde::{Deserialize, Serialize};

/// The server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", expecting = "`nginx` or `apache`")]
pub enum RulesFor {
    /// nginx.
    Nginx,
    /// Apache.
    Apache,
}

/// The rules for some aliases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The configuration.
    pub text: String,
    /// Aliases that are not in it, and why.
    pub left_out: Vec<(RelPath, String)>,
}

/// Returns the rules for aliases and the paths of their builds, the current one first.
///
/// `under` is the URL path below which the mirror is served. The text depends on the aliases and lists alone.
pub fn rules(server: RulesFor, names: &[(RelPath, Vec<RelPath>)], under: &RelPath) -> Rules {
    let (mut kept, mut left_out) = (Vec::new(), Vec::new());
    for (name, builds) in names {
        let odd = |path: &RelPath| match server {
            _ if unprintable(path.as_str()).is_some() => Some("a character that is not printable"),
            RulesFor::Nginx if path.as_str().contains('$') => Some("`$`, which nginx cannot quote"),
            RulesFor::Apache if path.as_str().contains('?') => Some("`?`, which Apache takes for a query"),
            RulesFor::Apache if path.as_str().contains('"') => Some("`\"`, which mod_rewrite cannot quote"),
            _ => None,
        };
        // Aliases are parts of patterns, in which every printable character can be quoted.
        let name_is_odd = unprintable(name.as_str()).map(|_| "a character that is not printable");
        match name_is_odd.or_else(|| builds.iter().find_map(odd)).or_else(|| odd(under)) {
            Some(why) => left_out.push((name.clone(), format!("its path or that of a build contains {why}"))),
            None => kept.push((under.join(name), builds.iter().map(|build| under.join(build)).collect())),
        }
    }
    let text = match server {
        RulesFor::Nginx => nginx::write(&kept),
        RulesFor::Apache => apache::write(&kept),
    };
    Rules { text, left_out }
}
