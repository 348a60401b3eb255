//! The verbs `sync` and `freshness`: copies of the mirror elsewhere, brought up to date, and how far they are.

use super::answer::{Sorted, Version};
use super::args::{SyncArgs, SyncVerb, VerifyArg};
use super::context::Context;
use super::exit::{Exit, Failed, Failure, Outcome};
use super::judged;
use super::say;
use crate::decide::targets::{Targets, lint};
use crate::mirror::links;
use crate::model::{Class, ErrorKind, Stamp, Stream, shown};
use crate::ops::Mode;
use crate::ops::sync::{
    SyncOptions, SyncOutcome, SyncReport, TargetFreshness, TargetReport, Verify, freshness as read_freshness,
    sync,
};
use crate::ops::targets::required_targets;
use crate::render::{Align, table};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeSet;

/// The answer of `sync`.
#[derive(Serialize, JsonSchema)]
pub(super) struct SyncAnswer<'a> {
    sync: Version,
    /// Whether nothing was changed.
    dry_run: bool,
    /// What was done, or would be.
    report: &'a SyncReport,
}

pub(super) fn verb(setting: &Context, args: SyncArgs) -> Outcome<Exit> {
    match args.verb {
        None => run(setting, args),
        Some(SyncVerb::Lint { file }) => {
            let (name, targets, streams) = match file {
                Some(file) => {
                    let name = file.display().to_string();
                    let text = super::read::setting("targets.yaml", &file)?;
                    (name.clone(), Targets::load(&text, &name)?, None)
                }
                None => {
                    let mirror = setting.open()?;
                    let streams: BTreeSet<Stream> =
                        links(&mirror)?.builds.into_iter().map(|id| id.stream).collect();
                    let targets = required_targets(&mirror)?;
                    ("targets.yaml".to_owned(), targets, Some(streams.into_iter().collect::<Vec<_>>()))
                }
            };
            Ok(judged::findings(setting.json, "targets", &name, &lint(&targets, streams.as_deref())))
        }
        Some(SyncVerb::Schema) => {
            say::json(&Targets::schema());
            Ok(Exit::Done)
        }
    }
}

fn run(setting: &Context, args: SyncArgs) -> Outcome<Exit> {
    let mirror = setting.open()?;
    let targets = required_targets(&mirror)?;
    let session = setting.session(&mirror);
    let verify = if args.verify == VerifyArg::All { Verify::All } else { Verify::Sample };
    let (restart, delete_at_most, mode) = (args.restart, args.delete_at_most, Mode::of(args.dry_run));
    let options = SyncOptions { names: args.names, verify, restart, delete_at_most, mode };
    let report = sync(&session, &targets, &options, &setting.opener())?;
    if setting.json {
        say::data(&Sorted(SyncAnswer { sync: Version, dry_run: args.dry_run, report: &report }));
    } else {
        report.targets.iter().for_each(|one| say::out(&lines(one)));
        if report.targets.is_empty() {
            say::note("targets.yaml has no target");
        }
    }
    setting.stop.check()?;
    ended(&report)
}

/// Returns the exit code, or all failures: with their exit code if it is the same for all targets.
fn ended(report: &SyncReport) -> Outcome<Exit> {
    let failed: Vec<&TargetReport> =
        report.targets.iter().filter(|one| one.outcome == SyncOutcome::Failed).collect();
    if !failed.is_empty() {
        let kinds: Vec<Option<ErrorKind>> =
            report.targets.iter().map(|one| one.class.as_ref().map(|class| class.kind)).collect();
        let same =
            kinds.first().copied().flatten().filter(|first| kinds.iter().all(|kind| *kind == Some(*first)));
        let hints = failed.iter().filter_map(|one| Some((&one.name, one.class.as_ref()?.hint.as_ref()?)));
        let hints: Vec<String> = match &*failed {
            [_] => hints.map(|(_, hint)| hint.clone()).collect(),
            _ => hints.map(|(name, hint)| format!("{name}: {hint}")).collect(),
        };
        let hint = (!hints.is_empty()).then(|| hints.join("; "));
        let class = Class { kind: same.unwrap_or(ErrorKind::Failed), hint };
        let why =
            |one: &&TargetReport| format!("{}: {}", one.name, one.failure.as_deref().unwrap_or_default());
        let error = Box::new(Failed(failed.iter().map(why).collect::<Vec<_>>().join("; ")));
        return Err(Failure { error, class });
    }
    let any = |outcome| report.targets.iter().any(|one| one.outcome == outcome);
    Ok(if any(SyncOutcome::Partly) || report.targets.iter().any(|one| !one.failures.is_empty()) {
        Exit::Failed
    } else if any(SyncOutcome::Withheld) {
        Exit::Withheld
    } else {
        Exit::Done
    })
}

