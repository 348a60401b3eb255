//! A target that is a mirror of its own: `copy` brings builds and names, and the trace is in its own area.
//!
//! It deletes by its own policy, so nothing is deleted here, and what it would delete at once is not copied.

use super::SyncError;
use super::left_out::left_out;
use super::look::{Look, chain_of};
use super::push::missing;
use super::report::{SyncOptions, SyncOutcome, TargetReport};
use crate::commit::Permit;
use crate::decide::targets::{Target, Trace};
use crate::mirror::Sent;
use crate::model::{BuildId, Digest, Stream, shown};
use crate::ops::adopt::Scope;
use crate::ops::copy::{CopyOptions, CopyOutcome, CopyReport, copy};
use crate::ops::{Mode, Opener};
use crate::session::Session;
use std::collections::{BTreeMap, BTreeSet};

/// Brings a mirror up to date.
pub(super) fn carry(
    session: &Session<'_>,
    target: &Target,
    address: &str,
    options: &SyncOptions,
    open: &Opener<'_>,
) -> TargetReport {
    let mut report = TargetReport::nothing(&target.name, target.way.key());
    let result = carried(session, target, address, options, open, &mut report);
    report.ended(result)
}

fn carried(
    session: &Session<'_>,
    target: &Target,
    address: &str,
    options: &SyncOptions,
    open: &Opener<'_>,
    report: &mut TargetReport,
) -> Result<(), SyncError> {
    let from = session.mirror();
    let to = open(address).map_err(|error| SyncError::Open(address.to_owned(), error))?;
    if to.config().id == from.config().id {
        return Err(SyncError::Within(address.to_owned()));
    }
    let is_trial = options.mode == Mode::Trial;
    let _alone = if is_trial { None } else { Some(from.lock_target(&target.name, from.wait())?) };
    // Before the look, which has seen at least so much.
    let (serial, sum) = from.last_that_stays()?;
    let look = Look::at(from, target)?;
    let streams: BTreeSet<Stream> = look.builds.keys().map(|id| id.stream.clone()).collect();
    let left_out = left_out(from, &to, &look, session.now())?;
    let what = if target.streams.is_empty() {
        Vec::new()
    } else {
        streams.iter().map(|stream| Scope::Stream(stream.clone())).collect()
    };
    // The names of the mirror are right, wherever they went.
    let permit = Permit { backwards: true, no_success: true, stage: true };
    let without = left_out.keys().cloned().collect();
    let copying = CopyOptions { what, without, permit, mode: options.mode };
    let there =
        Session::new(&to, session.clock()).reporting_to(session.progress()).cancelled_by(session.stop());
    let done = if streams.is_empty() { None } else { Some(copy(from, &there, &copying)?) };
    let mut behind: BTreeSet<Stream> = BTreeSet::new();
    for (stream, failure) in missing(from, target, &look)? {
        behind.insert(stream);
        report.failures.push(failure);
    }
    for name in &look.names {
        let Some(id) = name.build.as_ref() else { continue };
        let Some(why) = left_out.get(id) else { continue };
        behind.insert(id.stream.clone());
        report.waits.push(format!("`{}` waits: `{id}` {why}", name.path));
    }
    if let Some(done) = done {
        note(done, &look, &streams, &mut behind, report)?;
    }
    let old =
        from.sent(&target.name)?.filter(|sent| sent.address == Some(target.address())).unwrap_or_default();
    report.serial = old.trace.is_some().then_some(old.serial);
    if is_trial {
        report.outcome = SyncOutcome::Trial;
        return Ok(());
    }
    let is_whole = report.failures.is_empty() && behind.is_empty();
    let (reached, sum) = if is_whole { (serial, sum) } else { (old.serial, old.sum) };
    let mut serials: BTreeMap<Stream, u64> = BTreeMap::new();
    for stream in streams.iter().chain(&behind) {
        let before = old.streams.get(stream).copied().unwrap_or(old.serial);
        serials.insert(stream.clone(), if behind.contains(stream) { before } else { serial });
    }
    let trace = Trace {
        trace: 1,
        mirror: from.config().id.clone(),
        name: target.trace.clone(),
        serial: reached,
        at: session.now(),
        streams: serials.clone(),
        chain: chain_of(from),
    };
    let mut sent = Sent {
        sync: 1,
        mirror: from.config().id.clone(),
        address: Some(target.address()),
        serial: reached,
        sum,
        streams: serials,
        trace: old.trace,
        at: Some(session.now()),
        failure: None,
        ..Sent::default()
    };
    if is_whole || old.trace.is_some() {
        let bytes = trace.write();
        to.keep_own_trace(&target.trace, &bytes)?;
        sent.trace = Some(Digest::of(&bytes));
        report.serial = Some(reached);
    }
    from.keep_sent(&target.name, &sent)?;
    report.outcome = match (is_whole, report.is_busy()) {
        (false, _) => SyncOutcome::Partly,
        (true, true) => SyncOutcome::Done,
        (true, false) => SyncOutcome::Current,
    };
    Ok(())
}

/// Notes what was copied, and the streams of which something was not.
fn note(
    done: CopyReport,
    look: &Look,
    streams: &BTreeSet<Stream>,
    behind: &mut BTreeSet<Stream>,
    report: &mut TargetReport,
) -> Result<(), SyncError> {
    for copied in &done.builds {
        if copied.outcome != CopyOutcome::Unchanged {
            report.files += copied.files;
            report.bytes += copied.bytes;
            report.builds.push(copied.id.clone());
        }
    }
    report.names =
        done.aliases.iter().filter(|moved| moved.to.is_some()).map(|moved| moved.alias.clone()).collect();
    for left in &done.left {
        // One that leads to no single build is there for all streams.
        match look.name(&left.alias).map(|name| &name.build) {
            Some(Some(id)) => drop(behind.insert(id.stream.clone())),
            Some(None) => behind.extend(streams.iter().cloned()),
            None => {}
        }
        report.waits.push(format!("`{}`: {}", left.alias, shown(&left.why)));
    }
    report.warnings = done.warnings;
    for failure in &done.failures {
        match failure.path.parse::<BuildId>() {
            Ok(id) => drop(behind.insert(id.stream)),
            Err(_) => behind.extend(streams.iter().cloned()),
        }
    }
    report.failures.extend(done.failures);
    if done.interrupted {
        return Err(crate::progress::Interrupted.into());
    }
    done.ended_by.map_or(Ok(()), |error| Err(error.into()))
}
