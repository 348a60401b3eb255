//! The verbs of promotion: `vote`, `waive`, `reject`, `promote`, `demote`, `bundle`, `stages`, `history`.

use super::answer::{Sorted, Version};
use super::args::{
    DemoteArgs, PromoteArgs, RejectArgs, StagesArgs, UnrejectArgs, UnwaiveArgs, VoteArg, VoteArgs, WaiveArgs,
};
use super::context::{Context, now};
use super::exit::{Exit, Failure, Outcome, Usage};
use super::{naming, say, when};
use crate::commit::Moved;
use crate::decide::pipeline::{Candidate, Waiver, WaiverScope};
use crate::mirror::Mirror;
use crate::model::{BuildId, ErrorKind, RelPath, Stamp, Stream, check_line, shown};
use crate::ops::Mode;
use crate::ops::bundle::BundleReport;
use crate::ops::matching::Matching;
use crate::ops::promotion::{DemoteReport, NameHistory, PromoteReport, VoteReport};
use crate::ops::promotion::{
    DemoteRequest, PromoteRequest, PromotedAs, RejectReport, Rejection, StageMove, StageStatus, Vote,
    VoteResult, WaiveReport,
};
use crate::ops::publish::PublishOutcome;
use crate::record::{NameMove, TagMove, Waived};
use crate::render::{Align, person};
use schemars::JsonSchema;
use serde::Serialize;

/// The answer of `vote`.
#[derive(Serialize, JsonSchema)]
pub(super) struct VoteAnswer<'a> {
    vote: Version,
    /// Whether nothing was changed.
    dry_run: bool,
    #[serde(flatten)]
    report: &'a VoteReport,
}

pub(super) fn vote(setting: &Context, args: &VoteArgs) -> Outcome {
    if let Some(url) = &args.url {
        check_line(url).map_err(|error| Usage(format!("--url: {error}")))?;
    }
    let mirror = setting.open()?;
    let result = match args.result {
        VoteArg::Success => VoteResult::Success,
        VoteArg::Failure => VoteResult::Failure,
    };
    let vote =
        Vote { id: naming::build(&mirror, &args.id)?, job: args.job.clone(), result, url: args.url.clone() };
    let report = crate::ops::promotion::vote(&setting.session(&mirror), &vote, Mode::of(args.dry_run))?;
    if setting.json {
        say::json(&Sorted(VoteAnswer { vote: Version, dry_run: args.dry_run, report: &report }));
        return Ok(());
    }
    let before = match &report.before {
        Some(before) if before != result.as_str() => format!(" (it was {before})"),
        _ => String::new(),
    };
    let would = if args.dry_run { "would record: " } else { "" };
    say::out(&format!("{would}{} voted {} on {}{before}\n", report.job, result.as_str(), report.id));
    for stage in &report.promotable {
        say::out(&format!(
            "  `mirrorkeep promote {stage} --stream {}` promotes it to {stage}\n",
            report.id.stream
        ));
    }
    Ok(())
}

/// The answer of `waive`.
#[derive(Serialize, JsonSchema)]
pub(super) struct WaiveAnswer<'a> {
    waive: Version,
    /// Whether nothing was changed.
    dry_run: bool,
    #[serde(flatten)]
    report: &'a WaiveReport,
}

/// The answer of `unwaive`.
#[derive(Serialize, JsonSchema)]
pub(super) struct UnwaiveAnswer<'a> {
    unwaive: Version,
    /// Whether nothing was changed.
    dry_run: bool,
    #[serde(flatten)]
    report: &'a WaiveReport,
}

pub(super) fn waive(setting: &Context, args: &WaiveArgs) -> Outcome {
    check_line(&args.why).map_err(|error| Usage(format!("--why: {error}")))?;
    let until = args.until.as_deref().map(|text| when::future("--until", text, now())).transpose()?;
    if let Some(until) = until.filter(|until| *until <= now()) {
        return Err(Usage(format!("--until {} is not in the future", until.iso())).into());
    }
    let mirror = setting.open()?;
    let build = args.build.as_deref().map(|id| naming::build(&mirror, id)).transpose()?;
    let waiver =
        Waived { name: args.stage.clone(), job: args.job.clone(), build, until, why: Some(args.why.clone()) };
    let report = crate::ops::promotion::waive(&setting.session(&mirror), &waiver, Mode::of(args.dry_run))?;
    tell_waiver(setting, "waive", &report, args.dry_run);
    Ok(())
}

