//! Settling what an interrupted prune, trim, restore or sweep left: the tree says how far it came.

use crate::commit::discard::{is_listed, throw_out};
use crate::commit::untrash::RESTORE_TERM;
use crate::commit::{CommitError, apart};
use crate::mirror::{
    KeptError, Mirror, TICKET_LIMIT, Ticket, TicketKind, Trashed, WriteLock, chain, number_of, term_of,
};
use crate::model::{BuildId, RelPath, Stamp, is_sums};
use crate::record::{Event, EventKind, Phase};
use crate::store::{Entry, Kind, Store, StoreError, StoreErrorKind};
use std::collections::BTreeSet;

/// How an interrupted change of the trash was settled.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Settling {
    /// It happened.
    Happened,
    /// It did not happen.
    Undone,
    /// It cannot be decided, for this reason; everything stays as it is.
    Left(String),
}

/// What an interrupted command was doing to one directory of the trash.
struct Interrupted<'a> {
    lock: &'a WriteLock<'a>,
    intent: &'a Event,
    at: RelPath,
    ticket: Found,
}

/// The ticket of a directory of the trash.
enum Found {
    /// It can be used.
    Ticket(Trashed),
    /// There is none.
    Missing,
    /// It is there, and cannot be used for this reason.
    Unread(String),
}

/// Finishes what came past its commit point and clears what did not.
///
/// A ticket that cannot be read never makes a build disappear: a tree in the trash is removed only where the tree of the
/// build itself is known to be in its place.
pub(crate) fn settle(lock: &WriteLock<'_>, intent: &Event) -> Result<Settling, CommitError> {
    let store = lock.mirror().store();
    let named = intent.stated().trash;
    let Some(at) = named.filter(|at| at.parent() == Some(RelPath::own("trash"))) else {
        // Somebody wrote it by hand: what lies elsewhere is none of the trash's business.
        return Ok(Settling::Undone);
    };
    let ticket = match lock.mirror().ticket(&at) {
        Ok(ticket) => Found::Ticket(Trashed { at: at.clone(), ticket }),
        Err(_) if store.look(&Trashed::ticket_in(&at))?.is_none() => Found::Missing,
        Err(why) => Found::Unread(why),
    };
    let one = Interrupted { lock, intent, at, ticket };
    let happened = match intent.what {
        EventKind::Pruned if lock.mirror().by_seal() => one.pruned_by_seal()?,
        EventKind::Trimmed if lock.mirror().by_seal() => one.trimmed_by_seal()?,
        EventKind::Swept if lock.mirror().by_seal() => one.swept_by_seal()?,
        EventKind::Pruned => one.pruned()?,
        EventKind::Trimmed => return one.trimmed(),
        EventKind::Restored => return one.restored(),
        _ => store.look(&one.at)?.is_none(),
    };
    Ok(if happened { Settling::Happened } else { Settling::Undone })
}

