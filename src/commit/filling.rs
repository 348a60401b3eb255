//! How the bytes of a build are ingested, where they came from, and why that failed.

use crate::model::{BuildId, Class, Classify, ErrorKind, RelPath};
use crate::progress::Interrupted;
use crate::record::FileEntry;
use crate::source::SourceProblem;
use crate::store::{Share, StoreError, Take};
use std::collections::BTreeSet;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};

/// How the bytes of a build are ingested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filling {
    /// By a copy, or without one; moved files leave the source when the build is published.
    pub take: Option<Take>,
    /// Shared with earlier builds, or not.
    pub dedupe: Option<Share>,
    /// Whether size, time and inode are trusted to identify a file of the last publish.
    pub check: Check,
    /// Which time files get.
    pub times: TimeRule,
}

/// Which time the files of a build get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeRule {
    /// The time of the source, or a later one if the stream's earlier builds have other bytes of the same size at the
    /// path.
    Later,
    /// The time of the source, whatever earlier builds have.
    Source,
    /// Exactly the time of the source, as in a copy of a build: bytes are shared only with files of that time.
    Exact,
}

/// How a file of the last publish is recognized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// By its bytes.
    Bytes,
    /// By size, time and inode, as recorded.
    Quick,
}

/// Where the bytes of a stage came from.
#[derive(Debug, Default)]
pub struct Tally {
    /// Bytes read from the source and written.
    pub copied: AtomicU64,
    /// Files shared with earlier builds.
    pub shared: AtomicU64,
    /// Their bytes.
    pub shared_bytes: AtomicU64,
    /// Files that share their bytes with another file of the same build.
    pub joined: AtomicU64,
    /// Their bytes.
    pub joined_bytes: AtomicU64,
    /// Files that an interrupted run had already staged.
    pub resumed: AtomicU64,
    /// Files whose bytes changed although their size and time in the source did not.
    pub unnoticed: u64,
    /// The first of these by path.
    pub first_unnoticed: Option<RelPath>,
    /// Files of earlier builds whose bytes differ from those that were published.
    damaged: Mutex<BTreeSet<RelPath>>,
}

/// Why a build could not be staged.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// Another process is publishing the same build.
    #[error("another process is publishing `{0}` right now")]
    Busy(BuildId),
    /// A source file cannot be used.
    #[error("cannot ingest the source")]
    Source(#[from] SourceProblem),
    /// The source could not be read completely.
    #[error("cannot read `{path}`")]
    Read {
        /// Which file.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The store failed.
    #[error("cannot stage the build")]
    Store(#[from] StoreError),
    /// A source file cannot be ingested without a copy.
    #[error(
        "`{0}` cannot be linked into the mirror (another file system, or not permitted); --take copy can"
    )]
    CrossDevice(String),
    /// The command was cancelled.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

/// A file that was ingested.
#[derive(Debug)]
pub(crate) struct Brought {
    pub(crate) entry: FileEntry,
    /// When its inode last changed; nothing if its bytes are not known to be those of the entry.
    pub(crate) changed: Option<i128>,
}

impl Tally {
    /// Records a file of an earlier build whose bytes differ from those that were published.
    pub(crate) fn found_damaged(&self, at: &RelPath) {
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner).insert(at.clone());
    }

    /// Returns a warning for each damaged file of an earlier build.
    pub(crate) fn damaged(&self) -> Vec<String> {
        let damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner);
        let warning = |at| {
            format!(
                "`{at}` is damaged and not shared with the new build; `mirrorkeep verify --all` finds more"
            )
        };
        damaged.iter().map(warning).collect()
    }
}

impl Classify for StageError {
    fn class(&self) -> Class {
        match self {
            Self::Busy(_) => ErrorKind::Busy.hint(
                "run the same command again when that has ended: where its content is the same, there is nothing left to do, and a build without `--build` gets a name of its own",
            ),
            Self::Source(_) | Self::Read { .. } | Self::CrossDevice(_) => ErrorKind::Failed.into(),
            Self::Store(error) => error.class(),
            Self::Interrupted(error) => error.class(),
        }
    }
}