pub(super) fn unwaive(setting: &Context, args: &UnwaiveArgs) -> Outcome {
    let mirror = setting.open()?;
    let build = args.build.as_deref().map(|id| naming::build(&mirror, id)).transpose()?;
    let of = (args.stage.as_str(), args.job.as_str());
    let mode = Mode::of(args.dry_run);
    let report = crate::ops::promotion::unwaive(&setting.session(&mirror), of, build.as_ref(), mode)?;
    tell_waiver(setting, "unwaive", &report, args.dry_run);
    Ok(())
}

fn tell_waiver(setting: &Context, verb: &str, report: &WaiveReport, dry_run: bool) {
    let WaiveReport { waiver, standing } = report;
    if setting.json {
        match verb {
            "waive" => say::json(&Sorted(WaiveAnswer { waive: Version, dry_run, report })),
            _ => say::json(&Sorted(UnwaiveAnswer { unwaive: Version, dry_run, report })),
        }
        return;
    }
    let scope = match (&waiver.build, waiver.until) {
        (Some(id), _) => format!(" on {id}"),
        (None, Some(until)) => format!(" until {}", until.iso()),
        (None, None) => String::new(),
    };
    let done = match (verb, dry_run) {
        ("waive", false) => "waived",
        ("waive", true) => "would waive",
        (_, false) => "no longer waived:",
        (_, true) => "would no longer waive",
    };
    say::out(&format!("{done} the vote of {} for {}{scope}\n", waiver.job, waiver.name));
    for one in standing {
        say::out(&format!("  {}\n", waiver_line(one)));
    }
}

fn waiver_line(one: &Waiver) -> String {
    let scope = match &one.scope {
        WaiverScope::Build(id) => format!("on {id}"),
        WaiverScope::Until(until) => format!("until {}", until.iso()),
    };
    format!("waived {scope}: {} ({}, {})", shown(&one.why), shown(person(&one.by)), one.since.iso())
}

/// The answer of `reject`.
#[derive(Serialize, JsonSchema)]
pub(super) struct RejectAnswer<'a> {
    reject: Version,
    /// Whether nothing was changed.
    dry_run: bool,
    /// What was done, or would be.
    report: &'a RejectReport,
}

/// The answer of `unreject`.
#[derive(Serialize, JsonSchema)]
pub(super) struct UnrejectAnswer<'a> {
    unreject: Version,
    /// Whether nothing was changed.
    dry_run: bool,
    /// What was done, or would be.
    report: &'a RejectReport,
}

pub(super) fn reject(setting: &Context, args: &RejectArgs) -> Outcome {
    check_line(&args.why).map_err(|error| Usage(format!("--why: {error}")))?;
    let mirror = setting.open()?;
    let id = naming::build(&mirror, &args.id)?;
    let rejection = Rejection { id, stage: args.stage.clone(), why: args.why.clone() };
    let report =
        crate::ops::promotion::reject(&setting.session(&mirror), &rejection, Mode::of(args.dry_run))?;
    tell_rejection(setting, "reject", &report, args.dry_run);
    Ok(())
}

pub(super) fn unreject(setting: &Context, args: &UnrejectArgs) -> Outcome {
    let mirror = setting.open()?;
    let id = naming::build(&mirror, &args.id)?;
    let (session, mode) = (setting.session(&mirror), Mode::of(args.dry_run));
    let report = crate::ops::promotion::unreject(&session, &id, args.stage.as_deref(), mode)?;
    tell_rejection(setting, "unreject", &report, args.dry_run);
    Ok(())
}

