//! The candidates of a stage, what each lacks, and which one is promoted.

use super::stage::{Pipeline, Stage};
use super::state::{Candidate, Led, Moves, Outcome, StageState, Waiver};
use crate::census::{BuildCensus, Census};
use crate::decide::latest;
use crate::model::{BuildId, BuildName, Label, Outcome as Result, REJECTED, Stamp, Stream, VOTE};
use std::collections::{BTreeMap, HashMap, HashSet};

/// The input of evaluating a stage.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The builds.
    pub census: &'a Census,
    /// The history of aliases.
    pub moves: &'a Moves,
    /// The waivers.
    pub waivers: &'a [Waiver],
    /// The time.
    pub now: Stamp,
}

/// The builds of one stream by name.
struct Builds<'a, 's> {
    stream: &'s Stream,
    by_name: HashMap<&'a BuildName, &'a BuildCensus>,
    newest_first: Vec<&'a BuildCensus>,
}

/// Returns the state of a stage in a stream.
pub fn evaluate(stage: &Stage, stream: &Stream, view: &View<'_>) -> StageState {
    let builds = Builds::of(view.census, stream);
    let has = view.moves.of(stream, &stage.name);
    let id = |name: &BuildName| BuildId::new(stream.clone(), name.clone());
    let last = has.last();
    let incumbent = last.and_then(|led| led.build.as_ref()).map(id);
    let since = last.filter(|led| led.build.is_some()).and_then(|led| led.at);
    let candidates: Vec<Candidate> = arrivals(stage, &builds, view)
        .into_iter()
        .map(|name| candidate(stage, &builds, name, view))
        .collect();
    let ready = candidates.iter().find(|one| one.is_ready());
    let interfered = view.moves.is_by_hand(stream, &stage.name);
    let outcome = match (interfered, ready, candidates.is_empty(), &incumbent) {
        (true, ..) => Outcome::Interfered,
        (_, Some(_), ..) => Outcome::Promoted,
        (_, None, false, _) => Outcome::Waiting,
        (_, None, true, Some(_)) => Outcome::Current,
        (_, None, true, None) => Outcome::None,
    };
    let build = ready.filter(|_| outcome == Outcome::Promoted).map(|one| one.id.clone());
    let failed = stage.on_failure.as_ref().filter(|_| !interfered).and_then(|alias| {
        let failed = candidates.iter().find(|one| one.failed && one.rejected.is_none())?;
        let has = view.moves.of(stream, alias).last().and_then(|led| led.build.as_ref());
        (has != Some(&failed.id.name)).then(|| failed.id.clone())
    });
    let created = |id: &BuildId| builds.by_name.get(&id.name).and_then(|build| build.created);
    let newest = candidates.first().and_then(|one| created(&one.id));
    let gap = incumbent.as_ref().and_then(created).zip(newest).map(|(old, new)| new.unix() - old.unix());
    let gap = gap.or(incumbent.is_some().then_some(0).filter(|_| candidates.is_empty()));
    let why = without_candidate(stage, &builds, view).filter(|_| candidates.is_empty());
    StageState {
        stage: stage.name.clone(),
        stream: stream.clone(),
        incumbent,
        since,
        outcome,
        build,
        failed,
        candidates,
        why,
        gap_days: gap.map(|seconds| seconds.max(0) / 86_400),
        alarm: gap.zip(stage.alarm).is_some_and(|(gap, alarm)| gap > alarm.seconds()),
    }
}

/// Returns why a stage without candidates has none, if that is not only because nothing is newer.
fn without_candidate(stage: &Stage, builds: &Builds<'_, '_>, view: &View<'_>) -> Option<String> {
    let latest = match &stage.from {
        Some(from) => latest_first(view.moves.of(builds.stream, from)).first().copied(),
        None => builds.newest_first.first().map(|build| &build.build),
    };
    match (latest, &stage.from) {
        (None, Some(from)) => Some(format!("`{from}` has never pointed to a build there")),
        (None, None) => Some("it has no successful build".to_owned()),
        (Some(name), _) => {
            let why = candidate(stage, builds, name, view).rejected?;
            Some(format!("{name} is rejected: {why}"))
        }
    }
}

