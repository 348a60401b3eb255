//! The plan of a mirror: its policy applied to a survey.
//!
//! Nothing is changed. What could not be read counts as a possible protection: a link or a directory that cannot be
//! followed stops everything, a damaged record protects its build, many of them their stream.

use crate::census::Census;
use crate::commit::PipelineInForceError;
use crate::decide::policy::{Policy, PolicyChange, PolicyError};
use crate::decide::{Fate, PartFate, Plan, PreviousRuns, Space, Verdict, retain};
use crate::layout::Place;
use crate::mirror::{
    Chosen, ExpectedError, InForce, JournalError, LastRun, LastRunError, Mirror, MirrorError, PinsInForce,
    StateError, Survey, Unreadable, survey,
};
use crate::model::{BuildId, Class, Classify, Digest, ErrorKind, RelPath, Stamp, Stream};
use crate::ops::Mode;
use crate::ops::images::{TaggedError, protect_pinned, protect_tagged};
use crate::ops::promotion::protect;
use crate::ops::retention::concern::alien;
use crate::ops::retention::report::unreadable;
use crate::ops::targets::note_mirrored;
use crate::store::{Kind, Put, StoreError, TreeSnapshot};
use rayon::prelude::*;
use std::collections::{BTreeMap, HashMap};

/// The percentage of a stream's builds that may be unreadable before the whole stream is protected.
const UNREADABLE: usize = 10;

/// A plan, and its inputs.
#[derive(Debug)]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// The policy by which it was made.
    pub policy: Policy,
    /// The census.
    pub census: Census,
    /// What could not be read.
    pub troubles: Vec<Unreadable>,
    /// How full the store was.
    pub space: Option<Space>,
    /// The plan that the user accepted.
    pub(crate) accepted: Option<Digest>,
    /// The bytes that are really freed, if measured.
    pub(crate) measured: Option<HashMap<BuildId, u64>>,
    /// Its inputs beyond the census.
    past: PreviousRuns,
    /// How many builds each stream had after the last run, without those that the journal states to be gone.
    pub(crate) before: BTreeMap<Stream, usize>,
    /// The policy of the last run.
    pub(crate) previous: Option<String>,
}

