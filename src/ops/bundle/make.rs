//! Making a bundle by hand, from the builds to which the alias points now.

use super::{BundleError, Made, Members, bundled, links, publish, through_old};
use crate::commit::repoint::{Moved, repoint};
use crate::layout::Bundle;
use crate::mirror::{WriteLock, survey};
use crate::model::{BuildId, Stream};
use crate::ops::Mode;
use crate::ops::publish::PublishOutcome;
use crate::session::Session;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// How often members may move while a bundle of them is published.
pub(crate) const TRIES: usize = 5;

/// The result of making a bundle.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct BundleReport {
    /// The stream.
    pub stream: Stream,
    /// The build.
    pub id: BuildId,
    /// Whether it was published now, or already existed.
    pub outcome: PublishOutcome,
    /// Its members, in their order.
    pub members: Vec<BuildId>,
    /// The aliases that moved.
    pub aliases: Vec<Moved>,
    /// Warnings for the user.
    pub warnings: Vec<String>,
}

/// Makes the bundle of a stream, and points its link to it.
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
        let members = Members::read(mirror, (&survey.census, &survey.troubles), &bundle, &BTreeMap::new())?;
        let act = if mode == Mode::Real { publish } else { bundled };
        let Made { id, outcome, mut aliases, warnings } = act(session, &bundle, &members)?;
        if mode == Mode::Trial {
            let moves = links(mirror, &bundle, &id)?.into_iter().filter(|step| step.from != step.to);
            aliases.extend(moves.map(|step| Moved { alias: step.alias, from: step.from, to: step.to }));
        } else {
            let lock = session.begin()?;
            if !members.still(mirror, &bundle)? {
                continue;
            }
            aliases.extend(point(&lock, &bundle, &id)?);
        }
        let (stream, members) = (stream.clone(), members.builds);
        return Ok(BundleReport { stream, id, outcome, members, aliases, warnings });
    }
    Err(BundleError::Moving(stream.clone()))
}

/// Points the link to a build, and makes the files reachable through it; a reader sees one set at any moment.
fn point(lock: &WriteLock<'_>, bundle: &Bundle, id: &BuildId) -> Result<Vec<Moved>, BundleError> {
    let mut moved = Vec::new();
    let mut moves = links(lock.mirror(), bundle, id)?;
    match through_old(lock, &moves)? {
        Some(old) => moved.push(old),
        // If no file is reachable yet, the link comes first, so that none dangles.
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
