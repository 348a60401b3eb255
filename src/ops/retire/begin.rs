//! The first step: the streams are frozen, all under one lock.

use super::keep::named;
use super::state::{current, write};
use super::{RetireError, RetireRequest};
use crate::mirror::{Mirror, survey_stream};
use crate::model::{Stream, shown};
use crate::ops::archive::open;
use crate::ops::retention::hold::person;
use crate::ops::withdraw::tombstones;
use crate::ops::{Mode, Opener};
use crate::record::{Archive, RETIREMENT_VERSION, Retirement};
use crate::session::Session;
use std::collections::BTreeSet;

/// Freezes streams, or adds settings to retirements that began before; in a dry run, returns what would be begun.
pub(super) fn begin(
    session: &Session<'_>,
    request: &RetireRequest,
    opener: &Opener<'_>,
    mode: Mode,
) -> Result<Vec<Retirement>, RetireError> {
    let mirror = session.mirror();
    let archive = match &request.archive {
        Some(address) => {
            let id = open(mirror, address, opener)?.config().id.clone();
            Some(Archive { address: address.clone(), id })
        }
        None => None,
    };
    let lock = if mode == Mode::Real { Some(session.begin()?) } else { None };
    let mut known = match &lock {
        Some(lock) => current(lock, &request.streams)?.into_iter().map(|(of, one)| (of, Ok(one))).collect(),
        None => mirror.retirements()?,
    };
    let recorded: BTreeSet<Stream> = mirror.recorded()?.into_iter().map(|id| id.stream).collect();
    let mut all = Vec::new();
    for stream in &request.streams {
        let known = known.remove(stream).transpose()?;
        let next = match &known {
            Some(known) => added(known, request, archive.as_ref())?,
            None => begun(session, stream, request, archive.as_ref()),
        };
        may_begin(session, &next, &recorded)?;
        all.push((known, next));
    }
    // Only if every stream may: a pattern is begun as a whole.
    for (known, next) in &all {
        if let Some(lock) = lock.as_ref().filter(|_| known.as_ref() != Some(next)) {
            write(lock, next)?;
        }
    }
    if lock.is_some() {
        warn_of_withdrawn(mirror, &all)?;
    }
    Ok(all.into_iter().map(|(_, next)| next).collect())
}

fn begun(
    session: &Session<'_>,
    stream: &Stream,
    request: &RetireRequest,
    archive: Option<&Archive>,
) -> Retirement {
    Retirement {
        retire: RETIREMENT_VERSION,
        stream: stream.clone(),
        why: request.why.clone(),
        by: person(session.mirror().who()),
        since: session.now(),
        notice: request.notice,
        archive: archive.cloned(),
        url: request.url.clone(),
        served_at: request.served_at.clone(),
        keep: request.keep.clone(),
        names: std::collections::BTreeMap::new(),
        announced_at: None,
        removal_at: None,
        redirect_since: None,
        retired_at: None,
    }
}

/// Returns a retirement with more settings: more is kept, the removal is later, addresses are others. Nothing is removed earlier,
/// and the archive stays the same mirror.
fn added(
    known: &Retirement,
    request: &RetireRequest,
    archive: Option<&Archive>,
) -> Result<Retirement, RetireError> {
    let shown = |archive: Option<&Archive>| {
        archive.map_or_else(
            || "no archive".to_owned(),
            |one| format!("the archive `{}` ({})", one.address, one.id),
        )
    };
    if known.archive.as_ref().map(|one| &one.id) != archive.map(|one| &one.id) {
        let (found, given) = (shown(known.archive.as_ref()), shown(archive));
        return Err(RetireError::OtherArchive { stream: known.stream.clone(), found, given });
    }
    let mut next = known.clone();
    next.archive = archive.cloned();
    next.url = request.url.clone().or(next.url);
    next.served_at = request.served_at.clone().or(next.served_at);
    next.keep.extend(request.keep.iter().cloned());
    let mut seen = BTreeSet::new();
    next.keep.retain(|entry| seen.insert(entry.clone()));
    next.notice = next.notice.max(request.notice);
    if next.redirect_since.is_none()
        && let Some(at) = next.announced_at
    {
        next.removal_at = at.checked_add(i64::try_from(next.notice).unwrap_or(i64::MAX)).max(next.removal_at);
    }
    Ok(next)
}

/// Fails if a stream cannot be retired so.
fn may_begin(
    session: &Session<'_>,
    next: &Retirement,
    recorded: &BTreeSet<Stream>,
) -> Result<(), RetireError> {
    let (mirror, stream) = (session.mirror(), &next.stream);
    mirror.layout().stream_path(stream)?;
    if next.redirect_since.is_none() {
        let survey = survey_stream(mirror, stream, session.now())?;
        let lacks = next.keep.iter().find(|entry| named(mirror, &survey.census, stream, entry).is_empty());
        if let Some(keep) = lacks {
            return Err(RetireError::NothingToKeep { stream: stream.clone(), keep: keep.clone() });
        }
    }
    let is_made_of =
        |other: &&Stream| mirror.layout().bundle(other).is_some_and(|one| one.member(stream).is_some());
    match recorded.iter().find(is_made_of) {
        Some(bundle) => Err(RetireError::Member { stream: stream.clone(), bundle: bundle.clone() }),
        None => Ok(()),
    }
}

/// Warns of builds that were withdrawn here and are in the archive still: no address leads there, and a person removes them.
fn warn_of_withdrawn(mirror: &Mirror, all: &[(Option<Retirement>, Retirement)]) -> Result<(), RetireError> {
    let stones = tombstones(mirror)?;
    for (id, stone) in stones {
        let of = all.iter().find(|(_, next)| id.starts_with(&format!("{}/", next.stream)));
        if let Some(archive) = of.and_then(|(_, next)| next.archive.as_ref()) {
            mirror.warnings().add(format!(
                "`{id}` was withdrawn here ({}); if the archive has it, `mirrorkeep --mirror {} withdraw {id} --why TEXT` removes it \
                 there",
                shown(&stone.why),
                archive.address
            ));
        }
    }
    Ok(())
}
