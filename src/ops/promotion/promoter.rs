//! Promoting one stage, or those of the members of a bundle, whose aliases and link move as one.
//!
//! Images are copied and a bundle is published before any alias moves, and without the lock, since bytes are never
//! written under it. After that everything is decided again; the order of writes is in
//! `docs/decisions/0017-bundles.md` and `0018-images.md`.

use super::StageError;
use super::images::{Copying, Tags, copy, look_up, tag_moves};
use super::known::Known;
use super::moves::around;
use super::promote::{Planned, PromoteRequest, Promoting, StageMove};
use super::tags::{registries, tags_of_stage, warn_of_left};
use crate::commit::together;
use crate::decide::pipeline::Stage;
use crate::layout::Bundle;
use crate::mirror::WriteLock;
use crate::model::{BuildId, Stream};
use crate::ops::Mode;
use crate::ops::bundle::{BundleError, Members, TRIES, bundle, bundled, current, is_there, publish};
use crate::record::{EventKind, Promotion};
use crate::session::Session;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A bundle that was made of the builds at a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BundleMove {
    /// The stage.
    pub stage: String,
    /// The stream of the bundle.
    pub stream: Stream,
    /// The bundle.
    pub build: BuildId,
    /// The previous bundle.
    pub before: Option<BuildId>,
    /// Its members, in their order.
    pub members: Vec<BuildId>,
}

/// A stage in those members of a bundle in which it is promoted.
pub(super) struct Set {
    pub(super) stage: Stage,
    pub(super) bundle: Bundle,
    pub(super) streams: Vec<Stream>,
}

/// A running promotion: its lock, which is released while a bundle is published, and the state.
pub(super) struct Promoter<'a> {
    pub(super) session: &'a Session<'a>,
    pub(super) request: &'a PromoteRequest,
    pub(super) lock: Option<WriteLock<'a>>,
    pub(super) known: Known,
    /// The image tags of each build to which a stage may move, whose images were copied; or why they cannot be.
    tags: BTreeMap<(String, BuildId), Result<Tags, StageError>>,
    /// Whether images were deleted while others were copied.
    again: bool,
}

/// How far a set came.
enum Made {
    /// No stage of it is to move.
    Nothing,
    /// Every alias moved.
    Bundle(BundleMove),
    /// No alias moved.
    Failed(StageError),
    /// The bundle is published or images are copied, and the moves are decided again.
    Again,
}

impl<'a> Promoter<'a> {
    /// Takes the lock, except in a dry run, and reads the mirror.
    pub(super) fn begin(
        session: &'a Session<'a>,
        request: &'a PromoteRequest,
        mode: Mode,
    ) -> Result<Self, StageError> {
        let lock = if mode == Mode::Real { Some(session.begin()?) } else { None };
        let known = Known::read(session.mirror(), session.now())?;
        Ok(Self { session, request, lock, known, tags: BTreeMap::new(), again: false })
    }

    /// Promotes a stage in one stream.
    pub(super) fn promote_one(&mut self, name: &str, stream: &Stream) -> Result<StageMove, StageError> {
        let (mirror, request) = (self.session.mirror(), self.request);
        for _ in 0..TRIES {
            let stage = self.known.stage_in(name, stream)?.clone();
            let one = Promoting { mirror, lock: self.lock.as_ref(), request, stage: &stage, stream };
            let mut planned = match one.plan(&mut self.known)? {
                Planned::Done(done) => return Ok(*done),
                Planned::Move(planned) => *planned,
            };
            if self.bring(&stage, std::slice::from_ref(&planned.promotion))? {
                continue;
            }
            let moved = self.tag(&stage, &mut planned.promotion).and_then(|()| match &self.lock {
                Some(lock) => {
                    Ok(together::promote(lock, &planned.promotion, self.session.stop(), lock.now())?)
                }
                None => Ok(()),
            });
            if let Err(error) = moved {
                return Ok(planned.failed(&error));
            }
            let one = Promoting { mirror, lock: self.lock.as_ref(), request, stage: &stage, stream };
            return Ok(one.moved(&mut self.known, planned));
        }
        Err(StageError::Images(format!(
            "the candidate of `{name}` in `{stream}` changed again and again while images were copied"
        )))
    }

