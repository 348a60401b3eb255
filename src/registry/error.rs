//! What went wrong with which image or registry.

use crate::exec::ExecError;
use crate::model::registry::AddressError;
use crate::model::{Class, Classify, ErrorKind, PatienceError};
use crate::progress::Interrupted;
use std::fmt;
use std::io;

/// The action and its object: `read q.io/a:v1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    doing: &'static str,
    on: String,
    host: String,
}

/// What was being done to which image, and what the registry answered.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The command was cancelled.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
    /// A text is not the address of a registry or image.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The variable of the time limit has no number.
    #[error("cannot use {}", crate::model::Patience::VARIABLE)]
    Patience(#[from] PatienceError),
    /// The threads or the TLS of the client cannot be started.
    #[error("cannot start the client of registries")]
    Start(#[source] io::Error),
    /// A file with credentials cannot be used.
    #[error("cannot read the credentials in `{path}`: {why}")]
    Credentials {
        /// The file.
        path: String,
        /// The reason, without any content.
        why: String,
    },
    /// A credential helper fails.
    #[error("`{program}`, which keeps the credentials for `{host}`, {why}")]
    Helper {
        /// The program.
        program: String,
        /// The registry.
        host: String,
        /// What it did, without its output.
        why: String,
    },
    /// A credential helper cannot be run.
    #[error("cannot get the credentials for `{host}`")]
    NoHelper {
        /// The registry.
        host: String,
        /// Why not.
        source: ExecError,
    },
    /// The registry denies the request, or the credentials.
    #[error("{act}: the registry denies it ({said})")]
    Denied {
        /// The action.
        act: Act,
        /// The status and message of the registry.
        said: String,
    },
    /// The registry requires a token from a place that must not get credentials.
    #[error("{act}: the registry requires a token from `{realm}`, which is {why}")]
    Realm {
        /// The action.
        act: Act,
        /// The address of the token service.
        realm: String,
        /// Why it is not used.
        why: &'static str,
    },
    /// There is no such image.
    #[error("{0}: there is no such image")]
    Missing(Act),
    /// The registry does not delete anything.
    #[error("{act}: the registry does not delete ({said})")]
    NoDelete {
        /// The action.
        act: Act,
        /// The status and message of the registry.
        said: String,
    },
    /// The registry refuses, or is busy or broken for longer than the time limit.
    #[error("{act}: the registry answered {said}")]
    Refused {
        /// The action.
        act: Act,
        /// The status.
        status: u16,
        /// The status and message of the registry.
        said: String,
    },
    /// The server was never reached.
    #[error("{act}: the registry `{}` cannot be reached: {why}", act.host)]
    Unreachable {
        /// The action.
        act: Act,
        /// Why not.
        why: String,
    },
    /// Every attempt broke off.
    #[error("{act}: {why}")]
    Broken {
        /// The action.
        act: Act,
        /// What broke.
        why: String,
    },
    /// An answer is invalid.
    #[error("{act}: {why}")]
    Unsound {
        /// The action.
        act: Act,
        /// What is wrong with it.
        why: String,
    },
    /// The server is not a registry.
    #[error("{act}: `{}` is not a registry ({said})", act.host)]
    NotARegistry {
        /// The action.
        act: Act,
        /// The status and message.
        said: String,
    },
}

impl Act {
    /// Returns the action on an image, repository or registry of a host.
    pub(super) fn new(doing: &'static str, on: impl ToString, host: &str) -> Self {
        Self { doing, on: on.to_string(), host: host.to_owned() }
    }

    /// Returns an error for an invalid answer.
    pub(super) fn unsound(&self, why: impl Into<String>) -> RegistryError {
        RegistryError::Unsound { act: self.clone(), why: why.into() }
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} `{}`", self.doing, self.on)
    }
}

impl RegistryError {
    /// Returns whether the registry did not answer within the time limit, or only that it is busy or broken.
    pub fn is_silence(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Broken { .. } => true,
            Self::Refused { status, .. } => *status == 429 || *status >= 500,
            _ => false,
        }
    }
}

impl Classify for RegistryError {
    fn class(&self) -> Class {
        match self {
            Self::Interrupted(error) => error.class(),
            Self::Address(error) => error.class(),
            Self::Patience(_) => ErrorKind::Usage.into(),
            Self::Denied { act, .. } => ErrorKind::Denied.hint(format!(
                "log in as a user that may do this: `docker login {}` (or `podman login`)",
                act.host
            )),
            Self::NoDelete { .. } => ErrorKind::Failed.hint(
                "allow deletion in the registry (distribution: `storage.delete.enabled: true`), or delete the tags there",
            ),
            Self::Unreachable { act, .. } => ErrorKind::Failed.hint(format!(
                "check the address `{}` and whether the registry runs; one without TLS needs `http://` before it",
                act.host
            )),
            Self::NotARegistry { act, .. } => {
                ErrorKind::Failed.hint(format!("check the address `{}` and its port", act.host))
            }
            Self::NoHelper { source, .. } => source.class(),
            Self::Start(_)
            | Self::Credentials { .. }
            | Self::Helper { .. }
            | Self::Realm { .. }
            | Self::Missing(_)
            | Self::Refused { .. }
            | Self::Broken { .. }
            | Self::Unsound { .. } => ErrorKind::Failed.into(),
        }
    }
}
