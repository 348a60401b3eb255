//! Paths outside the builds: directories above them, files beside them, and strays.

use crate::decide::check::{Code, Finding, Seen, SeenEntry, SeenKind, plain};
use crate::layout::{Layout, Place, Stray, likeness};
use crate::model::{RelPath, Stream};
use std::collections::{BTreeMap, BTreeSet};

/// From this similarity on, in percent, a directory of the root counts as misspelt.
const LIKE: u32 = 50;

/// Judges everything outside the builds except the aliases.
pub(super) fn judge(seen: &Seen, layout: &Layout, findings: &mut Vec<Finding>) {
    let mut strays: BTreeSet<RelPath> = BTreeSet::new();
    let declaring = declaring(seen, layout);
    for entry in &seen.outside {
        if entry.path.parent().is_some_and(|above| strays.contains(&above)) {
            // The contents of a stray are as stray as it is, and reported with it.
            strays.insert(entry.path.clone());
            continue;
        }
        let place = layout.place(&entry.path);
        let is_dir = entry.kind == SeenKind::Dir;
        match &place {
            Place::Stray(stray) => {
                strays.insert(entry.path.clone());
                let branches = raw_branches(entry, layout);
                if branches.is_empty() {
                    findings.push(stray_at(entry, stray, layout, &declaring));
                }
                findings.extend(branches);
                continue;
            }
            Place::Alias { .. } => {
                strays.insert(entry.path.clone());
                let found = if is_dir { "a directory" } else { "a file" };
                findings.push(Finding::new(Code::AliasNotLink, &entry.path, found, "a symlink"));
                continue;
            }
            Place::Root | Place::Above | Place::Stream { .. } | Place::Build { .. } if !is_dir => {
                // An operator's file may have a name that a stream could have.
                if layout.is_declared(&entry.path) {
                    continue;
                }
                let finding = Finding::new(Code::WrongKind, &entry.path, "a file", "a directory");
                findings.push(if is_kept_above(entry, &place) {
                    Finding { hint: format!("{declaring}, or move it away").into(), ..finding }
                } else {
                    finding
                });
            }
            _ => {}
        }
        plain::judge(&entry.kind, entry.mode, || entry.path.clone(), findings);
    }
    let mut names: BTreeMap<RelPath, Vec<&str>> = BTreeMap::new();
    for entry in &seen.outside {
        if let Some(above) = entry.path.parent() {
            names.entry(above).or_default().push(entry.path.name());
        }
    }
    for (dir, names) in names {
        plain::names(&dir, names.into_iter(), findings);
    }
    for (dir, odd) in &seen.odd {
        findings.push(plain::odd(dir, odd));
    }
}

/// Finds git branches in a directory that has no place, such as `f/antelope` in `f`.
fn raw_branches(entry: &SeenEntry, layout: &Layout) -> Vec<Finding> {
    let held = entry.holds.iter().filter_map(|name| entry.path.child(name).ok());
    held.filter_map(|path| match layout.place(&path) {
        Place::Stray(stray) if code_of(&stray.rule) == Code::RawBranch => {
            let found = format!("`{}`", stray.found);
            Some(Finding::new(Code::RawBranch, path, found, &stray.expected).near(stray.nearest))
        }
        _ => None,
    })
    .collect()
}

/// Reports why a path has no place.
fn stray_at(entry: &SeenEntry, stray: &Stray, layout: &Layout, declaring: &str) -> Finding {
    let path = &entry.path;
    let above = path.parent().unwrap_or_default();
    let found = format!("`{}`", stray.found);
    if let Some(deeper) = level_too_many(entry, layout) {
        let expected = format!("builds directly in `{above}`");
        return Finding::new(Code::WrongDepth, path, found, expected).near(Some(deeper));
    }
    if let Place::Stream { stream } = layout.place(&above)
        && lies_in_a_build(&stream, path, layout)
    {
        let near = format!("{above}/<build>/{}", path.name());
        let expected = "the name of a build between the stream and this";
        return Finding::new(Code::WrongDepth, path, found, expected).near(Some(near));
    }
    let code = match code_of(&stray.rule) {
        Code::BuildName if entry.kind != SeenKind::Dir => Code::UnknownBeside,
        Code::BuildName if is_like_a_time(path.name()) => Code::StampNotUtc,
        code => code,
    };
    let finding = Finding::new(code, path, found, &stray.expected);
    if may_be_declared(entry, stray, layout) {
        let hint = format!("{declaring}, or move it away");
        return Finding { hint: hint.into(), ..finding };
    }
    finding.near(stray.nearest.as_ref())
}

