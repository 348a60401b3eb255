//! An example inside a pipeline.

use super::state::{Moves, Outcome, Waiver};
use crate::census::Census;
use crate::model::{BuildName, Stream};
use std::collections::BTreeMap;

/// An example: the input, and the expected promotion of each stage.
#[derive(Debug, Clone)]
pub struct Example {
    /// What it shows.
    pub name: String,
    pub(super) at: String,
    pub(super) stream: Stream,
    pub(super) census: Census,
    pub(super) moves: Moves,
    pub(super) waivers: Vec<Waiver>,
    pub(super) expect: BTreeMap<String, Expected>,
}

/// The expected promotion of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expected {
    Build(BuildName),
    Outcome(Outcome),
}
