//! Why images cannot be listed, placed or pruned.

use crate::commit::PipelineInForceError;
use crate::commit::carried::CarryError;
use crate::mirror::{JournalError, StateError};
use crate::model::{BuildId, Class, Classify, ErrorKind, RelPath};
use crate::ops::ActError;
use crate::ops::retention::PlanError;
use crate::recover::RecoverError;
use crate::store::StoreError;

/// Why images cannot be listed, placed or pruned.
#[derive(Debug, thiserror::Error)]
pub enum ImagesError {
    /// The layout has no grammar of images.
    #[error("the layout `{0}` has no `images`")]
    NoGrammar(String),
    /// The build does not exist.
    #[error("there is no build `{0}`")]
    NoBuild(BuildId),
    /// A text is not a valid name of pins.
    #[error("`{0}` is not a name of pins; one line without `/` is accepted, such as the name of the file")]
    PinsName(String),
    /// No pins have that name.
    #[error("there are no image pins `{name}`{}", listed(known))]
    NoPins {
        /// The name.
        name: String,
        /// The names that exist.
        known: Vec<String>,
    },
    /// No stage carries images.
    #[error("no stage of the pipeline carries images, so there is no repository to look at")]
    CarriesNone,
    /// Something that may need images cannot be read.
    #[error("`{0}` may need any image, and cannot be read: {1}")]
    Unread(RelPath, String),
    /// The registry failed.
    #[error(transparent)]
    Carry(#[from] CarryError),
    /// The pipeline cannot be used.
    #[error(transparent)]
    Pipeline(#[from] PipelineInForceError),
    /// The policy cannot be used.
    #[error(transparent)]
    Plan(#[from] Box<PlanError>),
    /// The stages cannot be read.
    #[error(transparent)]
    Stages(#[from] Box<crate::ops::promotion::StageError>),
    /// What an interrupted command left cannot be recovered.
    #[error(transparent)]
    Recover(#[from] RecoverError),
    /// The builds cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A part of it failed, or the build is in the trash.
    #[error(transparent)]
    Act(#[from] ActError),
    /// The record of the build cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The store failed.
    #[error("cannot read the build")]
    Store(#[from] StoreError),
}

impl Classify for ImagesError {
    fn class(&self) -> Class {
        match self {
            Self::NoGrammar(_) => ErrorKind::Usage.hint(
                "add the key `images` to the layout (docs/layout-grammar.md), and put it in force with `mirrorkeep layout set`",
            ),
            Self::NoBuild(_) => ErrorKind::Failed.into(),
            Self::PinsName(_) | Self::NoPins { .. } => ErrorKind::Usage.into(),
            Self::CarriesNone => ErrorKind::Usage.hint(
                "`carry: [{images: {from: …, to: […], tag: […]}}]` in a stage of the pipeline carries them (docs/images.md)",
            ),
            Self::Unread(..) => ErrorKind::Refused.hint("`mirrorkeep check` lists what cannot be read"),
            Self::Carry(error) => error.class(),
            Self::Pipeline(error) => error.class(),
            Self::Plan(error) => error.class(),
            Self::Stages(error) => error.class(),
            Self::Recover(error) => error.class(),
            Self::Journal(error) => error.class(),
            Self::Act(error) => error.class(),
            Self::State(error) => error.class(),
            Self::Store(error) => error.class(),
        }
    }
}

/// Returns the existing names, for the end of a sentence.
fn listed(names: &[String]) -> String {
    match names {
        [] => "; none are in force".to_owned(),
        names => format!("; in force are `{}`", names.join("`, `")),
    }
}
