//! Builds as people name them: by ID, or by a name in the mirror that resolves to one.

use super::context::now;
use super::exit::{Failed, Failure, Outcome, Usage};
use crate::layout::Place;
use crate::mirror::{Mirror, Resolved, chain, survey_to_show};
use crate::model::{BuildId, ErrorKind, RelPath, Stream, nearest, shown};
use crate::ops::alias::LabelActError;
use crate::record::{EventKind, Lapsed, Phase};
use crate::render::person;
use std::collections::BTreeSet;

/// Returns the build that a text names: an ID, or a name such as `master/centos/latest_build` that resolves to a build.
pub(super) fn build(mirror: &Mirror, text: &str) -> Outcome<BuildId> {
    let read: Result<BuildId, _> = text.parse();
    if let Ok(id) = &read
        && mirror.layout().build_path(id).is_ok()
    {
        return Ok(id.clone());
    }
    if let Some(id) = named(mirror, text)? {
        return Ok(id);
    }
    let wrong = match read {
        Ok(id) => match has_place(mirror, &id) {
            Ok(()) => return Ok(id),
            Err(failure) => failure,
        },
        Err(error) => Usage(format!("{error}")).into(),
    };
    Err(match whole_stream(mirror, text).or_else(|| alike(mirror, text)) {
        Some(hint) => Failure { class: wrong.class.kind.hint(hint), ..wrong },
        None => wrong,
    })
}

/// Returns a hint for the name of a stream that has builds.
fn whole_stream(mirror: &Mirror, text: &str) -> Option<String> {
    let stream: Stream = text.trim_end_matches('/').parse().ok()?;
    let has = mirror.recorded().ok()?.iter().any(|id| id.stream == stream);
    has.then(|| format!("`{stream}` is a stream: `mirrorkeep list {stream}` lists its builds"))
}

/// How many names a hint has.
const NAMED: usize = 3;

/// Returns a hint with the builds and aliases that have this last name, or with the alias that looks like it.
pub(super) fn alike(mirror: &Mirror, text: &str) -> Option<String> {
    let (survey, _) = survey_to_show(mirror, now()).ok()?;
    let census = survey.census;
    let aliases: Vec<&str> = census.aliases.iter().map(|alias| alias.path.as_str()).collect();
    if text.contains('/') {
        let near = nearest(text.trim_end_matches('/'), aliases.into_iter())?;
        return Some(format!("`{near}` looks like it, and is an alias"));
    }
    let builds = census.builds().map(|(id, _)| id.to_string());
    let names: BTreeSet<String> = aliases.into_iter().map(str::to_owned).chain(builds).collect();
    let with_name = |name: &&String| name.rsplit_once('/').is_some_and(|(_, last)| last == text);
    let all: Vec<String> = names.iter().filter(with_name).map(|name| format!("`{name}`")).collect();
    let more = all.len().saturating_sub(NAMED);
    let shown = all.get(..NAMED.min(all.len()))?.join(", ");
    match (all.len(), more) {
        (0, _) => None,
        (1, _) => Some(format!("the whole name is {shown}")),
        (_, 0) => Some(format!("these have that name: {shown}")),
        _ => Some(format!("these have that name: {shown} and {more} more")),
    }
}

/// Fails if the layout has no place for a build, or if no build of its stream can have that name.
pub(super) fn has_place(mirror: &Mirror, id: &BuildId) -> Outcome {
    let Err(error) = mirror.layout().build_path(id) else { return Ok(()) };
    if mirror.layout().stream_path(&id.stream).is_err() {
        return Err(error.into());
    }
    let hint = list_hint(mirror, &id.stream);
    let error = Usage(format!("there is no build or alias `{id}`"));
    Err(Failure { error: Box::new(error), class: ErrorKind::Usage.hint(hint) })
}

/// Returns a sentence about a stream, or a directory above streams, without builds that was typed: the name that it looks like.
/// Returns nothing where builds are there.
pub(super) fn unknown_stream<'a>(
    typed: &str,
    streams: impl Iterator<Item = &'a Stream> + Clone,
) -> Option<String> {
    let typed = typed.trim_end_matches('/');
    let above = |stream: &'a Stream| {
        let name = stream.as_str();
        name.match_indices('/').map(move |(at, _)| name.get(..at).unwrap_or_default()).chain([name])
    };
    let mut names = streams.flat_map(above).collect::<BTreeSet<&str>>();
    if names.contains(typed) {
        return None;
    }
    names.remove("");
    let shown = shown(typed);
    Some(match nearest(typed, names.into_iter()) {
        Some(near) => format!("`{shown}` has no builds; `{near}`, which looks like it, has"),
        None => format!("`{shown}` has no builds"),
    })
}