    /// Copies the images of builds that are to be promoted, without the lock; returns whether everything is to be
    /// decided again.
    fn bring(&mut self, stage: &Stage, promotions: &[Promotion]) -> Result<bool, StageError> {
        let builds = promotions.iter().filter_map(|one| one.build.clone());
        let keys = builds.map(|id| (stage.name.clone(), id));
        let keys: Vec<_> = keys.filter(|key| !self.tags.contains_key(key)).collect();
        if stage.images.is_empty() || keys.is_empty() {
            return Ok(false);
        }
        let since = self.lock.take().map(|lock| lock.next_seq());
        let is_real = since.is_some();
        for key in keys {
            let tags = registries(self.session.stop()).and_then(|registries| {
                let tags = look_up(self.session, &registries, stage, &key.1)?;
                let work = if is_real { Copying::Real { again: self.again } } else { Copying::Trial };
                copy(self.session, &registries, &tags, work)?;
                Ok(tags)
            });
            self.session.check_cancelled()?;
            self.tags.insert(key, tags);
        }
        if is_real {
            self.lock = Some(self.session.begin()?);
            let events = self.session.mirror().history(&[EventKind::Untagged])?;
            if events.iter().any(|event| since.is_some_and(|since| event.seq >= since)) {
                // What a copy found in the target may have been deleted since.
                self.tags.retain(|(name, _), _| *name != stage.name);
                self.again = true;
            }
            self.known = Known::read(self.session.mirror(), self.session.now())?;
        }
        Ok(is_real)
    }

    /// Decides which image tags move with a stage.
    fn tag(&self, stage: &Stage, promotion: &mut Promotion) -> Result<(), StageError> {
        let id = promotion.build.clone();
        let Some(tags) = id.and_then(|id| self.tags.get(&(stage.name.clone(), id))) else { return Ok(()) };
        let tags = tags.as_ref().map_err(StageError::again)?;
        let (mirror, stream) = (self.session.mirror(), &promotion.stream);
        let stated = tags_of_stage(mirror, (stage, stream))?;
        let (before, take_over) = (promotion.before.as_ref(), self.request.take_over);
        let moves = tag_moves(self.session, (stage, stream), before, (tags, &stated), take_over)?;
        if let Some(builds) = before.zip(promotion.build.as_ref()) {
            warn_of_left(mirror, (stage, stream), builds, (&moves, &stated));
        }
        promotion.tags = moves;
        promotion.images = tags.repositories();
        Ok(())
    }

    /// Promotes a stage in a set, or leaves all aliases of the set where they are.
    pub(super) fn promote_set(
        &mut self,
        set: &Set,
    ) -> Result<(Vec<StageMove>, Option<BundleMove>), StageError> {
        // `on_failure` was already moved after the first look.
        let mut failed = BTreeMap::new();
        for _ in 0..TRIES {
            let mut planned = self.plan(set, &mut failed)?;
            let (error, bundle) = match self.make(set, &mut planned)? {
                Made::Nothing => (None, self.heal(set)?),
                Made::Bundle(bundle) => (None, Some(bundle)),
                Made::Failed(error) => (Some(error), None),
                Made::Again => continue,
            };
            return Ok((self.outcomes(set, planned, &failed, error.as_ref()), bundle));
        }
        let error = StageError::from(BundleError::Moving(set.bundle.stream.clone()));
        let planned = self.plan(set, &mut failed)?;
        Ok((self.outcomes(set, planned, &failed, Some(&error)), None))
    }

