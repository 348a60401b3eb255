//! Which time a file of a build gets when it is written, and whether existing bytes have a suitable one.
//!
//! The rule itself is in `decide/times.rs`; the two kinds of stages use it through this module.

use crate::commit::filling::TimeRule;
use crate::decide::Reuse;
use crate::model::{Digest, RelPath};
use crate::record::FileEntry;
use crate::source::SourceEntry;
use crate::store::Fill;

/// The times of one build.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timing<'a> {
    pub(crate) rule: TimeRule,
    pub(crate) reuse: &'a Reuse,
}

impl Timing<'_> {
    /// Returns whether a file's time depends on its bytes, which are then read before it is written.
    pub(crate) fn asks_for_digest(self, entry: &SourceEntry) -> bool {
        self.rule == TimeRule::Later
            && entry.mtime.is_some_and(|mtime| self.reuse.times().depends(&entry.to, entry.size, mtime))
    }

    /// Returns how a file with these bytes is written; if its source has no time, with the current one.
    pub(crate) fn fill(self, entry: &SourceEntry, digest: Digest) -> Fill {
        let mtime = match (self.rule, entry.mtime) {
            (TimeRule::Later, Some(mtime)) => {
                Some(self.reuse.times().of(&entry.to, entry.size, digest, mtime))
            }
            (_, mtime) => mtime,
        };
        Fill { mtime, ..entry.fill() }
    }

    /// Returns whether a file with these bytes and that time, in nanoseconds since 1970, can be used for one of the
    /// source.
    pub(crate) fn allows(self, entry: &SourceEntry, digest: Digest, mtime: i128) -> bool {
        match (self.rule, entry.mtime) {
            (TimeRule::Source, _) => true,
            (TimeRule::Exact, Some(wanted)) => mtime == wanted,
            (TimeRule::Later, _) | (TimeRule::Exact, None) => {
                self.reuse.times().allows(&entry.to, entry.size, digest, mtime)
            }
        }
    }

    /// Returns the earliest second, since 1970, for a file that is written with the current time; nothing if any will
    /// do.
    pub(crate) fn least(self, to: &RelPath, size: u64, digest: Digest) -> Option<i128> {
        match self.rule {
            TimeRule::Source => None,
            TimeRule::Later | TimeRule::Exact => self.reuse.times().least(to, size, digest),
        }
    }

    /// Returns the files of a build whose bytes changed although their size and time in the source did not, with the
    /// first by path: those that got a later time, or with `TimeRule::Source` those that mislead readers.
    pub(crate) fn unnoticed<'f>(
        self,
        files: impl IntoIterator<Item = &'f FileEntry>,
    ) -> (u64, Option<RelPath>) {
        let times = self.reuse.times();
        let unnoticed = files.into_iter().filter(|file| {
            let mtime = match self.rule {
                TimeRule::Exact => return false,
                TimeRule::Source => file.mtime,
                TimeRule::Later => file.seen.map_or(file.mtime, |seen| seen.mtime),
            };
            times.misleads(&file.path, file.size, file.digest, mtime)
        });
        let mut first: Option<&RelPath> = None;
        let mut count = 0;
        for file in unnoticed {
            count += 1;
            first = Some(first.map_or(&file.path, |first| first.min(&file.path)));
        }
        (count, first.cloned())
    }
}