/// Why no plan could be made.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The mirror has no policy.
    #[error("the mirror has no policy, so no build ever expires")]
    NoPolicy,
    /// The policy cannot be used.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The mirror cannot be read.
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    /// The pipeline cannot be used, so it is not known which builds its stages protect.
    #[error(transparent)]
    Pipeline(#[from] PipelineInForceError),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The records of builds cannot be read.
    #[error(transparent)]
    Kept(#[from] StateError),
    /// The state of the last run cannot be read.
    #[error("what the last run of prune left in `{0}` cannot be used")]
    LastRun(RelPath, #[source] serde_json::Error),
    /// The store failed.
    #[error("cannot read the mirror")]
    Store(#[from] StoreError),
}

impl Classify for PlanError {
    fn class(&self) -> Class {
        match self {
            Self::NoPolicy => ErrorKind::Usage.hint(
                "`mirrorkeep policy list` lists the shipped policies, and `mirrorkeep policy set generic` puts one in force",
            ),
            Self::Policy(error) => error.class(),
            Self::LastRun(at, _) => ErrorKind::Refused.hint(format!(
                "restore `{at}` from a copy; without it (`rm {at}` in the mirror), the next prune deletes nothing until its plan is accepted"
            )),
            Self::Mirror(error) => error.class(),
            Self::Pipeline(error) => error.class(),
            Self::Journal(error) => error.class(),
            Self::Kept(error) => error.class(),
            Self::Store(error) => error.class(),
        }
    }
}

/// Returns the mirror's policy.
pub fn policy_of(mirror: &Mirror) -> Result<Policy, PlanError> {
    match mirror.in_force(InForce::Policy, Policy::shipped)? {
        None => {
            mirror.idle(InForce::Policy)?.into_iter().for_each(|why| mirror.warnings().add(why));
            Err(PlanError::NoPolicy)
        }
        Some((name, text)) => Ok(Policy::load(&text, &name)?),
    }
}

/// Returns the plan at `now` by `policy`, or by the mirror's own without one.
pub fn plan(
    mirror: &Mirror,
    policy: Option<Policy>,
    now: Stamp,
    accepted: Option<Digest>,
) -> Result<Planned, PlanError> {
    let base = PreviousRuns { accepted, ..PreviousRuns::default() };
    shown(mirror, weighed(mirror, policy, now, base)?)
}

/// Adds warnings about the trash, as a prune reports them.
fn shown(mirror: &Mirror, mut planned: Planned) -> Result<Planned, PlanError> {
    let trash = mirror.trash()?;
    let warnings = &mut planned.plan.warnings;
    warnings
        .extend(unreadable(trash.strange).into_iter().map(|lost| format!("`{}`: {}", lost.path, lost.error)));
    warnings.extend(alien(trash.alien).iter().map(ToString::to_string));
    Ok(planned)
}

/// Returns the plan for any instant `at`: clocks are not compared.
pub fn plan_at(mirror: &Mirror, policy: Option<Policy>, at: Stamp) -> Result<Planned, PlanError> {
    shown(mirror, weighed(mirror, policy, at, PreviousRuns { any_clock: true, ..PreviousRuns::default() })?)
}

/// Returns the plan, with the bytes that are really freed.
pub(crate) fn weighed(
    mirror: &Mirror,
    policy: Option<Policy>,
    now: Stamp,
    base: PreviousRuns,
) -> Result<Planned, PlanError> {
    let mut planned = evaluate(mirror, policy, now, base)?;
    if let Some(measured) = measured(&planned, mirror, now) {
        let past = PreviousRuns { measured: Some(measured), ..planned.past.clone() };
        planned.plan = retain(&planned.census, &planned.policy, now, &past);
        planned.measured = past.measured;
    }
    planned.compute_freed(mirror);
    Ok(planned)
}

/// Returns the plan, with the inputs of `base` beyond what is read, and without the freed bytes.
pub(crate) fn evaluate(
    mirror: &Mirror,
    policy: Option<Policy>,
    now: Stamp,
    base: PreviousRuns,
) -> Result<Planned, PlanError> {
    let policy = policy.map_or_else(|| policy_of(mirror), Ok)?;
    let mut survey = survey(mirror, now)?;
    note_protections(mirror, &mut survey.census, &survey.pins)?;
    if let Some(lost) = survey.lost.first() {
        return Err(PlanError::Journal(lost.clone().into()));
    }
    if let Some(lost) = survey.lost_holds.first() {
        return Err(lost.error().into());
    }
    let unread = protect_retiring(mirror, &mut survey.census)?;
    let (mut past, Known { before, previous }) = past(mirror, &survey, base)?;
    past.frozen.extend(unread);
    let compared: Vec<&Policy> = past.previous.iter().map(|previous| &**previous).collect();
    let unsure = note_mirrored(mirror, &policy, &compared, &mut survey.census)?;
    past.warnings.extend(unsure);
    let plan = retain(&survey.census, &policy, now, &past);
    Ok(Planned {
        plan,
        policy,
        census: survey.census,
        troubles: survey.troubles,
        space: past.space,
        accepted: past.accepted,
        measured: past.measured.clone(),
        past,
        before,
        previous,
    })
}

/// Returns the verdict on each build if builds and names were there that `add` adds to the census; brakes count as no reason to keep.
pub(crate) fn verdicts_with(
    mirror: &Mirror,
    now: Stamp,
    add: impl FnOnce(&mut Census),
) -> Result<Vec<Verdict>, PlanError> {
    let policy = policy_of(mirror)?;
    let mut survey = survey(mirror, now)?;
    note_protections(mirror, &mut survey.census, &survey.pins)?;
    protect_retiring(mirror, &mut survey.census)?;
    add(&mut survey.census);
    survey.census.sort();
    let past = PreviousRuns { any_clock: true, ..PreviousRuns::default() };
    Ok(retain(&survey.census, &policy, now, &past).builds)
}

/// Records at each build of a census what protects it beyond the mirror's own aliases and holds: stages, image tags
/// and pins.
fn note_protections(mirror: &Mirror, census: &mut Census, pins: &PinsInForce) -> Result<(), PlanError> {
    protect(mirror, census)?;
    protect_tagged(mirror, census).map_err(|error| match error {
        TaggedError::Pipeline(error) => PlanError::Pipeline(error),
        TaggedError::Journal(error) => PlanError::Journal(error),
    })?;
    protect_pinned(mirror, census, pins);
    Ok(())
}

/// Returns the verdict on each build of a survey, brakes and freezes included, for whoever shows it and decides nothing.
pub fn verdicts(mirror: &Mirror, survey: &Survey) -> Result<Vec<Verdict>, PlanError> {
    let (policy, mut census) = (policy_of(mirror)?, survey.census.clone());
    note_protections(mirror, &mut census, &survey.pins)?;
    let unread = protect_retiring(mirror, &mut census)?;
    let (mut past, _) = past(mirror, survey, PreviousRuns::default())?;
    past.frozen.extend(unread);
    let compared: Vec<&Policy> = past.previous.iter().map(|previous| &**previous).collect();
    note_mirrored(mirror, &policy, &compared, &mut census)?;
    Ok(retain(&census, &policy, census.at, &past).builds)
}

/// Returns the policy whose deletions nobody needs to accept any more: that of the last run, or before the first one that with
/// which the mirror began.
fn accepted_policy(mirror: &Mirror, last: Option<&LastRun>) -> Result<Option<String>, PlanError> {
    if let Some(last) = last {
        return Ok(Some(last.policy.clone()));
    }
    let first = mirror.first_policy()?;
    Ok(first.map(|text| Policy::shipped(text.trim()).map_or(text, str::to_owned)))
}

/// Returns the policy of the last accepted plan, if builds that it would keep are withheld because of that (`policy_change: defer`).
pub fn deferring(mirror: &Mirror, policy: &Policy) -> Result<Option<Policy>, PlanError> {
    if policy.brakes.policy_change != PolicyChange::Defer {
        return Ok(None);
    }
    let accepted = accepted_policy(mirror, LastRun::read(mirror)?.as_ref())?;
    let accepted = accepted.and_then(|text| Policy::load(&text, "policy of the last run").ok());
    Ok(accepted.filter(|accepted| accepted.digest != policy.digest))
}

/// Returns how many builds each stream must have: those of the last run, without those that were pruned or recorded as gone.
fn expected(last: &LastRun, survey: &Survey) -> BTreeMap<Stream, usize> {
    let mut streams = last.streams.clone();
    for (id, _) in survey.pruned.iter().filter(|(_, at)| *at >= last.at) {
        if let Some(count) = streams.get_mut(&id.stream) {
            *count = count.saturating_sub(1);
        }
    }
    streams
}

/// What is known of a mirror from before.
struct Known {
    /// How many builds each stream must have.
    before: BTreeMap<Stream, usize>,
    /// The policy whose deletions nobody needs to accept any more.
    previous: Option<String>,
}

/// Returns the plan's inputs beyond the census.
fn past(
    mirror: &Mirror,
    survey: &Survey,
    mut past: PreviousRuns,
) -> Result<(PreviousRuns, Known), PlanError> {
    let census = &survey.census;
    let last = LastRun::read(mirror)?;
    let before = last.as_ref().map(|last| expected(last, survey)).unwrap_or_default();
    past.mirror = Some(mirror.config().id.clone());
    let mut damaged: BTreeMap<Stream, usize> = BTreeMap::new();
    for trouble in &survey.troubles {
        match mirror.layout().place(&trouble.path) {
            Place::Build { build } => *damaged.entry(build.stream).or_default() += 1,
            _ => past.unreadable.push((trouble.path.clone(), trouble.advice())),
        }
    }
    for (stream, count) in damaged {
        let all = census.stream(&stream).map_or(0, |stream| stream.builds.len());
        if count > 1 && count * 100 > all * UNREADABLE {
            past.frozen.insert(stream, format!("{count} of its {all} builds cannot be read"));
        }
    }
    // A run that had nothing to delete did not show what the policy deletes.
    past.first_run = survey.scripted && (last.is_none() || !survey.planned);
    // It was good then; one that this version cannot read any more says nothing.
    let previous = accepted_policy(mirror, last.as_ref())?;
    let policy = previous.as_deref().and_then(|text| Policy::load(text, "policy of the last run").ok());
    past.previous = policy.map(Box::new);
    if let Some(last) = last {
        past.last_run = Some(last.at);
        past.last_count = Some(last.streams.values().sum());
        for (stream, expected) in &before {
            let now = census.stream(stream).map_or(0, |stream| stream.builds.len());
            if now < *expected {
                let why = format!(
                    "{} of {expected} builds disappeared since {} without being pruned; `mirrorkeep adopt --changed {stream}` records that they \
                     are gone, and accepting the plan does as well",
                    expected - now,
                    last.at.iso()
                );
                past.dropped.insert(stream.clone(), why);
            }
        }
    }
    let active =
        survey.held.iter().filter(|(_, holds)| holds.iter().any(|hold| hold.is_active(survey.census.at)));
    past.warnings.extend(active.map(|(id, _)| {
        format!("`{id}` is held, but there is no such build; `mirrorkeep unhold {id}` removes the hold")
    }));
    past.warnings.extend(mirror.idle_settings()?);
    past.space = match mirror.store().space()? {
        Some(space) => {
            let trash = mirror.trash()?.waiting.iter().map(|trashed| trashed.ticket.bytes).sum();
            Some(Space { total: space.total, free: space.free, trash })
        }
        None => None,
    };
    Ok((past, Known { before, previous }))
}

/// Records at each build of a stream that is retired that only the retirement removes it; returns the streams of which
/// that cannot be read.
fn protect_retiring(mirror: &Mirror, census: &mut Census) -> Result<Vec<(Stream, String)>, PlanError> {
    let all = mirror.retirements().map_err(|error| match error {
        ExpectedError::Journal(error) => PlanError::Journal(error),
        ExpectedError::Kept(error) => PlanError::Kept(error),
    })?;
    let mut unread = Vec::new();
    for (stream, retirement) in all {
        let one = match retirement {
            Ok(one) => one,
            Err(error) => {
                unread.push((stream, crate::mirror::chain(&error)));
                continue;
            }
        };
        let why = format!("its stream is retired: {}", one.why);
        let builds = census.streams.iter_mut().filter(|line| line.stream == stream);
        builds.flat_map(|line| &mut line.builds).for_each(|build| build.retiring = Some(why.clone()));
    }
    Ok(unread)
}

/// More bytes than any disk has: what cannot be measured exceeds every brake that counts bytes, and frees enough.
const UNMEASURED: u64 = 1 << 60;

impl Planned {
    /// Returns whether the plan was made because the disk was too full.
    pub(crate) fn is_pressed(&self) -> bool {
        let pressure = self.policy.pressure.zip(self.space);
        pressure.is_some_and(|(pressure, space)| space.free < pressure.free_below.of(space.total))
    }

    /// Computes the bytes that each build really frees: those of inodes that no remaining name has.
    ///
    /// Every tree from which something is deleted is walked, so do not call this while other processes wait.
    pub(crate) fn compute_freed(&mut self, mirror: &Mirror) {
        let changes = |verdict: &Verdict| verdict.fate == Fate::Expire || verdict.is_trimmed();
        let going: Vec<&Verdict> = self.plan.builds.iter().filter(|verdict| changes(verdict)).collect();
        let found = freed(mirror, &self.policy, &self.census, &going);
        let going = self.plan.builds.iter_mut().filter(|verdict| changes(verdict));
        for (verdict, found) in going.zip(found) {
            verdict.bytes_freed = found.unwrap_or_else(|error| {
                let why = format!("how many bytes it frees is not known: {}", crate::mirror::chain(&error));
                self.plan.warnings.push(why);
                0
            });
        }
        self.plan.total();
    }
}

/// Returns the bytes that each verdict frees, or would free without a brake, in this order.
fn freed(
    mirror: &Mirror,
    policy: &Policy,
    census: &Census,
    verdicts: &[&Verdict],
) -> Vec<Result<u64, StoreError>> {
    // In a bucket, builds share no bytes: the size of a build is what it frees.
    let apart = !mirror.store().abilities().shares_files;
    let whole = |verdict: &Verdict| apart && verdict.fate != Fate::Keep;
    let trees: Vec<Result<Vec<File>, StoreError>> = (verdicts.par_iter())
        .map(|verdict| if whole(verdict) { Ok(Vec::new()) } else { files(mirror, policy, verdict) })
        .collect();
    // An inode is freed with the last of its names: once it was seen as often as it has names, all of them are
    // deleted.
    let mut seen: HashMap<(u64, u64), u64> = HashMap::new();
    let mut sum = |tree: Vec<File>| {
        let mut bytes = 0;
        for file in tree {
            let names = seen.entry(file.inode).or_default();
            *names += 1;
            if apart || *names >= file.names {
                bytes += file.size;
            }
        }
        bytes
    };
    let each = verdicts.iter().zip(trees).map(|(verdict, tree)| {
        let known = census.build(&verdict.id).and_then(|build| build.bytes).unwrap_or(0);
        if whole(verdict) { Ok(known) } else { tree.map(&mut sum) }
    });
    each.collect()
}

/// Measures what may be deleted, if the number of bytes matters: under pressure, and for brakes that count bytes.
fn measured(planned: &Planned, mirror: &Mirror, now: Stamp) -> Option<HashMap<BuildId, u64>> {
    let (policy, census, past) = (&planned.policy, &planned.census, &planned.past);
    let brakes = policy.brakes.run.bytes.is_some() || policy.brakes.stream.bytes.is_some();
    let pressure = policy.pressure.zip(past.space);
    let full = pressure.is_some_and(|(pressure, space)| space.free < pressure.free_below.of(space.total));
    if !brakes && !full {
        return None;
    }
    // As long as nothing is known to free bytes, all that may be deleted is.
    let past = PreviousRuns { measured: Some(HashMap::new()), ..past.clone() };
    let plan = retain(census, policy, now, &past);
    let braked = |verdict: &Verdict| {
        verdict.fate == Fate::Withheld && !verdict.reasons.iter().any(|reason| &*reason.rule == "freeze")
    };
    let changes = |verdict: &&Verdict| {
        verdict.fate == Fate::Expire
            || braked(verdict)
            || verdict.is_trimmed()
            || !verdict.parts_withheld.is_empty()
    };
    let mut going: Vec<&Verdict> = plan.builds.iter().filter(changes).collect();
    // A build that is deleted first frees only bytes that no later one has.
    going.sort_by_cached_key(|verdict| {
        let build = census.build(&verdict.id);
        (verdict.pressed, build.and_then(|build| build.created), build.map(|build| build.seq))
    });
    let found = freed(mirror, policy, census, &going);
    let each = going.iter().zip(found);
    Some(each.map(|(verdict, found)| (verdict.id.clone(), found.unwrap_or(UNMEASURED))).collect())
}

/// Returns the bytes that the plan frees with each build, or would free without a brake.
pub fn would_free(
    mirror: &Mirror,
    policy: &Policy,
    census: &Census,
    plan: &Plan,
) -> HashMap<BuildId, Result<u64, StoreError>> {
    let goes = |verdict: &&Verdict| {
        matches!(verdict.fate, Fate::Expire | Fate::Withheld)
            || (verdict.parts.values()).any(|fate| matches!(fate, PartFate::Expire | PartFate::Withheld))
    };
    let mut going: Vec<&Verdict> = plan.builds.iter().filter(goes).collect();
    going.sort_by_cached_key(|verdict| {
        let build = census.build(&verdict.id);
        (build.and_then(|build| build.created), build.map(|build| build.seq))
    });
    let freed = freed(mirror, policy, census, &going);
    going.iter().map(|verdict| verdict.id.clone()).zip(freed).collect()
}

struct File {
    inode: (u64, u64),
    names: u64,
    size: u64,
}

/// Returns the files of a build that its verdict deletes.
fn files(mirror: &Mirror, policy: &Policy, verdict: &Verdict) -> Result<Vec<File>, StoreError> {
    let Ok(root) = mirror.layout().build_path(&verdict.id) else { return Ok(Vec::new()) };
    let mut walked = TreeSnapshot::of(mirror.store(), &root)?;
    if !walked.unread.is_empty() {
        return Err(walked.unread.swap_remove(0).1);
    }
    let parts = crate::ops::retention::parts::going(policy, verdict);
    let goes = |dir: &RelPath, name: &str| {
        verdict.fate != Fate::Keep
            || dir.child(name).is_ok_and(|path| crate::ops::retention::parts::goes(&parts, &path))
    };
    let found = walked.entries().filter(|(dir, name, entry)| entry.kind == Kind::File && goes(dir, name));
    Ok(found.map(|(_, _, entry)| File { inode: entry.inode, names: entry.names, size: entry.size }).collect())
}

/// Writes the deadlines of each stream's builds beside them, for consumers, and returns the number of files.
///
/// A dry run writes none and returns how many it would write.
pub fn publish_deadlines(mirror: &Mirror, plan: &Plan, mode: Mode) -> Result<usize, PlanError> {
    let mut written = 0;
    for group in plan.builds.chunk_by(|a, b| a.id.stream == b.id.stream) {
        let Some(first) = group.first() else { continue };
        let Ok(dir) = mirror.layout().stream_path(&first.id.stream) else { continue };
        let builds: Vec<serde_json::Value> = group
            .iter()
            .map(|verdict| {
                let parts = verdict.parts_with(PartFate::Expire);
                serde_json::json!({
                    "build": verdict.id.name,
                    "verdict": verdict.fate,
                    "kept_until": verdict.kept_until,
                    "parts_going": parts.collect::<Vec<_>>(),
                })
            })
            .collect();
        let text =
            serde_json::json!({"retention": 1, "at": plan.at, "stream": first.id.stream, "builds": builds});
        let at = dir.child(crate::model::RETENTION_NAME).unwrap_or_default();
        if mode == Mode::Real {
            mirror.store().put(&at, format!("{text:#}\n").as_bytes(), Put::Replace)?;
        }
        written += 1;
    }
    Ok(written)
}

/// Returns the policy that suits a layout, if one is shipped.
pub fn suiting(layout: &crate::layout::Layout) -> Option<Chosen> {
    let name = layout.default_policy()?;
    Policy::shipped(name).map(|_| Chosen::Shipped(name.to_owned()))
}

impl From<LastRunError> for PlanError {
    fn from(error: LastRunError) -> Self {
        match error {
            LastRunError::Damaged(at, error) => Self::LastRun(at, error),
            LastRunError::Store(error) => Self::Store(error),
        }
    }
}
