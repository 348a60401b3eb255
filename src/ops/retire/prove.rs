//! Copying the builds of a stream to its archive, and reading each byte there.

use super::RetireError;
use crate::model::{BuildId, Digest};
use crate::ops::archive::{Archiving, archive, open};
use crate::ops::{Mode, Opener};
use crate::record::Retirement;
use crate::session::Session;
use std::collections::{BTreeMap, BTreeSet};

/// What the archive proved.
#[derive(Debug, Clone)]
pub(super) enum Proof {
    /// No archive was asked for.
    NotNeeded,
    /// These builds, each with the digest of its content here.
    Proved(BTreeMap<BuildId, Digest>),
}

impl Proof {
    /// Returns the number of builds that were proved.
    pub(super) fn count(&self) -> u64 {
        match self {
            Self::NotNeeded => 0,
            Self::Proved(builds) => builds.len() as u64,
        }
    }
}

/// Copies builds to the archive of a retirement, holds them there and reads them; fails if one of them is not proved.
pub(super) fn prove(
    session: &Session<'_>,
    one: &Retirement,
    builds: &BTreeSet<BuildId>,
    opener: &Opener<'_>,
    mode: Mode,
) -> Result<Proof, RetireError> {
    let Some(expected) = &one.archive else { return Ok(Proof::NotNeeded) };
    let mirror = session.mirror();
    let there = open(mirror, &expected.address, opener)?;
    if there.config().id != expected.id {
        return Err(RetireError::OtherArchive {
            stream: one.stream.clone(),
            found: format!("the archive `{}` ({})", expected.address, expected.id),
            given: format!("another mirror is at this address now ({})", there.config().id),
        });
    }
    if builds.is_empty() {
        return Ok(Proof::Proved(BTreeMap::new()));
    }
    let archiving = Archiving { builds: builds.iter().cloned().collect(), until: None, mode };
    let done = archive(session, &there, &archiving)?;
    done.warnings.iter().for_each(|why| mirror.warnings().add(why.clone()));
    match done.failures.first() {
        Some(first) => Err(RetireError::Unproved {
            count: done.failures.len(),
            first: first.path.clone(),
            why: first.error.clone(),
        }),
        None => Ok(Proof::Proved(done.proved)),
    }
}
