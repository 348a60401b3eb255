//! How far each copy is, by the trace that it has now.

use super::SyncError;
use super::fetch::trace;
use crate::decide::targets::{Hop, Target, Targets};
use crate::mirror::chain;
use crate::model::{Stamp, Stream, shown};
use crate::ops::Opener;
use crate::ops::targets::{Behind, behind, chosen, may_act};
use crate::session::Session;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use std::thread::scope;

/// How far each copy is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Freshness {
    /// The version of this form: 1.
    #[schemars(extend("const" = 1))]
    pub freshness: u32,
    /// When it was.
    pub at: Stamp,
    /// Each target, in the order of targets.yaml.
    pub targets: Vec<TargetFreshness>,
}

/// How far a copy is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TargetFreshness {
    /// Its name.
    pub name: String,
    /// How it is reached: `directory`, `rsync`, `mirror`, `http`.
    pub via: &'static str,
    /// Whether the mirror needs it.
    pub required: bool,
    /// The number of the last event that is there with all before it; `null` where its trace cannot be read.
    pub serial: Option<u64>,
    /// When its trace was written.
    pub written: Option<Stamp>,
    /// How many events it lacks; `null` where that is not known.
    pub events: Option<u64>,
    /// For how many seconds it lacks the first of them, 0 without one; `null` where that is not known.
    pub seconds: Option<u64>,
    /// After how many seconds a person should look.
    pub alarm: u64,
    /// The streams that lack events.
    pub streams: BTreeMap<Stream, Behind>,
    /// The copies by which the mirror itself was filled, as its trace states them.
    pub chain: Vec<Hop>,
    /// Why it is not known how far it is.
    pub problem: Option<String>,
    /// Whether a person should look: it lacks an event for too long, or there is a problem.
    pub attention: bool,
}

/// Reads how far the targets of these names are, all without names; several at once.
pub fn freshness(
    session: &Session<'_>,
    targets: &Targets,
    names: &[String],
    open: &Opener<'_>,
) -> Result<Freshness, SyncError> {
    may_act(session.mirror())?;
    let now = session.now();
    let all = chosen(targets, names)?;
    let mut found = Vec::new();
    for some in all.chunks(targets.at_once) {
        scope(|threads| {
            let running: Vec<_> =
                some.iter().map(|target| threads.spawn(move || of(session, target, now, open))).collect();
            for (thread, target) in running.into_iter().zip(some) {
                found.push(thread.join().unwrap_or_else(|_| nothing(target)));
            }
        });
        session.check_cancelled()?;
    }
    Ok(Freshness { freshness: 1, at: now, targets: found })
}

fn nothing(target: &Target) -> TargetFreshness {
    TargetFreshness {
        name: target.name.clone(),
        via: target.way.key(),
        required: target.required,
        serial: None,
        written: None,
        events: None,
        seconds: None,
        alarm: u64::try_from(target.alarm.seconds()).unwrap_or_default(),
        streams: BTreeMap::new(),
        chain: Vec::new(),
        problem: Some("it was not read".to_owned()),
        attention: true,
    }
}

fn of(session: &Session<'_>, target: &Target, now: Stamp, open: &Opener<'_>) -> TargetFreshness {
    let nothing = nothing(target);
    let read = trace(session, target, open).and_then(|trace| {
        let streams = behind(session.mirror(), target, &trace.streams, trace.serial)?;
        Ok((trace, streams))
    });
    match read {
        Err(error) => TargetFreshness { problem: Some(shown(&chain(&error)).into_owned()), ..nothing },
        Ok((trace, streams)) => {
            let since = streams.values().map(|behind| behind.since).min();
            let seconds = since.map_or(0, |since| now.since(since).try_into().unwrap_or_default());
            let events: u64 = streams.values().map(|behind| behind.events).sum();
            TargetFreshness {
                serial: Some(trace.serial),
                written: Some(trace.at),
                events: Some(events),
                seconds: Some(seconds),
                streams,
                chain: trace.chain,
                problem: None,
                attention: events > 0 && seconds >= nothing.alarm,
                ..nothing
            }
        }
    }
}
