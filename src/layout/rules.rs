//! What a layout file says of names and branches, with every pattern ready to use.

use super::field::Field;
use super::template::Template;
use crate::model::{OneOrMany, Outcome};

/// One rule of the mapping.
#[derive(Debug)]
pub(super) struct BranchRule {
    pub(super) shown: String,
    pub(super) branch: Template,
    /// The stream without its optional parts, and with ever more of them.
    pub(super) streams: Vec<Template>,
    pub(super) build: Option<Template>,
}

/// What the layout file says of an alias.
#[derive(Debug)]
pub(super) struct AliasPattern {
    pub(super) name: Template,
    pub(super) streams: Vec<glob::Pattern>,
    pub(super) results: Vec<Outcome>,
    pub(super) labels: Vec<(String, Wanted)>,
    pub(super) required: bool,
    pub(super) by_hand: bool,
}

/// Which values of a label will do.
#[derive(Debug)]
pub(super) enum Wanted {
    Words(OneOrMany),
    /// Any that fits the field; there is an alias for each.
    Each(Field),
}
