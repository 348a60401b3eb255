//! The section `changes` of `mirror.yaml`: the list of what came, moved and went, for mirrors of the mirror.

use super::readers_config::{in_the_way, not_a_place};
use crate::model::{OneOrMany, RelPath};
use serde::{Deserialize, Serialize};

/// The default directory of the list.
pub const CHANGES: &str = "changes";

/// The list of what came, moved and went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "the keys `path`, `sign` and `auto`, such as `{auto: true, sign: 'minisign:/etc/mirrorkeep/changes.key'}`"
)]
pub struct ChangesConfig {
    /// The directory of the list in the mirror.
    #[serde(default = "changes")]
    pub path: RelPath,
    /// The keys that sign it, in the form of `publish --sign`; only for a mirror in a directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign: Option<OneOrMany>,
    /// Whether every command that changes the mirror writes the list.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub auto: bool,
}

fn changes() -> RelPath {
    CHANGES.parse().unwrap_or_default()
}

impl Default for ChangesConfig {
    fn default() -> Self {
        Self { path: changes(), sign: None, auto: false }
    }
}

impl ChangesConfig {
    /// Returns what is invalid, each with its key; `others` are the directories of other files with their keys, and `directory` is
    /// whether the mirror is one.
    pub(super) fn problems(
        &self,
        others: &[(&RelPath, &str)],
        directory: bool,
    ) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        problems.extend(not_a_place(&self.path).map(|why| ("path", why)));
        let meets = others.iter().filter_map(|(other, key)| in_the_way(&self.path, other, key));
        problems.extend(meets.map(|why| ("path", why)));
        if self.sign.is_some() && !directory {
            // Settings of a bucket must not use keys of a user who opens it.
            let why = "it is accepted for a mirror in a directory only; run `mirrorkeep export changes --sign KEY` where the key is";
            problems.push(("sign", why.to_owned()));
        }
        problems
    }
}
