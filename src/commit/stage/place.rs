//! Where a build is staged, and how long its stage waits.

use crate::model::{BuildId, Digest, RelPath};

/// How long an unfinished stage waits for the publisher to come back, in seconds.
pub const STAGE_TERM: i64 = crate::decide::check::STAGE_TERM;

/// Returns where a build is staged: a name that people recognise, made unique by the whole id.
pub(crate) fn stage_of(id: &BuildId) -> RelPath {
    let digest = Digest::of(id.to_string().as_bytes()).to_string();
    let unique: String = digest.chars().take(12).collect();
    let name: String = id.name.as_str().chars().take(100).collect();
    RelPath::state(&format!("stage/{name}-{unique}"))
}
