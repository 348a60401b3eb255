//! Moving aliases: the new link is made first, then moved over the old one, then checked.
//!
//! Each move is recorded before and after. A move is refused if the alias would leave the mirror, dangle, loop or
//! point to a build that is not a success, the last unless requested.

use crate::census::BuildCensus;
use crate::commit::handshake;
use crate::commit::pipeline::{PipelineInForceError, pipeline_of, stage_at};
use crate::decide::{Age, Current, follow, latest, meets};
use crate::layout::Place;
use crate::mirror::{JournalError, Mirror, Resolved, StateError, WriteLock, build_info, chain};
use crate::model::{
    BuildId, BuildName, Class, Classify, ErrorKind, Outcome, RelPath, Stamp, Stream, named, shell_word,
    unprintable,
};
use crate::record::{NameMove, Payload};
use crate::store::{Kind, StoreError};
use schemars::JsonSchema;
use serde::Serialize;

/// One alias that moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Moved {
    /// The alias.
    pub alias: RelPath,
    /// Its target before.
    pub from: Option<RelPath>,
    /// Its target now; `null` if it was removed.
    pub to: Option<RelPath>,
}

/// Why an alias was not moved.
#[derive(Debug, thiserror::Error)]
pub enum RepointError {
    /// An alias is not possible at this path.
    #[error("`{alias}` cannot be an alias: {why}")]
    NoAlias {
        /// Which path.
        alias: RelPath,
        /// Why not.
        why: String,
    },
    /// The target does not exist.
    #[error("`{alias}` cannot point at `{target}`: {why}")]
    Target {
        /// Which alias.
        alias: RelPath,
        /// The target.
        target: RelPath,
        /// Why not.
        why: String,
    },
    /// The build is not a success.
    #[error("`{alias}` would point at `{target}`, whose result is {result}")]
    NoSuccess {
        /// Which alias.
        alias: RelPath,
        /// The target.
        target: BuildId,
        /// The result of that build.
        result: Outcome,
    },
    /// The build is dated in the future, so that nothing newer would move the alias on.
    #[error("`{alias}` would point at `{target}`, which is dated in the future: it is {now} now")]
    Future {
        /// Which alias.
        alias: RelPath,
        /// The target.
        target: BuildId,
        /// The time now.
        now: Stamp,
    },
    /// It would move back to an older build.
    #[error("`{alias}` points at `{from}`, which is newer than `{target}`")]
    Backwards {
        /// Which alias.
        alias: RelPath,
        /// Its present target.
        from: RelPath,
        /// The target.
        target: BuildId,
    },
    /// Only promotion moves it.
    #[error("`{alias}` belongs to the stage `{stage}`, which only promotion moves")]
    Stage {
        /// Which alias.
        alias: RelPath,
        /// Which stage.
        stage: String,
    },
    /// The pipeline cannot be used, so it is not known whether the alias is a stage.
    #[error(transparent)]
    Pipeline(#[from] PipelineInForceError),
    /// There is no such alias.
    #[error("there is no alias `{0}`")]
    Missing(RelPath),
    /// The record of a build cannot be read.
    #[error(transparent)]
    Kept(#[from] StateError),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The store failed.
    #[error("cannot move the alias")]
    Store(#[from] StoreError),
}

impl Classify for RepointError {
    fn class(&self) -> Class {
        match self {
            Self::Backwards { alias, target, .. } => ErrorKind::Failed.hint(format!(
                "`mirrorkeep alias set --allow-backwards {} {target}` sets it all the same",
                shell_word(alias.as_str().as_ref())
            )),
            Self::NoSuccess { alias, target, .. } => ErrorKind::Failed.hint(format!(
                "`mirrorkeep alias set --allow-unsuccessful {} {target}` sets it all the same",
                shell_word(alias.as_str().as_ref())
            )),
            Self::Future { target, .. } => ErrorKind::Failed.hint(format!(
                "check the clock of the build server; `mirrorkeep list {}` lists the builds of the stream",
                target.stream
            )),
            Self::Stage { stage, .. } => ErrorKind::Failed.hint(format!(
                "`mirrorkeep promote {stage} --build ID` promotes a build, and `mirrorkeep demote {stage} --stream STREAM --why TEXT` moves it back"
            )),
            Self::Pipeline(error) => error.class(),
            Self::NoAlias { .. } | Self::Target { .. } | Self::Missing(_) => ErrorKind::Failed.into(),
            Self::Kept(error) => error.class(),
            Self::Journal(error) => error.class(),
            Self::Store(error) => error.class(),
        }
    }
}

/// What the user permits that is otherwise refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Permit {
    /// An older build.
    pub backwards: bool,
    /// A build that is not a success.
    pub no_success: bool,
    /// An alias that only promotion moves.
    pub stage: bool,
}

/// What the aliases of a stream should do.
#[derive(Debug, Default)]
pub(crate) struct Due {
    /// Aliases that should move, with their builds.
    pub(crate) moves: Vec<(RelPath, BuildId)>,
    /// Aliases that should move as well, but a file or directory is at their path.
    pub(crate) taken: Vec<(RelPath, BuildId)>,
    /// Aliases that do not move to the changed build although it meets their condition.
    pub(crate) stays: Vec<Stays>,
}

/// An alias that does not move to a build that meets its condition.
#[derive(Debug)]
pub(crate) struct Stays {
    alias: RelPath,
    build: BuildId,
    result: Outcome,
    at: At,
}

/// The present target of an alias that stays.
#[derive(Debug)]
enum At {
    /// A build that is not older; whether it is newer, and its time.
    Build { name: BuildName, created: Option<Stamp>, newer: bool },
    /// A path that is not a build of the stream.
    Elsewhere(Option<RelPath>),
}

impl Stays {
    /// Returns the warning, with a command that moves the alias all the same.
    pub(crate) fn warning(&self, now: Stamp) -> String {
        let Self { alias, build, .. } = self;
        let why = match &self.at {
            At::Build { name, created, newer } => {
                let how = if *newer { "is newer than" } else { "has the same time as" };
                let future = match created.filter(|created| *created > now) {
                    Some(_) => format!(" and dated in the future (it is {} now)", now.iso()),
                    None => String::new(),
                };
                format!("stays at `{name}`, which {how} `{}`{future}", build.name)
            }
            At::Elsewhere(target) => {
                let target =
                    target.as_ref().map_or_else(|| "another path".to_owned(), |at| format!("`{at}`"));
                let (name, stream) = (&build.name, &build.stream);
                format!(
                    "is not moved to `{name}`: it resolves to {target}, which is not a build of `{stream}`"
                )
            }
        };
        format!("`{alias}` {why}; to move it, run `{}`", self.command())
    }

    fn command(&self) -> String {
        let backwards = if matches!(self.at, At::Build { .. }) { " --allow-backwards" } else { "" };
        let result = if self.result == Outcome::Success { "" } else { " --allow-unsuccessful" };
        format!("mirrorkeep alias set {} {}{backwards}{result}", self.alias, self.build)
    }
}

/// Returns the moves that the aliases of a stream should make after `changed` was labelled.
pub(crate) fn due(
    mirror: &Mirror,
    stream: &Stream,
    builds: &[BuildCensus],
    changed: Option<&BuildName>,
    now: Stamp,
) -> Result<Due, RepointError> {
    let mut due = Due::default();
    let Ok(dir) = mirror.layout().stream_path(stream) else { return Ok(due) };
    match mirror.refuse_retiring(stream) {
        Ok(()) => {}
        Err(error @ StateError::Store(_)) => return Err(error.into()),
        // Its names stay where they are until they are removed.
        Err(_) => return Ok(due),
    }
    // A stage that follows a rule of the layout is a mistake, and an unreadable pipeline stops no publish.
    let pipeline = pipeline_of(mirror).unwrap_or_else(|error| {
        mirror
            .warnings()
            .add(format!("names that rules move are not compared with stages: {}", chain(&error)));
        None
    });
    let is_stage =
        |name: &str| pipeline.as_ref().is_some_and(|pipeline| pipeline.mover(stream, name).is_some());
    for rule in mirror.alias_rules(stream, builds) {
        let Ok(alias) = dir.child(&rule.name) else { continue };
        if is_stage(&rule.name) {
            continue;
        }
        let named = mirror.named(&alias)?;
        let met = changed.and_then(|name| builds.iter().find(|b| b.build == *name && meets(&rule.when, b)));
        // Cheap to check first: most aliases do not depend on most builds.
        if named.is_some() && changed.is_some() && met.is_none() {
            continue;
        }
        let is_taken = named.as_ref().is_some_and(|entry| entry.kind != Kind::Link);
        // Without a link, the alias points to nothing yet.
        let current =
            if named.is_none() || is_taken { Current::Nowhere } else { current(mirror, stream, &alias)? };
        let age = |build: &BuildCensus| Age::of(mirror.layout(), stream, build);
        let to = follow(&rule, builds, &current, changed, latest(now), age);
        let at = match &current {
            Current::Build(at) => Some(to.unwrap_or(at)),
            Current::Nowhere | Current::Elsewhere => to,
        };
        if let Some(met) = met.filter(|met| !is_taken && at != Some(&met.build)) {
            let at = match at {
                Some(name) => {
                    let found = builds.iter().find(|build| build.build == *name);
                    let same = found.is_some_and(|at| age(at) == age(met));
                    let created = found.and_then(|at| at.created);
                    At::Build { name: name.clone(), created, newer: !same }
                }
                None => At::Elsewhere(mirror.resolve(&alias)?.path()),
            };
            let build = BuildId::new(stream.clone(), met.build.clone());
            due.stays.push(Stays { alias: alias.clone(), build, result: met.result, at });
        }
        if let Some(to) = to {
            let to = (alias, BuildId::new(stream.clone(), to.clone()));
            if is_taken { due.taken.push(to) } else { due.moves.push(to) }
        }
    }
    Ok(due)
}

/// Returns the present target of an alias that is a link, if it is a build of its stream.
fn current(mirror: &Mirror, stream: &Stream, alias: &RelPath) -> Result<Current, RepointError> {
    Ok(match mirror.resolve(alias)? {
        Resolved::To(target) => match mirror.layout().place(&target) {
            Place::Build { build: id } if id.stream == *stream => Current::Build(id.name),
            _ => Current::Elsewhere,
        },
        Resolved::Dangles(_) | Resolved::Loops | Resolved::Leaves(_) => Current::Nowhere,
    })
}

/// Moves an alias and records it.
pub(crate) fn repoint(
    lock: &WriteLock<'_>,
    alias: &RelPath,
    target: &RelPath,
    now: Stamp,
) -> Result<Moved, RepointError> {
    let from = pointed_at(lock.mirror(), alias)?;
    let payload = Payload::Aliased { from: from.clone(), to: target.clone(), by_hand: false, why: None };
    let pending = lock.begin(now, alias, &payload)?;
    match handshake::point(lock, alias, from.as_ref(), target) {
        Ok(true) => {}
        Ok(false) => {
            pending.undone(now)?;
            let why = "another command is deleting it".to_owned();
            return Err(RepointError::Target { alias: alias.clone(), target: target.clone(), why });
        }
        Err(error) => {
            // It can report a failure after it happened: then the next command notices and records it.
            if pointed_at(lock.mirror(), alias).is_ok_and(|at| at.as_ref() != Some(target)) {
                pending.undone(now)?;
            }
            return Err(error.into());
        }
    }
    pending.done(now)?;
    Ok(Moved { alias: alias.clone(), from, to: Some(target.clone()) })
}

/// Returns the target of an alias, by its text; nothing if it does not exist or leaves the mirror.
pub fn pointed_at(mirror: &Mirror, alias: &RelPath) -> Result<Option<RelPath>, StoreError> {
    let found = mirror.store().look(alias)?;
    Ok(found.and_then(|entry| entry.link).and_then(|text| alias.follow(&text)))
}

/// Returns the move of an alias from its present target; nothing if a file or directory is at its path.
pub(crate) fn step(
    mirror: &Mirror,
    alias: RelPath,
    to: Option<RelPath>,
) -> Result<Option<NameMove>, StoreError> {
    if mirror.named(&alias)?.is_some_and(|entry| entry.kind != Kind::Link) {
        return Ok(None);
    }
    let from = pointed_at(mirror, &alias)?;
    Ok(Some(NameMove { alias, from, to }))
}

/// Makes the legacy aliases of a stream, if their paths are free; returns what was done and what is in the way.
pub(crate) fn legacy(
    lock: &WriteLock<'_>,
    stream: &Stream,
    now: Stamp,
) -> Result<(Vec<Moved>, Vec<String>), RepointError> {
    let mirror = lock.mirror();
    let named = mirror.layout().legacy(stream).into_iter().map(|legacy| (legacy.path, legacy.target));
    let own = mirror.config().legacy.iter().map(|(path, target)| (path.clone(), target.clone()));
    let (mut moved, mut warnings) = (Vec::new(), Vec::new());
    for (alias, target) in named.chain(own) {
        let found = mirror.named(&alias)?;
        match found {
            Some(entry) if entry.kind == Kind::Link => {
                if pointed_at(mirror, &alias)? != Some(target.clone()) {
                    warnings.push(format!("`{alias}` is left as it is; it does not point at `{target}`"));
                }
            }
            Some(_) => {
                warnings.push(format!("the legacy name `{alias}` is not made: something else is there"));
            }
            None if mirror.look(&target)?.is_none() => {}
            None => moved.push(repoint(lock, &alias, &target, now)?),
        }
    }
    Ok((moved, warnings))
}

/// Points an alias somewhere by hand, after checking whether that is valid.
pub fn set(
    lock: &WriteLock<'_>,
    alias: &RelPath,
    target: &RelPath,
    permit: Permit,
    now: Stamp,
) -> Result<Moved, RepointError> {
    may_point(lock.mirror(), alias, target, permit, now)?;
    repoint(lock, alias, target, now)
}

/// Checks whether an alias may point to a target.
pub fn may_point(
    mirror: &Mirror,
    alias: &RelPath,
    target: &RelPath,
    permit: Permit,
    now: Stamp,
) -> Result<(), RepointError> {
    let wrong = |why: String| RepointError::Target { alias: alias.clone(), target: target.clone(), why };
    is_outside_builds(mirror, alias)?;
    if !permit.stage {
        is_no_stage(mirror, alias)?;
        stays_in_no_retiring_stream(mirror, alias)?;
    }
    if let Some(c) = unprintable(alias.as_str()) {
        let why = format!("it contains {}; printable characters are accepted", named(c));
        return Err(RepointError::NoAlias { alias: alias.clone(), why });
    }
    if mirror.named(alias)?.is_some_and(|entry| entry.kind != Kind::Link) {
        let why = "something that is not a link is there".to_owned();
        return Err(RepointError::NoAlias { alias: alias.clone(), why });
    }
    if target.is_own() || target.is_root() {
        return Err(wrong("an alias points at a build or at a directory above builds".to_owned()));
    }
    if target.is_within(alias)
        || alias.is_within(target) && !target.is_root() && mirror.layout().place(target).kind() == "build"
    {
        return Err(wrong("it would loop".to_owned()));
    }
    match mirror.resolve(target)? {
        Resolved::To(real) if real.is_within(alias) => return Err(wrong("it would loop".to_owned())),
        Resolved::To(_) => {}
        Resolved::Dangles(at) => return Err(wrong(format!("nothing is at `{at}`"))),
        Resolved::Loops => return Err(wrong("it loops".to_owned())),
        Resolved::Leaves(text) => return Err(wrong(format!("it leaves the mirror by `{text}`"))),
    }
    let Place::Build { build: id } = mirror.layout().place(target) else { return Ok(()) };
    let build = build_info(mirror, &id)?;
    if build.result != Outcome::Success && !permit.no_success {
        return Err(RepointError::NoSuccess { alias: alias.clone(), target: id, result: build.result });
    }
    if build.is_after(latest(now)) {
        return Err(RepointError::Future { alias: alias.clone(), target: id, now });
    }
    if let Resolved::To(real) = mirror.resolve(alias)?
        && let Place::Build { build: at } = mirror.layout().place(&real)
        && at.stream == id.stream
        && !permit.backwards
    {
        let at_build = build_info(mirror, &at)?;
        if Age::of(mirror.layout(), &at.stream, &at_build) > Age::of(mirror.layout(), &id.stream, &build) {
            return Err(RepointError::Backwards { alias: alias.clone(), from: real, target: id });
        }
    }
    Ok(())
}

/// Fails for a path where no alias can be: a published build never changes, its links included.
fn is_outside_builds(mirror: &Mirror, alias: &RelPath) -> Result<(), RepointError> {
    let refuse = |why: String| Err(RepointError::NoAlias { alias: alias.clone(), why });
    if let Place::Root | Place::Own = mirror.layout().place(alias) {
        return refuse("this path is not for aliases".to_owned());
    }
    for above in alias.ancestors() {
        if let Place::Build { build } = mirror.layout().place(&above) {
            return refuse(format!("it is inside the build `{build}`, which never changes"));
        }
    }
    Ok(())
}

/// Fails for an alias in a stream that is retired.
fn stays_in_no_retiring_stream(mirror: &Mirror, alias: &RelPath) -> Result<(), RepointError> {
    let Some(dir) = alias.parent() else { return Ok(()) };
    match mirror.layout().place(&dir) {
        Place::Stream { stream } => Ok(mirror.refuse_retiring(&stream)?),
        _ => Ok(()),
    }
}

/// Fails for an alias that only promotion moves.
pub(crate) fn is_no_stage(mirror: &Mirror, alias: &RelPath) -> Result<(), RepointError> {
    match stage_at(mirror, alias)? {
        Some(stage) => Err(RepointError::Stage { alias: alias.clone(), stage }),
        None => Ok(()),
    }
}

/// Fails if an alias may not be removed: it does not exist, is part of a build, or is a stage that has a build.
pub fn may_remove(mirror: &Mirror, alias: &RelPath) -> Result<(), RepointError> {
    is_outside_builds(mirror, alias)?;
    let is_link = mirror.store().look(alias)?.is_some_and(|entry| entry.kind == Kind::Link);
    // The build of the stage is gone, and so may be all others of its stream.
    if !is_link || !matches!(mirror.resolve(alias)?, Resolved::Dangles(_)) {
        is_no_stage(mirror, alias)?;
    }
    if is_link { Ok(()) } else { Err(RepointError::Missing(alias.clone())) }
}

/// Removes an alias and records it.
pub fn remove(lock: &WriteLock<'_>, alias: &RelPath, now: Stamp) -> Result<Moved, RepointError> {
    may_remove(lock.mirror(), alias)?;
    remove_checked(lock, alias, now)
}

/// Removes an alias that may be removed, and records it.
pub(crate) fn remove_checked(
    lock: &WriteLock<'_>,
    alias: &RelPath,
    now: Stamp,
) -> Result<Moved, RepointError> {
    let store = lock.mirror().store();
    let from = pointed_at(lock.mirror(), alias)?;
    let pending =
        lock.begin(now, alias, &Payload::Unaliased { from: from.clone(), by_hand: false, why: None })?;
    store.remove(alias)?;
    pending.done(now)?;
    Ok(Moved { alias: alias.clone(), from, to: None })
}
