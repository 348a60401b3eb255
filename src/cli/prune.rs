//! Verbs that delete builds and bring them back: `prune`, `restore`, `sweep`, `hold`, `unhold`.

use super::answer::{Sorted, Version};
use super::args::{HoldArgs, IoPriority, PruneArgs};
use super::context::{Context, now};
use super::exit::{Exit, Failure as Failed, Outcome, Usage};
use super::{naming, say, when};
use crate::decide::policy::start_of;
use crate::decide::{Fate, Plan, PlanOutcome, Verdict};
use crate::mirror::Mirror;
use crate::model::{BuildId, Digest, ErrorKind, Stamp, Stream, check_line, shown};
use crate::ops::Mode;
use crate::ops::retention::Restored;
use crate::ops::retention::concern::Concern;
use crate::ops::retention::{
    Failure, HoldReport, PruneOptions, PruneReport, Skipped, SweepReport, would_archive,
};
use crate::ops::withdraw::tombstone;
use crate::record::{Hold, Lapsed};
use crate::recover::LeftStage;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::process::{Command, Stdio};

/// How many builds a hint names.
const NAMED: usize = 3;

fn build(id: &str) -> Outcome<BuildId> {
    Ok(id.parse().map_err(|error| Usage(format!("{error}")))?)
}

/// Opens the mirror for a verb that removes much: slowly if requested, and with idle I/O priority, so that readers
/// come first.
fn gently(setting: &Context, rate: Option<u32>, priority: IoPriority) -> Outcome<Mirror> {
    if priority == IoPriority::Idle {
        // Threads that start later inherit the priority. Without `ionice`, they have the usual one.
        let own = std::process::id().to_string();
        let ionice = Command::new("ionice").args(["-c", "idle", "-p", &own]).stderr(Stdio::null()).status();
        drop(ionice);
    }
    let mirror = setting.open()?;
    mirror.store().pace(rate.and_then(NonZeroU32::new));
    Ok(mirror)
}

pub(super) fn prune(setting: &Context, args: &PruneArgs) -> Outcome<Exit> {
    let accepted = args.accept.as_deref().map(|text| digest("plan", text)).transpose()?;
    let mirror = gently(setting, args.max_rate, args.io_priority)?;
    let how = PruneOptions { accepted, any_clock: args.accept_clock };
    let (session, mode) = (setting.session(&mirror), Mode::of(args.dry_run));
    let report = crate::ops::retention::prune(&session, &how, &setting.opener(), mode)?;
    if let Some(accepted) = accepted.filter(|accepted| *accepted != report.plan.digest) {
        say::note(&format!(
            "warning: nothing was accepted: the plan is sha256:{} now, not sha256:{accepted}; `mirrorkeep plan` shows it",
            report.plan.digest
        ));
    }
    if args.dry_run {
        if setting.json {
            let PruneReport { plan, skipped, stages, findings, failures, .. } = &report;
            say::json(&Trial { plan, skipped, stages, findings, failures });
        } else {
            super::plan::show(setting, &report.plan, super::plan::rows(args.expiring));
            say::note("dry run: this is what prune would do; nothing was changed");
            for verdict in would_archive(&report.plan, &report) {
                if let Some(archive) = &verdict.archive {
                    say::out(&format!(
                        "would copy  {}  to {}, and delete it here\n",
                        verdict.id,
                        shown(&archive.to)
                    ));
                }
            }
            for skipped in &report.skipped {
                say::out(&format!("would skip  {}  {}\n", skipped.id, shown(&skipped.why)));
            }
            stages(&report.stages, "would clear");
        }
        report.failures.iter().for_each(failure);
        report.findings.iter().for_each(finding);
        return Ok(exit(&report));
    }
    if setting.json {
        say::json(&Sorted(PruneAnswer { prune: Version, report: &report }));
    } else {
        tell(&report);
        if how.accepted.is_some() && report.plan.totals.withheld > 0 && !frozen(&report.plan).is_empty() {
            say::note(
                "accepted: once a frozen stream is repaired, the next prune deletes what this plan withholds there",
            );
        }
    }
    Ok(exit(&report))
}

