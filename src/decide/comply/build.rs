//! The inside of one build: places, links, checksums, and whether it is all there.

use super::{Code, Finding, Leads, SeenBuild, SeenEntry, SeenKind, marker, plain};
use crate::census::BuildCensus;
use crate::layout::{Layout, Place};
use crate::record::Sums;
use crate::word::{Outcome, RelPath, SUMS_NAME, Stamp};
use std::collections::BTreeSet;

/// How many names a finding lists.
const LISTED: usize = 3;

/// Judges one build.
pub(super) fn judge(
    seen: &SeenBuild,
    census: &BuildCensus,
    layout: &Layout,
    now: Stamp,
    findings: &mut Vec<Finding>,
) {
    places(seen, layout, findings);
    for entry in &seen.entries {
        plain::judge(entry, &seen.path, findings);
        if let SeenKind::Link(text, leads) = &entry.kind {
            link(seen, entry, text, leads, layout, findings);
        }
    }
    plain::names(&seen.entries, &seen.path, findings);
    findings.extend(seen.odd.iter().map(|(dir, odd)| plain::odd(&seen.path.join(dir), odd)));
    marker::judge(seen, census, layout, now, findings);
    marker::context(seen, census, layout, findings);
    sums(seen, census, layout, findings);
    if census.result == Outcome::Success && !seen.entries.iter().any(|entry| is_artifact(entry, layout)) {
        let expected = "something that was built";
        findings.push(Finding::new(Code::NoArtifact, &seen.path, "markers and logs only", expected));
    }
}

/// Finds what has no place; what lies in a stray directory is told once, and a misspelt marker as such.
fn places(seen: &SeenBuild, layout: &Layout, findings: &mut Vec<Finding>) {
    let mut strays: BTreeSet<&RelPath> = BTreeSet::new();
    // Below these the layout lets everything lie, so that nothing is asked twice a file.
    let mut open: BTreeSet<RelPath> = BTreeSet::new();
    for entry in seen.entries.iter().filter(|entry| !entry.path.is_root()) {
        let above = entry.path.parent().unwrap_or_default();
        if strays.contains(&above) {
            strays.insert(&entry.path);
            continue;
        }
        if open.contains(&above) {
            if entry.kind == SeenKind::Dir {
                open.insert(entry.path.clone());
            }
            continue;
        }
        match layout.place(&seen.path.join(&entry.path)) {
            Place::Stray(stray) => {
                strays.insert(&entry.path);
                let at = seen.path.join(&entry.path);
                let found = format!("`{}`", stray.found);
                // A stray link that leads to a build has a finding of its own.
                if let SeenKind::Link(text, leads) = &entry.kind
                    && (matches!(leads, Leads::To(to) if is_build(to, layout))
                        || is_sibling(seen, entry, text, layout))
                {
                    continue;
                }
                findings.push(match marker::meant(&entry.path, layout) {
                    Some(meant) if entry.kind == SeenKind::File => {
                        let near = seen.path.join(&meant);
                        Finding::new(Code::MarkerSpelling, at, found, format!("`{meant}`")).near(Some(near))
                    }
                    _ => Finding::new(super::outside::code_of(&stray.rule), at, found, &stray.expected)
                        .near(stray.nearest),
                });
            }
            Place::Inside { artifact, .. } => {
                let fixed = artifact.rule.strip_suffix("/**").filter(|rule| !rule.contains('['));
                if fixed.is_some_and(|rule| rule.split('/').count() <= above.depth()) {
                    open.insert(above);
                    if entry.kind == SeenKind::Dir {
                        open.insert(entry.path.clone());
                    }
                } else if !artifact.leaf && entry.kind == SeenKind::File {
                    let at = seen.path.join(&entry.path);
                    findings.push(Finding::new(Code::WrongKind, at, "a file", "a directory"));
                }
            }
            _ => {}
        }
    }
}

/// Judges where a link in a build leads.
fn link(
    seen: &SeenBuild,
    entry: &SeenEntry,
    text: &str,
    leads: &Leads,
    layout: &Layout,
    findings: &mut Vec<Finding>,
) {
    let at = seen.path.join(&entry.path);
    let mut tell = |code, expected: &str| {
        findings.push(Finding::new(code, &at, format!("`{}`", text.escape_debug()), expected));
    };
    match leads {
        Leads::To(to) if is_build(to, layout) => tell(Code::LinkIntoBuild, "no link to a build"),
        // `ln -s NEW latest_build` made it: it bears the name of the new build, and leads to itself.
        Leads::Nowhere(_) | Leads::Round if is_sibling(seen, entry, text, layout) => {
            tell(Code::LinkIntoBuild, "no link to a build");
        }
        Leads::Nowhere(_) | Leads::Round => tell(Code::LinkDangling, "something that is there"),
        Leads::Out | Leads::Absolute(_) => tell(Code::LinkLeaves, "a relative link below the root"),
        Leads::To(_) => {}
    }
}

