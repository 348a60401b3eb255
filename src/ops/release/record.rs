//! What a release writes into the mirror: labels of its build, then the event that states that it is applied.

use super::ReleaseError;
use crate::commit::Moved;
use crate::decide::release::Finding;
use crate::model::Label;
use crate::ops::alias::label_if;
use crate::record::{Event, EventKind, Payload, Released};
use crate::session::Session;

/// A release whose tags are in their repositories.
#[derive(Debug, Clone)]
pub struct Release {
    /// What the event states.
    pub released: Released,
    /// The labels that its build gets.
    pub labels: Vec<Label>,
}

/// Labels the build of a release, moves the aliases that follow, and notes the release; what is done already is not done again.
pub fn record(session: &Session<'_>, release: &Release) -> Result<Vec<Moved>, ReleaseError> {
    Ok(record_if(session, release, || Ok(Vec::new()))?.unwrap_or_default())
}

/// Does what `record` does, unless `violates` finds under the lock that the build violates a rule by now.
pub(super) fn record_if(
    session: &Session<'_>,
    release: &Release,
    violates: impl FnOnce() -> Result<Vec<Finding>, ReleaseError>,
) -> Result<Result<Vec<Moved>, Vec<Finding>>, ReleaseError> {
    let mut aliases = Vec::new();
    if let Some(id) = &release.released.build {
        let mut found = Vec::new();
        let may = || -> Result<bool, ReleaseError> {
            found = violates()?;
            Ok(found.is_empty())
        };
        match label_if(session, id, &release.labels, may)? {
            Some(report) => aliases = report.aliases,
            None => return Ok(Err(found)),
        }
    }
    let lock = session.begin()?;
    // Under the lock: another command may have applied it since it was looked at.
    if applied(session, &release.released)?.is_none() {
        let payload = Payload::Released { release: release.released.clone() };
        lock.note(lock.now(), shown(&release.released), &payload)?;
    }
    Ok(Ok(aliases))
}

/// Returns the event of a release, if it is applied.
fn applied(session: &Session<'_>, release: &Released) -> Result<Option<Released>, ReleaseError> {
    Ok(all(session)?.into_iter().find(|known| is_same(known, release)))
}

/// Returns every applied release.
pub(super) fn all(session: &Session<'_>) -> Result<Vec<Released>, ReleaseError> {
    let events = session.mirror().history(&[EventKind::Released])?;
    // The journal gives the events of losses, too.
    Ok(events.iter().filter(|event| event.what == EventKind::Released).filter_map(stated).collect())
}

fn stated(event: &Event) -> Option<Released> {
    event.stated().release
}

fn is_same(one: &Released, other: &Released) -> bool {
    (&one.series, &one.name, &one.version) == (&other.series, &other.name, &other.version)
}

/// Returns the name of a release in the journal, such as `2024.1/nova/29.0.0`.
fn shown(release: &Released) -> String {
    format!("{}/{}/{}", release.series, release.name, release.version)
}