/// Returns how a run ended: with failures, with the exit code of the plan, or with findings.
fn exit(report: &PruneReport) -> Exit {
    if !report.failures.is_empty() || !report.trash.failures.is_empty() {
        return Exit::Failed;
    }
    match Exit::from(report.outcome) {
        Exit::Done if !report.findings.is_empty() => Exit::Findings,
        exit => exit,
    }
}

/// Writes one problem that needs a person, and the command that helps.
fn finding(found: &Concern) {
    finding_of(found, &[]);
}

/// Writes the same, with the streams that are frozen because of it.
fn finding_of(found: &Concern, frozen: &[(&Stream, &str)]) {
    let hint = found.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
    let frozen = frozen.iter().filter(|(_, why)| names(why, found));
    let frozen: String =
        frozen.map(|(stream, _)| format!("; nothing of {stream} is deleted until it is fixed")).collect();
    say::note(&format!("finding: {}: {}{frozen}{hint}", found.path, shown(&found.why)));
}

/// Returns whether a text is about one of the findings.
fn names(text: &str, found: &Concern) -> bool {
    text.contains(&format!("`{}`", found.path))
}

/// The answer of `prune`.
#[derive(Serialize, JsonSchema)]
pub(super) struct PruneAnswer<'a> {
    prune: Version,
    /// What was done.
    report: &'a PruneReport,
}

/// The answer of `prune --dry-run`: the plan, and what else a prune would do.
#[derive(Serialize, JsonSchema)]
pub(super) struct Trial<'a> {
    #[serde(flatten)]
    plan: &'a Plan,
    /// The expired builds that would stay, since their archive cannot be used.
    skipped: &'a [Skipped],
    /// The stages of interrupted publishes that would be deleted.
    stages: &'a [LeftStage],
    /// The problems that need a person.
    findings: &'a [Concern],
    /// What cannot be read.
    failures: &'a [Failure],
}

/// Lists stages of interrupted publishes.
fn stages(stages: &[LeftStage], done: &str) {
    for stage in stages {
        let (bytes, days) = (say::bytes(stage.bytes), say::count(stage.age.unsigned_abs() / 86400, "day"));
        say::out(&format!("{done}  {}  ({bytes}, left by an interrupted publish {days} ago)\n", stage.path));
    }
}

pub(super) fn digest(shown_by: &str, text: &str) -> Outcome<Digest> {
    let plain = text.strip_prefix("sha256:").unwrap_or(text);
    Ok(plain
        .parse()
        .map_err(|_| Usage(format!("`{}` is not a digest; expected the one that `mirrorkeep {shown_by}` showed, `sha256:` and 64 hexadecimal digits", shown(text))))?)
}

