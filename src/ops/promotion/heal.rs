//! Moving tags of images back to those of the build that has a stage, where the stage stays: after a demotion whose registry did
//! not answer, after a withdrawal, and where something else moved them. An image that a target lost, or never had, is copied.
//!
//! They are compared without the lock, since a registry may be slow, and once more under it where one differs. A tag that
//! something else moved is left without `--take-over`, and keeps no other one from moving. One whose image no registry has
//! any more is left, and the journal states that. A registry that does not answer is asked no more in
//! the same run, and keeps no other one from being asked.

use super::StageError;
use super::known::Known;
use super::moves::{step, unsettled};
use super::promote::{PromotedAs, StageMove};
use super::promoter::Promoter;
use super::tags::{
    Foreign, Missing, Seen, lost_of, moved_elsewhere, moves_to, registries, stated_tags, tags_of_stage,
    wanted_tags,
};
use crate::commit::carried::{CarryError, may_carry};
use crate::commit::tags::{at_once, digest_of};
use crate::commit::{PromotionError, together};
use crate::decide::pipeline::{Outcome, Stage, StageTags, evaluate};
use crate::mirror::{Mirror, chain};
use crate::model::registry::{Host, Image, Reference, Repository};
use crate::model::{BuildId, Classify, Digest, Stream};
use crate::record::{Promotion, TagMove};
use crate::registry::Registries;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

/// The expected digests of image tags.
type Digests = BTreeMap<Image, Digest>;

/// What was found of the tags of a stage.
#[derive(Default)]
struct Found {
    /// Where they are to be, and those whose image no registry has any more, if something is to be done.
    tags: Option<(Digests, Vec<Image>)>,
    /// Why other tags stay where they are not to be.
    failure: Option<StageError>,
}

/// What became of an image that the repository of a tag lost.
enum Again {
    /// It is there again.
    Copied,
    /// It is not known whether another registry has it.
    Unknown,
    /// No other registry has it.
    Nowhere,
}

/// Registries, and why those do not answer that were asked in vain.
struct Reach<'r> {
    registries: &'r Registries,
    silent: Mutex<BTreeMap<Host, String>>,
}

impl Reach<'_> {
    /// Looks at images; of a registry that does not answer, nothing is known.
    fn look(&self, mirror: &Mirror, images: &[Image]) -> Result<Vec<Seen>, StageError> {
        let seen = at_once(mirror, images, |image| {
            let host = image.repository.host();
            if self.is_silent(host) {
                return Ok(Seen::Unknown);
            }
            match digest_of(self.registries, image) {
                Ok(found) => Ok(Seen::Has(found)),
                Err(error) => {
                    self.note(host, &error);
                    Ok(Seen::Unknown)
                }
            }
        });
        Ok(seen.map_err(PromotionError::from)?)
    }

    fn note(&self, host: &Host, error: &CarryError) {
        let hint = error.class().hint.map(|hint| format!("; {hint}")).unwrap_or_default();
        let mut silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        silent.entry(host.clone()).or_insert_with(|| format!("{}{hint}", chain(error)));
    }

    fn is_silent(&self, host: &Host) -> bool {
        self.silent.lock().unwrap_or_else(PoisonError::into_inner).contains_key(host)
    }

    /// Returns why registries do not answer.
    fn reasons(self) -> impl Iterator<Item = String> {
        self.silent.into_inner().unwrap_or_else(PoisonError::into_inner).into_values()
    }
}

/// Reports that the tags of a stage are not where they are to be; one that failed already keeps its reason.
fn fails(one: &mut StageMove, error: &StageError) {
    if one.outcome != PromotedAs::Failed {
        one.fails(error);
    }
}

