//! Which events a copy lacks: those of the journal after the number up to which everything is there.

use super::settings::targets_file;
use crate::census::{Census, TargetCensus};
use crate::decide::events::CloudEvent;
use crate::decide::policy::Policy;
use crate::decide::targets::Target;
use crate::mirror::{JournalError, Mirror};
use crate::model::{Stamp, Stream};
use crate::record::EventKind;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// Which events a stream of a copy lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Behind {
    /// How many.
    pub events: u64,
    /// When the first of them happened.
    pub since: Stamp,
}

/// Returns which events each stream of a copy lacks, by the number up to which everything of the stream is there; a stream
/// that lacks none is left out. Events about no stream count for each that is asked for.
pub fn behind(
    mirror: &Mirror,
    target: &Target,
    serials: &BTreeMap<Stream, u64>,
    serial: u64,
) -> Result<BTreeMap<Stream, Behind>, JournalError> {
    let of = |stream: &Stream| serials.get(stream).copied().unwrap_or(serial);
    let first = serials.values().copied().chain([serial]).min().unwrap_or(serial);
    let mut lacking: BTreeMap<Stream, Behind> = BTreeMap::new();
    let mut note = |stream: &Stream, at: Stamp| {
        let behind = lacking.entry(stream.clone()).or_insert(Behind { events: 0, since: at });
        behind.events += 1;
    };
    let mut feed = mirror.feed(first, None);
    loop {
        let lines = feed.next_lines()?;
        if lines.is_empty() {
            return Ok(lacking);
        }
        for line in lines {
            let Some(event) = CloudEvent::of(&line, &mirror.config().id, mirror.layout()) else { continue };
            if !changes_a_copy(event.kind) {
                continue;
            }
            match &event.about.stream {
                Some(stream) if target.gets(stream) && line.seq > of(stream) => note(stream, line.at),
                Some(_) => {}
                None => {
                    for stream in serials.keys().filter(|stream| line.seq > of(stream)) {
                        note(stream, line.at);
                    }
                }
            }
        }
    }
}

/// Returns whether an event changes what readers of a copy see.
fn changes_a_copy(kind: EventKind) -> bool {
    !matches!(
        kind,
        EventKind::Initialised
            | EventKind::Configured
            | EventKind::Confirmed
            | EventKind::Held
            | EventKind::Unheld
            | EventKind::Swept
            | EventKind::Waived
            | EventKind::Unwaived
            | EventKind::Pinned
            | EventKind::Untagged
            | EventKind::Requested
            | EventKind::Unrequested
            | EventKind::Started
            | EventKind::Ended
            | EventKind::Released
            | EventKind::Branched
            | EventKind::Retiring
            | EventKind::Recovered
    )
}

/// Notes in a census what the targets lack for which a policy waits, or one of the `others` with which it is compared. What cannot
/// be read of a target is taken for nothing that is there; the policy bounds for how long that counts.
pub fn note_mirrored(
    mirror: &Mirror,
    policy: &Policy,
    others: &[&Policy],
    census: &mut Census,
) -> Result<Vec<String>, JournalError> {
    let by =
        |policy: &Policy| policy.mirrored.iter().flat_map(|mirrored| mirrored.by.clone()).collect::<Vec<_>>();
    let own = by(policy);
    let mut names: Vec<String> = own.clone();
    names.extend(others.iter().flat_map(|other| by(other)));
    names.sort();
    names.dedup();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut warnings = Vec::new();
    let file = targets_file(mirror).unwrap_or_else(|error| {
        warnings.push(format!("`mirrored` cannot be checked: {}", crate::mirror::chain(&error)));
        None
    });
    for name in &names {
        let Some(target) = file.as_ref().and_then(|file| file.named(name)) else {
            let unknown =
                || format!("`mirrored` names the target `{name}`, which targets.yaml does not have");
            warnings.extend(own.contains(name).then(unknown));
            census.targets.push(TargetCensus { name: name.clone(), lacks: None });
            continue;
        };
        let sent = mirror.sent(name).unwrap_or_else(|error| {
            warnings.push(format!("what `{name}` has is not known: {}", crate::mirror::chain(&error)));
            None
        });
        let streams: Vec<Stream> = census.streams.iter().map(|stream| stream.stream.clone()).collect();
        let gets = streams.into_iter().filter(|stream| target.gets(stream));
        let lacks = match sent.filter(|sent| sent.address == Some(target.address()) && sent.trace.is_some()) {
            None => gets.map(|stream| (stream, None)).collect(),
            Some(sent) => {
                let serials = gets.map(|stream| {
                    let serial = sent.streams.get(&stream).copied().unwrap_or(sent.serial);
                    (stream, serial)
                });
                let behind = behind(mirror, target, &serials.collect(), sent.serial)?;
                behind.into_iter().map(|(stream, behind)| (stream, Some(behind.since))).collect()
            }
        };
        census.targets.push(TargetCensus { name: name.clone(), lacks: Some(lacks) });
    }
    Ok(warnings)
}
