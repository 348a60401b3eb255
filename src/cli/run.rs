//! The place for errors, causes, hints and exit codes.

use super::answer::{Sorted, Version};
use super::args::{Cli, ExportVerb, HoldArgs, HoldVerb, TrashVerb, Verb};
use super::context::{Context, now, who};
use super::exit::{Exit, Outcome, Usage};
use super::guess::Advice;
use super::mirror_url::MirrorUrl;
use super::owner::other_owner;
use super::progress::Bar;
use super::{
    adopt, branch, changes, check, complete, copy, deliver, diff, due, events, export, gate, guess, guide,
    images, journal, list, log, look, make, man, metrics, pipeline, plan, policy, promotion, prune, publish,
    pull, release, retire, say, site, status, sync, verify, withdraw,
};
use crate::decide::PlanOutcome;
use crate::mirror::{Mirror, Warnings, chain};
use crate::model::{Classify, ErrorKind, shown};
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
    let command = guide::command();
    let typed = guess::globals_first(std::env::args_os().collect(), &command);
    let cli = match command.try_get_matches_from(typed).and_then(read) {
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
        // Without the handler the signal ends the process at once, which does not harm the mirror.
        signal_hook::flag::register(signal, stop.flag()).ok();
    }
    // By default a signal ends a process when a file exceeds a limit (`ulimit -f`); with a handler the write fails
    // instead, and its error names the file.
    let large = rustix::process::Signal::XFSZ.as_raw();
    signal_hook::flag::register(large, std::sync::Arc::default()).ok();
    if let Some(jobs) = cli.jobs {
        // The pool includes this thread: with a single job everything happens in one order, on which the tests rely.
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
        Verb::Pull(args) => Some(args.to.clone()),
        _ => Some(setting.mirror.clone()),
    };
    let (lists, shows) = (cli.verb.changes_lists(), cli.verb.changes_site());
    let look = if matches!(cli.verb, Verb::Recover { .. }) { Look::Everything } else { Look::Changes };
    if lists && setting.json {
        say::wait();
    }
    let touched = follows.clone().unwrap_or_else(|| setting.mirror.clone());
    let done = run(&setting, cli.verb).and_then(|exit| follow(&setting, follows.as_ref(), exit));
    let changed = if done.is_ok() { setting.opened.take() } else { None };
    let readers = changed.as_ref().filter(|_| lists).and_then(|mirror| for_readers(&setting, mirror, look));
    // A mirror that was opened before settings were changed has the old ones.
    let shown =
        changed.filter(|_| shows).and_then(|mirror| if lists { Some(mirror) } else { setting.open().ok() });
    if let Some(mirror) = &shown {
        site::follow(&setting, mirror);
        changes::follow(&setting, mirror);
    }
    say::go_on(readers.as_ref());
    for warning in setting.warnings.take() {
        say::note(&format!("warning: {warning}"));
    }
    match done {
        Ok(exit) => ended(exit as u8),
        Err(error) => {
            let other = other_owner(&touched).filter(|_| error.class.kind == ErrorKind::Denied);
            let owner = other.and_then(|other| Some(format!("{other}; {}", other.class().hint?)));
            let owner = owner.or_else(|| {
                let writes = setting.writes && matches!(touched, MirrorUrl::Dir(_));
                let at = crate::model::shell_word(touched.to_string().as_ref());
                (writes && error.class.kind == ErrorKind::Denied).then(|| {
                    format!(
                        "`ls -ld {at}` shows who may write there, and `findmnt --target {at}` whether its file system is mounted \
                         read-only"
                    )
                })
            });
            let room = (error.class.kind == ErrorKind::Full).then(|| room(&setting)).flatten();
            let room = room.map(|room| match &error.class.hint {
                Some(hint) => format!("{room}; {hint}"),
                None => room,
            });
            // A word of another tool can be read as a name or a build, which is then not there.
            let meant = (error.class.kind == ErrorKind::Usage)
                .then(|| guess::below_typed(&guide::command(), &std::env::args_os().collect::<Vec<_>>()))
                .flatten();
            let hint =
                room.as_deref().or(meant.as_deref()).or(error.class.hint.as_deref()).or(owner.as_deref());
            let code = Exit::from(error.class.kind) as u8;
            say::failure(&*error.error, hint);
            if setting.json {
                say::failure_as_json(&say::causes(&*error.error).join(": "), error.class.kind, hint, code);
            }
            ended(code)
        }
    }
}

/// Reports why the arguments cannot be used, or shows the requested help; returns the exit code.
fn not_read(mut error: clap::Error) -> u8 {
    let code = u8::try_from(error.exit_code()).unwrap_or(2);
    let typed: Vec<OsString> = std::env::args_os().collect();
    if let Some(mirror) = guess::mirror(&typed).filter(|mirror| !mirror.is_empty()) {
        say::address(&mirror);
    }
    let advice = guess::advice(&error, &guide::command(), &typed);
    guess::without_noise(&mut error, advice.is_some());
    guess::with_usage(&mut error, guide::command(), &typed);
    match &advice {
        Some(Advice::Verb { name, hint }) => {
            say::failure(&Usage(format!("there is no command `{}`", shown(name))), Some(hint));
        }
        advice => {
            written(&error);
            if let Some(Advice::Arguments(hint)) = advice {
                say::hint(hint);
            }
        }
    }
    let hint = match &advice {
        Some(Advice::Verb { hint, .. } | Advice::Arguments(hint)) => Some(hint.as_str()),
        None => None,
    };
    let json = typed.iter().skip(1).take_while(|word| *word != "--").any(|word| word == "--json");
    if json && error.use_stderr() {
        let text = error.render().to_string();
        // Below the first line are the arguments that are missing.
        let lines = text.lines().map(str::trim).take_while(|line| !line.is_empty());
        let text = lines.collect::<Vec<_>>().join(" ");
        let text = text.trim_start_matches("error: ").to_owned();
        say::failure_as_json(&text, ErrorKind::Usage, hint, code);
    }
    code
}

