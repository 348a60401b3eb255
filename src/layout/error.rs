//! Errors of a layout, and of requests to it.

use crate::model::{Class, Classify, ErrorKind, Problem};

/// Everything that is wrong with a layout file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct LayoutError(pub Vec<Problem>);

impl Classify for LayoutError {
    fn class(&self) -> Class {
        ErrorKind::Usage.into()
    }
}

/// Why a layout has no place for something, and what it would accept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the layout `{layout}` has no place for {thing}: {why}")]
pub struct NoPlace {
    /// Which layout.
    pub layout: String,
    /// The request.
    pub thing: String,
    /// Why there is no place, and what would be accepted.
    pub why: String,
}

impl Classify for NoPlace {
    fn class(&self) -> Class {
        ErrorKind::Usage.into()
    }
}
