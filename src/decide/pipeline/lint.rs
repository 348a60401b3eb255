//! What is odd about a pipeline that can be used: names that the layout does not know or moves itself, stages that
//! require nothing or come too late, jobs that look misspelt, candidates that the policy may delete.

use super::images::CarriedImages;
use super::stage::{Pipeline, Stage};
use crate::decide::lint::{Finding, finding, located};
use crate::decide::policy::{Keep, Policy};
use crate::layout::{AliasRule, Layout, MovedBy};
use crate::model::Stream;
use std::collections::{BTreeMap, BTreeSet};

/// Shorter names of jobs are not compared: `a1` and `a2` differ by one letter, too.
const COMPARED: usize = 5;

/// What a pipeline is checked against; nothing is said of what is not there.
#[derive(Debug, Clone, Copy)]
pub struct LintTerms<'a> {
    /// The layout.
    pub layout: Option<&'a Layout>,
    /// The policy.
    pub policy: Option<&'a Policy>,
    /// The streams that are there, each with the rules of the mirror's own aliases in it; those of the pipeline's
    /// examples without any.
    pub streams: &'a BTreeMap<Stream, Vec<AliasRule>>,
}

/// Returns everything odd about a pipeline.
pub fn lint(pipeline: &Pipeline, terms: &LintTerms<'_>) -> Vec<Finding> {
    let streams = streams(pipeline, terms);
    let mut findings = Vec::new();
    for (index, stage) in pipeline.stages.iter().enumerate() {
        let at = format!("stages[{index}]");
        let own: Vec<&Stream> = streams.iter().copied().filter(|stream| stage.is_in(stream)).collect();
        if own.is_empty() && !terms.streams.is_empty() {
            let message = format!("`{}` is in no stream that is there", stage.name);
            findings.push(finding("unused-stage", format!("{at}.streams"), message));
        }
        if !stage.pin && stage.votes.is_empty() && stage.labels.is_empty() {
            let message = format!(
                "`{}` requires nothing, so every candidate is promoted; a stage that only pins the newest one has `pin: true`",
                stage.name
            );
            findings.push(finding("requires-nothing", &at, message));
        }
        for (number, carried) in stage.images.iter().enumerate().filter(|_| own.len() > 1) {
            let shared = |tag: &&String| !CarriedImages::is_fixed(tag) && !tag.contains("{stream}");
            if let Some(tag) = carried.tags.iter().find(shared) {
                let message = format!(
                    "`{tag}` is one tag for {} streams, which take it from each other; add `{{stream}}` to it",
                    own.len()
                );
                findings.push(finding("shared-tag", format!("{at}.carry.images[{number}].tag"), message));
            }
        }
        let later = pipeline.stages.iter().skip(index).any(|later| Some(&later.name) == stage.from.as_ref());
        if later {
            let message = format!(
                "`{}` comes after `{}` in the file, so that a build needs two runs of promote; put it before",
                stage.from.as_deref().unwrap_or_default(),
                stage.name
            );
            findings.push(finding("order", format!("{at}.from"), message));
        }
        let has_bundle =
            |layout: &Layout| own.iter().any(|stream| layout.bundle_of(stream, &stage.name).is_some());
        if let Some(layout) =
            terms.layout.filter(|layout| stage.bundle && !own.is_empty() && !has_bundle(layout))
        {
            let message = format!(
                "the layout `{}` declares no bundle of `{}` in these streams, so `bundle` has no effect",
                layout.name(),
                stage.name
            );
            findings.push(finding("no-bundle", format!("{at}.bundle"), message));
        }
        names(pipeline, stage, &at, (&own, terms), &mut findings);
        unprotected(stage, &at, (&own, terms), &mut findings);
    }
    jobs(pipeline, &mut findings);
    located(&mut findings, pipeline.text());
    findings
}

/// Returns the streams by which names are looked up.
fn streams<'a>(pipeline: &'a Pipeline, terms: &LintTerms<'a>) -> Vec<&'a Stream> {
    if !terms.streams.is_empty() {
        return terms.streams.keys().collect();
    }
    let examples: BTreeSet<&Stream> = pipeline.tests.iter().map(|test| &test.stream).collect();
    examples.into_iter().collect()
}

