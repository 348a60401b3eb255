//! Where the addresses of retired streams are now: for the rules of a web server.

use super::RetireError;
use super::keep::kept;
use super::removed::removed;
use super::stub;
use crate::mirror::{Mirror, survey_stream};
use crate::model::{BuildId, RelPath, Stamp};
use crate::ops::withdraw::tombstones;
use crate::record::{Retirement, RetirementState};
use std::collections::BTreeSet;

/// The addresses of a build or a name that moved.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moved {
    /// Where it was in this mirror.
    pub at: RelPath,
    /// Its path in the archive.
    pub to: RelPath,
    /// The public address of the root of the archive; nothing where it is gone.
    pub url: Option<String>,
    /// The file that says why, for what is gone.
    pub stub: RelPath,
    /// Whether the redirect is for good: the retirement is complete.
    pub for_good: bool,
}

/// Returns what moved, sorted: builds and names of streams from the moment on at which they are redirected. Each build has a
/// rule of its own, since other streams may be below the directory of a stream. What stays has none, and neither has what a
/// person withdrew.
pub fn moved(mirror: &Mirror, now: Stamp) -> Result<Vec<Moved>, RetireError> {
    let mut all = Vec::new();
    let retirements = mirror.retirements()?.into_values().filter_map(Result::ok);
    let due: Vec<Retirement> = retirements.filter(|one| one.redirect_since.is_some()).collect();
    if due.is_empty() {
        return Ok(all);
    }
    let (gone, withdrawn) = (removed(mirror)?, tombstones(mirror)?);
    for one in due {
        let census = survey_stream(mirror, &one.stream, now)?.census;
        let kept = kept(mirror, &census, &one.stream, &one.keep);
        let there = census.builds().map(|(id, _)| id);
        let of: BTreeSet<BuildId> = there
            .chain(gone.iter().cloned())
            .filter(|id| id.stream == one.stream && !kept.contains(id))
            .filter(|id| !withdrawn.contains_key(&id.to_string()))
            .collect();
        let mut paths = BTreeSet::new();
        for id in &of {
            paths.insert(mirror.layout().build_path(id)?);
        }
        let stub = stub::path(mirror, &one.stream)?;
        let for_good = one.state() == RetirementState::Retired;
        let rule =
            |at: RelPath, to: RelPath| Moved { at, to, url: one.url.clone(), stub: stub.clone(), for_good };
        let names = one.names.iter().filter(|(_, to)| paths.contains(*to));
        all.extend(names.map(|(name, to)| rule(name.clone(), to.clone())));
        all.extend(paths.iter().map(|at| rule(at.clone(), at.clone())));
    }
    all.sort();
    Ok(all)
}
