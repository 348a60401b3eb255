//! The second step, and the third: the time of the removal is announced, and then the addresses are redirected.

use super::RetireError;
use super::prove::Proof;
use super::removed::names_of;
use super::state::{is_unchanged, write};
use super::{served, stub};
use crate::model::{BuildId, Stamp};
use crate::ops::Mode;
use crate::ops::retention::clock::store_clock;
use crate::record::Retirement;
use crate::session::Session;
use std::collections::BTreeSet;

/// How far the clock of the store may be from that of this machine, in seconds.
const SKEW: i64 = 3600;

/// Announces the removal of a stream whose builds are proved; returns the retirement then.
pub(super) fn announce(
    session: &Session<'_>,
    one: &Retirement,
    there: &BTreeSet<BuildId>,
) -> Result<Retirement, RetireError> {
    let lock = session.begin()?;
    let now = lock.now();
    is_unchanged(&lock, one, there)?;
    // With a clock that is wrong, the notice would be shorter than users were told.
    let clock = store_clock(lock.mirror())?.unwrap_or(now);
    if clock.since(now).abs() > SKEW {
        return Err(RetireError::Clocks { here: now, there: clock });
    }
    let at = now.max(clock);
    let removal_at = at.checked_add(i64::try_from(one.notice).unwrap_or(i64::MAX)).unwrap_or(Stamp::MAX);
    let next = Retirement { announced_at: Some(at), removal_at: Some(removal_at), ..one.clone() };
    // Readers without a server in front learn of it here.
    stub::write(&lock, &next, there)?;
    write(&lock, &next)?;
    Ok(next)
}

/// Returns whether the removal may begin, by the clock of this machine and that of the store.
pub(super) fn is_due(session: &Session<'_>, one: &Retirement, mode: Mode) -> Result<bool, RetireError> {
    let Some(at) = one.removal_at else { return Ok(false) };
    if session.now() < at {
        return Ok(false);
    }
    // The clock of the store is read by writing to it.
    Ok(mode == Mode::Trial || store_clock(session.mirror())?.is_none_or(|clock| clock >= at))
}

/// States that the addresses of a stream are redirected from now on; returns the retirement then.
pub(super) fn redirect(
    session: &Session<'_>,
    one: &Retirement,
    there: &BTreeSet<BuildId>,
    proof: &Proof,
) -> Result<Retirement, RetireError> {
    if let Proof::Proved(_) = proof {
        served::is_in_archive(session, one, there)?;
    }
    let lock = session.begin()?;
    is_unchanged(&lock, one, there)?;
    let names = names_of(lock.mirror(), &one.stream, lock.now())?;
    let next = Retirement { redirect_since: Some(lock.now()), names, ..one.clone() };
    write(&lock, &next)?;
    Ok(next)
}
