//! Problems of a pipeline that can be used: aliases that the layout does not know or moves itself, stages that
//! require nothing or come too late, jobs that look misspelt, candidates that the policy may delete.

use super::images::CarriedImages;
use super::stage::{Pipeline, Stage};
use crate::decide::lint::{Finding, finding, located};
use crate::decide::policy::{Keep, Policy};
use crate::layout::{AliasRule, Layout, MovedBy};
use crate::model::{BuildId, BuildName, Stamp, Stream, is_misspelt};
use std::collections::{BTreeMap, BTreeSet};

/// How many streams a message names.
const NAMED: usize = 5;

/// What a pipeline is checked against; absent parts are not checked.
#[derive(Debug, Clone, Copy)]
pub struct LintTerms<'a> {
    /// The layout.
    pub layout: Option<&'a Layout>,
    /// The policy.
    pub policy: Option<&'a Policy>,
    /// The existing streams, each with the rules of the mirror's own aliases in it; those of the pipeline's examples
    /// have none.
    pub streams: &'a BTreeMap<Stream, Vec<AliasRule>>,
    /// The existing builds.
    pub builds: &'a [BuildId],
}

/// Returns every problem of a pipeline.
pub fn lint(pipeline: &Pipeline, terms: &LintTerms<'_>) -> Vec<Finding> {
    let streams = streams(pipeline, terms);
    let mut findings = Vec::new();
    for (index, stage) in pipeline.stages.iter().enumerate() {
        let at = format!("stages[{index}]");
        let own: Vec<&Stream> = streams.iter().copied().filter(|stream| stage.is_in(stream)).collect();
        if own.is_empty() && !terms.streams.is_empty() {
            let patterns: Vec<String> = stage.streams.iter().map(|one| format!("`{one}`")).collect();
            let known: Vec<String> = streams.iter().take(NAMED).map(|one| format!("`{one}`")).collect();
            let more = streams.len().saturating_sub(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let message = format!(
                "{} of `{}` matches no stream of the mirror, which has {}{more}",
                patterns.join(", "),
                stage.name,
                known.join(", ")
            );
            findings.push(finding("unused-stage", format!("{at}.streams"), message));
        }
        if !stage.pin && stage.votes.is_empty() && stage.labels.is_empty() {
            let message = format!(
                "`{}` requires nothing, so every candidate is promoted; a stage that only pins the newest one has `pin: true`",
                stage.name
            );
            findings.push(finding("requires-nothing", &at, message));
        }
        images((pipeline, stage), &at, (&own, terms), &mut findings);
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

/// Finds stages that carry images although the layout defines none, and tags that streams take from each other.
fn images(
    (pipeline, stage): (&Pipeline, &Stage),
    at: &str,
    (streams, terms): (&[&Stream], &LintTerms<'_>),
    findings: &mut Vec<Finding>,
) {
    if stage.images.is_empty() {
        return;
    }
    if let Some(layout) = terms.layout.filter(|layout| !layout.images().is_some_and(|one| one.has_lists())) {
        let what = if layout.images().is_some() { "`lists` in `images`" } else { "`images`" };
        let (title, name) = (layout.name(), &stage.name);
        let message = format!("the layout `{title}` has no {what}, so that `{name}` finds no image to carry");
        findings.push(finding("no-images", format!("{at}.carry"), message));
    }
    let grammar = terms.layout.and_then(Layout::images);
    for (number, carried) in stage.images.iter().enumerate() {
        for (field, value) in &carried.only {
            let Some(why) = grammar.and_then(|grammar| grammar.refuses(field, value)) else { continue };
            let name = &stage.name;
            let message = format!("{why}, so that `{name}` finds no image to carry");
            findings.push(finding("no-images", format!("{at}.carry.images[{number}].only.{field}"), message));
        }
    }
    for (number, carried) in stage.images.iter().enumerate() {
        let earlier = stage.images.iter().take(number).map(|one| (stage, one));
        let stages = pipeline.stages.iter().take_while(|other| other.name != stage.name);
        let meet = |other: &&Stage| {
            let same = streams.is_empty() && other.streams == stage.streams;
            same || streams.iter().any(|stream| other.is_in(stream))
        };
        let of_others = stages.filter(meet);
        let all = earlier.chain(of_others.flat_map(|other| other.images.iter().map(move |one| (other, one))));
        let shared =
            all.filter_map(|(other, one)| Some((other, shared_tag((stage, carried), (other, one))?)));
        for (other, tag) in shared {
            let (name, other) = (&stage.name, &other.name);
            let of = if name == other { "two entries".to_owned() } else { format!("`{other}` and `{name}`") };
            let message = format!(
                "`{tag}` is one tag for {of}, which take it from each other; add `{{stage}}` or another word to it"
            );
            findings.push(finding("shared-tag", format!("{at}.carry.images[{number}].tag"), message));
        }
    }
    for (number, carried) in stage.images.iter().enumerate().filter(|_| streams.len() > 1) {
        let at = format!("{at}.carry.images[{number}].tag");
        let mut tags = carried.tags.iter().filter(|tag| !tag.contains("{stream}"));
        if let Some(tag) = tags.clone().find(|tag| !CarriedImages::is_fixed(tag)) {
            let count = streams.len();
            let message = format!(
                "`{tag}` is one tag for {count} streams, which take it from each other; add `{{stream}}` to it"
            );
            findings.push(finding("shared-tag", &at, message));
        }
        let of_build = tags.find(|tag| tag.contains("{build}") && !tag.contains("{tag}"));
        if let Some((tag, (one, other))) = of_build.zip(same_names(streams, terms)) {
            let message = format!(
                "`{tag}` is one tag for a build of `{one}` and one of `{other}` that have the same name: only one of them gets it \
                 for an image that both have; add `{{stream}}` to it"
            );
            findings.push(finding("shared-tag", &at, message));
        }
    }
}

/// Returns a tag that moves with two entries in one target, for images that both can take.
fn shared_tag(
    (stage, one): (&Stage, &CarriedImages),
    (other_stage, other): (&Stage, &CarriedImages),
) -> Option<String> {
    let differs = |(field, value): (&String, &String)| other.only.get(field).is_some_and(|is| is != value);
    if one.only.iter().any(differs) || !one.to.iter().any(|to| other.to.contains(to)) {
        return None;
    }
    let tags = |entry: &CarriedImages, stage: &Stage| -> Vec<String> {
        let moving = entry.tags.iter().filter(|tag| !CarriedImages::is_fixed(tag));
        moving.map(|tag| tag.replace("{stage}", &stage.name)).collect()
    };
    let theirs = tags(other, other_stage);
    tags(one, stage).into_iter().find(|tag| theirs.contains(tag))
}

/// Returns two streams whose builds have a name in common, or get one if they are made at the same time.
fn same_names<'a>(streams: &[&'a Stream], terms: &LintTerms<'_>) -> Option<(&'a Stream, &'a Stream)> {
    let mut first: BTreeMap<BuildName, &Stream> = BTreeMap::new();
    for stream in streams {
        let named = terms.layout.and_then(|layout| layout.build_name(stream, Stamp::default()).ok());
        let own = terms.builds.iter().filter(|id| id.stream == **stream).map(|id| id.name.clone());
        for name in own.chain(named).collect::<BTreeSet<_>>() {
            if let Some(other) = first.insert(name, stream) {
                return Some((other, stream));
            }
        }
    }
    None
}

/// Returns the streams in which names are looked up.
fn streams<'a>(pipeline: &'a Pipeline, terms: &LintTerms<'a>) -> Vec<&'a Stream> {
    if !terms.streams.is_empty() {
        return terms.streams.keys().collect();
    }
    let examples: BTreeSet<&Stream> = pipeline.tests.iter().map(|test| &test.stream).collect();
    examples.into_iter().collect()
}

/// Who moves an alias, in the first stream with a problem.
enum Known<'a> {
    /// A rule.
    Ruled(&'a Stream),
    /// No one may.
    Unknown(&'a Stream),
}

/// Finds aliases that only promotion should move, and that the layout does not know or moves itself.
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
            // A stream that the layout does not know is reported elsewhere.
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
                    "the layout `{title}` knows no alias `{name}` in `{stream}`; \
                     add `{{ name: {name}, by_hand: true }}` to `aliases` in .mirrorkeep/mirror.yaml"
                ),
            ),
            None => continue,
        };
        findings.push(finding(code, format!("{at}.{key}"), message));
    }
    let Some(from) = &stage.from else { return };
    // An alias that a stage moves is reported with that stage.
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

