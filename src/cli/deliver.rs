//! The verb `deliver`: events to other programs, and the progress of each subscriber.

use super::answer::{Sorted, Version};
use super::args::{DeliverArgs, DeliverVerb};
use super::context::{Context, now};
use super::exit::{Exit, Failed, Failure, Outcome};
use super::judged;
use super::say;
use super::service::Service;
use crate::decide::deliver::{Deliver, lint};
use crate::mirror::{Asked, Mirror};
use crate::model::{ErrorKind, RelPath, shell_word, shown};
use crate::ops::Mode;
use crate::ops::deliver::{
    AskReport, DeliverReport, DeliverStatus, Delivered, Outcome as Ended, SubscriberStatus, Until, ask,
    deliver, required_deliver, status,
};
use crate::progress::{CancelToken, Watch};
use crate::render::{Align, age, table};
use schemars::JsonSchema;
use serde::Serialize;

/// The answer of `deliver`.
#[derive(Serialize, JsonSchema)]
pub(super) struct DeliverAnswer<'a> {
    deliver: Version,
    /// What was done.
    report: &'a DeliverReport,
}

/// The answer of `deliver --dry-run`.
#[derive(Serialize, JsonSchema)]
pub(super) struct DeliverTrial<'a> {
    deliver: Version,
    /// How far each subscriber is.
    would: &'a DeliverStatus,
}

/// The answer of `deliver replay`, `deliver park` and `deliver unpark`.
#[derive(Serialize, JsonSchema)]
pub(super) struct AskAnswer<'a> {
    deliver: Version,
    /// Whether nothing was changed.
    dry_run: bool,
    /// What was changed, or would be changed.
    report: &'a AskReport,
}

/// How many events a line names.
const NAMED: usize = 5;

/// Prints messages while events are delivered.
struct Aloud;

impl Watch for Aloud {
    fn expect(&self, _: &str, _: u64, _: u64) {}
    fn bytes(&self, _: u64) {}
    fn file(&self, _: &RelPath) {}

    fn say(&self, message: &str) {
        say::note(message);
    }
}

pub(super) fn verb(setting: &Context, args: DeliverArgs) -> Outcome<Exit> {
    match args.verb {
        None => run(setting, &args),
        Some(DeliverVerb::Status { names }) => show_status(setting, &names),
        Some(DeliverVerb::Replay { name, since, dry_run }) => {
            let asked = asked(setting, &name, &Asked::Replay(since), dry_run)?;
            tell(setting, &asked, dry_run, |report| {
                format!("{} again from event {since}", at(report, "deliver", "delivers"))
            });
            Ok(Exit::Done)
        }
        Some(DeliverVerb::Park { name, dry_run }) => {
            let asked = asked(setting, &name, &Asked::Park(None), dry_run)?;
            // An event that no process is delivering is parked at once.
            if asked.done && !dry_run && !setting.json {
                say::out(&format!("{}: parked {}\n", asked.name, events(&asked)));
                return Ok(Exit::Done);
            }
            tell(setting, &asked, dry_run, |report| {
                format!("{} {}", at(report, "park", "parks"), events(report))
            });
            Ok(Exit::Done)
        }
        Some(DeliverVerb::Unpark { name, events: numbers, dry_run }) => {
            let asked = asked(setting, &name, &Asked::Unpark(numbers), dry_run)?;
            tell(setting, &asked, dry_run, |report| {
                format!("{} {} again", at(report, "deliver", "delivers"), events(report))
            });
            Ok(Exit::Done)
        }
        Some(DeliverVerb::Lint { file }) => {
            let (name, deliver) = match file {
                Some(file) => {
                    let name = file.display().to_string();
                    let text = super::read::setting("deliver.yaml", &file)?;
                    let deliver = Deliver::load(&text, &name)?;
                    (name, deliver)
                }
                None => ("deliver.yaml".to_owned(), required_deliver(&setting.open()?)?),
            };
            Ok(judged::findings(setting.json, "deliver", &name, &lint(&deliver)))
        }
        Some(DeliverVerb::Schema) => {
            say::json(&Deliver::schema());
            Ok(Exit::Done)
        }
    }
}