impl Interrupted<'_> {
    fn mirror(&self) -> &Mirror {
        self.lock.mirror()
    }

    fn store(&self) -> &dyn Store {
        self.mirror().store()
    }

    /// Returns what lies in the directory under a name; what its listing names is never taken for missing.
    fn look(&self, name: &str) -> Result<Option<Entry>, StoreError> {
        let at = self.at.child(name).unwrap_or_default();
        match self.store().look(&at)? {
            None if is_listed(self.store(), &self.at, name)? => self.store().look(&at),
            found => Ok(found),
        }
    }

    /// Returns the build that the ticket names; where it cannot be used, the one that the intent names.
    fn id(&self) -> Option<BuildId> {
        match &self.ticket {
            Found::Ticket(trashed) => Some(trashed.ticket.id.clone()),
            _ => self.intent.to.parse().ok(),
        }
    }

    /// Returns the device and inode that the intent noted of the build.
    fn noted(&self) -> Option<(u64, u64)> {
        self.intent.stated().inode
    }

    /// Returns the ticket, or one made from what the intent says, which is never written.
    fn trashed(&self, what: Option<TicketKind>) -> Option<Trashed> {
        if let Found::Ticket(trashed) = &self.ticket {
            return Some(trashed.clone());
        }
        let (id, at) = (self.id()?, self.at.clone());
        let path = self.mirror().layout().build_path(&id).ok()?;
        let inode = if self.mirror().by_seal() { (0, 0) } else { self.noted()? };
        let (since, until) = (self.intent.at, self.intent.at);
        let ticket = Ticket { ticket: 1, id, path, what: what?, since, until, bytes: 0, inode };
        Some(Trashed { at, ticket })
    }

    /// Returns why nothing can be decided.
    fn left(&self) -> Settling {
        Settling::Left(match &self.ticket {
            Found::Unread(why) => format!("the ticket of `{}` cannot be read: {why}", self.at),
            Found::Missing => format!("`{}` has no ticket", self.at),
            Found::Ticket(trashed) => {
                format!("neither `{}` nor `{}` has the tree of the ticket", trashed.ticket.path, self.at)
            }
        })
    }

    fn pruned(&self) -> Result<bool, CommitError> {
        if self.look("tree")?.is_none() {
            throw_out(self.store(), &self.at)?;
            return Ok(false);
        }
        // The tree itself is the proof; only what is kept of the build may not have followed it yet.
        if let Some(id) = self.id() {
            self.lock.file_away(&self.at, &id)?;
        }
        Ok(true)
    }

    fn pruned_by_seal(&self) -> Result<bool, CommitError> {
        let kept = self.look("record.json")?.is_some();
        let id = self.id();
        let there = id.as_ref().map(|id| self.mirror().has_build(id)).transpose()?;
        let gone = kept && there != Some(true);
        if !gone {
            self.store().discard(&self.at)?;
        }
        if let Some(id) = &id {
            self.lock.unmark(id)?;
        }
        Ok(gone)
    }

    fn trimmed_by_seal(&self) -> Result<bool, CommitError> {
        // The record comes last: without it nothing was changed yet.
        if self.look("record.json")?.is_some()
            && let Some(trashed) = self.trashed(Some(TicketKind::Untrimmed))
        {
            return apart::settle(self.lock, &trashed, &self.intent.stated().parts.unwrap_or_default());
        }
        throw_out(self.store(), &self.at)?;
        if let Some(id) = self.id() {
            self.lock.unmark(&id)?;
        }
        Ok(false)
    }

    fn swept_by_seal(&self) -> Result<bool, CommitError> {
        let (store, at) = (self.store(), &self.at);
        let marked = store.look(&Trashed::ticket_in(&crate::commit::sweep::going(at)))?.is_some();
        let waits = store.look(at)?.is_some();
        if marked {
            throw_out(store, at)?;
        } else if waits {
            // The list of what goes is written before the ticket that counts.
            store.discard(&crate::commit::sweep::going(at))?;
        }
        Ok(marked || !waits)
    }

    fn trimmed(&self) -> Result<Settling, CommitError> {
        let store = self.store();
        let path = self.id().and_then(|id| self.mirror().layout().build_path(&id).ok());
        let in_place = path.map(|path| store.look(&path)).transpose()?.flatten();
        let Some(tree) = self.look("tree")? else {
            throw_out(store, &self.at)?;
            return Ok(Settling::Undone);
        };
        let Some(trashed) = self.trashed(Some(TicketKind::Untrimmed)) else {
            if matches!(self.ticket, Found::Unread(_)) || in_place.is_none() {
                return Ok(self.left());
            }
            // The ticket comes before the trees change places.
            throw_out(store, &self.at)?;
            return Ok(Settling::Undone);
        };
        let wanted = trashed.ticket.inode.1;
        if tree.inode.1 == wanted {
            return self.note_trimmed(&trashed);
        }
        let stayed = in_place.as_ref().is_some_and(|entry| entry.inode.1 == wanted);
        // On another disk no tree has that inode: the one that lacks the parts is the one that was laid out.
        match if stayed { Some(false) } else { self.lacks(&trashed.ticket.path, &trashed.tree())? } {
            None => return Ok(self.left()),
            Some(true) => return self.note_trimmed(&trashed),
            Some(false) => {}
        }
        throw_out(store, &self.at)?;
        Ok(Settling::Undone)
    }

    /// Writes down that parts are taken out, which is done.
    fn note_trimmed(&self, trashed: &Trashed) -> Result<Settling, CommitError> {
        let said = self.intent.stated();
        let stays = (said.files.unwrap_or(0), said.bytes.unwrap_or(0));
        crate::commit::tree::record(self.lock, trashed, &said.parts.unwrap_or_default(), stays)?;
        Ok(Settling::Happened)
    }

    /// Returns whether the first tree is the second without some files; nothing when neither is the other with fewer files.
    fn lacks(&self, first: &RelPath, second: &RelPath) -> Result<Option<bool>, StoreError> {
        let files = |root: &RelPath| -> Result<BTreeSet<(RelPath, Kind, u64)>, StoreError> {
            let below = self.store().below(root)?.into_iter();
            let inner = below.filter_map(|found| Some((found.path.below(root)?, found.kind, found.size)));
            // The list of checksums is another one.
            Ok(inner.filter(|(path, ..)| !is_sums(path.as_str())).collect())
        };
        let (first, second) = (files(first)?, files(second)?);
        Ok(match (first.is_subset(&second), second.is_subset(&first)) {
            (true, false) if !first.is_empty() => Some(true),
            (false, true) if !second.is_empty() => Some(false),
            _ => None,
        })
    }

    fn restored(&self) -> Result<Settling, CommitError> {
        let by_seal = self.mirror().by_seal();
        if self.look(if by_seal { "record.json" } else { "tree" })?.is_none() {
            let path = self.id().and_then(|id| self.mirror().layout().build_path(&id).ok());
            let there = path.map(|path| self.mirror().look(&path)).transpose()?.flatten().is_some();
            return Ok(if there { Settling::Happened } else { Settling::Undone });
        }
        let what = match self.intent.stated().kind.as_deref() {
            Some("build") => Some(TicketKind::Build),
            Some("untrimmed") => Some(TicketKind::Untrimmed),
            None if by_seal && self.mirror().parts_in(&self.at)?.is_some() => Some(TicketKind::Untrimmed),
            None if by_seal => Some(TicketKind::Build),
            _ => None,
        };
        let Some(trashed) = self.trashed(what) else { return Ok(self.left()) };
        let (id, path) = (&trashed.ticket.id, &trashed.ticket.path);
        let back = |entry: &Entry| entry.inode.1 == trashed.ticket.inode.1;
        let there = if by_seal { None } else { self.store().look(path)? };
        let in_the_way = match trashed.ticket.what {
            TicketKind::Build => !by_seal && there.as_ref().is_some_and(|entry| !back(entry)),
            TicketKind::Untrimmed if by_seal => !self.mirror().has_build(id)?,
            TicketKind::Untrimmed => there.is_none(),
        };
        let put_back =
            if in_the_way { None } else { Some(crate::commit::untrash::put_back(self.lock, &trashed)) };
        if let None | Some(Err(CommitError::Occupied { .. })) = put_back {
            // It stays in the trash with all that is kept of it.
            if !by_seal {
                self.lock.file_away(&trashed.at, id)?;
            }
            self.mirror().warnings().add(match trashed.ticket.what {
                TicketKind::Build => format!(
                    "`{id}` stays in the trash, since there is something else at `{path}`; move that away, then run `mirrorkeep restore {id}`"
                ),
                TicketKind::Untrimmed => {
                    format!("the parts of `{id}` stay in the trash, since there is no build at `{path}`")
                }
            });
            return Ok(Settling::Undone);
        }
        put_back.transpose()?;
        let back = if by_seal {
            self.mirror().has_build(id)?
        } else {
            self.store().look(path)?.is_some_and(|entry| back(&entry))
        };
        if back {
            throw_out(self.store(), &self.at)?;
        }
        Ok(if back { Settling::Happened } else { Settling::Undone })
    }
}

