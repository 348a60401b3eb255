//! What an interrupted command did to one directory of the trash, as far as it can be read.

use crate::commit::CommitError;
use crate::commit::discard::is_listed;
use crate::mirror::{Mirror, Ticket, TicketKind, Trashed, WriteLock};
use crate::model::{BuildId, RelPath};
use crate::record::Event;
use crate::store::{Entry, Store, StoreError};

/// How an interrupted change of the trash was settled.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Settling {
    /// It happened.
    Happened,
    /// It did not happen.
    Undone,
    /// That cannot be decided, for this reason; everything stays as it is.
    Left(String),
}

impl Settling {
    /// Returns whether something happened.
    pub(crate) fn of(happened: bool) -> Self {
        if happened { Self::Happened } else { Self::Undone }
    }
}

/// An intent without outcome that names a directory of the trash.
pub(crate) struct Interrupted<'a> {
    pub(crate) lock: &'a WriteLock<'a>,
    pub(crate) intent: &'a Event,
    pub(crate) at: RelPath,
    ticket: Found,
}

/// The ticket of a directory of the trash.
enum Found {
    /// It is usable.
    Ticket(Trashed),
    /// There is none.
    Missing,
    /// It exists, and is not usable for this reason.
    Unread(String),
}

impl<'a> Interrupted<'a> {
    /// Reads the ticket of the directory that an intent names.
    pub(crate) fn read(lock: &'a WriteLock<'a>, intent: &'a Event, at: RelPath) -> Result<Self, StoreError> {
        let ticket = match lock.mirror().ticket(&at) {
            Ok(ticket) => Found::Ticket(Trashed { at: at.clone(), ticket }),
            Err(_) if lock.mirror().store().look(&Trashed::ticket_in(&at))?.is_none() => Found::Missing,
            Err(why) => Found::Unread(why),
        };
        Ok(Self { lock, intent, at, ticket })
    }

    pub(crate) fn mirror(&self) -> &Mirror {
        self.lock.mirror()
    }

    pub(crate) fn store(&self) -> &dyn Store {
        self.mirror().store()
    }

    /// Returns what is in the directory under a name; a name in its listing is never taken for missing.
    pub(crate) fn look(&self, name: &str) -> Result<Option<Entry>, StoreError> {
        let at = self.at.child(name).unwrap_or_default();
        match self.store().look(&at)? {
            None if is_listed(self.store(), &self.at, name)? => self.store().look(&at),
            found => Ok(found),
        }
    }

    /// Returns the build that the ticket names; if it is not usable, the one that the intent names.
    pub(crate) fn id(&self) -> Option<BuildId> {
        match &self.ticket {
            Found::Ticket(trashed) => Some(trashed.ticket.id.clone()),
            _ => self.intent.to.parse().ok(),
        }
    }

    /// Returns the device and inode of the build in the intent.
    pub(crate) fn noted(&self) -> Option<(u64, u64)> {
        self.intent.stated().inode
    }

    /// Returns the kind of ticket in the intent.
    pub(crate) fn kind(&self) -> Option<TicketKind> {
        match self.intent.stated().kind.as_deref() {
            Some("build") => Some(TicketKind::Build),
            Some("untrimmed") => Some(TicketKind::Untrimmed),
            _ => None,
        }
    }

    /// Returns whether the intent states a kind of ticket, readable or not.
    pub(crate) fn has_kind(&self) -> bool {
        self.intent.stated().kind.is_some()
    }

    /// Returns the names of the parts in the intent.
    pub(crate) fn parts(&self) -> Vec<String> {
        self.intent.stated().parts.unwrap_or_default()
    }

    /// Returns whether there is an unusable ticket.
    pub(crate) fn is_unread(&self) -> bool {
        matches!(self.ticket, Found::Unread(_))
    }

    /// Returns the ticket, or one made from the intent, which is never written.
    pub(crate) fn trashed(&self, what: Option<TicketKind>, inode: Option<(u64, u64)>) -> Option<Trashed> {
        if let Found::Ticket(trashed) = &self.ticket {
            return Some(trashed.clone());
        }
        let (id, at) = (self.id()?, self.at.clone());
        let path = self.mirror().layout().build_path(&id).ok()?;
        let inode = inode?;
        let (since, until) = (self.intent.at, self.intent.at);
        let ticket = Ticket { ticket: 1, id, path, what: what?, since, until, bytes: 0, inode };
        Some(Trashed { at, ticket })
    }

    /// Returns why nothing can be decided.
    pub(crate) fn left(&self) -> Settling {
        Settling::Left(match &self.ticket {
            Found::Unread(why) => format!("the ticket of `{}` cannot be read: {why}", self.at),
            Found::Missing => format!("`{}` has no ticket", self.at),
            Found::Ticket(trashed) => {
                format!("neither `{}` nor `{}` has the tree of the ticket", trashed.ticket.path, self.at)
            }
        })
    }

    /// Settles a restore whose directory of the trash has nothing to restore: it happened if the build exists.
    pub(crate) fn is_back(&self) -> Result<Settling, CommitError> {
        let path = self.id().and_then(|id| self.mirror().layout().build_path(&id).ok());
        let there = path.map(|path| self.mirror().look(&path)).transpose()?.flatten().is_some();
        Ok(Settling::of(there))
    }

    /// Warns that an entry of the trash stays there with its record and manifest.
    pub(crate) fn warn_of_stay(&self, trashed: &Trashed) {
        let (id, path) = (&trashed.ticket.id, &trashed.ticket.path);
        self.mirror().warnings().add(match trashed.ticket.what {
            TicketKind::Build => format!(
                "`{id}` stays in the trash, since there is something else at `{path}`; move that away, then run `mirrorkeep restore {id}`"
            ),
            TicketKind::Untrimmed => {
                format!("the parts of `{id}` stay in the trash, since there is no build at `{path}`")
            }
        });
    }
}
