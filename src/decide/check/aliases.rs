//! The aliases: whether they exist, resolve to something, and to what they should.

use super::outside::quoted;
use crate::census::BuildCensus;
use crate::decide::check::{Code, Finding, Leads, Seen, SeenAlias, Severity, Terms};
use crate::decide::{Age, meets, newest};
use crate::layout::{Layout, Place};
use crate::model::{BuildId, RelPath, Stamp, shell_word};
use std::collections::BTreeSet;

/// Judges every alias.
pub(super) fn judge(seen: &Seen, layout: &Layout, terms: Terms<'_>, findings: &mut Vec<Finding>) {
    let ours = seen.records.iter().chain(&seen.known).collect();
    let fit =
        Fit { layout, ours, latest: seen.census.at.checked_add(terms.skew()).unwrap_or(seen.census.at) };
    for alias in &seen.aliases {
        let newest = fit.newest(seen, alias).and_then(|id| layout.build_path(&id).ok());
        let Some((text, leads)) = &alias.link else {
            if alias.follows.is_none() || !alias.required {
                moved_by_hand(seen, layout, alias, findings);
                continue;
            }
            let wanted = newest.as_ref().map_or_else(|| "a symlink".to_owned(), |to| link(alias, to));
            findings.push(Finding::new(Code::AliasMissing, &alias.path, "nothing", wanted).near(newest));
            continue;
        };
        moved_by_hand(seen, layout, alias, findings);
        let known = matches!(
            layout.place(&alias.path),
            Place::Alias { .. } | Place::Beside { .. } | Place::Declared { .. }
        );
        let known = known || alias.declared || alias.follows.is_some();
        if !known {
            let found = format!("a link to `{}`", text.escape_debug());
            let mut finding = Finding::new(Code::AliasUnknown, &alias.path, found, "no link");
            if let Place::Stream { .. } = layout.place(&alias.path.parent().unwrap_or_default()) {
                let (name, path) = (alias.path.name(), &alias.path);
                finding.hint = format!(
                    "add `{{name: {}, by_hand: true}}` to `aliases` in .mirrorkeep/mirror.yaml, or remove it with `mirrorkeep alias remove {}`",
                    quoted(name),
                    shell_word(path.as_str().as_ref())
                )
                .into();
            }
            findings.push(finding);
        }
        let mut tell = |code, expected: &str, near: Option<RelPath>| {
            let found = format!("`{}`", text.escape_debug());
            findings.push(Finding::new(code, &alias.path, found, expected).near(near));
        };
        match leads {
            Leads::Round => tell(Code::AliasLooping, "a link that does not loop", newest),
            Leads::Out => tell(Code::AliasLeaves, "a relative link below the root", newest),
            Leads::Nowhere(to) => match moved(seen, layout, to) {
                Some(near) => tell(Code::AliasDepth, "the build at its place of now", Some(near)),
                None => {
                    let none = newest.is_none();
                    tell(Code::AliasDangling, "an existing path", newest);
                    if let Some(finding) = findings.last_mut().filter(|_| none && alias.follows.is_some()) {
                        let path = shell_word(alias.path.as_str().as_ref());
                        finding.hint = format!(
                            "no build of its stream fits: publish one, or remove it with `mirrorkeep alias remove {path}`"
                        )
                        .into();
                    }
                }
            },
            Leads::Absolute(to) => {
                let expected = format!("`{}`", alias.path.link_to(to));
                tell(Code::AliasAbsolute, &expected, Some(to.clone()));
                target(seen, layout, alias, to, newest, findings);
            }
            Leads::To(to) => target(seen, layout, alias, to, newest, findings),
        }
    }
}

