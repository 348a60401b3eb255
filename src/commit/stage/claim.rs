//! The note of a publisher, whose build is named by the clock, in its stage, so that the same command resumes it.

use crate::commit::stage::place::{STAGE_TERM, stage_of};
use crate::commit::stage::sealed::Underway;
use crate::mirror::{Mirror, RECORD_LIMIT};
use crate::model::{BuildId, Digest, RelPath, Stamp};
use crate::store::{Put, Store, StoreError};
use serde::{Deserialize, Serialize};

/// Which build is in a stage, and what it is made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Claim {
    /// The version of this form.
    #[serde(rename = "claim")]
    form: u32,
    /// The ID of the build.
    pub(crate) id: BuildId,
    /// The digest of what is published.
    digest: Digest,
}

impl Claim {
    /// The name of the note in a stage.
    pub(crate) const NAME: &str = "claim.json";

    /// Returns the claim on the stage of a build that is made from what has this digest.
    pub(crate) fn new(id: BuildId, digest: Digest) -> Self {
        Self { form: 1, id, digest }
    }

    /// Writes the claim into the stage of the build, whose ticket the caller has locked.
    pub(crate) fn note(&self, store: &dyn Store) -> Result<(), StoreError> {
        // Plain data always serializes.
        let text = serde_json::to_vec(self).unwrap_or_default();
        store.put(&Self::place(&stage_of(&self.id)), &text, Put::Replace)
    }

    /// Returns the build that an interrupted equal publish left in a stage less than a day ago, unless a process has
    /// locked that stage; of several, the one that was last written.
    pub(crate) fn interrupted(&self, mirror: &Mirror, now: Stamp) -> Result<Option<BuildId>, StoreError> {
        let store = mirror.store();
        let mut found = None;
        for at in mirror.list_state(&RelPath::state("stage"))? {
            // An unreadable stage is not resumed.
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
            // A note of another form cannot be resumed here.
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        }
    }

    /// Returns the path of the note of a stage.
    pub(crate) fn place(stage: &RelPath) -> RelPath {
        stage.child(Self::NAME).unwrap_or_default()
    }
}

/// Returns whether a process has locked a stage.
pub(crate) fn is_held(store: &dyn Store, stage: &RelPath) -> Result<bool, StoreError> {
    store.is_held(&stage.child("ticket").unwrap_or_default())
}

/// Returns when a stage was last written, in seconds since 1970.
pub(crate) fn touched(store: &dyn Store, at: &RelPath) -> Result<i64, StoreError> {
    let mut seen = store.look(at)?;
    for sign in [Claim::place(at), at.child("progress").unwrap_or_default(), Underway::place(at)] {
        seen = store.look(&sign)?.or(seen);
    }
    Ok(seen.map_or(i64::MAX, |seen| seen.ctime))
}
