//! What can come in the way of bringing a copy up to date.

use crate::exec::ExecError;
use crate::mirror::{ExpectedError, JournalError, StateError};
use crate::model::{Class, Classify, ErrorKind};
use crate::ops::copy::CopyError;
use crate::ops::retention::PlanError;
use crate::ops::targets::TargetsError;
use crate::progress::Interrupted;
use crate::store::StoreError;
use std::io;

/// Says why a target is not up to date.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The targets are not known.
    #[error(transparent)]
    Targets(#[from] TargetsError),
    /// There is no rsync.
    #[error("`directory` and `rsync` targets need the program `rsync`, and there is none")]
    NoRsync,
    /// It is too old, or something else.
    #[error("rsync 3.1.0 or newer is needed; found: {0}")]
    OldRsync(String),
    /// The mirror is in a bucket.
    #[error("`{0}` gets files by rsync, which reads no bucket")]
    Bucket(String),
    /// Nobody can open the mirror.
    #[error("cannot open the mirror `{0}`")]
    Open(String, #[source] Box<dyn std::error::Error + Send + Sync>),
    /// The directory is not there.
    #[error("the directory `{0}` does not exist")]
    NoDirectory(String),
    /// The directory is in the mirror, or the mirror in it.
    #[error("`{0}` and the mirror are in each other")]
    Within(String),
    /// The copy has nothing of what was sent.
    #[error("`{0}` lost its trace: a disk that is not mounted, or another place")]
    Lost(String),
    /// The copy is one of another mirror.
    #[error("`{target}` is the copy of another mirror: its trace is of `{mirror}`, target `{name}`")]
    Other {
        /// The target.
        target: String,
        /// The id of the other mirror.
        mirror: String,
        /// The name of the target there.
        name: String,
    },
    /// The journal is not the one of which events were sent.
    #[error("the journal has not, or has another, event {serial}, up to which everything is at `{target}`")]
    Replaced {
        /// The target.
        target: String,
        /// The number.
        serial: u64,
    },
    /// The target did not do its part.
    #[error("{0}")]
    Target(String),
    /// A file of the mirror is in the way of the trace.
    #[error("`project/trace` is a place of this mirror; a layout without it is needed for traces")]
    Trace,
    /// A directory for files on their way cannot be used.
    #[error("cannot use a temporary directory")]
    Temporary(#[source] io::Error),
    /// A program cannot be run.
    #[error(transparent)]
    Exec(#[from] ExecError),
    /// The other mirror could not be brought up to date.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// What is kept of builds cannot be read.
    #[error(transparent)]
    Kept(#[from] StateError),
    /// It is not known which builds should be here.
    #[error(transparent)]
    Expected(#[from] ExpectedError),
    /// What the policy of the other mirror keeps is not known.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The command was asked to stop.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

/// What rsync, its daemon and ssh say, and what helps against it.
const ADVICE: [(&str, &str); 10] = [
    ("Connection refused", "nothing listens there: start the daemon, or correct the port of the address"),
    ("Name or service not known", "correct the host of the address"),
    (
        "Unknown module",
        "`rsync rsync://HOST/` lists the modules of a daemon; the first name of the path is one",
    ),
    ("auth failed", "`password_file` names the file with the password of the user in the address"),
    (
        "configured to refuse",
        "the daemon must accept `delete`, `dry-run` and `checksum`: remove them from `refuse options` in its rsyncd.conf",
    ),
    ("module is read only", "set `read only = no` for the module in rsyncd.conf"),
    ("change_dir", "make the directory at the target: `sync` makes only what is below it"),
    ("chdir failed", "the directory of the module does not exist; make it at the target"),
    (
        "Permission denied (publickey",
        "ssh asks for nothing here: `ssh -oBatchMode=yes USER@HOST true` must succeed",
    ),
    (
        "Host key verification failed",
        "`ssh USER@HOST true` once, as the user that runs `sync`, records the key of the host",
    ),
];

/// Returns what helps where a target did not do its part.
fn advice(why: &str) -> Option<&'static str> {
    ADVICE.iter().find(|(said, _)| why.contains(said)).map(|(_, advice)| *advice)
}

impl Classify for SyncError {
    fn class(&self) -> Class {
        match self {
            Self::Targets(error) => error.class(),
            Self::NoRsync | Self::OldRsync(_) => {
                ErrorKind::Usage.hint("install rsync, such as with `apt-get install rsync`")
            }
            Self::Bucket(_) => ErrorKind::Usage
                .hint("a target `mirror` gets builds from a bucket; `mirrorkeep copy` makes one by hand, too"),
            Self::NoDirectory(dir) => ErrorKind::Failed.hint(format!("mount it, or make it: `mkdir -p {dir}`")),
            Self::Lost(target) => ErrorKind::Refused.hint(format!(
                "mount what was there; `mirrorkeep sync {target} --restart` sends everything again"
            )),
            Self::Other { .. } => {
                ErrorKind::Refused.hint("give the target another directory, or another name in targets.yaml")
            }
            Self::Replaced { target, .. } => ErrorKind::Refused.hint(format!(
                "restore `.mirrorkeep/journal` from a newer copy; or compare everything: `mirrorkeep sync {target} --restart`"
            )),
            Self::Within(_) | Self::Trace => ErrorKind::Usage.into(),
            Self::Target(why) => {
                advice(why).map_or_else(|| ErrorKind::Failed.into(), |advice| ErrorKind::Failed.hint(advice))
            }
            Self::Open(..) | Self::Temporary(_) => ErrorKind::Failed.into(),
            Self::Exec(error) => error.class(),
            Self::Copy(error) => error.class(),
            Self::Journal(error) => error.class(),
            Self::Kept(error) => error.class(),
            Self::Expected(error) => error.class(),
            Self::Plan(error) => error.class(),
            Self::Store(error) => error.class(),
            Self::Interrupted(error) => error.class(),
        }
    }
}
