//! Which streams begin, with which builds, and what the settings lack for them; nothing is changed here.

use super::lacks::{Settings, lacks};
use super::report::{BranchOutcome, BranchReport, BranchedStream};
use super::why::is_undoing;
use super::{BranchError, BranchRequest};
use crate::census::{BuildCensus, Census};
use crate::commit::{pipeline_of, pointed_at};
use crate::decide::branch::{INHERITED, Lack, Pair};
use crate::decide::policy::Policy;
use crate::layout::Created;
use crate::mirror::{InForce, JournalError, Mirror, Resolved, build_of, chain, hidden_streams, survey};
use crate::model::{BuildId, Label, Outcome, REJECTED, RelPath, Stream, shown};
use crate::ops::Mode;
use crate::ops::withdraw::{Tombstone, tombstones};
use crate::record::{BuildRecord, Event, EventKind, LabelValue, Manifest, Phase};
use crate::session::Session;
use std::collections::{BTreeMap, HashMap};

/// What is to be done.
pub(super) struct Plan {
    /// The streams, sorted.
    pub(super) streams: Vec<Planned>,
    pub(super) lacks: Vec<Lack>,
    pub(super) warnings: Vec<String>,
    settings: Settings,
}

/// A stream that begins.
pub(super) struct Planned {
    pub(super) pair: Pair,
    /// Whether it was begun before.
    pub(super) is_branched: bool,
    /// The build that it inherits.
    pub(super) seed: Option<Seed>,
    /// The stages that the inherited build gets, in the order of the pipeline.
    pub(super) stages: Vec<String>,
}

/// A build that is inherited.
pub(super) struct Seed {
    /// The build of the old stream.
    pub(super) from: BuildId,
    /// The build in the new stream.
    pub(super) id: BuildId,
    /// The record and manifest with which it is published; nothing if it is published already.
    pub(super) content: Option<(BuildRecord, Manifest)>,
}

impl Plan {
    /// Returns the streams that are not begun yet.
    pub(super) fn pending(&self) -> impl Iterator<Item = &Planned> {
        self.streams.iter().filter(|one| !one.is_branched)
    }

    /// Returns the report of a run that has done nothing yet.
    pub(super) fn report(&self, mode: Mode) -> BranchReport {
        let real = mode == Mode::Real && self.lacks.is_empty();
        let streams = self.streams.iter().map(|one| BranchedStream {
            stream: one.pair.new.clone(),
            like: one.pair.old.clone(),
            outcome: match (one.is_branched, real) {
                (true, _) => BranchOutcome::Unchanged,
                (false, true) => BranchOutcome::Branched,
                (false, false) => BranchOutcome::Trial,
            },
            family: self.family(&one.pair.new),
            stages: self.stages_of(&one.pair.new),
            seed: one.seed.as_ref().map(|seed| seed.from.clone()),
            build: None,
            aliases: Vec::new(),
            seeded: Vec::new(),
        });
        let streams = streams.collect();
        BranchReport { streams, lacks: self.lacks.clone(), warnings: self.warnings.clone() }
    }

    fn family(&self, stream: &Stream) -> Option<String> {
        self.settings.policy.as_ref()?.family(stream).map(|family| family.name.clone())
    }

    fn stages_of(&self, stream: &Stream) -> Vec<String> {
        let pipeline = self.settings.pipeline.iter();
        pipeline.flat_map(|pipeline| pipeline.stages_of(stream)).map(|stage| stage.name.clone()).collect()
    }
}

/// Looks at the mirror and decides what is to be done.
pub(super) fn plan(session: &Session<'_>, request: &BranchRequest) -> Result<Plan, BranchError> {
    let mirror = session.mirror();
    let survey = survey(mirror, session.now())?;
    if let Some(lost) = survey.lost.first() {
        return Err(JournalError::from(lost.clone()).into());
    }
    let is_concerned = |stream: &Stream| request.counterparts.of(stream).is_some();
    let hidden = hidden_streams(mirror, &survey.troubles)
        .map_err(|one| BranchError::Unreadable(one.path.clone(), chain(&one.error)))?;
    let census = &survey.census;
    let lines = census.streams.iter().filter(|line| !line.builds.is_empty()).map(|line| &line.stream);
    let pairs = request.counterparts.pairs(lines)?;
    let is_hidden = |stream: &Stream| is_concerned(stream) || pairs.iter().any(|pair| pair.new == *stream);
    if let Some(stream) = hidden.iter().find(|stream| is_hidden(stream)) {
        let at = mirror.layout().stream_path(stream)?;
        return Err(BranchError::Unreadable(at, "`mirrorkeep check` shows why".to_owned()));
    }
    if pairs.is_empty() {
        return Err(BranchError::NoOld(shown(request.counterparts.old()).into_owned()));
    }
    let settings = Settings { policy: policy(mirror)?, pipeline: pipeline_of(mirror)? };
    let mut warnings = Vec::new();
    let (mut streams, branched) = (Vec::new(), branched(mirror)?);
    for pair in pairs {
        streams.push(planned(mirror, request, (census, &settings), &branched, (pair, &mut warnings))?);
    }
    let pending: Vec<Pair> =
        streams.iter().filter(|one: &&Planned| !one.is_branched).map(|one| one.pair.clone()).collect();
    let lacks = if pending.is_empty() {
        Vec::new()
    } else {
        lacks(mirror, &settings, request, &pending, &mut warnings)?
    };
    let mut plan = Plan { streams, lacks, warnings, settings };
    if plan.lacks.is_empty() && plan.streams.iter().any(|one| one.seed.is_some()) {
        let withdrawn = tombstones(mirror)?;
        for one in plan.streams.iter_mut().filter(|one| !one.is_branched) {
            if let Some(seed) = &mut one.seed {
                seed.content = content(mirror, seed, census.build(&seed.id), &withdrawn)?;
            }
        }
    }
    Ok(plan)
}

