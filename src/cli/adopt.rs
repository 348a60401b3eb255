//! The verb `adopt`: recording builds that other tools copied into the mirror.

use super::answer::{Sorted, Version};
use super::args::{AdoptArgs, ResultArg};
use super::context::{Context, now};
use super::exit::{Exit, Outcome, Usage};
use super::progress::Bar;
use super::prune::last_second;
use super::say;
use crate::layout::{Layout, Place};
use crate::model::{RelPath, Stamp, shown};
use crate::ops::Mode;
use crate::ops::adopt::{AdoptOptions, AdoptReport, Adopted, Changed, Scope, SumsIn, Trust};
use schemars::JsonSchema;
use serde::Serialize;

/// The answer of `adopt`.
#[derive(Serialize, JsonSchema)]
pub(super) struct AdoptAnswer<'a> {
    adopt: Version,
    /// Whether nothing was changed.
    dry_run: bool,
    /// What was done, or would be done.
    report: &'a AdoptReport,
}

pub(super) fn adopt(setting: &Context, args: &AdoptArgs) -> Outcome<Exit> {
    let mirror = setting.open()?;
    let scope = args.what.as_deref().map_or(Ok(Scope::All), |what| scope(mirror.layout(), what))?;
    let created = args.created.as_deref().map(created).transpose()?;
    if created.is_some() && !matches!(scope, Scope::Build(_)) {
        return Err(Usage(
            "--created records the time of one build; a build is accepted, not a stream".to_owned(),
        )
        .into());
    }
    let adopting = AdoptOptions {
        created,
        result: args.result.map(ResultArg::outcome),
        scope,
        sums: if args.write_sums { SumsIn::Build } else { SumsIn::Record },
        trust: if args.trust_lists { Trust::Lists } else { Trust::Bytes },
        changed: match (args.changed, args.rewrite_sums) {
            (true, true) => Changed::Rewrite,
            (true, false) => Changed::Take,
            (false, _) => Changed::Leave,
        },
        mode: Mode::of(args.dry_run),
    };
    let bar = Bar::new();
    let report = crate::ops::adopt::adopt(&setting.session(&mirror).reporting_to(&bar), &adopting);
    bar.finish();
    let report = report?;
    if let Scope::Stream(stream) = &adopting.scope
        && report.is_empty()
    {
        let builds = mirror.recorded()?;
        if let Some(why) = super::naming::unknown_stream(stream.as_str(), builds.iter().map(|id| &id.stream))
        {
            mirror.warnings().add(why);
        }
    }
    for list in report.adopted.iter().chain(&report.again).flat_map(|one| &one.unread) {
        let why = "its files were read instead, and the lines that can be read count";
        say::note(&format!("warning: `{}`: {}; {why}", list.path, list.why));
    }
    for at in report.again.iter().flat_map(|one| &one.unfit) {
        say::note(&format!(
            "warning: `{at}` signs the former SHA256SUMS and fits no longer; sign the new one"
        ));
    }
    if setting.json {
        say::json(&Sorted(AdoptAnswer { adopt: Version, dry_run: args.dry_run, report: &report }));
    } else {
        say::out(&render(&report, adopting.mode));
    }
    Ok(if report.left.is_empty() { Exit::Done } else { Exit::Blocked })
}

/// Reads when a build was made: an instant, or a day, which counts as its last second, so that nothing expires early.
fn created(text: &str) -> Outcome<Stamp> {
    let at = last_second("--created", text)?;
    let now = now();
    // The day of today ends in the future.
    match text.parse::<Stamp>() {
        Err(_) if at.checked_add(-86_400).is_some_and(|start| start < now) => Ok(at.min(now)),
        _ if at <= now => Ok(at),
        _ => {
            Err(Usage(format!("--created {} is in the future; a time in the past is accepted", at.iso()))
                .into())
        }
    }
}

/// Returns what was typed as a build or a stream: by its id, or by its path.
pub(super) fn scope(layout: &Layout, what: &str) -> Outcome<Scope> {
    let path: RelPath = what.trim_end_matches('/').parse().map_err(|error| Usage(format!("{error}")))?;
    match layout.place(&path) {
        Place::Build { build } => return Ok(Scope::Build(build)),
        Place::Stream { stream } => return Ok(Scope::Stream(stream)),
        _ => {}
    }
    if let Ok(id) = path.as_str().parse()
        && layout.build_path(&id).is_ok()
    {
        return Ok(Scope::Build(id));
    }
    let stream = path.as_str().parse().map_err(|error| Usage(format!("{error}")))?;
    layout.stream_path(&stream)?;
    Ok(Scope::Stream(stream))
}

fn render(report: &AdoptReport, mode: Mode) -> String {
    let mut text = String::new();
    let trial = |would: &'static str| if mode == Mode::Trial { would } else { "" };
    let build = |one: &Adopted| {
        let (files, bytes) = (say::count(one.files, "file"), say::bytes(one.bytes));
        format!("  {}{}  {}  {files}, {bytes}", trial("would adopt "), one.id, one.result)
    };
    report.adopted.iter().for_each(|one| text.push_str(&format!("{}\n", build(one))));
    report.again.iter().for_each(|one| text.push_str(&format!("{}, changed\n", build(one))));
    for id in &report.forgotten {
        text.push_str(&match mode {
            Mode::Real => format!("  removed the record of {id}, which is missing\n"),
            Mode::Trial => format!("  would remove the record of {id}, which is missing\n"),
        });
    }
    for moved in &report.noted {
        let to = moved.to.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
        text.push_str(&format!("  {}{}  points to {to}\n", trial("would record "), moved.alias));
    }
    for left in &report.left {
        text.push_str(&format!("  {} is left alone: {}\n", shown(&left.path), shown(&left.why)));
    }
    let done = if mode == Mode::Real { "adopted" } else { "would adopt" };
    let already = match report.already {
        0 => String::new(),
        already => format!("; {} had a record already", say::count(already, "build")),
    };
    let changed = report.again.len() + report.forgotten.len() + report.noted.len();
    let changed = match changed as u64 {
        0 => String::new(),
        changed if mode == Mode::Real => format!(", accepted {}", say::count(changed, "change")),
        changed => format!(", would accept {}", say::count(changed, "change")),
    };
    let builds = match report.adopted.len() {
        0 => "no builds".to_owned(),
        some => say::count(some as u64, "build"),
    };
    text + &format!("{done} {builds}{changed}{already}\n")
}
