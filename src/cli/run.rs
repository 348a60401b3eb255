//! One place for errors, causes, hints and exit codes.

use super::answer::{Sorted, Version};
use super::args::{Cli, ExportVerb, HoldArgs, HoldVerb, TrashVerb, Verb};
use super::context::{Context, now, who};
use super::exit::{Exit, Outcome, Usage};
use super::guess::Advice;
use super::mirror_url::MirrorUrl;
use super::owner::other_owner;
use super::progress::Bar;
use super::{
    adopt, check, complete, copy, deliver, events, export, gate, guess, guide, images, journal, list, log,
    look, make, man, pipeline, plan, policy, promotion, prune, publish, say, status, verify, withdraw,
};
use crate::decide::PlanOutcome;
use crate::mirror::{Warnings, chain};
use crate::model::{Classify, ErrorKind};
use crate::ops::Mode;
use crate::ops::alias::Switched;
use crate::ops::readers::{Look, NOT_UPDATED, ReadersReport, update};
use crate::progress::CancelToken;
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches};
use rustix::process::{Resource, Rlimit};
use std::cell::RefCell;
use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;
use tracing::info;

/// Reads the arguments, runs one verb and returns the exit code.
pub fn main() -> ExitCode {
    if let Some(code) = complete::answer() {
        return code;
    }
    let read = guide::command().try_get_matches().and_then(|typed| {
        let cli = Cli::from_arg_matches(&typed).map_err(|error| error.format(&mut Cli::command()))?;
        Ok((cli, typed))
    });
    let cli = match read {
        Ok((cli, typed)) => {
            address(&cli, &typed);
            cli
        }
        Err(error) => {
            return ended(not_read(error));
        }
    };
    log::start(cli.verbose);
    say::configure(cli.quiet, cli.color);
    info!("mirrorkeep {} started", env!("CARGO_PKG_VERSION"));
    more_files();
    let stop = CancelToken::new();
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        // Without the handler the signal ends us at once, which the mirror survives as well.
        signal_hook::flag::register(signal, stop.flag()).ok();
    }
    // A file that grows beyond a limit (`ulimit -f`) ends a process by a signal; with a handler the write fails
    // instead, and its error says which file it was.
    let large = rustix::process::Signal::XFSZ.as_raw();
    signal_hook::flag::register(large, std::sync::Arc::default()).ok();
    if let Some(jobs) = cli.jobs {
        // This thread is one of them: with a single job everything happens in one order, which the tests rely on.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(usize::from(jobs)).use_current_thread();
        pool.build_global().ok();
    }
    let setting = Context {
        mirror: cli.mirror,
        changes: cli.verb.changes(),
        writes: cli.verb.writes(),
        json: cli.json,
        wait: Duration::from_secs(cli.wait),
        who: who(cli.by.as_deref()),
        stop,
        opened: RefCell::default(),
        warnings: Warnings::default(),
    };
    let follows = match &cli.verb {
        verb if !verb.moves_names() => None,
        Verb::Copy(args) => Some(args.to.clone()),
        _ => Some(setting.mirror.clone()),
    };
    let lists = cli.verb.changes_lists();
    let look = if matches!(cli.verb, Verb::Recover { .. }) { Look::Everything } else { Look::Changes };
    if lists && setting.json {
        say::wait();
    }
    let touched = follows.clone().unwrap_or_else(|| setting.mirror.clone());
    let done = run(&setting, cli.verb).and_then(|exit| follow(&setting, follows.as_ref(), exit));
    let readers = if lists && done.is_ok() { for_readers(&setting, look) } else { None };
    say::go_on(readers.as_ref());
    for warning in setting.warnings.take() {
        say::note(&format!("warning: {warning}"));
    }
    match done {
        Ok(exit) => ended(exit as u8),
        Err(error) => {
            let other = other_owner(&touched).filter(|_| error.class.kind == ErrorKind::Denied);
            let owner = other.and_then(|other| Some(format!("{other}; {}", other.class().hint?)));
            let room = (error.class.kind == ErrorKind::Full).then(|| room(&setting)).flatten();
            let room = room.map(|room| match &error.class.hint {
                Some(hint) => format!("{room}; {hint}"),
                None => room,
            });
            let hint = room.as_deref().or(error.class.hint.as_deref()).or(owner.as_deref());
            let code = Exit::from(error.class.kind) as u8;
            say::failure(&*error.error, hint);
            if setting.json {
                say::failure_as_json(&say::causes(&*error.error).join(": "), error.class.kind, hint, code);
            }
            ended(code)
        }
    }
}

