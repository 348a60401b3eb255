//! Selects the implementation of the commit protocol of a mirror.

use crate::commit::bucket::Bucket;
use crate::commit::directory::Directory;
use crate::commit::protocol::CommitProtocol;
use crate::mirror::{CommitsBy, Mirror};

/// Returns the commit protocol that fits how a mirror is read.
pub(crate) fn protocol(mirror: &Mirror) -> &'static dyn CommitProtocol {
    match mirror.commits_by() {
        CommitsBy::Rename => &Directory,
        CommitsBy::Marker => &Bucket,
    }
}
