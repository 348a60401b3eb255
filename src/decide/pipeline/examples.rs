//! Parsing the examples inside a pipeline.

use super::example::{Example, Expected};
use super::loading::Loading;
use super::schema::{TestBuildFile, TestFile, TestWaiverFile};
use super::stage::Stage;
use super::state::{Moves, Outcome, Waiver, WaiverScope};
use crate::census::{BuildCensus, Census, LabelCensus, StreamCensus};
use crate::model::{BuildId, BuildName, Label, Outcome as Result, Stamp, Stream, VOTE, job_name};
use std::collections::BTreeMap;

/// Parses one example.
pub(super) fn read(
    loading: &mut Loading<'_>,
    index: usize,
    raw: &TestFile,
    stages: &[Stage],
) -> Option<Example> {
    let at = format!("tests[{index}]");
    let before = loading.problems.len();
    let now = stamp(loading, &format!("{at}.now"), &raw.now).unwrap_or_default();
    let stream: Option<Stream> =
        raw.stream.parse().map_err(|error| loading.problem(&format!("{at}.stream"), format!("{error}"))).ok();
    let stream = stream?;
    let builds: Vec<BuildCensus> = (raw.builds.iter())
        .filter_map(|(name, build)| self::build(loading, &format!("{at}.builds.{name}"), name, build))
        .collect();
    let mut moves = Moves::default();
    for (alias, names) in &raw.led {
        for (index, name) in names.iter().enumerate() {
            let here = format!("{at}.led.{alias}[{index}]");
            let Some(name) = known(loading, &here, name, &builds) else { continue };
            // Only their order counts.
            moves.add(&stream, alias, now, Some(name));
        }
    }
    let waivers =
        raw.waivers.iter().enumerate().filter_map(|(index, raw)| {
            waiver(loading, &format!("{at}.waivers[{index}]"), raw, &stream, &builds)
        });
    let waivers = waivers.collect();
    let mut expect = BTreeMap::new();
    for (stage, wanted) in &raw.expect {
        let here = format!("{at}.expect.{stage}");
        let is_its = |known: &Stage| known.name == *stage || known.on_failure.as_ref() == Some(stage);
        if !stages.iter().any(|known| is_its(known) && known.is_in(&stream)) {
            loading.problem(&here, format!("the pipeline has no stage `{stage}` in `{stream}`"));
            continue;
        }
        let wanted = match wanted.as_str() {
            "current" => Some(Expected::Outcome(Outcome::Current)),
            "waiting" => Some(Expected::Outcome(Outcome::Waiting)),
            "none" => Some(Expected::Outcome(Outcome::None)),
            name => known(loading, &here, name, &builds).map(Expected::Build),
        };
        if let Some(wanted) = wanted {
            expect.insert(stage.clone(), wanted);
        }
    }
    if raw.expect.is_empty() {
        loading.problem(&format!("{at}.expect"), "nothing is expected, so the example cannot fail");
    }
    if loading.problems.len() > before {
        return None;
    }
    let mut census = Census::empty(now);
    census.streams.push(StreamCensus { stream: stream.clone(), builds });
    Some(Example { name: raw.name.clone(), at, stream, census, moves, waivers, expect })
}

fn stamp(loading: &mut Loading<'_>, at: &str, text: &str) -> Option<Stamp> {
    text.parse().map_err(|error| loading.problem(at, format!("{error}"))).ok()
}

fn known(loading: &mut Loading<'_>, at: &str, name: &str, builds: &[BuildCensus]) -> Option<BuildName> {
    let found = builds.iter().find(|build| build.build.as_str() == name).map(|build| build.build.clone());
    if found.is_none() {
        loading.problem(at, format!("the example has no build `{name}`"));
    }
    found
}

fn build(loading: &mut Loading<'_>, at: &str, name: &str, raw: &TestBuildFile) -> Option<BuildCensus> {
    let named: BuildName = name.parse().map_err(|error| loading.problem(at, format!("{error}"))).ok()?;
    let result = raw.result.as_ref().map_or(Ok(Result::Success), |text| text.parse());
    let result = result.unwrap_or_else(|error| {
        loading.problem(&format!("{at}.result"), format!("{error}"));
        Result::Unknown
    });
    let created = match &raw.created {
        Some(text) => stamp(loading, &format!("{at}.created"), text),
        None => name.parse().ok(),
    };
    let label = |value: &str| LabelCensus { value: value.to_owned(), since: None, who: None, url: None };
    let mut build = BuildCensus { created, result, ..BuildCensus::named(named) };
    for (job, vote) in &raw.votes {
        if let Err(why) = job_name(job) {
            loading.problem(&format!("{at}.votes.{job}"), why);
        }
        if !matches!(vote.as_str(), "success" | "failure") {
            let why = format!("`{vote}` is no vote; `success` and `failure` are accepted");
            loading.problem(&format!("{at}.votes.{job}"), why);
        }
        build.labels.insert(format!("{VOTE}{job}"), label(vote));
    }
    for (key, value) in &raw.labels {
        build.labels.insert(key.clone(), label(value));
    }
    for stage in &raw.rejected {
        let stage = Some(stage.as_str()).filter(|stage| *stage != "*");
        build.labels.insert(Label::rejected_key(stage), label("example"));
    }
    Some(build)
}

fn waiver(
    loading: &mut Loading<'_>,
    at: &str,
    raw: &TestWaiverFile,
    stream: &Stream,
    builds: &[BuildCensus],
) -> Option<Waiver> {
    let scope = match (&raw.build, &raw.until) {
        (Some(name), None) => {
            let name = known(loading, &format!("{at}.build"), name, builds)?;
            WaiverScope::Build(BuildId::new(stream.clone(), name))
        }
        (None, Some(until)) => WaiverScope::Until(stamp(loading, &format!("{at}.until"), until)?),
        _ => {
            loading.problem(at, "expected exactly one of `build` and `until`");
            return None;
        }
    };
    let (stage, job) = (raw.stage.clone(), raw.job.clone());
    let since = Stamp::default();
    Some(Waiver { stage, job, scope, why: "example".to_owned(), by: "example".to_owned(), since })
}
