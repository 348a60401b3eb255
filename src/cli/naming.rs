//! Builds as people name them: by ID, or by a name in the mirror that resolves to one.

use super::exit::{Failed, Failure, Outcome, Usage};
use crate::layout::Place;
use crate::mirror::{Mirror, Resolved};
use crate::model::{BuildId, ErrorKind, RelPath, shown};
use crate::ops::alias::LabelActError;
use crate::record::{EventKind, Phase};
use crate::render::person;

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
    let id = read.map_err(|error| Usage(format!("{error}")))?;
    // It has no place there, and the error says why.
    mirror.layout().build_path(&id)?;
    Ok(id)
}

/// Returns the build to which a name resolves; nothing where the text is not a name in the mirror.
pub(super) fn named(mirror: &Mirror, text: &str) -> Outcome<Option<BuildId>> {
    let Ok(path) = text.trim_end_matches('/').parse::<RelPath>() else { return Ok(None) };
    if path.is_root() || path.is_own() {
        return Ok(None);
    }
    // What cannot be looked at is not a name; what follows says what it is.
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

/// Returns why a build is not there: it is in the trash, it was there, or the mirror never had it.
pub(super) fn absent(mirror: &Mirror, id: &BuildId) -> Failure {
    if let Err(error) = crate::ops::retention::not_trashed(mirror, id) {
        return error.into();
    }
    let went = [EventKind::Pruned, EventKind::Swept, EventKind::Lost];
    let mut events = mirror.history(&went).unwrap_or_default();
    events.retain(|event| event.phase == Phase::Done && event.to == id.to_string());
    let Some(last) = events.last() else { return LabelActError::NoBuild(id.clone()).into() };
    let how = |kind| match kind {
        EventKind::Pruned => "moved to the trash",
        EventKind::Swept => "deleted from the trash",
        _ => "found missing",
    };
    let (how, at, by) = (how(last.what), last.at.iso(), shown(person(&last.by)).into_owned());
    let error = Failed(format!("there is no build `{id}`: it was {how} at {at} by {by}"));
    let class = ErrorKind::Failed.hint(format!("`mirrorkeep log {id}` shows what happened to it"));
    Failure { error: Box::new(error), class }
}