/// Returns whether a link at the top of a build bears the name of a build of the same stream, and leads to it.
fn is_sibling(seen: &SeenBuild, entry: &SeenEntry, text: &str, layout: &Layout) -> bool {
    let beside = seen.path.parent().unwrap_or_default().child(entry.path.name());
    entry.path.depth() == 1
        && text == entry.path.name()
        && beside.is_ok_and(|beside| is_build(&beside, layout))
}

fn is_build(path: &RelPath, layout: &Layout) -> bool {
    matches!(layout.place(path), Place::Build { .. })
}

/// Returns whether it is something that was built: no marker, no log.
fn is_artifact(entry: &SeenEntry, layout: &Layout) -> bool {
    let markers = layout.markers();
    let is_marker = markers.context.as_ref() == Some(&entry.path)
        || markers.results.iter().any(|rule| rule.paths.contains(&entry.path))
        || is_said(&entry.path, layout);
    let apart = entry.path.names().any(|name| name == "logs" || name == SUMS_NAME);
    entry.kind == SeenKind::File && !is_marker && !apart && marker::meant(&entry.path, layout).is_none()
}

/// Returns whether a file says something of a build after it was published, and so is no part of it.
fn is_said(path: &RelPath, layout: &Layout) -> bool {
    let markers = layout.markers();
    markers.labels.iter().any(|(at, ..)| at == path) || markers.hold.as_ref() == Some(path)
}

/// Holds SHA256SUMS against the files that are there.
fn sums(seen: &SeenBuild, census: &BuildCensus, layout: &Layout, findings: &mut Vec<Finding>) {
    let at = seen.path.child(SUMS_NAME).unwrap_or_default();
    let Some(bytes) = &seen.sums else {
        if !seen.listed && census.result == Outcome::Success {
            findings
                .push(Finding::new(Code::SumsMissing, &at, "nothing", "a list of checksums").near(Some(&at)));
        }
        return;
    };
    let listed = match Sums::parse(bytes) {
        Ok(sums) => sums,
        Err(error) => {
            findings.push(Finding::new(Code::SumsForm, at, error.to_string(), "lines `DIGEST  PATH`"));
            return;
        }
    };
    let listed: BTreeSet<&RelPath> = listed.files().iter().map(|(path, _)| path).collect();
    let files = seen.entries.iter().filter(|entry| entry.kind == SeenKind::File);
    let there: BTreeSet<&RelPath> =
        files.map(|entry| &entry.path).filter(|path| path.as_str() != SUMS_NAME).collect();
    let said = |path: &RelPath| is_said(path, layout);
    let extra: Vec<&RelPath> = there.difference(&listed).copied().filter(|path| !said(path)).collect();
    let trimmed = !census.trimmed.is_empty();
    let missing: Vec<&RelPath> =
        listed.difference(&there).copied().filter(|path| !trimmed && !said(path)).collect();
    let gone = gone_parts(&listed, &there);
    if !trimmed && !gone.is_empty() {
        let found = format!("no {}", names(gone.iter()));
        findings.push(Finding::new(Code::HalfDeleted, &seen.path, found, "what SHA256SUMS lists"));
    } else if !missing.is_empty() || !extra.is_empty() {
        let mut found = Vec::new();
        if !missing.is_empty() {
            found.push(format!("{} not there: {}", missing.len(), names(missing.iter())));
        }
        if !extra.is_empty() {
            found.push(format!("{} not listed: {}", extra.len(), names(extra.iter())));
        }
        findings.push(Finding::new(Code::SumsDiffer, at, found.join("; "), "every file but itself"));
    }
}

/// Returns the directories at the top of which everything that is listed is gone.
fn gone_parts(listed: &BTreeSet<&RelPath>, there: &BTreeSet<&RelPath>) -> Vec<String> {
    let parts = |paths: &BTreeSet<&RelPath>| -> BTreeSet<String> {
        let deep = paths.iter().filter(|path| path.depth() > 2);
        deep.map(|path| path.names().take(2).collect::<Vec<_>>().join("/")).collect()
    };
    parts(listed).difference(&parts(there)).cloned().collect()
}

fn names(all: impl ExactSizeIterator<Item = impl ToString>) -> String {
    let more = all.len().saturating_sub(LISTED);
    let mut shown: Vec<String> = all.take(LISTED).map(|name| format!("`{}`", name.to_string())).collect();
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    shown.join(", ")
}
