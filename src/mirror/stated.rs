//! Comparing the tickets of the trash with the events of the journal that filled its directories.
//!
//! A ticket alone is not trusted: it decides when bytes are deleted and where a tree is restored. Each directory of
//! the trash is named by the number of an event, and only the segments with these events are read, each event once.

use super::journal::numbered;
use super::records::RECORD_LIMIT;
use super::statements::{Stated, number_of, term_of};
use super::{GOING, Mirror, Ticket, TicketKind, Trashed};
use crate::model::{BuildId, RelPath, Stamp};
use crate::record::{Details, Event, EventKind, Phase};
use crate::store::StoreError;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The field of a record that names its build.
#[derive(Debug, Deserialize)]
struct Named {
    id: BuildId,
}

impl Mirror {
    /// Reads the statements of the journal about these directories of the trash, if not known yet.
    pub(super) fn learn<'a>(&self, dirs: impl Iterator<Item = &'a RelPath>) -> Result<(), StoreError> {
        let known = || self.statements().known();
        let numbers: BTreeSet<u64> = {
            let known = known();
            dirs.filter_map(number_of).filter(|number| !known.contains_key(number)).collect()
        };
        if numbers.is_empty() {
            return Ok(());
        }
        let (named, outcomes): (Vec<Event>, Vec<Event>) =
            numbered(self.store(), &numbers)?.into_iter().partition(|event| numbers.contains(&event.seq));
        let settled: BTreeMap<u64, Stamp> =
            outcomes.iter().filter_map(|event| Some((event.settles?, event.at))).collect();
        known().extend(named.into_iter().map(|event| {
            let settled = settled.get(&event.seq).copied();
            (event.seq, Stated { event, settled })
        }));
        Ok(())
    }

    /// Returns a ticket with the term that the journal allows, or how it contradicts the event that names its directory,
    /// the layout, or the record beside it; [`learn`](Self::learn) was called before.
    pub(super) fn compared(&self, at: &RelPath, mut ticket: Ticket) -> Result<Ticket, String> {
        let number = number_of(at).ok_or("its name is not the number of an event")?;
        let path = self.layout().build_path(&ticket.id).map_err(|error| super::chain(&error))?;
        if path != ticket.path {
            return Err(format!("its ticket states the path `{}`; expected `{path}`", ticket.path));
        }
        let stated = self.statements().known().get(&number).cloned();
        match stated {
            Some(stated) => self.compare(at, &mut ticket, &stated)?,
            None => self.compare_record(at, &ticket)?,
        }
        Ok(ticket)
    }

    fn compare(&self, at: &RelPath, ticket: &mut Ticket, stated: &Stated) -> Result<(), String> {
        let Stated { event, settled } = stated;
        let kind = match event.what {
            EventKind::Pruned => TicketKind::Build,
            EventKind::Trimmed => TicketKind::Untrimmed,
            _ => return Err(format!("event {} of the journal did not fill it", event.seq)),
        };
        let said = event.stated();
        let trash = said.trash.as_ref().map(RelPath::as_str);
        if event.phase != Phase::Intent || trash != Some(at.as_str().trim_end_matches(GOING)) {
            return Err(format!("event {} of the journal did not fill it", event.seq));
        }
        let differs = |what: &str, found: &dyn std::fmt::Display, expected: &dyn std::fmt::Display| {
            let number = event.seq;
            Err(format!(
                "its ticket states {what} `{found}`; expected `{expected}`, as event {number} states"
            ))
        };
        if event.to != ticket.id.to_string() {
            return differs("the build", &ticket.id, &event.to);
        }
        if kind != ticket.what {
            return differs("the kind", &ticket.what, &kind);
        }
        if ticket.since != event.at && Some(ticket.since) != *settled {
            return differs("the time", &ticket.since, &event.at);
        }
        if let Some(noted) = said.inode.filter(|noted| noted.1 != ticket.inode.1) {
            // It was recorded again after the mirror moved to another disk, or is not that of the tree.
            let tree = at.child("tree").unwrap_or_default();
            let there = self.store().look(&tree).map_err(|error| super::chain(&error))?;
            if there.is_some_and(|entry| entry.inode.1 != ticket.inode.1) {
                return differs("the inode", &ticket.inode.1, &noted.1);
            }
        }
        match term_of(event) {
            Some(until) => ticket.until = ticket.until.max(until),
            None if ticket.until < event.at => {
                return Err(format!(
                    "its ticket states a term until `{}`; expected `{}` or later, the time of event {}",
                    ticket.until, event.at, event.seq
                ));
            }
            None => {}
        }
        Ok(())
    }

    /// Returns what the event states that moved a build to the trash; nothing where the event is lost.
    pub(crate) fn filled_by(&self, trashed: &Trashed) -> Option<Details> {
        let number = number_of(&trashed.at)?;
        self.learn(std::iter::once(&trashed.at)).ok()?;
        let stated = self.statements().known().get(&number).cloned()?;
        Some(stated.event.stated())
    }

    /// Returns the build of a directory of the trash, by the journal or the record in it; nothing if neither states
    /// it.
    pub(crate) fn build_in(&self, at: &RelPath) -> Option<BuildId> {
        let stated = || {
            self.learn(std::iter::once(at)).ok()?;
            let stated = self.statements().known().get(&number_of(at)?).cloned()?;
            let fills = matches!(stated.event.what, EventKind::Pruned | EventKind::Trimmed);
            if fills { stated.event.to.parse().ok() } else { None }
        };
        stated().or_else(|| self.named_in(at).ok().flatten())
    }

    /// Compares a ticket whose event is lost with the record beside it.
    fn compare_record(&self, at: &RelPath, ticket: &Ticket) -> Result<(), String> {
        if ticket.until < ticket.since {
            let (until, since) = (ticket.until, ticket.since);
            return Err(format!(
                "its ticket states a term until `{until}`; expected `{since}` or later, the time that it states"
            ));
        }
        match self.named_in(at).map_err(|error| super::chain(&error))? {
            Some(id) if id != ticket.id => Err(format!(
                "its ticket states the build `{}`; expected `{id}`, as the record beside it states",
                ticket.id
            )),
            _ => Ok(()),
        }
    }

    /// Returns the build that the record in a directory of the trash names; nothing if there is none.
    pub(crate) fn named_in(&self, at: &RelPath) -> Result<Option<BuildId>, StoreError> {
        let record = at.child("record.json").unwrap_or_default();
        match self.store().read(&record, RECORD_LIMIT) {
            Err(error) if error.is_not_found() => Ok(None),
            bytes => Ok(serde_json::from_slice(&bytes?).ok().map(|named: Named| named.id)),
        }
    }

    /// Returns the ticket of a directory of the trash, or why it cannot be used.
    pub fn ticket(&self, at: &RelPath) -> Result<Ticket, String> {
        let ticket = self.ticket_as_written(at)?;
        self.learn(std::iter::once(at)).map_err(|error| super::chain(&error))?;
        self.compared(at, ticket)
    }

    /// Returns the ticket of a directory of the trash, without a comparison.
    pub fn ticket_as_written(&self, at: &RelPath) -> Result<Ticket, String> {
        let bytes = self.store().read(&Trashed::ticket_in(at), super::trash::TICKET_LIMIT);
        serde_json::from_slice(&bytes.map_err(|error| super::chain(&error))?)
            .map_err(|error| format!("its ticket cannot be used: {error}"))
    }
}
