//! Several aliases that move as one: a stage, and everything that it carries. If a bundle is made of the builds at
//! the stage, the aliases of its members and its own link move as one, the link last.
//!
//! The moves are recorded before. The alias of the stage moves last, and with it the promotion has happened: a
//! promotion that was interrupted before is undone, and one that was interrupted later is recorded. A demotion is
//! always completed, since the user requested that the build lose the stage. An alias that is neither at its old nor
//! at its new target was moved by another command, and is left.

use crate::commit::carried::{CarryError, Carrying};
use crate::commit::relabel::relabel;
use crate::commit::repoint::{RepointError, pointed_at, remove_checked, repoint};
use crate::commit::tags::{Tagging, Waiting};
use crate::mirror::{JournalError, Resolved, StateError, WriteLock, chain};
use crate::model::{Class, Classify, ErrorKind, Label, RelPath, Stamp};
use crate::progress::CancelToken;
use crate::record::{LabelValue, NameMove, Payload, Promotion, TagMove};
use crate::store::StoreError;
use serde_json::{Map, Value};

/// Why a stage did not move.
#[derive(Debug, thiserror::Error)]
pub enum PromotionError {
    /// An alias could not be moved.
    #[error(transparent)]
    Repoint(#[from] RepointError),
    /// The record of the build cannot be read.
    #[error(transparent)]
    Kept(#[from] StateError),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A carried command failed.
    #[error(transparent)]
    Carry(#[from] CarryError),
    /// The store failed.
    #[error("cannot move the stage")]
    Store(#[from] StoreError),
    /// Another program moved an alias during that time.
    #[error("`{0}` was moved by something else while the stage was promoted")]
    Changed(RelPath),
    /// After the move the alias does not resolve to the build.
    #[error("`{alias}` was moved, and does not resolve to `{to}`")]
    NotThere {
        /// The alias.
        alias: RelPath,
        /// Its expected target.
        to: RelPath,
    },
}

impl Classify for PromotionError {
    fn class(&self) -> Class {
        match self {
            Self::Repoint(error) => error.class(),
            Self::Kept(error) => error.class(),
            Self::Journal(error) => error.class(),
            Self::Carry(error) => error.class(),
            Self::Store(error) => error.class(),
            Self::Changed(_) | Self::NotThere { .. } => ErrorKind::Failed.into(),
        }
    }
}

/// Moves a stage: every carried command succeeds and every alias moves, or nothing changes.
pub(crate) fn promote(
    lock: &WriteLock<'_>,
    promotion: &Promotion,
    stop: &CancelToken,
    now: Stamp,
) -> Result<(), PromotionError> {
    let Some(stage) = promotion.moves.last() else { return Ok(()) };
    no_stream_is_retiring(lock, promotion)?;
    let mut carrying = Carrying::of(lock, promotion, stop)?;
    if let Err(error) = carrying.make_ready() {
        carrying.keep();
        return Err(error.into());
    }
    let pending = lock.begin(now, &stage.alias, &Payload::Promoted { promotion: promotion.clone() })?;
    let (begun, moved) = match carrying.apply() {
        Ok(begun) => {
            let tagged =
                Tagging::of(lock, promotion, stop, Waiting::Patiently).and_then(|tagging| tagging.promote());
            let names = || promotion.steps().into_iter().try_for_each(|step| go_now(lock, step, now));
            let moved = tagged.map_err(PromotionError::from).and_then(|()| names());
            (begun, moved.and_then(|()| read_back(lock, promotion)))
        }
        Err((begun, error)) => (begun, Err(error.into())),
    };
    let warn = |what: &str, error: &dyn std::error::Error| {
        let (name, why) = (&promotion.name, chain(error));
        lock.mirror().warnings().add(format!("{what} `{name}`, and the next command tries again: {why}"));
    };
    let done = match moved {
        Ok(()) => {
            // It has happened, even if the journal cannot be written now.
            if let Err(error) = pending.done(now) {
                warn("the journal does not state yet that a build was promoted to", &error);
            }
            Ok(())
        }
        Err(error) => {
            match settle(lock, promotion, (&mut carrying, begun), (Waiting::Patiently, now)) {
                Ok(true) => {
                    warn("not all is done of the promotion to", &error);
                    carrying.keep();
                    return Ok(());
                }
                // The next command records it too.
                Ok(false) => drop(pending.undone(now)),
                Err(undo) => warn("nothing could be undone of the promotion to", &undo),
            }
            Err(error)
        }
    };
    carrying.keep();
    done
}

/// Fails if a stream of a promotion is retired: its stages stay where they are.
fn no_stream_is_retiring(lock: &WriteLock<'_>, promotion: &Promotion) -> Result<(), PromotionError> {
    for one in promotion.members.iter().chain([promotion]) {
        lock.mirror().refuse_retiring(&one.stream)?;
    }
    Ok(())
}

/// Moves image tags back to those of the build at a stage, if the stage stays. No alias moves with which this could
/// be undone: the next promotion of the stage compares the tags again.
pub(crate) fn retag(
    lock: &WriteLock<'_>,
    promotion: &Promotion,
    stop: &CancelToken,
    now: Stamp,
) -> Result<(), PromotionError> {
    let Some(stage) = promotion.moves.last() else { return Ok(()) };
    let pending = lock.begin(now, &stage.alias, &Payload::Promoted { promotion: promotion.clone() })?;
    match Tagging::of(lock, promotion, stop, Waiting::Patiently).and_then(|tagging| tagging.promote()) {
        Ok(()) => Ok(pending.done(now)?),
        Err(error) => {
            // The next command records it too.
            drop(pending.undone(now));
            Err(error.into())
        }
    }
}

/// Moves a stage back, and rejects the build that had it; returns which commands failed.
pub(crate) fn demote(
    lock: &WriteLock<'_>,
    promotion: &Promotion,
    stop: &CancelToken,
    now: Stamp,
) -> Result<Vec<CarryError>, PromotionError> {
    let Some(stage) = promotion.moves.last() else { return Ok(Vec::new()) };
    no_stream_is_retiring(lock, promotion)?;
    let payload = Payload::Demoted { promotion: promotion.clone() };
    let mut carrying = Carrying::of(lock, promotion, stop)?;
    let pending = lock.begin(now, &stage.alias, &payload)?;
    let failures = finish_demotion(lock, promotion, &mut carrying, (Waiting::Patiently, now))?;
    read_back(lock, promotion)?;
    carrying.keep();
    if failures.is_empty() {
        pending.done(now)?;
    }
    // Otherwise the next command runs them again.
    Ok(failures)
}

/// Finishes a promotion whose alias moved, and undoes one whose alias did not; returns whether it happened.
pub(crate) fn settle_promotion(
    lock: &WriteLock<'_>,
    promotion: &Promotion,
    waiting: Waiting,
    now: Stamp,
) -> Result<bool, PromotionError> {
    if promotion.stays() {
        return Ok(false);
    }
    let stop = CancelToken::new();
    let mut carrying = Carrying::of(lock, promotion, &stop)?;
    // It is not known which of them had been started.
    let all = carrying.count();
    let happened = settle(lock, promotion, (&mut carrying, all), (waiting, now));
    carrying.keep();
    happened
}

fn settle(
    lock: &WriteLock<'_>,
    promotion: &Promotion,
    (carrying, begun): (&mut Carrying<'_>, usize),
    (waiting, now): (Waiting, Stamp),
) -> Result<bool, PromotionError> {
    let steps = promotion.steps();
    let Some((stage, others)) = steps.split_last() else { return Ok(false) };
    let is_there =
        |to: &RelPath| Ok::<_, PromotionError>(matches!(lock.mirror().resolve(to)?, Resolved::To(_)));
    if pointed_at(lock.mirror(), &stage.alias)? == stage.to && stage.to.as_ref().map_or(Ok(true), is_there)? {
        for step in others {
            go(lock, step, now)?;
        }
        return Ok(true);
    }
    // Including the stage, if its build was deleted in the meantime.
    for step in steps.iter().rev() {
        back(lock, step, now)?;
    }
    let own = still_its_own(lock, promotion)?;
    // What was begun is undone, even if the command is cancelled.
    Tagging::of(lock, promotion, &CancelToken::new(), waiting)?.undo(&own)?;
    carrying.undo(begun, &own)?;
    Ok(false)
}

/// Returns for each part whether its stage is where this promotion found it or put it. Otherwise another command
/// moved it in the meantime, and what it carries too.
fn still_its_own(lock: &WriteLock<'_>, promotion: &Promotion) -> Result<Vec<bool>, PromotionError> {
    let mut own = Vec::new();
    for part in promotion.parts() {
        let Some(stage) = part.moves.last() else { continue };
        let at = pointed_at(lock.mirror(), &stage.alias)?;
        let is_own = at == stage.from || at == stage.to;
        if !is_own && (!part.commands.is_empty() || part.tags.iter().any(TagMove::is_move)) {
            let alias = &stage.alias;
            lock.mirror().warnings().add(format!(
                "`{alias}` was moved after an interrupted command, so that the commands and tags of that are left"
            ));
        }
        own.push(is_own);
    }
    Ok(own)
}

/// Finishes a demotion; returns whether the alias moved. An alias does not move to a build that was deleted in the
/// meantime, but the build at the stage is rejected for it all the same.
pub(crate) fn settle_demotion(
    lock: &WriteLock<'_>,
    promotion: &Promotion,
    waiting: Waiting,
    now: Stamp,
) -> Result<bool, PromotionError> {
    let mirror = lock.mirror();
    for stage in stages(promotion) {
        if let Some(to) = &stage.to
            && pointed_at(mirror, &stage.alias)? != stage.to
            && !matches!(mirror.resolve(to)?, Resolved::To(_))
        {
            let alias = &stage.alias;
            mirror.warnings().add(format!(
                "`{alias}` was to be demoted to `{to}`, which was deleted; it stays where it is"
            ));
            for step in promotion.steps().into_iter().rev() {
                back(lock, step, now)?;
            }
            reject(lock, promotion, now)?;
            return Ok(false);
        }
    }
    let stop = CancelToken::new();
    let mut carrying = Carrying::of(lock, promotion, &stop)?;
    let failures = finish_demotion(lock, promotion, &mut carrying, (waiting, now))?;
    carrying.keep();
    match failures.into_iter().next() {
        Some(error) => Err(error.into()),
        None => Ok(true),
    }
}

/// Moves one alias back to its old target, unless another command moved it in the meantime.
fn back(lock: &WriteLock<'_>, step: &NameMove, now: Stamp) -> Result<(), PromotionError> {
    let NameMove { alias, from, to } = step.clone();
    go(lock, &NameMove { alias, from: to, to: from }, now)
}

/// Does the remaining steps of a demotion; returns which commands failed. A bad build loses the stage even if one
/// fails.
fn finish_demotion(
    lock: &WriteLock<'_>,
    promotion: &Promotion,
    carrying: &mut Carrying<'_>,
    (waiting, now): (Waiting, Stamp),
) -> Result<Vec<CarryError>, PromotionError> {
    reject(lock, promotion, now)?;
    let own = still_its_own(lock, promotion)?;
    let mut failures = carrying.demote(&own);
    let tagging = Tagging::of(lock, promotion, &CancelToken::new(), waiting);
    failures.extend(tagging.and_then(|tagging| tagging.demote(&own)).err());
    if let Some(at) = failures.iter().position(|error| matches!(error, CarryError::Refused(_))) {
        return Err(failures.swap_remove(at).into());
    }
    promotion.steps().into_iter().try_for_each(|step| go(lock, step, now))?;
    Ok(failures)
}

/// Moves one alias that is at its old target; fails for one that another program moved since it was read.
fn go_now(lock: &WriteLock<'_>, step: &NameMove, now: Stamp) -> Result<(), PromotionError> {
    let at = pointed_at(lock.mirror(), &step.alias)?;
    if at != step.from && at != step.to {
        return Err(PromotionError::Changed(step.alias.clone()));
    }
    go(lock, step, now)
}

/// Moves one alias that is at its old target; any other is already moved, or was moved by another command.
fn go(lock: &WriteLock<'_>, step: &NameMove, now: Stamp) -> Result<(), PromotionError> {
    if step.from == step.to || pointed_at(lock.mirror(), &step.alias)? != step.from {
        return Ok(());
    }
    match &step.to {
        Some(to) => repoint(lock, &step.alias, to, now)?,
        None => remove_checked(lock, &step.alias, now)?,
    };
    Ok(())
}

/// Returns the aliases of the stages of a promotion, and the link of a bundle.
fn stages(promotion: &Promotion) -> impl Iterator<Item = &NameMove> {
    promotion.members.iter().chain([promotion]).filter_map(|one| one.moves.last())
}

/// Checks whether the aliases of the stages resolve to their new targets.
fn read_back(lock: &WriteLock<'_>, promotion: &Promotion) -> Result<(), PromotionError> {
    for stage in stages(promotion) {
        let there = match &stage.to {
            Some(to) => matches!(lock.mirror().resolve(&stage.alias)?, Resolved::To(at) if at == *to),
            None => lock.mirror().store().look(&stage.alias)?.is_none(),
        };
        if !there {
            let (alias, to) = (stage.alias.clone(), stage.to.clone().unwrap_or_default());
            return Err(PromotionError::NotThere { alias, to });
        }
    }
    Ok(())
}

/// Rejects each build that had the stage for it.
fn reject(lock: &WriteLock<'_>, promotion: &Promotion, now: Stamp) -> Result<(), PromotionError> {
    promotion.parts().iter().try_for_each(|one| reject_one(lock, one, now))
}

/// Rejects the build that had the stage for it, unless it is rejected already or deleted.
fn reject_one(lock: &WriteLock<'_>, promotion: &Promotion, now: Stamp) -> Result<(), PromotionError> {
    let (Some(id), Some(why)) = (&promotion.before, &promotion.why) else { return Ok(()) };
    let key = Label::rejected_key(Some(&promotion.name));
    let Some(old) = lock.mirror().record(id)?.filter(|record| !record.labels.contains_key(&key)) else {
        return Ok(());
    };
    let mut new = old.clone();
    let who = Some(lock.mirror().who().to_owned());
    new.labels.insert(key.clone(), LabelValue { value: why.clone(), since: Some(now), who, url: None });
    // A build that is being deleted right now cannot be promoted again.
    relabel(lock, &old, &new, Map::from_iter([(key, Value::from(&**why))]), now)?;
    Ok(())
}
