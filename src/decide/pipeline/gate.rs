//! The gates of a pipeline, and the commands that a stage carries.

use crate::model::RelPath;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// A check that mirrorkeep runs on a build; its result is the vote of the job with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// The name, also that of the job.
    pub name: String,
    /// The check.
    pub check: GateCheck,
    /// Time limit of a command.
    pub limit: Duration,
}

/// The kinds of checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GateCheck {
    /// A command of the site: the program and its arguments.
    Run(Vec<String>),
    /// Compares the bytes of the build with its checksums.
    Verify,
    /// Checks that its checksums are signed by one of these keys.
    Signature {
        /// Files with OpenPGP keys.
        keyrings: Vec<PathBuf>,
        /// Keys of minisign, each a file or its text.
        minisign: Vec<String>,
    },
    /// Checks that all requirements of the packages of its RPM repositories are met.
    Closure(Closure),
}

/// The repositories whose packages' requirements must be met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closure {
    /// The directories of the build to check, each a repository.
    pub repos: Vec<RelPath>,
    /// Further repositories that may meet requirements, by name: URLs.
    pub with: BTreeMap<String, String>,
    /// The architectures to check; those of this machine by default.
    pub arch: Vec<String>,
    /// Whether only the newest version of each package is checked.
    pub newest: bool,
    /// The platform of modules, such as `platform:el9`.
    pub platform: Option<String>,
}

/// Commands that a stage carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarriedRun {
    /// Checks whether the rest can succeed; changes nothing.
    pub verify: Vec<String>,
    /// Prepares what takes long; it may stay if nothing is promoted.
    pub prepare: Vec<String>,
    /// Moves what is carried.
    pub apply: Vec<String>,
    /// Moves it back.
    pub undo: Vec<String>,
    /// Time limit of each.
    pub limit: Duration,
}

impl Gate {
    /// Returns the word for its kind.
    pub fn kind(&self) -> &'static str {
        match self.check {
            GateCheck::Run(_) => "run",
            GateCheck::Verify => "verify",
            GateCheck::Signature { .. } => "signature",
            GateCheck::Closure(_) => "closure",
        }
    }
}
