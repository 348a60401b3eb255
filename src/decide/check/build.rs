//! The inside of one build: places, links, and whether something was built at all.

use crate::census::BuildCensus;
use crate::decide::check::context;
use crate::decide::check::{
    Code, Drift, Finding, Leads, SeenBuild, SeenDir, SeenItem, SeenKind, drift, images, lists, marker, plain,
};
use crate::layout::{Layout, Place, Stray};
use crate::model::{Outcome, RelPath, Stamp, is_sums};
use std::collections::BTreeSet;

/// Judges one build, and returns what changed in it.
pub(super) fn judge(
    seen: &SeenBuild,
    census: &BuildCensus,
    layout: &Layout,
    now: Stamp,
    findings: &mut Vec<Finding>,
) -> Option<Drift> {
    places(seen, layout, findings);
    plain::judge(&SeenKind::Dir, seen.mode, || seen.path.clone(), findings);
    for dir in &seen.dirs {
        let above = seen.path.join(&dir.path);
        for item in &dir.items {
            let at = || above.child(&item.name).unwrap_or_default();
            plain::judge(&item.kind, item.mode, at, findings);
            if let SeenKind::Link(text, leads) = &item.kind {
                link(seen, dir, item, (text, leads), layout, findings);
            }
        }
        plain::names(&above, dir.items.iter().map(|item| &*item.name), findings);
        findings.extend(dir.odd.iter().map(|odd| plain::odd(&above, odd)));
    }
    marker::judge(seen, census, layout, now, findings);
    context::judge(seen, census, layout, findings);
    images::judge(seen, layout, findings);
    let told = lists::judge(seen, census, layout, findings);
    let drift = drift::judge(seen, layout, &told, findings);
    if census.result == Outcome::Success && !seen.items().any(|(dir, item)| is_artifact(dir, item, layout)) {
        let expected = "something that was built";
        let found = Finding::new(Code::NoArtifact, &seen.path, "markers and logs only", expected);
        findings.push(found.of(&seen.id));
    }
    drift
}

/// Finds paths without a place; the contents of a stray directory are reported once, and a misspelt marker as such.
fn places(seen: &SeenBuild, layout: &Layout, findings: &mut Vec<Finding>) {
    let mut strays: BTreeSet<RelPath> = BTreeSet::new();
    // Below these the layout allows every path, so the check is not made for each file.
    let mut open: BTreeSet<RelPath> = BTreeSet::new();
    for dir in &seen.dirs {
        let is_stray = strays.contains(&dir.path);
        let mut is_open = open.contains(&dir.path);
        for item in &dir.items {
            let is_dir = item.kind == SeenKind::Dir;
            if is_stray || is_open {
                if is_dir {
                    if is_stray { &mut strays } else { &mut open }.insert(dir.at(item));
                }
                continue;
            }
            let at = seen.path.join(&dir.at(item));
            match layout.place(&at) {
                Place::Stray(stray) => {
                    if is_dir {
                        strays.insert(dir.at(item));
                    }
                    // A stray link to a build has a finding of its own.
                    if !leads_to_a_build(seen, dir, item, layout) {
                        findings.push(stray_in(seen, item, at, &stray, layout));
                    }
                }
                Place::Inside { artifact, .. } => {
                    let fixed = artifact.rule.strip_suffix("/**").filter(|rule| !rule.contains('['));
                    if fixed.is_some_and(|rule| rule.split('/').count() <= dir.path.depth()) {
                        is_open = true;
                        if is_dir {
                            open.insert(dir.at(item));
                        }
                    } else if !artifact.leaf && item.kind == SeenKind::File {
                        findings.push(Finding::new(Code::WrongKind, at, "a file", "a directory"));
                    }
                }
                _ => {}
            }
        }
    }
}

/// Reports why a path in a build has no place.
fn stray_in(seen: &SeenBuild, item: &SeenItem, at: RelPath, stray: &Stray, layout: &Layout) -> Finding {
    let found = format!("`{}`", stray.found);
    match marker::meant(&item.name, layout) {
        Some(meant) if item.kind == SeenKind::File => {
            let near = seen.path.join(&meant);
            Finding::new(Code::MarkerSpelling, at, found, format!("`{meant}`")).near(Some(near))
        }
        _ => Finding::new(crate::decide::check::outside::code_of(&stray.rule), at, found, &stray.expected)
            .near(stray.nearest.as_ref()),
    }
}

/// Returns whether a link resolves to a build, or was meant to.
fn leads_to_a_build(seen: &SeenBuild, dir: &SeenDir, item: &SeenItem, layout: &Layout) -> bool {
    let SeenKind::Link(text, leads) = &item.kind else { return false };
    matches!(leads, Leads::To(to) if is_build(to, layout)) || is_sibling(seen, dir, item, text, layout)
}

/// Judges the target of a link in a build.
fn link(
    seen: &SeenBuild,
    dir: &SeenDir,
    item: &SeenItem,
    (text, leads): (&str, &Leads),
    layout: &Layout,
    findings: &mut Vec<Finding>,
) {
    let at = seen.path.join(&dir.at(item));
    let mut tell = |code, expected: &str| {
        findings.push(Finding::new(code, &at, format!("`{}`", text.escape_debug()), expected));
    };
    match leads {
        Leads::To(to) if is_build(to, layout) => tell(Code::LinkIntoBuild, "no link to a build"),
        // `ln -s NEW latest_build` made it: it has the name of the new build, and points to itself.
        Leads::Nowhere(_) | Leads::Round if is_sibling(seen, dir, item, text, layout) => {
            tell(Code::LinkIntoBuild, "no link to a build");
        }
        Leads::Nowhere(_) | Leads::Round => tell(Code::LinkDangling, "an existing path"),
        Leads::Out | Leads::Absolute(_) => tell(Code::LinkLeaves, "a relative link below the root"),
        Leads::To(_) => {}
    }
}

/// Returns whether a link at the top of a build has the name of a build of the same stream, and points to it.
fn is_sibling(seen: &SeenBuild, dir: &SeenDir, item: &SeenItem, text: &str, layout: &Layout) -> bool {
    let beside = seen.path.parent().unwrap_or_default().child(&item.name);
    dir.path.is_root() && text == item.name && beside.is_ok_and(|beside| is_build(&beside, layout))
}

fn is_build(path: &RelPath, layout: &Layout) -> bool {
    matches!(layout.place(path), Place::Build { .. })
}

/// Returns whether a file is something that was built: not a marker or a log.
fn is_artifact(dir: &SeenDir, item: &SeenItem, layout: &Layout) -> bool {
    let apart = dir.path.names().any(|name| name == "logs") || item.name == "logs" || is_sums(&item.name);
    if item.kind != SeenKind::File || apart || marker::meant(&item.name, layout).is_some() {
        return false;
    }
    let (markers, at) = (layout.markers(), dir.at(item));
    let is_marker = markers.context.as_ref() == Some(&at)
        || markers.results.iter().any(|rule| rule.paths.contains(&at))
        || layout.is_said(&at);
    !is_marker
}
