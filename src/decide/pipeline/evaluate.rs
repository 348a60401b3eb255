//! Which candidates a stage has, what each lacks, and which one it takes.

use super::stage::{Pipeline, Stage};
use super::state::{Candidate, Led, Moves, Outcome, StageState, Waiver};
use crate::census::{BuildCensus, Census};
use crate::model::{BuildId, BuildName, Outcome as Result, Stamp, Stream};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Everything that is known when a stage is evaluated.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The builds.
    pub census: &'a Census,
    /// What names have led to.
    pub moves: &'a Moves,
    /// The waivers.
    pub waivers: &'a [Waiver],
    /// Where stages were last moved by promotion.
    pub promoted: &'a BTreeMap<(Stream, String), Option<BuildName>>,
    /// When.
    pub now: Stamp,
}

/// The builds of one stream by name.
struct Builds<'a> {
    stream: &'a Stream,
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
    let since = last.filter(|led| led.build.is_some()).map(|led| led.at);
    let candidates: Vec<Candidate> = arrivals(stage, &builds, view)
        .into_iter()
        .map(|name| candidate(stage, &builds, name, view))
        .collect();
    let ready = candidates.iter().find(|one| one.is_ready());
    let interfered = view
        .promoted
        .get(&(stream.clone(), stage.name.clone()))
        .is_some_and(|by_us| by_us.as_ref() != incumbent.as_ref().map(|id| &id.name));
    let outcome = match (interfered, ready, candidates.is_empty(), &incumbent) {
        (true, ..) => Outcome::Interfered,
        (_, Some(_), ..) => Outcome::Promoted,
        (_, None, false, _) => Outcome::Waiting,
        (_, None, true, Some(_)) => Outcome::Current,
        (_, None, true, None) => Outcome::None,
    };
    let build = ready.filter(|_| outcome == Outcome::Promoted).map(|one| one.id.clone());
    let failed = stage.on_failure.as_ref().filter(|_| !interfered).and_then(|alias| {
        let failed = candidates.iter().find(|one| has_failed(stage, &builds, one))?;
        let has = view.moves.of(stream, alias).last().and_then(|led| led.build.as_ref());
        (has != Some(&failed.id.name)).then(|| failed.id.clone())
    });
    let created = |id: &BuildId| builds.by_name.get(&id.name).and_then(|build| build.created);
    let newest = candidates.first().and_then(|one| created(&one.id));
    let gap = incumbent.as_ref().and_then(created).zip(newest).map(|(old, new)| new.unix() - old.unix());
    let gap = gap.or(incumbent.is_some().then_some(0).filter(|_| candidates.is_empty()));
    StageState {
        stage: stage.name.clone(),
        stream: stream.clone(),
        incumbent,
        since,
        outcome,
        build,
        failed,
        candidates,
        gap_days: gap.map(|seconds| seconds.max(0) / 86_400),
        alarm: gap.zip(stage.alarm).is_some_and(|(gap, alarm)| gap > alarm.seconds()),
    }
}

/// Returns for each build of a stream why its stages protect it, such as `stage current-tripleo, 2 of 3`.
///
/// Protected are the last builds that had a stage, as many as it keeps, and candidates that may still be promoted.
pub fn protected(pipeline: &Pipeline, stream: &Stream, view: &View<'_>) -> BTreeMap<BuildName, Vec<String>> {
    let mut protected: BTreeMap<BuildName, Vec<String>> = BTreeMap::new();
    for stage in pipeline.stages_of(stream) {
        let had = latest_first(view.moves.of(stream, &stage.name));
        let kept = had.into_iter().take(stage.keep);
        for (index, name) in kept.enumerate() {
            let why = format!("stage {}, {} of {}", stage.name, index + 1, stage.keep);
            protected.entry(name.clone()).or_default().push(why);
        }
        if stage.from.is_some() && !stage.pin {
            let state = evaluate(stage, stream, view);
            for one in state.candidates.iter().filter(|one| one.rejected.is_none()) {
                let why = format!("candidate of stage {}", stage.name);
                protected.entry(one.id.name.clone()).or_default().push(why);
            }
        }
    }
    protected
}

/// Returns the builds that a name led to, the latest arrival first, each once.
fn latest_first(led: &[Led]) -> Vec<&BuildName> {
    let mut seen = HashSet::new();
    led.iter().rev().filter_map(|led| led.build.as_ref()).filter(|name| seen.insert(*name)).collect()
}

/// Returns the candidates of a stage, the latest arrival first.
fn arrivals<'a>(stage: &Stage, builds: &Builds<'a>, view: &View<'a>) -> Vec<&'a BuildName> {
    let had: HashSet<&BuildName> =
        view.moves.of(builds.stream, &stage.name).iter().filter_map(|led| led.build.as_ref()).collect();
    let from = match &stage.from {
        Some(from) => latest_first(view.moves.of(builds.stream, from)),
        None => builds.newest_first.iter().map(|build| &build.build).collect(),
    };
    from.into_iter().take_while(|name| !had.contains(name)).take(stage.look_back).collect()
}

