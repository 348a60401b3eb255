//! What decides whether a tag of an image is needed: the present builds with their lists, the deleted builds, pins,
//! and the digests that promotions state.

use super::listed::{BuildTree, Listed, listed, trashed_tree};
use super::{ImagesError, grammar};
use crate::commit::required_pipeline;
use crate::decide::image_prune::TagKept;
use crate::decide::pipeline::{GivenImages, Pipeline, TagIndex, TargetNames};
use crate::layout::{ImageTie, Images};
use crate::mirror::{JournalError, Mirror, PinsInForce, TicketKind, Trashed, Tree, chain, survey};
use crate::model::registry::{Address, Image, Reference, Repository};
use crate::model::{BuildId, Digest, ImageRef, RelPath, Stamp};
use crate::ops::retention::concern::vanished;
use crate::record::{Event, EventKind, Phase, Promotion, TagMove};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The events that state which builds are present and what promotions did.
const TELLING: [EventKind; 8] = [
    EventKind::Published,
    EventKind::Adopted,
    EventKind::Restored,
    EventKind::Pruned,
    EventKind::Swept,
    EventKind::Lost,
    EventKind::Promoted,
    EventKind::Demoted,
];

/// What decides whether a tag is needed, as it was read.
#[derive(Debug)]
pub(super) struct World {
    pub(super) pipeline: Pipeline,
    /// The builds in the mirror, in the trash, and on their way into the mirror.
    here: BTreeSet<BuildId>,
    swept: BTreeSet<BuildId>,
    /// What stages gave to the images of builds.
    given: GivenImages,
    pinned: Vec<ImageRef>,
    /// The tags that lists and pins name.
    named: BTreeMap<Image, TagKept>,
    /// The lines of lists that are not references.
    odd: Vec<String>,
    /// The digests that promotions and lists state.
    stated: BTreeMap<Repository, BTreeSet<Digest>>,
    /// The repositories to which stages carried images, with every name that lists had for each.
    targets: TargetNames,
}

impl World {
    /// Reads the world.
    ///
    /// # Errors
    ///
    /// What cannot be read may need any image, so it is an error.
    pub(super) fn read(mirror: &Mirror, now: Stamp) -> Result<Self, ImagesError> {
        let (pipeline, images) = (required_pipeline(mirror)?, grammar(mirror)?);
        let events = mirror.history(&TELLING)?;
        let looked = survey(mirror, now)?;
        if let Some(lost) = looked.lost.into_iter().next() {
            return Err(JournalError::from(lost).into());
        }
        if let Some(trouble) = looked.troubles.first() {
            return Err(ImagesError::Unread(trouble.path.clone(), trouble.advice()));
        }
        let trash = mirror.trash()?;
        if let Some((at, why)) = trash.strange.into_iter().next() {
            return Err(ImagesError::Unread(at, why));
        }
        let waiting: Vec<Trashed> =
            trash.waiting.into_iter().filter(|one| one.ticket.what == TicketKind::Build).collect();
        let mut trees = Vec::new();
        for (id, _) in looked.census.builds() {
            let path = mirror.layout().build_path(&id).unwrap_or_else(|_| id.as_path());
            trees.push(BuildTree { manifest: Tree::Manifests.at(&id), root: path, id });
        }
        for one in &waiting {
            let root = trashed_tree(mirror, one)?;
            trees.push(BuildTree { id: one.ticket.id.clone(), root, manifest: one.manifest() });
        }
        let vanished = vanished(mirror, &looked.census)
            .map_err(|error| ImagesError::Unread(RelPath::state("builds"), chain(&error)))?;
        if let Some(id) = vanished.into_iter().next() {
            let path = mirror.layout().build_path(&id).unwrap_or_else(|_| id.as_path());
            let why = "the build is recorded, was not pruned, and is missing".to_owned();
            return Err(ImagesError::Unread(path, why));
        }
        let mut here: BTreeSet<BuildId> = trees.iter().map(|tree| tree.id.clone()).collect();
        let begun = events.iter().filter(|event| event.what == EventKind::Published);
        here.extend(open(begun).filter_map(|event| event.to.parse::<BuildId>().ok()));
        let lists: Vec<Listed> =
            trees.par_iter().map(|tree| listed(mirror, images, tree)).collect::<Result<_, _>>()?;
        let mut swept = swept(&events);
        swept.retain(|id| !here.contains(id));
        let promotions: Vec<Promotion> = events.iter().filter_map(|event| event.stated().promotion).collect();
        let given = GivenImages::of(&promotions);
        let parts = promotions.iter().flat_map(Promotion::parts);
        let promoted: BTreeSet<String> = parts.flat_map(|part| part.images.clone()).collect();
        let targets = TargetNames::of(&pipeline, promoted.iter().map(String::as_str));
        let stated = stated(&events, &here);
        let named = BTreeMap::new();
        let (odd, pinned) = (Vec::new(), looked.pins.values().flatten().cloned().collect());
        let mut world = Self { pipeline, here, swept, given, pinned, named, odd, stated, targets };
        for (tree, listed) in trees.iter().zip(lists) {
            world.list(&tree.id, &listed.images);
            world.odd.extend(listed.odd);
        }
        world.pin(&looked.pins);
        Ok(world)
    }