/// Who moves a name, in the first stream in which it is odd.
enum Known<'a> {
    /// A rule.
    Ruled(&'a Stream),
    /// Nobody may.
    Unknown(&'a Stream),
}

/// Finds names that only promotion should move, and that the layout does not know or moves itself.
fn names(
    pipeline: &Pipeline,
    stage: &Stage,
    at: &str,
    (streams, terms): (&[&Stream], &LintTerms<'_>),
    findings: &mut Vec<Finding>,
) {
    let Some(layout) = terms.layout else { return };
    let title = layout.name();
    let own = |stream: &Stream| terms.streams.get(stream).into_iter().flatten();
    let moved_by = |stream: &Stream, name: &str| match layout.moved_by(stream, name) {
        _ if own(stream).any(|rule| rule.name == name) => Ok(Some(MovedBy::Rule)),
        known => known,
    };
    let moved = [
        ("name", Some(&stage.name)),
        ("previous", stage.previous.as_ref()),
        ("on_failure", stage.on_failure.as_ref()),
    ];
    for (key, name) in moved {
        let Some(name) = name else { continue };
        let odd = streams.iter().find_map(|stream| match moved_by(stream, name) {
            Ok(Some(MovedBy::Rule)) => Some(Known::Ruled(stream)),
            Ok(None) => Some(Known::Unknown(stream)),
            // A stream that the layout does not know is not its matter.
            Ok(Some(MovedBy::Hand)) | Err(_) => None,
        });
        let (code, message) = match odd {
            Some(Known::Ruled(stream)) => (
                "ruled-alias",
                format!(
                    "a rule moves `{name}` in `{stream}`, too, so that it does not stay where promotion put it; \
                     write `{{ name: {name}, by_hand: true }}` in the layout instead of the rule"
                ),
            ),
            Some(Known::Unknown(stream)) => (
                "unknown-alias",
                format!(
                    "the layout `{title}` knows no name `{name}` in `{stream}`; \
                     add `{{ name: {name}, by_hand: true }}` to its `aliases`"
                ),
            ),
            None => continue,
        };
        findings.push(finding(code, format!("{at}.{key}"), message));
    }
    let Some(from) = &stage.from else { return };
    // A name that a stage moves is reported with that stage.
    let of_stages = pipeline.stages.iter().flat_map(Stage::moves);
    if of_stages.into_iter().any(|name| name == from) {
        return;
    }
    if let Some(stream) = streams.iter().find(|stream| matches!(moved_by(stream, from), Ok(None))) {
        let message = format!(
            "no stage and no alias of the layout `{title}` is `{from}` in `{stream}`, so that `{}` has no candidates; \
             without `from`, the successful builds of the stream are the candidates",
            stage.name
        );
        findings.push(finding("unknown-from", format!("{at}.from"), message));
    }
}

/// Finds stages whose candidates no name protects, where the policy may delete one before it is promoted.
fn unprotected(
    stage: &Stage,
    at: &str,
    (streams, terms): (&[&Stream], &LintTerms<'_>),
    findings: &mut Vec<Finding>,
) {
    let Some(policy) = terms.policy.filter(|_| stage.from.is_none()) else { return };
    let families = streams.iter().filter_map(|stream| policy.family(stream));
    let keeps_all = |keep: &Keep| match keep {
        Keep::Forever => true,
        Keep::Last(count) => count.min as usize >= stage.look_back,
        _ => false,
    };
    let safe = |rule: &crate::decide::policy::Rule| rule.only.is_empty() && keeps_all(&rule.keep);
    if let Some(family) = families.into_iter().find(|family| !family.keep.iter().any(safe)) {
        let message = format!(
            "the policy may delete a candidate of `{}` before it is promoted, since of a stage without `from` only the newest \
             candidate and those with votes are protected: `{}` does not keep the last {}; name an alias as `from`, or keep more",
            stage.name, family.name, stage.look_back
        );
        findings.push(finding("deleted-candidate", at, message));
    }
}

/// Finds jobs whose name looks like another one misspelt.
fn jobs(pipeline: &Pipeline, findings: &mut Vec<Finding>) {
    let mut seen: Vec<&str> = Vec::new();
    for (index, stage) in pipeline.stages.iter().enumerate() {
        for (nth, vote) in stage.votes.iter().enumerate() {
            for job in &vote.0 {
                if seen.contains(&job.as_str()) {
                    continue;
                }
                if let Some(other) = seen.iter().find(|other| looks_like(other, job)) {
                    let message = format!("`{job}` looks like the job `{other}`; their votes are apart");
                    let place = format!("stages[{index}].require.votes[{nth}]");
                    findings.push(finding("similar-job", place, message));
                }
                seen.push(job);
            }
        }
    }
}

/// Returns whether two names differ by one letter, by case or by how words are joined; jobs are often numbered, so
/// that a digit does not count.
fn looks_like(one: &str, other: &str) -> bool {
    let plain = |name: &str| -> String {
        let letters = name.chars().filter(char::is_ascii_alphanumeric);
        letters.map(|c| c.to_ascii_lowercase()).collect()
    };
    let without_digits = |name: &str| -> String { name.chars().filter(|c| !c.is_ascii_digit()).collect() };
    let (one, other) = (plain(one), plain(other));
    one == other
        || one.len().min(other.len()) >= COMPARED
            && without_digits(&one) != without_digits(&other)
            && strsim::damerau_levenshtein(&one, &other) == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Condition;

    const LAYOUT: &str = "layout: 1\nname: ours\ntitle: ours\nstreams: [{stream: '{distro}', build: '{stamp}'}]\n\
        fields: {distro: {one_of: [debian, el9]}, stamp: {time: '%Y%m%dT%H%M%SZ'}}\naliases:\n  - {name: latest_build, required: true}\n  - {name: tested, by_hand: true}\n  \
        - {name: old, by_hand: true, streams: debian}\n";

    fn policy(keep: &str) -> Policy {
        let text = format!("version: 1\nfamilies: [{{name: all, match: '**', keep: [{keep}]}}]\n");
        Policy::load(&text, "policy.yaml").unwrap()
    }

    fn codes(stages: &str, layout: bool, policy: Option<&Policy>, streams: &[&str]) -> Vec<String> {
        let pipeline = Pipeline::load(&format!("pipeline: 1\nstages:\n{stages}"), "p.yaml").unwrap();
        let layout = layout.then(|| Layout::load(LAYOUT, "ours").unwrap());
        let own = |stream: &str| -> Vec<AliasRule> {
            let when = Condition { results: Vec::new(), labels: BTreeMap::new() };
            let rule = AliasRule { name: "tested".to_owned(), when, required: false };
            (stream == "el9").then_some(rule).into_iter().collect()
        };
        let streams = streams.iter().map(|text| (text.parse().unwrap(), own(text))).collect();
        let terms = LintTerms { layout: layout.as_ref(), policy, streams: &streams };
        let found = lint(&pipeline, &terms);
        found
            .iter()
            .map(|found| format!("{}:{} {}", found.line.unwrap(), found.column.unwrap(), found.code))
            .collect()
    }

    #[test]
    fn names_are_checked_against_the_layout_in_the_streams_that_are_there() {
        let stages = "  - {name: tested, streams: '**', from: latest_build, pin: true, previous: old}\n";
        assert_eq!(codes(stages, true, None, &["debian"]), Vec::<String>::new());
        assert_eq!(codes(stages, false, None, &["el9"]), Vec::<String>::new());
        assert_eq!(codes(stages, true, None, &["debian", "el9"]), ["3:6 ruled-alias", "3:66 unknown-alias"]);
        let stages = "  - {name: latest_build, streams: '**', from: nothing, pin: true}\n  - {name: new, streams: el9, from: latest_build, pin: true}\n";
        assert_eq!(
            codes(stages, true, None, &["debian"]),
            ["3:6 ruled-alias", "3:41 unknown-from", "4:17 unused-stage"]
        );
    }

    #[test]
    fn a_stage_before_the_one_it_comes_from_and_one_that_requires_nothing_are_odd() {
        let stages =
            "  - {name: b, streams: x, from: a, require: {labels: {ok: 'yes'}}}\n  - {name: a, streams: x}\n";
        assert_eq!(codes(stages, false, None, &[]), ["3:27 order", "4:5 requires-nothing"]);
    }

    #[test]
    fn a_policy_that_may_delete_a_candidate_that_no_name_protects_is_odd() {
        let from = |from: &str| {
            format!("  - {{name: a, streams: '**', look_back: 9, {from}require: {{votes: [smoke]}}}}\n")
        };
        let (short, long) = (policy("{last: 8}"), policy("{last: 9}"));
        let labelled = policy("{last: 9, where: {sanity: green}}");
        for (from, policy, odd) in [
            (from(""), &short, true),
            (from(""), &labelled, true),
            (from(""), &long, false),
            (from("from: b, "), &short, false),
        ] {
            let found = codes(&from, false, Some(policy), &["debian"]);
            assert_eq!(found, if odd { vec!["3:5 deleted-candidate"] } else { vec![] }, "{from}");
        }
    }

    #[test]
    fn a_bundle_that_the_layout_does_not_declare_is_odd() {
        let stages = "  - {name: tested, streams: debian, from: latest_build, pin: true, bundle: true}\n";
        assert_eq!(codes(stages, true, None, &["debian"]), ["3:68 no-bundle"]);
        assert_eq!(codes(stages, false, None, &["debian"]), Vec::<String>::new());
        let layout = Layout::load(Layout::shipped("rdo-trunk").unwrap(), "rdo-trunk").unwrap();
        let stages = stages.replace("debian", "'**'");
        let pipeline = Pipeline::load(&format!("pipeline: 1\nstages:\n{stages}"), "p.yaml").unwrap();
        for (stream, odd) in [("centos9-master/component/compute", false), ("centos7-master", true)] {
            let streams = BTreeMap::from([(stream.parse().unwrap(), Vec::new())]);
            let terms = LintTerms { layout: Some(&layout), policy: None, streams: &streams };
            let found = lint(&pipeline, &terms);
            assert_eq!(found.iter().any(|found| found.code == "no-bundle"), odd, "{stream} {found:?}");
        }
    }

    #[test]
    fn jobs_that_look_misspelt_are_named_and_numbered_ones_are_not() {
        #[track_caller]
        fn case(one: &str, other: &str, alike: bool) {
            assert_eq!(looks_like(one, other), alike, "{one} {other}");
        }
        case("scenario001", "scenario002", false);
        case("scenario001", "scenario0010", false);
        case("scenario001", "scenaro001", true);
        case("smoke-test", "smoke_test", true);
        case("Smoke", "smoke", true);
        case("tempest", "tempets", true);
        case("x86", "x87", false);
        case("unit", "until", false);
        case("build", "build-rerun", false);
        let stages =
            "  - {name: a, streams: x, from: z, require: {votes: [tempest, {any: [tempets, other]}]}}\n";
        assert_eq!(codes(stages, false, None, &[]).len(), 1);
    }
}