fn tell(report: &PruneReport) {
    for gone in &report.pruned {
        let why = report.plan.verdict(&gone.id).map(Verdict::lapsed).unwrap_or_default();
        let why = Lapsed::line(&why);
        let where_to = match &gone.archive {
            Some(archive) => format!("archived in {}", shown(&archive.address)),
            None => format!("trash until {}", gone.until.iso()),
        };
        say::out(&format!("pruned    {}  {} ({where_to})\n", gone.id, shown(&why)));
    }
    for gone in &report.trimmed {
        let (id, parts, until) = (&gone.id, gone.parts.join(", "), gone.until.iso());
        say::out(&format!("trimmed   {id}  without {} (trash until {until})\n", shown(&parts)));
    }
    for skipped in &report.skipped {
        say::out(&format!("skipped   {}  {}\n", skipped.id, shown(&skipped.why)));
    }
    swept(&report.trash, Mode::Real);
    stages(&report.stages, "cleared ");
    report.failures.iter().for_each(failure);
    let is_found = |text: &str| report.findings.iter().any(|found| names(text, found));
    for warning in report.plan.warnings.iter().filter(|warning| !is_found(warning)) {
        say::note(&format!("warning: {warning}"));
    }
    for refusal in &report.plan.refusals {
        say::note(&format!("refused: {refusal}"));
    }
    let totals = report.plan.totals;
    let held = report.plan.builds.iter().filter(|verdict| verdict.is_held_back());
    let (waiting, held): (Vec<&Verdict>, Vec<&Verdict>) = held.partition(|verdict| verdict.waits_its_turn());
    if !waiting.is_empty() {
        let waiting = say::count(waiting.len() as u64, "build");
        say::note(&format!(
            "{waiting} will be deleted by the next runs, since `max_per_run` limits each run"
        ));
    }
    if !held.is_empty() {
        let whole = held.iter().filter(|verdict| verdict.fate == Fate::Withheld).count();
        let builds = say::count(whole as u64, "build");
        let parts = match held.len() - whole {
            0 => String::new(),
            more => format!(" and parts of {}", say::count(more as u64, "build")),
        };
        let accept = report.accept.as_ref();
        let accept = accept.map(|digest| {
            format!(", and `mirrorkeep prune --accept {digest}` deletes what a brake withholds")
        });
        let accept = accept.unwrap_or_default();
        say::note(&format!("withheld: {builds}{parts}; `mirrorkeep plan` gives the reasons{accept}"));
    }
    let frozen = frozen(&report.plan);
    report.findings.iter().for_each(|found| finding_of(found, &frozen));
    for (stream, why) in frozen.into_iter().filter(|(_, why)| !is_found(why)) {
        say::note(&format!("frozen: {stream}: {}", shown(why)));
    }
    if totals.blocked > 0 {
        say::note(&format!(
            "blocked: {}; `mirrorkeep plan` gives the reasons",
            say::count(totals.blocked as u64, "build")
        ));
    }
    if let Some(lacking) = report.plan.shortfall.filter(|_| report.outcome == PlanOutcome::Shortfall) {
        let (lacking, why) = (say::bytes(lacking), report.plan.obstacles());
        say::note(&format!(
            "shortfall: {lacking} cannot be freed: {}; `mirrorkeep explain ID` gives all reasons for a build",
            shown(&why)
        ));
    }
    let (pruned, swept) = (report.pruned.len(), report.trash.swept.len());
    // What could not be deleted counts as kept.
    let kept = (totals.keep + totals.expire).saturating_sub(pruned);
    let other = [(totals.withheld, "withheld"), (totals.blocked, "blocked")];
    let other = other.into_iter().filter(|(count, _)| *count > 0);
    let other: String = other.map(|(count, what)| format!(", {count} {what}")).collect();
    say::out(&format!("{} pruned, {swept} swept, {kept} kept{other}\n", say::count(pruned as u64, "build")));
}

/// Returns each frozen stream, with what lifts the freeze; accepting a plan does not.
fn frozen(plan: &Plan) -> Vec<(&Stream, &str)> {
    let mut frozen = Vec::new();
    for stream in plan.builds.chunk_by(|a, b| a.id.stream == b.id.stream) {
        let mut reasons = stream.iter().flat_map(|verdict| &verdict.reasons);
        let why = reasons.find(|reason| &*reason.rule == "freeze").and_then(|why| why.detail.as_deref());
        if let (Some(build), Some(why)) = (stream.first(), why) {
            frozen.push((&build.id.stream, why));
        }
    }
    frozen
}

fn swept(report: &SweepReport, mode: Mode) {
    if mode == Mode::Trial {
        let back = report.restored.iter();
        back.for_each(|id| say::out(&format!("would restore  {id}  it is needed again\n")));
        report.swept.iter().for_each(|id| say::out(&format!("would sweep  {id}\n")));
        return report.failures.iter().for_each(failure);
    }
    report.restored.iter().for_each(|id| say::out(&format!("restored  {id}  it is needed again\n")));
    report.swept.iter().for_each(|id| say::out(&format!("swept     {id}\n")));
    report.failures.iter().for_each(failure);
}