/// Says why the arguments cannot be used, or shows the help that was asked for; returns the exit code.
fn not_read(mut error: clap::Error) -> u8 {
    let code = u8::try_from(error.exit_code()).unwrap_or(2);
    let typed: Vec<OsString> = std::env::args_os().collect();
    if let Some(mirror) = guess::mirror(&typed).filter(|mirror| !mirror.is_empty()) {
        say::address(&mirror);
    }
    let advice = guess::advice(&error, &guide::command(), &typed);
    guess::without_noise(&mut error, advice.is_some());
    match &advice {
        Some(Advice::Verb(hint)) => say::failure(&Usage("there is no such verb".to_owned()), Some(hint)),
        advice => {
            written(&error);
            if let Some(Advice::Arguments(hint)) = advice {
                say::hint(hint);
            }
        }
    }
    let hint = match &advice {
        Some(Advice::Verb(hint)) => Some(*hint),
        Some(Advice::Arguments(hint)) => Some(hint.as_str()),
        None => None,
    };
    let json = typed.iter().skip(1).take_while(|word| *word != "--").any(|word| word == "--json");
    if json && error.use_stderr() {
        let text = error.render().to_string();
        let text = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        say::failure_as_json(&text, ErrorKind::Usage, hint, code);
    }
    code
}

/// Writes what clap says of the arguments, or the help that was asked for.
fn written(error: &clap::Error) {
    match say::escaped(&error.render().to_string()).filter(|_| error.use_stderr()) {
        Some(text) => say::written(std::io::stderr().lock().write_all(text.as_bytes())),
        // `--help` and `--version` are answers, too.
        None => say::written(error.print()),
    }
}

/// Makes messages repeat the mirror that was given on the command line; the environment names it to the next command, too.
fn address(cli: &Cli, typed: &ArgMatches) {
    // The mirrors of a copy are named by its arguments.
    if typed.value_source("mirror") == Some(ValueSource::CommandLine)
        && !matches!(cli.verb, Verb::Copy(_))
        && !matches!(cli.mirror, MirrorUrl::Refused(_))
        && let Some(mirror) = typed.get_raw("mirror").and_then(|mut values| values.next_back())
    {
        say::address(mirror);
    }
}

/// Returns which commands make room on a full disk: for what is in the trash, and for what has expired.
fn room(setting: &Context) -> Option<String> {
    let mirror = setting.opened.take()?;
    let (trashed, _) = crate::ops::status::trashed(&mirror).ok()?;
    let bytes: u64 = trashed.iter().map(|build| build.bytes).sum();
    let due = crate::ops::retention::plan(&mirror, None, now(), None).ok().map(|planned| planned.plan);
    let due = due.filter(|plan| plan.outcome != PlanOutcome::Refused && plan.totals.bytes_freed > 0);
    let due = due.map(|plan| say::bytes(plan.totals.bytes_freed));
    match (bytes, due) {
        (0, None) => None,
        (0, Some(due)) => Some(format!(
            "`mirrorkeep prune` moves {due} of expired builds to the trash, and `mirrorkeep sweep` then empties it"
        )),
        (bytes, None) => {
            Some(format!("`mirrorkeep sweep` empties the trash, which frees up to {}", say::bytes(bytes)))
        }
        (bytes, Some(due)) => Some(format!(
            "`mirrorkeep sweep` empties the trash, which frees up to {}, and `mirrorkeep prune` moves {due} more there",
            say::bytes(bytes)
        )),
    }
}

/// Allows as many open files as the system does: the usual limit is for programs that use `select`.
fn more_files() {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    // With fewer files everything works as well, on fewer threads.
    rustix::process::setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).ok();
}

/// Returns the exit code, which is 1 when part of an answer could not be written.
fn ended(code: u8) -> ExitCode {
    info!("ended with code {code}");
    let Some(why) = say::lost() else { return ExitCode::from(code) };
    say::always(&format!("error: cannot write to standard output: {why}"));
    // Whoever reads the code must not take part of an answer for all of it.
    let answers = [Exit::Done, Exit::Withheld, Exit::Findings, Exit::Blocked, Exit::Shortfall];
    let answered = answers.into_iter().any(|exit| exit as u8 == code);
    ExitCode::from(if answered { Exit::Failed as u8 } else { code })
}

/// Brings what depends on the names of a mirror up to date, after a verb that may have moved some.
fn follow(setting: &Context, site: Option<&MirrorUrl>, exit: Exit) -> Outcome<Exit> {
    // In a directory a symlink is all that a name has.
    let Some(site @ MirrorUrl::Bucket(_)) = site else { return Ok(exit) };
    let bar = Bar::new();
    let mirror = setting.open_at(site)?;
    let followed = crate::ops::alias::follow(&setting.session(&mirror).reporting_to(&bar));
    bar.finish();
    let followed = followed?;
    for alias in followed.stay {
        say::note(&format!(
            "warning: `{alias}` resolves to no build; the copy of its last build stays below it"
        ));
    }
    for Switched { alias, generation, of, removed } in followed.switched {
        match (generation, of) {
            (Some(name), Some(of)) => {
                say::note(&format!("`{alias}/{name}` is the copy of `{of}` that counts"));
            }
            _ => say::note(&format!("`{alias}` has no copy any more")),
        }
        if removed > 0 {
            say::note(&format!("{} below `{alias}` removed", say::count(removed, "older generation")));
        }
    }
    Ok(exit)
}

