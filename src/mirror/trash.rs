//! The contents of the trash: each build with a ticket that states what it was and when its bytes may be deleted.
//!
//! A directory of the trash has `ticket.json`, the tree as `tree`, and the record and manifest as they were. One
//! whose name ends in `.going` is being swept and cannot be restored.

use super::journal::last_event;
use super::records::RECORD_LIMIT;
use super::statements::number_of;
use super::{AnchorError, GOING, JournalError, Mirror, StateError, Tree, WriteLock};
use crate::model::{BuildId, RelPath, Stamp};
use crate::record::BuildRecord;
use crate::store::{Put, StoreError};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// More bytes than a ticket ever has.
pub(crate) const TICKET_LIMIT: u64 = 1 << 20;

/// The contents of one directory of the trash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ticket {
    /// The version of this form: 1.
    pub ticket: u32,
    /// The ID of the build.
    pub id: BuildId,
    /// Its former path.
    pub path: RelPath,
    /// Whether this is the whole build, or its state before parts were removed.
    pub what: TicketKind,
    /// Since when it is there.
    pub since: Stamp,
    /// The last instant at which it can be restored.
    pub until: Stamp,
    /// Its size in bytes.
    pub bytes: u64,
    /// What distinguishes the tree itself from others at its path: device and inode.
    pub inode: (u64, u64),
}

/// What a directory of the trash has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TicketKind {
    /// A build that was removed from its path.
    Build,
    /// A build as it was before parts were removed.
    Untrimmed,
}

/// A build in the trash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trashed {
    /// Its directory in the trash.
    pub at: RelPath,
    /// What it is.
    pub ticket: Ticket,
}

/// The contents of the trash.
#[derive(Debug, Default)]
pub struct Trash {
    /// Builds that can be restored, the oldest first.
    pub waiting: Vec<Trashed>,
    /// Directories that are being swept.
    pub going: Vec<RelPath>,
    /// Directories with a ticket and no tree: about to be filled, or left after the tree was moved away.
    pub empty: Vec<RelPath>,
    /// Directories without a readable ticket.
    pub strange: Vec<(RelPath, String)>,
    /// Those of these directories that no event of the journal can have made: nothing was pruned into them.
    pub alien: Vec<(RelPath, String)>,
}

impl Trash {
    /// Returns every directory without a readable ticket, whoever made it.
    pub fn unread(self) -> impl Iterator<Item = (RelPath, String)> {
        self.strange.into_iter().chain(self.alien)
    }
}

impl fmt::Display for TicketKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Build => "build",
            Self::Untrimmed => "untrimmed",
        })
    }
}

impl Trashed {
    /// Returns the path of the ticket of a directory of the trash.
    pub fn ticket_in(at: &RelPath) -> RelPath {
        at.child("ticket.json").unwrap_or_default()
    }

    /// Returns the path of the tree.
    pub fn tree(&self) -> RelPath {
        self.at.child("tree").unwrap_or_default()
    }

    /// Returns the path of the record.
    pub fn record(&self) -> RelPath {
        self.at.child("record.json").unwrap_or_default()
    }

    /// Returns the path of the manifest.
    pub fn manifest(&self) -> RelPath {
        self.at.child("files").unwrap_or_default()
    }
}

impl Mirror {
    /// Returns the contents of the trash.
    pub fn trash(&self) -> Result<Trash, StateError> {
        let mut trash = Trash::default();
        let kept = self.list_state(&RelPath::state("trash"))?;
        let (going, others): (Vec<RelPath>, Vec<RelPath>) =
            kept.into_iter().partition(|at| at.name().ends_with(GOING));
        trash.going = going;
        // Once for all of them, before each is compared.
        self.learn(others.iter())?;
        let ticket = |at: &RelPath| self.ticket_as_written(at).and_then(|ticket| self.compared(at, ticket));
        let read = |at: RelPath| match ticket(&at) {
            Ok(ticket) => {
                let trashed = Trashed { at, ticket };
                let sign = trashed.at.child(self.trash_sign()).unwrap_or_default();
                let there = self.store().look(&sign)?.is_some();
                Ok(Ok((trashed, there)))
            }
            Err(why) => Ok(Err((at, why))),
        };
        let read: Vec<_> = others.into_par_iter().map(read).collect::<Result<_, StoreError>>()?;
        for one in read {
            match one {
                Ok((trashed, true)) => trash.waiting.push(trashed),
                Ok((trashed, false)) => trash.empty.push(trashed.at),
                Err(strange) => trash.strange.push(strange),
            }
        }
        if !trash.strange.is_empty()
            && let Ok(last) = last_event(self.store())
        {
            let is_alien = |(at, _): &(RelPath, String)| number_of(at).is_none_or(|number| number > last);
            (trash.alien, trash.strange) = std::mem::take(&mut trash.strange).into_iter().partition(is_alien);
        }
        trash.waiting.sort_by(|a, b| (a.ticket.since, &a.at).cmp(&(b.ticket.since, &b.at)));
        Ok(trash)
    }