    /// Makes the bundle of the members' builds if its link points to another one, as after a withdrawal.
    fn heal(&mut self, set: &Set) -> Result<Option<BundleMove>, StageError> {
        let mirror = self.session.mirror();
        let seen = (&self.known.census, &*self.known.unreadable);
        // A member without the stage, or an unreadable one, is reported by `bundle`.
        let Ok(members) = Members::read(mirror, seen, &set.bundle, &BTreeMap::new()) else { return Ok(None) };
        let Some(before) = current(mirror, &set.bundle)? else { return Ok(None) };
        let requires: BTreeSet<BuildId> =
            mirror.record(&before)?.map(|record| record.requires.into_iter().collect()).unwrap_or_default();
        if members.builds.iter().cloned().collect::<BTreeSet<_>>() == requires {
            return Ok(None);
        }
        let held = self.lock.take();
        let mode = if held.is_some() { Mode::Real } else { Mode::Trial };
        drop(held);
        let made = bundle(self.session, &set.bundle.stream, mode);
        if mode == Mode::Real {
            self.lock = Some(self.session.begin()?);
            self.known = Known::read(mirror, self.session.now())?;
        }
        let made = made?;
        made.warnings.into_iter().for_each(|why| mirror.warnings().add(why));
        let (stage, stream) = (set.stage.name.clone(), made.stream);
        Ok(Some(BundleMove { stage, stream, build: made.id, before: Some(before), members: made.members }))
    }

    /// Decides the next step in each stream.
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

    /// Makes the bundle of the builds that then have the stage, and moves every alias.
    fn make(&mut self, set: &Set, planned: &mut [Planned]) -> Result<Made, StageError> {
        let members = match self.members(set, planned) {
            Ok(Some(members)) => members,
            Ok(None) => return Ok(Made::Nothing),
            Err(error) => return Ok(Made::Failed(error)),
        };
        let moves = planned.iter().filter_map(Planned::promotion).cloned().collect::<Vec<_>>();
        if self.bring(&set.stage, &moves)? {
            return Ok(Made::Again);
        }
        for one in planned.iter_mut() {
            if let Planned::Move(one) = one
                && let Err(error) = self.tag(&set.stage, &mut one.promotion)
            {
                return Ok(Made::Failed(error));
            }
        }
        match self.build(set, &members) {
            Ok(Some(id)) => {
                Ok(self.commit(set, planned, members, id).map_or_else(Made::Failed, Made::Bundle))
            }
            Ok(None) => self.publish(set, &members),
            Err(error) => Ok(Made::Failed(error)),
        }
    }

    /// Returns the members of the bundle; nothing if no stage is to move.
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

    /// Returns the bundle if it exists, and in a dry run as if it did.
    fn build(&self, set: &Set, members: &Members) -> Result<Option<BuildId>, StageError> {
        Ok(match self.lock {
            Some(_) => is_there(self.session.mirror(), &set.bundle, members)?,
            None => Some(bundled(self.session, &set.bundle, members)?.id),
        })
    }

    /// Publishes the bundle without the lock, and reads the mirror again.
    fn publish(&mut self, set: &Set, members: &Members) -> Result<Made, StageError> {
        self.lock = None;
        let made = publish(self.session, &set.bundle, members);
        self.lock = Some(self.session.begin()?);
        self.known = Known::read(self.session.mirror(), self.session.now())?;
        Ok(match made {
            Ok(report) => {
                let warnings = self.session.mirror().warnings();
                report.warnings.into_iter().for_each(|why| warnings.add(why));
                Made::Again
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
            let parts = planned.iter().filter_map(Planned::promotion).cloned();
            let promotion = around(lock, &set.bundle, &id, parts.collect())?;
            together::promote(lock, &promotion, self.session.stop(), lock.now())?;
        }
        Ok(BundleMove { stage, stream, build: id, before, members: members.builds })
    }

    /// Returns the result of each stream: with an error, nothing moved.
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
