//! Removing parts of a build in one step: a reader sees the build with them or without, and SHA256SUMS is right in
//! both cases.
//!
//! A second tree is staged beside it, by hard links, without the parts and with the checksums of the rest; then the
//! two trees are exchanged. The old one is kept in the trash and can be restored. In stores that cannot move trees,
//! the list of checksums is replaced, and the objects stay for the term of the trash (`commit/bucket/trim.rs`).

use crate::commit::TRIM_STAGE;
use crate::commit::choose::protocol;
use crate::commit::handshake::while_marked;
use crate::commit::protocol::Prepared;
use crate::decide::PartFate;
use crate::decide::policy::Part;
use crate::mirror::{JournalError, Ticket, TicketKind, Trashed, WriteLock, chain};
use crate::model::{BuildId, RelPath};
use crate::ops::ActError;
use crate::ops::retention::parts::{goes, named};
use crate::ops::retention::report::{Failure, PrunedBuild, Skipped, parts};
use crate::ops::retention::run::PruneRun;
use crate::record::Payload;
use crate::store::{Store, StoreError, StoreErrorKind};
use std::time::Duration;

/// The result for the parts of one build.
enum Trimmed {
    /// They are in the trash.
    Done(PrunedBuild),
    /// There were none.
    Nothing,
    /// They stay, for that reason.
    Skipped(String),
}

