//! The runs and requests of a stream in the journal.
//!
//! They are stored nowhere else: whether a request is answered, and whether a start counts, follows from later
//! events. The laws: a request is answered by a run that names it and succeeds or publishes, or by a build that was
//! made after the request; a run that fails, or is killed before it published, does not lose it. A start that neither
//! ended nor published does not count. A value that the last run found is not tried again until it changes, or the
//! newest build has another value than when that run ended.

use crate::model::{BuildId, Stamp, Stream};
use crate::record::{Event, EventKind, Phase, RunOutcome, person};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// The kinds of events of runs and requests.
pub const TELLING: [EventKind; 7] = [
    EventKind::Published,
    EventKind::Confirmed,
    EventKind::Adopted,
    EventKind::Requested,
    EventKind::Unrequested,
    EventKind::Started,
    EventKind::Ended,
];

/// A request of a build that no build answered yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Request {
    /// The number of its event.
    pub seq: u64,
    /// When it was made.
    pub at: Stamp,
    /// Who made it.
    pub by: String,
    /// The reason.
    pub why: String,
}

/// The runs of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Runs {
    /// The requests that no build answered yet, oldest first.
    pub open: Vec<Request>,
    /// When the runs were started that count.
    pub starts: Vec<Stamp>,
    /// When a run was started that neither ended nor published.
    pub interrupted: Option<Stamp>,
    /// What the last runs found that ended or published, by the subject.
    pub seen: BTreeMap<String, Tried>,
}

/// What the last run found that checked a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// The commit or digest.
    pub saw: String,
    /// What the newest build stated when the run ended; nothing if that is not known, and no build came after it.
    pub built: Option<Option<String>>,
}

impl Tried {
    /// Returns whether the run tried the present value, and the newest build states the same as when it ended.
    pub fn counts(&self, built: Option<&str>, now: &str) -> bool {
        self.saw == now && self.built.as_ref().is_none_or(|then| then.as_deref() == built)
    }
}

/// A run that has not ended.
struct Running {
    seq: u64,
    at: Stamp,
    until: Option<Stamp>,
    requests: Vec<u64>,
    seen: BTreeMap<String, String>,
    built: bool,
    /// Whether it was found that it is over, although no end is stated: it was killed.
    over: bool,
}

impl Running {
    /// Returns whether a build that became visible at `event`, and was made at `made`, is from the run.
    fn has(&self, event: Stamp, made: Option<Stamp>) -> bool {
        !self.over
            && self.until.is_none_or(|until| event <= until)
            && made.is_some_and(|made| made >= self.at)
    }
}

impl Runs {
    /// Returns the state after these events, the oldest first; those of other streams and kinds are ignored.
    pub fn of(events: &[Event], stream: &Stream) -> Self {
        let mut runs = Self::default();
        let mut running: Option<Running> = None;
        for event in events.iter().filter(|event| event.phase == Phase::Done && is_of(event, stream)) {
            let stated = event.stated();
            // A request with a time after that of a later event is from a wrong clock.
            runs.open.iter_mut().for_each(|request| request.at = request.at.min(event.at));
            match event.what {
                EventKind::Requested => {
                    if let Some(run) = running.as_mut().filter(|_| stated.idle == Some(true)) {
                        run.over = true;
                    }
                    runs.open.push(Request {
                        seq: event.seq,
                        at: event.at,
                        by: person(&event.by).to_owned(),
                        why: stated.why.unwrap_or_default(),
                    });
                }
                EventKind::Unrequested => runs.open.clear(),
                EventKind::Started => {
                    runs.killed(running.take());
                    running = Some(Running {
                        seq: event.seq,
                        at: event.at,
                        until: stated.until,
                        requests: stated.requests.unwrap_or_default(),
                        seen: stated.seen.unwrap_or_default(),
                        built: false,
                        over: false,
                    });
                }
                EventKind::Ended => {
                    let Some(run) = running.take_if(|run| stated.run == Some(run.seq)) else { continue };
                    let outcome = stated.outcome.unwrap_or(RunOutcome::Failure);
                    runs.ended(run, outcome, &stated.built.unwrap_or_default());
                }
                EventKind::Published | EventKind::Confirmed | EventKind::Adopted => {
                    if event.what != EventKind::Confirmed {
                        runs.seen.retain(|_, tried| tried.built.is_some());
                    }
                    let made = if event.what == EventKind::Confirmed {
                        stated.read_at.or(Some(event.at))
                    } else {
                        stated.created
                    };
                    let is_adopted = event.what == EventKind::Adopted;
                    match running.as_mut().filter(|run| !is_adopted && run.has(event.at, made)) {
                        Some(run) => {
                            if !run.built {
                                runs.starts.push(run.at);
                            }
                            run.built = true;
                            let requests = run.requests.clone();
                            runs.answer(&requests);
                        }
                        None => {
                            if event.what == EventKind::Confirmed {
                                runs.starts.extend(made);
                            }
                            runs.open.retain(|request| made.is_none_or(|made| request.at >= made));
                        }
                    }
                }
                _ => {}
            }
        }
        runs.interrupted = running.as_ref().filter(|run| !run.built).map(|run| run.at);
        runs.killed(running);
        runs
    }

