//! What a gate does, and which commands go along with a stage.

use crate::model::RelPath;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// A check that mirrorkeep runs on a build; its result is the vote of a job of its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// The name, also that of the job.
    pub name: String,
    /// What is checked.
    pub check: GateCheck,
    /// For how long a command may run.
    pub limit: Duration,
}

/// What a gate checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GateCheck {
    /// What a command of the site finds: the program and its arguments.
    Run(Vec<String>),
    /// The bytes of the build, compared with its checksums.
    Verify,
    /// Whether its checksums are signed by one of these keys.
    Signature {
        /// Files with OpenPGP keys.
        keyrings: Vec<PathBuf>,
        /// Keys of minisign, each a file or its text.
        minisign: Vec<String>,
    },
    /// Whether the packages of its RPM repositories find everything that they require.
    Closure(Closure),
}

/// The repositories whose packages must find everything that they require.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closure {
    /// The directories of the build that are checked, each a repository.
    pub repos: Vec<RelPath>,
    /// Further repositories in which requirements may be found, by name: URLs.
    pub with: BTreeMap<String, String>,
    /// The architectures that are checked; those of this machine without any.
    pub arch: Vec<String>,
    /// Whether only the newest version of each package is checked.
    pub newest: bool,
    /// The platform of modules, such as `platform:el9`.
    pub platform: Option<String>,
}

/// Commands that go along with a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarriedRun {
    /// Looks whether the rest can succeed; changes nothing.
    pub verify: Vec<String>,
    /// Makes ready what takes long; it may stay if nothing is promoted.
    pub prepare: Vec<String>,
    /// Moves what goes along.
    pub apply: Vec<String>,
    /// Moves it back.
    pub undo: Vec<String>,
    /// For how long each may run.
    pub limit: Duration,
}

impl Gate {
    /// Returns what it does in a word.
    pub fn kind(&self) -> &'static str {
        match self.check {
            GateCheck::Run(_) => "run",
            GateCheck::Verify => "verify",
            GateCheck::Signature { .. } => "signature",
            GateCheck::Closure(_) => "closure",
        }
    }
}
