//! The request to publish a build.

use crate::commit::Filling;
use crate::decide::InputPatterns;
use crate::model::{BuildId, Label, Outcome};
use crate::sign::Signers;
use crate::source::SourceSpec;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// The request to publish a build.
#[derive(Debug, Clone)]
pub struct PublishRequest {
    /// The ID of the build.
    pub id: BuildId,
    /// Where that name comes from.
    pub named: Named,
    /// The sources.
    pub sources: Vec<SourceSpec>,
    /// Patterns of source files to exclude, compared with the path below the source, or with the name alone.
    pub exclude: Vec<glob::Pattern>,
    /// If set, only these are published: paths below the source, or names of files; a missing one is an error.
    pub listed: Option<BTreeSet<String>>,
    /// If set, nothing is published unless these files differ from those of the newest success of its stream.
    pub if_changed: Option<InputPatterns>,
    /// The result of the build; if absent, that of its marker, or success without one.
    pub result: Option<Outcome>,
    /// Its CONTEXT, if it should have one that is not among the sources.
    pub context: Option<ContextFrom>,
    /// Its first labels.
    pub labels: Vec<Label>,
    /// Whether it may be much smaller than the last success of its stream.
    pub allow_shrink: bool,
    /// Whether it is published although a build of this ID was withdrawn.
    pub allow_withdrawn: bool,
    /// Builds that it requires.
    pub requires: Vec<BuildId>,
    /// How its bytes are ingested.
    pub filling: Filling,
    /// The signers of its checksums.
    pub signers: Signers,
}

/// The source of a CONTEXT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContextFrom {
    /// A file made elsewhere.
    File(PathBuf),
    /// The git checkouts below a directory.
    Checkouts(PathBuf),
}

/// Where the name of a build comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// It was given.
    Given,
    /// From the clock: an interrupted equal publish is resumed under its own name.
    ByClock,
}
