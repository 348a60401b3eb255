//! Putting another policy, pipeline or layout in force in a mirror that has builds already.
//!
//! A layout in which a build would lose its place is refused, so that every build keeps its path and its id.

pub use crate::commit::{PipelineInForceError, pipeline_of, required_pipeline};

use super::{ActError, Mode};
use crate::decide::pipeline::Pipeline;
use crate::decide::policy::Policy;
use crate::layout::Layout;
use crate::mirror::{Chosen, InForce, MirrorError};
use crate::model::{BuildId, Class, Classify, ErrorKind, Stream};
use crate::session::Session;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeSet;

/// How many of the builds that stand in the way are named.
const NAMED: usize = 3;

/// Says why a policy, pipeline or layout was not put in force.
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
    /// A step of it failed.
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

/// What putting something in force did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SettingReport {
    /// What was in force before, by its name in `mirror.yaml`.
    pub before: Option<String>,
    /// What is in force now, or would be in a dry run.
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

/// Puts a policy in force. The next prune waits for `--accept` where the edit makes builds expire.
pub fn set_policy(
    session: &Session<'_>,
    chosen: &Chosen,
    mode: Mode,
) -> Result<SettingReport, SettingsError> {
    let mirror = session.mirror();
    let before = mirror.config().policy.clone();
    // One that cannot be read is replaced.
    let text = mirror.in_force(InForce::Policy, Policy::shipped).ok().flatten().map(|(_, text)| text);
    put(session, (InForce::Policy, chosen), (before, text), mode, || Ok(())).map(|(report, ())| report)
}

/// Puts a pipeline in force; no stage moves until the next promotion.
pub fn set_pipeline(
    session: &Session<'_>,
    chosen: &Chosen,
    mode: Mode,
) -> Result<SettingReport, SettingsError> {
    let mirror = session.mirror();
    let before = mirror.config().pipeline.clone();
    // One that cannot be read is replaced.
    let text = mirror.in_force(InForce::Pipeline, Pipeline::shipped).ok().flatten().map(|(_, text)| text);
    put(session, (InForce::Pipeline, chosen), (before, text), mode, || Ok(())).map(|(report, ())| report)
}

/// Puts a layout in force in which every build of the mirror and of its trash keeps its path.
pub fn set_layout(
    session: &Session<'_>,
    (chosen, layout): (&Chosen, &Layout),
    mode: Mode,
) -> Result<SettingReport, SettingsError> {
    let mirror = session.mirror();
    let old = mirror.layout();
    let keeps_paths = || {
        let mut trash = mirror.trash().map_err(ActError::from)?;
        let trashed = std::mem::take(&mut trash.waiting).into_iter().map(|trashed| trashed.ticket.id);
        // Without a ticket that can be read, the journal or the record states which build it is.
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

/// Puts something in force if `check` allows it, which sees what no other command changes any more.
fn put<T>(
    session: &Session<'_>,
    (which, chosen): (InForce, &Chosen),
    (before, text): (Option<String>, Option<String>),
    mode: Mode,
    check: impl FnOnce() -> Result<T, SettingsError>,
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
    let checked = check()?;
    if let Some(lock) = &lock {
        mirror.put_in_force(which, chosen, lock)?;
    }
    Ok((SettingReport { before, after, changed, unruled: Vec::new(), ruled: Vec::new() }, checked))
}
