//! The reason for which undoing withdraws what a branch made: such a build may be made again.

/// With what the reason begins for which an inherited build is withdrawn.
pub(super) const WHY: &str = "the branch failed and was undone: ";

/// Returns whether a build was withdrawn by undoing a branch.
pub(super) fn is_undoing(why: &str) -> bool {
    why.starts_with(WHY)
}
