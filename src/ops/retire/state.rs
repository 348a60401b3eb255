//! Where retirements are: by the journal and the files, which must agree before anything is removed.

use super::report::from;
use super::{RetireError, RetireOutcome, RetireReport, RetiredStream};
use crate::mirror::{Mirror, WriteLock, chain, survey_stream};
use crate::model::{BuildId, Stamp, Stream};
use crate::record::{Payload, Retirement, RetirementState};
use std::collections::{BTreeMap, BTreeSet};

/// Returns the retirement of each of these streams, or of all that have one.
pub fn status(mirror: &Mirror, streams: &[Stream], now: Stamp) -> Result<RetireReport, RetireError> {
    let mut report = RetireReport::default();
    let mut all = mirror.retirements()?;
    all.retain(|stream, _| streams.is_empty() || streams.contains(stream));
    for (stream, retirement) in all {
        let row = match retirement {
            Ok(one) => row(mirror, &one, now)?,
            Err(error) => {
                let mut row = RetiredStream::of(stream, None);
                row.ends(RetireOutcome::Failed, chain(&error));
                row
            }
        };
        report.streams.push(row);
    }
    Ok(report)
}

fn row(mirror: &Mirror, one: &Retirement, now: Stamp) -> Result<RetiredStream, RetireError> {
    let mut row = RetiredStream::of(one.stream.clone(), Some(one.clone()));
    row.builds = survey_stream(mirror, &one.stream, now)?.census.builds().count() as u64;
    row.next = match (one.state(), one.removal_at) {
        (RetirementState::Frozen, _) => "run `mirrorkeep retire` to copy and verify its builds".to_owned(),
        (RetirementState::Announced, Some(at)) if at > now => from(at),
        (RetirementState::Announced, _) => "run `mirrorkeep retire` to redirect its addresses".to_owned(),
        (RetirementState::Redirected, _) => {
            "load the rules of `mirrorkeep export redirects`, then run `mirrorkeep retire` to \
            remove its builds"
                .to_owned()
        }
        (RetirementState::Retired, _) => String::new(),
    };
    Ok(row)
}

/// Returns the builds of a stream; fails if part of it cannot be read.
pub(super) fn builds(mirror: &Mirror, stream: &Stream, now: Stamp) -> Result<BTreeSet<BuildId>, RetireError> {
    let survey = survey_stream(mirror, stream, now)?;
    if let Some(trouble) = survey.troubles.first() {
        let (at, why) = (trouble.path.to_string(), chain(&trouble.error));
        return Err(RetireError::Unreadable { stream: stream.clone(), at, why });
    }
    Ok(survey.census.builds().map(|(id, _)| id).filter(|id| id.stream == *stream).collect())
}

/// Fails if a retirement, or the builds of its stream, are others by now.
pub(super) fn is_unchanged(
    lock: &WriteLock<'_>,
    one: &Retirement,
    there: &BTreeSet<BuildId>,
) -> Result<(), RetireError> {
    let is_same = current(lock, [&one.stream])?.get(&one.stream) == Some(one);
    if is_same && builds(lock.mirror(), &one.stream, lock.now())? == *there {
        return Ok(());
    }
    Err(RetireError::Changed(one.stream.clone()))
}

/// Returns those of these streams that have a retirement, each with it, under the lock.
///
/// A file that differs from the journal is written again. One of which the journal has nothing freezes its stream and no more:
/// its notice begins again, since it may have been written by hand.
pub(super) fn current<'s>(
    lock: &WriteLock<'_>,
    streams: impl IntoIterator<Item = &'s Stream>,
) -> Result<BTreeMap<Stream, Retirement>, RetireError> {
    let mirror = lock.mirror();
    let mut stated = mirror.stated_retirements()?;
    let mut all = BTreeMap::new();
    for stream in streams {
        let file = mirror.retirement_of(stream);
        let one = match stated.remove(stream) {
            Some(stated) => {
                if !matches!(&file, Ok(Some(found)) if *found == stated) {
                    lock.keep_retirement(&stated)?;
                }
                Some(stated)
            }
            None => file?.map(|found| Retirement {
                announced_at: None,
                removal_at: None,
                redirect_since: None,
                retired_at: None,
                ..found
            }),
        };
        all.extend(one.map(|one| (stream.clone(), one)));
    }
    Ok(all)
}

/// Writes a step of a retirement: the intent, the file, the outcome.
pub(super) fn write(lock: &WriteLock<'_>, next: &Retirement) -> Result<(), RetireError> {
    let retirement = Box::new(next.clone());
    let payload = match next.state() {
        RetirementState::Retired => Payload::Retired { retirement },
        _ => Payload::Retiring { retirement },
    };
    let pending = lock.begin(lock.now(), &next.stream, &payload)?;
    lock.keep_retirement(next)?;
    pending.done(lock.now())?;
    Ok(())
}
