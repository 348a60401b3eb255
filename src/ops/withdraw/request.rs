//! The request to withdraw a build.

use crate::model::BuildId;

/// What is withdrawn, and how.
#[derive(Debug, Clone)]
pub struct Withdrawing {
    /// The ID of the build.
    pub id: BuildId,
    /// The reason, for the journal.
    pub why: String,
    /// Whether holds are removed, and builds that need it are left broken.
    pub force: bool,
    /// Whether its bytes are deleted at once.
    pub purge: bool,
}