fn candidate(stage: &Stage, builds: &Builds<'_>, name: &BuildName, view: &View<'_>) -> Candidate {
    let id = BuildId::new(builds.stream.clone(), name.clone());
    let Some(build) = builds.by_name.get(name) else {
        let missing = vec!["the build is gone".to_owned()];
        return Candidate { id, missing, waived: Vec::new(), rejected: None };
    };
    let label = |key: &str| build.labels.get(key).map(|label| label.value.as_str());
    let rejected = label("rejected").or_else(|| label(&format!("rejected/{}", stage.name)));
    let (mut missing, mut waived) = (Vec::new(), Vec::new());
    if let Some(problem) = &build.problem {
        missing.push(problem.clone());
    }
    if build.result != Result::Success {
        missing.push(format!("its result is `{}`", build.result));
    }
    // A pinned stage requires none of these.
    for required in &stage.votes {
        let vote = |job: &String| label(&format!("vote/{job}"));
        if required.0.iter().any(|job| vote(job) == Some("success")) {
            continue;
        }
        let covers =
            |job: &&String| view.waivers.iter().any(|waiver| waiver.covers(&stage.name, job, &id, view.now));
        if let Some(job) = required.0.iter().find(covers) {
            waived.push(job.clone());
            continue;
        }
        let failed = required.0.iter().any(|job| vote(job).is_some());
        let shown = required.shown();
        missing.push(if failed { format!("{shown} (failure)") } else { shown });
    }
    for (key, values) in &stage.labels {
        if !label(key).is_some_and(|value| values.has(value)) {
            missing.push(format!("{key}={}", values.as_slice().join("|")));
        }
    }
    Candidate { id, missing, waived, rejected: rejected.map(str::to_owned) }
}

/// Returns whether all jobs of a requirement voted on a candidate, none of them success, and no waiver stands in.
fn has_failed(stage: &Stage, builds: &Builds<'_>, one: &Candidate) -> bool {
    let Some(build) = builds.by_name.get(&one.id.name).filter(|_| one.rejected.is_none()) else {
        return false;
    };
    let failure = |job: &String| {
        let vote = build.labels.get(&format!("vote/{job}"));
        vote.is_some_and(|vote| vote.value == "failure") && !one.waived.contains(job)
    };
    stage.votes.iter().any(|required| required.0.iter().all(failure))
}

impl<'a> Builds<'a> {
    fn of(census: &'a Census, stream: &'a Stream) -> Self {
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
    use crate::census::{LabelCensus, StreamCensus};
    use crate::decide::pipeline::{Pipeline, WaiverScope};
    use proptest::prelude::*;

    const FILE: &str = "pipeline: 1\nstages:\n\
        - {name: tested, streams: '**', from: newest, require: {votes: [smoke, {any: [a, a-rerun]}]}, keep: 2, look_back: 4}\n";

    /// What is known of one build: whether it is there, a success, rejected, and its three votes.
    type Known = (bool, bool, bool, [Option<bool>; 3]);

    fn name(index: usize) -> BuildName {
        format!("b{index}").parse().unwrap()
    }

    fn stream() -> Stream {
        "main/debian".parse().unwrap()
    }

    fn census(known: &[Known]) -> Census {
        let label = |value: &str| LabelCensus { value: value.to_owned(), since: None, who: None };
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
        let promoted = BTreeMap::new();
        let census = census(known);
        let view = View { census: &census, moves, waivers, promoted: &promoted, now: Stamp::default() };
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
            let (census, promoted) = (census(&known), BTreeMap::new());
            let moves = moves(&newest, &tested);
            let view = View { census: &census, moves: &moves, waivers: &[], promoted: &promoted, now: Stamp::default() };
            let kept = protected(&pipeline, &stream(), &view);
            let state = evaluate(&pipeline.stages[0], &stream(), &view);
            prop_assert!(state.incumbent.iter().chain(&state.build).all(|id| kept.contains_key(&id.name)));
        }
    }

    #[test]
    fn a_name_that_somebody_moved_is_an_interference() {
        let pipeline = Pipeline::load(FILE, "p.yaml").unwrap();
        let all = [(true, true, false, [Some(true); 3]); 8];
        let (census, moves) = (census(&all), moves(&[0, 1, 2], &[0, 1]));
        for (by_us, wanted) in [(name(0), Outcome::Interfered), (name(1), Outcome::Promoted)] {
            let promoted = BTreeMap::from([((stream(), "tested".to_owned()), Some(by_us))]);
            let view = View {
                census: &census,
                moves: &moves,
                waivers: &[],
                promoted: &promoted,
                now: Stamp::default(),
            };
            let state = evaluate(&pipeline.stages[0], &stream(), &view);
            assert_eq!((state.outcome, state.build.is_some()), (wanted, wanted == Outcome::Promoted));
        }
    }
}