fn tell_rejection(setting: &Context, verb: &str, report: &RejectReport, dry_run: bool) {
    if setting.json {
        match verb {
            "reject" => say::json(&Sorted(RejectAnswer { reject: Version, dry_run, report })),
            _ => say::json(&Sorted(UnrejectAnswer { unreject: Version, dry_run, report })),
        }
        return;
    }
    let done = match (verb, dry_run, report.before.is_some()) {
        ("reject", false, _) => "rejected",
        ("reject", true, _) => "would reject",
        (_, false, true) => "no longer rejected:",
        (_, true, true) => "would no longer reject",
        (_, _, false) => "not rejected:",
    };
    let stage = report.stage.as_ref().map(|stage| format!(" for {stage}")).unwrap_or_default();
    let why = report.why.as_ref().map(|why| format!(": {}", shown(why))).unwrap_or_default();
    say::out(&format!("{done} {}{stage}{why}\n", report.id));
    for stage in &report.still {
        let (of, option) = match stage {
            Some(stage) => (format!("for {stage}"), format!(" --stage {stage}")),
            None => ("for every stage".to_owned(), String::new()),
        };
        say::note(&format!(
            "warning: it is still rejected {of}; `mirrorkeep unreject {}{option}` takes that back",
            report.id
        ));
    }
    for stage in &report.has {
        say::note(&format!(
            "warning: it has the stage `{stage}`; `mirrorkeep demote {stage} --stream {} --why TEXT` takes that away",
            report.id.stream
        ));
    }
}

/// The answer of `promote`.
#[derive(Serialize, JsonSchema)]
pub(super) struct PromoteAnswer<'a> {
    promote: Version,
    /// Whether nothing was changed.
    dry_run: bool,
    #[serde(flatten)]
    report: &'a PromoteReport,
}

pub(super) fn promote(setting: &Context, args: &PromoteArgs) -> Outcome<Exit> {
    if let Some(why) = &args.why {
        check_line(why).map_err(|error| Usage(format!("--why: {error}")))?;
    }
    let streams = pattern(args.stream.as_deref())?;
    let mirror = setting.open()?;
    let build = args.build.as_deref().map(|id| naming::build(&mirror, id)).transpose()?;
    let request = PromoteRequest {
        stage: args.stage.clone(),
        streams,
        build,
        force: args.force,
        take_over: args.take_over,
        why: args.why.clone(),
    };
    let report = crate::ops::promotion::promote(&setting.session(&mirror), &request, Mode::of(args.dry_run))?;
    if setting.json {
        say::json(&Sorted(PromoteAnswer { promote: Version, dry_run: args.dry_run, report: &report }));
    } else {
        report.stages.iter().for_each(|one| tell_move(one, args.dry_run));
        failed_moves(&report.stages);
        for one in &report.bundles {
            let done = if args.dry_run { "would bundle" } else { "bundled" };
            let before = one.before.as_ref().filter(|before| **before != one.build);
            let before = before.map(|id| format!(" (it was at {})", id.name)).unwrap_or_default();
            let members = say::count(one.members.len() as u64, "build");
            say::out(&format!("{}: {done} {members} as {}{before}\n", one.stream, one.build.name));
        }
        if report.stages.is_empty() {
            say::note("no stream of the mirror has one of these stages");
        }
    }
    let any = |outcome| report.stages.iter().any(|one| one.outcome == outcome);
    Ok(match (any(PromotedAs::Failed), any(PromotedAs::Interfered)) {
        (true, _) => Exit::Failed,
        (false, true) => Exit::Refused,
        _ if args.require_move && report.moved() == 0 => Exit::Withheld,
        _ => Exit::Done,
    })
}