/// Finds stages whose candidates no alias protects, if the policy may delete one before it is promoted.
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

/// Finds jobs whose name looks like a misspelling of another one.
fn jobs(pipeline: &Pipeline, findings: &mut Vec<Finding>) {
    let mut seen: Vec<&str> = Vec::new();
    for (index, stage) in pipeline.stages.iter().enumerate() {
        for (nth, vote) in stage.votes.iter().enumerate() {
            for job in &vote.0 {
                if seen.contains(&job.as_str()) {
                    continue;
                }
                if let Some(other) = seen.iter().find(|other| is_misspelt(other, job)) {
                    let message = format!("`{job}` looks like the job `{other}`; their votes are apart");
                    let place = format!("stages[{index}].require.votes[{nth}]");
                    findings.push(finding("similar-job", place, message));
                }
                seen.push(job);
            }
        }
    }
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
        let terms = LintTerms { layout: layout.as_ref(), policy, streams: &streams, builds: &[] };
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
            let terms = LintTerms { layout: Some(&layout), policy: None, streams: &streams, builds: &[] };
            let found = lint(&pipeline, &terms);
            assert_eq!(found.iter().any(|found| found.code == "no-bundle"), odd, "{stream} {found:?}");
        }
    }

    #[test]
    fn images_need_lists_and_tags_that_streams_do_not_share() {
        let lists =
            "tree: [images.lst]\nimages: {lists: [images.lst], references: ['ci/{distro}:{stamp}']}\n";
        let found = |layout: &str, tags: &str, builds: &[&str]| {
            let stages = format!(
                "pipeline: 1\nstages:\n  - {{name: tested, streams: '**', from: latest_build, pin: true, carry: [{{images: {{from: a.example, \
                 to: [b.example], tag: {tags}}}}}]}}\n"
            );
            let pipeline = Pipeline::load(&stages, "p.yaml").unwrap();
            let layout = Layout::load(layout, "ours").unwrap();
            let streams = ["debian", "el9"].map(|stream| (stream.parse().unwrap(), Vec::new())).into();
            let builds: Vec<BuildId> = builds.iter().map(|id| id.parse().unwrap()).collect();
            let terms = LintTerms { layout: Some(&layout), policy: None, streams: &streams, builds: &builds };
            let found = lint(&pipeline, &terms);
            found.iter().map(|found| found.code.to_string()).collect::<Vec<_>>()
        };
        let with_lists = format!("{LAYOUT}{lists}");
        assert_eq!(found(LAYOUT, "['{stream}-{build}']", &[]), ["no-images"]);
        let without = with_lists.replace("lists: [images.lst], ", "");
        assert_eq!(found(&without, "['{stream}-{build}']", &[]), ["no-images"]);
        assert_eq!(found(&with_lists, "['{stream}-{build}', '{stream}']", &[]), [""; 0]);
        // Builds of one time have one name.
        assert_eq!(found(&with_lists, "['{build}']", &[]), ["shared-tag"]);
        assert_eq!(found(&with_lists, "['{build}', '{stage}']", &[]), ["shared-tag", "shared-tag"]);
        assert_eq!(found(&with_lists, "['{build}-{tag}']", &[]), [""; 0]);
        let second = |tags: &str, only: &str| {
            format!(
                "['{{stream}}-{{build}}', '{{stream}}'], only: {{distro: debian}}}}}}, {{images: {{from: a.example, to: [b.example], tag: {tags}, only: {only}"
            )
        };
        // Two entries give one tag, unless no image is in both.
        for (tags, only, odd) in [
            ("['{stream}-{build}', '{stream}']", "{}", true),
            ("['{stream}-{build}', '{stream}']", "{distro: debian}", true),
            ("['{stream}-{build}', '{stream}']", "{distro: el9}", false),
            ("['{stream}-{build}', 'x-{stream}']", "{}", false),
        ] {
            let found = found(&with_lists, &second(tags, only), &[]);
            assert_eq!(found, if odd { vec!["shared-tag"] } else { vec![] }, "{tags} {only}");
        }
        for only in ["{distro: debian}", "{distro: el9}"] {
            assert_eq!(found(&with_lists, &format!("['{{tag}}'], only: {only}"), &[]), [""; 0], "{only}");
        }
        for only in ["{distro: '-'}", "{os: debian}"] {
            assert_eq!(
                found(&with_lists, &format!("['{{tag}}'], only: {only}"), &[]),
                ["no-images"],
                "{only}"
            );
        }
        let hashes = with_lists
            .replace("stamp: {time: '%Y%m%dT%H%M%SZ'}", "stamp: {matches: '[0-9a-f]{4}', examples: [abcd]}");
        assert_eq!(found(&hashes, "['{build}']", &["debian/0001", "el9/0002"]), [""; 0]);
        assert_eq!(found(&hashes, "['{build}']", &["debian/0001", "el9/0001"]), ["shared-tag"]);
    }

    #[test]
    fn jobs_that_look_misspelt_are_named_and_numbered_ones_are_not() {
        let stages =
            "  - {name: a, streams: x, from: z, require: {votes: [tempest, {any: [tempets, other]}]}}\n";
        assert_eq!(codes(stages, false, None, &[]).len(), 1);
    }
}
