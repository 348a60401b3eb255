//! The next edition of a change list: what changed since the last one, and whether everything is written again.

use super::{Change, ChangesError, Head, Item, Key, ListedBuild, ListedName, Part, PartRef};
use crate::model::{BuildId, Digest, RelPath, Stamp};
use std::collections::{BTreeMap, BTreeSet};

/// After so many parts everything is written as one.
const MOST_PARTS: usize = 32;

/// What a list states of each build and name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known(BTreeMap<Key, Change>);

/// What is in a mirror that a list may state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Present {
    /// The builds.
    pub builds: BTreeMap<BuildId, ListedBuild>,
    /// The names, each with the path that it points at.
    pub names: BTreeMap<RelPath, RelPath>,
    /// The builds that a person withdrew.
    pub withdrawn: BTreeSet<BuildId>,
}

/// An edition of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edition {
    /// Its head.
    pub head: Head,
    /// The part that is new; nothing if nothing changed.
    pub part: Option<Part>,
    /// How many items changed.
    pub changed: usize,
}

impl Known {
    /// Takes the items of a part, which follows the parts before.
    pub fn add(&mut self, part: Part) {
        if part.after == 0 {
            self.0.clear();
        }
        self.0.extend(part.items.into_iter().map(|change| (change.item.key(), change)));
    }

    /// Returns the latest changes.
    pub fn changes(&self) -> impl Iterator<Item = &Change> {
        self.0.values()
    }

    /// Returns a build that the list states to be there.
    pub fn build(&self, id: &BuildId) -> Option<&ListedBuild> {
        match self.0.get(&Key::Build(id.clone())).map(|change| &change.item) {
            Some(Item::Build(build)) => Some(build),
            _ => None,
        }
    }

    /// Returns how many builds and names are there.
    pub fn counts(&self) -> (u64, u64) {
        let of = |there: fn(&Item) -> bool| self.0.values().filter(|change| there(&change.item)).count();
        let (builds, names) =
            (of(|item| matches!(item, Item::Build(_))), of(|item| matches!(item, Item::Name(_))));
        (builds as u64, names as u64)
    }

    /// Fails where the list, all of which was read, has other counts than its head.
    pub fn fits(&self, head: &Head) -> Result<(), ChangesError> {
        let (builds, names) = self.counts();
        if (builds, names) == (head.builds, head.names) {
            return Ok(());
        }
        let why = format!(
            "its parts have {builds} builds and {names} names, and its head states {} and {}",
            head.builds, head.names
        );
        Err(ChangesError::Contradiction(why))
    }
}

impl Present {
    /// Returns what differs from what a list states.
    fn since(&self, known: &Known) -> Vec<Item> {
        let mut items = Vec::new();
        let is = |key: &Key, item: &Item| known.0.get(key).is_some_and(|change| change.item == *item);
        let all = self.builds.values().map(|build| Item::Build(Box::new(build.clone())));
        let names =
            self.names.iter().map(|(path, to)| Item::Name(ListedName { path: path.clone(), to: to.clone() }));
        items.extend(all.chain(names).filter(|item| !is(&item.key(), item)));
        for (key, change) in &known.0 {
            let gone = match key {
                Key::Build(id) if !self.builds.contains_key(id) => {
                    Item::BuildGone { id: id.clone(), withdrawn: self.withdrawn.contains(id) }
                }
                Key::Name(path) if !self.names.contains_key(path) => Item::NameGone(path.clone()),
                _ => continue,
            };
            if change.item != gone {
                items.push(gone);
            }
        }
        items
    }
}

impl Edition {
    /// Returns the edition after `last`, of which everything is `known`; the first one without a last one.
    ///
    /// `whole` writes everything again, also if nothing changed. `seen` is the highest serial that ever was, as far as known.
    pub fn next(
        last: Option<(&Head, &Known)>,
        present: &Present,
        (mirror, event, at): (&str, u64, Stamp),
        (whole, seen): (bool, u64),
    ) -> Self {
        let nothing = Known::default();
        let known = last.map_or(&nothing, |(_, known)| known);
        let items = present.since(known);
        let (builds, names) = (present.builds.len() as u64, present.names.len() as u64);
        let mirror = mirror.to_owned();
        if let Some((last, _)) = last
            && items.is_empty()
            && !whole
        {
            let head = Head { event, at, ..last.clone() };
            return Self { head, part: None, changed: 0 };
        }
        let before = last.map_or(0, |(last, _)| last.serial);
        let serial = before.max(seen).saturating_add(1).max(event);
        let changed = items.len();
        let new: Vec<Change> = items.into_iter().map(|item| Change { serial, item }).collect();
        let parts: &[PartRef] = last.map_or(&[], |(last, _)| &last.parts);
        let later: u64 = parts.iter().skip(1).map(|part| part.items).sum();
        let first = parts.first().map_or(0, |part| part.items);
        let all = whole
            || parts.is_empty()
            || parts.len() >= MOST_PARTS
            || later.saturating_add(changed as u64) > first.saturating_add(64);
        let part = if all {
            let mut known = known.clone();
            known.0.extend(new.into_iter().map(|change| (change.item.key(), change)));
            let there = known.0.into_values().filter(|change| change.item.stays()).collect();
            Part { mirror: mirror.clone(), after: 0, serial, items: there }
        } else {
            Part { mirror: mirror.clone(), after: before, serial, items: new }
        };
        let bytes = part.write();
        let named = PartRef {
            after: part.after,
            serial,
            items: part.items.len() as u64,
            bytes: bytes.len() as u64,
            sha256: Digest::of(&bytes),
        };
        let kept = if all { &[] } else { parts };
        let parts = kept.iter().cloned().chain([named]).collect();
        let head = Head { mirror, serial, event, at, builds, names, parts };
        Self { head, part: Some(part), changed }
    }
}