fn tell_move(one: &StageMove, dry_run: bool) {
    let StageMove { stage, stream, incumbent, .. } = one;
    match one.outcome {
        PromotedAs::Promoted => {
            let done = if dry_run { "would promote" } else { "promoted" };
            let before = incumbent.as_ref().map(|id| format!(" (it was at {})", id.name)).unwrap_or_default();
            say::out(&format!("{stream}: {done} {} to {stage}{before}\n", name(one.build.as_ref())));
            ran(&one.commands, dry_run);
            one.tags.iter().for_each(|tag| tag_move(tag, dry_run));
            for step in &one.carried {
                say::out(&format!("  {}\n", name_move(step, dry_run)));
            }
        }
        PromotedAs::Current => {
            let why = one.why.as_ref().map(|why| format!(": {}", shown(why))).unwrap_or_default();
            say::out(&format!("{stream}: {stage} stays at {}{why}\n", name(incumbent.as_ref())));
            one.tags.iter().for_each(|tag| tag_move(tag, dry_run));
        }
        PromotedAs::Waiting => {
            match incumbent {
                Some(id) => say::out(&format!("{stream}: {stage} stays at {}\n", id.name)),
                None => say::out(&format!("{stream}: no build has {stage} yet\n")),
            }
            one.tags.iter().for_each(|tag| tag_move(tag, dry_run));
            for candidate in one.candidates.iter().take(SHOWN) {
                say::out(&format!("  {}: {}\n", candidate.id.name, lacks(candidate)));
            }
            if let Some(more) = one.candidates.len().checked_sub(SHOWN).filter(|more| *more > 0) {
                say::out(&format!("  and {} more\n", say::count(more as u64, "candidate")));
            }
        }
        PromotedAs::None => {
            let why = one.why.as_ref().map(|why| format!(": {}", shown(why))).unwrap_or_default();
            say::out(&format!("{stream}: {stage} has no build and no candidate{why}\n"));
        }
        PromotedAs::Interfered => {
            let (now, help) = match incumbent {
                Some(id) => (
                    format!("moved to {}", id.name),
                    format!(
                        "`mirrorkeep promote {stage} --stream {stream} --take-over --why TEXT` accepts that, \
                         with `--build ID` it continues to that build"
                    ),
                ),
                None => (
                    "moved to no build".to_owned(),
                    format!(
                        "`mirrorkeep promote {stage} --build ID` moves it to a build, `mirrorkeep promote {stage} --stream {stream} \
                         --take-over --why TEXT` accepts that it is gone"
                    ),
                ),
            };
            say::note(&match &one.why {
                Some(why) => {
                    let hint = one.hint.as_ref().map(|hint| format!("; {}", shown(hint))).unwrap_or_default();
                    format!("{stream}: `{stage}` stays: {}{hint}", shown(why))
                }
                None => format!("{stream}: `{stage}` was {now} without mirrorkeep; {help}"),
            });
            one.tags.iter().for_each(|tag| tag_move(tag, dry_run));
        }
        PromotedAs::Failed => one.tags.iter().for_each(|tag| tag_move(tag, dry_run)),
    }
}

/// Prints which stages were not moved; streams of one bundle have one reason.
fn failed_moves(stages: &[StageMove]) {
    let mut reasons: Vec<(&StageMove, Vec<&str>)> = Vec::new();
    for one in stages.iter().filter(|one| one.outcome == PromotedAs::Failed) {
        let is_same = |other: &StageMove| (&other.stage, &other.why) == (&one.stage, &one.why);
        match reasons.iter_mut().find(|(first, _)| is_same(first)) {
            Some((_, streams)) => streams.push(one.stream.as_str()),
            None => reasons.push((one, vec![one.stream.as_str()])),
        }
    }
    for (one, streams) in reasons {
        let why = one.why.as_deref().unwrap_or_default();
        say::note(&format!("error: {}: {} was not moved: {}", streams.join(", "), one.stage, shown(why)));
        one.hint.iter().for_each(|hint| say::hint(hint));
    }
}

/// Prints the commands that were carried.
fn ran(commands: &[String], dry_run: bool) {
    for command in commands {
        let done = if dry_run { "would run" } else { "ran" };
        say::out(&format!("  {done} {}\n", shown(command)));
    }
}

/// Prints a tag of an image that moved.
fn tag_move(tag: &TagMove, dry_run: bool) {
    let would = if dry_run { "would move " } else { "" };
    let to = tag.to.map_or_else(|| "stays, since it was new".to_owned(), |to| format!("-> sha256:{to}"));
    say::out(&format!("  {would}{} {to}\n", tag.image));
}

