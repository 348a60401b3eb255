//! The rules of a layout file for names and branches, with every pattern compiled.

use super::bundled::Bundled;
use super::field::Field;
use super::reference::Reference;
use super::template::Template;
use crate::model::{OneOrMany, Outcome};

/// One rule of the mapping.
#[derive(Debug)]
pub(super) struct BranchRule {
    pub(super) shown: String,
    pub(super) branch: Template,
    /// The stream without its optional parts, and with more and more of them.
    pub(super) streams: Vec<Template>,
    pub(super) build: Option<Template>,
}

/// An alias of the layout file.
#[derive(Debug)]
pub(super) struct AliasPattern {
    pub(super) name: Template,
    pub(super) streams: Vec<glob::Pattern>,
    pub(super) results: Vec<Outcome>,
    pub(super) labels: Vec<(String, Wanted)>,
    pub(super) required: bool,
    pub(super) by_hand: bool,
}

/// A bundle of the layout file.
#[derive(Debug)]
pub(super) struct BundleRule {
    /// The class of its streams.
    pub(super) stream: usize,
    /// The class of its members' streams.
    pub(super) members: usize,
    pub(super) alias: Template,
    pub(super) link: String,
    pub(super) files: Vec<Bundled>,
    pub(super) except: Vec<glob::Pattern>,
}

/// The container images of the layout file.
#[derive(Debug)]
pub(super) struct ImagesRule {
    /// The paths of lists in a build, with every combination of their optional parts.
    pub(super) lists: Vec<Template>,
    /// The templates of references, in their order.
    pub(super) references: Vec<Reference>,
}

/// The accepted values of a label.
#[derive(Debug)]
pub(super) enum Wanted {
    Words(OneOrMany),
    /// Any that the field accepts; there is an alias for each.
    Each(Field),
}