/// Returns the policy in force, if the mirror has one.
fn policy(mirror: &Mirror) -> Result<Option<Policy>, BranchError> {
    let Some((name, text)) = mirror.in_force(InForce::Policy, Policy::shipped)? else { return Ok(None) };
    let policy = Policy::load(&text, &name).map_err(crate::ops::retention::plan::PlanError::from)?;
    Ok(Some(policy))
}

/// Decides what is to be done for one stream.
fn planned(
    mirror: &Mirror,
    request: &BranchRequest,
    (census, settings): (&Census, &Settings),
    branched: &BTreeMap<String, Branched>,
    (pair, warnings): (Pair, &mut Vec<String>),
) -> Result<Planned, BranchError> {
    if let Some(branched) = branched.get(pair.new.as_str()) {
        if branched.like.as_deref() != Some(pair.old.as_str()) {
            let from = branched.like.clone().unwrap_or_default();
            return Err(BranchError::Other { stream: pair.new, from, at: branched.at });
        }
        return Ok(Planned { pair, is_branched: true, seed: None, stages: Vec::new() });
    }
    let builds = census.stream(&pair.new).map(|line| &*line.builds).unwrap_or_default();
    let seed = seed(mirror, request, (&pair, builds), warnings)?;
    let stages = match &seed {
        Some(seed) => {
            let mut stages = seeded(mirror, settings, &pair, seed, warnings)?;
            stages.retain(|stage| !request.without.contains(stage));
            stages
        }
        None => Vec::new(),
    };
    Ok(Planned { pair, is_branched: false, seed, stages })
}

/// Returns the build that a new stream inherits; fails if the stream has builds of its own.
fn seed(
    mirror: &Mirror,
    request: &BranchRequest,
    (pair, builds): (&Pair, &[BuildCensus]),
    warnings: &mut Vec<String>,
) -> Result<Option<Seed>, BranchError> {
    let (layout, Pair { old, new }) = (mirror.layout(), pair);
    let mut wanted = request.seed.as_ref();
    // A bundle is made of the builds of other streams, and a copy would be made of the old ones.
    if wanted.is_some() && layout.bundle(old).or_else(|| layout.bundle(new)).is_some() {
        wanted = None;
        warnings.push(format!(
            "`{new}` begins empty: `mirrorkeep bundle` makes its builds of those of its members"
        ));
    }
    let begun = builds.iter().find_map(|build| {
        let from = inherited(build)?;
        (from.stream == *old).then(|| (from, BuildId::new(new.clone(), build.build.clone())))
    });
    match (wanted, begun, builds.first()) {
        (Some(_), Some((from, id)), _) => Ok(Some(Seed { from, id, content: None })),
        (_, _, Some(build)) => {
            let build = BuildId::new(new.clone(), build.build.clone());
            Err(BranchError::InUse { stream: new.clone(), build })
        }
        (None, ..) => Ok(None),
        (Some(name), None, None) => {
            let from = named(mirror, old, name)?;
            let name = request.build.clone().or_else(|| layout.name_in(&from, new));
            let name = name.unwrap_or_else(|| from.name.clone());
            Ok(Some(Seed { id: BuildId::new(new.clone(), name), from, content: None }))
        }
    }
}

/// What the journal states of a stream that was begun.
pub(super) struct Branched {
    like: Option<String>,
    at: crate::model::Stamp,
}

/// Returns the last event of each stream by which it was begun.
pub(super) fn branched(mirror: &Mirror) -> Result<BTreeMap<String, Branched>, BranchError> {
    let events = mirror.history(&[EventKind::Branched])?.into_iter();
    let done = events.filter(|event| event.what == EventKind::Branched && event.phase == Phase::Done);
    let of = |event: Event| {
        let like = event.stated().like.map(|like| like.to_string());
        (event.to, Branched { like, at: event.at })
    };
    Ok(done.map(of).collect())
}

/// Returns the build from which a build is inherited, by its label.
fn inherited(build: &BuildCensus) -> Option<BuildId> {
    build.labels.get(INHERITED)?.value.parse().ok()
}

