//! What a person must look at after a nightly run, whether or not anything was due: as far as a census shows it.

use crate::census::{BuildCensus, Census};
use crate::decide::meets;
use crate::mirror::{Mirror, chain};
use crate::model::{BuildId, RelPath};
use serde::Serialize;
use std::collections::BTreeSet;

/// One thing that a person must look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Concern {
    /// Where.
    pub path: RelPath,
    /// What is wrong.
    pub why: String,
    /// A command that helps, if there is one.
    pub hint: Option<String>,
}

/// Returns the required aliases that resolve to nothing, and the builds that vanished.
pub(crate) fn concerns(mirror: &Mirror, census: &Census) -> Vec<Concern> {
    let broken = census.aliases.iter().filter(|alias| alias.required && alias.target.is_none());
    let mut concerns: Vec<Concern> = broken
        .map(|alias| {
            let why = alias.problem.as_deref().unwrap_or("it resolves to nothing");
            let hint = wanted(mirror, census, &alias.path).map(|build| {
                let (alias, name) = (&alias.path, &build.build);
                format!("`mirrorkeep alias set {alias} {name}` sets it to the newest build that fits")
            });
            Concern { path: alias.path.clone(), why: format!("the required alias is broken: {why}"), hint }
        })
        .collect();
    match vanished(mirror, census) {
        Ok(vanished) => concerns.extend(vanished.into_iter().map(|id| Concern {
            path: mirror.layout().build_path(&id).unwrap_or_else(|_| id.as_path()),
            why: "the build is recorded, was not pruned, and is missing".to_owned(),
            hint: Some(format!("put it back, or `mirrorkeep adopt --changed {id}` records that it is gone")),
        })),
        Err(why) => concerns.push(Concern {
            path: RelPath::own("builds"),
            why: format!("it is not known which builds should be there: {why}"),
            hint: None,
        }),
    }
    concerns
}

/// Returns the newest build that the rule of an alias allows.
fn wanted<'a>(mirror: &Mirror, census: &'a Census, alias: &RelPath) -> Option<&'a BuildCensus> {
    let dir = alias.parent().unwrap_or_default();
    let is_there = |stream: &&crate::census::StreamCensus| {
        mirror.layout().stream_path(&stream.stream).is_ok_and(|path| path == dir)
    };
    let stream = census.streams.iter().find(is_there)?;
    let rules = mirror.alias_rules(&stream.stream, &stream.builds);
    let rule = rules.iter().find(|rule| rule.name == alias.name())?;
    let fits = stream.builds.iter().filter(|build| meets(&rule.when, build));
    fits.max_by_key(|build| (build.created, build.seq, build.build.clone()))
}

/// Returns the builds that should be there and are not.
fn vanished(mirror: &Mirror, census: &Census) -> Result<BTreeSet<BuildId>, String> {
    let there: BTreeSet<BuildId> = census.builds().map(|(id, _)| id).collect();
    let mut vanished = mirror.expected().map_err(|error| chain(&error))?;
    // One that cannot be looked at is a trouble of the survey; one that came since the census is there.
    vanished.retain(|id| !there.contains(id) && mirror.has_build(id).is_ok_and(|is_there| !is_there));
    if vanished.is_empty() {
        return Ok(vanished);
    }
    // One that another command removed since the census is not expected any more.
    let expected = mirror.expected().map_err(|error| chain(&error))?;
    vanished.retain(|id| expected.contains(id));
    Ok(vanished)
}
