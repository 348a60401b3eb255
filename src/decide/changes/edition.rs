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
    /// The builds that should be there and are missing; nobody removed them.
    pub missing: BTreeSet<BuildId>,
}

/// The most names in a row, as in Linux.
const HOPS: usize = 40;

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

    /// Returns the names that the list states to be there, each with the path that it points at.
    fn names(&self) -> impl Iterator<Item = (&RelPath, &RelPath)> {
        self.0.values().filter_map(|change| match &change.item {
            Item::Name(name) => Some((&name.path, &name.to)),
            _ => None,
        })
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
    /// Leaves as the list states it what is only missing, and no name that leads to nothing that the list states.
    ///
    /// A build that vanished without being pruned, and the names that lead to it, stay listed. A name that moved to a build that is
    /// not listed, such as one that was published at this moment, stays where it was.
    pub fn settle(&mut self, known: &Known) {
        let missing: Vec<&ListedBuild> = self.missing.iter().filter_map(|id| known.build(id)).collect();
        self.builds.extend(missing.iter().map(|build| (build.id.clone(), (*build).clone())));
        let before: BTreeMap<RelPath, RelPath> =
            known.names().map(|(path, to)| (path.clone(), to.clone())).collect();
        let vanished: BTreeSet<RelPath> = missing.iter().map(|build| build.path.clone()).collect();
        for (path, to) in before.iter().filter(|(_, to)| leads(&before, &vanished, to)) {
            self.names.entry(path.clone()).or_insert_with(|| to.clone());
        }
        let paths: BTreeSet<RelPath> = self.builds.values().map(|build| build.path.clone()).collect();
        loop {
            let lost: Vec<(RelPath, RelPath)> = (self.names.iter())
                .filter(|(_, to)| !leads(&self.names, &paths, to))
                .map(|(path, to)| (path.clone(), to.clone()))
                .collect();
            if lost.is_empty() {
                return;
            }
            for (path, to) in lost {
                // It is looked at again, and goes if it leads nowhere, either.
                match before.get(&path).filter(|before| **before != to) {
                    Some(before) => self.names.insert(path, before.clone()),
                    None => self.names.remove(&path),
                };
            }
        }
    }

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

/// Returns whether a path is that of one of these builds, in one or above one; names on the way are followed.
fn leads(names: &BTreeMap<RelPath, RelPath>, builds: &BTreeSet<RelPath>, to: &RelPath) -> bool {
    let mut at = to.clone();
    for _ in 0..HOPS {
        let way = || std::iter::once(at.clone()).chain(at.ancestors());
        if way().any(|dir| builds.contains(&dir)) {
            return true;
        }
        let Some((name, to)) = way().find_map(|dir| names.get(&dir).map(|to| (dir, to))) else {
            return builds.iter().any(|path| path.is_within(&at));
        };
        at = at.below(&name).map_or_else(|| to.clone(), |below| to.join(&below));
    }
    false
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::changes::ListedManifest;
    use crate::model::Outcome;

    fn path(text: &str) -> RelPath {
        text.parse().unwrap()
    }

    fn build(id: &str) -> ListedBuild {
        ListedBuild {
            id: id.parse().unwrap(),
            path: path(id),
            created: None,
            seq: 0,
            result: Outcome::Success,
            requires: Vec::new(),
            trimmed: Vec::new(),
            files: 0,
            bytes: 0,
            sums: Digest::of(b""),
            manifest: ListedManifest { bytes: 0, sha256: Digest::of(b"") },
        }
    }

    fn present(builds: &[&str], names: &[(&str, &str)]) -> Present {
        Present {
            builds: builds.iter().map(|id| (id.parse().unwrap(), build(id))).collect(),
            names: names.iter().map(|(name, to)| (path(name), path(to))).collect(),
            ..Present::default()
        }
    }

    fn known(builds: &[&str], names: &[(&str, &str)]) -> Known {
        let first = Edition::next(None, &present(builds, names), ("m", 1, Stamp::default()), (false, 0));
        let mut known = Known::default();
        known.add(first.part.unwrap());
        known
    }

    #[track_caller]
    fn case(mut found: Present, known: &Known, builds: &[&str], names: &[(&str, &str)]) {
        found.settle(known);
        let wanted = present(builds, names);
        assert_eq!((found.builds, found.names), (wanted.builds, wanted.names));
    }

    #[test]
    fn a_name_leads_to_what_the_list_states_or_stays_where_it_was() {
        let names = [("m/c/latest", "m/c/2")];
        case(present(&["m/c/1", "m/c/2"], &names), &Known::default(), &["m/c/1", "m/c/2"], &names);
        // Its build came after the builds were looked at.
        let before = known(&["m/c/1"], &[("m/c/latest", "m/c/1")]);
        case(present(&["m/c/1"], &names), &before, &["m/c/1"], &[("m/c/latest", "m/c/1")]);
        case(present(&["m/c/1"], &names), &Known::default(), &["m/c/1"], &[]);
        // And where it was is gone as well.
        case(present(&["m/c/3"], &names), &before, &["m/c/3"], &[]);
        let others = [
            ("a", "b"),
            ("b", "m/c/1/x"),
            ("dir", "m"),
            ("loop", "loop/x"),
            ("out", "docs"),
            ("via", "dir/c/1"),
        ];
        case(
            present(&["m/c/1"], &others),
            &Known::default(),
            &["m/c/1"],
            &[("a", "b"), ("b", "m/c/1/x"), ("dir", "m"), ("via", "dir/c/1")],
        );
    }

    #[test]
    fn what_only_vanished_stays_listed_with_its_names() {
        let names = [("m/c/latest", "m/c/1"), ("good", "m/c/latest")];
        let before = known(&["m/c/1", "m/c/2"], &names);
        let missing = ["m/c/1".parse().unwrap()].into();
        let found = Present { missing, ..present(&["m/c/2"], &[("good", "m/c/latest")]) };
        case(found, &before, &["m/c/1", "m/c/2"], &names);
        // A name that somebody removed goes.
        case(present(&["m/c/1", "m/c/2"], &[]), &before, &["m/c/1", "m/c/2"], &[]);
    }
}
