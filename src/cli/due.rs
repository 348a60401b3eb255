//! The verb `due`: whether a build of a stream is due, requests by hand, and starting it once.

use super::answer::{Sorted, Version};
use super::args::DueArgs;
use super::context::{Context, now};
use super::exit::{Exit, Outcome, Usage};
use super::say;
use crate::exec::shown as command_line;
use crate::mirror::Mirror;
use crate::model::{RelPath, Stream, check_line, is_misspelt, shown};
use crate::ops::Mode;
use crate::ops::due::{
    ChangedFile, DueOutcome, DueReport, DueRequest, RequestReport, due, request, unrequest,
};
use crate::record::RunOutcome;
use schemars::JsonSchema;
use serde::Serialize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// The answer of `due`.
#[derive(Serialize, JsonSchema)]
pub(super) struct DueAnswer<'a> {
    due: Version,
    /// Whether nothing was started.
    dry_run: bool,
    #[serde(flatten)]
    report: &'a DueReport,
}

/// The answer of `due --request` and `due --unrequest`.
#[derive(Serialize, JsonSchema)]
pub(super) struct DueRequestAnswer<'a> {
    due: Version,
    /// Whether nothing was changed.
    dry_run: bool,
    #[serde(flatten)]
    report: &'a RequestReport,
}

pub(super) fn verb(setting: &Context, mut args: DueArgs) -> Outcome<Exit> {
    let stream: Stream =
        args.stream.trim_end_matches('/').parse().map_err(|error| Usage(format!("{error}")))?;
    let mode = Mode::of(args.dry_run);
    if args.request || args.unrequest {
        return by_hand(setting, &stream, &args);
    }
    // Separators that people use between the words of a command.
    if args.run.first().is_some_and(|word| word == "--") {
        args.run.remove(0);
        if args.run.is_empty() {
            return Err(Usage("--run names no program".to_owned()).into());
        }
    }
    if args.run.first().is_some_and(String::is_empty) {
        return Err(Usage("--run names no program".to_owned()).into());
    }
    let changed = args.changed.iter().map(|text| changed(text)).collect::<Outcome<_>>()?;
    let seconds = u64::try_from(args.limit.seconds()).unwrap_or_default();
    if seconds == 0 {
        return Err(Usage(format!("--limit {}: the command could not run", args.limit)).into());
    }
    let request = DueRequest {
        stream,
        every: args.every,
        git: args.git.iter().map(|text| source(text)).collect::<Outcome<_>>()?,
        context: args.context.as_deref().map(source).transpose()?,
        git_limit: Duration::from_secs(args.git_limit),
        changed,
        run: (!args.run.is_empty()).then_some(args.run),
        run_limit: Duration::from_secs(seconds),
    };
    let mirror = setting.open()?;
    let report = due(&setting.session(&mirror), &request, mode)?;
    misspelt(&mirror, &report.stream);
    unasked(&request, &report);
    if setting.json {
        say::data(&Sorted(DueAnswer { due: Version, dry_run: args.dry_run, report: &report }));
    } else {
        say::out(&text(&request, &report));
    }
    if let Some(since) = report.since.filter(|since| now().since(*since) > args.limit.seconds()) {
        let (since, limit) = (since.iso(), args.limit);
        say::note(&format!(
            "warning: the build that is running was started at {since}, longer ago than --limit {limit}; its command may have outlived \
             the mirrorkeep that started it"
        ));
    }
    if let Some(run) = report.run.as_ref().filter(|_| report.outcome == DueOutcome::Failed) {
        let what = if run.outcome == RunOutcome::NotStarted { "was not started" } else { "failed" };
        say::note(&format!("error: the build of {} {what}: {}", report.stream, shown(&run.why)));
    }
    if let Some(why) = report.run.as_ref().and_then(|run| run.unrecorded.as_deref()) {
        say::note(&format!(
            "error: how the build of {} ended could not be recorded, and the next call may start it again: {}",
            report.stream,
            shown(why)
        ));
        return Ok(Exit::Failed);
    }
    Ok(match report.outcome {
        DueOutcome::Due | DueOutcome::Succeeded => Exit::Done,
        DueOutcome::NotDue | DueOutcome::Running => Exit::NotDue,
        DueOutcome::Unknown | DueOutcome::Failed => Exit::Failed,
    })
}

/// Reads an address with a branch or tag. The error has no password, which that of the argument parser would repeat.
fn source<T: FromStr<Err: std::fmt::Display>>(text: &str) -> Outcome<T> {
    Ok(text.parse().map_err(|error| Usage(format!("{error}")))?)
}

fn by_hand(setting: &Context, stream: &Stream, args: &DueArgs) -> Outcome<Exit> {
    if let Some(why) = &args.why {
        check_line(why).map_err(|error| Usage(format!("--why: {error}")))?;
    }
    let mirror = setting.open()?;
    misspelt(&mirror, stream);
    let (session, mode) = (setting.session(&mirror), Mode::of(args.dry_run));
    let report = match &args.why {
        Some(why) => request(&session, stream, why, mode)?,
        None => unrequest(&session, stream, mode)?,
    };
    if setting.json {
        let dry_run = args.dry_run;
        say::data(&Sorted(DueRequestAnswer { due: Version, dry_run, report: &report }));
        return Ok(Exit::Done);
    }
    let open = say::count(report.open.len() as u64, "open request");
    say::out(&match (args.request, args.dry_run, report.changed) {
        (true, true, _) => format!("would request a build of {stream}\n"),
        (true, false, _) => format!("requested a build of {stream} ({open})\n"),
        (false, true, true) => format!("would take back {open} of {stream}\n"),
        (false, false, true) => format!("took back the requests of {stream}\n"),
        (false, true, false) => format!("would take back nothing: no build of {stream} is requested\n"),
        (false, false, false) => format!("no build of {stream} is requested\n"),
    });
    Ok(Exit::Done)
}

