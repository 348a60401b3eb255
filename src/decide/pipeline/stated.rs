//! The image tags of stages in the journal: the last digest of each tag, its digest while a build had the stage, and
//! the digests that only withdrawn builds gave.
//!
//! A tag points to the digest to which the last finished event moved it. A later unfinished event can have left it on
//! either side, and so can a demotion, which continues without its registry. If a build gets the stage back, every
//! tag of the stage moves back to its digest from when the build got the stage, including tags of images that only an
//! earlier build has. A build that is published again under its ID is another build. A tag whose image no registry
//! has any more, as an event states, is to be nowhere.

use crate::model::registry::Image;
use crate::model::{BuildId, Digest, Stream};
use crate::record::{Event, EventKind, Phase, Promotion};
use std::collections::{BTreeMap, BTreeSet};

/// The kinds of events with tags.
pub const TAG_EVENTS: [EventKind; 5] =
    [EventKind::Promoted, EventKind::Demoted, EventKind::Published, EventKind::Pruned, EventKind::Restored];

/// The tags of each stage in each stream.
#[derive(Debug, Clone, Default)]
pub struct StatedTags(BTreeMap<(String, Stream), StageTags>);

/// The tags of one stage in one stream.
#[derive(Debug, Clone, Default)]
pub struct StageTags {
    /// What each tag is to have while a build has the stage.
    with: BTreeMap<BuildId, BTreeMap<Image, Given>>,
    left: BTreeMap<Image, Left>,
    /// Possible digests of tags without a known last digest.
    tried: BTreeMap<Image, BTreeSet<Option<Digest>>>,
    /// The builds that gave a tag each digest.
    givers: BTreeMap<Digest, BTreeSet<BuildId>>,
    withdrawn: BTreeSet<BuildId>,
    /// Digests whose last giver was published again after it was withdrawn.
    replaced: BTreeSet<Digest>,
    /// The tags of each build for which no registry had an image any more.
    lost: BTreeMap<BuildId, BTreeSet<Image>>,
}

/// What a tag is to have while a build has the stage.
#[derive(Debug, Clone, Default)]
struct Given {
    /// Whether an event states it for this build, and not only for the build before.
    own: bool,
    /// The digest, then those of the builds before, for where it was withdrawn.
    digests: Vec<Digest>,
}

/// How many digests of earlier builds are known for a tag.
const EARLIER: usize = 8;

/// Why a tag is to have a digest while a build has the stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// An event states it for the build.
    Own,
    /// The build before had it, and the build does not have the image as far as events state.
    Before,
}

/// The last digest of a tag.
#[derive(Debug, Clone)]
struct Left {
    at: Digest,
    /// Its possible other digests, if an event was not finished.
    or: BTreeSet<Option<Digest>>,
}

impl StatedTags {
    /// Returns the state after these events, in their order.
    pub fn of(events: &[Event]) -> Self {
        let mut all = Self::default();
        let mut withdrawn: BTreeSet<BuildId> = BTreeSet::new();
        for event in events {
            let stated = event.stated();
            let build = || event.to.parse::<BuildId>().ok().filter(|_| event.phase == Phase::Done);
            match event.what {
                EventKind::Promoted | EventKind::Demoted => {
                    let Some(promotion) = stated.promotion else { continue };
                    for part in promotion.parts().iter().filter(|part| !part.tags.is_empty()) {
                        let tags = all.0.entry((part.name.clone(), part.stream.clone())).or_default();
                        tags.add(event, part);
                    }
                }
                EventKind::Published => {
                    let Some(id) = build() else { continue };
                    let was_withdrawn = withdrawn.remove(&id);
                    all.0.values_mut().for_each(|tags| tags.published(&id, was_withdrawn));
                }
                // Only a person gives a reason.
                EventKind::Pruned if stated.why.is_some() => withdrawn.extend(build()),
                EventKind::Restored => {
                    if let Some(id) = build() {
                        withdrawn.remove(&id);
                    }
                }
                _ => {}
            }
        }
        all.0.values_mut().for_each(|tags| tags.withdrawn.clone_from(&withdrawn));
        all
    }

