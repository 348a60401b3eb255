//! The packages of two builds, by name and architecture.

use super::{Package, PackageKind};
use crate::model::Digest;
use crate::record::Manifest;
use schemars::JsonSchema;
use serde::Serialize;
use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet};

/// What differs between the packages of two builds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PackagesDiff {
    /// The number of packages with the same version and bytes in both.
    pub same: u64,
    /// The others, sorted by kind, name and architecture.
    pub changes: Vec<PackageChange>,
}

/// A package that differs between the two builds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct PackageChange {
    /// The kind of the package.
    pub kind: PackageKind,
    /// Its name.
    pub name: String,
    /// Its architecture, `src` or `source` for sources.
    pub arch: String,
    /// The kind of change.
    pub change: VersionChange,
    /// The version in the first build; for RPM with the release.
    pub before: Option<String>,
    /// The version in the second build.
    pub after: Option<String>,
}

/// How a package differs between the two builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum VersionChange {
    /// Only the second build has it.
    Added,
    /// Only the first build has it.
    Gone,
    /// The second build has a newer version.
    Newer,
    /// The second build has an older version.
    Older,
    /// Both have the same version, with other bytes.
    Rebuilt,
    /// The versions differ, and neither is newer or one is not a version.
    Changed,
}

impl VersionChange {
    /// All of them, in the order in which they are counted.
    pub const ALL: [Self; 6] =
        [Self::Added, Self::Gone, Self::Newer, Self::Older, Self::Rebuilt, Self::Changed];

    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Gone => "gone",
            Self::Newer => "newer",
            Self::Older => "older",
            Self::Rebuilt => "rebuilt",
            Self::Changed => "changed",
        }
    }
}

/// What identifies a package: kind, name and architecture.
type Key<'a> = (PackageKind, &'a str, &'a str);

/// The versions of a package in one build, each with the digests of its files.
type Versions<'a> = BTreeMap<String, BTreeSet<&'a Digest>>;

impl PackagesDiff {
    /// Compares the packages of two builds; several versions of one package are paired from the newest on.
    pub fn of(before: &Manifest, after: &Manifest) -> Self {
        let (old, new) = (packages(before), packages(after));
        let none = Versions::new();
        let mut diff = Self::default();
        for key in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
            let (old, new) = (old.get(key).unwrap_or(&none), new.get(key).unwrap_or(&none));
            diff.compare(key, old, new);
        }
        diff
    }

    /// Returns the number of packages with this kind of change.
    pub fn count(&self, change: VersionChange) -> u64 {
        self.changes.iter().filter(|one| one.change == change).count() as u64
    }

    fn compare(&mut self, key: &Key<'_>, old: &Versions<'_>, new: &Versions<'_>) {
        for (version, digests) in old {
            match new.get(version) {
                Some(others) if others == digests => self.same += 1,
                Some(_) => self.add(key, VersionChange::Rebuilt, Some(version), Some(version)),
                None => {}
            }
        }
        let only = |these: &Versions<'_>, those: &Versions<'_>| {
            let mut only: Vec<String> =
                these.keys().filter(|version| !those.contains_key(*version)).cloned().collect();
            only.sort_by_cached_key(|version| Reverse((key.0.rank(version), version.clone())));
            only.into_iter()
        };
        let (mut left, mut right) = (only(old, new), only(new, old));
        loop {
            let (before, after) = (left.next(), right.next());
            let change = match (&before, &after) {
                (None, None) => break,
                (None, Some(_)) => VersionChange::Added,
                (Some(_), None) => VersionChange::Gone,
                (Some(before), Some(after)) => match key.0.compare(before, after) {
                    Some(Ordering::Less) => VersionChange::Newer,
                    Some(Ordering::Greater) => VersionChange::Older,
                    _ => VersionChange::Changed,
                },
            };
            self.add(key, change, before.as_deref(), after.as_deref());
        }
    }

    fn add(&mut self, key: &Key<'_>, change: VersionChange, before: Option<&str>, after: Option<&str>) {
        let [before, after] = [before, after].map(|version| version.map(str::to_owned));
        let (kind, name, arch) = *key;
        let (name, arch) = (name.to_owned(), arch.to_owned());
        self.changes.push(PackageChange { kind, name, arch, change, before, after });
    }
}

