//! The verb `check`: differences from the layout, and the fixes that are safe.

use super::answer::{Sorted, Version};
use super::args::{CheckArgs, FormatArg};
use super::context::{Context, now};
use super::exit::{Exit, Failed, Failure, Outcome, Usage};
use super::owner::refuse_root;
use super::progress::Bar;
use super::say;
use crate::decide::check::{Baseline, Code, Fix, Grouped, Severity, Terms, grouped, mends};
use crate::decide::check::{Finding, Ignored};
use crate::decide::policy::Span;
use crate::layout::Layout;
use crate::mirror::{Mirror, Resolved};
use crate::model::RelPath;
use crate::ops::check::{CheckReport, FixOutcome};
use crate::ops::images::compare_registries;
use crate::ops::retention::PlanError;
use crate::render;
use crate::store::Kind;
use schemars::JsonSchema;
use serde::Serialize;
use std::path::Path;

/// The answer of `check`.
#[derive(Serialize, JsonSchema)]
pub(super) struct CheckAnswer<'a> {
    check: Version,
    /// The findings, sorted by path; those that are ignored or known are not among them.
    findings: &'a [Finding],
    /// The findings that mirror.yaml ignores.
    ignored: &'a [Ignored],
    /// The findings that the baseline has; `null` without `--baseline`.
    known: Option<&'a [Finding]>,
    /// The number of findings by severity.
    totals: SeverityTotals,
    /// The number of builds that were checked.
    builds: u64,
    /// The number of files, links and directories that were checked.
    entries: u64,
    /// What `--fix` would do; `null` without `--fix --dry-run`.
    mends: Option<&'a [Fix]>,
    /// What `--fix` did; `null` without `--fix`.
    mended: Option<&'a [FixOutcome]>,
}

/// The number of findings by severity.
#[derive(Serialize, JsonSchema)]
struct SeverityTotals {
    /// The number of errors.
    error: usize,
    /// The number of warnings.
    warning: usize,
    /// The number of notes.
    note: usize,
}

/// The answer of `check --list`.
#[derive(Serialize, JsonSchema)]
pub(super) struct CodesAnswer {
    check: Version,
    /// Every code.
    codes: Vec<CodeRow>,
}

/// A code of findings.
#[derive(Serialize, JsonSchema)]
struct CodeRow {
    /// The code.
    code: Code,
    /// The severity of its findings, unless mirror.yaml changes it.
    severity: Severity,
    /// What it means.
    meaning: &'static str,
    /// What to do about it.
    hint: &'static str,
}

pub(super) fn check(setting: &Context, args: &CheckArgs) -> Outcome<Exit> {
    if args.list {
        list(setting, args)?;
        return Ok(Exit::Done);
    }
    let path = args.path.as_deref().unwrap_or_default().trim_end_matches('/');
    let scope: RelPath = path.parse().map_err(|error| Usage(format!("{error}")))?;
    let stalled = args.stalled.as_deref().map(str::parse::<Span>).transpose();
    let stalled = stalled.map_err(|error| Usage(error.to_string()))?.map(Span::seconds);
    let baseline = args.baseline.as_deref().map(read_baseline).transpose()?;
    let mirror = setting.open()?;
    let Some(entry) = mirror.store().look(&scope)? else {
        return Err(Usage(format!("nothing is at `{scope}`")).into());
    };
    if entry.kind == Kind::Link
        && let Resolved::To(target) = mirror.resolve(&scope)?
    {
        say::note(&format!("`{scope}` is a symlink; `mirrorkeep check {target}` checks what it resolves to"));
    }
    let mut unusable = false;
    let policy = match crate::ops::retention::policy_of(&mirror) {
        Ok(policy) => Some(policy),
        Err(PlanError::NoPolicy) => None,
        // What needs no policy is found all the same.
        Err(error) => {
            let failure = Failure::from(error);
            say::failure(&*failure.error, failure.class.hint.as_deref());
            unusable = true;
            None
        }
    };
    mirror.idle_settings()?.into_iter().for_each(|why| mirror.warnings().add(why));
    let rules = crate::ops::check::rules(&mirror)?;
    let terms = Terms { policy: policy.as_ref(), stalled, rules: Some(&rules) };
    let session = setting.session(&mirror);
    let asked = if args.registry { compare_registries(&session, &scope)? } else { Vec::new() };
    let look = || crate::ops::check::check(&session, &scope, terms, asked.clone());
    let mut report = look()?;
    let wanted = if args.mend.fix { mends(&report.findings) } else { Vec::new() };
    let mut mended = Vec::new();
    if args.mend.fix && !args.mend.dry_run {
        mended = fix(setting, &mirror, wanted.clone())?;
        report = look()?;
    }
    if scope.is_root() && !args.mend.dry_run && refuse_root(&setting.mirror).is_ok() {
        // For `status`: a user who may only read the mirror can run `check` but cannot write this record.
        crate::ops::status::note_check(&mirror, &report, now()).ok();
    }
    if let Some(baseline) = &baseline {
        (report.findings, report.known) = baseline.split(std::mem::take(&mut report.findings));
    }
    show(setting, args, mirror.layout(), &report, (&wanted, &mended))?;
    let grave = report.findings.iter().any(|found| found.severity < Severity::Note);
    let failed = mended.iter().any(|one| one.failure.is_some());
    Ok(if failed {
        Exit::Failed
    } else if unusable {
        Exit::Usage
    } else if grave {
        Exit::Findings
    } else {
        Exit::Done
    })
}