    /// Returns the tags of a stage in a stream; nothing if no event has any.
    pub fn stage(&self, stage: &str, stream: &Stream) -> Option<&StageTags> {
        self.0.get(&(stage.to_owned(), stream.clone()))
    }

    /// Returns the tags of a stage in a stream; none if no event has any.
    pub fn into_stage(mut self, stage: &str, stream: &Stream) -> StageTags {
        self.0.remove(&(stage.to_owned(), stream.clone())).unwrap_or_default()
    }
}

impl StageTags {
    fn add(&mut self, event: &Event, part: &Promotion) {
        for one in part.tags.iter().filter(|one| !one.is_lost()) {
            let ends = [one.from, one.to];
            if event.phase != Phase::Done {
                match self.left.get_mut(&one.image) {
                    Some(left) => left.or.extend(ends),
                    None => self.tried.entry(one.image.clone()).or_default().extend(ends),
                }
                continue;
            }
            let Some(to) = one.to else { continue };
            let or = ends.into_iter().filter(|_| event.what == EventKind::Demoted).collect();
            self.left.insert(one.image.clone(), Left { at: to, or });
            let gives = event.what == EventKind::Promoted && !part.stays();
            if let Some(id) = part.build.as_ref().filter(|_| gives || !self.givers.contains_key(&to)) {
                self.givers.entry(to).or_default().insert(id.clone());
            }
        }
        let Some(id) = part.build.as_ref().filter(|_| event.phase == Phase::Done) else { return };
        // A promotion leaves the tags of other images as they are to be with the build before.
        let before = part.before.as_ref().filter(|_| event.what == EventKind::Promoted && !part.stays());
        if let Some(before) = before {
            let inherited = self.with.get(before).cloned().unwrap_or_default().into_iter();
            let inherited = inherited.map(|(image, given)| (image, Given { own: false, ..given }));
            self.with.insert(id.clone(), inherited.collect());
        }
        let with = self.with.entry(id.clone()).or_default();
        for (image, to) in part.tags.iter().filter_map(|one| Some((&one.image, one.to?))) {
            let given = with.entry(image.clone()).or_default();
            given.own = true;
            given.digests.retain(|digest| *digest != to);
            given.digests.insert(0, to);
            given.digests.truncate(EARLIER);
        }
        let lost = part.tags.iter().filter(|one| one.is_lost()).map(|one| one.image.clone());
        let lost: BTreeSet<Image> = lost.collect();
        with.retain(|image, _| !lost.contains(image));
        let known = self.lost.entry(id.clone()).or_default();
        known.retain(|image| !with.contains_key(image));
        known.extend(lost);
    }

    /// Forgets what an earlier build of an ID had; its images stay withdrawn until a build gives them again.
    fn published(&mut self, id: &BuildId, was_withdrawn: bool) {
        self.with.remove(id);
        self.lost.remove(id);
        for (digest, givers) in self.givers.iter_mut().filter(|_| was_withdrawn) {
            if givers.remove(id) && givers.is_empty() {
                self.replaced.insert(*digest);
            }
        }
    }

    /// Returns the digests that events state for a build, and those of images of the builds before it that it left as they
    /// were; each without images that only withdrawn builds gave.
    pub fn with(&self, id: &BuildId) -> impl Iterator<Item = (&Image, Digest, Origin)> {
        let all = self.with.get(id).into_iter().flatten();
        all.filter_map(|(image, given)| {
            let digest = given.digests.iter().find(|digest| !self.is_withdrawn(**digest))?;
            let origin = if given.own { Origin::Own } else { Origin::Before };
            Some((image, *digest, origin))
        })
    }