/// Returns the name of a build, or a word if there is none.
fn name(id: Option<&BuildId>) -> String {
    id.map_or_else(|| "no build".to_owned(), |id| id.name.to_string())
}

/// Number of waiting candidates that are shown.
const SHOWN: usize = 3;

/// Returns what a candidate lacks.
fn lacks(candidate: &Candidate) -> String {
    if let Some(why) = &candidate.rejected {
        return format!("rejected: {}", shown(why));
    }
    let missing = candidate.missing.join(", ");
    if candidate.unfit {
        return shown(&missing).into_owned();
    }
    let waived = match candidate.waived.as_slice() {
        [] => String::new(),
        jobs => format!("; waived: {}", jobs.join(", ")),
    };
    format!("lacks {}", shown(&(missing + &waived)))
}

fn name_move(step: &NameMove, dry_run: bool) -> String {
    let would = if dry_run { "would move " } else { "" };
    match &step.to {
        Some(to) => format!("{would}{} -> {to}", step.alias),
        None if dry_run => format!("would remove {}", step.alias),
        None => format!("removed {}", step.alias),
    }
}

/// The answer of `demote`.
#[derive(Serialize, JsonSchema)]
pub(super) struct DemoteAnswer<'a> {
    demote: Version,
    /// Whether nothing was changed.
    dry_run: bool,
    #[serde(flatten)]
    report: &'a DemoteReport,
}

pub(super) fn demote(setting: &Context, args: &DemoteArgs) -> Outcome<Exit> {
    check_line(&args.why).map_err(|error| Usage(format!("--why: {error}")))?;
    let mirror = setting.open()?;
    let stream: Stream = args.stream.parse().map_err(|error| Usage(format!("--stream: {error}")))?;
    let to = args.to.as_deref().map(|id| naming::build(&mirror, id)).transpose()?;
    let (stage, why, allow_empty) = (args.stage.clone(), args.why.clone(), args.allow_empty);
    let request = DemoteRequest { stage, stream, to, why, allow_empty };
    let report = crate::ops::promotion::demote(&setting.session(&mirror), &request, Mode::of(args.dry_run))?;
    let exit = if report.failures.is_empty() { Exit::Done } else { Exit::Failed };
    if setting.json {
        say::json(&Sorted(DemoteAnswer { demote: Version, dry_run: args.dry_run, report: &report }));
        return Ok(exit);
    }
    if report.already {
        say::note("it was for the same reason; another --why takes the stage from the build that has it now");
    }
    for one in report.members.iter().chain([&report]) {
        demoted(one, args.dry_run);
    }
    for why in &report.failures {
        say::note(&format!("error: the stage moved, but {}", shown(why)));
    }
    report.hints.iter().for_each(|hint| say::hint(hint));
    if let Some(id) = &report.bundle {
        let done = if args.dry_run { "would bundle" } else { "bundled" };
        say::out(&format!("{}: {done} what has {} then as {}\n", id.stream, report.stage, id.name));
    }
    Ok(exit)
}

/// Prints the result for a stage in one stream.
fn demoted(report: &DemoteReport, dry_run: bool) {
    let done = match (report.already, dry_run) {
        (true, true) => "would change nothing: the last demotion moved",
        (true, false) => "nothing to do: the last demotion moved",
        (false, true) => "would move",
        (false, false) => "moved",
    };
    let back = match &report.to {
        Some(id) => format!("back from {} to {}", name(report.from.as_ref()), id.name),
        None => format!("away from {}; no build had it before", name(report.from.as_ref())),
    };
    say::out(&format!("{}: {done} {} {back}\n", report.stream, report.stage));
    ran(&report.commands, dry_run);
    report.tags.iter().for_each(|tag| tag_move(tag, dry_run));
    for step in &report.carried {
        say::out(&format!("  {}\n", name_move(step, dry_run)));
    }
    for stage in &report.also {
        say::note(&format!(
            "warning: the build has the later stage `{stage}`, too; `mirrorkeep demote {stage} --stream {} --why TEXT` \
             takes that away",
            report.stream
        ));
    }
}