impl PruneRun<'_> {
    /// Removes all expiring parts; a failure with one build does not stop the others.
    pub(crate) fn trim(&mut self) -> Result<(), ActError> {
        let mirror = self.session.mirror();
        let store = mirror.store();
        let _alone = match store.lock(&RelPath::state("trim.lock"), mirror.who(), Duration::ZERO) {
            Err(error) if error.kind() == StoreErrorKind::Busy => {
                let why = "another prune is taking parts out; what it leaves waits for the next run";
                self.report.plan.warnings.push(why.to_owned());
                return Ok(());
            }
            alone => alone?,
        };
        clear(store)?;
        for (id, names) in parts(&self.planned.plan) {
            self.session.check_cancelled()?;
            let going = named(&self.planned.policy, &id, &names);
            match self.trim_one(&id, &going) {
                Ok(Trimmed::Done(gone)) => self.report.trimmed.push(gone),
                Ok(Trimmed::Nothing) => {}
                // Another command changed the build during that time; the rest is left to the next run.
                Ok(Trimmed::Skipped(why)) => {
                    clear(store).ok();
                    self.report.skipped.push(Skipped { id, why });
                }
                Err(error) => {
                    clear(store).ok();
                    if error.is_no_space() {
                        return Err(error);
                    }
                    self.report.failures.push(Failure { path: id.to_string(), error: chain(&error) });
                }
            }
        }
        Ok(())
    }

    /// Removes parts of one build; if the lock does not exclude other processes, its protections are checked again.
    fn trim_one(&mut self, id: &BuildId, going: &[Part]) -> Result<Trimmed, ActError> {
        let mirror = self.session.mirror();
        let path = mirror.layout().build_path(id)?;
        let names: Vec<String> = going.iter().map(|part| part.name.clone()).collect();
        let skipped = |why: &str| Ok(Trimmed::Skipped(why.to_owned()));
        // Read before the lock is taken, since a build does not change.
        let trim = match protocol(mirror).prepare_trim(mirror, id, &path, &|inner| goes(going, inner))? {
            Prepared::Missing => return Ok(Trimmed::Nothing),
            Prepared::Nothing => return self.note_only(id, &names).map(|()| Trimmed::Nothing),
            Prepared::Changed(why) => return skipped(why),
            Prepared::Ready(trim) => trim,
        };
        let lock = self.session.begin()?;
        if let Some(why) = self.stays(&lock, id)? {
            return Ok(Trimmed::Skipped(why));
        }
        if let Some(why) = trim.outdated(mirror)? {
            return skipped(why);
        }
        let bytes = self.planned.census.build(id).and_then(|build| build.bytes).unwrap_or(0);
        let trashed = self.untrimmed(&lock, id, path, (trim.frees(bytes), trim.identity()))?;
        let trimmed = |inode| trimmed(&trashed, &names, trim.rest(), inode);
        let pending = lock.begin(trashed.ticket.since, id, &trimmed(trim.noted()))?;
        let recheck = || match self.recheck.labels_changed(&lock, &self.planned, id)? {
            None => self.sheltered(&lock, id),
            why => Ok(why),
        };
        let done = trim
            .keep(&lock, &trashed)
            .map_err(ActError::from)
            .and_then(|()| while_marked(&lock, id, recheck, || Ok(trim.carry_out(&lock, &trashed, &names)?)));
        if !matches!(done, Ok(None)) {
            // The next command finishes what failed after the start.
            if trim.undo(&lock, &trashed)? {
                pending.undone(lock.now())?;
            }
            return done.map(|why| Trimmed::Skipped(why.unwrap_or_default()));
        }
        pending.done_as(lock.now(), &trimmed(None))?;
        self.recheck.end_turn(&lock);
        Ok(Trimmed::Done(PrunedBuild {
            id: id.clone(),
            parts: names,
            until: trashed.ticket.until,
            archive: None,
        }))
    }

    /// Returns the trash ticket of a build whose parts are removed.
    fn untrimmed(
        &self,
        lock: &WriteLock<'_>,
        id: &BuildId,
        path: RelPath,
        (bytes, inode): (u64, (u64, u64)),
    ) -> Result<Trashed, JournalError> {
        let (id, what, since) = (id.clone(), TicketKind::Untrimmed, lock.now());
        let until = self.planned.policy.trash.after(since, self.planned.policy.zone);
        let at = lock.next_in_trash()?;
        Ok(Trashed { at, ticket: Ticket { ticket: 1, id, path, what, since, until, bytes, inode } })
    }

    /// Returns why the parts of a build must stay after all.
    fn stays(&mut self, lock: &WriteLock<'_>, id: &BuildId) -> Result<Option<String>, ActError> {
        self.recheck.renew(lock, &mut self.planned)?;
        self.sheltered(lock, id)
    }

    /// Returns the same by the current plan, and by what protects the build now.
    fn sheltered(&mut self, lock: &WriteLock<'_>, id: &BuildId) -> Result<Option<String>, ActError> {
        self.recheck.refresh(lock, &mut self.planned)?;
        let verdict = self.planned.plan.verdict(id);
        if verdict.is_none_or(|verdict| !verdict.parts.values().any(|fate| *fate == PartFate::Expire)) {
            return Ok(Some("it is judged otherwise now".to_owned()));
        }
        self.recheck.protected_by(lock, id)
    }

    /// Records that a part is removed which never existed.
    fn note_only(&self, id: &BuildId, names: &[String]) -> Result<(), ActError> {
        let lock = self.session.begin()?;
        if let Some(mut record) = lock.mirror().record(id)? {
            let new = names.iter().filter(|name| !record.trimmed.contains(name)).cloned().collect::<Vec<_>>();
            if !new.is_empty() {
                let before = record.clone();
                record.trimmed.extend(new);
                lock.renew_record(&before, &record)?;
            }
        }
        Ok(())
    }
}

/// Deletes staged trees that were not exchanged; no other process stages any at the same time.
fn clear(store: &dyn Store) -> Result<(), StoreError> {
    let tmp = RelPath::state("tmp");
    let entries = match store.list(&tmp) {
        Err(error) if error.is_not_found() => return Ok(()),
        listing => listing?.entries,
    };
    for entry in entries.iter().filter(|entry| entry.name.starts_with(TRIM_STAGE)) {
        store.discard(&tmp.child(&entry.name).unwrap_or_default())?;
    }
    Ok(())
}

/// Returns the details of the journal event.
fn trimmed(
    trashed: &Trashed,
    names: &[String],
    (files, bytes): (u64, u64),
    inode: Option<(u64, u64)>,
) -> Payload {
    let (trash, parts, until) = (trashed.at.clone(), names.to_vec(), trashed.ticket.until);
    Payload::Trimmed { trash, parts, files, bytes, until, inode }
}
