//! What an edit of a policy changes for the builds of a mirror: the answer of `policy diff`, and part of that of `policy set`.

use super::answer::Version;
use super::context::{Context, now};
use super::exit::Outcome;
use super::plan::{read_census, stamp};
use super::say;
use crate::census::Census;
use crate::decide::policy::Policy;
use crate::decide::{Fate, PartFate, Plan, PreviousRuns, Verdict, retain};
use crate::mirror::survey;
use crate::model::{BuildId, Stamp, Stream};
use crate::ops::targets::note_mirrored;
use crate::render::{ChangedBuild, PolicySide};
use crate::{model, render};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

/// The answer of `policy diff`.
#[derive(Serialize, JsonSchema)]
pub(super) struct DiffAnswer {
    diff: Version,
    /// The instant for which both policies are evaluated.
    at: Stamp,
    /// The builds with another verdict.
    builds: Vec<DiffRow>,
    /// The sum of all changes.
    totals: DiffTotals,
}

/// A build with another verdict.
#[derive(Serialize, JsonSchema)]
struct DiffRow {
    /// The build.
    id: BuildId,
    /// Whether only the new policy deletes it, only the old one does, or both keep it with other parts.
    #[schemars(extend("enum" = ["would-go", "would-stay", "other-parts"]))]
    change: &'static str,
    /// The parts with another verdict.
    parts: Vec<String>,
    /// How many bytes its deletion frees; `null` if that is not known.
    bytes: Option<u64>,
    /// The verdict of the old policy.
    old: Verdict,
    /// The verdict of the new policy.
    new: Verdict,
}

impl DiffRow {
    fn of(row: &Row<'_>) -> Self {
        Self {
            id: row.after.id.clone(),
            change: row.change,
            parts: row.parts.iter().map(|part| (*part).to_owned()).collect(),
            bytes: row.bytes,
            old: row.before.clone(),
            new: row.after.clone(),
        }
    }
}

/// Returns the census of a file, or the mirror's.
pub(super) fn census_of(setting: &Context, file: Option<&Path>) -> Outcome<Census> {
    match file {
        Some(file) => read_census(file),
        None => Ok(survey(&setting.open()?, now())?.census),
    }
}

/// Adds to the census of a mirror what its targets lack for which one of these policies waits; one from a file states it itself.
pub(super) fn known_targets(
    setting: &Context,
    policies: &[&Policy],
    file: Option<&Path>,
    mut census: Census,
) -> Outcome<Census> {
    if file.is_none()
        && let Some((first, others)) = policies.split_first()
    {
        // Lint and plan warn of what cannot be read of them.
        note_mirrored(&setting.open()?, first, others, &mut census)?;
    }
    Ok(census)
}

/// Writes a drawing or a page.
pub(super) fn draw(file: &Path, text: &str) -> Outcome {
    std::fs::write(file, text)
        .map_err(|error| crate::store::StoreError::new("write the drawing", file.display(), error))?;
    Ok(())
}

/// What an edit changes for one build.
pub(super) struct Row<'a> {
    /// A stable word.
    pub(super) change: &'static str,
    before: &'a Verdict,
    pub(super) after: &'a Verdict,
    /// Its parts with another fate.
    parts: Vec<&'a str>,
    /// What deleting frees, where that is known.
    bytes: Option<u64>,
}

impl<'a> Row<'a> {
    /// Compares two verdicts on one build; nothing when an edit changes nothing.
    pub(super) fn of(before: &'a Verdict, after: &'a Verdict) -> Option<Self> {
        let gone = |verdict: &Verdict| matches!(verdict.fate, Fate::Expire | Fate::Withheld);
        let names = before.parts.keys().chain(after.parts.keys()).collect::<BTreeSet<_>>().into_iter();
        let differs = |name: &&String| goes(before, name) != goes(after, name);
        let (change, parts) = match (gone(before), gone(after)) {
            (false, true) => ("would-go", Vec::new()),
            (true, false) => ("would-stay", Vec::new()),
            (true, true) => return None,
            (false, false) => ("other-parts", names.filter(differs).map(String::as_str).collect()),
        };
        let changed = change != "other-parts" || !parts.is_empty();
        changed.then_some(Self { change, before, after, parts, bytes: None })
    }