    /// Records the images that a build needs: those that its lists name, and each tag that a stage would give to one.
    fn list(&mut self, id: &BuildId, images: &[ImageRef]) {
        let mut found: Vec<Image> = images.iter().flat_map(literal).collect();
        for (stage, carried) in self.carried() {
            for image in images {
                // What cannot be looked up cannot have been carried.
                let places = carried.places(stage, id, std::slice::from_ref(image)).unwrap_or_default();
                for one in places {
                    let digests = image.digest.map(|digest| {
                        let targets = one.fixed.iter().chain([&one.source]);
                        targets.map(|target| target.repository.at(digest)).collect::<Vec<_>>()
                    });
                    found.extend(
                        one.fixed.into_iter().chain([one.source]).chain(digests.into_iter().flatten()),
                    );
                }
            }
        }
        for image in found {
            self.keep(image, TagKept::Listed);
        }
    }

    /// Records the pinned images, in every target.
    fn pin(&mut self, pins: &PinsInForce) {
        let mut found = Vec::new();
        for to in self.targets_of_stages() {
            for image in pins.values().flatten() {
                let Ok(repository) = to.repository(image.name()) else { continue };
                found.extend(image.tag.as_ref().and_then(|tag| repository.tagged(tag).ok()));
                found.extend(image.digest.map(|digest| repository.at(digest)));
            }
        }
        for image in found {
            self.keep(image, TagKept::Pinned);
        }
    }

    fn keep(&mut self, image: Image, why: TagKept) {
        if let Reference::Digest(digest) = image.reference {
            self.stated.entry(image.repository).or_default().insert(digest);
        } else {
            self.named.entry(image).or_insert(why);
        }
    }

    fn carried(&self) -> impl Iterator<Item = (&str, &crate::decide::pipeline::CarriedImages)> {
        let stages = self.pipeline.stages.iter();
        stages.flat_map(|stage| stage.images.iter().map(|carried| (stage.name.as_str(), carried)))
    }

    fn targets_of_stages(&self) -> BTreeSet<Address> {
        self.carried().flat_map(|(_, carried)| carried.to.clone()).collect()
    }

    /// Returns the repositories to which stages carried images, with every name that lists had for each.
    pub(super) fn targets(&self) -> &TargetNames {
        &self.targets
    }

    /// Returns the builds of every tag.
    pub(super) fn index<'a>(&'a self, mirror: &'a Mirror) -> Result<TagIndex<'a>, ImagesError> {
        Ok(TagIndex::of(&self.pipeline, grammar(mirror)?, &self.here, (&self.swept, &self.given)))
    }

    /// Returns why a tag stays independently of its builds.
    ///
    /// A line of a list that is not a reference keeps every image that it names, `NAME:TAG` or a digest, whatever
    /// surrounds it.
    pub(super) fn names(&self, image: &Image, digest: Digest) -> Option<TagKept> {
        let name = image.repository.name().rsplit('/').next().unwrap_or_default();
        let (tag, digest) = (format!("{name}:{}", image.reference), digest.to_string());
        let odd = || self.odd.iter().any(|line| line.contains(&tag) || line.contains(&digest));
        self.named.get(image).copied().or_else(|| odd().then_some(TagKept::Listed))
    }

    /// Returns whether a fixed tag of these builds is a copy of a pinned image.
    pub(super) fn pins_copy(&self, images: Images<'_>, copy: &Image, builds: &BTreeSet<&BuildId>) -> bool {
        let name = |repository: &str| repository.rsplit('/').next().unwrap_or_default().to_owned();
        let of_name = name(copy.repository.name());
        self.pinned.iter().filter(|image| name(&image.repository) == of_name).any(|image| {
            let placed = images.place(image).ok();
            builds.iter().any(|id| {
                let is_tied = placed.as_ref().is_some_and(|placed| images.tie(placed, id) == ImageTie::Tied);
                self.carried()
                    .any(|(stage, carried)| carried.copies(stage, id, image, is_tied).contains(copy))
            })
        })
    }

