//! What can be fixed safely: nothing that changes a published byte or makes a decision for a person.

use crate::decide::check::{Code, Finding};
use schemars::JsonSchema;
use serde::Serialize;
use std::fmt;

/// One thing that `check --fix` fixes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Fix {
    /// The action.
    pub what: MendKind,
    /// The path.
    pub path: String,
    /// The new target of an alias.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// The action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MendKind {
    /// What an interrupted command left is removed.
    Clear,
    /// The parts of an unfinished upload are removed.
    GiveUp,
    /// A file or directory is made readable for all users.
    Open,
    /// A link is replaced by a relative one to the same place.
    Relink,
    /// A lost record is made again from the tree.
    Record,
    /// Public files for readers are written again.
    Readers,
}

impl fmt::Display for Fix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.what, &self.to) {
            (MendKind::Clear, _) => write!(f, "remove {}", self.path),
            (MendKind::GiveUp, _) => write!(f, "give up the unfinished upload of {}", self.path),
            (MendKind::Open, _) => write!(f, "make {} readable", self.path),
            (MendKind::Relink, Some(to)) => write!(f, "point {} at {to} relatively", self.path),
            (MendKind::Relink, None) => write!(f, "make {} relative", self.path),
            (MendKind::Readers, _) => write!(f, "write the public files in {} again", self.path),
            (MendKind::Record, _) => write!(f, "make the record of {} again", self.path),
        }
    }
}

/// Returns the fixes for these findings, in the order in which they must be applied.
pub fn mends(findings: &[Finding]) -> Vec<Fix> {
    let mut mends: Vec<Fix> = findings
        .iter()
        .filter_map(|found| {
            let what = match found.code {
                Code::TmpStale => MendKind::Clear,
                Code::UploadUnfinished => MendKind::GiveUp,
                Code::NotServed => MendKind::Open,
                Code::AliasAbsolute => MendKind::Relink,
                Code::RecordMissing => MendKind::Record,
                Code::ReadersStale => MendKind::Readers,
                _ => return None,
            };
            let to = found.nearest.clone().filter(|_| what == MendKind::Relink);
            Some(Fix { what, path: found.path.clone(), to })
        })
        .collect();
    // A record is made from what can be read, so unreadable modes are fixed first.
    mends.sort();
    mends.dedup();
    mends
}
