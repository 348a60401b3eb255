//! Comparing SHA256SUMS with the existing files, and any list with a build.

use crate::census::BuildCensus;
use crate::decide::check::{Code, Finding, SeenBuild, SeenDir, SeenItem, SeenKind};
use crate::layout::Layout;
use crate::model::{Outcome, RelPath, SUMS_NAME, is_sums};
use crate::record::{ForeignList, SumsError, manifest_lines, sum_lines};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// The number of names in a finding.
pub(super) const LISTED: usize = 3;

/// The entries of a build that a list has named so far.
///
/// A list is mostly in the order in which files are walked, so the next entry is mostly the next file.
pub(super) struct Tally<'a> {
    seen: &'a SeenBuild,
    named: Vec<Vec<bool>>,
    dir: usize,
    next: usize,
}

/// An entry of a list.
pub(super) enum Named<'a> {
    /// This file, for the first time.
    Item(&'a SeenItem),
    /// A file that it named before.
    Twice,
    /// A missing file.
    Nothing,
}

impl<'a> Tally<'a> {
    pub(super) fn of(seen: &'a SeenBuild) -> Self {
        let named = seen.dirs.iter().map(|dir| vec![false; dir.items.len()]).collect();
        Self { seen, named, dir: 0, next: 0 }
    }

    /// Records that the list names a path below the build.
    pub(super) fn name(&mut self, path: &str) -> Named<'a> {
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        let is_here = |dir: &SeenDir| dir.path.as_str() == above;
        if !self.seen.dirs.get(self.dir).is_some_and(is_here) {
            match self.seen.dirs.binary_search_by(|dir| dir.path.as_str().cmp(above)) {
                Ok(dir) => (self.dir, self.next) = (dir, 0),
                Err(_) => return Named::Nothing,
            }
        }
        let Some(dir) = self.seen.dirs.get(self.dir) else { return Named::Nothing };
        let next = Some(self.next).filter(|next| dir.items.get(*next).is_some_and(|item| item.name == name));
        let Some(place) = next.or_else(|| dir.place(name)) else { return Named::Nothing };
        self.next = place + 1;
        let named = self.named.get_mut(self.dir).and_then(|named| named.get_mut(place));
        let before = named.is_none_or(|named| std::mem::replace(named, true));
        dir.items.get(place).filter(|_| !before).map_or(Named::Twice, Named::Item)
    }

    /// Returns what the list did not name.
    pub(super) fn rest(&self) -> impl Iterator<Item = (&'a SeenDir, &'a SeenItem)> {
        let dirs = self.seen.dirs.iter().zip(&self.named);
        dirs.flat_map(|(dir, named)| {
            let items = dir.items.iter().zip(named).filter(|(_, named)| !**named);
            items.map(move |(item, _)| (dir, item))
        })
    }
}

/// Compares SHA256SUMS with the existing files, and returns the paths that it reports.
pub(super) fn judge(
    seen: &SeenBuild,
    census: &BuildCensus,
    layout: &Layout,
    findings: &mut Vec<Finding>,
) -> BTreeSet<String> {
    let at = seen.path.child(SUMS_NAME).unwrap_or_default();
    let Some(bytes) = &seen.sums else {
        let listed = seen.listed || seen.manifest.is_some();
        if !listed && census.result == Outcome::Success {
            let expected = "a list of checksums";
            findings.push(Finding::new(Code::SumsMissing, &at, "nothing", expected));
        }
        return BTreeSet::new();
    };
    let (mut missing, extra) = match compare(seen, bytes, layout) {
        Ok(found) => found,
        Err(error) => {
            findings.push(Finding::new(Code::SumsForm, at, error, "lines `DIGEST  PATH`").of(&seen.id));
            return BTreeSet::new();
        }
    };
    let trimmed = !census.trimmed.is_empty();
    if trimmed {
        missing.clear();
    }
    let gone = gone_parts(seen, &missing);
    if !gone.is_empty() {
        let found = format!("no {}", names(&gone, gone.len()));
        findings
            .push(Finding::new(Code::HalfDeleted, &seen.path, found, "what SHA256SUMS lists").of(&seen.id));
    } else if !missing.is_empty() || !extra.is_empty() {
        let mut found = Vec::new();
        if !missing.is_empty() {
            found.push(format!("{} not there: {}", missing.len(), names(&missing, missing.len())));
        }
        if !extra.is_empty() {
            found.push(format!("{} not listed: {}", extra.len(), names(&extra, extra.len())));
        }
        findings
            .push(Finding::new(Code::SumsDiffer, at, found.join("; "), "every file but itself").of(&seen.id));
    }
    missing.into_iter().chain(extra).collect()
}

