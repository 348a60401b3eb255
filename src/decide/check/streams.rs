//! Streams and the facts about their builds: impossible times, records without trees, policies without rules.

use crate::decide::check::{Code, Finding, Seen, Terms};
use crate::decide::policy::Keep;
use crate::layout::{Created, Layout};
use crate::model::{BuildId, Outcome, RelPath, Stream};
use std::collections::{BTreeMap, BTreeSet};

/// Judges every stream and every record.
pub(super) fn judge(seen: &Seen, layout: &Layout, terms: Terms<'_>, findings: &mut Vec<Finding>) {
    times(seen, layout, terms, findings);
    records(seen, layout, findings);
    for line in seen.census.lines() {
        let path = layout.stream_path(&line.stream).unwrap_or_else(|_| line.stream.as_path().clone());
        let family = terms.policy.map(|policy| policy.family(&line.stream));
        if let Some(None) = family {
            let found = format!("the stream `{}`", line.stream);
            findings.push(Finding::new(Code::StreamUncovered, &path, found, "a family whose `match` fits"));
        }
        // A stream that is kept forever is finished, and gets no further builds.
        let lasts = family.flatten().is_some_and(|family| {
            family.keep.iter().any(|rule| matches!(rule.keep, Keep::Forever) && rule.only.is_empty())
        });
        parts(seen, layout, &line.stream, findings);
        if let Some(limit) = terms.stalled.filter(|_| !lasts) {
            stalled(seen, layout, &line.stream, &path, limit, findings);
        }
    }
}

/// Judges the times of the builds.
fn times(seen: &Seen, layout: &Layout, terms: Terms<'_>, findings: &mut Vec<Finding>) {
    let skew = terms.skew();
    let mut instants: BTreeMap<(&Stream, i64, u64), BuildId> = BTreeMap::new();
    for line in &seen.census.streams {
        for build in &line.builds {
            let id = BuildId::new(line.stream.clone(), build.build.clone());
            let path = layout.build_path(&id).unwrap_or_else(|_| id.as_path());
            if let Created::Impossible(why) = layout.created(&id) {
                findings.push(Finding::new(Code::StampImpossible, &path, why, "a possible date and time"));
            }
            let Some(created) = build.created else { continue };
            if created.since(seen.census.at) > skew {
                let expected = format!("a time before {}", seen.census.at.iso());
                findings.push(Finding::new(Code::StampFuture, &path, created.iso(), expected));
            }
            if let Some(other) = instants.insert((&line.stream, created.unix(), build.seq), id) {
                let found = format!("{}, as `{other}`", created.iso());
                findings.push(Finding::new(Code::StampDuplicate, &path, found, "an instant of its own"));
            }
        }
    }
}

/// Compares records with trees, in both directions.
fn records(seen: &Seen, layout: &Layout, findings: &mut Vec<Finding>) {
    let there: BTreeSet<BuildId> = seen.census.builds().map(|(id, _)| id).collect();
    let recorded: BTreeSet<&BuildId> = seen.records.iter().collect();
    let known: BTreeSet<&BuildId> = seen.known.iter().collect();
    let at = |id: &BuildId| layout.build_path(id).unwrap_or_else(|_| id.as_path());
    for id in recorded.union(&known).filter(|id| !there.contains(id)) {
        let expected = if recorded.contains(id) {
            "the build of which a record is kept"
        } else {
            "the build that the journal tells of"
        };
        findings.push(Finding::new(Code::RecordWithoutTree, at(id), "nothing", expected));
    }
    for (id, build) in seen.census.builds() {
        for wanted in build.requires.iter().filter(|wanted| !there.contains(wanted)) {
            let found = format!("no `{wanted}`");
            let expected = "every build that it needs";
            findings.push(Finding::new(Code::RequiresGone, at(&id), found, expected).near(Some(at(wanted))));
        }
    }
    for (id, why) in &seen.damaged {
        findings.push(Finding::new(Code::RecordDamaged, at(id), why, "what mirrorkeep wrote"));
    }
    for id in there.iter().filter(|id| !recorded.contains(id)) {
        let (code, expected) = if known.contains(id) {
            (Code::RecordMissing, "the record that was written when it was taken in")
        } else if matches!(layout.created(id), Created::Impossible(_)) {
            // It has to be renamed first.
            continue;
        } else {
            (Code::NotAdopted, "a record")
        };
        findings.push(Finding::new(code, at(id), "no record", expected));
    }
}

/// Finds builds, except those that agree with their manifest, that lack an entry which every other success of their
/// stream has at its top.
fn parts(seen: &Seen, layout: &Layout, stream: &Stream, findings: &mut Vec<Finding>) {
    let Some(line) = seen.census.stream(stream) else { return };
    let whole = line.builds.iter().filter(|build| {
        build.result == Outcome::Success && build.trimmed.is_empty() && build.problem.is_none()
    });
    let tops: Vec<(BuildId, &BTreeSet<String>)> = whole
        .filter_map(|build| {
            let id = BuildId::new(stream.clone(), build.build.clone());
            let tops = seen.tops.get(&id)?;
            Some((id, tops))
        })
        .collect();
    for (id, has) in tops.iter().filter(|(id, _)| !seen.whole.contains(id)) {
        let others: Vec<_> = tops.iter().filter(|(other, _)| other != id).map(|(_, has)| *has).collect();
        let [first, rest @ ..] = others.as_slice() else { continue };
        // With only one neighbour, it is not known which of the two is complete.
        if rest.is_empty() {
            continue;
        }
        let all = first.iter().filter(|name| rest.iter().all(|has| has.contains(*name)));
        let gone: Vec<String> =
            all.filter(|name| !has.contains(*name)).map(|name| format!("`{name}`")).collect();
        if !gone.is_empty() {
            let path = layout.build_path(id).unwrap_or_else(|_| id.as_path());
            let gone = gone.join(", ");
            let expected = format!("{gone}, as in every other success of the stream");
            findings.push(Finding::new(Code::HalfDeleted, path, format!("no {gone}"), expected).of(id));
        }
    }
}

/// Reports that a stream has had no success for too long.
fn stalled(
    seen: &Seen,
    layout: &Layout,
    stream: &Stream,
    path: &RelPath,
    limit: i64,
    findings: &mut Vec<Finding>,
) {
    let Some(line) = seen.census.stream(stream) else { return };
    let timed = |name: &crate::model::BuildName| {
        matches!(layout.created(&BuildId::new(stream.clone(), name.clone())), Created::At(..))
    };
    if line.builds.is_empty() || !line.builds.iter().all(|build| timed(&build.build)) {
        return;
    }
    let successes = line.builds.iter().filter(|build| build.result == Outcome::Success);
    let newest = successes.filter_map(|build| build.created).max();
    let expected = format!("a success within {limit} seconds");
    let found = match newest {
        Some(newest) if seen.census.at.since(newest) <= limit => return,
        Some(newest) => format!("the newest success is of {}", newest.iso()),
        None => "no success at all".to_owned(),
    };
    findings.push(Finding::new(Code::StreamStalled, path, found, expected));
}
