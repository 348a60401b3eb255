//! Setting another policy, pipeline or layout in a mirror that has builds already.
//!
//! A layout in which a build would lose its place is refused, so that every build keeps its path and its ID.

pub use crate::commit::{PipelineInForceError, pipeline_of, required_pipeline};

use super::{ActError, Mode};
use crate::decide::pipeline::Pipeline;
use crate::decide::policy::Policy;
use crate::layout::Layout;
use crate::mirror::{Chosen, InForce, LastRun, MirrorError, WriteLock};
use crate::model::{BuildId, Class, Classify, Digest, ErrorKind, Stream};
use crate::record::Payload;
use crate::session::Session;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeSet;

/// How many of the builds that prevent it are named.
const NAMED: usize = 3;

/// Why a policy, pipeline or layout was not set.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Builds would have no place any more, or another one.
    #[error("the layout `{layout}` has no place for {}", named(.builds))]
    Displaced {
        /// The layout.
        layout: String,
        /// Those builds, in the mirror and in the trash.
        builds: Vec<BuildId>,
    },
    /// The mirror's settings could not be changed.
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    /// A step failed.
    #[error(transparent)]
    Act(#[from] ActError),
}

fn named(builds: &[BuildId]) -> String {
    let names: Vec<String> = builds.iter().take(NAMED).map(|id| format!("`{id}`")).collect();
    match builds.len().saturating_sub(NAMED) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

impl Classify for SettingsError {
    fn class(&self) -> Class {
        match self {
            Self::Displaced { .. } => ErrorKind::Refused.hint(
                "add a stream to the layout that gives each of these builds the path that it has; \
                 `mirrorkeep layout place PATH --layout FILE` shows what a path is in it",
            ),
            Self::Mirror(error) => error.class(),
            Self::Act(error) => error.class(),
        }
    }
}

/// The result of setting a policy, pipeline or layout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SettingReport {
    /// The previous one, by its name in `mirror.yaml`.
    pub before: Option<String>,
    /// The present one, or the one that would be set in a dry run.
    pub after: String,
    /// Whether anything changed, or would.
    pub changed: bool,
    /// Aliases that no rule moves any more, by their streams.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unruled: Vec<String>,
    /// Aliases that a rule moves from now on, by their streams.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ruled: Vec<String>,
}

/// Sets a policy. The next prune waits for `--accept` if the edit makes builds expire.
pub fn set_policy(
    session: &Session<'_>,
    chosen: &Chosen,
    mode: Mode,
) -> Result<SettingReport, SettingsError> {
    let mirror = session.mirror();
    let before = mirror.config().policy.clone();
    // One that cannot be read is replaced.
    let text = mirror.in_force(InForce::Policy, Policy::shipped).ok().flatten().map(|(_, text)| text);
    let old = text.clone().map(Chosen::File);
    let keep_old = |lock: Option<&WriteLock<'_>>| match lock {
        Some(lock) => Ok(keep_first(lock, old, chosen)?),
        None => Ok(()),
    };
    put(session, (InForce::Policy, chosen), (before, text), mode, keep_old).map(|(report, ())| report)
}

/// Keeps the policy with which the first prune compares the new one: the old one, so that what expires only because of the edit
/// waits for `--accept`. Without builds nothing can expire because of it.
fn keep_first(lock: &WriteLock<'_>, old: Option<Chosen>, new: &Chosen) -> Result<(), ActError> {
    let mirror = lock.mirror();
    // What a prune left states the policy; what it left and cannot be read makes every prune fail.
    if !matches!(LastRun::read(mirror), Ok(None)) {
        return Ok(());
    }
    let first = if mirror.recorded()?.is_empty() {
        new.clone()
    } else if mirror.first_policy()?.is_some() {
        return Ok(());
    } else {
        old.unwrap_or_else(|| new.clone())
    };
    Ok(lock.keep_first_policy(&first)?)
}

