//! The recheck: every protection of a build looked at once more, under the lock, before it goes.
//!
//! What other commands changed since the plan is seen in the journal, and then everything is judged anew. What
//! people changed by hand is seen by reading every link outside the builds, at most a fifth of a second before.

use crate::decide::{Fate, PartFate, PreviousRuns, Verdict};
use crate::mirror::{WriteLock, build_info, mounted_at, pointing};
use crate::model::{BuildId, RelPath};
use crate::ops::ActError;
use crate::ops::retention::plan::{Planned, evaluate};
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// How old a look at the links may be.
const FRESH: Duration = Duration::from_millis(200);

/// What was seen last, and when.
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
    /// Returns a recheck for a plan that was made when the journal was to go on with that number.
    pub(crate) fn new(seq: u64) -> Self {
        Self { seq, seen: None }
    }

    /// Judges everything anew when another command changed something since the last turn.
    pub(crate) fn renew(&mut self, lock: &WriteLock<'_>, planned: &mut Planned) -> Result<(), ActError> {
        if lock.next_seq() != self.seq {
            self.replan(lock, planned)?;
        }
        Ok(())
    }

    /// Notes the number with which the journal will go on when this turn ends.
    pub(crate) fn end_turn(&mut self, lock: &WriteLock<'_>) {
        self.seq = lock.next_seq();
    }

    /// Returns the number of an event that the journal had at the end of the last turn.
    pub(crate) fn last(&self) -> u64 {
        self.seq.saturating_sub(1)
    }

    /// What the plan lets go may only become less.
    fn replan(&mut self, lock: &WriteLock<'_>, planned: &mut Planned) -> Result<(), ActError> {
        // The clock was looked at for the plan, and what it frees was measured then.
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

    /// Returns what protects a build now; nothing when it may go.
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

    /// Looks at everything once more, however fresh the last look is, and returns what protects a build now.
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

    /// Forgets every look at the links, and returns that something else is said of a build now, if it is.
    pub(crate) fn labels_changed(
        &mut self,
        lock: &WriteLock<'_>,
        planned: &Planned,
        id: &BuildId,
    ) -> Result<Option<String>, ActError> {
        self.seen = None;
        let labels = build_info(lock.mirror(), id)?.labels;
        let same = planned.census.build(id).is_some_and(|build| build.labels == labels);
        Ok((!same).then(|| "something else is said of it now".to_owned()))
    }

    /// Returns which hold or link protects a build now, whatever the plan says.
    pub(crate) fn protected_by(
        &self,
        lock: &WriteLock<'_>,
        id: &BuildId,
    ) -> Result<Option<String>, ActError> {
        let mirror = lock.mirror();
        let (path, now) = (mirror.layout().build_path(id)?, lock.now());
        if let Some(hold) = mirror.holds_of(id)?.iter().find(|hold| hold.is_active(now)) {
            return Ok(Some(format!("hold: {} ({})", hold.why, hold.who)));
        }
        let mounts = self.seen.iter().flat_map(|seen| &seen.mounts);
        if let Some(mount) = mounts.into_iter().find(|mount| mount.is_within(&path)) {
            return Ok(Some(mounted_at(mount)));
        }
        let targets = self.seen.iter().flat_map(|seen| &seen.targets);
        let named = targets.into_iter().find(|(_, target)| target.is_within(&path));
        Ok(named.map(|(link, _)| format!("alias: {link} leads to it")))
    }

    /// Looks at the links again when the last look is too old.
    pub(crate) fn refresh(&mut self, lock: &WriteLock<'_>, planned: &mut Planned) -> Result<(), ActError> {
        if self.seen.as_ref().is_none_or(|seen| seen.at.elapsed() > FRESH) {
            self.look(lock, planned)?;
        }
        Ok(())
    }

    /// Reads every link outside the builds; builds that appeared without a word may need any other.
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