/// Returns whether this user may not do what would settle an intent.
pub(crate) fn is_denied(error: &CommitError) -> bool {
    let denied = |error: &StoreError| error.kind() == StoreErrorKind::Denied;
    matches!(error, CommitError::Store(error) | CommitError::Kept(KeptError::Store(error)) if denied(error))
}

/// Returns what was denied, and whose the directory of the trash and the mirror are.
pub(crate) fn denied(lock: &WriteLock<'_>, intent: &Event, error: &CommitError) -> String {
    let store = lock.mirror().store();
    let named = intent.stated().trash;
    let places = named.into_iter().flat_map(|at| [crate::commit::sweep::going(&at), at]);
    let owner = |at: &RelPath| store.look(at).ok().flatten().map(|entry| entry.owner.0);
    let own = owner(&RelPath::own("mirror.yaml"));
    let foreign = places.filter_map(|at| Some((owner(&at)?, at))).find(|(user, _)| Some(*user) != own);
    let whose = match (foreign, own) {
        (Some((user, at)), Some(own)) => format!(
            "; `{at}` belongs to user {user}, and the mirror to user {own}: `chown -R {own} {}/{at}` gives it back",
            store.shown()
        ),
        _ => String::new(),
    };
    format!("{}{whose}", chain(error))
}