fn failure(failure: &Failure) {
    say::note(&format!("failed: {}: {}", failure.path, failure.error));
}

/// The answer of `sweep`.
#[derive(Serialize, JsonSchema)]
pub(super) struct SweepAnswer<'a> {
    sweep: Version,
    /// Whether nothing was changed.
    dry_run: bool,
    /// What was done, or would be.
    report: &'a SweepReport,
}

pub(super) fn sweep(
    setting: &Context,
    max_rate: Option<u32>,
    priority: IoPriority,
    dry_run: bool,
) -> Outcome<Exit> {
    let mirror = gently(setting, max_rate, priority)?;
    let report = crate::ops::retention::sweep(&setting.session(&mirror), Mode::of(dry_run))?;
    if setting.json {
        say::json(&Sorted(SweepAnswer { sweep: Version, dry_run, report: &report }));
    } else {
        swept(&report, Mode::of(dry_run));
        let builds = say::count(report.swept.len() as u64, "build");
        if dry_run {
            say::out(&format!("would sweep {builds}\n"));
        } else {
            say::out(&format!("{builds} swept, {} removed\n", say::count(report.entries, "file")));
        }
    }
    Ok(if report.failures.is_empty() { Exit::Done } else { Exit::Failed })
}

/// The answer of `restore`.
#[derive(Serialize, JsonSchema)]
pub(super) struct RestoreAnswer<'a> {
    restore: Version,
    /// Whether nothing was changed.
    dry_run: bool,
    /// The build that was restored, or would be.
    build: &'a Restored,
}

pub(super) fn restore(setting: &Context, id: &str, dry_run: bool) -> Outcome {
    let (mirror, named) = (setting.open()?, id);
    let id = build(named).map_err(|failure| match trashed_as(&mirror, named) {
        Some(hint) => Failed { class: ErrorKind::Usage.hint(hint), ..failure },
        None => failure,
    })?;
    if mirror.layout().build_path(&id).is_err()
        && let Some(id) = naming::named(&mirror, named)?
    {
        let error = Usage(format!("`{named}` is an alias of {id}, which is not in the trash"));
        let hint = "`mirrorkeep trash list` lists the builds that can be restored, by their IDs";
        return Err(Failed { error: Box::new(error), class: ErrorKind::Usage.hint(hint) });
    }
    naming::has_place(&mirror, &id)?;
    let withdrawn = tombstone(&mirror, &id)?;
    let restored = crate::ops::retention::restore(&setting.session(&mirror), &id, Mode::of(dry_run))?;
    if let Some(tombstone) = withdrawn {
        say::note(&format!(
            "warning: it was withdrawn at {}: {}; the aliases that it had then stay where they are: `mirrorkeep check` names \
             those that are older than the newest build, and `mirrorkeep alias set ALIAS {id}` sets one",
            tombstone.at.iso(),
            shown(&tombstone.why)
        ));
    }
    if setting.json {
        say::json(&Sorted(RestoreAnswer { restore: Version, dry_run, build: &restored }));
    } else {
        let done = if dry_run { "would restore" } else { "restored" };
        let until =
            restored.held_until.map(|until| format!(", held until {}", until.iso())).unwrap_or_default();
        say::out(&format!("{done} {}{until}\n", restored.id));
    }
    Ok(())
}

/// Returns a hint for a name without its stream: the builds in the trash that have it, or those to which it leads.
fn trashed_as(mirror: &Mirror, named: &str) -> Option<String> {
    let (trashed, _) = crate::ops::status::trashed(mirror).ok()?;
    let found: BTreeSet<&BuildId> =
        trashed.iter().map(|one| &one.id).filter(|id| id.name.as_str() == named).collect();
    let commands: Vec<String> =
        found.iter().take(NAMED).map(|id| format!("`mirrorkeep restore {id}`")).collect();
    if !commands.is_empty() {
        return Some(format!("{} restores it", commands.join(" or ")));
    }
    let list = "`mirrorkeep trash list` lists the builds that can be restored, by their IDs";
    Some(naming::alike(mirror, named).map_or_else(|| list.to_owned(), |alike| format!("{list}; {alike}")))
}

