//! The directories of public files that mirror.yaml names: no recorded build may be in one, or above it.
//!
//! The layout has no place for builds there, so that builds which are there would pass for gone, and be deleted elsewhere.

use super::{Mirror, MirrorError, StateError};
use crate::layout::{Layout, Place};
use crate::model::{BuildId, RelPath};

/// A directory of public files, and a build that is in its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Covered {
    /// The section of mirror.yaml: `readers`, `site` or `changes`.
    pub key: &'static str,
    /// Its directory.
    pub path: RelPath,
    /// The first such build.
    pub build: BuildId,
    /// How many there are.
    pub builds: usize,
}

impl Covered {
    /// Returns which of these builds, by a layout without such directories, are in the way of a directory.
    pub fn of(key: &'static str, path: &RelPath, layout: &Layout, builds: &[BuildId]) -> Option<Self> {
        let meets = |id: &&BuildId| {
            let at = layout.build_path(id).unwrap_or_else(|_| id.as_path());
            at.is_within(path) || path.is_within(&at)
        };
        let those: Vec<&BuildId> = builds.iter().filter(meets).collect();
        let build = (*those.iter().min()?).clone();
        Some(Self { key, path: path.clone(), build, builds: those.len() })
    }

    /// Returns what is wrong with the entry.
    pub fn why(&self) -> String {
        let Self { key, path, build, builds } = self;
        let more = match builds - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!(
            "`{path}` and the recorded build `{build}`{more} are in each other's way; another directory is accepted, such as `{key}-files`"
        )
    }
}

impl Mirror {
    /// Returns the directories of public files that have recorded builds in their way.
    pub fn covered_builds(&self) -> Result<Vec<Covered>, StateError> {
        let layout = self.layout().unreserved();
        let config = self.config();
        let readers = config.readers.iter().map(|readers| ("readers", &readers.path));
        let site = config.site.iter().map(|site| ("site", &site.path));
        let changes = config.changes.iter().map(|changes| ("changes", &changes.path));
        let may_have = |path: &RelPath| {
            let is_build = |at: &RelPath| matches!(layout.place(at), Place::Build { .. });
            let above = matches!(layout.place(path), Place::Above | Place::Stream { .. });
            above || is_build(path) || path.ancestors().any(|dir| is_build(&dir))
        };
        let dirs = readers.chain(site).chain(changes).filter(|(_, path)| may_have(path));
        let dirs: Vec<(&'static str, &RelPath)> = dirs.collect();
        if dirs.is_empty() {
            return Ok(Vec::new());
        }
        let builds = self.recorded()?;
        Ok(dirs.into_iter().filter_map(|(key, path)| Covered::of(key, path, &layout, &builds)).collect())
    }

    /// Fails where public files and recorded builds are in each other's way, so that a command that changes something would take the
    /// builds for gone.
    pub fn covers_no_build(&self) -> Result<(), MirrorError> {
        // What cannot be read fails where it is needed.
        let covered = self.covered_builds().unwrap_or_default();
        if covered.is_empty() {
            return Ok(());
        }
        let wrong = covered.iter().map(|one| (format!("{}.path", one.key), one.why())).collect();
        Err(self.unfit_settings(wrong)?)
    }
}
