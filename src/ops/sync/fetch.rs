//! The trace of a target, by whatever way it is reached.

use super::SyncError;
use super::report::{SyncOptions, SyncOutcome, TargetReport};
use super::rsync::{Rsync, look, read_trace};
use crate::decide::targets::{TRACE_DIR, TRACE_LIMIT, Target, Trace, Way};
use crate::mirror::{Mirror, Sent};
use crate::model::{Digest, shown};
use crate::ops::Mode;
use crate::ops::Opener;
use crate::send::get;
use crate::session::Session;
use crate::store::Guard;
use url::Url;

/// Returns the bytes of the trace of a target; nothing where it has none.
fn bytes(session: &Session<'_>, target: &Target, open: &Opener<'_>) -> Result<Option<Vec<u8>>, SyncError> {
    match &target.way {
        Way::Directory(dir) if !dir.is_dir() => Err(SyncError::NoDirectory(dir.display().to_string())),
        Way::Directory(dir) => read_trace(&dir.join(TRACE_DIR).join(&target.trace)),
        Way::Rsync(_) => {
            look(session.stop())?;
            // Nothing is written, so that no one has to wait.
            let rsync = Rsync::new(target, Guard::new(()), session.stop());
            rsync.map_or(Ok(None), |rsync| rsync.trace())
        }
        Way::Mirror(address) => {
            let to = open(address).map_err(|error| SyncError::Open(address.clone(), error))?;
            Ok(to.own_trace(&target.trace)?)
        }
        Way::Http(url) => by_http(session, target, url),
    }
}

fn by_http(session: &Session<'_>, target: &Target, url: &Url) -> Result<Option<Vec<u8>>, SyncError> {
    let at = url.join(&format!("{TRACE_DIR}/{}", target.trace));
    let at = at.map_err(|error| SyncError::Target(error.to_string()))?;
    let found = get(&at, TRACE_LIMIT, target.stall.min(std::time::Duration::from_mins(1)), session.stop());
    session.check_cancelled()?;
    found.map_err(|why| SyncError::Target(format!("cannot read `{at}`: {why}")))
}

/// Returns the trace of a target, if it is one of this mirror and of no event that has not happened.
pub(super) fn trace(session: &Session<'_>, target: &Target, open: &Opener<'_>) -> Result<Trace, SyncError> {
    let found = bytes(session, target, open)?;
    let found = found.ok_or_else(|| SyncError::Target("it has no trace".to_owned()))?;
    of_this(session.mirror(), target, &found)
}

fn of_this(mirror: &Mirror, target: &Target, bytes: &[u8]) -> Result<Trace, SyncError> {
    let trace = Trace::parse(bytes).map_err(|error| SyncError::Target(format!("its trace: {error}")))?;
    if trace.mirror != mirror.config().id {
        let plain = |text: &str| shown(text).chars().take(100).collect();
        let (mirror, name) = (plain(&trace.mirror), plain(&trace.name));
        return Err(SyncError::Other { target: target.name.clone(), mirror, name });
    }
    let newest = mirror.newest_event()?;
    let highest = trace.streams.values().copied().chain([trace.serial]).max().unwrap_or_default();
    if highest > newest {
        let why = format!("its trace states event {highest}, and the journal ends with {newest}");
        return Err(SyncError::Target(why));
    }
    Ok(trace)
}

/// Reads the trace of a target that others bring up to date, and notes it for `prune`.
pub(super) fn watch(
    session: &Session<'_>,
    target: &Target,
    url: &Url,
    options: &SyncOptions,
) -> TargetReport {
    let mut report = TargetReport::nothing(&target.name, target.way.key());
    let result = watched(session, target, url, options, &mut report);
    report.ended(result)
}

fn watched(
    session: &Session<'_>,
    target: &Target,
    url: &Url,
    options: &SyncOptions,
    report: &mut TargetReport,
) -> Result<(), SyncError> {
    let mirror = session.mirror();
    report.outcome = SyncOutcome::Trial;
    if options.mode == Mode::Trial {
        return Ok(());
    }
    let _alone = mirror.lock_target(&target.name, mirror.wait())?;
    let found = by_http(session, target, url)?;
    let bytes = found.ok_or_else(|| SyncError::Target("it has no trace".to_owned()))?;
    let trace = of_this(mirror, target, &bytes)?;
    let known = mirror.sent(&target.name)?.filter(|sent| sent.address == Some(target.address()));
    if let Some(known) = known.filter(|known| known.serial > trace.serial) {
        let (before, now) = (known.serial, trace.serial);
        report.warnings.push(format!("its trace went back from event {before} to {now}"));
    }
    let sent = Sent {
        sync: 1,
        mirror: mirror.config().id.clone(),
        address: Some(target.address()),
        serial: trace.serial,
        streams: trace.streams,
        trace: Some(Digest::of(&bytes)),
        at: Some(session.now()),
        ..Sent::default()
    };
    mirror.keep_sent(&target.name, &sent)?;
    report.serial = Some(sent.serial);
    report.outcome = SyncOutcome::Read;
    Ok(())
}