/// Writes the ticket of a directory of the trash again, where it is damaged or gone, from the event that filled the
/// directory; nothing where that cannot be done.
///
/// Its term begins again, since the policy of that time is not known.
pub(crate) fn renew_ticket(
    lock: &WriteLock<'_>,
    at: &RelPath,
    until: Stamp,
) -> Result<Option<Trashed>, CommitError> {
    let (mirror, store) = (lock.mirror(), lock.mirror().store());
    // What could not be read a moment ago and can be now is right as it is.
    if let Ok(ticket) = mirror.ticket(at) {
        return Ok(Some(Trashed { at: at.clone(), ticket }));
    }
    match store.read(&Trashed::ticket_in(at), TICKET_LIMIT) {
        Err(error) if error.is_not_found() => {}
        Ok(bytes) if !is_of_a_newer_form(&bytes) => {}
        Ok(_) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    if number_of(at).is_none() {
        return Ok(None);
    }
    let inner = |name: &str| at.child(name).unwrap_or_default();
    let sign = if mirror.by_seal() { inner("record.json") } else { inner("tree") };
    let Some(there) = store.look(&sign)? else { return Ok(None) };
    let of_this = |event: &Event| event.phase == Phase::Done && event.stated().trash.as_ref() == Some(at);
    let events = mirror.history(&[EventKind::Pruned, EventKind::Trimmed, EventKind::Restored])?;
    let event = events.iter().rfind(|event| of_this(event)).cloned();
    // What is there came in exchange for what went back to its place.
    if event.as_ref().is_some_and(|event| event.what == EventKind::Restored) {
        return Ok(None);
    }
    let Some((event, id)) = event.and_then(|event| event.to.parse().ok().map(|id: BuildId| (event, id)))
    else {
        return from_record(lock, at, there.inode, until);
    };
    let what = if event.what == EventKind::Pruned { TicketKind::Build } else { TicketKind::Untrimmed };
    let path = mirror.layout().build_path(&id)?;
    let inode = if mirror.by_seal() { (0, 0) } else { there.inode };
    // The event that names the directory, where it is there.
    let since = events.iter().find(|intent| Some(intent.seq) == event.settles).map_or(event.at, |i| i.at);
    let until = term_of(&event).map_or(until, |stated| stated.max(until));
    let ticket = Ticket { ticket: 1, id, path, what, since, until, bytes: 0, inode };
    let mut trashed = Trashed { at: at.clone(), ticket };
    if let Ok(record) = mirror.record_in(&trashed) {
        trashed.ticket.bytes = record.bytes;
    }
    lock.keep_ticket(&trashed)?;
    Ok(Some(trashed))
}

/// Returns what is in the trash of a build whose ticket is damaged or gone, with the ticket written again.
pub(crate) fn find_unread(
    lock: &WriteLock<'_>,
    id: &BuildId,
    now: Stamp,
) -> Result<Option<Trashed>, CommitError> {
    let until = now.checked_add(RESTORE_TERM).unwrap_or(now);
    for (at, _) in lock.mirror().trash()?.strange {
        // Of a ticket that cannot be read for another reason the answer tells.
        if let Ok(Some(trashed)) = renew_ticket(lock, &at, until)
            && trashed.ticket.id == *id
        {
            return Ok(Some(trashed));
        }
    }
    Ok(None)
}

/// Writes the ticket of a directory of the trash from the record beside it, where the journal lost the event.
fn from_record(
    lock: &WriteLock<'_>,
    at: &RelPath,
    inode: (u64, u64),
    until: Stamp,
) -> Result<Option<Trashed>, CommitError> {
    let (mirror, store) = (lock.mirror(), lock.mirror().store());
    let Some(id) = mirror.named_in(at)? else { return Ok(None) };
    let Ok(path) = mirror.layout().build_path(&id) else { return Ok(None) };
    let is_build = if mirror.by_seal() { !mirror.has_build(&id)? } else { store.look(&path)?.is_none() };
    let what = if is_build { TicketKind::Build } else { TicketKind::Untrimmed };
    let inode = if mirror.by_seal() { (0, 0) } else { inode };
    // The term that is given begins now.
    let since = until.checked_add(-RESTORE_TERM).unwrap_or(until);
    let ticket = Ticket { ticket: 1, id, path, what, since, until, bytes: 0, inode };
    let mut trashed = Trashed { at: at.clone(), ticket };
    match mirror.record_in(&trashed) {
        Ok(record) => trashed.ticket.bytes = record.bytes,
        Err(_) => return Ok(None),
    }
    lock.keep_ticket(&trashed)?;
    Ok(Some(trashed))
}

/// Returns whether a ticket was written by a newer version, which knows how to read it.
fn is_of_a_newer_form(bytes: &[u8]) -> bool {
    let ticket: Option<serde_json::Value> = serde_json::from_slice(bytes).ok();
    ticket.and_then(|ticket| ticket.get("ticket")?.as_u64()).is_some_and(|form| form > 1)
}