/// Returns the packages of a build; one that is in several directories counts once.
fn packages(manifest: &Manifest) -> BTreeMap<Key<'_>, Versions<'_>> {
    let mut packages: BTreeMap<Key<'_>, Versions<'_>> = BTreeMap::new();
    for file in &manifest.files {
        if let Some(Package { kind, name, arch, version }) = Package::of(file.path.name()) {
            let versions = packages.entry((kind, name, arch)).or_default();
            versions.entry(version.into_owned()).or_default().insert(&file.digest);
        }
    }
    packages
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::FileEntry;
    use proptest::prelude::*;

    fn manifest(files: &[(String, u8)]) -> Manifest {
        let entry = |(path, bytes): &(String, u8)| FileEntry {
            path: path.parse().unwrap(),
            size: u64::from(*bytes),
            digest: Digest::of(&[*bytes]),
            mode: 0o444,
            mtime: 0,
            inode: 0,
            seen: None,
        };
        let mut manifest = Manifest { files: files.iter().map(entry).collect(), ..Manifest::default() };
        manifest.sort();
        manifest
    }

    fn told(before: &[(&str, u8)], after: &[(&str, u8)]) -> Vec<String> {
        let of = |files: &[(&str, u8)]| {
            manifest(&files.iter().map(|(path, bytes)| ((*path).to_owned(), *bytes)).collect::<Vec<_>>())
        };
        let diff = PackagesDiff::of(&of(before), &of(after));
        let version = |version: Option<String>| version.unwrap_or_else(|| "-".to_owned());
        let line = |one: PackageChange| {
            let (change, before, after) = (one.change.word(), version(one.before), version(one.after));
            format!("{change} {}.{} {before} {after}", one.name, one.arch)
        };
        diff.changes.into_iter().map(line).collect()
    }

    #[test]
    fn packages_are_added_gone_newer_older_and_rebuilt() {
        let before = [
            ("std/a-1-1.noarch.rpm", 1),
            ("std/b-1-9.noarch.rpm", 1),
            ("std/c-2-1.noarch.rpm", 1),
            ("std/d-1-1.noarch.rpm", 1),
            ("std/e-1-1.noarch.rpm", 1),
            ("d/f_1.0-1_amd64.deb", 1),
        ];
        let after = [
            ("std/a-1-1.noarch.rpm", 1),
            ("std/b-1-10.noarch.rpm", 2),
            ("std/c-1-1.noarch.rpm", 2),
            ("std/d-1-1.noarch.rpm", 2),
            ("std/g-1-1.noarch.rpm", 1),
            ("d/f_1.0~rc1-1_amd64.deb", 1),
        ];
        assert_eq!(
            told(&before, &after),
            [
                "newer b.noarch 1-9 1-10",
                "older c.noarch 2-1 1-1",
                "rebuilt d.noarch 1-1 1-1",
                "gone e.noarch 1-1 -",
                "added g.noarch - 1-1",
                "older f.amd64 1.0-1 1.0~rc1-1",
            ]
        );
    }

    #[test]
    fn versions_of_one_package_are_paired_from_the_newest_on() {
        let before = [("a/k-1-1.x86_64.rpm", 1), ("a/k-2-1.x86_64.rpm", 1)];
        let after = [("a/k-2-1.x86_64.rpm", 1), ("a/k-3-1.x86_64.rpm", 1)];
        assert_eq!(told(&before, &after), ["newer k.x86_64 1-1 3-1"]);
        assert_eq!(told(&before[1..], &after), ["added k.x86_64 - 3-1"]);
        assert_eq!(told(&before, &after[1..]), ["newer k.x86_64 2-1 3-1", "gone k.x86_64 1-1 -"]);
        // A copy in another directory is not another package.
        assert_eq!(
            told(&[("a/k-1-1.x86_64.rpm", 1)], &[("b/k-1-1.x86_64.rpm", 1), ("c/k-1-1.x86_64.rpm", 1)]),
            [""; 0]
        );
        // Two spellings with one rank.
        assert_eq!(told(&[("a_1.0_all.deb", 1)], &[("a_1.00_all.deb", 1)]), ["changed a.all 1.0 1.00"]);
    }

    /// Some builds of few packages, so that most are in two builds.
    fn builds() -> impl Strategy<Value = Manifest> {
        let name = prop_oneof![
            "r/[ab]-[0-2]-[12]\\.(noarch|src)\\.rpm",
            "d/[ab]_[0-2](~|\\.)?1_(all|amd64)\\.deb",
            "x/[ab]\\.txt"
        ];
        let files = prop::collection::btree_map(name, 0u8..3, 0..12);
        files.prop_map(|files| manifest(&files.into_iter().collect::<Vec<_>>()))
    }

    /// Returns every package with its version.
    fn versions(manifest: &Manifest) -> BTreeSet<(PackageKind, String, String, String)> {
        let each = |((kind, name, arch), versions): (Key<'_>, Versions<'_>)| {
            let (name, arch) = (name.to_owned(), arch.to_owned());
            versions
                .into_keys()
                .map(move |version| (kind, name.clone(), arch.clone(), version))
                .collect::<Vec<_>>()
        };
        packages(manifest).into_iter().flat_map(each).collect()
    }

    proptest! {
        #[test]
        fn the_first_build_with_the_changes_is_the_second(a in builds(), b in builds()) {
            let diff = PackagesDiff::of(&a, &b);
            let mut made = versions(&a);
            let of = |one: &PackageChange, version: &Option<String>| {
                version.clone().map(|version| (one.kind, one.name.clone(), one.arch.clone(), version))
            };
            for one in &diff.changes {
                if let Some(before) = of(one, &one.before) {
                    prop_assert!(made.remove(&before), "{:?}", one);
                }
            }
            prop_assert_eq!(made.len() as u64, diff.same);
            for one in &diff.changes {
                if let Some(after) = of(one, &one.after) {
                    prop_assert!(made.insert(after), "{:?}", one);
                }
            }
            prop_assert_eq!(made, versions(&b));
        }

        #[test]
        fn turned_round_what_was_added_is_gone_and_what_was_newer_is_older(a in builds(), b in builds()) {
            let (there, back) = (PackagesDiff::of(&a, &b), PackagesDiff::of(&b, &a));
            let turned = |change| match change {
                VersionChange::Added => VersionChange::Gone,
                VersionChange::Gone => VersionChange::Added,
                VersionChange::Newer => VersionChange::Older,
                VersionChange::Older => VersionChange::Newer,
                same => same,
            };
            let turn = |one: PackageChange| PackageChange { change: turned(one.change), before: one.after, after: one.before, ..one };
            let mut back: Vec<PackageChange> = back.changes.into_iter().map(turn).collect();
            let mut there = there.changes;
            back.sort();
            there.sort();
            prop_assert_eq!(there, back);
            let same = PackagesDiff::of(&a, &a);
            prop_assert_eq!((same.same, same.changes.len()), (versions(&a).len() as u64, 0));
        }
    }
}
