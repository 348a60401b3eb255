//! The verb `withdraw`: removes one build that must not be in the mirror.

use super::answer::{Sorted, Version};
use super::args::WithdrawArgs;
use super::context::Context;
use super::exit::{Exit, Failed, Outcome, Usage};
use super::{naming, say};
use crate::model::{BuildId, Class, Classify, ErrorKind, check_line, shell_word, shown};
use crate::ops::Mode;
use crate::ops::withdraw::{WithdrawReport, Withdrawing};
use schemars::JsonSchema;
use serde::Serialize;
use std::io::{BufRead, IsTerminal};

/// The answer of `withdraw`.
#[derive(Serialize, JsonSchema)]
pub(super) struct WithdrawAnswer<'a> {
    withdraw: Version,
    /// Whether nothing was changed.
    dry_run: bool,
    /// What was done, or would be.
    report: &'a WithdrawReport,
}

pub(super) fn withdraw(setting: &Context, args: &WithdrawArgs) -> Outcome<Exit> {
    check_line(&args.why).map_err(|error| Usage(format!("--why: {error}")))?;
    let mirror = setting.open()?;
    let id = naming::build(&mirror, &args.id)?;
    if args.id.parse().ok().as_ref() != Some(&id) {
        return Err(Named { name: args.id.clone(), id, why: args.why.clone() }.into());
    }
    let what = Withdrawing { id, why: args.why.clone(), force: args.force, purge: args.purge };
    let session = setting.session(&mirror);
    let run = |mode| crate::ops::withdraw::withdraw(&session, &what, mode);
    if args.purge && !args.yes && !args.dry_run {
        if !std::io::stdin().is_terminal() {
            let why =
                "--purge deletes for good and asks for the ID on a terminal; --yes confirms it elsewhere";
            return Err(Usage(why.to_owned()).into());
        }
        // A refusal comes before any question.
        let trial = run(Mode::Trial)?;
        if !setting.json {
            tell(&trial, Mode::Trial);
        }
        confirm(&what.id)?;
    }
    let mode = Mode::of(args.dry_run);
    let report = run(mode)?;
    if setting.json {
        say::json(&Sorted(WithdrawAnswer { withdraw: Version, dry_run: args.dry_run, report: &report }));
    } else {
        tell(&report, mode);
    }
    Ok(if report.failures.is_empty() { Exit::Done } else { Exit::Failed })
}

/// An alias in place of an ID.
///
/// The withdrawal moves the alias to another build, so running the command again, after a lost connection or in a
/// retry loop, would withdraw that build too.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{}` is an alias, which moves to another build when `{id}` is withdrawn; the ID of the build is accepted",
    shown(name)
)]
struct Named {
    name: String,
    id: BuildId,
    why: String,
}

impl Classify for Named {
    fn class(&self) -> Class {
        let why = shell_word(self.why.as_ref());
        ErrorKind::Usage.hint(format!("`mirrorkeep withdraw {} --why {why}`", self.id))
    }
}

/// Asks for the ID of the build, since what is deleted at once cannot come back.
fn confirm(id: &BuildId) -> Outcome {
    say::always(&format!("type `{id}` to delete it for good:"));
    let mut typed = String::new();
    let read = std::io::stdin().lock().read_line(&mut typed);
    read.map_err(|error| Failed(format!("cannot read the confirmation: {error}")))?;
    if typed.trim() == id.to_string() {
        Ok(())
    } else {
        Err(Usage("not confirmed; nothing was changed".to_owned()).into())
    }
}

fn tell(report: &WithdrawReport, mode: Mode) {
    let trial = mode == Mode::Trial;
    let done = match (report.already, report.purged, trial) {
        (false, false, false) => "withdrew",
        (false, false, true) => "would withdraw",
        // "deleted" is printed only if nothing of the build is left.
        (false, true, false) if !report.failures.is_empty() => "withdrew, but not all of it is deleted:",
        (true, true, false) if !report.failures.is_empty() => "not all of it is deleted, withdrawn before:",
        (false, true, false) => "withdrew and deleted",
        (false, true, true) => "would withdraw and delete",
        (true, false, false) => "already withdrawn:",
        (true, false, true) => "would change nothing: already withdrawn:",
        (true, true, false) => "deleted, withdrawn before:",
        (true, true, true) => "would delete, withdrawn before:",
    };
    let until = report.until.filter(|_| !report.purged);
    let until = until.map(|until| format!(" (it can be restored until {})", until.iso())).unwrap_or_default();
    say::out(&format!("{done} {}: {}{until}\n", report.id, shown(&report.why)));
    for moved in &report.moved {
        let to = moved.to.as_ref().map(ToString::to_string).unwrap_or_default();
        let set = if trial { "would set " } else { "" };
        say::out(&format!("  {set}{} -> {to}\n", moved.alias));
    }
    for left in &report.left {
        let (alias, why) = (&left.alias, &left.why);
        let dangles = if trial { "would resolve to nothing" } else { "resolves to nothing now" };
        // Some reasons name the command that helps.
        let helps = !trial && !why.contains("`mirrorkeep ");
        let hint =
            if helps { format!("; `mirrorkeep alias remove {alias}` removes it") } else { String::new() };
        say::note(&format!("warning: `{alias}` {dangles}: {why}{hint}"));
    }
    for protection in &report.protections {
        let overrode = if trial { "would override" } else { "overrode" };
        say::note(&format!("{overrode}: {}", shown(protection)));
    }
    if report.shared_files > 0 {
        let stay = match (trial, report.shared_files) {
            (true, _) => "would stay",
            (false, 1) => "stays",
            (false, _) => "stay",
        };
        let (count, bytes) = (say::count(report.shared_files, "file"), say::bytes(report.shared_bytes));
        let files = some(&report.shared, report.shared_files);
        let builds = some(&report.shared_with, report.shared_with.len() as u64);
        say::note(&format!("warning: {count} of it ({bytes}) {stay} in other builds: {files}; in {builds}"));
    }
    for copy in &report.copies {
        say::note(&format!("warning: `{copy}` is a copy of it that stays for its term"));
    }
    if let Some(stage) = &report.stage {
        let then = if report.purged { "would be deleted, too" } else { "stays: --purge deletes it" };
        say::note(&format!("warning: `{stage}`, which a publish of the same build left unfinished, {then}"));
    }
    for failure in &report.failures {
        say::note(&format!("failed: {}: {}", failure.path, failure.error));
    }
}

/// Returns the names of the first few.
fn some(all: &[impl ToString], count: u64) -> String {
    const FEW: usize = 5;
    let mut named: Vec<String> =
        all.iter().take(FEW).map(|one| format!("`{}`", shown(&one.to_string()))).collect();
    let more = count.saturating_sub(named.len() as u64);
    if more > 0 {
        named.push(format!("{more} more (`--json` has them)"));
    }
    named.join(", ")
}
