//! The change list of a mirror: what a mirror of it reads to learn what came, moved and went since it last asked.
//!
//! The list states for each build and name its latest change. Its parts are files that never change, and the head, one
//! signed text, names them with size and digest. `docs/decisions/0023-change-list-and-pull.md` has the shape and the order of
//! writes.

mod edition;
mod head;
mod part;

pub use edition::{Edition, Known, Present};
pub use head::{HEAD_LIMIT, Head, PART_LIMIT, PartRef, SignedHead};
pub use part::{Change, Item, Key, ListedBuild, ListedManifest, ListedName, Part};

/// Why bytes are not a part or head of a change list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangesError {
    /// It has no end.
    #[error("it is incomplete")]
    Cut,
    /// It is something else.
    #[error("it is not of a change list: {0}")]
    Form(String),
    /// It is of another version.
    #[error("version {0} of a change list is not known here; 1 is")]
    Version(u32),
    /// It contradicts itself.
    #[error("it contradicts itself: {0}")]
    Contradiction(String),
}

/// Returns an error of JSON as one short line.
fn form(error: &serde_json::Error) -> ChangesError {
    ChangesError::Form(crate::model::shown(&error.to_string()).chars().take(200).collect())
}