/// The answer of `bundle`.
#[derive(Serialize, JsonSchema)]
pub(super) struct BundleAnswer<'a> {
    bundle: Version,
    /// Whether nothing was changed.
    dry_run: bool,
    #[serde(flatten)]
    report: &'a BundleReport,
}

pub(super) fn bundle(setting: &Context, stream: &str, dry_run: bool) -> Outcome {
    let stream: Stream = stream.trim_end_matches('/').parse().map_err(|error| Usage(format!("{error}")))?;
    let mirror = setting.open()?;
    let report = crate::ops::bundle::bundle(&setting.session(&mirror), &stream, Mode::of(dry_run))?;
    for warning in &report.warnings {
        say::note(&format!("warning: {warning}"));
    }
    if setting.json {
        say::json(&Sorted(BundleAnswer { bundle: Version, dry_run, report: &report }));
        return Ok(());
    }
    let done = match report.outcome {
        PublishOutcome::Published => "bundled",
        PublishOutcome::Unchanged | PublishOutcome::InputsUnchanged => "already bundled:",
        PublishOutcome::Trial => "would bundle",
    };
    let members = say::count(report.members.len() as u64, "build");
    say::out(&format!("{stream}: {done} {members} as {}\n", report.id.name));
    report.members.iter().for_each(|id| say::out(&format!("  {id}\n")));
    for Moved { alias, from, to } in report.aliases {
        say::out(&format!("  {}\n", name_move(&NameMove { alias, from, to }, dry_run)));
    }
    Ok(())
}

/// The answer of `stages`.
#[derive(Serialize, JsonSchema)]
pub(super) struct StagesAnswer<'a> {
    stages: Version,
    /// The time at which the mirror was read.
    at: Stamp,
    /// Each stage in each of its streams.
    list: &'a [StageStatus],
}

pub(super) fn stages(setting: &Context, args: &StagesArgs) -> Outcome<Exit> {
    let streams = pattern(args.stream.as_deref())?;
    let mirror = setting.open()?;
    let at = now();
    let list = crate::ops::promotion::stages(&mirror, args.stage.as_deref(), streams.as_ref(), at)?;
    if setting.json {
        say::json(&Sorted(StagesAnswer { stages: Version, at, list: &list }));
    } else {
        let columns = [
            ("STAGE", Align::Left),
            ("STREAM", Align::Left),
            ("BUILD", Align::Left),
            ("AGE", Align::Right),
            ("CANDIDATE", Align::Left),
            ("LACKS", Align::Left),
        ];
        let mut rows: Vec<Vec<String>> = list.iter().map(|one| row(one, at)).collect();
        let mut columns = columns.to_vec();
        if list.iter().any(|one| one.announced_to_stage.is_some()) {
            columns.insert(4, ("AFTER ANNOUNCEMENT", Align::Right));
            for (row, one) in rows.iter_mut().zip(&list) {
                row.insert(4, after_announcement(one));
            }
        }
        super::list::show(&columns, &rows, "no stream of the mirror has one of these stages");
    }
    let concerns: Vec<(String, String)> =
        list.iter().filter_map(|one| Some((one.concern()?, one.hint()))).collect();
    for (why, hint) in &concerns {
        say::note(&format!("warning: {why}; {hint}"));
    }
    Ok(if args.check && !concerns.is_empty() { Exit::Findings } else { Exit::Done })
}

/// Returns how long after its announcement a build got a stage.
fn after_announcement(one: &StageStatus) -> String {
    match one.announced_to_stage {
        None => "-".to_owned(),
        Some(seconds) if seconds < 0 => "before".to_owned(),
        Some(seconds) => crate::render::age(seconds),
    }
}