    /// Returns whether an event states that no registry has the image of a tag any more which it had while a build had
    /// the stage.
    pub fn is_lost(&self, id: &BuildId, image: &Image) -> bool {
        self.lost.get(id).is_some_and(|lost| lost.contains(image))
    }

    /// Returns whether the stage ever moved a tag.
    pub fn has_moved(&self) -> bool {
        !self.left.is_empty()
    }

    /// Returns whether the promotion of a build pointed a tag to a digest.
    pub fn gave(&self, id: &BuildId, digest: Digest) -> bool {
        self.givers.get(&digest).is_some_and(|givers| givers.contains(id))
    }

    /// Returns whether only withdrawn builds pointed a tag to a digest.
    pub fn is_withdrawn(&self, digest: Digest) -> bool {
        match self.givers.get(&digest).filter(|givers| !givers.is_empty()) {
            Some(givers) => givers.iter().all(|id| self.withdrawn.contains(id)),
            None => self.replaced.contains(&digest),
        }
    }

    /// Returns the tags whose last digest is that of an image which only withdrawn builds had.
    pub fn at_withdrawn(&self) -> impl Iterator<Item = &Image> {
        self.left.iter().filter(|(_, left)| self.is_withdrawn(left.at)).map(|(image, _)| image)
    }

    /// Returns whether a tag is where an event can have left it. A tag without an event is the stage's own if it
    /// points to a digest that the stage gave, or as long as the stage never moved a tag.
    pub fn may_be(&self, image: &Image, now: Option<Digest>) -> bool {
        match self.left.get(image) {
            Some(left) => {
                // A tag for which the stage has no image any more is deleted by a person.
                let is_given_up =
                    || self.is_withdrawn(left.at) || self.lost.values().any(|all| all.contains(image));
                now == Some(left.at) || left.or.contains(&now) || now.is_none() && is_given_up()
            }
            None => {
                let tried = || self.tried.get(image).is_some_and(|tried| tried.contains(&now));
                self.left.is_empty() || tried() || now.is_none_or(|now| self.givers.contains_key(&now))
            }
        }
    }

    /// Returns the last digest of a tag.
    pub fn left(&self, image: &Image) -> Option<Digest> {
        self.left.get(image).map(|left| left.at)
    }

    /// Returns the tags whose last digest differs from that when a build got the stage.
    pub fn elsewhere(&self, id: &BuildId) -> impl Iterator<Item = &Image> {
        self.with(id)
            .filter(|(image, digest, _)| self.left(image) != Some(*digest))
            .map(|(image, _, _)| image)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Promotion, TagMove};
    use serde_json::json;

    fn digest(of: &str) -> Digest {
        Digest::of(of.as_bytes())
    }

    fn image() -> Image {
        serde_json::from_value(json!("r.example/nova:tested")).unwrap()
    }

    fn id(day: &str) -> BuildId {
        format!("main/debian/{day}").parse().unwrap()
    }

    /// Returns events of one tag: kind, phase, build and digests; without these its image is lost.
    fn events(all: &[(EventKind, Phase, &str, (&str, &str))]) -> StageTags {
        let event = |(what, phase, build, (from, to)): &(EventKind, Phase, &str, (&str, &str))| {
            let promotion = Promotion {
                name: "tested".to_owned(),
                stream: "main/debian".parse().unwrap(),
                build: Some(id(build)),
                before: None,
                moves: Vec::new(),
                commands: Vec::new(),
                tags: vec![match to {
                    &"" => TagMove::lost(image()),
                    to => TagMove { image: image(), from: Some(digest(from)), to: Some(digest(to)) },
                }],
                images: Vec::new(),
                votes: BTreeMap::new(),
                waived: Vec::new(),
                lacked: Vec::new(),
                why: None,
                pipeline: digest(""),
                members: Vec::new(),
            };
            Event {
                event: 1,
                seq: 1,
                at: "20260601T000000Z".parse().unwrap(),
                phase: *phase,
                what: *what,
                to: "main/debian/tested".to_owned(),
                by: "ci@builder".to_owned(),
                settles: None,
                details: serde_json::Map::from_iter([(
                    "promotion".to_owned(),
                    serde_json::to_value(promotion).unwrap(),
                )]),
            }
        };
        let all: Vec<Event> = all.iter().map(event).collect();
        let stated = StatedTags::of(&all);
        stated.stage("tested", &"main/debian".parse().unwrap()).unwrap().clone()
    }