/// Sets a pipeline; no stage moves until the next promotion.
pub fn set_pipeline(
    session: &Session<'_>,
    chosen: &Chosen,
    mode: Mode,
) -> Result<SettingReport, SettingsError> {
    let mirror = session.mirror();
    let before = mirror.config().pipeline.clone();
    // One that cannot be read is replaced.
    let text = mirror.in_force(InForce::Pipeline, Pipeline::shipped).ok().flatten().map(|(_, text)| text);
    put(session, (InForce::Pipeline, chosen), (before, text), mode, |_| Ok(())).map(|(report, ())| report)
}

/// Sets a layout in which every build of the mirror and of its trash keeps its path.
pub fn set_layout(
    session: &Session<'_>,
    (chosen, layout): (&Chosen, &Layout),
    mode: Mode,
) -> Result<SettingReport, SettingsError> {
    let mirror = session.mirror();
    let old = mirror.layout();
    let keeps_paths = |_: Option<&WriteLock<'_>>| {
        let mut trash = mirror.trash().map_err(ActError::from)?;
        let trashed = std::mem::take(&mut trash.waiting).into_iter().map(|trashed| trashed.ticket.id);
        // Without a readable ticket, the journal or the record states which build it is.
        let unread = trash.unread().filter_map(|(at, _)| mirror.build_in(&at));
        let known: BTreeSet<BuildId> =
            mirror.recorded().map_err(ActError::from)?.into_iter().chain(trashed).chain(unread).collect();
        let displaced = |id: &&BuildId| old.build_path(id).ok() != layout.build_path(id).ok();
        let builds: Vec<BuildId> = known.iter().filter(displaced).cloned().collect();
        if !builds.is_empty() {
            return Err(SettingsError::Displaced { layout: layout.name().to_owned(), builds });
        }
        Ok(known)
    };
    let before = (Some(mirror.config().layout.clone()), Some(old.text().to_owned()));
    let (mut report, known) = put(session, (InForce::Layout, chosen), before, mode, keeps_paths)?;
    let streams: BTreeSet<&Stream> = known.iter().map(|id| &id.stream).collect();
    let [were, are] = [old, layout].map(|layout| ruled(layout, &streams));
    report.unruled = were.difference(&are).cloned().collect();
    report.ruled = are.difference(&were).cloned().collect();
    Ok(report)
}

/// Returns the paths of the aliases that the rules of a layout move in these streams.
fn ruled(layout: &Layout, streams: &BTreeSet<&Stream>) -> BTreeSet<String> {
    let of = |stream: &&Stream| {
        let home = layout.stream_path(stream).ok()?;
        let rules = layout.aliases_of(stream, &BTreeSet::new()).ok()?;
        Some(rules.into_iter().map(move |rule| format!("{home}/{}", rule.name)).collect::<Vec<_>>())
    };
    streams.iter().filter_map(of).flatten().collect()
}

/// Sets it if `check` allows that; no other command can change what `check` sees.
fn put<T>(
    session: &Session<'_>,
    (which, chosen): (InForce, &Chosen),
    (before, text): (Option<String>, Option<String>),
    mode: Mode,
    check: impl FnOnce(Option<&WriteLock<'_>>) -> Result<T, SettingsError>,
) -> Result<(SettingReport, T), SettingsError> {
    let mirror = session.mirror();
    let after = mirror.name_in_force(which, chosen);
    let same_text = match chosen {
        Chosen::Shipped(_) => true,
        Chosen::File(new) => text.as_ref() == Some(new),
    };
    let changed = before.as_ref() != Some(&after) || !same_text;
    let lock = (changed && mode == Mode::Real).then(|| session.begin());
    let lock = lock.transpose().map_err(ActError::from)?;
    let checked = check(lock.as_ref())?;
    if let Some(lock) = &lock {
        let digest = match chosen {
            Chosen::Shipped(_) => None,
            Chosen::File(text) => Some(Digest::of(text.as_bytes())),
        };
        let payload = Payload::Configured { before: before.clone(), after: after.clone(), digest };
        let pending = lock.begin(lock.now(), which.key(), &payload).map_err(ActError::from)?;
        mirror.put_in_force(which, chosen, lock)?;
        pending.done(lock.now()).map_err(ActError::from)?;
    }
    Ok((SettingReport { before, after, changed, unruled: Vec::new(), ruled: Vec::new() }, checked))
}