/// Returns what a build lacks to be promoted to a stage, whether it is a candidate or not.
pub fn assess(stage: &Stage, id: &BuildId, view: &View<'_>) -> Candidate {
    candidate(stage, &Builds::of(view.census, &id.stream), &id.name, view)
}

/// Returns for each build of a stream why its stages protect it, such as `current-tripleo, 2 of 3`.
///
/// Protected are: the last builds at the stage, as many as it keeps, without those that cannot have it again; its
/// newest candidate; and each candidate with a vote and without a failed required job.
pub fn protected(pipeline: &Pipeline, stream: &Stream, view: &View<'_>) -> BTreeMap<BuildName, Vec<String>> {
    let mut protected: BTreeMap<BuildName, Vec<String>> = BTreeMap::new();
    for stage in pipeline.stages_of(stream) {
        let had = had(stage, stream, &stage.name, view);
        let kept = had.iter().take(stage.keep);
        for (index, name) in kept.enumerate() {
            let why = format!("{}, {} of {}", stage.name, index + 1, stage.keep);
            protected.entry((*name).clone()).or_default().push(why);
        }
        if !stage.pin {
            let state = evaluate(stage, stream, view);
            let voted_on = |(index, one): &(usize, &Candidate)| {
                one.can_be_forced() && !one.failed && (*index == 0 || one.voted)
            };
            for (_, one) in state.candidates.iter().enumerate().filter(voted_on) {
                let why = format!("candidate of {}", stage.name);
                protected.entry(one.id.name.clone()).or_default().push(why);
            }
        }
    }
    protected
}

/// Returns the builds to which an alias of a stage pointed and that can have the stage, the latest first, and its
/// present build in any case.
pub fn had<'a>(stage: &Stage, stream: &Stream, alias: &str, view: &View<'a>) -> Vec<&'a BuildName> {
    let builds = Builds::of(view.census, stream);
    let led = view.moves.of(stream, alias);
    let has = led.last().and_then(|led| led.build.as_ref());
    let can_have =
        |name: &&BuildName| Some(*name) == has || candidate(stage, &builds, name, view).can_be_forced();
    latest_first(led).into_iter().filter(can_have).collect()
}

/// Returns the builds to which an alias pointed, the latest arrival first, each once.
fn latest_first(led: &[Led]) -> Vec<&BuildName> {
    let mut seen = HashSet::new();
    led.iter().rev().filter_map(|led| led.build.as_ref()).filter(|name| seen.insert(*name)).collect()
}

/// Returns the candidates of a stage, the latest arrival first.
fn arrivals<'a>(stage: &Stage, builds: &Builds<'a, '_>, view: &View<'a>) -> Vec<&'a BuildName> {
    let had: HashSet<&BuildName> =
        view.moves.of(builds.stream, &stage.name).iter().filter_map(|led| led.build.as_ref()).collect();
    let from = match &stage.from {
        // If a person moved a stage without mirrorkeep, its build did not pass.
        Some(from) if stage.before.contains(from) => latest_first(view.moves.accepted(builds.stream, from)),
        Some(from) => latest_first(view.moves.of(builds.stream, from)),
        None => builds.newest_first.iter().map(|build| &build.build).collect(),
    };
    from.into_iter().take_while(|name| !had.contains(name)).take(stage.look_back).collect()
}

