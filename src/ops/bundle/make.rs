//! Making a bundle by hand, of what the alias points to now.

use super::{BundleError, Members, links, publish, restored, through_old};
use crate::commit::repoint::{Moved, repoint};
use crate::layout::Bundle;
use crate::mirror::{WriteLock, survey};
use crate::model::{BuildId, Stream};
use crate::ops::Mode;
use crate::ops::publish::{PublishError, PublishOutcome};
use crate::session::Session;
use serde::Serialize;
use std::collections::BTreeMap;

/// How often members may move while a bundle of them is published.
pub(super) const TRIES: usize = 5;

/// What making a bundle did.
#[derive(Debug, Clone, Serialize)]
pub struct BundleReport {
    /// The stream.
    pub stream: Stream,
    /// The build.
    pub id: BuildId,
    /// Whether it was published now, or was there already.
    pub outcome: PublishOutcome,
    /// The builds of which it is made, in their order.
    pub members: Vec<BuildId>,
    /// The names that moved.
    pub aliases: Vec<Moved>,
    /// What a person should know.
    pub warnings: Vec<String>,
}

/// Makes the bundle of a stream, and lets its link resolve to it.
pub fn bundle(session: &Session<'_>, stream: &Stream, mode: Mode) -> Result<BundleReport, BundleError> {
    let mirror = session.mirror();
    let layout = mirror.layout();
    let bundle = layout.bundle(stream).ok_or_else(|| BundleError::NotDeclared {
        layout: layout.name().to_owned(),
        stream: stream.clone(),
        known: layout.bundle_shapes().map(str::to_owned).collect(),
    })?;
    for _ in 0..TRIES {
        let survey = survey(mirror, session.now())?;
        let members = Members::read(mirror, &survey, &bundle, &BTreeMap::new())?;
        let made = match publish(session, &bundle, &members, mode) {
            Err(BundleError::Publish(error)) if mode == Mode::Trial => match *error {
                PublishError::InTrash(id) => return would(session, &bundle, members, id),
                error => return Err(BundleError::Publish(Box::new(error))),
            },
            Err(error) if restored(session, &error)? => continue,
            made => made?,
        };
        let mut report = BundleReport {
            stream: stream.clone(),
            id: made.id,
            outcome: made.outcome,
            members: members.builds.clone(),
            aliases: made.aliases,
            warnings: made.warnings,
        };
        if mode == Mode::Trial {
            report.aliases.extend(would(session, &bundle, members, report.id.clone())?.aliases);
            return Ok(report);
        }
        let lock = session.begin()?;
        if members.still(mirror, &bundle)? {
            report.aliases.extend(point(&lock, &bundle, &report.id)?);
            return Ok(report);
        }
    }
    Err(BundleError::Moving(stream.clone()))
}

/// Returns what would be done with a build that is not there.
fn would(
    session: &Session<'_>,
    bundle: &Bundle,
    members: Members,
    id: BuildId,
) -> Result<BundleReport, BundleError> {
    let moves = links(session.mirror(), bundle, &id)?.into_iter().filter(|step| step.from != step.to);
    let aliases = moves.map(|step| Moved { alias: step.alias, from: step.from, to: step.to }).collect();
    Ok(BundleReport {
        stream: bundle.stream.clone(),
        id,
        outcome: PublishOutcome::Trial,
        members: members.builds,
        aliases,
        warnings: Vec::new(),
    })
}

/// Lets the link resolve to a build, and the files be seen through it; a reader sees one set at any moment.
fn point(lock: &WriteLock<'_>, bundle: &Bundle, id: &BuildId) -> Result<Vec<Moved>, BundleError> {
    let mut moved = Vec::new();
    let mut moves = links(lock.mirror(), bundle, id)?;
    match through_old(lock, &moves)? {
        Some(old) => moved.push(old),
        // Where no file is seen yet, the link comes first, so that none dangles.
        None if moves.last().is_some_and(|link| link.from.is_none()) => moves.rotate_right(1),
        None => {}
    }
    for step in moves {
        let to = step.to.unwrap_or_default();
        if crate::commit::pointed_at(lock.mirror(), &step.alias)?.as_ref() != Some(&to) {
            moved.push(repoint(lock, &step.alias, &to, lock.now())?);
        }
    }
    Ok(moved)
}
