//! Carrying out a plan: expired builds are moved to the trash one by one, and trash whose term is over is swept.
//!
//! The plan is made without the lock. Under the lock every protection of each build is checked again (the recheck),
//! and a build is deleted only if both the plan and the recheck allow it. A reader sees a whole build or none; what
//! was moved by mistake can be restored; the next command finishes what a kill interrupted.

use crate::commit::move_to_trash::{Leaving, Trashing};
use crate::commit::reserve;
use crate::decide::policy::PolicyChange;
use crate::decide::{Fate, Plan, PlanOutcome, PreviousRuns, Verdict};
use crate::mirror::{LastRun, Mirror, WriteLock, chain};
use crate::model::{BuildId, RelPath, Stamp};
use crate::ops::readers::{Look, before_removal, hides_names};
use crate::ops::retention::archiving::{Archives, Proof};
use crate::ops::retention::clock::store_clock;
use crate::ops::retention::concern::{alien, concerns};
use crate::ops::retention::order::order;
use crate::ops::retention::plan::{Planned, weighed};
use crate::ops::retention::recheck::Recheck;
use crate::ops::retention::report::{
    Failure, PruneOptions, PruneReport, PrunedBuild, Skipped, SweepReport, unreadable,
};
use crate::ops::retention::run::PruneRun;
use crate::ops::retention::sweep::{self, Which};
use crate::ops::{ActError, Mode, Opener};
use crate::recover::{LeftStage, LeftStages, clear_old_stages, left_stages};
use crate::session::Session;
use crate::store::StoreError;
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// How long the lock is kept before other processes get a turn.
const TURN: Duration = Duration::from_secs(1);

/// Deletes the builds that expired, after those of a family with an archive were copied there and read there; `opener`
/// opens that mirror.
pub fn prune(
    session: &Session<'_>,
    how: &PruneOptions,
    opener: &Opener<'_>,
    mode: Mode,
) -> Result<PruneReport, ActError> {
    let mirror = session.mirror();
    if mode == Mode::Trial {
        let base =
            PreviousRuns { accepted: how.accepted, any_clock: how.any_clock, ..PreviousRuns::default() };
        let planned = weighed(mirror, None, session.now(), base)?;
        let trash = mirror.trash()?;
        let findings = [concerns(mirror, &planned.census), alien(trash.alien)].concat();
        let mut report = PruneReport { findings, ..empty(planned.plan.clone()) };
        if report.outcome != PlanOutcome::Refused {
            let LeftStages { left, failures, .. } = left_stages(mirror, session.now())?;
            report.stages = left.into_iter().filter(LeftStage::is_old).collect();
            report.failures = failures.iter().map(unread).chain(unreadable(trash.strange)).collect();
            let (plan, builds) = (
                report.plan.clone(),
                order(&planned.census, &report.plan.expiring().map(|verdict| &verdict.id).collect()),
            );
            Archives::new(session, opener, mode).take((&plan, &planned.census), builds, &mut report)?;
        }
        return Ok(report);
    }
    reserve::with_help(mirror, || run(session, how, opener))
}

fn empty(plan: Plan) -> PruneReport {
    let (outcome, accept) = (plan.outcome, plan.accept());
    PruneReport {
        plan,
        outcome,
        accept,
        pruned: Vec::new(),
        trimmed: Vec::new(),
        skipped: Vec::new(),
        trash: SweepReport::default(),
        stages: Vec::new(),
        failures: Vec::new(),
        findings: Vec::new(),
    }
}

fn unread((path, error): &(RelPath, StoreError)) -> Failure {
    Failure { path: path.to_string(), error: chain(error) }
}

