//! The verb `copy`: copies builds from one mirror to another.

use super::answer::{Sorted, Version};
use super::args::CopyArgs;
use super::context::Context;
use super::exit::{Exit, Failure, Outcome};
use super::mirror_url::{MirrorUrl, say_what_lacks};
use super::owner::refuse_root;
use super::progress::Bar;
use super::say;
use crate::commit::Permit;
use crate::model::{Classify, ErrorKind, shell_word, shown};
use crate::ops::Mode;
use crate::ops::copy::{Copied, CopyOptions, CopyOutcome, CopyReport};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeSet;

/// The answer of `copy`.
#[derive(Serialize, JsonSchema)]
pub(super) struct CopyAnswer<'a> {
    copy: Version,
    /// Whether nothing was changed.
    dry_run: bool,
    /// The path or URL of the source mirror.
    from: &'a str,
    /// The path or URL of the target mirror.
    to: &'a str,
    /// What was done, or would be.
    report: &'a CopyReport,
}

pub(super) fn copy(setting: &Context, args: &CopyArgs) -> Outcome<Exit> {
    let from = setting.open_at(&args.from).map_err(|failure| build_first(setting, args, failure))?;
    let to = setting.open_at(&args.to)?;
    setting.opened.replace(Some(to.clone()));
    refuse_root(&args.to)?;
    to.covers_no_build()?;
    say_what_lacks(to.store());
    let what: Outcome<Vec<_>> =
        args.what.iter().map(|what| super::adopt::scope(from.layout(), what)).collect();
    let copying = CopyOptions {
        without: BTreeSet::new(),
        what: what?,
        permit: Permit { backwards: args.allow_backwards, no_success: args.allow_unsuccessful, stage: false },
        mode: Mode::of(args.dry_run),
    };
    let bar = Bar::new();
    let report = crate::ops::copy::copy(&from, &setting.session(&to).reporting_to(&bar), &copying);
    bar.finish();
    let report = report?;
    for warning in &report.warnings {
        say::note(&format!("warning: {warning}"));
    }
    if setting.json {
        let (from, to) = (from.store().shown(), to.store().shown());
        let dry_run = args.dry_run;
        say::json(&Sorted(CopyAnswer { copy: Version, dry_run, from: &from, to: &to, report: &report }));
    } else {
        say::out(&render(&report, Mode::of(args.dry_run)));
    }
    for failure in &report.failures {
        say::notes(&format!("error: {}: {}", failure.path, failure.error));
    }
    if report.interrupted {
        say::note(
            "error: interrupted; the builds listed above are complete; run the same command again to resume",
        );
        return Ok(Exit::Interrupted);
    }
    if let Some(error) = &report.ended_by {
        let class = error.class();
        say::failure(error, class.hint.as_deref());
        return Ok(class.kind.into());
    }
    Ok(if report.failures.is_empty() { Exit::Done } else { Exit::Failed })
}

/// Returns the same failure, with the whole command where a build or a stream was typed in place of the mirror that has it.
fn build_first(setting: &Context, args: &CopyArgs, failure: Failure) -> Failure {
    let MirrorUrl::Dir(typed) = &args.from else { return failure };
    let Some(what) = typed.to_str().filter(|_| typed.is_relative() && !typed.exists()) else {
        return failure;
    };
    let Ok(mirror) = setting.open() else { return failure };
    if super::adopt::scope(mirror.layout(), what).is_err() {
        return failure;
    }
    let word = |url: &MirrorUrl| shell_word(url.to_string().as_ref());
    let (from, to, what) = (word(&setting.mirror), word(&args.to), shell_word(what.as_ref()));
    let hint = format!("`mirrorkeep copy {from} {to} {what}` copies it; the mirrors come first");
    Failure { class: ErrorKind::Usage.hint(hint), ..failure }
}

fn render(report: &CopyReport, mode: Mode) -> String {
    let mut text = String::new();
    for copied in &report.builds {
        text.push_str(&row(copied, mode));
    }
    for moved in &report.aliases {
        if let Some(to) = &moved.to {
            let would = if mode == Mode::Trial { "would set " } else { "" };
            text.push_str(&format!("  {would}{} -> {to}\n", moved.alias));
        }
    }
    for left in &report.left {
        text.push_str(&format!("  {} is left as it is: {}\n", left.alias, shown(&left.why)));
    }
    let of = |outcome| report.builds.iter().filter(|copied| copied.outcome == outcome).count() as u64;
    let unchanged = of(CopyOutcome::Unchanged);
    let (done, came) = match mode {
        Mode::Real => ("copied", of(CopyOutcome::Copied)),
        Mode::Trial => ("would copy", of(CopyOutcome::Trial)),
    };
    let already = match unchanged {
        0 => String::new(),
        unchanged => format!("; {} there already", say::count(unchanged, "build")),
    };
    let failed = match report.failures.len() {
        0 => String::new(),
        failed => format!("; {} failed", say::count(failed as u64, "build")),
    };
    text + &format!("{done} {}{already}{failed}\n", say::count(came, "build"))
}

fn row(copied: &Copied, mode: Mode) -> String {
    let what = match (copied.outcome, copied.labels.is_empty()) {
        (CopyOutcome::Unchanged, true) => return String::new(),
        (CopyOutcome::Unchanged, false) => {
            let would = if mode == Mode::Trial { "would label " } else { "" };
            return format!("{would}{}  labels: {}\n", copied.id, shown(&copied.labels.join(", ")));
        }
        (CopyOutcome::Copied, _) => "copied",
        (CopyOutcome::Trial, _) => "would copy",
    };
    let (files, bytes) = (say::count(copied.files, "file"), say::bytes(copied.bytes));
    let mut text = format!("{what} {} ({}, {files}, {bytes})\n", copied.id, copied.result);
    if copied.shared_files > 0 {
        let (files, bytes) = (say::count(copied.shared_files, "file"), say::bytes(copied.shared_bytes));
        text.push_str(&format!("  shared with earlier builds: {files}, {bytes}\n"));
    }
    if copied.resumed_files > 0 {
        let files = say::count(copied.resumed_files, "file");
        text.push_str(&format!("  resumed from an interrupted copy: {files}\n"));
    }
    text
}
