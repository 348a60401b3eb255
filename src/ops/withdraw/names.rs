//! The aliases of a build that is withdrawn: where each moves, and which cannot move.

use super::UnmovedAlias;
use super::protections::line;
use crate::census::{AliasCensus, BuildCensus, Census};
use crate::commit::{mover, pipeline_of, pointed_at};
use crate::decide::pipeline::{Moves, Pipeline, Stage, View, had};
use crate::decide::{Age, Current, follow, latest};
use crate::layout::{AliasRule, Condition};
use crate::mirror::{Mirror, Resolved, build_of, pointing};
use crate::model::{BuildId, Outcome, RelPath, Stamp, Stream};
use crate::ops::ActError;
use crate::ops::retention::plan::PlanError;
use std::collections::HashMap;

/// What happens to the aliases of a build.
pub(super) struct Names {
    /// Aliases that move, with their new targets: a build, or a path in one.
    pub(super) moves: Vec<(RelPath, RelPath)>,
    /// Aliases that stay, and then resolve to nothing.
    pub(super) left: Vec<UnmovedAlias>,
}

/// Where an alias moves that resolves to a build or into it.
#[derive(Debug, Clone)]
enum Goes {
    /// To another build.
    To(BuildId),
    /// To a path in another build.
    At(RelPath),
    /// To the same path below the new target of the alias through which it points.
    With(RelPath, BuildId),
    /// Nowhere, for this reason.
    Stays(String),
}

/// Returns what happens to each alias that resolves to a build or into it.
pub(super) fn of(mirror: &Mirror, census: &Census, id: &BuildId) -> Result<Names, ActError> {
    let path = mirror.layout().build_path(id)?;
    let mut names = Names { moves: Vec::new(), left: Vec::new() };
    let leads = |alias: &&AliasCensus| alias.target.as_ref().is_some_and(|target| target.is_within(&path));
    let leading: Vec<&AliasCensus> = census.aliases.iter().filter(leads).collect();
    let pipeline = pipeline_of(mirror).map_err(PlanError::from)?;
    let mut known = HashMap::new();
    for alias in &leading {
        let goes = goes(mirror, census, id, (alias, &leading, pipeline.as_ref()), &mut known)?;
        let stage = pipeline.as_ref().and_then(|pipeline| mover(mirror, pipeline, &alias.path));
        if let Some(stage) =
            stage.filter(|stage| stage.name == alias.path.name() && !stage.commands.is_empty())
        {
            let (name, stream) = (&stage.name, &id.stream);
            mirror.warnings().add(format!(
                "withdraw runs no command of the stage `{name}`; \
                 `mirrorkeep demote {name} --stream {stream} --why TEXT` does, before the build is withdrawn"
            ));
        }
        match goes {
            Goes::To(to) => names.moves.push((alias.path.clone(), mirror.layout().build_path(&to)?)),
            Goes::At(to) => names.moves.push((alias.path.clone(), to)),
            Goes::With(..) => {}
            Goes::Stays(why) => names.left.push(UnmovedAlias { alias: alias.path.clone(), why }),
        }
    }
    Ok(names)
}

/// Returns the streams whose current bundle is made of a build.
pub(super) fn bundles(mirror: &Mirror, census: &Census, id: &BuildId) -> Vec<Stream> {
    let needing = census.builds().filter(|(_, build)| build.requires.contains(id)).map(|(other, _)| other);
    let is_current = |other: &BuildId| {
        let link = mirror.layout().bundle(&other.stream).map(|bundle| bundle.link);
        let link = link.and_then(|link| mirror.layout().stream_path(&other.stream).ok()?.child(&link).ok());
        let path = mirror.layout().build_path(other).ok();
        census.aliases.iter().any(|alias| Some(&alias.path) == link.as_ref() && alias.target == path)
    };
    needing.filter(is_current).map(|other| other.stream).collect()
}