fn row(one: &StageStatus, at: Stamp) -> Vec<String> {
    use crate::decide::pipeline::Outcome as Stands;
    let none = || "-".to_owned();
    let age = one.created.map(|created| crate::render::age(at.unix() - created.unix()));
    let lacks = match (&one.candidate, one.outcome) {
        (_, Stands::Interfered) => "moved without mirrorkeep".to_owned(),
        (None, _) => one.why.as_deref().map(|why| shown(why).into_owned()).unwrap_or_default(),
        (_, Stands::Promoted) if one.carries_images => {
            "nothing: `promote` moves it if the registry has its images".to_owned()
        }
        (_, Stands::Promoted) => "nothing: `promote` moves it".to_owned(),
        (Some(id), _) => {
            let (missing, waived, rejected) = (one.missing.clone(), one.waived.clone(), one.rejected.clone());
            let candidate = Candidate {
                id: id.clone(),
                missing,
                waived,
                rejected,
                unfit: false,
                voted: false,
                failed: false,
            };
            lacks(&candidate).trim_start_matches("lacks ").to_owned()
        }
    };
    vec![
        one.stage.clone(),
        one.stream.to_string(),
        one.build.as_ref().map_or_else(none, |id| id.name.to_string()),
        age.unwrap_or_else(none),
        one.candidate.as_ref().map_or_else(none, |id| id.name.to_string()),
        lacks,
    ]
}

/// The answer of `history`.
#[derive(Serialize, JsonSchema)]
pub(super) struct HistoryAnswer<'a> {
    history: Version,
    /// The path of the alias.
    alias: &'a RelPath,
    /// The moves of the alias, oldest first.
    moves: &'a [NameHistory],
}

pub(super) fn history(setting: &Context, name: &str) -> Outcome {
    let mirror = setting.open()?;
    let alias = alias(name)?;
    let moves = crate::ops::promotion::track(&mirror, &alias)?;
    if moves.is_empty() && !is_name(&mirror, &alias)? {
        let failure = Failure::from(Usage(format!("no alias `{alias}` exists or ever existed")));
        let hint = naming::alike(&mirror, alias.as_str())
            .unwrap_or_else(|| "`mirrorkeep alias list` lists the aliases".to_owned());
        return Err(Failure { class: ErrorKind::Usage.hint(hint), ..failure });
    }
    if setting.json {
        say::json(&Sorted(HistoryAnswer { history: Version, alias: &alias, moves: &moves }));
        return Ok(());
    }
    if moves.is_empty() {
        say::note(&format!("no move of `{}` is recorded", shown(alias.as_str())));
    }
    for one in &moves {
        let to = one.to.as_ref().map_or_else(|| "removed".to_owned(), |to| format!("-> {}", to.name()));
        let what = match (one.what, one.by_hand) {
            (Some(what), _) => format!(" {what}"),
            (None, true) => " without mirrorkeep".to_owned(),
            (None, false) => String::new(),
        };
        let why = one.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        say::out(&format!("{}  {to}{what} by {}{}\n", one.at.iso(), shown(person(&one.by)), shown(&why)));
        let votes = one.votes.iter().map(|(job, vote)| format!("{job} {vote}"));
        let waived = one.waivers.iter().map(|job| format!("{job} waived"));
        let lacked = one.lacked.iter().map(|what| format!("without {what}"));
        let known: Vec<String> = votes.chain(waived).chain(lacked).collect();
        if !known.is_empty() {
            say::out(&format!("    {}\n", shown(&known.join(", "))));
        }
    }
    Ok(())
}

fn is_name(mirror: &Mirror, alias: &RelPath) -> Outcome<bool> {
    let found = mirror.store().look(alias)?;
    Ok(found.is_some_and(|entry| entry.link.is_some()))
}

fn alias(text: &str) -> Outcome<RelPath> {
    let path: RelPath = text.trim_end_matches('/').parse().map_err(|error| Usage(format!("{error}")))?;
    if path.is_root() || path.is_own() {
        return Err(Usage(format!(
            "`{text}` is not an alias; one such as `master/centos/latest_build` is accepted"
        ))
        .into());
    }
    Ok(path)
}

fn pattern(text: Option<&str>) -> Outcome<Option<Matching>> {
    let read = |text| Matching::read(text).map_err(|error| Usage(format!("--stream: {error}")));
    Ok(text.map(read).transpose()?)
}