fn candidate(stage: &Stage, builds: &Builds<'_, '_>, name: &BuildName, view: &View<'_>) -> Candidate {
    let id = BuildId::new(builds.stream.clone(), name.clone());
    let Some(build) = builds.by_name.get(name) else {
        let missing = vec!["the build is gone".to_owned()];
        return Candidate {
            id,
            missing,
            waived: Vec::new(),
            rejected: None,
            unfit: true,
            voted: false,
            failed: false,
        };
    };
    let label = |key: &str| build.labels.get(key).map(|label| label.value.as_str());
    let for_stage = |stage: &String| label(&Label::rejected_key(Some(stage)));
    let rejected = label(REJECTED)
        .or_else(|| for_stage(&stage.name))
        .or_else(|| stage.before.iter().find_map(for_stage));
    let (mut missing, mut waived) = (Vec::new(), Vec::new());
    if let Some(problem) = &build.problem {
        missing.push(problem.clone());
    }
    if build.is_after(latest(view.now)) {
        missing.push("a time that is not in the future".to_owned());
    }
    if build.result != Result::Success {
        missing.push(format!("its result is `{}`", build.result));
    }
    let unfit = !missing.is_empty();
    let (mut voted, mut failed) = (false, false);
    // A pinned stage requires none of these.
    for required in &stage.votes {
        let vote = |job: &String| label(&format!("{VOTE}{job}"));
        voted |= required.0.iter().any(|job| vote(job).is_some());
        if required.0.iter().any(|job| vote(job) == Some("success")) {
            continue;
        }
        // A waiver for an earlier build of that name does not apply to this one.
        let covers = |job: &&String| {
            let mut given =
                view.waivers.iter().filter(|waiver| waiver.covers(&stage.name, job, &id, view.now));
            given.any(|waiver| !waiver.is_for_one() || build.published.is_none_or(|at| waiver.since >= at))
        };
        if let Some(job) = required.0.iter().find(covers) {
            waived.push(job.clone());
            continue;
        }
        let denied = required.0.iter().any(|job| vote(job).is_some());
        failed |= required.0.iter().all(|job| vote(job) == Some("failure"));
        let shown = required.shown();
        missing.push(if denied { format!("{shown} (failure)") } else { shown });
    }
    for (key, values) in &stage.labels {
        if !label(key).is_some_and(|value| values.has(value)) {
            missing.push(format!("{key}={}", values.as_slice().join("|")));
        }
    }
    Candidate { id, missing, waived, rejected: rejected.map(str::to_owned), unfit, voted, failed }
}

