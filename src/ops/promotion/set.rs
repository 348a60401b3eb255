//! Promoting a stage in the members of a bundle: every name of every member and the link of the bundle move as one.
//!
//! The bundle is published before any name moves, and without the lock, since bytes are never written under it. What was
//! decided is decided again after that; the order of writes is in `docs/decisions/0017-bundles.md`.

use super::StageError;
use super::known::Known;
use super::moves::around;
use super::promote::{Planned, PromoteRequest, Promoting, StageMove};
use crate::commit::together;
use crate::decide::pipeline::Stage;
use crate::layout::Bundle;
use crate::mirror::WriteLock;
use crate::model::{BuildId, Stream};
use crate::ops::Mode;
use crate::ops::bundle::{BundleError, Members, TRIES, bundled, current, is_there, publish};
use crate::session::Session;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// A bundle that was made of the builds that have a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BundleMove {
    /// The stage.
    pub stage: String,
    /// The stream of the bundle.
    pub stream: Stream,
    /// The bundle.
    pub build: BuildId,
    /// The bundle before it.
    pub before: Option<BuildId>,
    /// The builds of which it is made, in their order.
    pub members: Vec<BuildId>,
}

/// A stage in those members of a bundle in which it is promoted.
pub(super) struct Set {
    pub(super) stage: Stage,
    pub(super) bundle: Bundle,
    pub(super) streams: Vec<Stream>,
}

/// A promotion at work: its lock, which is given back while a bundle is published, and what is known.
pub(super) struct Promoter<'a> {
    session: &'a Session<'a>,
    request: &'a PromoteRequest,
    pub(super) lock: Option<WriteLock<'a>>,
    pub(super) known: Known,
}

/// How far a set came.
enum Made {
    /// No stage of it is to move.
    Nothing,
    /// Every name moved.
    Bundle(BundleMove),
    /// No name moved.
    Failed(StageError),
    /// The bundle is published, and what moves is decided again.
    Published,
}

impl<'a> Promoter<'a> {
    /// Takes the lock, unless nothing is to be done, and looks at the mirror.
    pub(super) fn begin(
        session: &'a Session<'a>,
        request: &'a PromoteRequest,
        mode: Mode,
    ) -> Result<Self, StageError> {
        let lock = if mode == Mode::Real { Some(session.begin()?) } else { None };
        let known = Known::read(session.mirror(), session.now())?;
        Ok(Self { session, request, lock, known })
    }

    /// Promotes a stage in a set, or leaves every name of it where it is.
    pub(super) fn promote(&mut self, set: &Set) -> Result<(Vec<StageMove>, Option<BundleMove>), StageError> {
        // What a job failed has its name after the first look.
        let mut failed = BTreeMap::new();
        for _ in 0..TRIES {
            let planned = self.plan(set, &mut failed)?;
            let (error, bundle) = match self.make(set, &planned)? {
                Made::Nothing => (None, None),
                Made::Bundle(bundle) => (None, Some(bundle)),
                Made::Failed(error) => (Some(error), None),
                Made::Published => continue,
            };
            return Ok((self.outcomes(set, planned, &failed, error.as_ref()), bundle));
        }
        let error = StageError::from(BundleError::Moving(set.bundle.stream.clone()));
        let planned = self.plan(set, &mut failed)?;
        Ok((self.outcomes(set, planned, &failed, Some(&error)), None))
    }

    /// Decides what is to be done in each stream.
    fn plan(
        &mut self,
        set: &Set,
        failed: &mut BTreeMap<Stream, BuildId>,
    ) -> Result<Vec<Planned>, StageError> {
        let (mirror, request, lock) = (self.session.mirror(), self.request, self.lock.as_ref());
        let mut all = Vec::new();
        for stream in &set.streams {
            let one = Promoting { mirror, lock, request, stage: &set.stage, stream };
            let planned = one.plan(&mut self.known)?;
            failed.extend(planned.failed_build().map(|id| (stream.clone(), id.clone())));
            all.push(planned);
        }
        Ok(all)
    }

