//! The verb `pull`: keeps a copy of a mirror from nothing but HTTP.

use super::answer::{Sorted, Version};
use super::args::PullArgs;
use super::context::Context;
use super::exit::{Exit, Outcome, Usage};
use super::mirror_url::say_what_lacks;
use super::owner::refuse_root;
use super::progress::Bar;
use super::{say, sign};
use crate::decide::policy::Span;
use crate::decide::targets::target_name;
use crate::model::{Classify, Patience, RelPath, shown};
use crate::ops::Mode;
use crate::ops::copy::{Copied, CopyOutcome};
use crate::ops::pull::{PullOptions, PullReport};
use schemars::JsonSchema;
use serde::Serialize;
use url::Url;

/// The answer of `pull`.
#[derive(Serialize, JsonSchema)]
pub(super) struct PullAnswer<'a> {
    pull: Version,
    /// Whether nothing was changed.
    dry_run: bool,
    /// The address of the mirror.
    from: &'a str,
    /// The path or URL of the copy.
    to: &'a str,
    /// What was done, or would be.
    report: &'a PullReport,
}

pub(super) fn pull(setting: &Context, args: &PullArgs) -> Outcome<Exit> {
    let options = options(args)?;
    let to = setting.open_at(&args.to)?;
    setting.opened.replace(Some(to.clone()));
    refuse_root(&args.to)?;
    to.covers_no_build()?;
    say_what_lacks(to.store());
    let bar = Bar::new();
    let report = crate::ops::pull::pull(&setting.session(&to).reporting_to(&bar), &options);
    bar.finish();
    let report = report?;
    for warning in &report.warnings {
        say::note(&format!("warning: {warning}"));
    }
    if setting.json {
        let (from, to) = (options.url.as_str(), to.store().shown());
        say::json(&Sorted(PullAnswer {
            pull: Version,
            dry_run: args.dry_run,
            from,
            to: &to,
            report: &report,
        }));
    } else {
        say::out(&render(&report, options.mode));
    }
    for failure in &report.failures {
        say::notes(&format!("error: {}: {}", failure.path, failure.error));
    }
    if report.interrupted {
        say::note("error: interrupted; run the same command again to resume");
        return Ok(Exit::Interrupted);
    }
    if let Some(error) = &report.ended_by {
        let class = error.class();
        say::failure(error, class.hint.as_deref());
        return Ok(class.kind.into());
    }
    for id in &report.withdrawn {
        let or = if args.withdraw { "" } else { "`--withdraw` or " };
        say::note(&format!(
            "`{id}` was withdrawn upstream and is still here; {or}`mirrorkeep withdraw {id} --why TEXT` withdraws it here"
        ));
    }
    if !report.left.is_empty() {
        let names = say::count(report.left.len() as u64, "name");
        say::note(&format!("{names} could not be set; the next pull tries again"));
    }
    if let Some(why) = &report.stale {
        say::note(&format!("the copy may be out of date: {why}"));
    }
    Ok(if !report.failures.is_empty() {
        Exit::Failed
    } else if report.stale.is_some() || !report.withdrawn.is_empty() || !report.left.is_empty() {
        Exit::Findings
    } else {
        Exit::Done
    })
}

fn options(args: &PullArgs) -> Outcome<PullOptions> {
    let url = Url::parse(&args.url).ok().filter(|url| {
        let anyone = url.username().is_empty() && url.password().is_none();
        let whole = url.query().is_none() && url.fragment().is_none();
        matches!(url.scheme(), "http" | "https") && anyone && whole
    });
    let url = url.ok_or_else(|| {
        Usage(format!(
            "`{}` is not a public address; one such as https://mirror.example.org/pub is accepted",
            shown(&args.url)
        ))
    })?;
    let changes = args.changes.trim_matches('/').parse::<RelPath>();
    let changes = changes.map_err(|error| Usage(format!("`--changes`: {error}")))?;
    let pattern = |text: &String| {
        glob::Pattern::new(text)
            .map_err(|error| Usage(format!("`--stream {}` is not a pattern: {error}", shown(text))))
    };
    let alarm = args.alarm.parse::<Span>();
    let alarm = alarm.map_err(|error| Usage(format!("`--alarm {}`: {error}", shown(&args.alarm))))?;
    if let Some(Err(why)) = args.trace.as_deref().map(target_name) {
        return Err(Usage(format!("`--trace`: {why}")).into());
    }
    let variable = std::env::var(Patience::VARIABLE).ok();
    let patience = Patience::given(variable.as_deref());
    let patience = patience.map_err(|error| Usage(format!("{}: {error}", Patience::VARIABLE)))?;
    Ok(PullOptions {
        url,
        changes,
        streams: args.stream.iter().map(pattern).collect::<Result<_, _>>()?,
        keys: sign::keys(&args.keyring, &args.minisign_key)?,
        unsigned_builds: args.unsigned_builds,
        alarm: alarm.seconds(),
        withdraw: args.withdraw.then_some(args.withdraw_at_most),
        restart: args.restart,
        trace: args.trace.clone(),
        patience,
        mode: Mode::of(args.dry_run),
    })
}

fn render(report: &PullReport, mode: Mode) -> String {
    let would = if mode == Mode::Trial { "would be " } else { "" };
    let mut text: String = report.builds.iter().map(row).collect();
    for moved in &report.aliases {
        text += &match &moved.to {
            Some(to) => {
                format!("  {} {would}-> {to}\n", moved.alias).replace(" would be ->", " would be set -> ")
            }
            None => format!("  {} {would}removed\n", moved.alias),
        };
    }
    for left in &report.left {
        text += &format!("  {} is not set: {}\n", left.alias, shown(&left.why));
    }
    for skipped in &report.skipped {
        text += &format!("  {} is not kept: {}\n", skipped.id, shown(&skipped.why));
    }
    for id in &report.gone {
        text += &format!(
            "  {id} is no longer upstream; the policy of this mirror decides how long it stays here\n"
        );
    }
    for id in &report.followed {
        text += &format!("withdrew {id}, as upstream\n");
    }
    let came = say::count(report.builds.len() as u64, "build");
    let came = if mode == Mode::Trial { format!("would pull {came}") } else { format!("pulled {came}") };
    let already = match report.unchanged {
        0 => String::new(),
        unchanged => format!("; {} there already", say::count(unchanged, "build")),
    };
    let failed = match report.failures.len() {
        0 => String::new(),
        failed => format!("; {failed} failed"),
    };
    let (serial, event) = (report.serial, report.event);
    text + &format!("{came}{already}{failed}; edition {serial}, event {event}\n")
}

fn row(copied: &Copied) -> String {
    let what = match copied.outcome {
        CopyOutcome::Unchanged => return String::new(),
        CopyOutcome::Copied => "pulled",
        CopyOutcome::Trial => "would pull",
    };
    let (files, bytes) = (say::count(copied.files, "file"), say::bytes(copied.bytes));
    let mut text = format!("{what} {} ({}, {files}, {bytes})\n", copied.id, copied.result);
    if copied.shared_files > 0 {
        let (files, bytes) = (say::count(copied.shared_files, "file"), say::bytes(copied.shared_bytes));
        text += &format!("  shared with earlier builds: {files}, {bytes}\n");
    }
    if copied.resumed_files > 0 {
        text +=
            &format!("  resumed from an interrupted pull: {}\n", say::count(copied.resumed_files, "file"));
    }
    text
}
