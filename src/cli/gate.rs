//! The verb `gate`: runs checks of the pipeline on a build.

use super::answer::{Sorted, Version};
use super::args::GateArgs;
use super::context::Context;
use super::exit::{Exit, Outcome};
use super::look::last_lines;
use super::progress::Bar;
use super::{naming, say};
use crate::model::shown;
use crate::ops::Mode;
use crate::ops::gate::{GateOutcome, GateReport, GateRequest, GateRun, WhichGates};
use schemars::JsonSchema;
use serde::Serialize;

/// The answer of `gate`.
#[derive(Serialize, JsonSchema)]
pub(super) struct GateAnswer<'a> {
    gate: Version,
    /// Whether nothing was changed.
    dry_run: bool,
    #[serde(flatten)]
    report: &'a GateReport,
}

pub(super) fn gate(setting: &Context, args: &GateArgs) -> Outcome<Exit> {
    let mirror = setting.open()?;
    let which = if args.all_missing { WhichGates::AllMissing } else { WhichGates::Named(args.gates.clone()) };
    let request = GateRequest { id: naming::build(&mirror, &args.id)?, which };
    let bar = Bar::new();
    let session = setting.session(&mirror).reporting_to(&bar);
    let report = crate::ops::gate::gate(&session, &request, Mode::of(args.dry_run));
    bar.finish();
    let report = report?;
    if setting.json {
        say::json(&Sorted(GateAnswer { gate: Version, dry_run: args.dry_run, report: &report }));
    } else {
        tell(&report, args.dry_run);
    }
    let any = |outcome| report.gates.iter().any(|one| one.outcome == outcome);
    Ok(match () {
        () if any(GateOutcome::Error) => Exit::Failed,
        () if any(GateOutcome::Failure) => Exit::Findings,
        () if any(GateOutcome::Later) => Exit::Busy,
        () => Exit::Done,
    })
}

fn tell(report: &GateReport, dry_run: bool) {
    let id = &report.id;
    if report.gates.is_empty() {
        let would = if dry_run { "would run nothing" } else { "nothing to run" };
        say::out(&format!("{would}: no stage of {} requires a gate that has not voted on {id}\n", id.stream));
    }
    for one in &report.gates {
        let GateRun { gate, outcome, .. } = one;
        let before = one.before.as_deref().map(|vote| format!(" (it was {vote})")).unwrap_or_default();
        let why = one.why.as_deref().map(shown).unwrap_or_default();
        match outcome {
            GateOutcome::Trial => {
                let command = one.command.as_ref().map(|text| format!(": {}", shown(text)));
                say::out(&format!(
                    "would run {gate} ({}) on {id}{}\n",
                    one.check,
                    command.unwrap_or_default()
                ));
            }
            GateOutcome::Success => say::out(&format!("{gate} voted success on {id}{before}\n")),
            GateOutcome::Failure => say::out(&format!("{gate} voted failure on {id}{before}\n")),
            GateOutcome::Later => {
                say::note(&format!("{gate} has no result for {id} yet, and no vote is recorded: {why}"));
            }
            GateOutcome::Error => {
                say::note(&format!(
                    "error: the gate `{gate}` found no answer for {id}, and no vote is recorded: {why}"
                ));
            }
        }
        if *outcome != GateOutcome::Success {
            for line in last_lines(&one.log) {
                say::out(&format!("  {line}\n"));
            }
        }
    }
    for stage in &report.promotable {
        say::out(&format!("  `mirrorkeep promote {stage} --stream {}` promotes it to {stage}\n", id.stream));
    }
}