    /// Makes the bundle of what the stage has then, and moves every name.
    fn make(&mut self, set: &Set, planned: &[Planned]) -> Result<Made, StageError> {
        let members = match self.members(set, planned) {
            Ok(Some(members)) => members,
            Ok(None) => return Ok(Made::Nothing),
            Err(error) => return Ok(Made::Failed(error)),
        };
        match self.build(set, &members) {
            Ok(Some(id)) => {
                Ok(self.commit(set, planned, members, id).map_or_else(Made::Failed, Made::Bundle))
            }
            Ok(None) => self.publish(set, &members),
            Err(error) => Ok(Made::Failed(error)),
        }
    }

    /// Returns of which builds the bundle is made; nothing where no stage is to move.
    fn members(&self, set: &Set, planned: &[Planned]) -> Result<Option<Members>, StageError> {
        let moves = set.streams.iter().zip(planned).filter_map(|(stream, planned)| match planned {
            Planned::Move(one) => Some((stream.clone(), one.promotion.build.clone())),
            Planned::Done(_) => None,
        });
        let moves: BTreeMap<Stream, Option<BuildId>> = moves.collect();
        if moves.is_empty() {
            return Ok(None);
        }
        let mut stops = set.streams.iter().zip(planned);
        if let Some((stream, why)) = stops.find_map(|(stream, planned)| Some((stream, planned.stops()?))) {
            return Err(StageError::Together { stream: stream.clone(), why });
        }
        let seen = (&self.known.census, &*self.known.unreadable);
        Ok(Some(Members::read(self.session.mirror(), seen, &set.bundle, &moves)?))
    }

    /// Returns the bundle if it is there, and in a trial as if it was.
    fn build(&self, set: &Set, members: &Members) -> Result<Option<BuildId>, StageError> {
        Ok(match self.lock {
            Some(_) => is_there(self.session.mirror(), &set.bundle, members)?,
            None => Some(bundled(self.session, &set.bundle, members)?.id),
        })
    }

    /// Publishes the bundle without the lock, and looks at the mirror again.
    fn publish(&mut self, set: &Set, members: &Members) -> Result<Made, StageError> {
        self.lock = None;
        let made = publish(self.session, &set.bundle, members);
        self.lock = Some(self.session.begin()?);
        self.known = Known::read(self.session.mirror(), self.session.now())?;
        Ok(match made {
            Ok(report) => {
                let warnings = self.session.mirror().warnings();
                report.warnings.into_iter().for_each(|why| warnings.add(why));
                Made::Published
            }
            Err(error) => Made::Failed(error.into()),
        })
    }

    fn commit(
        &self,
        set: &Set,
        planned: &[Planned],
        members: Members,
        id: BuildId,
    ) -> Result<BundleMove, StageError> {
        let (stage, stream) = (set.stage.name.clone(), set.bundle.stream.clone());
        let before = current(self.session.mirror(), &set.bundle)?;
        if let Some(lock) = &self.lock {
            let parts = planned.iter().filter_map(|planned| match planned {
                Planned::Move(one) => Some(one.promotion.clone()),
                Planned::Done(_) => None,
            });
            let promotion = around(lock, &set.bundle, &id, parts.collect())?;
            together::promote(lock, &promotion, self.session.stop(), lock.now())?;
        }
        Ok(BundleMove { stage, stream, build: id, before, members: members.builds })
    }

    /// Returns what became of each stream: with an error, nothing moved.
    fn outcomes(
        &mut self,
        set: &Set,
        planned: Vec<Planned>,
        failed: &BTreeMap<Stream, BuildId>,
        error: Option<&StageError>,
    ) -> Vec<StageMove> {
        let (mirror, request, lock) = (self.session.mirror(), self.request, self.lock.as_ref());
        let mut outcomes = Vec::new();
        for (stream, planned) in set.streams.iter().zip(planned) {
            let one = Promoting { mirror, lock, request, stage: &set.stage, stream };
            let mut done = match (planned, error) {
                (Planned::Done(done), _) => *done,
                (Planned::Move(planned), Some(error)) => planned.failed(error),
                (Planned::Move(planned), None) => one.moved(&mut self.known, *planned),
            };
            done.failed = done.failed.or_else(|| failed.get(stream).cloned());
            outcomes.push(done);
        }
        outcomes
    }
}
