//! The verbs of `policy`: is it sound, does it do what its examples say, what will it do, what would an edit change.

use super::answer::{Sorted, Version};
use super::args::PolicyVerb;
use super::chosen::choose;
use super::context::{Context, now};
use super::exit::{Exit, Outcome, Usage};
use super::judged::{self, Tried};
use super::plan::{read_census, stamp};
use super::say;
use crate::census::Census;
use crate::decide::policy::{Policy, Span};
use crate::decide::{
    Fate, Forward, PartFate, Plan, PreviousRuns, SIMULATED, Verdict, coming, lint, retain, simulate_to_end,
};
use crate::mirror::{chain, survey};
use crate::model::{BuildId, Digest, Stamp, Stream};
use crate::ops::Mode;
use crate::ops::retention::plan::PlanError;
use crate::ops::settings::SettingReport;
use crate::ops::targets::note_mirrored;
use crate::render::{ChangedBuild, PolicySide, Series};
use crate::{model, render};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// The answer of `policy list`.
#[derive(Serialize, JsonSchema)]
pub(super) struct PoliciesAnswer<'a> {
    policy: Version,
    /// The names of the shipped policies.
    policies: &'a [&'a str],
}

/// The answer of `policy show`.
#[derive(Serialize, JsonSchema)]
pub(super) struct PolicyAnswer<'a> {
    policy: Version,
    /// The digest of the file.
    digest: Digest,
    /// The file.
    yaml: &'a str,
}

/// The answer of `policy set`.
#[derive(Serialize, JsonSchema)]
pub(super) struct PolicySetAnswer<'a> {
    policy: Version,
    /// Whether nothing was changed.
    dry_run: bool,
    /// What was done, or would be.
    report: &'a SettingReport,
    /// What changes for the builds of the mirror; `null` if there was no usable policy.
    changes: Option<DiffAnswer>,
}

/// The answer of `policy simulate`.
#[derive(Serialize, JsonSchema)]
pub(super) struct SimulateAnswer<'a> {
    simulate: Version,
    /// The instant at which the simulation begins.
    from: Stamp,
    /// The state of the mirror at each instant.
    series: &'a [Series],
}

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

pub(super) fn policy(setting: &Context, verb: &PolicyVerb) -> Outcome<Exit> {
    match verb {
        PolicyVerb::List => {
            let names: Vec<&str> = Policy::shipped_names().collect();
            if setting.json {
                say::json(&Sorted(PoliciesAnswer { policy: Version, policies: &names }));
            } else {
                say::out(&(names.join("\n") + "\n"));
            }
        }
        PolicyVerb::Show { policy } => {
            let policy = named(setting, policy.as_deref())?;
            if setting.json {
                let (digest, yaml) = (policy.digest, policy.text());
                say::data(&Sorted(PolicyAnswer { policy: Version, digest, yaml }));
            } else {
                say::file(policy.text());
            }
        }
        PolicyVerb::Schema => say::json(&Policy::schema()),
        PolicyVerb::Lint { policy, census } => return lint_it(setting, policy.as_deref(), census.as_deref()),
        PolicyVerb::Test { policy } => return test(setting, policy.as_deref()),
        PolicyVerb::Simulate { policy, census, at, length, cadence, svg, html } => {
            let how = (length.as_str(), cadence.as_deref(), at.as_deref());
            let drawn = Drawn { svg: svg.as_deref(), html: html.as_deref() };
            return forward(setting, policy.as_deref(), census.as_ref(), how, drawn);
        }
        PolicyVerb::Diff { old, new, census, at, html } => {
            let census_file = census.as_deref();
            let names = [old.as_str(), new.as_str()];
            let (old, new) = (choose(old)?.1, choose(new)?.1);
            let page = html.as_deref().map(|file| (file, names));
            let (answer, text) =
                difference(setting, (&old, &new), (census_file, at.as_deref()), Said::Would, page)?;
            if setting.json {
                say::json(&Sorted(answer));
            } else {
                say::out(&text);
            }
        }
        PolicyVerb::Set { policy, dry_run } => set(setting, policy, *dry_run)?,
    }
    Ok(Exit::Done)
}

/// Returns the policy that was named, or the mirror's.
fn named(setting: &Context, name: Option<&str>) -> Outcome<Policy> {
    match name {
        Some(name) => Ok(choose(name)?.1),
        None => Ok(crate::ops::retention::policy_of(&setting.open()?)?),
    }
}

/// Returns the census of a file, or the mirror's.
fn census_of(setting: &Context, file: Option<&Path>) -> Outcome<Census> {
    match file {
        Some(file) => read_census(file),
        None => Ok(survey(&setting.open()?, now())?.census),
    }
}

/// Adds to the census of a mirror what its targets lack for which one of these policies waits; one from a file states it itself.
fn known_targets(
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

fn lint_it(setting: &Context, name: Option<&str>, file: Option<&Path>) -> Outcome<Exit> {
    let policy = named(setting, name)?;
    // Without a mirror, a policy that was named is judged by itself.
    let census = match (name, file) {
        (Some(_), None) => census_of(setting, file).ok(),
        _ => Some(census_of(setting, file)?),
    };
    let census = census.map(|census| known_targets(setting, &[&policy], file, census)).transpose()?;
    let findings = lint(&policy, census.as_ref());
    Ok(judged::findings(setting.json, "policy", name.unwrap_or("policy"), &findings))
}

fn test(setting: &Context, name: Option<&str>) -> Outcome<Exit> {
    let policy = named(setting, name)?;
    let tried: Vec<_> = (policy.tests.iter())
        .map(|test| Tried { name: &test.name, surprises: policy.surprises(test) })
        .collect();
    let what = ("policy", name.unwrap_or("policy"));
    Ok(judged::examples(setting.json, what, &tried, |surprise| (&surprise.build, &surprise.message)))
}

fn seconds(text: &str) -> Outcome<i64> {
    let span: Span = text.parse().map_err(|error| Usage(format!("{error}")))?;
    if span.is_zero() {
        Err(Usage(format!("`{text}` is zero; expected a length of time such as `24h`")).into())
    } else {
        Ok(span.seconds())
    }
}

/// The files that a simulation is drawn into.
struct Drawn<'a> {
    svg: Option<&'a Path>,
    html: Option<&'a Path>,
}

