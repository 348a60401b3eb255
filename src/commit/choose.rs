//! Which implementation of the commit protocol a mirror has.

use crate::commit::bucket::Bucket;
use crate::commit::directory::Directory;
use crate::commit::protocol::CommitProtocol;
use crate::mirror::{CommitsBy, Mirror};

/// Returns the commit protocol that belongs to how a mirror is read.
pub(crate) fn protocol(mirror: &Mirror) -> &'static dyn CommitProtocol {
    match mirror.commits_by() {
        CommitsBy::Rename => &Directory,
        CommitsBy::Marker => &Bucket,
    }
}
