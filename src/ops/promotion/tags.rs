//! The image tags that move with a stage: their expected digests for a build, and the moves to these.

use super::StageError;
use super::listed::references;
use crate::commit::PromotionError;
use crate::commit::carried::CarryError;
use crate::commit::tags::{at_once, digest_of};
use crate::decide::pipeline::{CarriedImages, ImagePlaces, Origin, Stage, StageTags, StatedTags, TAG_EVENTS};
use crate::mirror::{JournalError, Mirror};
use crate::model::registry::Image;
use crate::model::{BuildId, Digest, ImageRef, Stream};
use crate::progress::CancelToken;
use crate::record::TagMove;
use crate::registry::Registries;
use std::collections::{BTreeMap, BTreeSet};

/// The state of a tag in a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// This digest, or no tag.
    Has(Option<Digest>),
    /// The registry does not answer, which is reported elsewhere.
    Unknown,
}

/// Looks up images, several at once; returns the results in their order.
pub(super) type Look<'l> = dyn Fn(&[Image]) -> Result<Vec<Seen>, StageError> + 'l;

/// The expected tags of a stage while a build has it.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// The digest of each tag.
    pub(super) tags: BTreeMap<Image, Digest>,
    /// The images of the build that a target lacks under their fixed tags.
    pub(super) missing: Vec<Missing>,
    /// Why nothing is known of other tags: a fixed tag has another image than the build, for example.
    pub(super) failures: Vec<StageError>,
}

/// An image of a build that a target lacks under its fixed tag.
#[derive(Debug)]
pub(super) struct Missing {
    /// Its fixed tag.
    pub(super) fixed: Image,
    /// Its moving tags in the same repository.
    pub(super) moving: Vec<Image>,
    /// The source of the copy.
    pub(super) source: Image,
    /// The digest that the list states.
    pub(super) digest: Option<Digest>,
    /// The digest that one of its moving tags is to have.
    pub(super) had: Option<Digest>,
}

/// What becomes of a tag that something else moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Foreign {
    /// It is moved.
    Take,
    /// It stays.
    Leave,
}

impl Foreign {
    /// Returns what becomes of it with and without `--take-over`.
    pub(super) fn of(take_over: bool) -> Self {
        if take_over { Self::Take } else { Self::Leave }
    }
}

/// How tags move.
#[derive(Debug, Default)]
pub(super) struct Moves {
    /// Each of them, also those that are right already, so that the journal states their build.
    pub(super) tags: Vec<TagMove>,
    /// Those that something else moved, which stay.
    pub(super) foreign: Vec<Image>,
}

/// Looks up images in registries that must answer.
pub(super) fn strictly<'l>(mirror: &'l Mirror, registries: &'l Registries) -> Box<Look<'l>> {
    Box::new(|images| {
        let seen = at_once(mirror, images, |image| Ok(Seen::Has(digest_of(registries, image)?)));
        Ok(seen.map_err(PromotionError::from)?)
    })
}

/// Returns how tags move to these digests.
pub(super) fn moves_to(
    look: &Look<'_>,
    (moving, stated): (&BTreeMap<Image, Digest>, &StageTags),
    foreign: Foreign,
) -> Result<Moves, StageError> {
    let images: Vec<Image> = moving.keys().cloned().collect();
    let seen = look(&images)?;
    let mut moves = Moves::default();
    for ((image, to), seen) in moving.iter().zip(seen) {
        let Seen::Has(from) = seen else { continue };
        // If any tag is taken over, its owner does not matter.
        if foreign == Foreign::Take || from == Some(*to) || stated.may_be(image, from) {
            moves.tags.push(TagMove { image: image.clone(), from, to: Some(*to) });
        } else {
            moves.foreign.push(image.clone());
        }
    }
    Ok(moves)
}

/// Returns the error for a tag that something else moved.
pub(super) fn moved_elsewhere((stage, stream): (&Stage, &Stream), image: &Image) -> StageError {
    let image = Box::new(image.clone());
    StageError::Tag { stage: stage.name.clone(), stream: stream.clone(), image }
}

/// Returns the images of moves that are no longer in the repositories of their tags.
pub(super) fn lost_of(look: &Look<'_>, moves: &[TagMove]) -> Result<BTreeMap<Image, Image>, StageError> {
    let moves = moves.iter().filter(|one| one.is_move());
    let (tags, images): (Vec<Image>, Vec<Image>) =
        moves.filter_map(|one| Some((one.image.clone(), one.image.repository.at(one.to?)))).unzip();
    let seen = look(&images)?;
    let all = tags.into_iter().zip(images).zip(seen);
    Ok(all.filter(|(_, seen)| *seen == Seen::Has(None)).map(|(one, _)| one).collect())
}

/// Warns of the tags that stay at an image of the previous build, since the next one has no such image.
pub(super) fn warn_of_left(
    mirror: &Mirror,
    (stage, stream): (&Stage, &Stream),
    (before, id): (&BuildId, &BuildId),
    (moves, stated): (&[TagMove], &StageTags),
) {
    let is_left = |(image, digest, _): &(&Image, Digest, Origin)| {
        stage.gives(stream, image)
            && stated.gave(before, *digest)
            && !moves.iter().any(|one| one.image == **image)
    };
    let left: Vec<&Image> = stated.with(before).filter(is_left).map(|(image, ..)| image).collect();
    if let Some((first, more)) = left.split_first() {
        let stays = match more.len() {
            0 => "stays".to_owned(),
            more => format!("and {more} more stay"),
        };
        mirror
            .warnings()
            .add(format!("`{first}` {stays} at the image of `{before}`, since `{id}` has no such image"));
    }
}

