//! The images that go along with a stage: looked up in the source, copied under their fixed tags, and where the moving tags
//! are.
//!
//! Copying takes long and is harmless, so that it is done without the lock; what is decided under the lock is read again.

use super::StageError;
use crate::commit::PromotionError;
use crate::commit::carried::CarryError;
use crate::commit::tags::{at_once, digest_of};
use crate::decide::pipeline::{CarriedImages, ImagePlaces, Stage};
use crate::mirror::{JournalError, Mirror};
use crate::model::registry::Image;
use crate::model::{BuildId, Digest, ImageRef, Stream};
use crate::ops::Mode;
use crate::ops::images::image_lists;
use crate::progress::CancelToken;
use crate::record::{EventKind, Phase, TagMove};
use crate::registry::Registries;
use crate::session::Session;
use std::collections::{BTreeMap, BTreeSet};

/// The most tags of one build, and the most images that an error names.
const MOST: usize = 10_000;
const NAMED: usize = 10;

/// The images of a build, with the digest that each tag is to have.
#[derive(Debug, Clone, Default)]
pub(super) struct Tags {
    /// Those that name the build for ever, with the image that is copied.
    fixed: BTreeMap<Image, (Digest, Image)>,
    /// Those that the stage moves.
    moving: BTreeMap<Image, Digest>,
    /// The repositories, as the lists name them.
    repositories: BTreeSet<String>,
}

/// Looks up every image of a build in the source.
///
/// # Errors
///
/// Every missing image is named. A build without a list, or with one that cannot be read, is an error.
pub(super) fn look_up(
    session: &Session<'_>,
    registries: &Registries,
    stage: &Stage,
    id: &BuildId,
) -> Result<Tags, StageError> {
    let listed = references(session.mirror(), id)?;
    let repositories = listed.iter().map(|image| image.repository.clone()).collect();
    let mut tags = Tags { repositories, ..Tags::default() };
    for carried in &stage.images {
        let all = places(carried, stage, id, &listed)?;
        let found = at_once(session.mirror(), &all, |one| digest_of(registries, &one.source));
        let found = found.map_err(PromotionError::from)?;
        let missing: Vec<&ImagePlaces> =
            all.iter().zip(&found).filter(|(_, digest)| digest.is_none()).map(|(one, _)| one).collect();
        if !missing.is_empty() {
            return Err(StageError::Images(named(id, "missing in the registry", &missing)));
        }
        let other =
            |(one, found): &(&ImagePlaces, &Option<Digest>)| one.digest.is_some() && one.digest != **found;
        let other: Vec<&ImagePlaces> = all.iter().zip(&found).filter(other).map(|(one, _)| one).collect();
        if !other.is_empty() {
            return Err(StageError::Images(named(id, "under another digest than the list states", &other)));
        }
        for (one, digest) in all.into_iter().zip(found.into_iter().flatten()) {
            tags.add(one, digest)?;
        }
    }
    if tags.fixed.len() + tags.moving.len() > MOST {
        let count = tags.fixed.len() + tags.moving.len();
        return Err(StageError::Images(format!(
            "the images of `{id}` get {count} tags; at most {MOST} are moved"
        )));
    }
    Ok(tags)
}

/// Copies every image of a build to every target, under its fixed tags; what is there already is not sent.
///
/// With `again`, what an image consists of is looked for, too, where its tag is there.
pub(super) fn copy(
    session: &Session<'_>,
    registries: &Registries,
    tags: &Tags,
    again: bool,
) -> Result<(), StageError> {
    let fixed: Vec<(&Image, &(Digest, Image))> = tags.fixed.iter().collect();
    let copied = at_once(session.mirror(), &fixed, |(to, (digest, from))| {
        if !is_fixed(registries, to, *digest)? || again {
            // By its digest, since the tag of the source may move meanwhile.
            registries.copy(&from.repository.at(*digest), to, session.progress())?;
        }
        Ok(())
    });
    copied.map_err(PromotionError::from)?;
    Ok(())
}

