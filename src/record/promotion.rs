//! Promotions and waivers in the journal.

use crate::model::registry::Image;
use crate::model::{BuildId, Digest, RelPath, Stamp, Stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One of several aliases that move as one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NameMove {
    /// The alias.
    pub alias: RelPath,
    /// Its target before; `null` if it did not exist.
    pub from: Option<RelPath>,
    /// Its target afterwards; `null` if it is removed.
    pub to: Option<RelPath>,
}

/// Commands that a stage carries, as the pipeline named them then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CarriedCommand {
    /// Checks whether the rest can succeed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verify: Vec<String>,
    /// Prepares what takes long.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prepare: Vec<String>,
    /// Moves what is carried.
    pub apply: Vec<String>,
    /// Moves it back.
    pub undo: Vec<String>,
    /// The time limit of each, in seconds.
    pub seconds: u64,
}

/// A tag of an image that moves with a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TagMove {
    /// The image with its tag.
    pub image: Image,
    /// The digest of the tag before; `null` if it did not exist.
    pub from: Option<Digest>,
    /// The digest of the tag afterwards; `null` if there is none to which it could go back, so that it stays.
    pub to: Option<Digest>,
}

/// A stage that is moved to a build, or back to an earlier one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Promotion {
    /// The name of the stage.
    pub name: String,
    /// The stream.
    pub stream: Stream,
    /// The build that has it then; nothing if none had it before.
    pub build: Option<BuildId>,
    /// The build that had it.
    pub before: Option<BuildId>,
    /// Every alias that moves, in this order; that of the stage comes last, and with it the promotion has happened.
    pub moves: Vec<NameMove>,
    /// Commands that are carried, before the aliases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<CarriedCommand>,
    /// Every image tag that the stage moves, after the commands and before the aliases; also those that are already
    /// right.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<TagMove>,
    /// The repositories of the images that have tags of the build, without their registry, as its lists name them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<String>,
    /// The votes of required jobs on the build.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub votes: BTreeMap<String, String>,
    /// The jobs whose vote was waived.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waived: Vec<String>,
    /// What it lacked, if a person promoted it all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacked: Vec<String>,
    /// The reason of the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The digest of the pipeline.
    pub pipeline: Digest,
    /// If `build` is a bundle: the promotions of its members, whose aliases move before its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<Self>,
}

impl TagMove {
    /// Returns the statement that no registry has the image of a tag any more: the tag has no digest before and none after.
    pub fn lost(image: Image) -> Self {
        Self { image, from: None, to: None }
    }

    /// Returns whether no registry has the image of the tag any more, so that it is left wherever it is.
    pub fn is_lost(&self) -> bool {
        self.from.is_none() && self.to.is_none()
    }

    /// Returns whether it moves; an alias that is already right is listed, too.
    pub fn is_move(&self) -> bool {
        self.from != self.to
    }
}

impl Promotion {
    /// Returns every alias that moves, in this order: those of members first. With the last one it has happened.
    pub fn steps(&self) -> Vec<&NameMove> {
        self.members.iter().flat_map(|one| &one.moves).chain(&self.moves).collect()
    }

    /// Returns whether the stage stays, and only image tags move back to those of its build.
    pub fn stays(&self) -> bool {
        self.build.is_some()
            && self.build == self.before
            && self.moves.last().is_some_and(|stage| stage.from == stage.to)
    }

    /// Returns the same without tags, for a registry that was not queried.
    #[must_use]
    pub fn without_tags(mut self) -> Self {
        self.tags.clear();
        self.members = self.members.into_iter().map(Self::without_tags).collect();
        self
    }

    /// Returns the stages that are moved: those of the members of a bundle, or the one.
    pub fn parts(&self) -> &[Self] {
        if self.members.is_empty() { std::slice::from_ref(self) } else { &self.members }
    }

    /// Returns the part with the stage's own alias, or with the link of the bundle.
    pub fn of(&self, alias: &RelPath) -> Option<&Self> {
        let is_its = |one: &&Self| one.moves.last().is_some_and(|stage| stage.alias == *alias);
        self.members.iter().chain([self]).find(is_its)
    }

    /// Returns the part with which an alias moves.
    pub fn moving(&self, alias: &RelPath) -> Option<&Self> {
        let moves = |one: &&Self| one.moves.iter().any(|step| step.alias == *alias);
        self.members.iter().chain([self]).find(moves)
    }
}

/// A waiver that is added or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Waived {
    /// The stage.
    pub name: String,
    /// The job whose vote is waived.
    pub job: String,
    /// The only build, if it is for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<BuildId>,
    /// Until when; the last instant counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Stamp>,
    /// The reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}