/// The answer of `hold` and `unhold`.
#[derive(Serialize, JsonSchema)]
pub(super) struct HoldAnswer<'a> {
    hold: Version,
    /// Whether nothing was changed.
    dry_run: bool,
    /// What was done, or would be.
    report: &'a HoldReport,
}

pub(super) fn hold(setting: &Context, args: &HoldArgs) -> Outcome {
    let (named, why) = (args.id.as_deref().unwrap_or_default(), args.why.as_deref().unwrap_or_default());
    check_line(why).map_err(|error| Usage(format!("--why: {error}")))?;
    let at = now();
    let until = args.until.as_deref().map(|text| when::future("--until", text, at)).transpose()?;
    if let Some(until) = until.filter(|until| *until <= at) {
        let (until, at) = (until.iso(), at.iso());
        return Err(Usage(format!("--until {until} is not in the future (it is {at} now)")).into());
    }
    let wanted = Hold { who: setting.who.clone(), why: why.to_owned(), until, since: Some(at) };
    let mirror = setting.open()?;
    let id = naming::build(&mirror, named)?;
    let report = crate::ops::retention::hold(&setting.session(&mirror), &id, wanted, Mode::of(args.dry_run))?;
    report_hold(setting, &report, ("held", "hold"), args.dry_run);
    Ok(())
}

/// Parses the instant of an option, or a day, which counts as its last second in UTC.
pub(super) fn last_second(option: &str, text: &str) -> Outcome<Stamp> {
    let day = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| text.len() == 10);
    let end = day.and_then(|day| start_of(day.succ_opt()?, chrono_tz::UTC)?.checked_add(-1));
    match (end, text.parse()) {
        (Some(end), _) => Ok(end),
        (None, Ok(stamp)) => Ok(stamp),
        (None, Err(error)) => {
            Err(Usage(format!("{option}: {error}; so is a day such as `2019-01-31`")).into())
        }
    }
}

pub(super) fn unhold(setting: &Context, id: &str, why: Option<&str>, dry_run: bool) -> Outcome {
    let mirror = setting.open()?;
    let id = naming::build(&mirror, id)?;
    let report = crate::ops::retention::unhold(&setting.session(&mirror), &id, why, Mode::of(dry_run))?;
    report_hold(setting, &report, ("removed the hold on", "remove the hold on"), dry_run);
    Ok(())
}

fn report_hold(setting: &Context, report: &HoldReport, (done, would): (&str, &str), dry_run: bool) {
    if setting.json {
        say::data(&Sorted(HoldAnswer { hold: Version, dry_run, report }));
        return;
    }
    match (report.changed, dry_run) {
        (true, false) => say::out(&format!("{done} {}\n", report.id)),
        (true, true) => say::out(&format!("would {would} {}\n", report.id)),
        (false, _) if report.holds.is_empty() => say::out(&format!("{} is not held\n", report.id)),
        (false, false) => say::out(&format!("{} is unchanged\n", report.id)),
        (false, true) => say::out(&format!("would change nothing of {}\n", report.id)),
    }
    if report.restored {
        let back = if dry_run { "it would be restored" } else { "it was restored" };
        say::out(&format!("{back} from the trash\n"));
    }
    let hold_line = if dry_run { "hold after that:" } else { "hold" };
    for hold in &report.holds {
        let until = hold.until.map(|until| format!(" until {}", until.iso())).unwrap_or_default();
        say::out(&format!("  {hold_line}  {} ({}){until}\n", shown(&hold.why), shown(&hold.who)));
    }
}