/// Returns the build of an old stream that a person named.
fn named(mirror: &Mirror, stream: &Stream, name: &str) -> Result<BuildId, BranchError> {
    if name.contains('/') {
        let elsewhere =
            || BranchError::SeedElsewhere { seed: shown(name).into_owned(), stream: stream.clone() };
        let id: BuildId = name.parse().map_err(|_| elsewhere())?;
        if id.stream != *stream || !mirror.has_build(&id)? {
            return Err(elsewhere());
        }
        return Ok(id);
    }
    let none = || BranchError::NoSeed { stream: stream.clone(), name: shown(name).into_owned() };
    let build = name.parse().map_err(|_| none())?;
    let id = BuildId::new(stream.clone(), build);
    if mirror.layout().build_path(&id).is_ok() && mirror.has_build(&id)? {
        return Ok(id);
    }
    let alias = mirror.layout().stream_path(stream)?.child(name).map_err(|_| none())?;
    if pointed_at(mirror, &alias)?.is_none() {
        return Err(none());
    }
    let Resolved::To(path) = mirror.resolve(&alias)? else { return Err(none()) };
    build_of(mirror, &path).filter(|id| id.stream == *stream).ok_or_else(none)
}

/// Returns the stages that a seed has in the old stream, and that its counterpart may get.
fn seeded(
    mirror: &Mirror,
    settings: &Settings,
    pair: &Pair,
    seed: &Seed,
    warnings: &mut Vec<String>,
) -> Result<Vec<String>, BranchError> {
    let (old, new) = (mirror.layout().stream_path(&pair.old)?, mirror.layout().stream_path(&pair.new));
    let path = mirror.layout().build_path(&seed.from)?;
    let mut names = Vec::new();
    for stage in settings.pipeline.iter().flat_map(|pipeline| pipeline.stages_of(&pair.old)) {
        let name = &stage.name;
        if !stage.is_in(&pair.new)
            || !matches!(at(mirror, &old, name)?, Some(Resolved::To(found)) if found == path)
        {
            continue;
        }
        if stage.bundle && mirror.layout().bundle_of(&pair.new, name).is_some() {
            warnings.push(format!(
                "`{name}` of `{}` stays empty: its bundle needs all members at once; `mirrorkeep promote {name}` moves them",
                pair.new
            ));
            continue;
        }
        let there = new.as_ref().map_or(Ok(None), |new| at(mirror, new, name))?;
        let own = mirror.layout().build_path(&seed.id).ok();
        match there {
            Some(Resolved::To(found)) if Some(&found) != own.as_ref() => {
                warnings.push(format!("`{name}` of `{}` stays at `{found}`", pair.new));
            }
            _ => names.push(name.clone()),
        }
    }
    Ok(names)
}

/// Returns what an alias in a directory resolves to, if there is one.
fn at(mirror: &Mirror, dir: &RelPath, name: &str) -> Result<Option<Resolved>, BranchError> {
    let Ok(alias) = dir.child(name) else { return Ok(None) };
    if pointed_at(mirror, &alias)?.is_none() {
        return Ok(None);
    }
    Ok(Some(mirror.resolve(&alias)?))
}

/// Returns with what a seed is published in its new stream; nothing if it is there already. Fails if it may not be.
fn content(
    mirror: &Mirror,
    seed: &Seed,
    there: Option<&BuildCensus>,
    withdrawn: &HashMap<String, Tombstone>,
) -> Result<Option<(BuildRecord, Manifest)>, BranchError> {
    let Seed { from, id, .. } = seed;
    if there.and_then(inherited).as_ref() == Some(from) {
        return Ok(None);
    }
    let (record, manifest) = (mirror.record(from)?, mirror.manifest(from)?);
    let (Some(record), Some(manifest)) = (record, manifest) else {
        return Err(BranchError::NoRecord(from.clone()));
    };
    let unfit = |why: String| BranchError::Unfit { seed: from.clone(), why };
    if let Some(why) = record.labels.get(REJECTED) {
        return Err(unfit(format!("it is rejected: {}", shown(&why.value))));
    }
    if record.result != Outcome::Success {
        return Err(BranchError::NoSuccess { seed: from.clone(), result: record.result });
    }
    mirror.layout().build_path(id)?;
    if let Some(stone) = withdrawn.get(&id.to_string()).filter(|stone| !is_undoing(&stone.why)) {
        return Err(BranchError::Withdrawn {
            id: id.clone(),
            at: stone.at,
            why: shown(&stone.why).into_owned(),
        });
    }
    let (created, seq) = match mirror.layout().created(id) {
        Created::At(created, seq) => (Some(created), seq),
        Created::Unnamed => (record.created, record.seq),
        Created::Impossible(why) => return Err(mirror.layout().no_build_name(id, &why).into()),
    };
    let label = Label::new(INHERITED, &from.to_string())?;
    let mut record = BuildRecord { id: id.clone(), created, seq, ..record };
    let who = Some(mirror.who().to_owned());
    let value = LabelValue { value: label.value().to_owned(), since: None, who, url: None };
    record.labels.insert(INHERITED.to_owned(), value);
    Ok(Some((record, manifest)))
}