/// Returns where one of the aliases that resolve to a build moves.
fn goes(
    mirror: &Mirror,
    census: &Census,
    id: &BuildId,
    (alias, leading, pipeline): (&AliasCensus, &[&AliasCensus], Option<&Pipeline>),
    known: &mut HashMap<RelPath, Goes>,
) -> Result<Goes, ActError> {
    if let Some(goes) = known.get(&alias.path) {
        return Ok(goes.clone());
    }
    let path = mirror.layout().build_path(id)?;
    let stays = |why: &str| Goes::Stays(why.to_owned());
    let direct = pointed_at(mirror, &alias.path)?;
    let via = direct.as_ref().and_then(|direct| {
        let through = |other: &&&AliasCensus| other.path != alias.path && direct.is_within(&other.path);
        leading.iter().find(through).copied()
    });
    let stage = pipeline.and_then(|pipeline| mover(mirror, pipeline, &alias.path));
    let goes = if let Some(via) = via {
        // Links that point through `..` of another link can seem to loop although each resolves.
        known.insert(alias.path.clone(), stays("it seems to lead through itself"));
        let below = direct.and_then(|direct| direct.below(&via.path)).unwrap_or_default();
        match goes(mirror, census, id, (via, leading, pipeline), known)? {
            Goes::Stays(_) => Goes::Stays(format!("it points at `{}`, which stays", via.path)),
            Goes::To(to) => with(mirror, &via.path, to, &below)?,
            Goes::At(_) => {
                Goes::Stays(format!("it points at `{}`, which moves into another build", via.path))
            }
            Goes::With(rest, to) => with(mirror, &via.path, to, &rest.join(&below))?,
        }
    } else if let Some(stage) = stage
        && let Some(to) = along(mirror, census, id, (stage, alias.path.name()))?
    {
        Goes::At(to)
    } else if alias.target.as_ref() != Some(&path) {
        stays("it points into the build")
    } else if build_of(mirror, &alias.path).is_some() {
        stays("it is part of another build")
    } else if let Some(stage) = stage {
        match before(mirror, census, id, (stage, alias.path.name())) {
            Some(to) => Goes::To(to),
            None => Goes::Stays(format!("no earlier build of the stage `{}` can have it again", stage.name)),
        }
    } else {
        let builds = census.stream(&id.stream).map(|stream| &*stream.builds).unwrap_or_default();
        let others: Vec<BuildCensus> =
            builds.iter().filter(|build| build.build != id.name).cloned().collect();
        let age = |build: &BuildCensus| Age::of(mirror.layout(), &id.stream, build);
        let rule = rule(mirror, census, id, &alias.path);
        match follow(&rule, &others, &Current::Nowhere, None, latest(census.at), age) {
            Some(to) => Goes::To(BuildId::new(id.stream.clone(), to.clone())),
            None => stays("the stream has no other build that it may point at"),
        }
    };
    known.insert(alias.path.clone(), goes.clone());
    Ok(goes)
}

/// Returns where an alias moves that points to a path in the build of its stage: the same path in the stage's new
/// build.
fn along(
    mirror: &Mirror,
    census: &Census,
    id: &BuildId,
    (stage, name): (&Stage, &str),
) -> Result<Option<RelPath>, ActError> {
    let carried = stage.carry.iter().find(|one| one.alias == name);
    let Some(place) = carried.and_then(|one| one.place.as_ref()) else { return Ok(None) };
    let Some(to) = before(mirror, census, id, (stage, &stage.name)) else { return Ok(None) };
    let there = mirror.layout().build_path(&to)?.join(place);
    Ok(matches!(mirror.resolve(&there)?, Resolved::To(_)).then_some(there))
}

/// Returns the last build before this one to which an alias of a stage pointed, and that is not rejected for the
/// stage.
fn before(mirror: &Mirror, census: &Census, id: &BuildId, (stage, name): (&Stage, &str)) -> Option<BuildId> {
    let moves = Moves::of_census(census, mirror.layout());
    let view = View { census, moves: &moves, waivers: &[], now: census.at };
    let names = had(stage, &id.stream, name, &view);
    let before = names.into_iter().find(|name| **name != id.name);
    before.map(|name| BuildId::new(id.stream.clone(), name.clone()))
}

/// Returns where an alias moves that points through another one: to a path below that alias's new build.
fn with(mirror: &Mirror, via: &RelPath, to: BuildId, below: &RelPath) -> Result<Goes, ActError> {
    let there = mirror.layout().build_path(&to)?.join(below);
    Ok(match mirror.resolve(&there)? {
        Resolved::To(_) => Goes::With(below.clone(), to),
        _ => Goes::Stays(format!("`{via}` moves to `{to}`, which has no `{below}`")),
    })
}

/// Returns the rule of an alias: that of the layout or the mirror; without one it points to successes.
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

/// Returns what protects a build now and did not before: a new alias, or a hold.
pub(crate) fn protects(
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
    Ok(name.map(|(link, _)| format!("alias: {link} resolves to it")))
}

/// Returns the copies of a build below aliases of an object store.
pub(crate) fn copies(mirror: &Mirror, path: &RelPath) -> Result<Vec<RelPath>, ActError> {
    let mut copies = Vec::new();
    if !mirror.store().abilities().symlinks {
        for alias in mirror.materialized()? {
            let Some(state) = mirror.materialized_as(&alias)? else { continue };
            copies.extend(state.generations.iter().filter(|one| one.of == *path).map(|one| state.at(one)));
        }
    }
    Ok(copies)
}