    /// Returns the trash entries of a build: the whole build before parts of it, the newest before older ones.
    pub fn in_trash(&self, id: &BuildId) -> Result<Option<Trashed>, StateError> {
        let waiting = self.trash()?.waiting.into_iter().filter(|trashed| trashed.ticket.id == *id);
        let rank = |trashed: &Trashed| (trashed.ticket.what == TicketKind::Build, trashed.ticket.since);
        Ok(waiting.max_by_key(rank))
    }

    /// Returns the record in a directory of the trash; `NotFound` if there is none.
    pub fn record_in(&self, trashed: &Trashed) -> Result<BuildRecord, StateError> {
        let (bytes, id) = (self.store().read(&trashed.record(), RECORD_LIMIT)?, &trashed.ticket.id);
        BuildRecord::parse(&bytes, id).map_err(|error| StateError::Record(id.clone(), error))
    }
}

impl WriteLock<'_> {
    /// Returns the directory of the trash for a deletion by the next event; fails if it already exists.
    pub fn next_in_trash(&self) -> Result<RelPath, JournalError> {
        let at = RelPath::state(&format!("trash/{:012}", self.next_seq()));
        match self.mirror().store().look(&at)? {
            Some(_) => Err(AnchorError::Taken(at).into()),
            None => Ok(at),
        }
    }

    /// Writes the ticket of a directory in the trash.
    pub fn keep_ticket(&self, trashed: &Trashed) -> Result<(), StoreError> {
        // Plain data always serializes.
        let text = serde_json::to_vec_pretty(&trashed.ticket).unwrap_or_default();
        self.mirror().store().put(&Trashed::ticket_in(&trashed.at), &text, Put::Replace)
    }

    /// Moves record and manifest of a build to the trash after it.
    pub fn file_away(&self, at: &RelPath, id: &BuildId) -> Result<(), StoreError> {
        let store = self.mirror().store();
        for (from, to) in kept(at, id) {
            if store.look(&from)?.is_some() && store.look(&to)?.is_none() {
                store.rename_tree(&from, &to)?;
            }
        }
        Ok(())
    }

    /// Moves the logs of a build to the trash after it. A build that only lost parts keeps them.
    pub fn file_logs_away(&self, at: &RelPath, id: &BuildId) -> Result<(), StoreError> {
        let (store, (from, to)) = (self.mirror().store(), logs(at, id));
        if store.look(&from)?.is_some() && store.look(&to)?.is_none() {
            store.rename_tree(&from, &to)?;
        }
        Ok(())
    }

    /// Moves record, manifest and logs of a build back from the trash.
    pub fn file_back(&self, trashed: &Trashed) -> Result<(), StoreError> {
        let store = self.mirror().store();
        let (at, id) = (&trashed.at, &trashed.ticket.id);
        for (to, from) in kept(at, id).into_iter().chain([logs(at, id)]) {
            if store.look(&from)?.is_some() {
                store.remove(&to)?;
                store.rename_tree(&from, &to)?;
            }
        }
        Ok(())
    }
}

/// Returns the paths of record and manifest, and those in the trash.
fn kept(at: &RelPath, id: &BuildId) -> [(RelPath, RelPath); 2] {
    let own = |name: &str| at.child(name).unwrap_or_default();
    [(Tree::Manifests.at(id), own("files")), (Tree::Builds.at(id), own("record.json"))]
}

/// Returns the path of the logs, and that in the trash.
fn logs(at: &RelPath, id: &BuildId) -> (RelPath, RelPath) {
    (Tree::Logs.at(id), at.child("logs.json").unwrap_or_default())
}
