//! Where a build is staged, and how long its stage is kept.

use crate::model::{BuildId, Digest, RelPath};

/// How long an unfinished stage is kept for its publisher, in seconds.
pub const STAGE_TERM: i64 = crate::decide::check::STAGE_TERM;

/// Returns where a build is staged: a name that people recognize, made unique by the whole ID.
pub(crate) fn stage_of(id: &BuildId) -> RelPath {
    let digest = Digest::of(id.to_string().as_bytes()).to_string();
    let unique: String = digest.chars().take(12).collect();
    let name: String = id.name.as_str().chars().take(100).collect();
    RelPath::state(&format!("stage/{name}-{unique}"))
}