/// Brings what readers of names get up to date; that it fails is a warning, since the verb has done its work.
fn for_readers(setting: &Context, look: Look<'_>) -> Option<ReadersReport> {
    let mirror = setting.opened.take()?;
    mirror.config().readers.as_ref()?;
    let done = update(&setting.session(&mirror), look, &[], Mode::Real);
    let report = match done {
        Ok(report) => report?,
        Err(error) => ReadersReport { failure: Some(chain(&error)), ..ReadersReport::default() },
    };
    report.warnings.iter().for_each(|why| say::note(&format!("warning: {why}")));
    if let Some(why) = &report.failure {
        say::note(&format!(
            "warning: {NOT_UPDATED}: {why}; `mirrorkeep export readers` and every command that changes the mirror try again"
        ));
    }
    Some(report)
}

fn run(setting: &Context, verb: Verb) -> Outcome<Exit> {
    match verb {
        Verb::Init(args) => make::init(setting, &args)?,
        Verb::Publish(args) => publish::publish(setting, &args)?,
        Verb::Copy(args) => return copy::copy(setting, &args),
        Verb::Status(args) => return status::status(setting, &args),
        Verb::Log(args) => journal::log(setting, &args)?,
        Verb::Events(args) => events::events(setting, &args)?,
        Verb::Deliver(args) => return deliver::verb(setting, args),
        Verb::List(args) => list::list(setting, &args)?,
        Verb::Trash(TrashVerb::List(filter)) => list::trash(setting, &filter)?,
        Verb::Show { id } => look::show(setting, &id)?,
        Verb::Census => look::census(setting)?,
        Verb::Label(args) => make::label(setting, &args)?,
        Verb::Alias(verb) => make::alias(setting, verb)?,
        Verb::Images(verb) => return images::images(setting, &verb),
        Verb::Resolve { alias } => look::resolve(setting, &alias)?,
        Verb::Plan(args) => return plan::plan(setting, &args),
        Verb::Explain(args) => return plan::explain(setting, &args),
        Verb::Prune(args) => return prune::prune(setting, &args),
        Verb::Withdraw(args) => return withdraw::withdraw(setting, &args),
        Verb::Restore { id, dry_run } => prune::restore(setting, &id, dry_run)?,
        Verb::Sweep { max_rate, io_priority, dry_run } => {
            return prune::sweep(setting, max_rate, io_priority, dry_run);
        }
        Verb::Hold(HoldArgs { verb: Some(HoldVerb::List(filter)), .. }) => list::holds(setting, &filter)?,
        Verb::Hold(args) => prune::hold(setting, &args)?,
        Verb::Unhold { id, why, dry_run } => prune::unhold(setting, &id, why.as_deref(), dry_run)?,
        Verb::Promote(args) => return promotion::promote(setting, &args),
        Verb::Demote(args) => return promotion::demote(setting, &args),
        Verb::Bundle { stream, dry_run } => promotion::bundle(setting, &stream, dry_run)?,
        Verb::Stages(args) => return promotion::stages(setting, &args),
        Verb::Vote(args) => promotion::vote(setting, &args)?,
        Verb::Gate(args) => return gate::gate(setting, &args),
        Verb::Waive(args) => promotion::waive(setting, &args)?,
        Verb::Unwaive(args) => promotion::unwaive(setting, &args)?,
        Verb::Reject(args) => promotion::reject(setting, &args)?,
        Verb::Unreject(args) => promotion::unreject(setting, &args)?,
        Verb::History { alias } => promotion::history(setting, &alias)?,
        Verb::Pipeline(verb) => return pipeline::pipeline(setting, &verb),
        Verb::Policy(verb) => return policy::policy(setting, &verb),
        Verb::Export(ExportVerb::Readers(args)) => return export::readers(setting, &args),
        Verb::Export(ExportVerb::Redirects(args)) => export::redirects(setting, &args)?,
        Verb::Layout(verb) => look::layout(setting, verb)?,
        Verb::Check(args) => return check::check(setting, &args),
        Verb::Verify(args) => return verify::verify(setting, &args),
        Verb::Adopt(args) => return adopt::adopt(setting, &args),
        Verb::Recover { accept_journal, discard_stages, skip_commands, dry_run } => {
            return make::recover(setting, (accept_journal, skip_commands), discard_stages, dry_run);
        }
        Verb::Completions { shell } => {
            let text = complete::registration(shell);
            if setting.json {
                let shell = shell.to_string();
                say::data(&Sorted(complete::CompletionsAnswer { completions: Version, shell, text }));
            } else {
                say::verbatim(&text);
            }
        }
        Verb::Man { out } => man::man(setting, out.as_deref())?,
    }
    Ok(Exit::Done)
}
