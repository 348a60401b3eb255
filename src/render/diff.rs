//! The differences between two builds, as text.

use crate::decide::diff::{Change, CommitChange, FileChange, PackageChange, VersionChange};
use crate::ops::diff::{BuildsDiff, DiffSide};
use crate::render::paint::{Paint, bytes, count};
use crate::render::table::{Align, table};

/// How many changes of a kind are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    /// The first 20 of each section.
    First,
    /// All.
    All,
}

/// The number of lines that fit on a screen.
const FIRST: usize = 20;

/// The number of digits of a commit that are shown.
const DIGITS: usize = 12;

const COLUMNS: [(&str, Align); 3] = [("", Align::Left), ("", Align::Left), ("", Align::Left)];

/// Returns the differences between two builds.
pub fn diff(diff: &BuildsDiff, listed: Listed, paint: Paint) -> String {
    let mut text = String::new();
    text += &table(&COLUMNS, &[side("from", &diff.before), side("to", &diff.after)], None);
    if let Some(commits) = &diff.commits {
        let of = |change| commits.changes.iter().filter(|one| one.change == change).count() as u64;
        let counts = counts(
            &[Change::Added, Change::Gone, Change::Changed].map(|one| (one.word(), of(one))),
            commits.same,
        );
        text += &section("commits", &counts, &commits.changes, commit, listed, paint);
    }
    let packages = &diff.packages;
    if packages.same > 0 || !packages.changes.is_empty() {
        let counts = counts(&VersionChange::ALL.map(|one| (one.word(), packages.count(one))), packages.same);
        text += &section("packages", &counts, &packages.changes, package, listed, paint);
    }
    let files = &diff.files;
    let counts = counts(
        &[Change::Added, Change::Gone, Change::Changed].map(|one| (one.word(), files.count(one))),
        files.same,
    );
    text += &section("files", &counts, &files.changes, file, listed, paint);
    let size = diff.bytes;
    text += &format!(
        "\n{} {} before, {} after; {} only before, {} only after\n",
        paint.bold("bytes:"),
        bytes(size.before),
        bytes(size.after),
        bytes(size.gone),
        bytes(size.added)
    );
    text
}

fn side(what: &str, side: &DiffSide) -> Vec<String> {
    let size = format!("{}, {} in {}", side.result, bytes(side.bytes), count(side.files, "file"));
    vec![what.to_owned(), side.id.to_string(), size]
}

/// Returns the number of changes of each kind, without zeros.
fn counts(counts: &[(&str, u64)], same: u64) -> String {
    let some = counts.iter().filter(|(_, count)| *count > 0);
    let told: Vec<String> = some.map(|(word, count)| format!("{count} {word}")).collect();
    match told.as_slice() {
        [] => format!("no change, {same} the same"),
        told => format!("{}, {same} the same", told.join(", ")),
    }
}

fn section<T>(
    name: &str,
    counts: &str,
    changes: &[T],
    row: impl Fn(&T) -> Vec<String>,
    listed: Listed,
    paint: Paint,
) -> String {
    let most = if listed == Listed::All { changes.len() } else { FIRST };
    let rows: Vec<Vec<String>> = changes.iter().take(most).map(row).collect();
    let lines = table(&COLUMNS, &rows, None);
    let mut text = format!("\n{} {counts}\n", paint.bold(&format!("{name}:")));
    lines.lines().for_each(|line| text += &format!("  {line}\n"));
    if let Some(more) = changes.len().checked_sub(most).filter(|more| *more > 0) {
        text += &format!("  and {more} more; `--all` lists them\n");
    }
    text
}

fn commit(one: &CommitChange) -> Vec<String> {
    let short = |commit: &Option<String>| {
        commit.as_deref().map(|commit| commit.get(..DIGITS).unwrap_or(commit).to_owned())
    };
    vec![one.change.word().to_owned(), one.dir.clone(), arrow(short(&one.before), short(&one.after))]
}

fn package(one: &PackageChange) -> Vec<String> {
    let versions = match one.change {
        VersionChange::Rebuilt => one.after.clone().unwrap_or_default(),
        _ => arrow(one.before.clone(), one.after.clone()),
    };
    vec![one.change.word().to_owned(), format!("{}.{}", one.name, one.arch), versions]
}

fn file(one: &FileChange) -> Vec<String> {
    let size = match (one.before, one.after) {
        (Some(before), Some(after)) if before == after => bytes(after),
        (before, after) => arrow(before.map(bytes), after.map(bytes)),
    };
    vec![one.change.word().to_owned(), one.path.to_string(), size]
}

/// Returns the old and the new value.
fn arrow(before: Option<String>, after: Option<String>) -> String {
    match (before, after) {
        (Some(before), Some(after)) => format!("{before} -> {after}"),
        (before, after) => before.or(after).unwrap_or_default(),
    }
}