    /// Returns the rules by which a build is kept.
    fn by(verdict: &Verdict) -> String {
        let rules: BTreeSet<&str> = verdict.reasons.iter().map(|reason| &*reason.rule).collect();
        model::shown(&rules.into_iter().collect::<Vec<_>>().join(", ")).into_owned()
    }

    /// Returns the row of a page.
    fn changed(&self) -> ChangedBuild {
        let (change, by) = match self.change {
            "would-go" => ("would expire", format!("kept before by {}", Self::by(self.before))),
            "would-stay" => ("would be kept", format!("kept by {}", Self::by(self.after))),
            _ => {
                let part = |name: &&str| {
                    let word = if goes(self.after, name) { "would expire" } else { "would be kept" };
                    format!("{name} {word}")
                };
                ("other parts", self.parts.iter().map(part).collect::<Vec<_>>().join(", "))
            }
        };
        ChangedBuild { id: self.after.id.clone(), change: change.to_owned(), by, bytes: self.bytes }
    }

    /// Returns the lines of a table.
    fn lines(&self, said: Said) -> String {
        let (expire, keep) = said.words();
        let id = &self.after.id;
        let size = self.bytes.map_or(String::new(), say::bytes);
        let by = Self::by;
        match self.change {
            "would-go" => format!("{expire}  {id}  {size:>11}  kept before by {}\n", by(self.before)),
            "would-stay" => format!("{keep}  {id}  {size:>11}  kept by {}\n", by(self.after)),
            _ => {
                let line = |name: &&str| {
                    let change = if goes(self.after, name) { expire } else { keep };
                    // Which part has how much of it is not known.
                    let size = if self.parts.len() == 1 { size.as_str() } else { "" };
                    format!("{change}  {id}  {size:>11}  part {name}\n")
                };
                self.parts.iter().map(line).collect()
            }
        }
    }
}

/// Returns whether a part of a build is deleted, or would be but for a brake.
fn goes(verdict: &Verdict, part: &str) -> bool {
    matches!(verdict.parts.get(part), Some(PartFate::Expire | PartFate::Withheld))
}

/// How a change is worded: as one that would be made, or as one that is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    Would,
    Does,
}

impl Said {
    /// Returns the words for a build that expires and for one that is kept, equally wide.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Would => ("would expire", "would keep  "),
            Self::Does => ("now expires ", "now kept    "),
        }
    }
}

/// What an edit changes for many builds.
#[derive(Default, Serialize, JsonSchema)]
struct DiffTotals {
    /// Builds that only the new policy deletes.
    would_go: u64,
    /// Builds that only the old policy deletes.
    would_stay: u64,
    /// Builds that stay with other parts.
    other_parts: u64,
    /// Bytes that the new policy frees beyond the old one; negative when it frees less.
    bytes: i64,
}

