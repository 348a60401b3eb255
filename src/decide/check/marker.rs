//! The files whose presence states the result of a build.

use crate::census::BuildCensus;
use crate::decide::check::{Code, Finding, SeenBuild, SeenKind};
use crate::layout::{Layout, ResultMarker};
use crate::model::{Outcome, RelPath, Stamp, is_sums};

/// How long a build may still be filled, in seconds.
const FILLING: i64 = 24 * 3600;

/// Names that scripts use for the markers of a result.
const SPELLINGS: &[(Outcome, &[&str])] = &[
    (Outcome::Success, &["success", "succeeded", "ok", "passed"]),
    (Outcome::Fail, &["fail", "failed", "failure", "error"]),
    (Outcome::Empty, &["empty", "no_new_content", "no-new-content"]),
];

/// Returns whether the build has a regular file at that path.
fn has(seen: &SeenBuild, at: &RelPath) -> bool {
    seen.find(at).is_some_and(|item| item.kind == SeenKind::File)
}

/// Finds entries that are not regular files where readers expect one; returns whether one of these is at the path of
/// a marker.
fn kinds(seen: &SeenBuild, layout: &Layout, findings: &mut Vec<Finding>) -> bool {
    let markers = layout.markers();
    let results: Vec<&RelPath> = markers.results.iter().flat_map(|rule| &rule.paths).collect();
    let named =
        results.iter().copied().chain(&markers.context).filter_map(|at| Some((at.clone(), seen.find(at)?)));
    let sums =
        seen.dirs.iter().filter(|dir| dir.path.is_root()).flat_map(|dir| {
            dir.items.iter().filter(|item| is_sums(&item.name)).map(|item| (dir.at(item), item))
        });
    let mut of_result = false;
    for (at, item) in named.chain(sums) {
        let found = match &item.kind {
            SeenKind::File => continue,
            // A device, FIFO or socket has a finding of its own.
            SeenKind::Other => "a device, FIFO or socket".to_owned(),
            SeenKind::Dir => "a directory".to_owned(),
            SeenKind::Link(text, _) => format!("a symlink to `{}`", text.escape_debug()),
        };
        of_result |= results.contains(&&at);
        if item.kind != SeenKind::Other {
            findings.push(Finding::new(Code::MarkerKind, seen.path.join(&at), found, "a regular file"));
        }
    }
    of_result
}

/// Judges the markers of a build.
pub(super) fn judge(
    seen: &SeenBuild,
    census: &BuildCensus,
    layout: &Layout,
    now: Stamp,
    findings: &mut Vec<Finding>,
) {
    let unfit = kinds(seen, layout, findings);
    let rules = &layout.markers().results;
    let of = |rule: &ResultMarker| rule.paths.iter().find(|at| has(seen, at)).cloned();
    let there: Vec<(&ResultMarker, RelPath)> =
        rules.iter().filter_map(|rule| Some((rule, of(rule)?))).collect();
    // The census has read the word in a shared file.
    let by_name: Vec<&(&ResultMarker, RelPath)> =
        there.iter().filter(|(rule, _)| rule.words.is_empty()).collect();
    match by_name.as_slice() {
        [one, other, ..] => {
            let found = format!("`{}` and `{}`", one.1, other.1);
            findings.push(Finding::new(Code::MarkerDouble, &seen.path, found, "the marker of one result"));
        }
        [(rule, at)] if census.problem.is_none() && census.result != rule.outcome => {
            let at = seen.path.join(at);
            let expected = format!("the marker of `{}`, as in the record", census.result);
            let found = format!("the marker of `{}`", rule.outcome);
            findings.push(Finding::new(Code::MarkerDiffers, at, found, expected));
        }
        _ => {}
    }
    if there.is_empty() && !unfit && !rules.is_empty() && census.problem.is_none() {
        missing(seen, census, layout, now, findings);
    }
}

/// Judges a build without any marker.
fn missing(seen: &SeenBuild, census: &BuildCensus, layout: &Layout, now: Stamp, findings: &mut Vec<Finding>) {
    let rules = &layout.markers().results;
    match census.result {
        Outcome::Partial | Outcome::Unknown => {
            let touched = census.last_activity.or(census.published);
            let code = match touched {
                Some(touched) if now.since(touched) < FILLING => Code::InProgress,
                _ => Code::HalfPublished,
            };
            let markers: Vec<String> =
                rules.iter().filter_map(|rule| Some(format!("`{}`", rule.paths.first()?))).collect();
            let expected = format!("one of {}", markers.join(", "));
            findings.push(Finding::new(code, &seen.path, "no result marker", expected));
        }
        result => {
            let marker = rules.iter().find(|rule| rule.outcome == result);
            if let Some(at) = marker.and_then(|rule| rule.paths.first())
                && census.files.is_some()
                && census.last_activity.is_none()
            {
                let at = seen.path.join(at);
                let expected = format!("the marker of `{result}`");
                findings.push(Finding::new(Code::MarkerMissing, &at, "nothing", expected).near(Some(&at)));
            }
        }
    }
}

/// Returns the marker that a misspelt name in a build was meant to be.
pub(super) fn meant(name: &str, layout: &Layout) -> Option<RelPath> {
    let name = name.to_lowercase();
    let markers = layout.markers();
    let stem = name.split('.').next().unwrap_or_default();
    if let Some(context) = &markers.context
        && context.name().to_lowercase().split('.').next() == Some(stem)
        && matches!(name.strip_prefix(stem), Some("" | ".sh" | ".txt"))
    {
        return Some(context.clone());
    }
    let spelled = |rule: &&ResultMarker| {
        let own = rule.paths.iter().any(|at| at.name().to_lowercase() == name);
        let words = SPELLINGS.iter().find(|(outcome, _)| *outcome == rule.outcome);
        own || words.is_some_and(|(_, words)| words.contains(&&*name))
    };
    let rule = markers.results.iter().filter(|rule| rule.words.is_empty()).find(spelled)?;
    rule.paths.first().cloned()
}
