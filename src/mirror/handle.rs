//! An open mirror, and the protocol by which its builds are found.
//!
//! A store that moves trees shows a build when its directory is at its path; one that cannot shows it when its marker
//! object, the seal, exists. `Mirror::open` selects the protocol once, by the store's abilities; no other code
//! checks.

use super::statements::Statements;
use super::{Kept, MirrorConfig, StateError, Warnings};
use crate::layout::Layout;
use crate::model::{BuildId, RelPath, Stream};
use crate::store::{Store, StoreError};
use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A store read through a layout.
#[derive(Debug, Clone)]
pub struct Mirror {
    pub(super) store: Arc<dyn Store>,
    pub(super) protocol: &'static dyn ReadProtocol,
    pub(super) config: MirrorConfig,
    pub(super) layout: Layout,
    pub(super) who: String,
    pub(super) wait: Duration,
    pub(super) warnings: Warnings,
    pub(super) statements: Statements,
    pub(super) commands: Commands,
}

/// Whether the commands that the pipeline and the journal of a mirror name are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commands {
    /// They are run.
    Run,
    /// They are not run, and what needs one fails: anyone who can write to a bucket could run them on other machines.
    Refuse,
    /// They are not run, and what an interrupted command left is settled without them.
    Skip,
}

/// What makes a build visible in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitsBy {
    /// The rename of its directory.
    Rename,
    /// The creation of its marker object.
    Marker,
}

/// How the builds of a mirror are found.
pub(crate) trait ReadProtocol: Debug + Send + Sync {
    /// Returns what makes a build visible, which selects the steps of a commit.
    fn commits_by(&self) -> CommitsBy;

    /// Returns whether a build is visible to readers.
    fn contains(&self, mirror: &Mirror, id: &BuildId) -> Result<bool, StoreError>;

    /// Returns whether a path is in a build that is not visible, and so is hidden from readers.
    fn is_hidden(&self, mirror: &Mirror, at: &RelPath) -> Result<bool, StoreError>;

    /// Returns whether a build is being removed or is gone, so that what was just written about it came too late.
    ///
    /// If the lock alone excludes other writers, no build is removed while another command writes.
    fn is_removing(&self, mirror: &Mirror, id: &BuildId) -> Result<bool, StoreError>;

    /// Returns whether a path resolves into a build that is being removed or is gone.
    fn leads_to_removing(&self, mirror: &Mirror, path: &RelPath) -> Result<bool, StoreError>;

    /// Returns the record of the build whose directory a walk met; nothing if a directory does not make a build.
    fn met(&self, mirror: &Mirror, id: &BuildId) -> Option<Kept>;

    /// Returns the builds, of one stream or of all, that no walk meets, with the record of each.
    fn unmet(&self, mirror: &Mirror, stream: Option<&Stream>) -> Result<Vec<(BuildId, Kept)>, StateError>;

    /// Returns whether a walk of this directory of a stream meets builds.
    fn is_walked(&self, mirror: &Mirror, dir: &RelPath) -> Result<bool, StoreError>;

    /// Returns the visible builds of a mirror in which a walk met these directories of builds.
    fn builds(&self, mirror: &Mirror, met: Vec<BuildId>) -> Result<Vec<BuildId>, StateError>;

    /// Returns the name in a directory of the trash whose presence means that a build can be restored from it.
    fn trash_sign(&self) -> &'static str;

    /// Returns the directories of the trash that may list parts which are still at the path of their build.
    fn parts_in_place(&self, mirror: &Mirror) -> Result<Vec<RelPath>, StoreError>;
}

impl Mirror {
    /// Returns the mirror with another rule for its commands.
    #[must_use]
    pub fn with_commands(self, commands: Commands) -> Self {
        Self { commands, ..self }
    }

    /// Returns whether the commands that its pipeline and journal name are run.
    pub fn commands(&self) -> Commands {
        self.commands
    }

    /// Returns the directory of the mirror as an absolute path; nothing if it is in a bucket.
    pub fn directory(&self) -> Option<PathBuf> {
        let is_dir = self.store.abilities().symlinks;
        is_dir.then(|| std::path::absolute(self.store.shown()).unwrap_or_default())
    }

    /// Returns what makes a build visible.
    pub fn commits_by(&self) -> CommitsBy {
        self.protocol.commits_by()
    }

    /// Returns whether a build exists for readers.
    pub fn has_build(&self, id: &BuildId) -> Result<bool, StoreError> {
        self.protocol.contains(self, id)
    }

    /// Returns whether a build is being removed or is gone, so that what was just written about it came too late.
    pub fn is_going(&self, id: &BuildId) -> Result<bool, StoreError> {
        self.protocol.is_removing(self, id)
    }

    /// Returns whether a path resolves into a build that is being removed or is gone.
    pub fn leads_to_going(&self, path: &RelPath) -> Result<bool, StoreError> {
        self.protocol.leads_to_removing(self, path)
    }

    /// Returns the name in a directory of the trash whose presence means that a build can be restored from it.
    pub(crate) fn trash_sign(&self) -> &'static str {
        self.protocol.trash_sign()
    }
}