fn run(session: &Session<'_>, how: &PruneOptions, opener: &Opener<'_>) -> Result<PruneReport, ActError> {
    let mirror = session.mirror();
    let seq = session.begin()?.next_seq();
    let now = session.now();
    let base = PreviousRuns {
        accepted: how.accepted,
        any_clock: how.any_clock,
        store_clock: (!how.any_clock)
            .then(|| store_clock(mirror))
            .transpose()?
            .map(Option::unwrap_or_default),
        ..PreviousRuns::default()
    };
    let planned = weighed(mirror, None, now, base)?;
    let mut report = empty(planned.plan.clone());
    report.findings = [concerns(mirror, &planned.census), alien(mirror.trash()?.alien)].concat();
    if planned.plan.outcome == PlanOutcome::Refused {
        return Ok(report);
    }
    let LeftStages { left, failures, .. } = clear_old_stages(mirror, session.clock())?;
    report.stages = left;
    report.failures.extend(failures.iter().map(unread));
    let pressed = pressed(&planned);
    let order = order(&planned.census, &planned.plan.expiring().map(|verdict| &verdict.id).collect());
    let (at_once, later): (Vec<BuildId>, Vec<BuildId>) =
        order.into_iter().partition(|id| planned.plan.verdict(id).is_some_and(|verdict| verdict.pressed));
    if planned.plan.expiring().next().is_some() {
        let partial = planned.troubles.iter().any(|trouble| hides_names(mirror, trouble));
        let census = Look::Census(&planned.census, seq.saturating_sub(1));
        before_removal(session, if partial { Look::Everything } else { census }, &[]);
    }
    let archives = Archives::new(session, opener, Mode::Real);
    let mut run = PruneRun { session, planned, recheck: Recheck::new(seq), archives, report };
    let later = run.archives.take((&run.planned.plan, &run.planned.census), later, &mut run.report)?;
    run.send(&later)?;
    run.trim()?;
    let needed: HashSet<BuildId> = needed(&run.planned, &run.report);
    run.report.trash = sweep::run(session, Which::Due, &needed)?;
    if let Some(wanted) = pressed {
        run.press(&at_once, wanted)?;
    }
    let PruneRun { planned, recheck, mut report, .. } = run;
    remember(mirror, &planned, &report, now, recheck.last())?;
    if report.accept.is_some() && !(report.pruned.is_empty() && report.trimmed.is_empty()) {
        // What was deleted is no part of the next plan. A mirror that cannot be read any more is told by the next command.
        let left = weighed(mirror, None, session.now(), PreviousRuns::default()).ok();
        report.accept = left.and_then(|left| left.plan.accept());
    }
    Ok(report)
}

impl PruneRun<'_> {
    /// Moves builds to the trash, one turn of the lock at a time.
    fn send(&mut self, builds: &[BuildId]) -> Result<(), ActError> {
        let mut left = builds.iter();
        let mut next = left.next();
        while next.is_some() {
            let lock = self.session.begin()?;
            self.recheck.renew(&lock, &mut self.planned)?;
            let turn = Instant::now();
            while let Some(id) = next.filter(|_| turn.elapsed() < TURN) {
                self.session.check_cancelled()?;
                next = left.next();
                match self.recheck.protects(&lock, &mut self.planned, id)? {
                    Some(why) => self.report.skipped.push(Skipped { id: id.clone(), why }),
                    None => {
                        let proof = self.archives.proof(id).cloned();
                        let until = match &proof {
                            // It waits for nothing: the archive has it.
                            Some(_) => lock.now().checked_add(-1).unwrap_or_default(),
                            None => self.planned.policy.trash.after(lock.now(), self.planned.policy.zone),
                        };
                        match self.move_to_trash(&lock, id, until, proof.as_ref()) {
                            Ok(Some(why)) => self.report.skipped.push(Skipped { id: id.clone(), why }),
                            Ok(None) => {
                                self.report.pruned.push(PrunedBuild {
                                    id: id.clone(),
                                    parts: Vec::new(),
                                    until,
                                    archive: proof.map(|proof| proof.archive),
                                });
                            }
                            Err(error) if error.is_no_space() => return Err(error),
                            Err(error) => {
                                self.report
                                    .failures
                                    .push(Failure { path: id.to_string(), error: chain(&error) });
                            }
                        }
                    }
                }
            }
            self.recheck.end_turn(&lock);
        }
        Ok(())
    }

    /// Moves one build to the trash, or returns what protects it after all.
    fn move_to_trash(
        &mut self,
        lock: &WriteLock<'_>,
        id: &BuildId,
        until: Stamp,
        proof: Option<&Proof>,
    ) -> Result<Option<String>, ActError> {
        if let Some(why) = proof.and_then(|proof| proof.differs(lock, id)) {
            return Ok(Some(why));
        }
        let leaving = Leaving {
            id: id.clone(),
            until,
            bytes: self.planned.census.build(id).and_then(|build| build.bytes).unwrap_or(0),
            plan: Some(self.planned.plan.digest),
            why: None,
            rules: self.planned.plan.verdict(id).map(Verdict::lapsed).unwrap_or_default(),
            archive: proof.map(|proof| proof.archive.clone()),
            retired: None,
        };
        let protects = || match self.recheck.recheck(lock, &mut self.planned, id)? {
            None => Ok(proof.and_then(|proof| proof.differs(lock, id))),
            why => Ok(why),
        };
        Ok(match crate::commit::move_to_trash::move_to_trash::<ActError>(lock, leaving, protects)? {
            Trashing::Gone | Trashing::Missing => None,
            Trashing::Stays(why) => Some(why),
        })
    }

    /// Frees the disk: deletes first the trash, then what expires only under pressure, measuring after each step.
    fn press(&mut self, at_once: &[BuildId], wanted: u64) -> Result<(), ActError> {
        let mirror = self.session.mirror();
        let free = || Ok::<u64, ActError>(mirror.store().space()?.map_or(u64::MAX, |space| space.free));
        let mut builds = at_once.iter().peekable();
        let mut gone: HashSet<&BuildId> = HashSet::new();
        loop {
            self.session.check_cancelled()?;
            // Builds that need each other are deleted together, even if the first of them freed enough.
            let lost = builds.peek().is_some_and(|id| {
                let build = self.planned.census.build(id);
                build.is_some_and(|build| build.requires.iter().any(|wanted| gone.contains(wanted)))
            });
            let enough = free()? >= wanted;
            if enough && !lost {
                return Ok(());
            }
            let waiting = if enough { Vec::new() } else { mirror.trash()?.waiting };
            if let Some(oldest) = waiting.first() {
                let lock = self.session.begin()?;
                crate::commit::sweep::mark_one(&lock, oldest, None, lock.now())?;
                drop(lock);
                self.report.trash.swept.push(oldest.ticket.id.clone());
                sweep::finish(self.session, &mut self.report.trash)?;
                continue;
            }
            let Some(id) = builds.next() else {
                self.report.outcome = PlanOutcome::Shortfall;
                return Ok(());
            };
            let one = self.archives.take(
                (&self.planned.plan, &self.planned.census),
                vec![id.clone()],
                &mut self.report,
            )?;
            self.send(&one)?;
            gone.insert(id);
        }
    }
}

