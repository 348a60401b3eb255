//! Labelling a published build, and moving the aliases that depend on its labels.

use crate::commit::relabel::relabel;
use crate::commit::repoint::{Moved, RepointError, due, repoint};
use crate::layout::NoPlace;
use crate::mirror::{JournalError, StateError, WriteLock, builds_of};
use crate::model::{BuildId, Class, Classify, ErrorKind, Label, Stamp};
use crate::ops::Mode;
use crate::ops::op_error::{OpError, shares};
use crate::record::{BuildRecord, LabelValue, Labels, as_object};
use crate::recover::RecoverError;
use crate::session::Session;
use crate::store::StoreError;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The result of labelling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LabelReport {
    /// The ID of the build.
    pub id: BuildId,
    /// All its labels now.
    #[serde(serialize_with = "as_object")]
    #[schemars(with = "BTreeMap<String, crate::record::LabelValue>")]
    pub labels: Labels,
    /// The aliases that moved.
    pub aliases: Vec<Moved>,
    /// Whether anything changed.
    pub changed: bool,
}

/// Why a build was not labelled.
#[derive(Debug, thiserror::Error)]
pub enum LabelActError {
    /// The layout has no place for it.
    #[error(transparent)]
    NoPlace(#[from] NoPlace),
    /// The build does not exist.
    #[error("there is no build `{0}`")]
    NoBuild(BuildId),
    /// Another command is deleting it at this moment.
    #[error("`{0}` is being pruned at this moment; nothing was changed")]
    Going(BuildId),
    /// It has no record.
    #[error("`{0}` was published by another tool and has no record yet")]
    NoRecord(BuildId),
    /// What can stop every operation.
    #[error(transparent)]
    Op(#[from] OpError),
    /// The label is set, but an alias could not be moved.
    #[error("the label is set, but an alias could not be moved")]
    Repoint(#[from] RepointError),
    /// The store failed.
    #[error("cannot label the build")]
    Store(#[from] StoreError),
}

shares!(LabelActError: RecoverError, StateError, JournalError);

impl Classify for LabelActError {
    fn class(&self) -> Class {
        match self {
            Self::NoPlace(error) => error.class(),
            Self::NoRecord(id) => ErrorKind::Failed.hint(format!("`mirrorkeep adopt {id}` takes it over")),
            Self::NoBuild(_) => ErrorKind::Failed.hint("`mirrorkeep list` lists the builds"),
            Self::Going(_) => ErrorKind::Failed.into(),
            Self::Op(error) => error.class(),
            Self::Repoint(error) => error.class(),
            Self::Store(error) => error.class(),
        }
    }
}

/// Returns the record of a build that is to be labelled, and the lock if changes are to be made.
fn begin<'a>(
    session: &Session<'a>,
    id: &BuildId,
    mode: Mode,
) -> Result<(Option<WriteLock<'a>>, BuildRecord), LabelActError> {
    let mirror = session.mirror();
    mirror.layout().build_path(id)?;
    let lock = if mode == Mode::Real { Some(session.begin()?) } else { None };
    if !mirror.has_build(id)? {
        return Err(LabelActError::NoBuild(id.clone()));
    }
    let old = mirror.record(id)?.ok_or_else(|| LabelActError::NoRecord(id.clone()))?;
    Ok((lock, old))
}

/// Sets labels of a build, and removes those that `drop` names.
pub fn label(
    session: &Session<'_>,
    id: &BuildId,
    set: &[Label],
    drop: &[String],
    mode: Mode,
) -> Result<LabelReport, LabelActError> {
    let (lock, old) = begin(session, id, mode)?;
    changed(session, (lock.as_ref(), &old), set, drop)
}

/// Sets labels of a build, unless `may` says under the lock that it must not get them now.
pub(crate) fn label_if<E: From<LabelActError>>(
    session: &Session<'_>,
    id: &BuildId,
    set: &[Label],
    may: impl FnOnce() -> Result<bool, E>,
) -> Result<Option<LabelReport>, E> {
    let (lock, old) = begin(session, id, Mode::Real)?;
    if !may()? {
        return Ok(None);
    }
    Ok(Some(changed(session, (lock.as_ref(), &old), set, &[])?))
}

/// Sets and removes labels of a build whose record is `old`; without a lock, nothing is written.
fn changed(
    session: &Session<'_>,
    (lock, old): (Option<&WriteLock<'_>>, &BuildRecord),
    set: &[Label],
    drop: &[String],
) -> Result<LabelReport, LabelActError> {
    let (mirror, id) = (session.mirror(), &old.id);
    let mut record = old.clone();
    let now = session.now();
    for label in set {
        if record.labels.get(label.key()).is_none_or(|old| old.value != label.value()) {
            let who = Some(mirror.who().to_owned());
            let said = LabelValue { value: label.value().to_owned(), since: Some(now), who, url: None };
            record.labels.insert(label.key().to_owned(), said);
        }
    }
    for key in drop {
        if record.labels.remove(key).is_none() {
            let known: Vec<String> = old.labels.keys().map(|key| format!("`{key}`")).collect();
            let known = if known.is_empty() { "no labels".to_owned() } else { known.join(", ") };
            mirror.warnings().add(format!("`{id}` has no label `{key}`; it has {known}"));
        }
    }
    let changed = record.labels != old.labels;
    let labels = record.labels.clone();
    let mut aliases = Vec::new();
    if let Some(lock) = lock.filter(|_| changed) {
        let wanted = set.iter().map(|label| (label.key().to_owned(), Value::from(label.value())));
        let gone = drop.iter().map(|key| (key.clone(), Value::Null));
        if !relabel(lock, old, &record, wanted.chain(gone).collect(), now)? {
            return Err(LabelActError::Going(id.clone()));
        }
    }
    if let Some(lock) = lock {
        // Also if nothing changed: an earlier run may have been interrupted before the aliases moved.
        aliases = follow_rules(lock, id, now)?;
    }
    Ok(LabelReport { id: id.clone(), labels, aliases, changed })
}

/// A label that a verb sets under a key of its own.
pub(crate) struct Saying {
    pub(crate) key: String,
    /// The label is never removed.
    pub(crate) value: Option<String>,
    pub(crate) url: Option<String>,
    /// Whether an equal label is set again, with a new time.
    pub(crate) always: bool,
}

/// Sets a label of a build, and moves the aliases whose rules depend on it; returns the label before.
pub(crate) fn say_of(
    session: &Session<'_>,
    id: &BuildId,
    saying: Saying,
    mode: Mode,
) -> Result<Option<String>, LabelActError> {
    let (lock, old) = begin(session, id, mode)?;
    let before = old.labels.get(&saying.key).map(|label| label.value.clone());
    if let Some(lock) = lock.filter(|_| saying.always || before != saying.value) {
        say_under(&lock, &old, saying)?;
    }
    Ok(before)
}

/// Sets a label of a build whose record is `old`.
pub(crate) fn say_under(
    lock: &WriteLock<'_>,
    old: &BuildRecord,
    saying: Saying,
) -> Result<(), LabelActError> {
    let (mirror, id) = (lock.mirror(), &old.id);
    let (now, key) = (lock.now(), saying.key);
    let mut record = old.clone();
    match saying.value.clone() {
        Some(value) => {
            let who = Some(mirror.who().to_owned());
            record.labels.insert(key.clone(), LabelValue { value, since: Some(now), who, url: saying.url });
        }
        None => drop(record.labels.remove(&key)),
    }
    let said = Map::from_iter([(key.clone(), saying.value.map_or(Value::Null, Value::from))]);
    if !relabel(lock, old, &record, said, now)? {
        return Err(LabelActError::Going(id.clone()));
    }
    if mirror.alias_rules(&id.stream, &[]).iter().any(|rule| rule.when.labels.contains_key(&key)) {
        follow_rules(lock, id, now)?;
    }
    Ok(())
}

/// Moves the aliases that follow a build by a rule.
fn follow_rules(lock: &WriteLock<'_>, id: &BuildId, now: Stamp) -> Result<Vec<Moved>, LabelActError> {
    let mirror = lock.mirror();
    let builds = builds_of(mirror, &id.stream, Some(&id.name))?;
    let mut moved = Vec::new();
    for (alias, to) in due(mirror, &id.stream, &builds, Some(&id.name), now)?.moves {
        moved.push(repoint(lock, &alias, &mirror.layout().build_path(&to)?, now)?);
    }
    Ok(moved)
}
