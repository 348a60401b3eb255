//! The contents of a pipeline: its stages and what each requires.

use super::example::Example;
use super::gate::{CarriedRun, Gate};
use super::images::CarriedImages;
use crate::decide::policy::{Span, fits};
use crate::model::registry::Image;
use crate::model::{Digest, OneOrMany, RelPath, Stream};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A pipeline: the stages in the order in which builds pass them.
#[derive(Debug, Clone)]
pub struct Pipeline {
    pub(super) text: Arc<str>,
    /// The digest of its text.
    pub digest: Digest,
    /// The stages.
    pub stages: Vec<Stage>,
    /// Its gates, by name.
    pub gates: Vec<Gate>,
    /// Its examples.
    pub tests: Vec<Example>,
}

/// An alias that only promotion moves.
#[derive(Debug, Clone)]
pub struct Stage {
    /// The name of the alias.
    pub name: String,
    /// The streams of the stage.
    pub streams: Vec<glob::Pattern>,
    /// The alias whose builds are the candidates; without it, the successes of the stream.
    pub from: Option<String>,
    /// The stages that a build passes before this one; a rejection for one of them also applies to this one.
    pub before: Vec<String>,
    /// Whether the newest candidate is promoted without any requirement.
    pub pin: bool,
    /// For each, one of its jobs must have voted success; the required gates are among them.
    pub votes: Vec<Requirement>,
    /// The gates that are required.
    pub gates: Vec<String>,
    /// Labels with their accepted values.
    pub labels: BTreeMap<String, OneOrMany>,
    /// An alias for a candidate for which a required job voted failure.
    pub on_failure: Option<String>,
    /// An alias for the build that the stage had before.
    pub previous: Option<String>,
    /// Other aliases that are carried.
    pub carry: Vec<Carried>,
    /// Commands that are carried, before the aliases.
    pub commands: Vec<CarriedRun>,
    /// Images that are carried, after the commands and before the aliases.
    pub images: Vec<CarriedImages>,
    /// Whether the bundle of the builds at the stage is made when it moves, if the layout declares one.
    pub bundle: bool,
    /// The number of the last builds at the stage that are protected.
    pub keep: usize,
    /// The number of candidates to evaluate.
    pub look_back: usize,
    /// How much older than the newest candidate the promoted build may be.
    pub alarm: Option<Span>,
}

/// An alias that a stage carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// Its name, beside that of the stage.
    pub alias: String,
    /// The path inside the build to which it points; the build itself without it.
    pub place: Option<RelPath>,
}

/// Jobs of which one must have voted success; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement(pub Vec<String>);

impl Pipeline {
    /// Returns the text of the file.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the stage of that name.
    pub fn stage(&self, name: &str) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.name == name)
    }

    /// Returns the gate of that name.
    pub fn gate(&self, name: &str) -> Option<&Gate> {
        self.gates.iter().find(|gate| gate.name == name)
    }

    /// Returns the stages of a stream, in their order.
    pub fn stages_of<'a>(&'a self, stream: &'a Stream) -> impl Iterator<Item = &'a Stage> {
        self.stages.iter().filter(|stage| stage.is_in(stream))
    }

    /// Returns the stage of a stream that moves the alias of that name.
    pub fn mover(&self, stream: &Stream, alias: &str) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.is_in(stream) && stage.moves().any(|name| name == alias))
    }
}

impl Stage {
    /// Returns the aliases that only this stage moves, its own name first.
    pub fn moves(&self) -> impl Iterator<Item = &String> {
        let carried = self.carry.iter().map(|one| &one.alias);
        std::iter::once(&self.name).chain(&self.previous).chain(&self.on_failure).chain(carried)
    }

    /// Returns whether the stage is in a stream.
    pub fn is_in(&self, stream: &Stream) -> bool {
        self.streams.iter().any(|pattern| fits(pattern, stream.as_str()))
    }

    /// Returns whether an image has a tag in a target that the stage moves in a stream.
    pub fn gives(&self, stream: &Stream, image: &Image) -> bool {
        self.images.iter().any(|carried| carried.gives(&self.name, stream, image))
    }
}

impl Requirement {
    /// Returns the requirement as text.
    pub fn shown(&self) -> String {
        match self.0.as_slice() {
            [one] => one.clone(),
            many => format!("any of {}", many.join(", ")),
        }
    }
}
