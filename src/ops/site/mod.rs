//! Files for people and programs that look at a mirror, below one directory of it.
//!
//! They repeat what other operations compute; `docs/decisions/0021-site.md` has the order of writes and what a kill leaves.
//! What the files say is made by [`Pages`], which this folder does not know: here is what they are made from, and how they
//! are written.

mod dest;
mod details;
mod error;
mod facts;
mod forecast;
mod gone;
mod index;
mod stages;
mod state;
mod update;

pub use details::Details;
pub use error::SiteError;
pub use facts::{BuildFacts, Recent, SiteEvent, SiteFacts, StreamFacts};
pub use forecast::{Forecast, Simulated};
pub use gone::{GONE_DAYS, GONE_MOST, GoneFacts, Went, gone_pages};
pub use index::{IndexedBuild, IndexedStream, SiteIndex, StreamIndex};
pub use stages::{StageFacts, StageMoved};
pub use update::{Extent, SiteReport, update, write_to};

use crate::model::{BuildId, Digest, RelPath};

/// What makes the files of a site from what is known of the mirror.
pub trait Pages: Sync {
    /// Returns every file but the pages of builds; a pure function.
    fn files(&self, facts: &SiteFacts) -> Vec<SiteFile>;

    /// Returns the path in the site of the page where people begin.
    fn front(&self) -> Option<RelPath>;

    /// Returns the path in the site of the page of a build; nothing where it would be too long.
    fn page(&self, id: &BuildId) -> Option<RelPath>;

    /// Returns a digest of all from which the page of a build is made but its details, which are the same for the same
    /// digest.
    fn input(&self, facts: &SiteFacts, build: Shown<'_>, more: usize) -> Digest;

    /// Returns the paths in the site of the further pages of a build with many files.
    fn more(&self, build: &BuildFacts) -> Vec<RelPath>;

    /// Returns the page of a build, and its further pages at the paths `more`; a pure function.
    fn build(&self, facts: &SiteFacts, build: Shown<'_>, details: &Details, more: &[RelPath]) -> Vec<String>;

    /// Returns the page of a build that is gone; a pure function. It has the path that the page of the build had.
    fn gone(&self, facts: &SiteFacts, gone: &GoneFacts) -> String;

    /// Returns whether bytes at a name are those of such a file.
    fn is_ours(&self, name: &str, bytes: &[u8]) -> bool;
}

/// A build, and the one before it in its stream.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'f> {
    /// The build.
    pub build: &'f BuildFacts,
    /// The build before it.
    pub before: Option<&'f BuildFacts>,
}

/// One file of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteFile {
    /// Its path in the site.
    pub path: RelPath,
    /// Its place in the order of writes.
    pub rank: Rank,
    /// What is in it.
    pub text: String,
}

/// The order in which files are written, so that none leads to one that is not there yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// What pages load.
    Asset,
    /// Of a build.
    Build,
    /// Of a stream.
    Stream,
    /// Of the mirror.
    Front,
}