impl Promoter<'_> {
    /// Moves the tags of every stage that stayed to the images of its build; a stage whose tags cannot be moved is
    /// reported as such.
    pub(super) fn heal_tags(&mut self, moves: &mut [StageMove]) -> Result<(), StageError> {
        let mirror = self.session.mirror();
        let staying: Vec<&mut StageMove> = moves.iter_mut().filter(|one| self.may_differ(one)).collect();
        if staying.is_empty() {
            return Ok(());
        }
        let (stated, registries) = (stated_tags(mirror)?, registries(self.session.stop())?);
        let reach = Reach { registries: &registries, silent: Mutex::default() };
        let is_real = self.lock.take().is_some();
        let mut behind = Vec::new();
        for one in staying {
            // A stage that never moved a tag takes over none.
            let stated = stated.stage(&one.stage, &one.stream).filter(|stated| stated.has_moved());
            let Some(stated) = stated else { continue };
            let found = self.compare(one, &reach, stated, is_real);
            self.session.check_cancelled()?;
            match found {
                Ok(Found { tags, failure }) => {
                    if let Some(error) = failure {
                        fails(one, &error);
                    }
                    behind.extend(tags.map(|tags| (one, tags)));
                }
                Err(error) => fails(one, &error),
            }
        }
        if !behind.is_empty() && is_real {
            self.lock = Some(self.session.begin()?);
            self.known = Known::read(mirror, self.session.now())?;
        }
        for (one, (wanted, lost)) in behind {
            match self.retag(one, &reach, (&wanted, lost)) {
                Ok((tags, foreign)) => {
                    one.tags = tags;
                    if let Some(error) = foreign {
                        fails(one, &error);
                    }
                }
                Err(error) => fails(one, &error),
            }
            self.session.check_cancelled()?;
        }
        for why in reach.reasons() {
            mirror.warnings().add(format!("the image tags of stages that stay were not compared: {why}"));
        }
        Ok(())
    }

    /// Returns whether the tags of a stage are compared: it stayed, and carries images.
    fn may_differ(&self, one: &StageMove) -> bool {
        let stays = matches!(one.outcome, PromotedAs::Current | PromotedAs::Waiting | PromotedAs::Failed);
        let carries = || self.stage_of(one).is_ok_and(|(stage, _)| !stage.images.is_empty());
        stays && one.incumbent.is_some() && carries()
    }

    /// Returns a stage that carries images, and its build.
    fn stage_of<'s>(&'s self, one: &'s StageMove) -> Result<(&'s Stage, Option<&'s BuildId>), StageError> {
        let stage = self.known.stage_in(&one.stage, &one.stream)?;
        // In a bucket no registry is queried automatically.
        may_carry(self.session.mirror(), stage).map_err(PromotionError::from)?;
        Ok((stage, one.incumbent.as_ref()))
    }

    /// Copies the images of a stage's build that a target lacks, and returns where its tags are to be, if one of them is not
    /// there or the journal has it elsewhere.
    fn compare(
        &self,
        one: &StageMove,
        reach: &Reach<'_>,
        stated: &StageTags,
        is_real: bool,
    ) -> Result<Found, StageError> {
        let (stage, Some(id)) = self.stage_of(one)? else { return Ok(Found::default()) };
        let mirror = self.session.mirror();
        let look = |images: &[Image]| reach.look(mirror, images);
        let mut wanted = wanted_tags(mirror, &look, (stage, id), stated)?;
        let mut failure = wanted.failures.into_iter().next();
        // Tags whose image a target has since it was copied, and those of which that is not known.
        let (mut copied, mut unknown) = (BTreeSet::new(), BTreeSet::new());
        for missing in &wanted.missing {
            let is_known = |image: &Image| wanted.tags.contains_key(image) || stated.is_lost(id, image);
            match self.copy(missing, reach, missing.moving.iter().all(is_known), is_real) {
                Ok(Some(digest)) => {
                    for image in &missing.moving {
                        wanted.tags.entry(image.clone()).or_insert(digest);
                    }
                    copied.extend(missing.moving.iter().cloned());
                }
                Ok(None) => {}
                Err(error) => {
                    self.session.check_cancelled()?;
                    unknown.extend(missing.moving.iter().cloned());
                    failure.get_or_insert(error);
                }
            }
        }
        let moves = moves_to(&look, (&wanted.tags, stated), Foreign::Take)?.tags;
        let absent: Vec<Image> =
            moves.iter().filter(|one| one.from.is_none()).map(|one| one.image.clone()).collect();
        let mut lost = Vec::new();
        for (tag, image) in lost_of(&look, &moves)? {
            if copied.contains(&tag) {
                continue;
            }
            let found = if unknown.contains(&tag) {
                Ok(Again::Unknown)
            } else {
                self.copy_again(stage, (&tag, &image), reach, is_real)
            };
            match found {
                Ok(Again::Copied) => continue,
                Ok(Again::Unknown) => {}
                Ok(Again::Nowhere) => {
                    let is = if absent.contains(&tag) { "is missing" } else { "stays where it is" };
                    mirror.warnings().add(format!(
                        "the tag `{tag}` {is}, since no registry of the stage has `{image}` any more"
                    ));
                    lost.push(tag.clone());
                }
                Err(error) => {
                    self.session.check_cancelled()?;
                    failure.get_or_insert(error);
                }
            }
            wanted.tags.remove(&tag);
        }
        let withdrawn = stated
            .at_withdrawn()
            .filter(|image| stage.gives(&one.stream, image) && !wanted.tags.contains_key(*image));
        let withdrawn: Vec<Image> = withdrawn.cloned().collect();
        for (image, seen) in withdrawn.iter().zip(look(&withdrawn)?) {
            if !matches!(seen, Seen::Has(Some(is)) if stated.left(image) == Some(is)) {
                continue;
            }
            mirror.warnings().add(format!(
                "`{image}` is an image of a build that was withdrawn, and there is none of `{id}` for it; delete the tag in the registry"
            ));
        }
        let elsewhere = wanted.tags.iter().filter(|(image, digest)| stated.left(image) != Some(**digest));
        let elsewhere: Vec<&Image> = elsewhere.map(|(image, _)| image).collect();
        let silent = elsewhere.iter().map(|image| image.repository.host()).find(|host| reach.is_silent(host));
        let is_behind = |host: &Host| {
            StageError::Images(format!("image tags in `{}` are behind, and it does not answer", host.name()))
        };
        let failure = silent.map(is_behind).or(failure);
        let is_move = |one: &TagMove| one.is_move() && wanted.tags.contains_key(&one.image);
        let differs = !elsewhere.is_empty() || !lost.is_empty() || moves.iter().any(is_move);
        Ok(Found { tags: differs.then_some((wanted.tags, lost)), failure })
    }

    /// Copies an image that the repository of a tag lost, by its digest, from the source or another target.
    fn copy_again(
        &self,
        stage: &Stage,
        (tag, image): (&Image, &Image),
        reach: &Reach<'_>,
        is_real: bool,
    ) -> Result<Again, StageError> {
        let Reference::Digest(digest) = image.reference else { return Ok(Again::Unknown) };
        let others: BTreeSet<Repository> =
            stage.images.iter().flat_map(|carried| carried.elsewhere(tag)).collect();
        let others: Vec<Image> = others.iter().map(|other| other.at(digest)).collect();
        let seen = reach.look(self.session.mirror(), &others)?;
        let found = others.iter().zip(&seen).find(|(_, seen)| matches!(seen, Seen::Has(Some(_))));
        match found {
            Some((from, _)) if is_real => {
                let copied = reach.registries.copy(from, image, self.session.progress());
                copied.map_err(CarryError::from).map_err(PromotionError::from)?;
                Ok(Again::Copied)
            }
            Some(_) => Ok(Again::Copied),
            None if seen.contains(&Seen::Unknown) => Ok(Again::Unknown),
            None => Ok(Again::Nowhere),
        }
    }

    /// Copies an image that a target lacks, from its own repository if that has it still, and returns its digest.
    fn copy(
        &self,
        missing: &Missing,
        reach: &Reach<'_>,
        is_known: bool,
        is_real: bool,
    ) -> Result<Option<Digest>, StageError> {
        let mirror = self.session.mirror();
        let Missing { fixed, source, digest, had, .. } = missing;
        let from = digest.map_or_else(|| source.clone(), |digest| source.repository.at(digest));
        // What the source lost, the target may still have.
        let sources: Vec<Image> = [Some(from), digest.or(*had).map(|digest| fixed.repository.at(digest))]
            .into_iter()
            .flatten()
            .collect();
        let seen = reach.look(mirror, &sources)?;
        let found = sources.iter().zip(&seen).find_map(|(image, seen)| match seen {
            Seen::Has(Some(digest)) => Some((image.repository.at(*digest), *digest)),
            _ => None,
        });
        match found {
            // A fixed tag stays what it is, so that nothing else may get it.
            Some((_, digest)) if had.is_some_and(|had| had != digest) => {
                mirror.warnings().add(format!(
                    "`{fixed}` is missing in the registry and is not copied again, since `{source}` is another image than the build had"
                ));
                Ok(None)
            }
            Some((from, digest)) if is_real => {
                let copied = reach.registries.copy(&from, fixed, self.session.progress());
                copied.map_err(CarryError::from).map_err(PromotionError::from)?;
                Ok(Some(digest))
            }
            Some((_, digest)) => Ok(Some(digest)),
            None if seen.contains(&Seen::Unknown) => Ok(None),
            None => {
                let why = format!(
                    "`{fixed}` is missing in the registry, and so is `{source}`, of which it is a copy"
                );
                if is_known {
                    mirror.warnings().add(why);
                    return Ok(None);
                }
                Err(StageError::Images(why))
            }
        }
    }

    /// Moves the tags of a stage, or returns what it would move in a dry run, and the error for a tag that something else
    /// moved, which stays.
    fn retag(
        &self,
        one: &StageMove,
        reach: &Reach<'_>,
        (wanted, lost): (&Digests, Vec<Image>),
    ) -> Result<(Vec<TagMove>, Option<StageError>), StageError> {
        let (mirror, stream) = (self.session.mirror(), &one.stream);
        let (stage, Some(id)) = self.stage_of(one)? else { return Ok((Vec::new(), None)) };
        if let Some(error) = unsettled(mirror, self.lock.as_ref(), &stage.name, stream) {
            return Err(error);
        }
        let state = evaluate(stage, stream, &self.known.view());
        if state.incumbent.as_ref() != Some(id) || state.outcome == Outcome::Interfered {
            // Another command moved the stage, and with it its tags.
            return Ok((Vec::new(), None));
        }
        let look = |images: &[Image]| reach.look(mirror, images);
        // What another command moved since is stated by now.
        let stated = tags_of_stage(mirror, (stage, stream))?;
        let moves = moves_to(&look, (wanted, &stated), Foreign::of(self.request.take_over))?;
        let mut tags = moves.tags;
        let is_news = |one: &TagMove| one.is_move() || stated.left(&one.image) != one.to;
        let is_news = !lost.is_empty() || tags.iter().any(is_news);
        tags.extend(lost.into_iter().map(TagMove::lost));
        if let Some(lock) = self.lock.as_ref().filter(|_| is_news) {
            let promotion = self.staying((stage, stream), id, tags.clone())?;
            together::retag(lock, &promotion, self.session.stop(), lock.now())?;
        }
        tags.retain(TagMove::is_move);
        let foreign = moves.foreign.first().map(|image| moved_elsewhere((stage, stream), image));
        Ok((tags, foreign))
    }

    /// Returns the event: the stage stays, and its tags move.
    fn staying(
        &self,
        (stage, stream): (&Stage, &Stream),
        id: &BuildId,
        tags: Vec<TagMove>,
    ) -> Result<Promotion, StageError> {
        let mirror = self.session.mirror();
        let mut stays = step(mirror, stream, &stage.name, None)?;
        stays.to.clone_from(&stays.from);
        Ok(Promotion {
            name: stage.name.clone(),
            stream: stream.clone(),
            build: Some(id.clone()),
            before: Some(id.clone()),
            moves: vec![stays],
            commands: Vec::new(),
            tags,
            images: Vec::new(),
            votes: BTreeMap::new(),
            waived: Vec::new(),
            lacked: Vec::new(),
            why: self.request.why.clone(),
            pipeline: self.known.pipeline.digest,
            members: Vec::new(),
        })
    }
}