/// Writes the error of clap, or the requested help.
fn written(error: &clap::Error) {
    match say::escaped(&error.render().to_string()).filter(|_| error.use_stderr()) {
        Some(text) => say::written(std::io::stderr().lock().write_all(text.as_bytes())),
        // `--help` and `--version` are answers too.
        None => say::written(error.print()),
    }
}

/// Returns the command, and the arguments from which it was read; for `log`, `--by` selects events.
fn read(typed: ArgMatches) -> Result<(Cli, ArgMatches), clap::Error> {
    let mut cli = Cli::from_arg_matches(&typed).map_err(|error| error.format(&mut Cli::command()))?;
    if let Verb::Log(args) = &mut cli.verb
        && typed.value_source("by") == Some(ValueSource::CommandLine)
    {
        args.by.clone_from(&cli.by);
    }
    Ok((cli, typed))
}

/// Makes the commands in messages name the mirror that was given on the command line; one from the environment also
/// applies to the next command.
fn address(cli: &Cli, typed: &ArgMatches) {
    if let Verb::Pull(args) = &cli.verb {
        // What is to be done is to be done in the copy.
        match &args.to {
            MirrorUrl::Dir(dir) => say::address(dir.as_os_str()),
            MirrorUrl::Bucket(address) => say::address(address.as_ref()),
            MirrorUrl::Refused(_) => {}
        }
        return;
    }
    // The arguments name the mirrors of a copy.
    if typed.value_source("mirror") == Some(ValueSource::CommandLine)
        && !matches!(cli.verb, Verb::Copy(_))
        && !matches!(cli.mirror, MirrorUrl::Refused(_))
        && let Some(mirror) = typed.get_raw("mirror").and_then(|mut values| values.next_back())
    {
        say::address(mirror);
    }
}

/// Returns which commands free space on a full disk: by deleting the trash, and expired builds.
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

/// Raises the limit of open files to the maximum: the usual limit is for programs that use `select`.
fn more_files() {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    // With fewer open files everything works, on fewer threads.
    rustix::process::setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).ok();
}

/// Returns the exit code, which is 1 when part of an answer could not be written.
fn ended(code: u8) -> ExitCode {
    info!("ended with code {code}");
    let Some(why) = say::lost() else { return ExitCode::from(code) };
    say::always(&format!("error: cannot write to standard output: {why}"));
    // A caller that checks the exit code must not take part of an answer for all of it.
    let answers = [Exit::Done, Exit::Withheld, Exit::Findings, Exit::Blocked, Exit::Shortfall];
    let answered = answers.into_iter().any(|exit| exit as u8 == code);
    ExitCode::from(if answered { Exit::Failed as u8 } else { code })
}

/// Updates what depends on the aliases of a mirror, after a verb that may have moved some.
fn follow(setting: &Context, site: Option<&MirrorUrl>, exit: Exit) -> Outcome<Exit> {
    // In a directory an alias is only a symlink.
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

/// Updates what readers of aliases fetch; a failure is a warning, since the verb has done its work.
fn for_readers(setting: &Context, mirror: &Mirror, look: Look<'_>) -> Option<ReadersReport> {
    mirror.config().readers.as_ref()?;
    let done = update(&setting.session(mirror), look, &[], Mode::Real);
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
        Verb::Branch(args) => return branch::branch(setting, &args),
        Verb::Pull(args) => return pull::pull(setting, &args),
        Verb::Status(args) => return status::status(setting, &args),
        Verb::Metrics(args) => metrics::metrics(setting, &args)?,
        Verb::Site(args) => site::site(setting, &args)?,
        Verb::Log(args) => journal::log(setting, &args)?,
        Verb::Events(args) => events::events(setting, &args)?,
        Verb::Deliver(args) => return deliver::verb(setting, args),
        Verb::Sync(args) => return sync::verb(setting, args),
        Verb::Freshness { names } => return sync::freshness(setting, &names),
        Verb::Release(verb) => return release::verb(setting, &verb),
        Verb::Due(args) => return due::verb(setting, args),
        Verb::List(args) => list::list(setting, &args)?,
        Verb::Trash(TrashVerb::List(filter)) => list::trash(setting, &filter)?,
        Verb::Show { id } => look::show(setting, &id)?,
        Verb::Diff(args) => diff::diff(setting, &args)?,
        Verb::Census => look::census(setting)?,
        Verb::Label(args) => make::label(setting, &args)?,
        Verb::Alias(verb) => make::alias(setting, verb)?,
        Verb::Images(verb) => return images::images(setting, &verb),
        Verb::Resolve { alias } => look::resolve(setting, &alias)?,
        Verb::Plan(args) => return plan::plan(setting, &args),
        Verb::Explain(args) => return plan::explain(setting, &args),
        Verb::Prune(args) => return prune::prune(setting, &args),
        Verb::Withdraw(args) => return withdraw::withdraw(setting, &args),
        Verb::Retire(args) => return retire::retire(setting, &args),
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
        Verb::Export(ExportVerb::Changes(args)) => changes::changes(setting, &args)?,
        Verb::Export(ExportVerb::Redirects(args)) => export::redirects(setting, &args)?,
        Verb::Export(ExportVerb::CacheRules(args)) => export::cache_rules(setting, &args)?,
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