fn run(setting: &Context, args: &DeliverArgs) -> Outcome<Exit> {
    let mirror = setting.open()?;
    let file = required_deliver(&mirror)?;
    if args.dry_run {
        return trial(setting, &mirror, &args.names);
    }
    let aloud = Aloud;
    let session = setting.session(&mirror).reporting_to(&aloud);
    let until = if args.follow { Until::Stopped } else { Until::End };
    let service = Service::new();
    let beat = || service.beat();
    let report = deliver(&session, file, &args.names, until, &beat)?;
    service.stopping();
    if setting.json {
        say::data(&Sorted(DeliverAnswer { deliver: Version, report: &report }));
    } else {
        report.subscribers.iter().for_each(|one| say::out(&(line(one) + "\n")));
        if report.subscribers.is_empty() {
            say::note("deliver.yaml has no subscriber");
        }
    }
    ended(report, args.follow, &setting.stop)
}

/// Returns the exit code, or all failures, with the exit code of the first.
fn ended(report: DeliverReport, follow: bool, stop: &CancelToken) -> Outcome<Exit> {
    let is_failed = |one: &&Delivered| matches!(one.outcome, Ended::Failed | Ended::Busy);
    let failed: Vec<&Delivered> = report.subscribers.iter().filter(is_failed).collect();
    if let Some(first) = failed.first() {
        let class = first.class.clone().unwrap_or_else(|| ErrorKind::Failed.into());
        let why = |one: &&Delivered| format!("{}: {}", one.name, one.failure.as_deref().unwrap_or_default());
        let error = Box::new(Failed(failed.iter().map(why).collect::<Vec<_>>().join("; ")));
        return Err(Failure { error, class });
    }
    // A service ends only by a signal.
    if follow && stop.check().is_err() {
        return Ok(Exit::Done);
    }
    stop.check()?;
    let behind = report.subscribers.iter().any(|one| matches!(one.outcome, Ended::Waits | Ended::Full));
    Ok(if behind { Exit::Failed } else { Exit::Done })
}

fn line(one: &Delivered) -> String {
    let mut text = format!("{}: {} delivered", one.name, say::count(one.delivered, "event"));
    if one.repeats > 0 {
        text += &format!(" ({} may be repeats)", one.repeats);
    }
    if one.parked > 0 {
        text += &format!(", {} parked", one.parked);
    }
    let why = one.failure.as_deref().map(|why| shown(why).into_owned()).unwrap_or_default();
    text + &match one.outcome {
        Ended::UpToDate => String::new(),
        Ended::Waits => format!(
            "; it is tried again by the next run: {why}; `mirrorkeep deliver park {}` passes over it",
            shown(&one.name)
        ),
        Ended::Full => "; too many events are parked".to_owned(),
        Ended::Stopped => "; stopped".to_owned(),
        Ended::Busy | Ended::Failed => format!("; failed: {why}"),
    }
}

fn trial(setting: &Context, mirror: &Mirror, names: &[String]) -> Outcome<Exit> {
    let would = status(mirror, names, now())?;
    if setting.json {
        say::data(&Sorted(DeliverTrial { deliver: Version, would: &would }));
        return Ok(Exit::Done);
    }
    for one in &would.subscribers {
        say::out(&format!("would deliver {} to {}\n", say::count(one.behind, "event"), one.name));
    }
    if would.subscribers.is_empty() {
        say::out("would deliver nothing: deliver.yaml has no subscriber\n");
    }
    Ok(Exit::Done)
}

