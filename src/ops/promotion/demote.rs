//! Demoting: the moves of a promotion are reversed, and the build that had the stage is rejected for it.

use super::StageError;
use super::demote_set::whole;
use super::demotion::{DemoteReport, DemoteRequest, last_move, planned};
use super::known::Known;
use super::moves::around;
use crate::commit::together;
use crate::layout::Bundle;
use crate::mirror::Mirror;
use crate::model::Label;
use crate::ops::Mode;
use crate::ops::bundle::{BundleError, Members, TRIES, bundled, is_there, publish};
use crate::record::EventKind;
use crate::session::Session;

/// Takes a stage from its build. If a bundle is made of the builds at the stage, its link moves, too.
pub fn demote(
    session: &Session<'_>,
    request: &DemoteRequest,
    mode: Mode,
) -> Result<DemoteReport, StageError> {
    let mirror = session.mirror();
    // The reason becomes the value of a label.
    Label::rejected(Some(&request.stage), &request.why)?;
    let mut lock = if mode == Mode::Real { Some(session.begin()?) } else { None };
    for _ in 0..TRIES {
        let known = Known::read(mirror, session.now())?;
        let set = mirror.layout().bundle(&request.stream);
        if set.is_none() {
            known.stage_in(&request.stage, &request.stream)?;
        }
        if let Some(done) = already(mirror, request, set.as_ref())? {
            return Ok(done);
        }
        let (promotions, mut report, bundle) = match set {
            Some(bundle) => {
                let (promotions, report) = whole((session, lock.as_ref()), &known, request, &bundle)?;
                (promotions, report, Some(bundle))
            }
            None => {
                let stage = known.stage_in(&request.stage, &request.stream)?;
                let bundle = || mirror.layout().bundle_of(&request.stream, &stage.name);
                let (promotion, report) = planned((session, lock.as_ref()), &known, request, stage)?;
                (vec![promotion], report, stage.bundle.then(bundle).flatten())
            }
        };
        let Some(bundle) = bundle else {
            for (lock, promotion) in lock.iter().zip(&promotions) {
                report.carried_out(&together::demote(lock, promotion, session.stop(), lock.now())?);
            }
            return Ok(report);
        };
        let moved = promotions.iter().map(|one| (one.stream.clone(), one.build.clone())).collect();
        let members = Members::read(mirror, (&known.census, &known.unreadable), &bundle, &moved)?;
        let Some(held) = lock.take() else {
            report.bundle_is(bundled(session, &bundle, &members)?.id);
            return Ok(report);
        };
        if let Some(id) = is_there(mirror, &bundle, &members)? {
            let promotion = around(&held, &bundle, &id, promotions)?;
            report.carried_out(&together::demote(&held, &promotion, session.stop(), held.now())?);
            report.bundle_is(id);
            return Ok(report);
        }
        // Without the lock, which is taken again to read everything again.
        drop(held);
        publish(session, &bundle, &members)?;
        lock = Some(session.begin()?);
    }
    Err(BundleError::Moving(request.stream.clone()).into())
}

/// Returns the demotion that this one repeats, after a lost connection or in a retry loop: the last move of the stage
/// was one for the same reason.
///
/// Without this, running the command again would take the stage from the next build, too.
fn already(
    mirror: &Mirror,
    request: &DemoteRequest,
    set: Option<&Bundle>,
) -> Result<Option<DemoteReport>, StageError> {
    let name = set.map_or(&request.stage, |bundle| &bundle.link);
    let alias = mirror.layout().stream_path(&request.stream)?.child(name).unwrap_or_default();
    let last = last_move(mirror, &alias)?.filter(|last| last.what == EventKind::Demoted);
    let done =
        last.and_then(|event| event.stated().promotion.and_then(|promotion| promotion.of(&alias).cloned()));
    let Some(done) = done else { return Ok(None) };
    let same = done.why.as_ref() == Some(&request.why)
        && request.to.as_ref().is_none_or(|to| done.build.as_ref() == Some(to));
    Ok(same.then(|| DemoteReport {
        to: done.build,
        rejected: done.before.clone().filter(|_| set.is_none()),
        already: true,
        ..DemoteReport::of(request, done.before)
    }))
}