fn lines(one: &TargetReport) -> String {
    let mut text = String::new();
    let is_trial = one.outcome == SyncOutcome::Trial;
    let mut each = |what: &str, would: &str, paths: Vec<String>| {
        for path in paths {
            text += &format!("  {} {path}\n", if is_trial { would } else { what });
        }
    };
    each("sent", "would send", one.builds.iter().map(ToString::to_string).collect());
    each("set", "would set", one.names.iter().map(ToString::to_string).collect());
    each("removed", "would remove", one.names_removed.iter().map(ToString::to_string).collect());
    each("deleted", "would delete", one.deleted.iter().map(ToString::to_string).collect());
    for why in &one.waits {
        text += &format!("  {}\n", shown(why));
    }
    for failure in &one.failures {
        text += &format!("  {} failed: {}\n", shown(&failure.path), shown(&failure.error));
    }
    for path in &one.strange {
        text += &format!("  never sent: {path}\n");
    }
    for why in &one.warnings {
        text += &format!("  warning: {}\n", shown(why));
    }
    format!("{}: {}\n{text}", one.name, summary(one))
}

fn summary(one: &TargetReport) -> String {
    let at = one.serial.map(|serial| format!(", at event {serial}")).unwrap_or_default();
    let would = if one.outcome == SyncOutcome::Trial { "would send " } else { "sent " };
    let mut parts = Vec::new();
    let mut add = |count: usize, what: &str| {
        if count > 0 {
            parts.push(say::count(count as u64, what));
        }
    };
    add(one.builds.len(), "build");
    add(one.names.len(), "name");
    add(usize::try_from(one.pages).unwrap_or_default(), "page");
    let mut sent = if parts.is_empty() { String::new() } else { format!("{would}{}", parts.join(", ")) };
    if !one.builds.is_empty() {
        sent += &format!(" ({}, {})", say::count(one.files, "file"), say::bytes(one.bytes));
    }
    let sent = if sent.is_empty() { "nothing new".to_owned() } else { sent };
    match one.outcome {
        SyncOutcome::Current | SyncOutcome::Done | SyncOutcome::Trial => sent + &at,
        SyncOutcome::Read => format!("read its trace{at}"),
        SyncOutcome::Partly => format!("{sent}{at}; not everything could be sent"),
        SyncOutcome::Withheld => format!("{sent}{at}; nothing was deleted"),
        SyncOutcome::Failed => {
            let why = shown(one.failure.as_deref().unwrap_or_default());
            // It is not known whether there is something new.
            if one.is_busy() { format!("{sent}{at}; failed: {why}") } else { format!("failed: {why}") }
        }
    }
}

pub(super) fn freshness(setting: &Context, names: &[String]) -> Outcome<Exit> {
    let mirror = setting.open()?;
    let targets = required_targets(&mirror)?;
    let session = setting.session(&mirror);
    let found = read_freshness(&session, &targets, names, &setting.opener())?;
    let exit = if found.targets.iter().any(|one| one.attention) { Exit::Findings } else { Exit::Done };
    if setting.json {
        say::data(&Sorted(&found));
        return Ok(exit);
    }
    let columns = [
        ("NAME", Align::Left),
        ("BY", Align::Left),
        ("EVENT", Align::Right),
        ("BEHIND", Align::Right),
        ("SECONDS", Align::Right),
        ("WRITTEN", Align::Left),
    ];
    let rows: Vec<Vec<String>> = found.targets.iter().map(row).collect();
    say::out(&table(&columns, &rows, Some(say::paint())));
    for one in &found.targets {
        for (stream, behind) in &one.streams {
            let events = say::count(behind.events, "event");
            say::out(&format!("  {}: {stream} lacks {events} since {}\n", one.name, behind.since.iso()));
        }
        if let Some(problem) = &one.problem {
            say::note(&format!("warning: {}: {problem}", one.name));
        }
    }
    let late: Vec<&str> =
        found.targets.iter().filter(|one| one.attention).map(|one| one.name.as_str()).collect();
    if !late.is_empty() {
        say::note(&format!("behind for too long, or not known: {}", late.join(", ")));
    }
    Ok(exit)
}

/// Returns a number, or what stands for one that is not known.
fn number(known: Option<u64>) -> String {
    known.map_or_else(|| "-".to_owned(), |known| known.to_string())
}

fn row(one: &TargetFreshness) -> Vec<String> {
    vec![
        one.name.clone(),
        one.via.to_owned(),
        number(one.serial),
        number(one.events),
        number(one.seconds),
        one.written.map_or_else(|| "-".to_owned(), Stamp::iso),
    ]
}
