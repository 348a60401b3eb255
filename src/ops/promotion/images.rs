//! The images that a stage carries: looking them up in the source, copying them under their fixed tags, and the
//! digests of the moving tags.
//!
//! Copying takes long and is harmless, so it is done without the lock; what is decided under the lock is read again.

use super::StageError;
use super::listed::{lists, referenced, warn_of_others};
use super::tags::{Foreign, lost_of, moved_elsewhere, moves_to, places, registries, strictly};
use crate::commit::PromotionError;
use crate::commit::carried::CarryError;
use crate::commit::tags::{at_once, digest_of};
use crate::decide::pipeline::{ImagePlaces, Stage, StageTags};
use crate::model::registry::Image;
use crate::model::{BuildId, Digest, Stream};
use crate::record::TagMove;
use crate::registry::{Descriptor, Registries};
use crate::session::Session;
use std::collections::{BTreeMap, BTreeSet};

/// The maximum number of tags of one build, and of images that an error names.
const MOST: usize = 10_000;
const NAMED: usize = 10;

/// The images of a build, with the expected digest of each tag.
#[derive(Debug, Clone, Default)]
pub(super) struct Tags {
    /// The fixed tags, with the image to copy.
    fixed: BTreeMap<Image, Found>,
    /// The moving tags.
    moving: BTreeMap<Image, Found>,
    /// The repositories, as the lists name them.
    repositories: BTreeSet<String>,
}

/// An image as the source has it.
#[derive(Debug, Clone)]
struct Found {
    digest: Digest,
    /// The image in the source.
    from: Image,
    /// Whether it is an index of others.
    is_index: bool,
}

/// Whether images are copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Copying {
    /// They are; with `again`, the contents of an image are also looked up if its tag exists.
    Real { again: bool },
    /// Only what would prevent it is looked up.
    Trial,
}

/// Looks up every image of a build in the source.
///
/// # Errors
///
/// The error names every missing image. A build without a list, or with an unreadable one, is an error.
pub(super) fn look_up(
    session: &Session<'_>,
    registries: &Registries,
    stage: &Stage,
    id: &BuildId,
) -> Result<Tags, StageError> {
    let lists = lists(session.mirror(), id)?;
    warn_of_others(session.mirror(), id, &lists)?;
    let listed = referenced(lists, id)?;
    let repositories = listed.iter().map(|image| image.repository.clone()).collect();
    let mut tags = Tags { repositories, ..Tags::default() };
    for carried in &stage.images {
        let all = places(session.mirror(), carried, (stage, id), &listed)?;
        let found = at_once(session.mirror(), &all, |one| Ok(registries.look(&one.source)?));
        let found = found.map_err(PromotionError::from)?;
        let missing: Vec<&ImagePlaces> =
            all.iter().zip(&found).filter(|(_, found)| found.is_none()).map(|(one, _)| one).collect();
        if !missing.is_empty() {
            return Err(StageError::Images(named(id, "missing in the registry", &missing)));
        }
        let other = |(one, found): &(&ImagePlaces, &Option<Descriptor>)| {
            let is = found.as_ref().map(|found| found.digest);
            one.digest.is_some() && one.digest != is
        };
        let other: Vec<&ImagePlaces> = all.iter().zip(&found).filter(other).map(|(one, _)| one).collect();
        if !other.is_empty() {
            return Err(StageError::Images(named(id, "under another digest than the list states", &other)));
        }
        for (one, found) in all.into_iter().zip(found.into_iter().flatten()) {
            tags.add(one, &found)?;
        }
    }
    if tags.fixed.is_empty() {
        let stage = &stage.name;
        return Err(StageError::Images(format!(
            "no image of `{id}` has the fields that `only` of `{stage}` in the pipeline requires"
        )));
    }
    if tags.fixed.len() + tags.moving.len() > MOST {
        let count = tags.fixed.len() + tags.moving.len();
        return Err(StageError::Images(format!(
            "the images of `{id}` get {count} tags; at most {MOST} are moved"
        )));
    }
    Ok(tags)
}