/// Returns whether a path is probably an operator's file and not a misspelt stream: a file above the streams, or a
/// directory of the root whose name is not similar to a known one.
fn may_be_declared(entry: &SeenEntry, stray: &Stray, layout: &Layout) -> bool {
    if entry.kind != SeenKind::Dir {
        let above = entry.path.parent().unwrap_or_default();
        return matches!(layout.place(&above), Place::Root | Place::Above);
    }
    let known = stray.nearest.as_deref().unwrap_or_default();
    entry.path.depth() == 1 && !known.contains('/') && likeness(known, entry.path.name()) < LIKE
}

/// Returns whether a file is where a layout expects a stream or a directory above one, such as README in a mirror in
/// which any name may be a branch.
fn is_kept_above(entry: &SeenEntry, place: &Place) -> bool {
    entry.kind != SeenKind::Dir && matches!(place, Place::Above | Place::Stream { .. })
}

/// Returns what to write into mirror.yaml to declare everything that is not declared yet: one line, since a key may
/// occur only once.
fn declaring(seen: &Seen, layout: &Layout) -> String {
    let is_new = |entry: &&SeenEntry| match layout.place(&entry.path) {
        Place::Stray(stray) => may_be_declared(entry, &stray, layout),
        place => is_kept_above(entry, &place) && !layout.is_declared(&entry.path),
    };
    let new = seen.outside.iter().filter(is_new).map(|entry| glob::Pattern::escape(entry.path.as_str()));
    let declared = layout.declared();
    let all: Vec<String> = declared.iter().cloned().chain(new).map(|pattern| quoted(&pattern)).collect();
    let done = if declared.is_empty() { "add" } else { "give the key `declared` all of its values with" };
    format!(
        "{done} `declared: [{}]` {} .mirrorkeep/mirror.yaml",
        all.join(", "),
        if declared.is_empty() { "to" } else { "in" }
    )
}

/// Returns a text as one YAML value.
pub(super) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let is_word = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"]
        .contains(&text.to_ascii_lowercase().as_str());
    if starts && !is_word && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

/// Returns the code for a broken rule of the layout.
pub(super) fn code_of(rule: &str) -> Code {
    match rule {
        "unknown-class" => Code::UnknownClass,
        "unknown-distro" => Code::UnknownDistro,
        "unknown-phase" => Code::UnknownPhase,
        "unknown-direction" | "unknown-artifact" => Code::UnknownArtifact,
        "misfiled" => Code::Misfiled,
        "raw-branch" => Code::RawBranch,
        "build-name" => Code::BuildName,
        "too-deep" => Code::WrongDepth,
        _ => Code::UnknownName,
    }
}

/// Returns the path of a build in a stray directory without that directory.
fn level_too_many(entry: &SeenEntry, layout: &Layout) -> Option<RelPath> {
    let above = entry.path.parent()?;
    let lifted = entry.holds.iter().filter_map(|name| above.child(name).ok());
    lifted.into_iter().find(|path| matches!(layout.place(path), Place::Build { .. }))
}

/// Returns whether a path beside the builds of a stream would have a place in one of them.
fn lies_in_a_build(stream: &Stream, path: &RelPath, layout: &Layout) -> bool {
    let name = layout.build_name(stream, crate::model::Stamp::default());
    let build = name.map(|name| crate::model::BuildId::new(stream.clone(), name));
    let inside = build.and_then(|build| layout.build_path(&build));
    inside.ok().and_then(|inside| inside.child(path.name()).ok()).is_some_and(|inside| {
        let place = layout.place(&inside);
        matches!(place, Place::Inside { .. }) && !crate::model::is_sums(path.name())
    })
}

/// Returns whether a name is meant to be a time of day.
fn is_like_a_time(name: &str) -> bool {
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    let plain = |byte: u8| byte.is_ascii_digit() || b"TtZz:+-_.".contains(&byte);
    (12..=18).contains(&digits) && name.starts_with(['1', '2']) && name.bytes().all(plain)
}
