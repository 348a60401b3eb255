//! What can stop writing for readers.

use crate::mirror::{JournalError, StateError};
use crate::model::{Class, Classify, ErrorKind};
use crate::store::StoreError;
use std::io;
use std::path::PathBuf;

/// Why the files for readers are not up to date.
#[derive(Debug, thiserror::Error)]
pub enum ReadersError {
    /// The records of builds cannot be read.
    #[error(transparent)]
    Kept(#[from] StateError),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file of the rules cannot be written.
    #[error("cannot write `{path}`")]
    Out {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file of the rules is in a directory that is missing.
    #[error("cannot write `{path}`: the directory `{dir}` does not exist")]
    NoDirectory {
        /// Which file.
        path: PathBuf,
        /// Its directory.
        dir: PathBuf,
    },
    /// The command that makes the server read the rules failed.
    #[error("`{command}` failed: {why}")]
    Reload {
        /// The command.
        command: String,
        /// How the command ended.
        why: String,
    },
}

impl Classify for ReadersError {
    fn class(&self) -> Class {
        match self {
            Self::Kept(error) => error.class(),
            Self::Journal(error) => error.class(),
            Self::Store(error) => error.class(),
            Self::Out { .. } | Self::NoDirectory { .. } | Self::Reload { .. } => ErrorKind::Failed.into(),
        }
    }
}
