//! Taking parts out of a build in one step: a reader sees it with them or without, SHA256SUMS right both ways.
//!
//! A second tree is laid out beside it, by hard links, without the parts and with the checksums of the rest; then
//! the two trees change places. The old one waits in the trash and can come back. Where trees are not moved, the list
//! of checksums becomes another, and the objects stay for the term of the trash (`apart.rs`).

use crate::commit::apart::Split;
use crate::commit::tree::{any, lay_out, record};
use crate::commit::untrash::swap;
use crate::commit::{apart, handshake};
use crate::decide::PartFate;
use crate::decide::policy::Part;
use crate::mirror::{JournalError, Ticket, TicketKind, Trashed, WriteLock, chain};
use crate::model::{BuildId, RelPath};
use crate::ops::ActError;
use crate::ops::retention::parts::{goes, named};
use crate::ops::retention::report::{Failure, Gone, Skipped, parts};
use crate::ops::retention::run::PruneRun;
use crate::record::Payload;
use crate::store::{Store, StoreError, StoreErrorKind};
use std::time::Duration;

/// How the name of a tree begins that is being laid out.
const STAGE: &str = "trim-";

/// What became of the parts of one build.
enum Trimmed {
    /// They are in the trash.
    Done(Gone),
    /// There were none.
    Nothing,
    /// They stay, for that reason.
    Skipped(String),
}