/// Returns a hint for a build that is not there: its stream if that has builds, or the one that it looks like.
fn list_hint(mirror: &Mirror, stream: &Stream) -> String {
    let builds = mirror.recorded().unwrap_or_default();
    let streams = builds.iter().map(|id| &id.stream);
    if streams.clone().any(|other| other == stream) {
        return format!("`mirrorkeep list {stream}` lists the builds of the stream");
    }
    match nearest(stream.as_str(), streams.map(Stream::as_str)) {
        Some(near) => {
            format!("the stream `{stream}` has no builds; `mirrorkeep list {near}` lists those of `{near}`")
        }
        None => "`mirrorkeep list` lists the builds".to_owned(),
    }
}

/// Returns the build to which a name resolves; nothing where the text is not a name in the mirror.
pub(super) fn named(mirror: &Mirror, text: &str) -> Outcome<Option<BuildId>> {
    let Ok(path) = text.trim_end_matches('/').parse::<RelPath>() else { return Ok(None) };
    if path.is_root() || path.is_own() {
        return Ok(None);
    }
    // What cannot be read is not an alias; the code below says what it is.
    let Ok(resolved) = mirror.resolve(&path) else { return Ok(None) };
    match resolved {
        Resolved::To(target) if target != path => match mirror.layout().place(&target) {
            Place::Build { build } => Ok(Some(build)),
            _ => Err(Usage(format!("`{path}` resolves to `{target}`, which is not a build")).into()),
        },
        Resolved::Dangles(target) if target != path => {
            Err(Usage(format!("`{path}` resolves to no build: nothing is at `{target}`")).into())
        }
        _ => Ok(None),
    }
}

/// Returns why a build is missing: it is in the trash, it was deleted, or the mirror never had it.
pub(super) fn absent(mirror: &Mirror, id: &BuildId) -> Failure {
    let went = [EventKind::Pruned, EventKind::Swept, EventKind::Lost];
    let mut events = mirror.history(&went).unwrap_or_default();
    events.retain(|event| event.phase == Phase::Done && event.to == id.to_string());
    // Why no rule kept it.
    let pruned = events.iter().rfind(|event| event.what == EventKind::Pruned);
    let expired = pruned.and_then(|event| {
        let stated = event.stated();
        let rules = stated.rules.filter(|_| stated.why.is_none())?;
        let rules = shown(&Lapsed::line(&rules)).into_owned();
        Some(format!("expired at {}: {rules}", event.at.iso()))
    });
    if let Err(error) = crate::ops::retention::not_trashed(mirror, id) {
        return match expired {
            Some(expired) => {
                let failure = Failure::from(error);
                let error = Failed(format!("{}; it {expired}", chain(&*failure.error)));
                Failure { error: Box::new(error), class: failure.class }
            }
            None => error.into(),
        };
    }
    if let Err(error) = crate::ops::retention::not_archived(mirror, id) {
        return error.into();
    }
    let Some(last) = events.last() else {
        if mirror.recorded().is_ok_and(|recorded| recorded.contains(id)) {
            let error =
                Failed(format!("there is no build `{id}`: it is recorded, was not pruned, and is missing"));
            let hint = format!(
                "restore it from a copy, or `mirrorkeep adopt --changed {id}` records that it is missing"
            );
            return Failure { error: Box::new(error), class: ErrorKind::Failed.hint(hint) };
        }
        let failure = Failure::from(LabelActError::NoBuild(id.clone()));
        let hint = list_hint(mirror, &id.stream);
        return Failure { class: failure.class.kind.hint(hint), ..failure };
    };
    let how = |kind| match kind {
        EventKind::Pruned => "moved to the trash",
        EventKind::Swept => "deleted from the trash",
        _ => "found missing",
    };
    let (how, at, by) = (how(last.what), last.at.iso(), shown(person(&last.by)).into_owned());
    let expired = expired.map(|expired| format!("; it {expired}")).unwrap_or_default();
    let error = Failed(format!("there is no build `{id}`: it was {how} at {at} by {by}{expired}"));
    let class = ErrorKind::Failed.hint(format!("`mirrorkeep log {id}` shows what happened to it"));
    Failure { error: Box::new(error), class }
}
