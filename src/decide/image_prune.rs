//! Which tags of a repository are deleted: those of deleted builds, with digests that nothing else needs.
//!
//! Only whole digests can be deleted, and with one every tag that points to it. So a digest is deleted only if all
//! its tags may be, no remaining index has it, and no promotion states it. Whatever is not known stays.

use crate::model::Digest;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A tag of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenTag {
    /// The tag.
    pub tag: String,
    /// The digest to which it points.
    pub digest: Digest,
    /// Whether all of its builds were deleted; otherwise why it stays.
    pub swept: Result<(), TagKept>,
}

/// Why a tag stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TagKept {
    /// It belongs to a build that is in the mirror or in the trash.
    Build,
    /// A list of a build that is in the mirror or in the trash names it.
    Listed,
    /// It is pinned.
    Pinned,
    /// It belongs to no known build.
    Unknown,
    /// Another tag that stays points to the same digest.
    OtherTag,
    /// An index that stays has its digest.
    Index,
    /// A promotion, a demotion or a list states its digest.
    Stated,
}

/// Returns for each tag why it stays; nothing for one that is deleted.
///
/// `indexes` has the contents of every index to which a tag points, and of every index in one. `stated` are the
/// digests that promotions and lists state.
pub fn kept_tags(
    tags: &[SeenTag],
    indexes: &BTreeMap<Digest, BTreeSet<Digest>>,
    stated: &BTreeSet<Digest>,
) -> Vec<Option<TagKept>> {
    // An index that stays because of another keeps its own contents in turn.
    let mut open: Vec<Digest> = tags.iter().filter(|tag| tag.swept.is_err()).map(|tag| tag.digest).collect();
    let by_tag: BTreeSet<Digest> = open.iter().copied().collect();
    open.extend(stated);
    let mut inside = BTreeSet::new();
    while let Some(digest) = open.pop() {
        for child in indexes.get(&digest).into_iter().flatten() {
            if inside.insert(*child) {
                open.push(*child);
            }
        }
    }
    let why = |tag: &SeenTag| match tag.swept {
        Err(why) => Some(why),
        Ok(()) if by_tag.contains(&tag.digest) => Some(TagKept::OtherTag),
        Ok(()) if inside.contains(&tag.digest) => Some(TagKept::Index),
        Ok(()) if stated.contains(&tag.digest) => Some(TagKept::Stated),
        Ok(()) => None,
    };
    tags.iter().map(why).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn digest(number: u8) -> Digest {
        Digest::of(&[number])
    }

    fn tag(number: usize, digest_number: u8, stays: bool) -> SeenTag {
        let swept = if stays { Err(TagKept::Unknown) } else { Ok(()) };
        SeenTag { tag: format!("t{number}"), digest: digest(digest_number), swept }
    }

    /// Returns whether something that stays needs a digest, directly or through indexes.
    fn is_needed(
        wanted: Digest,
        tags: &[SeenTag],
        indexes: &BTreeMap<Digest, BTreeSet<Digest>>,
        stated: &BTreeSet<Digest>,
    ) -> bool {
        let mut needed: BTreeSet<Digest> = stated.clone();
        needed.extend(tags.iter().filter(|tag| tag.swept.is_err()).map(|tag| tag.digest));
        loop {
            let more: BTreeSet<Digest> =
                needed.iter().filter_map(|at| indexes.get(at)).flatten().copied().collect();
            if more.is_subset(&needed) {
                return needed.contains(&wanted);
            }
            needed.extend(more);
        }
    }

    proptest! {
        #[test]
        fn what_goes_is_needed_by_nothing_and_what_stays_is_needed(
            seen in prop::collection::vec((0..6_u8, any::<bool>()), 0..12),
            children in prop::collection::vec((0..6_u8, 0..6_u8), 0..8),
            states in prop::collection::vec(0..6_u8, 0..2),
        ) {
            let tags: Vec<SeenTag> =
                seen.into_iter().enumerate().map(|(number, (of, stays))| tag(number, of, stays)).collect();
            let mut indexes: BTreeMap<Digest, BTreeSet<Digest>> = BTreeMap::new();
            for (index, child) in children {
                indexes.entry(digest(index)).or_default().insert(digest(child));
            }
            let stated = states.into_iter().map(digest).collect();
            let kept = kept_tags(&tags, &indexes, &stated);
            for (tag, kept) in tags.iter().zip(&kept) {
                prop_assert_eq!(kept.is_some(), is_needed(tag.digest, &tags, &indexes, &stated), "{:?}", tag);
            }
        }
    }

    #[test]
    fn each_reason_is_told() {
        let tags = [tag(0, 0, true), tag(1, 0, false), tag(2, 1, false), tag(3, 2, false), tag(4, 3, false)];
        let indexes = BTreeMap::from([(digest(0), BTreeSet::from([digest(1)]))]);
        let stated = BTreeSet::from([digest(2)]);
        assert_eq!(
            kept_tags(&tags, &indexes, &stated),
            [
                Some(TagKept::Unknown),
                Some(TagKept::OtherTag),
                Some(TagKept::Index),
                Some(TagKept::Stated),
                None
            ]
        );
    }
}