    /// Returns the digests in a repository that promotions and lists state.
    pub(super) fn stated(&self, repository: &Repository) -> BTreeSet<Digest> {
        self.stated.get(repository).cloned().unwrap_or_default()
    }
}

/// Returns an image as a list names it: by its tag, and by its digest.
fn literal(reference: &ImageRef) -> impl Iterator<Item = Image> + use<> {
    let by_tag =
        reference.tag.is_some().then(|| Image::from(&ImageRef { digest: None, ..reference.clone() }));
    let by_digest = reference.digest.map(|_| Image::from(reference));
    by_tag.into_iter().chain(by_digest)
}

/// Returns the intents that are not settled.
fn open<'a>(events: impl Iterator<Item = &'a Event> + Clone) -> impl Iterator<Item = &'a Event> {
    let settled: BTreeSet<u64> = events.clone().filter_map(|event| event.settles).collect();
    events.filter(move |event| event.phase == Phase::Intent && !settled.contains(&event.seq))
}

/// Returns the builds whose last event is the deletion from the trash for good.
fn swept(events: &[Event]) -> BTreeSet<BuildId> {
    /// The last event of a build.
    enum Last {
        Trashed(Option<RelPath>),
        Swept,
        Other,
    }
    let mut last: HashMap<&str, Last> = HashMap::new();
    let intents: HashMap<u64, &Event> =
        events.iter().filter(|event| event.phase == Phase::Intent).map(|event| (event.seq, event)).collect();
    for event in events.iter().filter(|event| event.phase == Phase::Done) {
        let intent = event.settles.and_then(|seq| intents.get(&seq));
        let trash = event.stated().trash.or_else(|| intent.and_then(|intent| intent.stated().trash));
        let now = match event.what {
            EventKind::Promoted | EventKind::Demoted => continue,
            EventKind::Pruned => Last::Trashed(trash),
            // The trash also has builds as they were before parts of them were removed.
            EventKind::Swept => match last.get(&*event.to) {
                Some(Last::Trashed(at)) if at.is_some() && *at == trash => Last::Swept,
                _ => continue,
            },
            _ => Last::Other,
        };
        last.insert(&event.to, now);
    }
    let swept = last.into_iter().filter(|(_, last)| matches!(last, Last::Swept));
    swept.filter_map(|(id, _)| id.parse().ok()).collect()
}

/// Returns the digests that promotions and demotions state: the last of each tag, those of open intents, and those of
/// present builds, to which a stage can go back.
fn stated(events: &[Event], here: &BTreeSet<BuildId>) -> BTreeMap<Repository, BTreeSet<Digest>> {
    let all = || events.iter().filter(|event| matches!(event.what, EventKind::Promoted | EventKind::Demoted));
    let unsettled: BTreeSet<u64> = open(all()).map(|event| event.seq).collect();
    let mut stated: BTreeMap<Repository, BTreeSet<Digest>> = BTreeMap::new();
    let mut last: HashMap<(String, String), TagMove> = HashMap::new();
    for event in all() {
        let is_open = unsettled.contains(&event.seq);
        let Some(promotion) = event.stated().promotion.filter(|_| is_open || event.phase == Phase::Done)
        else {
            continue;
        };
        for part in promotion.parts() {
            // The digest before the first build of the stage does not belong to any build.
            let back = part.before.as_ref().or(part.build.as_ref()).is_some_and(|id| here.contains(id));
            let forth = part.build.as_ref().is_some_and(|id| here.contains(id));
            for one in part.tags.iter().filter(|one| !one.is_lost()) {
                let kept = stated.entry(one.image.repository.clone()).or_default();
                kept.extend(one.from.filter(|_| is_open || back));
                kept.extend(one.to.filter(|_| is_open || forth));
                let stage = format!("{}/{}", part.stream, part.name);
                if !is_open {
                    last.insert((stage, one.image.to_string()), one.clone());
                }
            }
        }
    }
    for one in last.into_values() {
        stated.entry(one.image.repository).or_default().extend(one.from.into_iter().chain(one.to));
    }
    stated
}