/// Writes a drawing or a page.
fn draw(file: &Path, text: &str) -> Outcome {
    std::fs::write(file, text)
        .map_err(|error| crate::store::StoreError::new("write the drawing", file.display(), error))?;
    Ok(())
}

fn forward(
    setting: &Context,
    name: Option<&str>,
    file: Option<&PathBuf>,
    (length, cadence, at): (&str, Option<&str>, Option<&str>),
    drawn: Drawn<'_>,
) -> Outcome<Exit> {
    let (length, cadence) = (seconds(length)?, cadence.map(seconds).transpose()?);
    let policy = named(setting, name)?;
    let mut census = census_of(setting, file.map(PathBuf::as_path))?;
    if file.is_none() {
        for (id, error) in crate::ops::retention::sharing::share_out(&setting.open()?, &mut census) {
            say::note(&format!("warning: how many bytes `{id}` shares is not known: {error}"));
        }
    }
    let from = at.map(stamp).transpose()?.unwrap_or(census.at);
    // Day by day, but no more points than a drawing can show.
    let every = 86_400.max(length / 2000);
    let how = Forward { from, length, cadence, every };
    let many = coming(&census, how);
    if many > SIMULATED {
        return Err(Usage(format!(
            "{many} builds would come, and at most {SIMULATED} are simulated; a shorter `--for`, a longer `--cadence` or a census with fewer streams is accepted"
        ))
        .into());
    }
    let (ticks, end) = simulate_to_end(&census, &policy, how);
    let series: Vec<Series> = (ticks.iter())
        .map(|tick| Series {
            at: tick.at,
            builds: tick.builds,
            bytes: tick.bytes,
            pruned: tick.pruned,
            withheld: tick.withheld,
        })
        .collect();
    let title = format!("{} from {}", name.unwrap_or("the mirror's policy"), from.spell("%Y-%m-%d"));
    if let Some(svg) = drawn.svg {
        draw(svg, &render::svg(&series, &title))?;
    }
    if let Some(html) = drawn.html {
        let plan = |census: &Census, at| retain(census, &policy, at, &PreviousRuns::default());
        let (first, last) = (plan(&census, from), plan(&end, end.at));
        let side = |name, census, plan| PolicySide { name, census, plan, freed: None };
        let sides = [side("At the start", &census, &first), side("At the end", &end, &last)];
        draw(html, &render::policy_page(&title, sides, &series, &[]))?;
    }
    if setting.json {
        say::json(&Sorted(SimulateAnswer { simulate: Version, from, series: &series }));
    } else {
        say::out(&render::chart(&series, say::columns()));
        if policy.brakes.is_some() {
            say::out("the brakes of the policy are included\n");
        }
    }
    Ok(Exit::Done)
}

/// What an edit changes for one build.
struct Row<'a> {
    /// A stable word.
    change: &'static str,
    before: &'a Verdict,
    after: &'a Verdict,
    /// Its parts with another fate.
    parts: Vec<&'a str>,
    /// What deleting frees, where that is known.
    bytes: Option<u64>,
}

impl<'a> Row<'a> {
    /// Compares two verdicts on one build; nothing when an edit changes nothing.
    fn of(before: &'a Verdict, after: &'a Verdict) -> Option<Self> {
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
enum Said {
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
            return "no build is affected\n".to_owned();
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

/// Puts a policy in force, and says what that changes for the builds that are there.
fn set(setting: &Context, name: &str, dry_run: bool) -> Outcome {
    let (chosen, new) = choose::<Policy>(name)?;
    let mirror = setting.open()?;
    let said = if dry_run { Said::Would } else { Said::Does };
    let changes = match crate::ops::retention::policy_of(&mirror) {
        Ok(old) => Some(difference(setting, (&old, &new), (None, None), said, None)?),
        Err(PlanError::NoPolicy) => None,
        // This is the way to replace it.
        Err(error) => {
            let why = model::shown(&chain(&error)).into_owned();
            say::note(&format!(
                "warning: what changes is not known, since the policy in force cannot be used: {why}"
            ));
            None
        }
    };
    let census = known_targets(setting, &[&new], None, survey(&mirror, now())?.census)?;
    let findings = lint(&new, Some(&census));
    let report = crate::ops::settings::set_policy(&setting.session(&mirror), &chosen, Mode::of(dry_run))?;
    for found in findings.iter().filter(|found| judged::is_grave(found)) {
        say::note(&judged::line(name, found));
    }
    if setting.json {
        let changes = changes.map(|(answer, _)| answer);
        say::json(&Sorted(PolicySetAnswer { policy: Version, dry_run, report: &report, changes }));
        return Ok(());
    }
    if let Some((_, text)) = changes {
        say::out(&text);
    }
    let using = if dry_run { "would use" } else { "now using" };
    say::out(&if report.changed {
        format!("{using} the policy `{}`\n", model::shown(&report.after))
    } else {
        format!("the policy `{}` is in force already\n", model::shown(&report.after))
    });
    Ok(())
}

/// Returns what an edit of a policy changes, as JSON and as text.
fn difference(
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
