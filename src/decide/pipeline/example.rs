//! An example inside a pipeline.

use super::state::{Moves, Outcome, Waiver};
use crate::census::Census;
use crate::model::{BuildName, Stream};
use std::collections::BTreeMap;

/// An example: what is given, and what promotion of each stage must do.
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

/// What promotion of a stage must do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expected {
    Build(BuildName),
    Outcome(Outcome),
}