/// Returns the journal's statements about the tags of every stage.
pub(crate) fn stated_tags(mirror: &Mirror) -> Result<StatedTags, JournalError> {
    Ok(StatedTags::of(&mirror.history(&TAG_EVENTS)?))
}

/// Returns the journal's statements about the tags of one stage in a stream.
pub(super) fn tags_of_stage(
    mirror: &Mirror,
    (stage, stream): (&Stage, &Stream),
) -> Result<StageTags, JournalError> {
    Ok(stated_tags(mirror)?.into_stage(&stage.name, stream))
}

/// Returns the expected digests of the tags of a stage while a build has it: those from when it got the stage, and
/// for other images of the build those of their fixed tags. Only tags that the pipeline still gives are included.
pub(super) fn wanted_tags(
    mirror: &Mirror,
    look: &Look<'_>,
    (stage, id): (&Stage, &BuildId),
    stated: &StageTags,
) -> Result<Wanted, StageError> {
    let (mut tags, mut before) = (BTreeMap::new(), BTreeMap::new());
    for (image, digest, origin) in stated.with(id).filter(|(image, ..)| stage.gives(&id.stream, image)) {
        let of_origin = if origin == Origin::Own { &mut tags } else { &mut before };
        of_origin.insert(image.clone(), digest);
    }
    let mut wanted = Wanted { tags, ..Wanted::default() };
    // Without its lists, only the journal's statements about it are known.
    let Ok(listed) = references(mirror, id) else {
        wanted.tags.extend(before);
        return Ok(wanted);
    };
    let all = stage.images.iter().filter_map(|carried| places(mirror, carried, (stage, id), &listed).ok());
    let mut fixed: BTreeMap<Image, ImagePlaces> = BTreeMap::new();
    for one in all.flatten() {
        // The build has the image, so that none of the build before takes its place.
        before.retain(|image, _| !one.moving.contains(image));
        fixed.extend(one.fixed.iter().map(|image| (image.clone(), one.clone())));
    }
    wanted.tags.extend(before);
    let images: Vec<Image> = fixed.keys().cloned().collect();
    let lookup = look(&images)?;
    let sources = sources(look, fixed.values(), &mut wanted);
    for ((fixed, one), seen) in fixed.into_iter().zip(lookup) {
        let moving = one.moving.into_iter().filter(|moving| moving.repository == fixed.repository);
        let moving: Vec<Image> = moving.collect();
        let source = match one.digest {
            Some(digest) => Seen::Has(Some(digest)),
            None => sources.get(&one.source).copied().unwrap_or(Seen::Has(None)),
        };
        match seen {
            Seen::Has(Some(is)) => {
                let mut unstated: Vec<Image> = moving;
                unstated.retain(|image| !wanted.tags.contains_key(image));
                // No event states what the build gave, so something else may have moved its fixed tag, or it is that of an
                // earlier build of its name, which was withdrawn.
                let taken = match source {
                    Seen::Has(Some(digest)) => (digest != is).then_some(Some(digest)),
                    Seen::Has(None) => stated.is_withdrawn(is).then_some(None),
                    Seen::Unknown => continue,
                };
                match taken {
                    None => wanted.tags.extend(unstated.into_iter().map(|image| (image, is))),
                    Some(digest) if !unstated.is_empty() => {
                        wanted.failures.push(taken_by(fixed, is, digest));
                    }
                    Some(_) => {}
                }
            }
            Seen::Has(None) => {
                let had = moving.iter().find_map(|image| wanted.tags.get(image).copied());
                let (source, digest) = (one.source, one.digest);
                wanted.missing.push(Missing { fixed, moving, source, digest, had });
            }
            Seen::Unknown => {}
        }
    }
    Ok(wanted)
}

/// Looks up the sources of those images of a build whose digest neither an event nor a list states.
fn sources<'p>(
    look: &Look<'_>,
    all: impl Iterator<Item = &'p ImagePlaces>,
    wanted: &mut Wanted,
) -> BTreeMap<Image, Seen> {
    let is_stated = |one: &ImagePlaces| one.moving.iter().all(|image| wanted.tags.contains_key(image));
    let unstated = all.filter(|one| !is_stated(one) && one.digest.is_none());
    let sources: BTreeSet<Image> = unstated.map(|one| one.source.clone()).collect();
    let sources: Vec<Image> = sources.into_iter().collect();
    // What else is known of tags does not depend on the source.
    let found = look(&sources).unwrap_or_else(|error| {
        wanted.failures.push(error);
        vec![Seen::Unknown; sources.len()]
    });
    sources.into_iter().zip(found).collect()
}

/// Returns the error for a fixed tag that has another image than the build.
fn taken_by(fixed: Image, is: Digest, digest: Option<Digest>) -> StageError {
    let image = Box::new(fixed);
    let error = match digest {
        Some(digest) => CarryError::Taken { image, is, digest },
        None => CarryError::Withdrawn { image, is },
    };
    PromotionError::from(error).into()
}

/// Returns the target references of the images of a build that an entry selects.
pub(super) fn places(
    mirror: &Mirror,
    carried: &CarriedImages,
    (stage, id): (&Stage, &BuildId),
    listed: &[ImageRef],
) -> Result<Vec<ImagePlaces>, StageError> {
    let grammar = mirror.layout().images();
    let taken: Vec<ImageRef> = listed.iter().filter(|image| carried.takes(grammar, image)).cloned().collect();
    carried.places(&stage.name, id, &taken).map_err(StageError::Images)
}

/// Returns a client of registries, which is cancelled with the session.
pub(super) fn registries(stop: &CancelToken) -> Result<Registries, StageError> {
    Ok(Registries::new(stop.clone()).map_err(CarryError::from).map_err(PromotionError::from)?)
}
