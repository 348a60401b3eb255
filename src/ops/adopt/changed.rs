//! Changes that other programs made in the mirror, accepted at the user's request.
//!
//! A build whose tree differs from its manifest gets a new manifest and record; its labels and holds stay. Records of
//! missing builds are removed, and aliases that were moved by hand are recorded with their present targets. The trees
//! and the links themselves stay unchanged.

use crate::census::Census;
use crate::commit::repoint::{Moved, pointed_at};
use crate::decide::check::{SeenBuild, changes};
use crate::mirror::look_at_tree;
use crate::model::{BuildId, Digest, Outcome, RelPath};
use crate::ops::adopt::request::{AdoptOptions, AdoptReport, Adopted, Changed, Scope, SkippedBuild, Stopped};
use crate::ops::adopt::taking::Taking;
use crate::ops::observe::observer::Observer;
use crate::ops::{ActError, Mode};
use crate::record::{BuildRecord, Payload};
use crate::session::Session;
use std::collections::BTreeSet;

/// Makes the record of a build again if its tree differs from its manifest; otherwise does nothing.
pub(crate) fn again(taking: Taking<'_>, id: &BuildId) -> Result<Option<Adopted>, Stopped> {
    let mirror = taking.session.mirror();
    let refuse = |why: String| Err(Stopped::Build(why));
    let path = mirror.layout().build_path(id).unwrap_or_else(|_| id.as_path());
    let Some(before) = mirror.record(id)? else { return Ok(None) };
    let walked = mirror.apart().walk(id, &path)?;
    let told = look_at_tree(mirror, id, &walked)?;
    let seen = Observer { mirror, disk: None }.build(id, &path, walked);
    let changed = match changes(&seen, mirror.layout(), &BTreeSet::new()) {
        Ok(changed) => changed.is_some() || is_stale(&before, &seen),
        Err(error) => return refuse(format!("its manifest: {error}")),
    };
    // The results and labels that its markers show now replace those of the record.
    let said = matches!(told.result, Outcome::Success | Outcome::Fail | Outcome::Empty);
    // Only `verify` finds a change that keeps size and time; a build that the user names is read in any case.
    let read =
        taking.adopting.changed == Changed::Rewrite && matches!(taking.adopting.scope, Scope::Build(_));
    if !changed && !read && (!said || told.result == before.result) {
        return Ok(None);
    }
    let mut census = told;
    if !said {
        census.result = before.result;
    }
    (census.created, census.seq, census.published) = (before.created, before.seq, before.published);
    census.requires.extend(before.requires.iter().cloned());
    census.requires.sort();
    census.requires.dedup();
    Taking { before: Some(before), ..taking }.build(id, &census).map(Some)
}

/// Returns whether a record has the digest of another SHA256SUMS than the present one: an earlier run was interrupted
/// before it wrote the list, or someone changed only the list.
fn is_stale(before: &BuildRecord, seen: &SeenBuild) -> bool {
    seen.sums.as_ref().map(|bytes| Digest::of(bytes)) != before.sums
}

/// Removes the records of missing builds, and records where aliases point; returns whether there were any.
pub(crate) fn settle_rest(
    session: &Session<'_>,
    adopting: &AdoptOptions,
    census: &Census,
    report: &mut AdoptReport,
) -> Result<bool, ActError> {
    let mirror = session.mirror();
    let told = mirror.expected_state()?;
    let there: BTreeSet<BuildId> = census.builds().map(|(id, _)| id).collect();
    let known: BTreeSet<BuildId> = mirror.recorded()?.into_iter().chain(told.builds).collect();
    for id in known.into_iter().filter(|id| !there.contains(id)) {
        if !adopting.scope.has(&id) {
            continue;
        }
        let home = mirror.layout().stream_path(&id.stream).unwrap_or_default();
        if adopting.scope == Scope::All && mirror.store().look(&home)?.is_none() {
            // If a whole stream is missing, its file system may not be mounted.
            let why = format!("`{home}` is missing; name the stream to remove its records");
            report.left.push(SkippedBuild { path: id.to_string(), why });
            continue;
        }
        if adopting.mode == Mode::Trial || forget(session, &id)? {
            report.forgotten.push(id);
        }
    }
    for (alias, led) in &told.aliases {
        let within = match &adopting.scope {
            // The directory may be on a file system that is not mounted.
            Scope::All => mirror.store().look(&alias.parent().unwrap_or_default())?.is_some(),
            Scope::Stream(stream) => {
                let home = mirror.layout().stream_path(stream).ok();
                home.is_some_and(|home| alias.parent() == Some(home))
            }
            Scope::Build(_) => false,
        };
        if within && let Some(moved) = note(session, adopting.mode, alias, led.as_ref())? {
            report.noted.push(moved);
        }
    }
    Ok(!report.forgotten.is_empty())
}

/// Removes the record of a build, unless the build is back.
fn forget(session: &Session<'_>, id: &BuildId) -> Result<bool, ActError> {
    let lock = session.begin()?;
    if lock.mirror().has_build(id)? {
        return Ok(false);
    }
    let now = lock.now();
    let pending = lock.begin(now, id, &Payload::Lost {})?;
    lock.forget(id)?;
    pending.done(now)?;
    Ok(true)
}

/// Records where an alias points, if that is not where it `led`; a link out of the mirror is not an alias.
fn note(
    session: &Session<'_>,
    mode: Mode,
    alias: &RelPath,
    led: Option<&RelPath>,
) -> Result<Option<Moved>, ActError> {
    let mirror = session.mirror();
    let leads = || -> Result<Option<Option<RelPath>>, ActError> {
        let to = pointed_at(mirror, alias)?;
        let is_there = mirror.store().look(alias)?.is_some();
        Ok((to.as_ref() != led && (to.is_some() || !is_there)).then_some(to))
    };
    let Some(mut to) = leads()? else { return Ok(None) };
    if mode == Mode::Real {
        let lock = session.begin()?;
        match leads()? {
            Some(now) => to = now,
            None => return Ok(None),
        }
        let (from, by_hand) = (led.cloned(), true);
        let payload = match to.clone() {
            Some(to) => Payload::Aliased { from, to, by_hand, why: None },
            None => Payload::Unaliased { from, by_hand, why: None },
        };
        lock.note(lock.now(), alias, &payload)?;
    }
    Ok(Some(Moved { alias: alias.clone(), from: led.cloned(), to }))
}
