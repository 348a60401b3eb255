//! Steps of publishing that are the same in a directory and in an object store.

use crate::commit::choose::protocol;
use crate::commit::reveal::{Revealed, reveal};
use crate::commit::{Sealed, Tally};
use crate::decide::{Reuse, Whose};
use crate::mirror::{Mirror, builds_of};
use crate::model::{BuildId, Stream};
use crate::ops::publish::error::PublishError;
use crate::ops::publish::outcome::{PublishOutcome, PublishReport};
use crate::ops::publish::prepared::Prepared;
use crate::ops::publish::run::PublishRun;
use crate::source::SourceEntry;
use crate::store::Take;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// The number of earlier builds of the stream that are searched for bytes to share.
const ASKED: usize = 30;

impl PublishRun<'_> {
    /// Looks again once the ticket is locked: its previous holder may have published the build, and may have been
    /// killed before it was recorded.
    pub(crate) fn published_meanwhile(
        &self,
        prepared: &Prepared,
    ) -> Result<Option<PublishReport>, PublishError> {
        if self.session.mirror().has_build(&self.publishing.id)? {
            drop(self.session.begin()?);
        }
        self.there_already(prepared)
    }

    /// Makes a build visible whose files are all staged, and returns the report.
    pub(crate) fn show(
        &self,
        mut prepared: Prepared,
        mut sealed: Sealed,
        tally: &Tally,
    ) -> Result<PublishReport, PublishError> {
        let size = (sealed.manifest.files.len() as u64, sealed.manifest.bytes());
        sealed.moved = self.publishing.filling.take == Some(Take::Move);
        let lock = self.session.begin()?;
        if self.is_overtaken(&prepared)? {
            drop(lock);
            let mirror = self.session.mirror();
            protocol(mirror).abandon(mirror, sealed)?;
            return Err(PublishError::Overtaken(self.publishing.id.clone()));
        }
        let Revealed { aliases, warnings } = reveal(&lock, sealed, prepared.names())?;
        prepared.warnings.extend(warnings);
        drop(lock);
        if self.publishing.filling.take == Some(Take::Move) {
            prepared.warnings.extend(leave(prepared.source.files.par_iter()));
        }
        Ok(PublishReport { aliases, ..self.report(&prepared, size, tally, PublishOutcome::Published) })
    }

    /// Returns the contents of the stream's earlier builds, and of the last build of some other streams; unreadable
    /// ones are not reused.
    ///
    /// If the request excludes sharing, only the times of the stream's builds are read.
    pub(crate) fn earlier(&self, prepared: &Prepared) -> Reuse {
        let (mirror, stream) = (self.session.mirror(), &self.publishing.id.stream);
        let mut builds = match builds_of(mirror, stream, None) {
            Ok(builds) => builds,
            Err(error) => {
                self.session.progress().say(&format!("earlier builds are not reused: {error}"));
                return Reuse::default();
            }
        };
        builds.retain(|build| build.problem.is_none());
        builds.sort_by_key(|build| std::cmp::Reverse((build.published, build.created)));
        let mut changed = mirror.inodes(stream).map(|inodes| inodes.changed).unwrap_or_default();
        let mut asked: Vec<BuildId> = Vec::new();
        asked
            .extend(builds.iter().take(ASKED).map(|build| BuildId::new(stream.clone(), build.build.clone())));
        let own = asked.len();
        let shares = self.publishing.filling.dedupe.is_some();
        if let Some(like) = prepared.like.as_ref().filter(|_| shares) {
            // Its inodes are known if it is the last of its stream; those of any other are read.
            let notes = mirror.inodes(&like.stream).filter(|notes| notes.build == like.name);
            changed.extend(notes.into_iter().flat_map(|notes| notes.changed));
            asked.push(like.clone());
        }
        if shares {
            asked.extend(last_of_others(mirror, stream, &mut changed));
        }
        // One manifest at a time: each grows with its build.
        let found = asked.into_iter().enumerate().filter_map(|(index, id)| {
            let whose = if index < own { Whose::Own } else { Whose::Other };
            Some((whose, mirror.layout().build_path(&id).ok()?, mirror.manifest(&id).ok()??))
        });
        let files = prepared.source.files.iter().map(|file| (&file.to, file.size));
        let own = prepared.own.iter().map(|(to, bytes)| (to, bytes.len() as u64));
        let reuse = Reuse::of(found, files.chain(own), &changed);
        if shares { reuse } else { reuse.times_alone() }
    }
}

/// Returns whether a file of the source and the published one are the same inode.
pub(crate) fn is_shared(mirror: &Mirror, prepared: &Prepared, entry: &SourceEntry) -> bool {
    let there = mirror.store().look(&prepared.path.join(&entry.to)).ok().flatten();
    there.is_some_and(|there| {
        let found = (there.inode.1, there.size, Some(there.mtime));
        there.names > 1 && found == (entry.inode, entry.size, entry.mtime)
    })
}

/// Removes files that were moved from the source, and returns which of them stayed.
pub(crate) fn leave<'a>(moved: impl ParallelIterator<Item = &'a SourceEntry>) -> Vec<String> {
    let stayed = moved.filter_map(|entry| entry.remove().err());
    stayed.map(|problem| format!("published, but not removed from the source: {problem}")).collect()
}

/// Returns the last published builds of the other streams with the latest publishes, and adds when their inodes
/// changed.
fn last_of_others(mirror: &Mirror, stream: &Stream, changed: &mut BTreeMap<u64, i128>) -> Vec<BuildId> {
    if !mirror.store().abilities().inodes {
        return Vec::new();
    }
    let streams = mirror.noted_streams().unwrap_or_default();
    let others = streams.into_iter().filter(|other| other != stream).take(OTHERS);
    let last = others.filter_map(|other| {
        let notes = mirror.inodes(&other)?;
        for (inode, time) in notes.changed {
            // Of two streams that have the file, the later one made the last link.
            let known = changed.entry(inode).or_insert(time);
            *known = time.max(*known);
        }
        Some(BuildId::new(other, notes.build))
    });
    last.collect()
}

/// The number of other streams that are searched, each in its last published build.
const OTHERS: usize = 8;