    /// Returns which of these digests the tag may have.
    fn may_be(tags: &StageTags) -> Vec<&'static str> {
        ["1", "2", "3"].into_iter().filter(|one| tags.may_be(&image(), Some(digest(one)))).collect()
    }

    const DONE: Phase = Phase::Done;

    #[test]
    fn a_tag_is_where_the_last_event_left_it_and_on_either_side_of_one_that_did_not_end() {
        use EventKind::{Demoted, Promoted};
        let first = (Promoted, DONE, "20260601T000000Z", ("1", "2"));
        assert_eq!(may_be(&events(&[first])), ["2"]);
        let undone = (Promoted, Phase::Undone, "20260602T000000Z", ("2", "3"));
        assert_eq!(may_be(&events(&[first, undone])), ["2", "3"]);
        assert_eq!(may_be(&events(&[first, undone, first])), ["2"]);
        let back = (Demoted, DONE, "20260601T000000Z", ("3", "2"));
        assert_eq!(may_be(&events(&[first, back])), ["2", "3"]);
        // It was not moved before: it may have any digest.
        let never = events(&[undone]);
        assert_eq!((may_be(&never).len(), never.may_be(&image(), None)), (3, true));
    }

    #[test]
    fn a_lost_image_is_to_be_nowhere_until_the_build_gives_it_again() {
        use EventKind::Promoted;
        let [first, second] = ["20260601T000000Z", "20260602T000000Z"];
        let given = (Promoted, DONE, first, ("1", "2"));
        let (later, lost) = ((Promoted, DONE, second, ("2", "3")), (Promoted, DONE, first, ("", "")));
        let tags = events(&[given, later, lost]);
        assert!(tags.is_lost(&id(first), &image()) && !tags.is_lost(&id(second), &image()));
        assert_eq!((tags.with(&id(first)).count(), tags.elsewhere(&id(first)).count()), (0, 0));
        // It may be deleted.
        assert!(tags.may_be(&image(), None) && !tags.may_be(&image(), Some(digest("4"))));
        // Where the tag is does not change, nor what another build gives.
        assert_eq!((tags.left(&image()), tags.with(&id(second)).count()), (Some(digest("3")), 1));
        let tags = events(&[given, lost, given]);
        assert!(!tags.is_lost(&id(first), &image()));
        assert_eq!(tags.with(&id(first)).count(), 1);
        // An intent states nothing.
        let tags = events(&[given, (Promoted, Phase::Intent, first, ("", ""))]);
        assert_eq!((may_be(&tags), tags.may_be(&image(), None)), (vec!["2"], false));
    }

    #[test]
    fn a_build_gives_the_digests_that_it_got_last_and_later_ones_take_the_tags_elsewhere() {
        let [first, second] = ["20260601T000000Z", "20260602T000000Z"];
        let tags = events(&[
            (EventKind::Promoted, DONE, first, ("1", "2")),
            (EventKind::Promoted, DONE, second, ("2", "3")),
        ]);
        let given = |day| tags.with(&id(day)).map(|(_, digest, _)| digest).collect::<Vec<_>>();
        assert_eq!((given(first), given(second)), (vec![digest("2")], vec![digest("3")]));
        assert_eq!((tags.elsewhere(&id(first)).count(), tags.elsewhere(&id(second)).count()), (1, 0));
        assert_eq!(tags.elsewhere(&id("20260603T000000Z")).count(), 0);
    }
}
