//! What went wrong with which path: callers branch on the kind, people read the text.

use crate::model::{Class, Classify, ErrorKind};
use std::io;

/// The kinds that callers tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoreErrorKind {
    /// Nothing is there.
    NotFound,
    /// Something is there already.
    AlreadyExists,
    /// No bytes or no inodes are left, or a quota is used up.
    NoSpace,
    /// Not permitted.
    Denied,
    /// The file system is read-only.
    ReadOnly,
    /// A symlink lies on the way, or the path would leave the root.
    Escapes,
    /// The two places lie on different file systems.
    CrossDevice,
    /// Somebody else holds the lock.
    Busy,
    /// A directory is not empty.
    NotEmpty,
    /// A file where a directory is wanted, or the other way round.
    WrongKind,
    /// The file is larger than what makes sense there.
    TooLarge,
    /// A name is too long for this file system.
    NameTooLong,
    /// Too many open files.
    TooManyOpen,
    /// The store cannot do this at all.
    Unsupported,
    /// It can be read, and what it says makes no sense.
    Damaged,
    /// Where a lock is kept, there is something else.
    NotALock,
    /// No server answers at the address.
    Unreachable,
    /// Anything else, a broken disk among it.
    Io,
}

impl StoreErrorKind {
    /// Returns whether this speaks of what is there, and not of a disk or a right that fails for the moment.
    pub fn is_damage(self) -> bool {
        matches!(self, Self::Damaged | Self::NotFound | Self::TooLarge | Self::WrongKind)
    }
}

/// Says what was being done to which path, and what came in the way.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} `{at}`")]
pub struct StoreError {
    kind: StoreErrorKind,
    doing: &'static str,
    at: String,
    source: io::Error,
}

/// A reason with what a person can do about it.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
struct Advised {
    why: String,
    hint: String,
}

impl StoreError {
    /// Returns an error of doing something to a path.
    pub fn new(doing: &'static str, at: impl ToString, source: impl Into<io::Error>) -> Self {
        let source = source.into();
        Self { kind: kind_of(&source), doing, at: at.to_string(), source }
    }

    /// Returns an error with a kind and reason of our own.
    pub fn because(kind: StoreErrorKind, doing: &'static str, at: impl ToString, why: &str) -> Self {
        Self::of_kind(kind, doing, at, why)
    }

    /// Returns an error with a kind of our own and what another crate said.
    pub fn of_kind(
        kind: StoreErrorKind,
        doing: &'static str,
        at: impl ToString,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { kind, doing, at: at.to_string(), source: io::Error::other(source) }
    }

    /// Returns the same error once more, its cause as text.
    #[must_use]
    pub fn again(&self) -> Self {
        let (at, source) = (self.at.clone(), io::Error::other(self.source.to_string()));
        let again = Self { kind: self.kind, doing: self.doing, at, source };
        match self.hint() {
            Some(hint) => again.hinting(hint),
            None => again,
        }
    }

    /// Adds what a person can do about it.
    #[must_use]
    pub fn hinting(self, hint: &str) -> Self {
        let advised = Advised { why: self.source.to_string(), hint: hint.to_owned() };
        Self { source: io::Error::other(advised), ..self }
    }

    fn hint(&self) -> Option<&str> {
        let advised = self.source.get_ref()?.downcast_ref::<Advised>()?;
        Some(&advised.hint)
    }

    /// Returns the kind.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// Returns whether nothing was there.
    pub fn is_not_found(&self) -> bool {
        self.kind == StoreErrorKind::NotFound
    }
}

impl Classify for StoreError {
    fn class(&self) -> Class {
        use StoreErrorKind as Kind;
        let class: Class = match self.kind {
            Kind::NoSpace => ErrorKind::Full.hint(
                "make room (`df -h` and `df -i` say whether bytes or files are used up), then run it again",
            ),
            Kind::Busy => ErrorKind::Busy.into(),
            Kind::Denied => ErrorKind::Denied.into(),
            Kind::NotALock => ErrorKind::Refused.hint(format!(
                "make sure that no command runs on the mirror, then delete the object `{}`",
                self.at
            )),
            Kind::NotFound
            | Kind::AlreadyExists
            | Kind::ReadOnly
            | Kind::Escapes
            | Kind::CrossDevice
            | Kind::NotEmpty
            | Kind::WrongKind
            | Kind::TooLarge
            | Kind::NameTooLong
            | Kind::TooManyOpen
            | Kind::Unsupported
            | Kind::Damaged
            | Kind::Unreachable
            | Kind::Io => ErrorKind::Failed.into(),
        };
        Class { hint: self.hint().map(str::to_owned).or(class.hint), ..class }
    }
}

/// Returns the kind of an error of the operating system.
fn kind_of(error: &io::Error) -> StoreErrorKind {
    use rustix::io::Errno;
    let Some(errno) = Errno::from_io_error(error) else {
        return match error.kind() {
            io::ErrorKind::NotFound => StoreErrorKind::NotFound,
            io::ErrorKind::AlreadyExists => StoreErrorKind::AlreadyExists,
            _ => StoreErrorKind::Io,
        };
    };
    match errno {
        Errno::NOENT => StoreErrorKind::NotFound,
        Errno::EXIST => StoreErrorKind::AlreadyExists,
        Errno::NOSPC | Errno::DQUOT => StoreErrorKind::NoSpace,
        Errno::ACCESS | Errno::PERM => StoreErrorKind::Denied,
        Errno::ROFS => StoreErrorKind::ReadOnly,
        Errno::LOOP => StoreErrorKind::Escapes,
        Errno::XDEV => StoreErrorKind::CrossDevice,
        Errno::NOTEMPTY => StoreErrorKind::NotEmpty,
        Errno::ISDIR | Errno::NOTDIR => StoreErrorKind::WrongKind,
        Errno::NAMETOOLONG => StoreErrorKind::NameTooLong,
        Errno::MFILE | Errno::NFILE => StoreErrorKind::TooManyOpen,
        Errno::OPNOTSUPP | Errno::NOSYS => StoreErrorKind::Unsupported,
        _ => StoreErrorKind::Io,
    }
}