    /// Takes note of a run of which no end is stated: what it saw counts as its start does, if something came of it.
    fn killed(&mut self, run: Option<Running>) {
        if let Some(run) = run.filter(|run| run.built) {
            self.saw(run, &BTreeMap::new());
        }
    }

    fn ended(&mut self, run: Running, outcome: RunOutcome, built: &BTreeMap<String, Option<String>>) {
        if matches!(outcome, RunOutcome::Stopped | RunOutcome::NotStarted) {
            return;
        }
        if !run.built {
            self.starts.push(run.at);
        }
        if outcome == RunOutcome::Success {
            self.answer(&run.requests);
        }
        self.saw(run, built);
    }

    /// Notes what a run saw, beside what other runs saw that looked at something else.
    fn saw(&mut self, run: Running, built: &BTreeMap<String, Option<String>>) {
        let tried = |(key, saw): (String, String)| {
            let built = built.get(&key).cloned();
            (key, Tried { saw, built })
        };
        self.seen.extend(run.seen.into_iter().map(tried));
    }

    fn answer(&mut self, requests: &[u64]) {
        self.open.retain(|request| !requests.contains(&request.seq));
    }
}

/// Returns whether an event is about a stream or one of its builds.
fn is_of(event: &Event, stream: &Stream) -> bool {
    match event.what {
        EventKind::Published | EventKind::Confirmed | EventKind::Adopted => {
            event.to.parse::<BuildId>().is_ok_and(|id| id.stream == *stream)
        }
        _ => event.to == stream.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    /// What happens in a story, with a minute between two events.
    #[derive(Debug, Clone)]
    enum Step {
        Request,
        /// A request while no run is going on.
        Idle,
        Unrequest,
        /// A run that names every open request.
        Start,
        End(RunOutcome),
        /// A build that was made this many minutes ago.
        Publish(i64),
        Confirm,
        /// Something happens in another stream.
        Other,
    }

    /// Runs a story, and returns the state after each step.
    fn told(steps: &[Step]) -> Vec<Runs> {
        let stream: Stream = "master/centos".parse().unwrap();
        let (mut events, mut known, mut started): (Vec<Event>, Vec<Runs>, u64) = (Vec::new(), Vec::new(), 0);
        for (step, seq) in steps.iter().zip(1u64..) {
            let at = Stamp::from_unix(1_544_000_000 + 60 * i64::try_from(seq).unwrap()).unwrap();
            let open: Vec<u64> =
                known.last().map(|runs| runs.open.iter().map(|one| one.seq).collect()).unwrap_or_default();
            let build = |at: Stamp| format!("master/centos/{at}");
            let (what, to, details) = match step {
                Step::Request => (EventKind::Requested, stream.to_string(), json!({"why": "again"})),
                Step::Idle => {
                    (EventKind::Requested, stream.to_string(), json!({"why": "again", "idle": true}))
                }
                Step::Unrequest => (EventKind::Unrequested, stream.to_string(), json!({})),
                Step::Start => {
                    started = seq;
                    (
                        EventKind::Started,
                        stream.to_string(),
                        json!({"requests": open, "seen": {"a": seq.to_string()}}),
                    )
                }
                Step::End(outcome) => {
                    (EventKind::Ended, stream.to_string(), json!({"run": started, "outcome": outcome}))
                }
                Step::Publish(ago) => {
                    let created = at.checked_add(-60 * ago).unwrap();
                    (EventKind::Published, build(at), json!({"created": created}))
                }
                Step::Confirm => (EventKind::Confirmed, build(at), json!({})),
                Step::Other => (EventKind::Published, format!("master/debian/{at}"), json!({"created": at})),
            };
            let details = details.as_object().cloned().unwrap_or_default();
            let (phase, by) = (Phase::Done, "ops@host pid 7".to_owned());
            events.push(Event { event: 1, seq, at, phase, what, to, by, settles: None, details });
            known.push(Runs::of(&events, &stream));
        }
        known
    }

    #[track_caller]
    fn case(steps: &[Step], open: &[u64], starts: usize, interrupted: bool) {
        let runs = told(steps).pop().unwrap();
        assert_eq!(runs.open.iter().map(|one| one.seq).collect::<Vec<_>>(), open, "{steps:?}");
        assert_eq!((runs.starts.len(), runs.interrupted.is_some()), (starts, interrupted), "{steps:?}");
    }

    use RunOutcome::{Failure, NotStarted, Stopped, Success};
    use Step::{Confirm, End, Idle, Other, Publish, Request, Start, Unrequest};

    #[test]
    fn a_request_is_answered_once_and_not_by_what_failed_before_it_published() {
        case(&[Request], &[1], 0, false);
        case(&[Request, Start], &[1], 0, true);
        case(&[Request, Start, End(Success)], &[], 1, false);
        case(&[Request, Start, Publish(0)], &[], 1, false);
        case(&[Request, Start, Confirm], &[], 1, false);
        case(&[Request, Start, End(Failure)], &[1], 1, false);
        case(&[Request, Start, End(Stopped)], &[1], 0, false);
        case(&[Request, Start, End(NotStarted)], &[1], 0, false);
        case(&[Request, Start, Publish(0), End(Failure)], &[], 1, false);
        case(&[Request, Start, Start, Publish(0)], &[], 1, false);
        // A build that was made before the run is not from it.
        case(&[Request, Start, Publish(2), End(Failure)], &[1], 1, false);
        // A second build of a run answers no more than the first.
        case(&[Start, Publish(0), Request, Publish(0), Confirm, End(Success)], &[3], 1, false);
        // The build of a run was begun before a later request, whatever its name states.
        case(&[Start, Request, Publish(0), End(Success)], &[2], 1, false);
        case(&[Start, Request, End(Success), Publish(0)], &[], 1, false);
        // Without a run, a build that was made after the request answers it.
        case(&[Request, Publish(0)], &[], 0, false);
        case(&[Request, Publish(1)], &[1], 0, false);
        case(&[Request, Publish(7)], &[1], 0, false);
        case(&[Request, Confirm], &[], 1, false);
        case(&[Request, Other, Request], &[1, 3], 0, false);
        case(&[Request, Request, Unrequest], &[], 0, false);
        // A run that was killed has no builds once it is known to be over; one that is alive all the same ends as ever.
        case(&[Request, Start, Idle, Publish(0)], &[], 0, true);
        case(&[Request, Start, Idle, Publish(1)], &[3], 0, true);
        case(&[Request, Start, Idle, Confirm], &[], 1, true);
        case(&[Request, Start, Idle, End(Success)], &[3], 1, false);
        case(&[Request, Start, Idle, Start, Publish(0)], &[], 1, false);
    }

    #[test]
    fn what_a_run_saw_counts_until_another_build_comes() {
        // It is not stated what was built when the runs of these stories ended.
        let seen = |steps: &[Step]| {
            let tried = told(steps).pop().unwrap().seen.remove("a");
            assert!(tried.as_ref().is_none_or(|tried| tried.built.is_none()));
            tried.map(|tried| tried.saw)
        };
        assert_eq!(seen(&[Start]), None);
        assert_eq!(seen(&[Start, End(Stopped)]), None);
        assert_eq!(seen(&[Start, End(NotStarted)]), None);
        assert_eq!(seen(&[Start, End(Failure)]).as_deref(), Some("1"));
        assert_eq!(seen(&[Start, Publish(0), End(Success)]).as_deref(), Some("1"));
        assert_eq!(seen(&[Start, Confirm, End(Success)]).as_deref(), Some("1"));
        assert_eq!(seen(&[Start, End(Failure), Publish(0)]), None);
        assert_eq!(seen(&[Start, End(Failure), Confirm]).as_deref(), Some("1"));
        assert_eq!(seen(&[Start, End(Failure), Start]).as_deref(), Some("1"));
        assert_eq!(seen(&[Start, End(Failure), Start, End(Failure)]).as_deref(), Some("3"));
        // Killed: what it saw counts if something came of it.
        assert_eq!(seen(&[Start, Publish(0)]).as_deref(), Some("1"));
        assert_eq!(seen(&[Start, Publish(0), Start]).as_deref(), Some("1"));
        assert_eq!(seen(&[Start, Idle]), None);
    }

    #[test]
    fn a_request_by_a_clock_that_is_ahead_is_answered_by_a_build_after_it() {
        let stream: Stream = "master/centos".parse().unwrap();
        let at = |second: i64| Stamp::from_unix(1_544_000_000 + second).unwrap();
        let event = |(seq, second, what, details): (u64, i64, EventKind, Value)| Event {
            event: 1,
            seq,
            at: at(second),
            phase: Phase::Done,
            what,
            to: if what == EventKind::Published { format!("{stream}/x") } else { stream.to_string() },
            by: String::new(),
            settles: None,
            details: details.as_object().cloned().unwrap(),
        };
        let open = |events: Vec<(u64, i64, EventKind, Value)>| {
            let events: Vec<Event> = events.into_iter().map(event).collect();
            Runs::of(&events, &stream).open.len()
        };
        let year = 365 * 86400;
        let request = (1, year, EventKind::Requested, json!({"why": "again"}));
        let build =
            |seq: u64, made: i64| (seq, made + 60, EventKind::Published, json!({"created": at(made)}));
        // Whether the first one began before the request is not known.
        assert_eq!(open(vec![request.clone(), build(2, 100)]), 1);
        assert_eq!(open(vec![request, build(2, 100), build(3, 200)]), 0);
    }

    /// What happens to a branch and its builds between two looks.
    #[derive(Debug, Clone)]
    enum Tick {
        /// Nothing.
        Look,
        /// The branch is at another commit.
        Move(u8),
        /// A person publishes a build of a commit.
        Build(Option<u8>),
    }

    /// What the command of a run publishes: builds of these commits, whatever the branch has.
    type Builds = Vec<Option<u8>>;

    /// Returns how many runs are started, by a timer that looks after each tick and twice in the end.
    fn runs_of(ticks: &[Tick], built: Option<u8>, mut commands: impl Iterator<Item = Builds>) -> usize {
        let stream: Stream = "master/centos".parse().unwrap();
        let (mut events, mut count): (Vec<Event>, usize) = (Vec::new(), 0);
        let (mut now, mut newest) = (0, built.map(|built| built.to_string()));
        let push = |events: &mut Vec<Event>, what, details: Value| {
            let seq = events.len() as u64 + 1;
            let at = Stamp::from_unix(1_544_000_000 + i64::try_from(seq).unwrap()).unwrap();
            let (is_build, details) = (what == EventKind::Published, details.as_object().cloned().unwrap());
            let to = if is_build { format!("{stream}/{at}") } else { stream.to_string() };
            let by = String::new();
            events.push(Event {
                event: 1,
                seq,
                at,
                phase: Phase::Done,
                what,
                to,
                by,
                settles: None,
                details,
            });
            seq
        };
        let made = |events: &[Event]| {
            let second = i64::try_from(events.len()).unwrap() + 1;
            json!({"created": Stamp::from_unix(1_544_000_000 + second).unwrap()})
        };
        for tick in ticks.iter().cloned().chain([Tick::Look, Tick::Look]) {
            match tick {
                Tick::Look => {}
                Tick::Move(to) => now = to,
                Tick::Build(of) => {
                    let details = made(&events);
                    push(&mut events, EventKind::Published, details);
                    newest = of.map(|of| of.to_string());
                }
            }
            let runs = Runs::of(&events, &stream);
            let (saw, key) = (now.to_string(), "git x");
            let answer = super::super::compared(
                crate::record::Question::Git,
                "x",
                (newest.as_deref(), &saw),
                runs.seen.get(key),
            );
            if answer.due == Some(true) {
                count += 1;
                let seen = json!({ key: saw });
                let run = push(&mut events, EventKind::Started, json!({"seen": seen, "requests": []}));
                for of in commands.next().unwrap_or_default() {
                    let details = made(&events);
                    push(&mut events, EventKind::Published, details);
                    newest = of.map(|of| of.to_string());
                }
                let built = json!({ key: newest });
                let ended = json!({"run": run, "outcome": "failure", "built": built});
                push(&mut events, EventKind::Ended, ended);
            }
        }
        count
    }

    proptest! {
        #[test]
        fn nothing_is_built_again_and_again_whatever_a_run_publishes(
            ticks in prop::collection::vec(prop_oneof![
                Just(Tick::Look),
                (0u8..3).prop_map(Tick::Move),
                prop::option::of(0u8..3).prop_map(Tick::Build),
            ], 0..8),
            built in prop::option::of(0u8..3),
            commands in prop::collection::vec(prop::collection::vec(prop::option::of(0u8..3), 0..3), 1..3),
        ) {
            let changes = ticks.iter().filter(|tick| !matches!(tick, Tick::Look)).count();
            let count = runs_of(&ticks, built, commands.iter().cycle().cloned());
            prop_assert!(count <= changes + 1, "{count} runs for {changes} changes");
        }

        #[test]
        fn a_run_is_started_for_each_commit_that_is_not_built(moves in prop::collection::vec(0u8..3, 0..8)) {
            let ticks: Vec<Tick> = moves.iter().copied().map(Tick::Move).collect();
            // Each run publishes what the branch has.
            let (mut at, mut builds) = (None, Vec::new());
            for now in moves.iter().copied() {
                if at != Some(now) {
                    builds.push(vec![Some(now)]);
                }
                at = Some(now);
            }
            let expected = if moves.is_empty() { 1 } else { builds.len() };
            prop_assert_eq!(runs_of(&ticks, None, builds.into_iter()), expected);
        }
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            Just(Request),
            Just(Idle),
            Just(Start),
            prop_oneof![Just(Success), Just(Failure), Just(Stopped)].prop_map(End),
            (0i64..4).prop_map(Publish),
            Just(Confirm),
            Just(Other),
        ]
    }

    proptest! {
        #[test]
        fn a_request_stays_open_until_something_answers_it_and_never_opens_again(steps in prop::collection::vec(step(), 1..14)) {
            let known = told(&steps);
            let mut gone: Vec<u64> = Vec::new();
            let mut before: Vec<u64> = Vec::new();
            for (runs, step) in known.iter().zip(&steps) {
                let open: Vec<u64> = runs.open.iter().map(|one| one.seq).collect();
                prop_assert!(open.iter().all(|seq| !gone.contains(seq)), "{steps:?}");
                let answered: Vec<u64> = before.iter().filter(|seq| !open.contains(seq)).copied().collect();
                let answers = matches!(step, End(Success) | Publish(_) | Confirm);
                prop_assert!(answers || answered.is_empty(), "{step:?} of {steps:?}");
                gone.extend(answered);
                before = open;
            }
        }

        #[test]
        fn a_run_that_succeeds_leaves_no_request_open_that_it_named(steps in prop::collection::vec(step(), 0..8)) {
            let story = [steps, vec![Request, Start, End(Success)]].concat();
            prop_assert_eq!(&told(&story).pop().unwrap().open, &[]);
        }

        #[test]
        fn what_others_do_changes_nothing(steps in prop::collection::vec(step(), 1..10)) {
            let without: Vec<Step> = steps.iter().filter(|step| !matches!(step, Other)).cloned().collect();
            let count = |steps: &[Step]| {
                let runs = told(steps).pop().unwrap_or_default();
                (runs.open.len(), runs.starts.len(), runs.interrupted.is_some())
            };
            // Times differ by the minutes that the others took, and only builds without a run depend on these.
            let plain = steps.iter().all(|step| !matches!(step, Publish(ago) if *ago > 0));
            prop_assert!(!plain || count(&steps) == count(&without));
        }
    }

    #[test]
    fn a_journal_of_others_states_nothing() {
        let event = |what, details: Value| Event {
            event: 1,
            seq: 1,
            at: Stamp::default(),
            phase: Phase::Done,
            what,
            to: "master/centos".to_owned(),
            by: String::new(),
            settles: None,
            details: details.as_object().cloned().unwrap(),
        };
        let stream: Stream = "master/centos".parse().unwrap();
        for kind in EventKind::ALL {
            Runs::of(&[event(kind, json!({"requests": 5, "seen": [], "run": "x", "outcome": 7}))], &stream);
        }
    }
}
