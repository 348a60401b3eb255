//! The verb `branch`: begins streams after the pattern of old ones.

use super::answer::{Sorted, Version};
use super::args::BranchArgs;
use super::context::Context;
use super::exit::{Exit, Failed, Outcome, Usage};
use super::progress::Bar;
use super::say;
use crate::decide::branch::{Counterparts, Lack, Setting};
use crate::model::shown;
use crate::ops::Mode;
use crate::ops::branch::{BranchOutcome, BranchReport, BranchRequest, BranchedStream};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeSet;

/// The answer of `branch`.
#[derive(Serialize, JsonSchema)]
pub(super) struct BranchAnswer<'a> {
    branch: Version,
    /// Whether nothing was changed because this is a dry run.
    dry_run: bool,
    /// What was done, or would be, and what the settings lack.
    report: &'a BranchReport,
}

pub(super) fn branch(setting: &Context, args: &BranchArgs) -> Outcome<Exit> {
    let build = args.build.as_deref().map(str::parse).transpose();
    let request = BranchRequest {
        counterparts: Counterparts::read(&args.new, &args.like)?,
        seed: args.seed.clone(),
        build: build.map_err(|error| Usage(format!("--build: {error}")))?,
        without: args.without_stage.iter().cloned().collect(),
        date: args.date,
    };
    let mirror = setting.open()?;
    mirror.covers_no_build()?;
    let bar = Bar::new();
    let report = crate::ops::branch::branch(
        &setting.session(&mirror).reporting_to(&bar),
        &request,
        Mode::of(args.dry_run),
    );
    bar.finish();
    let report = report?;
    for warning in &report.warnings {
        say::note(&format!("warning: {}", shown(warning)));
    }
    if setting.json {
        say::json(&Sorted(BranchAnswer { branch: Version, dry_run: args.dry_run, report: &report }));
    } else {
        say::out(&render(&report));
    }
    if report.lacks.is_empty() {
        return Ok(Exit::Done);
    }
    let why = "nothing was branched: settings lack what is listed above".to_owned();
    say::failure(&Failed(why), Some(&hint(&report.lacks)));
    Ok(Exit::Refused)
}

/// Returns how what is lacking is put in force.
fn hint(lacks: &[Lack]) -> String {
    let settings: BTreeSet<Setting> = lacks.iter().map(|lack| lack.setting).collect();
    let way = |setting: &Setting| match setting {
        Setting::Mirror => "edit .mirrorkeep/mirror.yaml".to_owned(),
        other => format!(
            "`mirrorkeep {other} show > {other}.yaml` writes the {other}; after the edit `mirrorkeep {other} set {other}.yaml` puts \
             it in force"
        ),
    };
    settings.iter().map(way).collect::<Vec<_>>().join("; ")
}

fn render(report: &BranchReport) -> String {
    let mut text: String = report.streams.iter().map(|one| stream(one, report.lacks.is_empty())).collect();
    for lack in &report.lacks {
        text += &format!("{}, {}: {}\n{}", lack.setting, lack.place, shown(&lack.why), lines(&lack.add));
    }
    text
}

/// Returns lines of a file as a terminal may show them.
fn lines(text: &str) -> String {
    text.lines().map(|line| format!("{}\n", shown(line))).collect()
}

fn stream(one: &BranchedStream, goes_on: bool) -> String {
    let BranchedStream { stream, like, outcome, .. } = one;
    let is_trial = *outcome == BranchOutcome::Trial;
    let would = if is_trial { "would " } else { "" };
    let done = match outcome {
        BranchOutcome::Branched => "branched",
        BranchOutcome::Trial => "would branch",
        BranchOutcome::Unchanged => return format!("{stream}: branched from {like} already\n"),
    };
    let mut text = format!("{done} {stream} from {like}\n");
    let family = one
        .family
        .as_deref()
        .map_or_else(|| "none, so that every build stays".to_owned(), |name| shown(name).into_owned());
    text += &format!("  family of the policy: {family}\n");
    if !one.stages.is_empty() {
        text += &format!("  stages: {}\n", one.stages.join(", "));
    }
    if !goes_on {
        return text;
    }
    if let Some(seed) = &one.seed {
        let inherited = if is_trial { "inherit" } else { "inherited" };
        let size = one.build.as_ref().map_or_else(
            || ", which was there already".to_owned(),
            |build| {
                let shared = match build.shared_files {
                    0 => String::new(),
                    files => format!("; {} shared with it", say::count(files, "file")),
                };
                format!(" ({}, {}{shared})", say::count(build.files, "file"), say::bytes(build.bytes))
            },
        );
        text += &format!("  {would}{inherited} {seed}{size}\n");
    }
    for moved in &one.aliases {
        if let Some(to) = &moved.to {
            let set = if is_trial { "would set " } else { "" };
            text += &format!("  {set}{} -> {to}\n", moved.alias);
        }
    }
    if let (Some(seed), false) = (&one.seed, one.seeded.is_empty()) {
        let moved = if is_trial { "would promote" } else { "promoted" };
        text += &format!("  {moved} {} to {}\n", seed.name, one.seeded.join(", "));
    }
    text
}