/// Copies every image of a build to every target, under its fixed tags; existing content is not sent again.
pub(super) fn copy(
    session: &Session<'_>,
    registries: &Registries,
    tags: &Tags,
    copying: Copying,
) -> Result<(), StageError> {
    let fixed: Vec<(&Image, &Found)> = tags.fixed.iter().collect();
    let copied = at_once(session.mirror(), &fixed, |(to, found)| {
        let is_fixed = is_fixed(registries, to, found.digest)?;
        // A registry may have lost what an index names.
        let is_whole = is_fixed && !found.is_index;
        if copying == Copying::Trial || is_whole && copying == (Copying::Real { again: false }) {
            return Ok(());
        }
        // By its digest, since the tag of the source may move in the meantime.
        registries.copy(&found.from.repository.at(found.digest), to, session.progress())?;
        Ok(())
    });
    copied.map_err(PromotionError::from)?;
    Ok(())
}

/// Returns whether a fixed tag exists; fails if it has another digest.
fn is_fixed(registries: &Registries, image: &Image, digest: Digest) -> Result<bool, CarryError> {
    match digest_of(registries, image)? {
        Some(is) if is != digest => Err(CarryError::Taken { image: Box::new(image.clone()), is, digest }),
        found => Ok(found.is_some()),
    }
}

/// Returns the moves of tags, with old and new digests.
///
/// # Errors
///
/// A moving tag that is not where the last promotion of the stage left it belongs to something else, unless it is
/// taken over.
pub(super) fn tag_moves(
    session: &Session<'_>,
    (stage, stream): (&Stage, &Stream),
    before: Option<&BuildId>,
    (tags, stated): (&Tags, &StageTags),
    take_over: bool,
) -> Result<Vec<TagMove>, StageError> {
    let (mirror, registries) = (session.mirror(), registries(session.stop())?);
    let look = strictly(mirror, &registries);
    let mut moving: BTreeMap<Image, Digest> =
        tags.moving.iter().map(|(image, found)| (image.clone(), found.digest)).collect();
    // Tags of other images that are not where they are to be with the build before, as after its withdrawal.
    if let Some(before) = before {
        let is_behind = |(image, digest, _): &(&Image, Digest, _)| {
            !moving.contains_key(*image) && stated.left(image) != Some(*digest) && stage.gives(stream, image)
        };
        let behind = stated.with(before).filter(is_behind);
        let mut behind: BTreeMap<Image, Digest> =
            behind.map(|(image, digest, _)| (image.clone(), digest)).collect();
        let moves = moves_to(&*look, (&behind, stated), Foreign::Take)?.tags;
        for (tag, image) in lost_of(&*look, &moves)? {
            behind.remove(&tag);
            mirror.warnings().add(format!(
                "the tag `{tag}` stays, since `{image}` is no longer in the registry; the next `promote` looks for it elsewhere"
            ));
        }
        moving.extend(behind);
    }
    let moves = moves_to(&*look, (&moving, stated), Foreign::of(take_over))?;
    match moves.foreign.first() {
        Some(image) => Err(moved_elsewhere((stage, stream), image)),
        None => Ok(moves.tags),
    }
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

    /// Adds an image; two images with the same tag must be equal.
    fn add(&mut self, one: ImagePlaces, found: &Descriptor) -> Result<(), StageError> {
        let found = Found { digest: found.digest, from: one.source, is_index: found.is_index() };
        let fixed = one.fixed.into_iter().map(|image| (image, true));
        let moving = one.moving.into_iter().map(|image| (image, false));
        for (image, is_fixed) in fixed.chain(moving) {
            let tags = if is_fixed { &mut self.fixed } else { &mut self.moving };
            match tags.get(&image) {
                Some(other) if other.digest != found.digest => {
                    let (one, other) = (&other.from, &found.from);
                    return Err(StageError::Images(format!(
                        "two images of the build would get the tag `{image}`: `{one}` and `{other}`"
                    )));
                }
                _ => drop(tags.insert(image, found.clone())),
            }
        }
        Ok(())
    }
}
