//! Saying something of a build after it was published, and moving the names that depend on it.

use crate::commit::handshake::say;
use crate::commit::repoint::{Moved, RepointError, due, repoint};
use crate::layout::NoPlace;
use crate::mirror::{JournalError, StateError, WriteLock, builds_of};
use crate::model::{BuildId, Class, Classify, ErrorKind, Label, Stamp};
use crate::ops::Mode;
use crate::ops::op_error::{OpError, shares};
use crate::record::{BuildRecord, LabelValue, Labels, Payload, as_object};
use crate::recover::RecoverError;
use crate::session::Session;
use crate::store::StoreError;
use serde::Serialize;
use serde_json::{Map, Value};

/// What labelling did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LabelReport {
    /// Which build.
    pub id: BuildId,
    /// All its labels now.
    #[serde(serialize_with = "as_object")]
    pub labels: Labels,
    /// Names that moved.
    pub aliases: Vec<Moved>,
    /// Whether anything changed.
    pub changed: bool,
}

/// Says why a build was not labelled.
#[derive(Debug, thiserror::Error)]
pub enum LabelActError {
    /// The layout has no place for it.
    #[error(transparent)]
    NoPlace(#[from] NoPlace),
    /// It is not there.
    #[error("there is no build `{0}`")]
    NoBuild(BuildId),
    /// Another command lets it go at this moment.
    #[error("`{0}` is being pruned at this moment; nothing was changed")]
    Going(BuildId),
    /// It has no record.
    #[error("`{0}` was laid down by others and has no record yet")]
    NoRecord(BuildId),
    /// What can come in the way of every operation.
    #[error(transparent)]
    Op(#[from] OpError),
    /// The label stands, but a name could not be moved.
    #[error("the label is set, but a name could not be moved")]
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
            Self::NoBuild(_) | Self::Going(_) => ErrorKind::Failed.into(),
            Self::Op(error) => error.class(),
            Self::Repoint(error) => error.class(),
            Self::Store(error) => error.class(),
        }
    }
}

/// Writes down a record with other labels, of which the journal tells `said`; returns false, and nothing is changed,
/// when another command lets the build go at this moment.
pub(crate) fn relabel(
    lock: &WriteLock<'_>,
    old: &BuildRecord,
    new: &BuildRecord,
    said: Map<String, Value>,
    now: Stamp,
) -> Result<bool, JournalError> {
    let pending = lock.begin(now, &new.id, &Payload::Labelled { labels: said })?;
    let stands = say(lock, &new.id, || lock.renew_record(old, new), || lock.renew_record(new, old))?;
    if stands {
        pending.done(now)?;
    } else {
        pending.undone(now)?;
    }
    Ok(stands)
}

/// Sets labels of a build and takes those away that are named in `drop`.
pub fn label(
    session: &Session<'_>,
    id: &BuildId,
    set: &[Label],
    drop: &[String],
    mode: Mode,
) -> Result<LabelReport, LabelActError> {
    let mirror = session.mirror();
    mirror.layout().build_path(id)?;
    let lock = if mode == Mode::Real { Some(session.begin()?) } else { None };
    if !mirror.has_build(id)? {
        return Err(LabelActError::NoBuild(id.clone()));
    }
    let old = mirror.record(id)?.ok_or_else(|| LabelActError::NoRecord(id.clone()))?;
    let mut record = old.clone();
    let now = session.now();
    for label in set {
        if record.labels.get(label.key()).is_none_or(|old| old.value != label.value()) {
            let who = Some(mirror.who().to_owned());
            let said = LabelValue { value: label.value().to_owned(), since: Some(now), who };
            record.labels.insert(label.key().to_owned(), said);
        }
    }
    for key in drop {
        record.labels.remove(key);
    }
    let changed = record.labels != old.labels;
    let labels = record.labels.clone();
    let mut aliases = Vec::new();
    if let Some(lock) = lock.as_ref().filter(|_| changed) {
        let wanted = set.iter().map(|label| (label.key().to_owned(), Value::from(label.value())));
        let gone = drop.iter().map(|key| (key.clone(), Value::Null));
        if !relabel(lock, &old, &record, wanted.chain(gone).collect(), now)? {
            return Err(LabelActError::Going(id.clone()));
        }
    }
    if let Some(lock) = &lock {
        // Also when nothing changed: an earlier try may have been cut off before the names moved.
        let builds = builds_of(mirror, &id.stream, Some(&id.name))?;
        for (alias, to) in due(mirror, &id.stream, &builds, Some(&id.name))?.moves {
            aliases.push(repoint(lock, &alias, &mirror.layout().build_path(&to)?, now)?);
        }
    }
    Ok(LabelReport { id: id.clone(), labels, aliases, changed })
}
