//! What is to be published.

use crate::commit::Filling;
use crate::model::{BuildId, Label, Outcome};
use crate::sign::Signers;
use crate::source::SourceSpec;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// What is to be published.
#[derive(Debug, Clone)]
pub struct PublishRequest {
    /// As which build.
    pub id: BuildId,
    /// How that name came.
    pub named: Named,
    /// From where.
    pub sources: Vec<SourceSpec>,
    /// Which files of the sources are left out: patterns over the path below the source, or over the name alone.
    pub exclude: Vec<glob::Pattern>,
    /// Where only these are taken: paths below the source, or names of files; one that is not there is an error.
    pub listed: Option<BTreeSet<String>>,
    /// How the build went; nothing means as its marker says, and success without one.
    pub result: Option<Outcome>,
    /// Its CONTEXT, if it is to have one that is not among the sources.
    pub context: Option<ContextFrom>,
    /// What is said of it from the start.
    pub labels: Vec<Label>,
    /// Whether it may be much smaller than the last success of its stream.
    pub allow_shrink: bool,
    /// Builds that it needs.
    pub requires: Vec<BuildId>,
    /// How its bytes come in.
    pub filling: Filling,
    /// Who signs its checksums.
    pub signers: Signers,
}

/// Where a CONTEXT comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContextFrom {
    /// From a file made elsewhere.
    File(PathBuf),
    /// From the git checkouts below a directory.
    Checkouts(PathBuf),
}

/// How the name of a build came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// It was given.
    Given,
    /// From the clock: an interrupted publish of the same is resumed under its own name.
    ByClock,
}
