//! What was written of a site, so that nothing is written again that is the same.
//!
//! The file is written after everything that it states, and may be lost: then what is there is read.

use super::{Simulated, SiteFacts};
use crate::mirror::{Mirror, SITE_STATE};
use crate::model::{Digest, RelPath};
use crate::store::{Guard, Put, StoreError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of this form.
const VERSION: u32 = 2;

/// More than a state ever has, in bytes.
const LIMIT: u64 = 256 << 20;

/// What was written of a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SiteState {
    /// The version of this form: 2.
    pub(super) site: u32,
    /// The id of the mirror.
    pub(super) mirror: String,
    /// The directory of the site in the mirror.
    pub(super) path: RelPath,
    /// Whether files were being written, so that it is not known which of them are there: a kill or a full disk leaves it so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) writing: bool,
    /// The digest of each file, by its path in the site.
    #[serde(with = "short")]
    pub(super) files: BTreeMap<RelPath, Digest>,
    /// The digest of what the page of each build was made from, by its path in the site.
    #[serde(with = "short")]
    pub(super) inputs: BTreeMap<RelPath, Digest>,
    /// What was simulated for the forecast of the disk, so that it is not simulated again for the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) simulated: Option<Simulated>,
}

impl SiteState {
    /// Returns the state of a site of which nothing is written.
    pub(super) fn of(facts: &SiteFacts) -> Self {
        Self {
            site: VERSION,
            mirror: facts.mirror.clone(),
            path: facts.path.clone(),
            writing: false,
            files: BTreeMap::new(),
            inputs: BTreeMap::new(),
            simulated: facts.forecast.as_ref().map(|forecast| forecast.simulated.clone()),
        }
    }

    fn place() -> RelPath {
        RelPath::state(SITE_STATE)
    }

    /// Returns what was written in a mirror; nothing where that is not known.
    pub(super) fn read(mirror: &Mirror) -> Result<Option<Self>, StoreError> {
        let state: Option<Self> = mirror.noted(&Self::place(), LIMIT)?;
        Ok(state.filter(|state| state.site == VERSION && state.mirror == mirror.config().id))
    }

    /// Writes down what was written.
    pub(super) fn keep(&self, mirror: &Mirror) -> Result<(), StoreError> {
        // A state is plain data.
        let text = serde_json::to_vec(self).unwrap_or_default();
        mirror.store().put(&Self::place(), &text, Put::ReplaceSoon)
    }
}

/// Digests by their paths, without what all paths of a directory have in common: a state is written with every change.
mod short {
    use crate::model::{Digest, RelPath};
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::collections::BTreeMap;

    pub(super) fn serialize<S: Serializer>(
        digests: &BTreeMap<RelPath, Digest>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let mut dirs: BTreeMap<String, BTreeMap<&str, String>> = BTreeMap::new();
        for (path, digest) in digests {
            let dir = path.parent().map(|dir| dir.as_str().to_owned()).unwrap_or_default();
            dirs.entry(dir).or_default().insert(path.name(), BASE64.encode(digest.as_bytes()));
        }
        dirs.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<BTreeMap<RelPath, Digest>, D::Error> {
        let dirs: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::deserialize(from)?;
        let mut digests = BTreeMap::new();
        for (dir, files) in dirs {
            let dir: RelPath =
                if dir.is_empty() { RelPath::root() } else { dir.parse().map_err(D::Error::custom)? };
            for (name, digest) in files {
                let path = dir.child(&name).map_err(D::Error::custom)?;
                let bytes: Option<[u8; 32]> =
                    BASE64.decode(digest).ok().and_then(|bytes| bytes.try_into().ok());
                let digest = bytes.map(Digest::from).ok_or_else(|| D::Error::custom("not a digest"))?;
                digests.insert(path, digest);
            }
        }
        Ok(digests)
    }
}

/// Takes the right to write the site, waiting for others as for the lock of the mirror.
pub(super) fn alone(mirror: &Mirror) -> Result<Guard, StoreError> {
    mirror.store().lock(&RelPath::state("site.lock"), mirror.who(), mirror.wait())
}