impl PruneRun<'_> {
    /// Takes out all parts that the plan lets go; a failure with one build does not stop the others.
    pub(crate) fn trim(&mut self) -> Result<(), ActError> {
        let mirror = self.session.mirror();
        let store = mirror.store();
        let _alone = match store.lock(&RelPath::own("trim.lock"), mirror.who(), Duration::ZERO) {
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
            let one =
                if mirror.by_seal() { self.trim_objects(&id, &going) } else { self.trim_tree(&id, &going) };
            match one {
                Ok(Trimmed::Done(gone)) => self.report.trimmed.push(gone),
                Ok(Trimmed::Nothing) => {}
                // Another command changed the build during that time; what is left is for the next run.
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

    /// Takes parts out by laying out a second tree without them.
    fn trim_tree(&mut self, id: &BuildId, going: &[Part]) -> Result<Trimmed, ActError> {
        let mirror = self.session.mirror();
        let path = mirror.layout().build_path(id)?;
        let store = mirror.store();
        let goes = |inner: &RelPath| goes(going, inner);
        let names: Vec<String> = going.iter().map(|part| part.name.clone()).collect();
        let Some(entry) = store.look(&path)? else { return Ok(Trimmed::Nothing) };
        let is_same = || store.look(&path).map(|now| now.is_some_and(|now| now.inode == entry.inode));
        let gone = || Trimmed::Skipped("another command moved or replaced it".to_owned());
        // A tree that another command moves away is found half, or not at all.
        let found = any(store, &path, &goes);
        if found.is_err() && !is_same()? {
            return Ok(gone());
        }
        if !found? {
            return self.note_only(id, &names).map(|()| Trimmed::Nothing);
        }
        // Laid out before the lock is taken, since a build does not change.
        let stage = RelPath::own(&format!("tmp/{STAGE}{}", uuid::Uuid::new_v4().simple()));
        let rest = lay_out(store, &path, &stage.child("tree").unwrap_or_default(), &goes);
        if rest.is_err() && !is_same()? {
            return Ok(gone());
        }
        let rest = rest?;
        store.settle(&stage)?;
        let lock = self.session.begin()?;
        if let Some(why) = self.stays(&lock, id)? {
            return Ok(Trimmed::Skipped(why));
        }
        if !is_same()? {
            return Ok(gone());
        }
        let bytes = self
            .planned
            .census
            .build(id)
            .and_then(|build| build.bytes)
            .unwrap_or(0)
            .saturating_sub(rest.bytes);
        let trashed = self.untrimmed(&lock, id, path, (bytes, entry.inode))?;
        let now = trashed.ticket.since;
        let trimmed = |inode| trimmed(&trashed, &names, (rest.files, rest.bytes), inode);
        let pending = lock.begin(now, id, &trimmed(Some(trashed.ticket.inode)))?;
        store.reveal(&stage, &trashed.at)?;
        lock.keep_ticket(&trashed)?;
        let laid = store.look(&trashed.tree())?.map(|entry| entry.inode).unwrap_or_default();
        swap(store, &trashed.ticket.path, &trashed.tree(), laid)?;
        record(&lock, &trashed, &names, (rest.files, rest.bytes))?;
        pending.done_as(lock.now(), &trimmed(None))?;
        self.recheck.leave(&lock);
        Ok(Trimmed::Done(Gone { id: id.clone(), parts: names, until: trashed.ticket.until }))
    }

    /// Takes parts out where trees are not moved; the mark lets whoever protects the build meanwhile notice.
    fn trim_objects(&mut self, id: &BuildId, going: &[Part]) -> Result<Trimmed, ActError> {
        let mirror = self.session.mirror();
        let path = mirror.layout().build_path(id)?;
        let names: Vec<String> = going.iter().map(|part| part.name.clone()).collect();
        if !mirror.has_build(id)? {
            return Ok(Trimmed::Nothing);
        }
        // Looked at before the lock is taken, since a build does not change.
        let Some(split) = Split::of(mirror, id, &path, |inner| goes(going, inner))? else {
            return self.note_only(id, &names).map(|()| Trimmed::Nothing);
        };
        let lock = self.session.begin()?;
        if let Some(why) = self.stays(&lock, id)? {
            return Ok(Trimmed::Skipped(why));
        }
        if !split.is_of(mirror.record(id)?.as_ref()) {
            return Ok(Trimmed::Skipped("it changed since it was looked at".to_owned()));
        }
        let trashed = self.untrimmed(&lock, id, path.clone(), (split.goes(), (0, 0)))?;
        let now = trashed.ticket.since;
        let pending = lock.begin(now, id, &trimmed(&trashed, &names, split.stays(), None))?;
        let once_more = || match self.recheck.once_said(&lock, &self.planned, id)? {
            None => self.sheltered(&lock, id),
            why => Ok(why),
        };
        let done = split.note(&lock, &trashed).map_err(ActError::from).and_then(|()| {
            handshake::while_marked(&lock, id, once_more, || Ok(split.carry_out(&lock, &path, &names)?))
        });
        if !matches!(done, Ok(None)) {
            // What failed after it began is finished by whoever comes next.
            if !apart::has_begun(mirror, &trashed)? {
                apart::give_up(&lock, &trashed)?;
                lock.unmark(id)?;
                pending.undone(lock.now())?;
            }
            return done.map(|why| Trimmed::Skipped(why.unwrap_or_default()));
        }
        pending.done(lock.now())?;
        self.recheck.leave(&lock);
        Ok(Trimmed::Done(Gone { id: id.clone(), parts: names, until: trashed.ticket.until }))
    }

    /// Returns what the trash is told of a build whose parts go.
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

    /// Returns the same by the plan as it is, and by what protects the build now.
    fn sheltered(&mut self, lock: &WriteLock<'_>, id: &BuildId) -> Result<Option<String>, ActError> {
        self.recheck.refresh(lock, &mut self.planned)?;
        let verdict = self.planned.plan.verdict(id);
        if verdict.is_none_or(|verdict| !verdict.parts.values().any(|fate| *fate == PartFate::Expire)) {
            return Ok(Some("it is judged otherwise now".to_owned()));
        }
        self.recheck.shelters(lock, id)
    }

    /// Notes in the record that a part is gone which was never there.
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

/// Clears what was laid out for trees that did not come into their place; nobody else lays any out meanwhile.
fn clear(store: &dyn Store) -> Result<(), StoreError> {
    let tmp = RelPath::own("tmp");
    let entries = match store.list(&tmp) {
        Err(error) if error.is_not_found() => return Ok(()),
        listing => listing?.entries,
    };
    for entry in entries.iter().filter(|entry| entry.name.starts_with(STAGE)) {
        store.discard(&tmp.child(&entry.name).unwrap_or_default())?;
    }
    Ok(())
}

/// Returns what the journal is told.
fn trimmed(
    trashed: &Trashed,
    names: &[String],
    (files, bytes): (u64, u64),
    inode: Option<(u64, u64)>,
) -> Payload {
    let (trash, parts, until) = (trashed.at.clone(), names.to_vec(), trashed.ticket.until);
    Payload::Trimmed { trash, parts, files, bytes, until, inode }
}
