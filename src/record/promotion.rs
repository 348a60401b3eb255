//! What the journal states of promotions and waivers.

use crate::model::registry::Image;
use crate::model::{BuildId, Digest, RelPath, Stamp, Stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One of several names that move as one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NameMove {
    /// The name.
    pub alias: RelPath,
    /// What it pointed at before; `null` if it was not there.
    pub from: Option<RelPath>,
    /// What it points at afterwards; `null` if it is removed.
    pub to: Option<RelPath>,
}

/// Commands that go along with a stage, as the pipeline named them then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CarriedCommand {
    /// Looks whether the rest can succeed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verify: Vec<String>,
    /// Makes ready what takes long.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prepare: Vec<String>,
    /// Moves what goes along.
    pub apply: Vec<String>,
    /// Moves it back.
    pub undo: Vec<String>,
    /// For how many seconds each may run.
    pub seconds: u64,
}

/// A tag of an image that moves with a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TagMove {
    /// The image with its tag.
    pub image: Image,
    /// The digest that the tag had before; `null` if it was not there.
    pub from: Option<Digest>,
    /// The digest that it has afterwards; `null` if there is none to which it could go back, so that it stays.
    pub to: Option<Digest>,
}

/// A stage that is handed on to a build, or back to an earlier one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Promotion {
    /// The name of the stage.
    pub name: String,
    /// In which stream.
    pub stream: Stream,
    /// The build that has it then; nothing where none had it before.
    pub build: Option<BuildId>,
    /// The build that had it.
    pub before: Option<BuildId>,
    /// Every name that moves, in this order; that of the stage comes last, and with it the promotion happened.
    pub moves: Vec<NameMove>,
    /// Commands that go along, before the names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<CarriedCommand>,
    /// Tags of images that go along, after the commands and before the names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<TagMove>,
    /// The repositories of the images that have tags of the build, without their registry, as its lists name them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<String>,
    /// What required jobs had voted on the build.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub votes: BTreeMap<String, String>,
    /// The jobs whose vote was waived.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waived: Vec<String>,
    /// What it lacked, where a person promoted it all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacked: Vec<String>,
    /// Why a person did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The digest of the pipeline.
    pub pipeline: Digest,
    /// Where `build` is a bundle: the promotions of its members, whose names move before its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<Self>,
}

impl Promotion {
    /// Returns every name that moves, in this order: those of members first. With the last it happened.
    pub fn steps(&self) -> Vec<&NameMove> {
        self.members.iter().flat_map(|one| &one.moves).chain(&self.moves).collect()
    }

    /// Returns the stages that are handed on: those of the members of a bundle, or the one.
    pub fn parts(&self) -> &[Self] {
        if self.members.is_empty() { std::slice::from_ref(self) } else { &self.members }
    }

    /// Returns the part by which a stage is handed on, or the bundle whose link it is.
    pub fn of(&self, alias: &RelPath) -> Option<&Self> {
        let is_its = |one: &&Self| one.moves.last().is_some_and(|stage| stage.alias == *alias);
        self.members.iter().chain([self]).find(is_its)
    }

    /// Returns the part with which a name moves.
    pub fn moving(&self, alias: &RelPath) -> Option<&Self> {
        let moves = |one: &&Self| one.moves.iter().any(|step| step.alias == *alias);
        self.members.iter().chain([self]).find(moves)
    }
}

/// A waiver that is given or taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Waived {
    /// For which stage.
    pub name: String,
    /// In place of the vote of which job.
    pub job: String,
    /// For which build alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<BuildId>,
    /// Until when; the last instant counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Stamp>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}