/// Returns whether a fixed tag is there; fails if it has another digest.
fn is_fixed(registries: &Registries, image: &Image, digest: Digest) -> Result<bool, CarryError> {
    match digest_of(registries, image)? {
        Some(is) if is != digest => Err(CarryError::Taken { image: Box::new(image.clone()), is, digest }),
        found => Ok(found.is_some()),
    }
}

/// Returns which tags move, from where to where, after a look at every fixed tag.
///
/// # Errors
///
/// A moving tag that is not where the last promotion of the stage left it belongs to something else, unless it is taken over.
/// In a trial nothing was copied, and no fixed tag is looked at.
pub(super) fn tag_moves(
    session: &Session<'_>,
    (stage, stream): (&Stage, &Stream),
    tags: &Tags,
    (take_over, mode): (bool, Mode),
) -> Result<Vec<TagMove>, StageError> {
    let registries = registries(session.stop())?;
    if mode == Mode::Trial {
        return moves_to(session.mirror(), &registries, (stage, stream), &tags.moving, take_over);
    }
    let fixed: Vec<(&Image, Digest)> =
        tags.fixed.iter().map(|(image, (digest, _))| (image, *digest)).collect();
    let looked = at_once(session.mirror(), &fixed, |(image, digest)| {
        if is_fixed(&registries, image, *digest)? {
            return Ok(());
        }
        Err(CarryError::TagNotThere { image: Box::new((*image).clone()), to: *digest })
    });
    looked.map_err(PromotionError::from)?;
    moves_to(session.mirror(), &registries, (stage, stream), &tags.moving, take_over)
}

fn moves_to(
    mirror: &Mirror,
    registries: &Registries,
    (stage, stream): (&Stage, &Stream),
    moving: &BTreeMap<Image, Digest>,
    take_over: bool,
) -> Result<Vec<TagMove>, StageError> {
    let left = last_tags(mirror, stage, stream)?;
    let moving: Vec<(&Image, &Digest)> = moving.iter().collect();
    let now = at_once(mirror, &moving, |(image, _)| digest_of(registries, image));
    let now = now.map_err(PromotionError::from)?;
    let mut moves = Vec::new();
    for ((image, to), from) in moving.into_iter().zip(now) {
        let expected = left.get(image);
        if !take_over && from != Some(*to) && expected.is_some_and(|expected| Some(*expected) != from) {
            return Err(StageError::Tag {
                stage: stage.name.clone(),
                stream: stream.clone(),
                image: Box::new(image.clone()),
            });
        }
        if from != Some(*to) {
            moves.push(TagMove { image: image.clone(), from, to: Some(*to) });
        }
    }
    Ok(moves)
}

/// Returns how the tags go to a build that had the stage already, whose images have their fixed tags.
pub(super) fn tags_back(
    session: &Session<'_>,
    (stage, stream): (&Stage, &Stream),
    id: &BuildId,
) -> Result<Vec<TagMove>, StageError> {
    let listed = references(session.mirror(), id)?;
    let registries = registries(session.stop())?;
    let mut moving = BTreeMap::new();
    for carried in &stage.images {
        for one in places(carried, stage, id, &listed)? {
            for (target, fixed) in one.moving.iter().filter_map(|target| {
                let fixed = one.fixed.iter().find(|fixed| fixed.repository == target.repository)?;
                Some((target, fixed))
            }) {
                let is = digest_of(&registries, fixed).map_err(PromotionError::from)?;
                let is =
                    is.ok_or_else(|| StageError::Images(format!("`{fixed}` is missing in the registry")))?;
                moving.insert(target.clone(), is);
            }
        }
    }
    moves_to(session.mirror(), &registries, (stage, stream), &moving, true)
}

/// Returns the tags that a stage moves for the images of a build.
pub(super) fn moving_tags(
    mirror: &Mirror,
    stage: &Stage,
    id: &BuildId,
) -> Result<BTreeSet<Image>, StageError> {
    let listed = references(mirror, id)?;
    let mut tags = BTreeSet::new();
    for carried in &stage.images {
        tags.extend(places(carried, stage, id, &listed)?.into_iter().flat_map(|one| one.moving));
    }
    Ok(tags)
}