fn show_status(setting: &Context, names: &[String]) -> Outcome<Exit> {
    let mirror = setting.open()?;
    let status = status(&mirror, names, now())?;
    let exit = if status.subscribers.iter().any(|one| one.attention) { Exit::Findings } else { Exit::Done };
    if setting.json {
        say::data(&Sorted(&status));
        return Ok(exit);
    }
    let columns = [
        ("NAME", Align::Left),
        ("BY", Align::Left),
        ("RUNNING", Align::Left),
        ("AT", Align::Right),
        ("WAITING", Align::Right),
        ("OLDEST", Align::Right),
        ("PARKED", Align::Right),
        ("LAST ANSWER", Align::Left),
    ];
    let rows: Vec<Vec<String>> = status.subscribers.iter().map(row).collect();
    say::out(&table(&columns, &rows, Some(say::paint())));
    for one in &status.subscribers {
        if let Some(problem) = &one.problem {
            say::note(&format!("warning: {}: {problem}", one.name));
        }
    }
    for one in &status.subscribers {
        let name = shown(&one.name);
        if let Some(parked) = numbers(&one.parked) {
            say::note(&format!(
                "{name}: parked: {parked}; `mirrorkeep deliver unpark {name}` delivers them again"
            ));
        }
        if let Some(failing) = &one.failing {
            let (seq, answer) = (failing.seq, shown(&failing.answer));
            say::note(&format!(
                "{name}: event {seq} is not accepted: {answer}; `mirrorkeep deliver park {name}` passes over it"
            ));
        }
    }
    for one in &status.former {
        let (name, next) = (shown(&one.name), one.seq + 1);
        let parked = numbers(&one.parked).map(|parked| format!("; parked: {parked}")).unwrap_or_default();
        let at = format!(".mirrorkeep/deliver/{name}");
        let end = match mirror.directory() {
            Some(dir) => format!("`rm -r {}` forgets it", shell_word(dir.join(&at).as_os_str())),
            None => format!("without what is below `{at}/` it is forgotten"),
        };
        say::note(&format!(
            "warning: {name} is in deliver.yaml no more, and was not sent the events from {next} on{parked}; under another name, \
             `mirrorkeep deliver replay NAME --since {next}` sends them; {end}"
        ));
    }
    Ok(exit)
}

/// Returns the numbers of some events, the first few of many; nothing for none.
fn numbers(events: &[u64]) -> Option<String> {
    let (first, others) = events.split_at(events.len().min(NAMED));
    let list = first.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match (first.len(), others.len()) {
        (0, _) => None,
        (1, 0) => Some(format!("event {list}")),
        (_, 0) => Some(format!("events {list}")),
        (_, more) => Some(format!("events {list} and {more} more")),
    }
}

fn row(one: &SubscriberStatus) -> Vec<String> {
    let answer =
        one.last.as_ref().map(|last| format!("{} event {}: {}", last.at.iso(), last.seq, last.answer));
    vec![
        one.name.clone(),
        one.via.to_owned(),
        if one.running { "yes" } else { "no" }.to_owned(),
        one.seq.map_or_else(|| "-".to_owned(), |seq| seq.to_string()),
        one.behind.to_string(),
        if one.behind == 0 { "-".to_owned() } else { age(i64::try_from(one.seconds).unwrap_or(i64::MAX)) },
        one.parked.len().to_string(),
        answer.unwrap_or_else(|| "-".to_owned()),
    ]
}

fn asked(setting: &Context, name: &str, asked: &Asked, dry_run: bool) -> Outcome<AskReport> {
    let mirror = setting.open()?;
    Ok(ask(&setting.session(&mirror), name, asked, Mode::of(dry_run))?)
}

fn tell(setting: &Context, report: &AskReport, dry_run: bool, what: impl Fn(&AskReport) -> String) {
    if setting.json {
        say::data(&Sorted(AskAnswer { deliver: Version, dry_run, report }));
        return;
    }
    let name = &report.name;
    say::out(&match (dry_run, report.done) {
        (true, _) => format!("{name}: would {}\n", what(&AskReport { done: true, ..report.clone() })),
        (false, true) => format!("{name}: the next run will {}\n", what(report)),
        (false, false) => format!("{name}: asked the process that delivers to it, which {}\n", what(report)),
    });
}

/// Returns the verb as it follows `to`, or the process that runs it.
fn at(report: &AskReport, verb: &'static str, third: &'static str) -> &'static str {
    if report.done { verb } else { third }
}

fn events(report: &AskReport) -> String {
    match report.events.as_slice() {
        [one] => format!("event {one}"),
        all => say::count(all.len() as u64, "event"),
    }
}