impl DiffTotals {
    fn of(rows: &[&Row<'_>], bytes: i64) -> Self {
        let count = |change| rows.iter().filter(|row| row.change == change).count() as u64;
        let (would_go, would_stay, other_parts) =
            (count("would-go"), count("would-stay"), count("other-parts"));
        Self { would_go, would_stay, other_parts, bytes }
    }

    fn line(&self, said: Said) -> String {
        let parts = match self.other_parts {
            0 => String::new(),
            some => format!(", {} with other parts", say::count(some, "build")),
        };
        let freed = say::bytes(self.bytes.unsigned_abs());
        let freed = match self.bytes {
            0 => String::new(),
            1.. => format!(" (frees {freed} more)"),
            _ => format!(" (frees {freed} less)"),
        };
        if (self.would_go, self.would_stay, self.other_parts) == (0, 0, 0) {
            return "no build is affected now\n".to_owned();
        }
        let going = say::count(self.would_go, "more build");
        let (expire, keep) = match said {
            Said::Would => ("would expire", "would be kept"),
            Said::Does => ("will expire", "will be kept"),
        };
        format!("{going} {expire}, {} more {keep}{parts}{freed}\n", self.would_stay)
    }
}

/// Returns how many bytes what a plan deletes of each build frees; a census alone does not have those of parts.
fn freed(
    setting: &Context,
    policy: &Policy,
    census: &Census,
    plan: &Plan,
    file: Option<&Path>,
) -> Outcome<HashMap<BuildId, u64>> {
    if file.is_none() {
        let freed = crate::ops::retention::would_free(&setting.open()?, policy, census, plan);
        return Ok(freed.into_iter().filter_map(|(id, bytes)| Some((id, bytes.ok()?))).collect());
    }
    let deleted = plan.builds.iter().filter(|verdict| matches!(verdict.fate, Fate::Expire | Fate::Withheld));
    let known = deleted.filter_map(|verdict| {
        let build = census.build(&verdict.id)?;
        Some((verdict.id.clone(), build.bytes_alone.or(build.bytes)?))
    });
    Ok(known.collect())
}

/// Returns what an edit of a policy changes, as JSON and as text.
pub(super) fn difference(
    setting: &Context,
    (old, new): (&Policy, &Policy),
    (file, at): (Option<&Path>, Option<&str>),
    said: Said,
    page: Option<(&Path, [&str; 2])>,
) -> Outcome<(DiffAnswer, String)> {
    let census = known_targets(setting, &[old, new], file, census_of(setting, file)?)?;
    let at = at.map(stamp).transpose()?.unwrap_or(census.at);
    let [before, after] = [old, new].map(|policy| retain(&census, policy, at, &PreviousRuns::default()));
    let were = freed(setting, old, &census, &before, file)?;
    let are = freed(setting, new, &census, &after, file)?;
    let pairs = before.builds.iter().zip(&after.builds);
    let mut rows: Vec<Row<'_>> = pairs.filter_map(|(before, after)| Row::of(before, after)).collect();
    for row in &mut rows {
        let (were, are) = (were.get(&row.after.id).copied(), are.get(&row.after.id).copied());
        row.bytes = match row.change {
            "would-stay" => were,
            "would-go" => are,
            _ => are.or(were),
        };
    }
    let sum = |freed: &HashMap<BuildId, u64>, stream: Option<&Stream>| {
        let of = freed.iter().filter(|(id, _)| stream.is_none_or(|stream| id.stream == *stream));
        i64::try_from(of.map(|(_, bytes)| *bytes).sum::<u64>()).unwrap_or(i64::MAX)
    };
    let totals = |rows: &[&Row<'_>], stream: Option<&Stream>| {
        DiffTotals::of(rows, sum(&are, stream).saturating_sub(sum(&were, stream)))
    };
    let all: Vec<&Row<'_>> = rows.iter().collect();
    let builds = rows.iter().map(DiffRow::of).collect();
    let answer = DiffAnswer { diff: Version, at, builds, totals: totals(&all, None) };
    let mut text = String::new();
    let groups: Vec<&[&Row<'_>]> = all.chunk_by(|a, b| a.after.id.stream == b.after.id.stream).collect();
    for group in &groups {
        group.iter().for_each(|row| text.push_str(&row.lines(said)));
        let stream = group.first().map(|row| &row.after.id.stream);
        if let Some(stream) = stream.filter(|_| groups.len() > 1) {
            text.push_str(&format!("  {stream}: {}", totals(group, Some(stream)).line(said)));
        }
    }
    text.push_str(&totals(&all, None).line(said));
    if let Some((file, [first, second])) = page {
        let side = |name, plan, freed| PolicySide { name, census: &census, plan, freed: Some(freed) };
        let sides = [side(first, &before, &were), side(second, &after, &are)];
        let title = format!("{first} and {second} at {}", at.iso());
        let changes: Vec<ChangedBuild> = rows.iter().map(Row::changed).collect();
        draw(file, &render::policy_page(&title, sides, &[], &changes))?;
    }
    Ok((answer, text))
}
