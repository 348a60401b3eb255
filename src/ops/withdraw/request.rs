//! What is asked for when a build is withdrawn.

use crate::model::BuildId;

/// What is withdrawn, and how.
#[derive(Debug, Clone)]
pub struct Withdrawing {
    /// Which build.
    pub id: BuildId,
    /// Why, for the journal.
    pub why: String,
    /// Whether holds are removed, and builds that need it are left broken.
    pub force: bool,
    /// Whether its bytes are deleted at once.
    pub purge: bool,
}
