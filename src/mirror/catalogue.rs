//! The contents of the seals of a stream in one object, so that a plan reads one object for each stream and not one
//! for each build.
//!
//! A catalogue is a copy and never trusted by itself: each record in it is stored with the version of its seal, and
//! counts only while the store lists exactly that version. Missing or damaged entries are read from the seals.
//! Commands that change the mirror write it, once enough seals are missing from it.

use super::records::RECORD_LIMIT;
use super::{Kept, Mirror, StateError, Tree, WriteLock};
use crate::model::{BuildId, RelPath, Stream};
use crate::record::BuildRecord;
use crate::store::{Below, Put, StoreError};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The version of the form.
const VERSION: u32 = 1;

/// More bytes than a catalogue ever has.
const LIMIT: u64 = 256 << 20;

/// How many seals may be missing from a catalogue before it is written again.
const MISSING: usize = 16;

/// A catalogue, as it is written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalogue {
    catalogue: u32,
    seals: Vec<Known>,
}

/// The contents of one seal.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    version: String,
    record: BuildRecord,
}

/// A seal as the store lists it.
pub(super) struct Listed {
    pub(super) id: BuildId,
    found: Below,
}

/// A build that has a seal, and the seal's contents.
pub(super) type Sealed = (BuildId, Kept);

impl Mirror {
    /// Returns every build that has a seal, of one stream or of all, with the seals' contents.
    ///
    /// A seal that is listed and not found was removed: some stores list it for a while after one of their machines
    /// failed.
    pub(super) fn sealed_records(&self, stream: Option<&Stream>) -> Result<Vec<Sealed>, StateError> {
        let listed = self.seals(stream)?;
        let streams: BTreeSet<&Stream> = listed.iter().map(|seal| &seal.id.stream).collect();
        let known: HashMap<BuildId, Known> =
            streams.into_par_iter().flat_map_iter(|stream| self.catalogue(stream)).collect();
        let read = |seal: Listed| match known.get(&seal.id).filter(|known| seal.is(known)) {
            Some(known) => Some((seal.id, Ok(Some(known.record.clone())))),
            None => match self.record(&seal.id) {
                Ok(None) => None,
                record => Some((seal.id, record)),
            },
        };
        Ok(listed.into_par_iter().filter_map(read).collect())
    }

    /// Returns the seals that the store lists.
    pub(super) fn seals(&self, stream: Option<&Stream>) -> Result<Vec<Listed>, StateError> {
        let top = RelPath::state(Tree::Builds.dir());
        let dir = stream.map_or(top.clone(), |stream| top.join(stream.as_path()));
        let mut seals = Vec::new();
        for found in self.store().below(&dir)? {
            let id = Tree::Builds.build_at(&found.path);
            let id = id.ok_or_else(|| StateError::StrangeSeal(found.path.clone()))?;
            // A stream may be below another one.
            if stream.is_none_or(|stream| id.stream == *stream) {
                seals.push(Listed { id, found });
            }
        }
        Ok(seals)
    }

    /// Returns the contents of the catalogue of a stream; nothing if it cannot be used.
    fn catalogue(&self, stream: &Stream) -> Vec<(BuildId, Known)> {
        let read = self.store().read(&place(stream), LIMIT).ok();
        let read: Option<Catalogue> = read.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let known = read.filter(|read| read.catalogue == VERSION).map(|read| read.seals);
        known.into_iter().flatten().map(|known| (known.record.id.clone(), known)).collect()
    }
}

impl Listed {
    /// Returns whether the entry is of exactly this seal.
    fn is(&self, known: &Known) -> bool {
        self.found.version.as_ref() == Some(&known.version)
    }
}

impl WriteLock<'_> {
    /// Writes the catalogues of one stream or of all again, if enough seals are missing from them.
    pub fn keep_catalogues(&self, stream: Option<&Stream>) -> Result<(), StateError> {
        let mirror = self.mirror();
        if !mirror.store().abilities().lists_versions {
            return Ok(());
        }
        let mut streams: BTreeMap<Stream, Vec<Listed>> = BTreeMap::new();
        for seal in mirror.seals(stream)? {
            streams.entry(seal.id.stream.clone()).or_default().push(seal);
        }
        for (stream, seals) in streams {
            let mut known: HashMap<BuildId, Known> = mirror.catalogue(&stream).into_iter().collect();
            let fits = |seal: &Listed| known.get(&seal.id).is_some_and(|known| seal.is(known));
            let missing = seals.iter().filter(|seal| !fits(seal)).count();
            let gone = (known.len() + missing).saturating_sub(seals.len());
            if missing.max(gone) < MISSING {
                continue;
            }
            let mut kept = Vec::new();
            for seal in seals {
                let Some(version) = &seal.found.version else { continue };
                match known.remove(&seal.id).filter(|known| seal.is(known)) {
                    Some(known) => kept.push(known),
                    None => kept.extend(self.read_seal(&seal, version)?),
                }
            }
            // Plain data always serializes.
            let text = serde_json::to_vec(&Catalogue { catalogue: VERSION, seals: kept }).unwrap_or_default();
            mirror.store().put(&place(&stream), &text, Put::Replace)?;
        }
        Ok(())
    }

    /// Reads a seal for the catalogue; an invalid one is left to those who need it.
    ///
    /// Under the lock no process replaces it between the listing and the reading.
    fn read_seal(&self, seal: &Listed, version: &str) -> Result<Option<Known>, StoreError> {
        let bytes = match self.mirror().store().read(&seal.found.path, RECORD_LIMIT) {
            Err(error) if error.is_not_found() => return Ok(None),
            bytes => bytes?,
        };
        let record = BuildRecord::parse(&bytes, &seal.id).ok();
        Ok(record.map(|record| Known { version: version.to_owned(), record }))
    }
}

/// Returns the path of the catalogue of a stream.
fn place(stream: &Stream) -> RelPath {
    RelPath::state(&format!("catalogues/{stream}.json"))
}
