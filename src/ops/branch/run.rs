//! The steps of beginning streams, in their order.

use super::plan::{Plan, Planned, Seed, branched};
use super::report::{BranchReport, BranchedStream};
use super::{BranchError, BranchRequest};
use crate::commit::{Moved, Permit, pointed_at};
use crate::decide::branch::INHERITED;
use crate::mirror::Mirror;
use crate::model::{BuildId, Label, RelPath, Stream};
use crate::ops::Mode;
use crate::ops::copy::names::{Names, Naming};
use crate::ops::copy::{Copied, as_publishing, brought, copied, tried};
use crate::ops::promotion::{PromoteRequest, PromotedAs, promote};
use crate::ops::publish::PublishRun;
use crate::record::{BuildRecord, Payload};
use crate::session::Session;
use std::collections::BTreeSet;

/// One run, with what its steps share.
pub(super) struct BranchRun<'a> {
    pub(super) session: &'a Session<'a>,
    pub(super) request: &'a BranchRequest,
    pub(super) plan: &'a Plan,
}

impl BranchRun<'_> {
    /// Does everything that is not done yet.
    pub(super) fn carry_out(&self, report: &mut BranchReport) -> Result<(), BranchError> {
        for one in self.plan.pending() {
            if let Some(seed) = &one.seed {
                let build = self.inherit(seed, Mode::Real, &mut report.warnings)?;
                row(report, one, |row| row.build = build);
            }
        }
        self.names(report)?;
        for one in self.plan.pending() {
            for stage in &one.stages {
                self.promote(one, stage)?;
            }
            row(report, one, |row| row.seeded.clone_from(&one.stages));
        }
        self.note()
    }

    /// Adds to a report what would be done.
    pub(super) fn tried(&self, mut report: BranchReport) -> Result<BranchReport, BranchError> {
        for one in self.plan.pending() {
            let Some(seed) = &one.seed else { continue };
            let build = self.inherit(seed, Mode::Trial, &mut report.warnings)?;
            let record = seed.content.as_ref().map(|(record, _)| record);
            let mut aliases = record
                .map(|record| would_name(self.session.mirror(), record))
                .transpose()?
                .unwrap_or_default();
            // A legacy name of a directory above several new streams is set once.
            aliases.retain(|moved| !report.streams.iter().any(|row| row.aliases.contains(moved)));
            row(&mut report, one, |row| {
                row.build = build;
                row.aliases = aliases;
                row.seeded.clone_from(&one.stages);
            });
        }
        Ok(report)
    }

    /// Publishes a seed in its new stream; returns nothing if it was published before.
    fn inherit(
        &self,
        seed: &Seed,
        mode: Mode,
        warnings: &mut Vec<String>,
    ) -> Result<Option<Copied>, BranchError> {
        let mirror = self.session.mirror();
        let Some((record, manifest)) = &seed.content else { return Ok(None) };
        let publishing = as_publishing(&seed.id, record.result);
        let run = PublishRun { session: self.session, publishing: &publishing };
        let mut prepared =
            brought((mirror, &seed.from), (mirror, &seed.id), record.clone(), manifest.clone())?;
        prepared.like = Some(seed.from.clone());
        let mut done = match mode {
            Mode::Real => run.lay_out(prepared)?,
            Mode::Trial => tried(&run, &prepared)?,
        };
        warnings.append(&mut done.warnings);
        Ok(Some(copied(done, Vec::new())))
    }

    /// Sets the aliases that follow the inherited builds, and legacy names.
    fn names(&self, report: &mut BranchReport) -> Result<(), BranchError> {
        let mirror = self.session.mirror();
        let there: BTreeSet<BuildId> =
            self.plan.pending().filter_map(|one| one.seed.as_ref()).map(|seed| seed.id.clone()).collect();
        if there.is_empty() {
            return Ok(());
        }
        let naming =
            Naming { session: self.session, to: mirror, permit: Permit::default(), mode: Mode::Real };
        let mut names = Names::default();
        naming.set_all(Vec::new(), &there, &BTreeSet::new(), &mut names)?;
        report.warnings.append(&mut names.warnings);
        for moved in names.aliases {
            let at = |row: &&mut BranchedStream| is_of(mirror, &row.stream, &moved.alias);
            if let Some(row) = report.streams.iter_mut().find(at) {
                row.aliases.push(moved);
            }
        }
        Ok(())
    }

    /// Moves a stage to the inherited build, unless it is there.
    fn promote(&self, one: &Planned, stage: &str) -> Result<(), BranchError> {
        let Some(seed) = &one.seed else { return Ok(()) };
        let request = PromoteRequest {
            stage: Some(stage.to_owned()),
            build: Some(seed.id.clone()),
            force: true,
            why: Some(format!("inherited from {}", seed.from)),
            ..PromoteRequest::default()
        };
        let report = promote(self.session, &request, Mode::Real)?;
        let moved = report.stages.into_iter().find(|one| one.stage == stage);
        let not_moved = |why: String| BranchError::NotMoved {
            stage: stage.to_owned(),
            stream: one.pair.new.clone(),
            why,
        };
        match moved {
            Some(moved) if matches!(moved.outcome, PromotedAs::Promoted | PromotedAs::Current) => Ok(()),
            Some(moved) => Err(not_moved(moved.why.unwrap_or_else(|| "another program moved it".to_owned()))),
            None => Err(not_moved("the pipeline has no such stage".to_owned())),
        }
    }

    /// Records that the streams began, if what they inherited is still there.
    fn note(&self) -> Result<(), BranchError> {
        let lock = self.session.begin()?;
        let mirror = lock.mirror();
        for seed in self.plan.pending().filter_map(|one| one.seed.as_ref()) {
            if !mirror.has_build(&seed.id)? || !is_inherited(mirror, seed)? {
                return Err(BranchError::Gone(seed.id.clone()));
            }
        }
        let branched = branched(mirror)?;
        for one in self.plan.pending() {
            // Another command may have written it.
            if !branched.contains_key(one.pair.new.as_str()) {
                let payload = Payload::Branched {
                    like: one.pair.old.clone(),
                    seed: one.seed.as_ref().map(|seed| seed.from.clone()),
                    build: one.seed.as_ref().map(|seed| seed.id.clone()),
                    date: self.request.date.map(|day| day.to_string()),
                };
                lock.note(lock.now(), &one.pair.new, &payload)?;
            }
        }
        Ok(())
    }
}

