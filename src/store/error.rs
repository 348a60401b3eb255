//! What went wrong with which path: callers match on the kind, people read the text.

use crate::model::{Class, Classify, ErrorKind};
use std::io;

/// The kinds that callers distinguish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoreErrorKind {
    /// Nothing exists at the path.
    NotFound,
    /// Something exists at the path.
    AlreadyExists,
    /// No bytes or no inodes are left, or a quota is used up.
    NoSpace,
    /// Not permitted.
    Denied,
    /// The file system is read-only.
    ReadOnly,
    /// A symlink is on the way, or the path would leave the root.
    Escapes,
    /// The two paths are on different file systems.
    CrossDevice,
    /// Another process has the lock.
    Busy,
    /// A directory is not empty.
    NotEmpty,
    /// A file where a directory is expected, or the other way round.
    WrongKind,
    /// The file is larger than the limit of its kind.
    TooLarge,
    /// A name is too long for this file system.
    NameTooLong,
    /// Too many open files.
    TooManyOpen,
    /// The store cannot do this at all.
    Unsupported,
    /// It can be read, and its contents are invalid.
    Damaged,
    /// Something else is at the path of a lock.
    NotALock,
    /// No server answers at the address.
    Unreachable,
    /// Anything else, such as a broken disk.
    Io,
}

impl StoreErrorKind {
    /// Returns whether this is a fact about the contents, and not a disk or a permission that fails for the moment.
    pub fn is_damage(self) -> bool {
        matches!(self, Self::Damaged | Self::NotFound | Self::TooLarge | Self::WrongKind)
    }
}

/// What was being done to which path, and why it failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} `{at}`")]
pub struct StoreError {
    kind: StoreErrorKind,
    doing: &'static str,
    at: String,
    source: io::Error,
}

/// A reason with a hint.
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

    /// Returns an error with mirrorkeep's own kind and reason.
    pub fn because(kind: StoreErrorKind, doing: &'static str, at: impl ToString, why: &str) -> Self {
        Self::of_kind(kind, doing, at, why)
    }

    /// Returns an error with mirrorkeep's own kind and the message of another crate.
    pub fn of_kind(
        kind: StoreErrorKind,
        doing: &'static str,
        at: impl ToString,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { kind, doing, at: at.to_string(), source: io::Error::other(source) }
    }

    /// Returns a copy of the error, with its cause as text.
    #[must_use]
    pub fn again(&self) -> Self {
        let (at, source) = (self.at.clone(), io::Error::other(self.source.to_string()));
        let again = Self { kind: self.kind, doing: self.doing, at, source };
        match self.hint() {
            Some(hint) => again.hinting(hint),
            None => again,
        }
    }

    /// Adds a hint.
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

    /// Returns whether nothing exists at the path.
    pub fn is_not_found(&self) -> bool {
        self.kind == StoreErrorKind::NotFound
    }
}

impl Classify for StoreError {
    fn class(&self) -> Class {
        use StoreErrorKind as Kind;
        let class: Class = match self.kind {
            Kind::NoSpace => ErrorKind::Full.hint(
                "make room (`df -h` and `df -i` show whether bytes or files are used up), then run it again",
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