/// Reports an alias whose target differs from the journal.
fn moved_by_hand(seen: &Seen, layout: &Layout, alias: &SeenAlias, findings: &mut Vec<Finding>) {
    let Some(told) = alias.told.as_ref().filter(|_| alias.was_moved()) else { return };
    let shown = |to: Option<&RelPath>| to.map_or_else(|| "no link".to_owned(), |to| format!("`{to}`"));
    let found = match (&alias.link, alias.leads()) {
        (Some((text, _)), None) => format!("`{}`", text.escape_debug()),
        (_, None) => "missing".to_owned(),
        (_, to) => shown(to.as_ref()),
    };
    // It cannot be set back to a build that is gone.
    let is_gone = |to: &RelPath| match layout.place(to) {
        Place::Build { build } => seen.census.build(&build).is_none(),
        _ => false,
    };
    let back = told.as_ref().filter(|to| !is_gone(to));
    let mut finding = Finding::new(Code::AliasMoved, &alias.path, found, shown(told.as_ref())).near(back);
    if back.is_none() {
        let remove = if alias.link.is_some() { "remove it, or record" } else { "record" };
        finding.hint = format!("{remove} where it points with `mirrorkeep adopt --changed`").into();
    }
    findings.push(finding);
}

/// Judges what an alias resolves to.
fn target(
    seen: &Seen,
    layout: &Layout,
    alias: &SeenAlias,
    to: &RelPath,
    newest: Option<RelPath>,
    findings: &mut Vec<Finding>,
) {
    let Some((stream, condition)) = &alias.follows else { return };
    let Place::Build { build: id } = layout.place(to) else { return };
    let Some(build) = seen.census.build(&id).filter(|_| id.stream == *stream) else { return };
    let found = format!("`{to}`, {}", build.result);
    if !meets(condition, build) {
        let expected = "a build that meets the condition of the alias";
        let mut finding = Finding::new(Code::AliasUnfit, &alias.path, found, expected).near(newest);
        // Mirrorkeep points it to a build with such a result only if a person permits that.
        if !condition.results.contains(&build.result) && alias.told.as_ref() == Some(&Some(to.clone())) {
            finding.severity = Severity::Note;
        }
        findings.push(finding);
    } else if let Some(newest) = newest.filter(|newest| is_newer(seen, layout, newest, &id)) {
        let expected = format!("`{newest}`");
        findings.push(Finding::new(Code::AliasOlder, &alias.path, found, expected).near(Some(newest)));
    }
}

/// The builds to which an alias can be advised to point.
struct Fit<'a> {
    layout: &'a Layout,
    /// Builds that were published or adopted.
    ours: BTreeSet<&'a BuildId>,
    /// The last instant that does not count as the future.
    latest: Stamp,
}

impl Fit<'_> {
    /// Returns the newest build to which an alias may point: not one from the future, and one of another tool only if
    /// no other meets the condition.
    fn newest(&self, seen: &Seen, alias: &SeenAlias) -> Option<BuildId> {
        let (stream, condition) = alias.follows.as_ref()?;
        let id = |build: &BuildCensus| BuildId::new(stream.clone(), build.build.clone());
        let rank =
            |build: &BuildCensus| (self.ours.contains(&id(build)), Age::of(self.layout, stream, build));
        newest(condition, &seen.census.stream(stream)?.builds, self.latest, rank).map(id)
    }
}

/// Returns whether the build at a path is newer than another of its stream.
fn is_newer(seen: &Seen, layout: &Layout, path: &RelPath, than: &BuildId) -> bool {
    let Place::Build { build: id } = layout.place(path) else { return false };
    let age = |id: &BuildId| {
        seen.census.build(id).map(|build| (Age::of(layout, &id.stream, build), build.build.clone()))
    };
    age(&id) > age(than)
}

/// Returns the present path of a build to which an alias points at another depth.
fn moved(seen: &Seen, layout: &Layout, to: &RelPath) -> Option<RelPath> {
    let mut lies = seen.census.builds().filter_map(|(id, _)| layout.build_path(&id).ok());
    lies.find(|path| {
        let shares = path.names().next() == to.names().next();
        shares && path.depth() != to.depth() && to.names().any(|name| name == path.name())
    })
}

fn link(alias: &SeenAlias, to: &RelPath) -> String {
    format!("a link to `{}`", alias.path.link_to(to))
}