/// Returns the digest at which the last promotion or demotion of a stage left each of its tags.
pub(crate) fn last_tags(
    mirror: &Mirror,
    stage: &Stage,
    stream: &Stream,
) -> Result<BTreeMap<Image, Digest>, JournalError> {
    let events = mirror.history(&[EventKind::Promoted, EventKind::Demoted])?;
    let mut left = BTreeMap::new();
    for event in events.into_iter().filter(|event| event.phase == Phase::Done) {
        let Some(promotion) = event.stated().promotion else { continue };
        let parts = promotion.parts().iter().filter(|part| part.name == stage.name && part.stream == *stream);
        for one in parts.flat_map(|part| &part.tags) {
            if let Some(to) = one.to {
                left.insert(one.image.clone(), to);
            }
        }
    }
    Ok(left)
}

/// Returns the references in the lists of a build.
fn references(mirror: &Mirror, id: &BuildId) -> Result<Vec<ImageRef>, StageError> {
    let lists = image_lists(mirror, id).map_err(|error| StageError::Images(crate::mirror::chain(&error)))?;
    let mut all = Vec::new();
    for list in lists {
        if let Some(why) = list.problem {
            return Err(StageError::Images(format!("`{}` of `{id}` cannot be read: {why}", list.path)));
        }
        for line in list.images {
            let number = line.line;
            let Some(reference) = line.reference else {
                let why = line.problem.map(|problem| problem.why).unwrap_or_default();
                return Err(StageError::Images(format!("line {number} of `{}` of `{id}`: {why}", list.path)));
            };
            all.push(reference);
        }
    }
    if all.is_empty() {
        return Err(StageError::Images(format!("no list of `{id}` has an image")));
    }
    Ok(all)
}

fn places(
    carried: &CarriedImages,
    stage: &Stage,
    id: &BuildId,
    listed: &[ImageRef],
) -> Result<Vec<ImagePlaces>, StageError> {
    carried.places(&stage.name, id, listed).map_err(StageError::Images)
}

/// Returns a client of registries, which ends with the session.
pub(super) fn registries(stop: &CancelToken) -> Result<Registries, StageError> {
    Ok(Registries::new(stop.clone()).map_err(CarryError::from).map_err(PromotionError::from)?)
}

/// Returns a sentence that names images of a build.
fn named(id: &BuildId, what: &str, images: &[&ImagePlaces]) -> String {
    let shown: Vec<String> = images.iter().take(NAMED).map(|one| format!("`{}`", one.source)).collect();
    let more = images.len().checked_sub(NAMED).filter(|more| *more > 0);
    let more = more.map(|more| format!(" and {more} more")).unwrap_or_default();
    let count = match images.len() {
        1 => "1 image".to_owned(),
        many => format!("{many} images"),
    };
    let are = if images.len() == 1 { "is" } else { "are" };
    format!("{count} of `{id}` {are} {what}: {}{more}", shown.join(", "))
}

impl Tags {
    /// Returns the repositories of the images, as the lists name them.
    pub(super) fn repositories(&self) -> Vec<String> {
        self.repositories.iter().cloned().collect()
    }

    /// Adds an image; two images that would get one tag must be the same.
    fn add(&mut self, one: ImagePlaces, digest: Digest) -> Result<(), StageError> {
        let twice = |image: &Image| {
            Err(StageError::Images(format!("two images of the build would get the tag `{image}`")))
        };
        for image in one.fixed {
            match self.fixed.get(&image) {
                Some((is, _)) if *is != digest => return twice(&image),
                _ => drop(self.fixed.insert(image, (digest, one.source.clone()))),
            }
        }
        for image in one.moving {
            match self.moving.get(&image) {
                Some(is) if *is != digest => return twice(&image),
                _ => drop(self.moving.insert(image, digest)),
            }
        }
        Ok(())
    }
}
