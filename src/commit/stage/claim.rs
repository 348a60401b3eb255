//! What a publisher whose build is named by the clock notes in its stage, so that the same command resumes it.

use crate::commit::stage::place::{STAGE_TERM, stage_of};
use crate::commit::stage::sealed::Underway;
use crate::mirror::{Mirror, RECORD_LIMIT};
use crate::model::{BuildId, Digest, RelPath, Stamp};
use crate::store::{Put, Store, StoreError};
use serde::{Deserialize, Serialize};

/// Which build is in a stage, and from what it is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Claim {
    /// The version of this form.
    #[serde(rename = "claim")]
    form: u32,
    /// Which build.
    pub(crate) id: BuildId,
    /// The digest of what is published.
    digest: Digest,
}

impl Claim {
    /// The name of the note in a stage.
    pub(crate) const NAME: &str = "claim.json";

    /// Returns the claim on the stage of a build that is made from what the digest names.
    pub(crate) fn new(id: BuildId, digest: Digest) -> Self {
        Self { form: 1, id, digest }
    }

    /// Notes the claim in the stage of the build, whose ticket the caller holds.
    pub(crate) fn note(&self, store: &dyn Store) -> Result<(), StoreError> {
        // A claim is plain data.
        let text = serde_json::to_vec(self).unwrap_or_default();
        store.put(&Self::place(&stage_of(&self.id)), &text, Put::Replace)
    }

    /// Returns the build that an interrupted publish of the same left in a stage less than a day ago, unless a process
    /// holds that stage; of several the one that was touched last.
    pub(crate) fn interrupted(&self, mirror: &Mirror, now: Stamp) -> Result<Option<BuildId>, StoreError> {
        let store = mirror.store();
        let mut found = None;
        for at in mirror.list_state(&RelPath::state("stage"))? {
            // What cannot be read is not resumed.
            let claim = Self::read(store, &at).ok().flatten();
            let Some(claim) = claim.filter(|claim| claim.digest == self.digest) else { continue };
            let is_its_own = claim.id.stream == self.id.stream && stage_of(&claim.id) == at;
            let touched = touched(store, &at)?;
            if is_its_own && now.unix() - touched < STAGE_TERM && !is_held(store, &at)? {
                found = found.max(Some((touched, claim.id)));
            }
        }
        Ok(found.map(|(_, id)| id))
    }

    /// Reads the note of a stage; nothing when it has none.
    pub(crate) fn read(store: &dyn Store, stage: &RelPath) -> Result<Option<Self>, StoreError> {
        match store.read(&Self::place(stage), RECORD_LIMIT) {
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
            // Of another form it is not ours to resume.
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        }
    }

    /// Returns where the note of a stage is.
    pub(crate) fn place(stage: &RelPath) -> RelPath {
        stage.child(Self::NAME).unwrap_or_default()
    }
}

/// Returns whether a process holds a stage.
pub(crate) fn is_held(store: &dyn Store, stage: &RelPath) -> Result<bool, StoreError> {
    store.is_held(&stage.child("ticket").unwrap_or_default())
}

/// Returns when a stage was last worked at, in seconds since 1970.
pub(crate) fn touched(store: &dyn Store, at: &RelPath) -> Result<i64, StoreError> {
    let mut seen = store.look(at)?;
    for sign in [Claim::place(at), at.child("progress").unwrap_or_default(), Underway::place(at)] {
        seen = store.look(&sign)?.or(seen);
    }
    Ok(seen.map_or(i64::MAX, |seen| seen.ctime))
}
