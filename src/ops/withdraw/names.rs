//! The names of a build that is withdrawn: where each goes, and which cannot move.

use super::UnmovedAlias;
use super::protections::line;
use crate::census::Census;
use crate::commit::pointed_at;
use crate::decide::{Age, Current, follow};
use crate::layout::{AliasRule, Condition};
use crate::mirror::{Mirror, build_of, pointing};
use crate::model::{BuildId, Outcome, RelPath, Stamp};
use crate::ops::ActError;

/// What becomes of the names of a build.
pub(super) struct Names {
    /// Names that move, and the build to which.
    pub(super) moves: Vec<(RelPath, BuildId)>,
    /// Names that stay and lead nowhere from then on.
    pub(super) left: Vec<UnmovedAlias>,
}

/// Returns what becomes of each name that leads to a build or into it.
pub(super) fn of(mirror: &Mirror, census: &Census, id: &BuildId) -> Result<Names, ActError> {
    let mut names = Names { moves: Vec::new(), left: Vec::new() };
    let path = mirror.layout().build_path(id)?;
    let others: Vec<_> = census.stream(&id.stream).map(|stream| stream.builds.clone()).unwrap_or_default();
    let others: Vec<_> = others.into_iter().filter(|build| build.build != id.name).collect();
    let age = |build: &crate::census::BuildCensus| Age::of(mirror.layout(), &id.stream, build);
    for alias in &census.aliases {
        let Some(target) = alias.target.as_ref().filter(|target| target.is_within(&path)) else { continue };
        let left = |why: &str| UnmovedAlias { alias: alias.path.clone(), why: why.to_owned() };
        if *target != path {
            names.left.push(left("it points into the build"));
            continue;
        }
        let direct = pointed_at(mirror, &alias.path)?;
        // A name that points at another name moves with that.
        if direct.as_ref().is_some_and(|direct| census.aliases.iter().any(|other| other.path == *direct)) {
            continue;
        }
        if build_of(mirror, &alias.path).is_some() {
            names.left.push(left("it is part of another build"));
            continue;
        }
        match follow(&rule(mirror, census, id, &alias.path), &others, &Current::Nowhere, None, age) {
            Some(to) => names.moves.push((alias.path.clone(), BuildId::new(id.stream.clone(), to.clone()))),
            None => names.left.push(left("the stream has no other build that it may point at")),
        }
    }
    Ok(names)
}

/// Returns the rule of a name: that of the layout or the mirror; without one it points at successes.
fn rule(mirror: &Mirror, census: &Census, id: &BuildId, alias: &RelPath) -> AliasRule {
    let builds = census.stream(&id.stream).map(|stream| &*stream.builds).unwrap_or_default();
    let dir = mirror.layout().stream_path(&id.stream).ok();
    let ruled = || {
        let rules = mirror.alias_rules(&id.stream, builds);
        rules.into_iter().find(|rule| rule.name == alias.name())
    };
    let in_stream = dir.is_some() && alias.parent() == dir;
    in_stream.then(ruled).flatten().unwrap_or_else(|| AliasRule {
        name: alias.name().to_owned(),
        when: Condition { results: vec![Outcome::Success], labels: std::collections::BTreeMap::new() },
        required: false,
    })
}

/// Returns what protects a build now that did not when it was looked at: a name that came, or a hold.
pub(super) fn protects(
    mirror: &Mirror,
    id: &BuildId,
    path: &RelPath,
    left: &[UnmovedAlias],
    now: Stamp,
) -> Result<Option<String>, ActError> {
    if let Some(hold) = mirror.holds_of(id)?.iter().find(|hold| hold.is_active(now)) {
        return Ok(Some(line(hold)));
    }
    let known = |link: &RelPath| left.iter().any(|left| left.alias == *link);
    let targets = pointing(mirror)?.targets;
    let name = targets.into_iter().find(|(link, target)| target.is_within(path) && !known(link));
    Ok(name.map(|(link, _)| format!("alias: {link} leads to it")))
}

/// Returns the copies of a build below names of an object store.
pub(super) fn copies(mirror: &Mirror, path: &RelPath) -> Result<Vec<RelPath>, ActError> {
    let mut copies = Vec::new();
    if !mirror.store().abilities().symlinks {
        for alias in mirror.materialized()? {
            let Some(state) = mirror.materialized_as(&alias)? else { continue };
            copies.extend(state.generations.iter().filter(|one| one.of == *path).map(|one| state.at(one)));
        }
    }
    Ok(copies)
}
