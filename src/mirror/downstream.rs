//! What is known of the copies of a mirror elsewhere: what was sent to each, and up to which event everything is there.
//!
//! `docs/decisions/0022-downstream-mirrors.md` has the order of writes. The lists of what was sent decide alone what may be
//! deleted in a copy; the state only saves work, and may be lost.

use super::Mirror;
use crate::model::{BuildId, Digest, RelPath, Stamp, Stream};
use crate::store::{Guard, Kind, Put, StoreError};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The directory in the own area.
const DIR: &str = "sync";

/// The directory of the traces of the copy that a mirror itself is.
const TRACES: &str = "trace";

/// More than a state or a list ever has, in bytes.
const LIMIT: u64 = 512 << 20;

/// What was sent to a target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sent {
    /// The version of this form: 1.
    pub sync: u32,
    /// The id of the mirror.
    pub mirror: String,
    /// What stands for the address of the target.
    pub address: Option<Digest>,
    /// The number of the last event that is there with all before it.
    pub serial: u64,
    /// The checksum of the line with that number.
    pub sum: Option<String>,
    /// The same number for each stream.
    pub streams: BTreeMap<Stream, u64>,
    /// The digest of the trace that was written last.
    pub trace: Option<Digest>,
    /// When something was last sent or found to be there.
    pub at: Option<Stamp>,
    /// The builds that are whole there, each with what tells whether its files here are still the same.
    pub builds: BTreeMap<BuildId, String>,
    /// The names that were sent.
    pub names: BTreeMap<RelPath, SentName>,
    /// The other files that were sent, each with what tells whether it is still the same.
    pub files: BTreeMap<RelPath, String>,
    /// Why the last run did not come to its end.
    pub failure: Option<String>,
}

/// A name that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SentName {
    /// The text of the link.
    pub text: String,
    /// The builds of which it leads to one; several where it is not known that it moved.
    pub builds: BTreeSet<BuildId>,
}

fn file(target: &str, file: &str) -> RelPath {
    RelPath::state(&format!("{DIR}/{target}/{file}"))
}

fn list_of(target: &str, id: &BuildId) -> RelPath {
    file(target, &format!("sent/{id}.list"))
}

impl Mirror {
    /// Takes the right to send to a target, waiting that long for others.
    pub fn lock_target(&self, target: &str, wait: Duration) -> Result<Guard, StoreError> {
        self.store().lock(&file(target, "lock"), self.who(), wait)
    }

    /// Returns whether a process sends to a target.
    pub fn is_sending(&self, target: &str) -> Result<bool, StoreError> {
        self.store().is_held(&file(target, "lock"))
    }

    /// Returns what was sent to a target; nothing where that is not known.
    pub fn sent(&self, target: &str) -> Result<Option<Sent>, StoreError> {
        let sent: Option<Sent> = self.noted(&file(target, "state.json"), LIMIT)?;
        Ok(sent.filter(|sent| sent.sync == 1 && sent.mirror == self.config().id))
    }

    /// Returns whether there is a state of a target, also a damaged one.
    pub fn has_sent_state(&self, target: &str) -> Result<bool, StoreError> {
        Ok(self.store().look(&file(target, "state.json"))?.is_some())
    }

    /// Writes down what was sent to a target.
    pub fn keep_sent(&self, target: &str, sent: &Sent) -> Result<(), StoreError> {
        // A state is plain data.
        let text = serde_json::to_vec(sent).unwrap_or_default();
        self.store().put(&file(target, "state.json"), &text, Put::Replace)
    }

    /// Returns the builds of which something may be at a target.
    pub fn sent_builds(&self, target: &str) -> Result<BTreeSet<BuildId>, StoreError> {
        let dir = file(target, "sent");
        let found = self.store().below(&dir)?;
        let lists = found.into_iter().filter(|found| found.kind == Kind::File);
        let id = |path: RelPath| path.below(&dir)?.as_str().strip_suffix(".list")?.parse().ok();
        Ok(lists.filter_map(|found| id(found.path)).collect())
    }

    /// Returns the paths of a build that may be at a target; none where nothing of it was sent.
    pub fn sent_paths(&self, target: &str, id: &BuildId) -> Result<BTreeSet<RelPath>, StoreError> {
        match self.store().read(&list_of(target, id), LIMIT) {
            Err(error) if error.is_not_found() => Ok(BTreeSet::new()),
            bytes => {
                let text = String::from_utf8_lossy(&bytes?).into_owned();
                // A torn last line names a file that is not there, or none.
                Ok(text.lines().filter_map(|line| line.parse().ok()).collect())
            }
        }
    }

    /// Writes down which paths of a build may be at a target, before the first of them is sent.
    pub fn keep_sent_paths(
        &self,
        target: &str,
        id: &BuildId,
        paths: &BTreeSet<RelPath>,
    ) -> Result<(), StoreError> {
        let mut text = String::with_capacity(paths.iter().map(|path| path.as_str().len() + 1).sum());
        for path in paths {
            text.push_str(path.as_str());
            text.push('\n');
        }
        self.store().put(&list_of(target, id), text.as_bytes(), Put::ReplaceSoon)
    }

    /// Notes that nothing of a build is at a target any more.
    pub fn forget_sent(&self, target: &str, id: &BuildId) -> Result<(), StoreError> {
        self.store().remove(&list_of(target, id))
    }

    /// Notes that nothing is known of what was sent to a target.
    pub fn forget_all_sent(&self, target: &str) -> Result<(), StoreError> {
        for found in self.store().below(&file(target, "sent"))? {
            self.store().remove(&found.path)?;
        }
        Ok(())
    }

    /// Returns the traces of the copy that this mirror itself is, by their names.
    pub fn own_traces(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        let dir = RelPath::state(TRACES);
        let listing = match self.store().list(&dir) {
            Err(error) if error.is_not_found() => return Ok(Vec::new()),
            listing => listing?,
        };
        let files = listing.entries.iter().filter(|entry| entry.name.ends_with(".json"));
        files
            .filter_map(|entry| dir.child(&entry.name).ok())
            .map(|at| self.store().read(&at, LIMIT))
            .collect()
    }

    /// Returns the trace with that name of the copy that this mirror itself is.
    pub fn own_trace(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        match self.store().read(&RelPath::state(&format!("{TRACES}/{name}.json")), LIMIT) {
            Err(error) if error.is_not_found() => Ok(None),
            bytes => bytes.map(Some),
        }
    }

    /// Writes a trace into this mirror, which is a copy of another.
    pub fn keep_own_trace(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.store().put(&RelPath::state(&format!("{TRACES}/{name}.json")), bytes, Put::Replace)
    }
}