impl<'a, 's> Builds<'a, 's> {
    fn of(census: &'a Census, stream: &'s Stream) -> Self {
        let builds = census.stream(stream).map_or(&[][..], |line| &line.builds);
        let by_name = builds.iter().map(|build| (&build.build, build)).collect();
        let mut newest_first: Vec<&BuildCensus> =
            builds.iter().filter(|build| build.result == Result::Success).collect();
        newest_first.sort_by(|a, b| (b.created, b.seq, &b.build).cmp(&(a.created, a.seq, &a.build)));
        Self { stream, by_name, newest_first }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::census::{AliasCensus, AliasMove, LabelCensus, StreamCensus};
    use crate::decide::pipeline::{Pipeline, WaiverScope};
    use crate::layout::Layout;
    use crate::model::RelPath;
    use proptest::prelude::*;

    const FILE: &str = "pipeline: 1\nstages:\n\
        - {name: tested, streams: '**', from: newest, require: {votes: [smoke, {any: [a, a-rerun]}]}, keep: 2, look_back: 4}\n";

    /// The facts about one build: whether it exists, is a success, is rejected, and its three votes.
    type Known = (bool, bool, bool, [Option<bool>; 3]);

    fn name(index: usize) -> BuildName {
        format!("b{index}").parse().unwrap()
    }

    /// An instant after every build.
    fn now() -> Stamp {
        Stamp::from_unix(100 * 86_400).unwrap()
    }

    fn stream() -> Stream {
        "main/debian".parse().unwrap()
    }

    fn census(known: &[Known]) -> Census {
        let label = |value: &str| LabelCensus { value: value.to_owned(), since: None, who: None, url: None };
        let build = |(index, (there, success, rejected, votes)): (usize, &Known)| {
            let mut build = BuildCensus::named(name(index));
            build.result = if *success { Result::Success } else { Result::Fail };
            build.created = Stamp::from_unix(i64::try_from(index).unwrap() * 86_400);
            for (job, vote) in ["smoke", "a", "a-rerun"].iter().zip(votes) {
                if let Some(vote) = vote {
                    build
                        .labels
                        .insert(format!("vote/{job}"), label(if *vote { "success" } else { "failure" }));
                }
            }
            if *rejected {
                build.labels.insert("rejected/tested".to_owned(), label("why"));
            }
            there.then_some(build)
        };
        let builds = known.iter().enumerate().filter_map(build).collect();
        let mut census = Census::empty(Stamp::default());
        census.streams.push(StreamCensus { stream: stream(), builds });
        census
    }

    fn moves(newest: &[usize], tested: &[usize]) -> Moves {
        let mut moves = Moves::default();
        for (alias, led) in [("newest", newest), ("tested", tested)] {
            for (at, index) in led.iter().enumerate() {
                let at = Stamp::from_unix(i64::try_from(at).unwrap()).unwrap();
                moves.add(&stream(), alias, at, Some(name(*index)));
            }
        }
        moves
    }

    fn state(known: &[Known], moves: &Moves, waivers: &[Waiver]) -> StageState {
        let pipeline = Pipeline::load(FILE, "p.yaml").unwrap();
        let census = census(known);
        let view = View { census: &census, moves, waivers, now: now() };
        evaluate(&pipeline.stages[0], &stream(), &view)
    }

    fn waiver(build: usize) -> Waiver {
        let scope = WaiverScope::Build(BuildId::new(stream(), name(build)));
        let [stage, job, why, by] = ["tested", "smoke", "why", "who"].map(str::to_owned);
        Waiver { stage, job, scope, why, by, since: Stamp::default() }
    }

    fn known() -> impl Strategy<Value = Vec<Known>> {
        let one = (
            prop::bool::weighted(0.9),
            prop::bool::weighted(0.8),
            prop::bool::weighted(0.2),
            any::<[Option<bool>; 3]>(),
        );
        prop::collection::vec(one, 8)
    }

    proptest! {
        #[test]
        fn what_is_promoted_is_a_later_arrival_that_meets_everything(
            known in known(),
            newest in prop::collection::vec(0..8_usize, 0..12),
            tested in prop::collection::vec(0..8_usize, 0..4),
            waived in prop::option::of(0..8_usize),
        ) {
            let waivers: Vec<Waiver> = waived.map(waiver).into_iter().collect();
            let state = state(&known, &moves(&newest, &tested), &waivers);
            // The model: walk back through the arrivals by hand.
            let mut wanted = None;
            let mut seen = Vec::new();
            for index in newest.iter().rev() {
                if tested.contains(index) || seen.len() == 4 {
                    break;
                }
                if seen.contains(index) {
                    continue;
                }
                seen.push(*index);
                let (there, success, rejected, [smoke, a, rerun]) = known[*index];
                let smoke = smoke == Some(true) || waived == Some(*index);
                if there && success && !rejected && smoke && (a == Some(true) || rerun == Some(true)) {
                    wanted = wanted.or(Some(*index));
                }
            }
            let wanted = wanted.map(|index| BuildId::new(stream(), name(index)));
            prop_assert_eq!(&state.build, &wanted);
            prop_assert_eq!(state.candidates.len(), seen.len());
            let outcome = match (wanted.is_some(), seen.is_empty(), tested.is_empty()) {
                (true, ..) => Outcome::Promoted,
                (_, false, _) => Outcome::Waiting,
                (_, _, false) => Outcome::Current,
                _ => Outcome::None,
            };
            prop_assert_eq!(state.outcome, outcome);
        }

        #[test]
        fn a_waiver_for_one_build_changes_nothing_for_another(
            known in known(),
            newest in prop::collection::vec(0..8_usize, 0..12),
            waived in 0..8_usize,
        ) {
            let moves = moves(&newest, &[]);
            let (without, with) = (state(&known, &moves, &[]), state(&known, &moves, &[waiver(waived)]));
            let id = BuildId::new(stream(), name(waived));
            for (before, after) in without.candidates.iter().zip(&with.candidates) {
                prop_assert!(before == after || after.id == id);
            }
        }

        #[test]
        fn a_build_that_has_the_stage_or_may_get_it_is_protected(
            known in known(),
            newest in prop::collection::vec(0..8_usize, 0..12),
            tested in prop::collection::vec(0..8_usize, 0..4),
        ) {
            let pipeline = Pipeline::load(FILE, "p.yaml").unwrap();
            let (census, moves) = (census(&known), moves(&newest, &tested));
            let view = View { census: &census, moves: &moves, waivers: &[], now: now() };
            let kept = protected(&pipeline, &stream(), &view);
            let state = evaluate(&pipeline.stages[0], &stream(), &view);
            let gone = |id: &&BuildId| known[id.name.as_str()[1..].parse::<usize>().unwrap()].0;
            prop_assert!(state.incumbent.iter().chain(&state.build).filter(gone).all(|id| kept.contains_key(&id.name)));
            let back = had(&pipeline.stages[0], &stream(), "tested", &view);
            prop_assert!(back.iter().take(2).all(|name| kept.contains_key(*name)));
        }
    }

    #[test]
    fn a_name_that_somebody_moved_is_an_interference() {
        let pipeline = Pipeline::load(FILE, "p.yaml").unwrap();
        let all = [(true, true, false, [Some(true); 3]); 8];
        let layout = "layout: 1
name: t
title: t
fields:
  branch: {matches: \"[a-z]+\", examples: [main]}
  name: {matches: \"b[0-9]\", examples: [b1]}
streams: [{stream: \"{branch}/debian\", build: \"{name}\"}]
tree: [\"**\"]
";
        let layout = Layout::load(layout, "l.yaml").unwrap();
        let at = |path: &str| -> RelPath { path.parse().unwrap() };
        let step = |to: &str, by_hand| AliasMove {
            from: None,
            to: Some(at(to)),
            at: Stamp::default(),
            by_hand,
            replaced: false,
        };
        let (b0, b1) = ("main/debian/b0", "main/debian/b1");
        let cases = [
            (vec![step(b0, false)], b0, Outcome::Promoted),
            (vec![step(b0, false)], b1, Outcome::Interfered),
            (vec![step(b0, false), step(b1, true)], b1, Outcome::Interfered),
            (vec![step(b0, false), step(b1, true), step(b0, true)], b0, Outcome::Promoted),
            // Targets from before mirrorkeep first moved it are not interference.
            (vec![step(b0, true), step(b1, true)], b1, Outcome::Promoted),
            (vec![], b1, Outcome::Promoted),
        ];
        for (steps, target, wanted) in cases {
            let mut census = census(&all);
            let alias = |path: &str, target: &str, moves| AliasCensus {
                path: at(path),
                target: Some(at(target)),
                required: false,
                moves,
                problem: None,
            };
            let newest = vec![step(b0, false), step(b1, false), step("main/debian/b2", false)];
            census.aliases.push(alias("main/debian/newest", "main/debian/b2", newest));
            census.aliases.push(alias("main/debian/tested", target, steps.clone()));
            let moves = Moves::of_census(&census, &layout);
            let view = View { census: &census, moves: &moves, waivers: &[], now: now() };
            let state = evaluate(&pipeline.stages[0], &stream(), &view);
            assert_eq!(state.outcome, wanted, "{steps:?} {target}");
            assert_eq!(state.incumbent.map(|id| id.to_string()), Some(target.to_owned()));
        }
    }
}