/// Returns how many bytes must be free at the end, if the disk is under pressure.
fn pressed(planned: &Planned) -> Option<u64> {
    let (pressure, space) = (planned.policy.pressure?, planned.space?);
    planned.is_pressed().then(|| pressure.until_free.of(space.total))
}

/// Returns what the kept builds need.
fn needed(planned: &Planned, report: &PruneReport) -> HashSet<BuildId> {
    let gone: HashSet<&BuildId> = report.pruned.iter().map(|gone| &gone.id).collect();
    let kept = planned.census.builds().filter(|(id, _)| !gone.contains(id));
    kept.flat_map(|(_, build)| build.requires.clone()).collect()
}

/// Writes the state of this run for the next one.
fn remember(
    mirror: &Mirror,
    planned: &Planned,
    report: &PruneReport,
    now: Stamp,
    seq: u64,
) -> Result<(), ActError> {
    let waits = |verdict: &Verdict| {
        let mut reasons = verdict.reasons.iter().chain(&verdict.parts_withheld);
        reasons.any(|reason| &*reason.rule == "first_run")
    };
    if planned.plan.builds.iter().any(waits) {
        // Until the user accepts the first plan, the next run is a first run too.
        return Ok(());
    }
    let gone: HashSet<&BuildId> = report.pruned.iter().map(|gone| &gone.id).collect();
    let dropped: HashSet<_> = (planned.plan.builds.iter())
        .filter(|verdict| {
            let mut reasons = verdict.reasons.iter().chain(&verdict.parts_withheld);
            (verdict.fate == Fate::Withheld || !verdict.parts_withheld.is_empty())
                && reasons.any(|reason| &*reason.rule == "freeze")
        })
        .map(|verdict| verdict.id.stream.clone())
        .collect();
    let mut streams = std::collections::BTreeMap::new();
    for stream in &planned.census.streams {
        let stays = |name: &crate::model::BuildName| {
            !gone.contains(&BuildId::new(stream.stream.clone(), name.clone()))
        };
        let count = stream.builds.iter().filter(|build| stays(&build.build)).count();
        // Missing builds stay missed until the user accepts that.
        let before = planned.before.get(&stream.stream).copied().filter(|_| dropped.contains(&stream.stream));
        streams.insert(stream.stream.clone(), before.map_or(count, |before| before.max(count)));
    }
    let is_accepted = planned.accepted.is_some() && planned.accepted == Some(planned.plan.digest);
    // A policy whose effects may still wait for the user is not the policy of the last run yet, whatever was due
    // today.
    let policy = match &planned.previous {
        // Of no build can the edit change the verdict.
        Some(_) if planned.plan.builds.is_empty() => planned.policy.text().to_owned(),
        Some(previous) if !is_accepted && planned.policy.brakes.policy_change == PolicyChange::Defer => {
            previous.clone()
        }
        _ => planned.policy.text().to_owned(),
    };
    let id = Some(mirror.config().id.clone());
    let failed = (report.failures.len() + report.trash.failures.len()) as u64;
    LastRun { version: 1, at: now, policy, streams, failed, mirror: id, seq: Some(seq) }.write(mirror)?;
    Ok(())
}
