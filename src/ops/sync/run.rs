//! All targets, several at once, each on a thread of its own.

use super::SyncError;
use super::carry::carry;
use super::fetch::watch;
use super::push::push;
use super::report::{SyncOptions, SyncOutcome, SyncReport, TargetReport};
use crate::decide::targets::{Target, Targets, Way};
use crate::ops::Opener;
use crate::ops::targets::{chosen, may_act};
use crate::session::Session;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::scope;

/// Brings targets up to date.
pub fn sync(
    session: &Session<'_>,
    targets: &Targets,
    options: &SyncOptions,
    open: &Opener<'_>,
) -> Result<SyncReport, SyncError> {
    may_act(session.mirror())?;
    let all = chosen(targets, &options.names)?;
    let (next, reports) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(target) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            let report = one(session, target, options, open);
            if let Ok(mut reports) = reports.lock() {
                reports.push(report);
            }
        }
    };
    scope(|threads| {
        for _ in 0..targets.at_once.min(all.len()) {
            threads.spawn(work);
        }
    });
    let reports = reports.into_inner().unwrap_or_default();
    let report = |target: &&Target| {
        let found = reports.iter().find(|report| report.name == target.name).cloned();
        found.unwrap_or_else(|| TargetReport {
            outcome: SyncOutcome::Failed,
            failure: Some("its thread ended by a fault of the program".to_owned()),
            ..TargetReport::nothing(&target.name, target.way.key())
        })
    };
    Ok(SyncReport { targets: all.iter().map(report).collect() })
}

fn one(session: &Session<'_>, target: &Target, options: &SyncOptions, open: &Opener<'_>) -> TargetReport {
    match &target.way {
        Way::Directory(_) | Way::Rsync(_) => push(session, target, options),
        Way::Mirror(address) => carry(session, target, address, options, open),
        Way::Http(url) => watch(session, target, url, options),
    }
}
