//! The reason of the hold of an archived build, by which the archive knows that no one forgot it.

use crate::mirror::Mirror;

/// How the reason begins.
const ARCHIVED: &str = "archived from mirror ";

/// Returns the reason for which an archive holds the builds that expired in a mirror.
pub(super) fn hold_reason(from: &Mirror) -> String {
    format!("{ARCHIVED}{}", from.config().id)
}

/// Returns whether a hold has such a reason.
pub fn is_archived(why: &str) -> bool {
    why.starts_with(ARCHIVED)
}
