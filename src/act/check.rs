//! Whether a mirror is what its layout says: looking at everything once, and having it judged.
//!
//! Nothing is changed and no link is followed. One build at a time is held in memory on each thread, so that the
//! number of files in a mirror does not matter. What cannot be looked at becomes a finding.

use super::disk::Disk;
use super::look::{Looking, Outside};
use super::watch::{Interrupted, Stop};
use crate::decide::comply::{Finding, Seen, Terms, comply, comply_build};
use crate::mirror::{JournalError, KeptError, Mirror, Trouble, chain, survey};
use crate::record::{EventKind, Phase};
use crate::store::StoreError;
use crate::word::{BuildId, RelPath, Stamp};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// What a check found.
#[derive(Debug, Default)]
pub struct CheckReport {
    /// The findings, sorted by path.
    pub findings: Vec<Finding>,
    /// How many builds were looked at.
    pub builds: u64,
    /// How many things were looked at in them.
    pub entries: u64,
}

/// Says why a mirror could not be checked.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// What is kept of the builds cannot be read.
    #[error(transparent)]
    Kept(#[from] KeptError),
    /// The store failed.
    #[error("cannot look at the mirror")]
    Store(#[from] StoreError),
    /// Somebody asked to stop.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

/// What a look at one build leaves.
type Part = (BuildId, BTreeSet<String>, u64, Vec<Finding>);

/// Holds what is there, or what is there below `scope`, against the layout.
pub fn check(
    mirror: &Mirror,
    scope: &RelPath,
    terms: Terms<'_>,
    stop: &Stop,
    now: Stamp,
) -> Result<CheckReport, CheckError> {
    let disk = Disk::of(mirror);
    let looking = Looking { mirror, disk: disk.as_ref() };
    let surveyed = survey(mirror, now)?;
    let outside = looking.outside()?;
    let (damaged, unread) = told(mirror, &surveyed.troubles);
    let paths: Vec<(BuildId, RelPath)> = (surveyed.census.builds())
        .map(|(id, _)| (mirror.layout().build_path(&id).unwrap_or_else(|_| id.as_path()), id))
        .filter(|(path, _)| path.is_within(scope) || scope.is_within(path))
        .map(|(path, id)| (id, path))
        .collect();
    let parts: Vec<Result<Part, Interrupted>> = paths
        .into_par_iter()
        .with_max_len(1)
        .map(|(id, path)| {
            stop.check()?;
            let seen = looking.build(&id, &path);
            let tops = seen.entries.iter().filter(|entry| entry.path.depth() == 1);
            let tops = tops.map(|entry| entry.path.name().to_owned()).collect();
            let census = surveyed.census.build(&id);
            let found = census.map(|census| comply_build(&seen, census, mirror.layout(), now));
            Ok((id, tops, seen.entries.len() as u64, found.unwrap_or_default()))
        })
        .collect();
    let mut report = CheckReport::default();
    let mut tops = BTreeMap::new();
    for part in parts {
        let (id, top, entries, findings) = part?;
        tops.insert(id, top);
        report.builds += 1;
        report.entries += entries;
        report.findings.extend(findings);
    }
    let Outside { entries, odd, links, unread: hidden } = outside;
    let aliases = looking.aliases(&surveyed.census, links);
    let seen = Seen {
        census: surveyed.census,
        outside: entries,
        odd,
        aliases,
        records: mirror.recorded()?,
        known: known(mirror)?,
        damaged,
        tops,
        stale: super::recover::stale(mirror, now)?,
        unread: hidden.into_iter().chain(unread).collect(),
    };
    report.findings.extend(comply(&seen, mirror.layout(), terms));
    report.findings.retain(|found| is_below(&found.path, scope));
    report.findings.sort();
    report.findings.dedup();
    Ok(report)
}

/// Returns whether a finding is of what was asked for; an odd name is no path, so this is told by the text.
fn is_below(path: &str, scope: &RelPath) -> bool {
    let rest = path.strip_prefix(scope.as_str());
    scope.is_root() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Returns the builds that the journal says were taken in here.
fn known(mirror: &Mirror) -> Result<Vec<BuildId>, JournalError> {
    let events = mirror.history(&[EventKind::Published, EventKind::Adopted])?;
    let done = events.iter().filter(|event| event.phase == Phase::Done);
    Ok(done.filter_map(|event| event.to.parse().ok()).collect())
}

/// Builds of which what is kept is damaged, and paths that could not be read, each with the reason.
type Told = (Vec<(BuildId, String)>, Vec<(RelPath, String)>);

/// Tells what the survey could not read.
fn told(mirror: &Mirror, troubles: &[Trouble]) -> Told {
    let mut told = Told::default();
    for Trouble { path, error } in troubles {
        match (mirror.layout().place(path), error) {
            (crate::layout::Place::Build { build }, KeptError::Record(..)) => {
                told.0.push((build, chain(error)));
            }
            _ => told.1.push((path.clone(), chain(error))),
        }
    }
    told
}
