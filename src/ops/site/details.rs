//! What the page of a build has beyond the census: its files, its commits and what changed since the build before.
//!
//! All follow from the digests of SHA256SUMS of the two builds, so they are read only for a page that is written.

use super::{Shown, SiteError};
use crate::mirror::{Mirror, StateError, chain};
use crate::model::BuildId;
use crate::ops::diff::{BuildsDiff, DiffError, context_of, diff};
use crate::ops::retention::concern::fails_for_the_moment;
use crate::record::{Context, Manifest};

/// What is known of a build beyond the census.
#[derive(Debug, Clone, Default)]
pub struct Details {
    /// What is in it; nothing where no record says it.
    pub manifest: Option<Manifest>,
    /// The commits from which it was made.
    pub context: Option<Context>,
    /// What changed since the build before.
    pub diff: Option<BuildsDiff>,
}

impl Details {
    /// Reads what is known; what is damaged or missing is not known.
    pub(super) fn read(mirror: &Mirror, shown: Shown<'_>) -> Result<Self, SiteError> {
        let id: &BuildId = &shown.build.id;
        let manifest =
            known(mirror.manifest(id), |error: &StateError| fails_for_the_moment(error))?.flatten();
        let unread = |error: &DiffError| fails_for_the_moment(error);
        let context = known(context_of(mirror, id), unread)?.flatten();
        let before = shown.before.filter(|_| manifest.is_some());
        let diff = before.map(|before| known(diff(mirror, &before.id, id), unread)).transpose()?.flatten();
        Ok(Self { manifest, context, diff })
    }
}

/// Returns what was read; nothing where it is damaged.
fn known<T, E: std::error::Error + 'static>(
    read: Result<T, E>,
    for_the_moment: impl Fn(&E) -> bool,
) -> Result<Option<T>, SiteError> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) if for_the_moment(&error) => Err(SiteError::Failing(chain(&error))),
        Err(_) => Ok(None),
    }
}