/// Warns of a stream without builds whose name looks like a misspelling of one that has some.
fn misspelt(mirror: &Mirror, stream: &Stream) {
    let builds = mirror.recorded().unwrap_or_default();
    let mut streams = builds.iter().map(|id| &id.stream);
    if streams.clone().any(|other| other == stream) {
        return;
    }
    if let Some(near) = streams.find(|other| is_misspelt(other.as_str(), stream.as_str())) {
        mirror.warnings().add(format!("`{stream}` has no builds, and its name looks like that of `{near}`"));
    }
}

/// The options that are conditions.
const CONDITIONS: [&str; 4] = ["--every", "--git", "--context", "--changed"];

/// Warns where nothing but a request can make a build due, which is rarely meant.
fn unasked(request: &DueRequest, report: &DueReport) {
    let asks = request.every.is_some()
        || !request.git.is_empty()
        || request.context.is_some()
        || !request.changed.is_empty();
    if asks || report.outcome != DueOutcome::NotDue {
        return;
    }
    let of_command = |word: &String| CONDITIONS.contains(&word.split('=').next().unwrap_or_default());
    let taken = request.run.iter().flatten().find(|word| of_command(word));
    let taken = taken.map(|word| {
        format!("; what follows --run belongs to the command, so `{}` does as well", shown(word))
    });
    say::note(&format!(
        "warning: without --every, --git, --context or --changed, only a request makes a build due{}",
        taken.unwrap_or_default()
    ));
}

/// Reads `[PATH=]FILE`.
fn changed(text: &str) -> Outcome<ChangedFile> {
    let (path, file) = match text.split_once('=') {
        Some((path, file)) => {
            let path: RelPath = path.parse().map_err(|error| Usage(format!("--changed {text}: {error}")))?;
            if path.is_root() {
                let why = format!("`--changed {text}` names no path in the build; expected [PATH=]FILE");
                return Err(Usage(why).into());
            }
            (Some(path), file)
        }
        None => (None, text),
    };
    if file.is_empty() {
        return Err(Usage(format!("`--changed {text}` names no file; expected [PATH=]FILE")).into());
    }
    Ok(ChangedFile { path, file: PathBuf::from(file) })
}

fn text(request: &DueRequest, report: &DueReport) -> String {
    let stream = &report.stream;
    let command = request.run.as_deref().map(command_line);
    let mut text = match (report.outcome, &command) {
        (DueOutcome::Due, Some(command)) => format!("{stream}: due; would run {}\n", shown(command)),
        (DueOutcome::Due, None) => format!("{stream}: due\n"),
        (DueOutcome::NotDue, _) => format!("{stream}: not due\n"),
        (DueOutcome::Running, _) => {
            let by = report.running.as_deref().map(|by| format!(": {}", shown(by))).unwrap_or_default();
            let since = report.since.map(|since| format!(" since {}", since.iso())).unwrap_or_default();
            format!("{stream}: not due, a build is running{since}{by}\n")
        }
        (DueOutcome::Unknown, _) => format!("{stream}: not known\n"),
        (DueOutcome::Succeeded | DueOutcome::Failed, _) => match &report.run {
            Some(run) if run.outcome == RunOutcome::NotStarted => {
                format!("{stream}: not started: {}\n", shown(&run.why))
            }
            Some(run) if run.outcome == RunOutcome::Success => {
                format!("{stream}: the command succeeded ({} s)\n", run.seconds)
            }
            Some(run) => format!("{stream}: the command failed: {} ({} s)\n", shown(&run.why), run.seconds),
            None => format!("{stream}: due\n"),
        },
    };
    for answer in &report.answers {
        let word = match answer.due {
            Some(true) => "due",
            Some(false) => "not due",
            None => "not known",
        };
        let about = answer.about.as_deref().filter(|_| answer.question != crate::record::Question::Requested);
        let about = about.map(|about| format!(" {}", shown(about))).unwrap_or_default();
        let moved = match (&answer.from, &answer.to) {
            (from, Some(to))
                if matches!(
                    answer.question,
                    crate::record::Question::Git | crate::record::Question::Changed
                ) =>
            {
                let short = |id: &str| id.chars().take(12).collect::<String>();
                let from = from.as_deref().map_or_else(|| "nothing".to_owned(), short);
                if answer.due == Some(true) { format!(" ({from} -> {})", short(to)) } else { String::new() }
            }
            _ => String::new(),
        };
        let question = format!("{:?}", answer.question).to_lowercase();
        text += &format!("  {word}: {question}{about}: {}{moved}\n", shown(&answer.why));
    }
    text
}