/// Reads the answer of an earlier check.
fn read_baseline(path: &Path) -> Outcome<Baseline> {
    let text = super::read::text("baseline", path)?;
    let baseline = Baseline::parse(&text);
    Ok(baseline.map_err(|why| Usage(format!("`{}` is not a baseline: {why}", path.display())))?)
}

/// Writes the table of all codes.
fn list(setting: &Context, args: &CheckArgs) -> Outcome {
    match args.format {
        FormatArg::Text if !setting.json => say::file(&render::findings_page()),
        FormatArg::Text | FormatArg::Json => {
            let row = |code: &Code| CodeRow {
                code: *code,
                severity: code.severity(),
                meaning: code.meaning(),
                hint: code.hint(),
            };
            let codes = Code::ALL.iter().map(row).collect();
            say::data(&Sorted(CodesAnswer { check: Version, codes }));
        }
        FormatArg::Sarif | FormatArg::Junit => {
            return Err(Usage("`--list` has the formats text and json".to_owned()).into());
        }
    }
    Ok(())
}

fn fix(setting: &Context, mirror: &Mirror, wanted: Vec<Fix>) -> Outcome<Vec<FixOutcome>> {
    let bar = Bar::new();
    let mended = crate::ops::check::mend(&setting.session(mirror).reporting_to(&bar), wanted);
    bar.finish();
    Ok(mended?)
}

/// Writes the answer to standard output, and what was fixed to standard error.
fn show(
    setting: &Context,
    args: &CheckArgs,
    layout: &Layout,
    report: &CheckReport,
    (wanted, mended): (&[Fix], &[FixOutcome]),
) -> Outcome {
    let findings = &report.findings;
    match args.format {
        FormatArg::Text if !setting.json => {
            let shown = if args.all {
                findings.iter().map(Grouped::One).collect()
            } else {
                grouped(findings, layout)
            };
            say::out(&render::findings(&shown, say::paint()));
            if args.all {
                say::out(&render::ignored(&report.ignored, say::paint()));
            }
        }
        FormatArg::Text | FormatArg::Json => {
            let of = |severity| findings.iter().filter(|found| found.severity == severity).count();
            let totals = SeverityTotals {
                error: of(Severity::Error),
                warning: of(Severity::Warning),
                note: of(Severity::Note),
            };
            say::json(&Sorted(CheckAnswer {
                check: Version,
                findings,
                ignored: &report.ignored,
                known: args.baseline.is_some().then_some(report.known.as_slice()),
                totals,
                builds: report.builds,
                entries: report.entries,
                mends: args.mend.dry_run.then_some(wanted),
                mended: (args.mend.fix && !args.mend.dry_run).then_some(mended),
            }));
            return Ok(());
        }
        FormatArg::Sarif => say::json(&render::sarif(findings)),
        FormatArg::Junit => say::xml(&render::junit(findings).map_err(|error| Failed(error.to_string()))?),
    }
    for mend in wanted.iter().filter(|_| args.mend.dry_run) {
        say::note(&format!("would {mend}"));
    }
    for one in mended {
        match &one.failure {
            None => say::note(&format!("done: {}", one.mend)),
            Some(why) => say::note(&format!("failed: {}: {why}", one.mend)),
        }
    }
    let looked =
        format!("{} ({} files, links and directories)", say::count(report.builds, "build"), report.entries);
    let ignored = match report.ignored.len() {
        0 => String::new(),
        count if args.all => format!("; {count} ignored"),
        count => format!("; {count} ignored (`--all` lists them)"),
    };
    let known = match (&args.baseline, report.known.len()) {
        (None, _) => String::new(),
        (Some(_), count) => format!("; {count} in the baseline"),
    };
    say::note(&format!("{} in {looked}{known}{ignored}", render::findings_total(findings)));
    Ok(())
}