/// Returns whether a build is labelled as inherited from the seed, so that it is ours.
pub(super) fn is_inherited(mirror: &Mirror, seed: &Seed) -> Result<bool, BranchError> {
    let record = mirror.record(&seed.id)?;
    Ok(record.is_some_and(|record| {
        record.labels.get(INHERITED).is_some_and(|label| label.value == seed.from.to_string())
    }))
}

/// Changes the row of a stream.
fn row(report: &mut BranchReport, one: &Planned, change: impl FnOnce(&mut BranchedStream)) {
    if let Some(row) = report.streams.iter_mut().find(|row| row.stream == one.pair.new) {
        change(row);
    }
}

/// Returns whether an alias is beside the builds of a stream, or a legacy name of it.
fn is_of(mirror: &Mirror, stream: &Stream, alias: &RelPath) -> bool {
    let home = mirror.layout().stream_path(stream).ok();
    home.is_some() && alias.parent() == home
        || mirror.layout().legacy(stream).iter().any(|one| one.path == *alias)
}

/// Returns the aliases that would follow an inherited build, and the legacy names that would be made.
fn would_name(mirror: &Mirror, record: &BuildRecord) -> Result<Vec<Moved>, BranchError> {
    let (stream, labels) = (&record.id.stream, &record.labels);
    let (home, path) = (mirror.layout().stream_path(stream)?, mirror.layout().build_path(&record.id)?);
    let said = labels.iter().filter_map(|(key, label)| Label::read(key, &label.value).ok()).collect();
    let rules = mirror.alias_rules_for(stream, &said).into_iter();
    let follows = rules
        .filter(|rule| rule.when.is_met(record.result, |key| labels.get(key).map(|label| &*label.value)));
    let named = follows.filter_map(|rule| Some((home.child(&rule.name).ok()?, path.clone())));
    let legacy = mirror.layout().legacy(stream).into_iter().map(|legacy| (legacy.path, legacy.target));
    let mut moves = Vec::new();
    for (alias, to) in named.chain(legacy) {
        if mirror.named(&alias)?.is_none() && pointed_at(mirror, &alias)?.is_none() {
            moves.push(Moved { alias, from: None, to: Some(to) });
        }
    }
    Ok(moves)
}
