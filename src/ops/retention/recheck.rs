//! The recheck: every protection of a build is checked again, under the lock, before the build is deleted.
//!
//! Changes that other commands made since the plan are in the journal, and after them the whole plan is made again.
//! Changes that users made by hand are found by reading every link outside the builds, at most a fifth of a second
//! before.

use crate::decide::{Fate, PartFate, PreviousRuns, Verdict};
use crate::mirror::{StateError, WriteLock, build_info, chain, mounted_at, pointing};
use crate::model::{BuildId, RelPath};
use crate::ops::ActError;
use crate::ops::retention::plan::{Planned, evaluate};
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// How old a read of the links may be.
const FRESH: Duration = Duration::from_millis(200);

/// What was read last, and when.
#[derive(Debug)]
pub(crate) struct Recheck {
    seq: u64,
    seen: Option<Seen>,
}

#[derive(Debug)]
struct Seen {
    at: Instant,
    targets: Vec<(RelPath, RelPath)>,
    mounts: Vec<RelPath>,
}

impl Recheck {
    /// Returns a recheck for a plan that was made when the journal's next number was that one.
    pub(crate) fn new(seq: u64) -> Self {
        Self { seq, seen: None }
    }

    /// Makes the plan again if another command changed something since the last turn.
    pub(crate) fn renew(&mut self, lock: &WriteLock<'_>, planned: &mut Planned) -> Result<(), ActError> {
        if lock.next_seq() != self.seq {
            self.replan(lock, planned)?;
        }
        Ok(())
    }

    /// Records the next number of the journal at the end of this turn.
    pub(crate) fn end_turn(&mut self, lock: &WriteLock<'_>) {
        self.seq = lock.next_seq();
    }

    /// Returns the number of the last event that the journal had at the end of the last turn.
    pub(crate) fn last(&self) -> u64 {
        self.seq.saturating_sub(1)
    }

    /// The deletions of the plan may only become fewer.
    fn replan(&mut self, lock: &WriteLock<'_>, planned: &mut Planned) -> Result<(), ActError> {
        // The clock was checked for the plan, and the freed bytes were measured then.
        let base = PreviousRuns {
            accepted: planned.accepted,
            any_clock: true,
            under_pressure: planned.is_pressed(),
            measured: planned.measured.clone(),
            ..PreviousRuns::default()
        };
        let again = evaluate(lock.mirror(), Some(planned.policy.clone()), lock.now(), base)?;
        let fresh: HashMap<&BuildId, &Verdict> =
            again.plan.builds.iter().map(|verdict| (&verdict.id, verdict)).collect();
        for verdict in &mut planned.plan.builds {
            let fresh = fresh.get(&verdict.id);
            let keeps = fresh.is_some_and(|fresh| !matches!(fresh.fate, Fate::Expire | Fate::Withheld));
            if verdict.fate == Fate::Expire && keeps {
                verdict.fate = Fate::Keep;
                verdict.reasons = fresh.map(|fresh| fresh.reasons.clone()).unwrap_or_default();
            }
            for (name, fate) in &mut verdict.parts {
                let fresh = fresh.and_then(|fresh| fresh.parts.get(name));
                if let Some(kept) = fresh.filter(|fresh| matches!(fresh, PartFate::Keep | PartFate::Gone)) {
                    *fate = *kept;
                }
            }
        }
        planned.census = again.census;
        self.seen = None;
        self.seq = lock.next_seq();
        Ok(())
    }

    /// Returns what protects a build now; nothing if it may be deleted.
    pub(crate) fn protects(
        &mut self,
        lock: &WriteLock<'_>,
        planned: &mut Planned,
        id: &BuildId,
    ) -> Result<Option<String>, ActError> {
        let mirror = lock.mirror();
        mirror.layout().build_path(id)?;
        if !mirror.has_build(id)? {
            return Ok(Some("it is gone already".to_owned()));
        }
        self.refresh(lock, planned)?;
        let verdict = planned.plan.verdict(id);
        if verdict.is_none_or(|verdict| verdict.fate != Fate::Expire) {
            let why =
                verdict.and_then(|verdict| verdict.reasons.first().map(|reason| reason.rule.to_string()));
            return Ok(Some(why.unwrap_or_else(|| "it is judged otherwise now".to_owned())));
        }
        self.protected_by(lock, id)
    }

    /// Checks everything again, however recent the last check is, and returns what protects a build now.
    pub(crate) fn recheck(
        &mut self,
        lock: &WriteLock<'_>,
        planned: &mut Planned,
        id: &BuildId,
    ) -> Result<Option<String>, ActError> {
        match self.labels_changed(lock, planned, id)? {
            None => self.protects(lock, planned, id),
            why => Ok(why),
        }
    }

    /// Forgets the last read of the links, and returns that the labels of a build changed, if they did.
    pub(crate) fn labels_changed(
        &mut self,
        lock: &WriteLock<'_>,
        planned: &Planned,
        id: &BuildId,
    ) -> Result<Option<String>, ActError> {
        self.seen = None;
        let labels = build_info(lock.mirror(), id)?.labels;
        let same = planned.census.build(id).is_some_and(|build| build.labels == labels);
        Ok((!same).then(|| "its labels changed".to_owned()))
    }

    /// Returns which hold, link or retirement protects a build now, independently of the plan.
    pub(crate) fn protected_by(
        &self,
        lock: &WriteLock<'_>,
        id: &BuildId,
    ) -> Result<Option<String>, ActError> {
        let mirror = lock.mirror();
        let (path, now) = (mirror.layout().build_path(id)?, lock.now());
        match mirror.refuse_retiring(&id.stream) {
            Ok(()) => {}
            Err(error @ StateError::Store(_)) => return Err(error.into()),
            Err(frozen) => return Ok(Some(format!("frozen: {}", chain(&frozen)))),
        }
        if let Some(hold) = mirror.holds_of(id)?.iter().find(|hold| hold.is_active(now)) {
            return Ok(Some(format!("hold: {} ({})", hold.why, hold.who)));
        }
        let mounts = self.seen.iter().flat_map(|seen| &seen.mounts);
        if let Some(mount) = mounts.into_iter().find(|mount| mount.is_within(&path)) {
            return Ok(Some(mounted_at(mount)));
        }
        let targets = self.seen.iter().flat_map(|seen| &seen.targets);
        let named = targets.into_iter().find(|(_, target)| target.is_within(&path));
        Ok(named.map(|(link, _)| format!("alias: {link} resolves to it")))
    }

    /// Reads the links again if the last read is too old.
    pub(crate) fn refresh(&mut self, lock: &WriteLock<'_>, planned: &mut Planned) -> Result<(), ActError> {
        if self.seen.as_ref().is_none_or(|seen| seen.at.elapsed() > FRESH) {
            self.look(lock, planned)?;
        }
        Ok(())
    }

    /// Reads every link outside the builds; builds that appeared without an event may need any other build.
    fn look(&mut self, lock: &WriteLock<'_>, planned: &mut Planned) -> Result<(), ActError> {
        let at = Instant::now();
        let mut found = pointing(lock.mirror())?;
        let known: HashSet<BuildId> = planned.census.builds().map(|(id, _)| id).collect();
        if found.builds.iter().any(|id| !known.contains(id)) {
            self.replan(lock, planned)?;
            found = pointing(lock.mirror())?;
        }
        self.seen = Some(Seen { at, targets: found.targets, mounts: lock.mirror().store().mounts()? });
        Ok(())
    }
}