/// Returns which files SHA256SUMS lists that are missing, and which existing files it does not list, both sorted.
fn compare(seen: &SeenBuild, bytes: &[u8], layout: &Layout) -> Result<(Vec<String>, Vec<String>), String> {
    let said = |path: &str| path.parse().is_ok_and(|path| layout.is_said(&path));
    let mut tally = Tally::of(seen);
    let mut missing = Vec::new();
    let mut name = |path: Cow<'_, str>| match tally.name(&path) {
        Named::Item(item) if item.kind == SeenKind::File => Ok(()),
        Named::Twice => Err(SumsError::twice(&path).to_string()),
        Named::Item(_) | Named::Nothing => {
            missing.push(path.into_owned());
            Ok(())
        }
    };
    if seen.published {
        for line in sum_lines(bytes) {
            name(line.map_err(|error| error.to_string())?.0)?;
        }
    } else {
        // Other tools may have written it in any form that `sha256sum -c` accepts.
        let read = ForeignList::Coreutils.read(bytes);
        if let Some(error) = read.wrong {
            return Err(error.to_string());
        }
        read.files.iter().try_for_each(|file| name(file.path.as_str().into()))?;
    }
    missing.sort();
    if let Some((path, _)) = missing.iter().zip(missing.iter().skip(1)).find(|(one, next)| one == next) {
        return Err(SumsError::twice(path).to_string());
    }
    missing.retain(|path| !said(path));
    let files = tally.rest().filter(|(_, item)| item.kind == SeenKind::File);
    let mut extra: Vec<String> = files.map(|(dir, item)| dir.at(item).as_str().to_owned()).collect();
    extra.retain(|path| !is_sums(path) && !said(path));
    extra.sort();
    if !seen.published && !extra.is_empty() {
        // A list of another tool may name only some of the files; the manifest covers the rest.
        let lines = manifest_lines(seen.manifest.as_deref().unwrap_or_default());
        let known: BTreeSet<String> =
            lines.map_while(Result::ok).map(|line| line.path().to_owned()).collect();
        extra.retain(|path| !known.contains(path));
    }
    Ok((missing, extra))
}

/// Returns the directories at the top of which every listed file is missing.
fn gone_parts(seen: &SeenBuild, missing: &[String]) -> Vec<String> {
    let parts = missing.iter().filter_map(|path| {
        let (above, _) = path.rsplit_once('/')?;
        let mut names = above.split('/');
        Some(format!("{}/{}", names.next()?, names.next()?))
    });
    let mut gone: Vec<String> = parts.collect();
    gone.dedup();
    gone.retain(|part| {
        let part: RelPath = part.parse().unwrap_or_default();
        let mut within = seen.dirs.iter().filter(|dir| dir.path.is_within(&part));
        !within.any(|dir| dir.items.iter().any(|item| item.kind == SeenKind::File))
    });
    gone
}

/// Returns the first names of `count`.
pub(super) fn names(first: &[String], count: usize) -> String {
    let mut shown: Vec<String> = first.iter().take(LISTED).map(|name| format!("`{name}`")).collect();
    if count > LISTED {
        shown.push(format!("and {} more", count - LISTED));
    }
    shown.join(", ")
}
