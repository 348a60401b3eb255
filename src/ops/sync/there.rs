//! What is in the directories of a target in which builds and names are, as the target lists it.
//!
//! A name is set, removed and believed by this, never by what was sent once: a target or the own area may be restored from a
//! backup, and others may change names there.

use crate::model::{BuildId, RelPath};
use std::collections::{BTreeMap, BTreeSet};

/// The most links in a row, as in Linux.
const HOPS: usize = 40;

/// How many characters rsync adds to the name of a file on its way.
const ADDED: usize = 6;

/// Links and directories of a target.
#[derive(Debug, Default)]
pub(super) struct There {
    /// The links, each with its text.
    pub(super) links: BTreeMap<RelPath, String>,
    /// The directories.
    pub(super) dirs: BTreeSet<RelPath>,
    /// Other files that were listed.
    pub(super) files: BTreeSet<RelPath>,
    /// What has a name that is not a path.
    pub(super) odd: BTreeSet<String>,
    /// Whether files were left out, since there are too many.
    pub(super) lacks_files: bool,
    /// The paths at the top of builds that were asked for one by one.
    pub(super) asked: BTreeMap<BuildId, Vec<RelPath>>,
    /// What is there of them.
    pub(super) tops: BTreeSet<RelPath>,
}

impl There {
    /// Adds what another listing has.
    pub(super) fn add(&mut self, other: Self) {
        self.links.extend(other.links);
        self.dirs.extend(other.dirs);
        self.files.extend(other.files);
        self.odd.extend(other.odd);
        self.lacks_files |= other.lacks_files;
        self.asked.extend(other.asked);
        self.tops.extend(other.tops);
    }

    /// Notes that something was deleted there.
    pub(super) fn forget(&mut self, path: &RelPath) {
        self.links.remove(path);
        self.files.remove(path);
    }

    /// Returns what is directly in these directories and is not one of what `is_here` knows.
    pub(super) fn strange(&self, dirs: &BTreeSet<RelPath>, is_here: impl Fn(&str) -> bool) -> Vec<String> {
        let paths = self.links.keys().chain(&self.dirs).chain(&self.files).map(RelPath::as_str);
        let is_in = |path: &&str| {
            let dir = path.rsplit_once('/').and_then(|(dir, _)| dir.parse::<RelPath>().ok());
            dir.is_some_and(|dir| dirs.contains(&dir))
        };
        let all = paths.chain(self.odd.iter().map(String::as_str));
        all.filter(is_in).filter(|path| !is_here(path)).map(str::to_owned).collect()
    }

    /// Returns a name there that may lead into a build at this path.
    pub(super) fn leads_into(&self, build: &RelPath) -> Option<&RelPath> {
        self.links.keys().find(|path| match self.leads_to(path) {
            Some(to) => to.is_within(build),
            None => self.links.get(*path).is_some_and(|text| names_it(text, build)),
        })
    }

    /// Returns where a path leads through the links there; nothing where that is outside or a loop.
    fn leads_to(&self, path: &RelPath) -> Option<RelPath> {
        let names = |path: &RelPath| path.names().rev().map(str::to_owned).collect::<Vec<_>>();
        let (mut ahead, mut at, mut hops) = (names(path), RelPath::root(), 0);
        while let Some(name) = ahead.pop() {
            let next = at.child(&name).ok()?;
            let Some(text) = self.links.get(&next) else {
                at = next;
                continue;
            };
            hops += 1;
            if hops > HOPS {
                return None;
            }
            ahead.extend(names(&next.follow(text)?));
            at = RelPath::root();
        }
        Some(at)
    }
}

/// Returns whether the text of a link out of the target names a build, as an absolute path of that machine does.
fn names_it(text: &str, build: &RelPath) -> bool {
    text.match_indices(build.as_str()).any(|(at, found)| {
        let before = text.get(..at).is_some_and(|before| before.ends_with('/'));
        let after =
            text.get(at + found.len()..).is_some_and(|after| after.is_empty() || after.starts_with('/'));
        before && after
    })
}

/// Returns whether a path is the name that rsync gave a file on its way, such as `.f.aB3xY9` of `f`, which stays when rsync is killed.
pub(super) fn is_leftover(path: &RelPath, is_ours: impl Fn(&RelPath) -> bool) -> bool {
    let added = |end: &str| end.len() == ADDED && end.chars().all(|c| c.is_ascii_alphanumeric());
    let middle = path.name().strip_prefix('.').and_then(|name| name.rsplit_once('.'));
    let Some((middle, _)) = middle.filter(|(middle, end)| !middle.is_empty() && added(end)) else {
        return false;
    };
    let dir = path.parent().unwrap_or_default();
    let of = |name: &str| dir.child(name).is_ok_and(|file| is_ours(&file));
    !is_ours(path) && (of(middle) || of(&format!(".{middle}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RelPath {
        text.parse().unwrap()
    }

    fn there(links: &[(&str, &str)]) -> There {
        let links = links.iter().map(|(at, text)| (path(at), (*text).to_owned())).collect();
        There { links, ..There::default() }
    }

    #[test]
    fn a_name_leads_into_a_build_through_others_and_by_a_path_of_that_machine() {
        let found = there(&[("m/a", "b"), ("m/b", "1"), ("m/loop", "loop"), ("top", "/srv/pub/m/2/iso")]);
        assert_eq!(found.leads_into(&path("m/1")), Some(&path("m/a")));
        assert_eq!(found.leads_into(&path("m/2")), Some(&path("top")));
        assert_eq!(found.leads_into(&path("m/3")), None);
        assert_eq!(there(&[("top", "m/a/iso"), ("m/a", "1")]).leads_into(&path("m/1")), Some(&path("m/a")));
        assert_eq!(there(&[("top", "m")]).leads_into(&path("m/1")), None);
    }

    #[test]
    fn a_temporary_name_is_one_of_a_file_that_was_sent() {
        let ours = |at: &RelPath| ["m/1/f", "m/1/.dot", "m/1/.x.abcdef"].contains(&at.as_str());
        for (text, expected) in [
            ("m/1/.f.aB3xY9", true),
            ("m/1/.dot.aB3xY9", true),
            ("m/1/.f.aB3xY", false),
            ("m/1/f.aB3xY9", false),
            ("m/2/.f.aB3xY9", false),
            ("m/1/.x.abcdef", false),
            ("m/1/..abcdef", false),
        ] {
            assert_eq!(is_leftover(&path(text), ours), expected, "{text}");
        }
    }
}
