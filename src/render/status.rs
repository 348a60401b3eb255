//! The state of a mirror on one screen.

use crate::model::{RelPath, Stamp, shown};
use crate::ops::status::{RetiringStream, Status, StreamStatus};
use crate::record::RetirementState;
use crate::render::paint::{Paint, age, bytes, count};
use crate::render::table::{Align, table};

/// The number of reasons that fit on a screen.
const REASONS: usize = 12;

/// The number of builds of a reason that are named.
const NAMED: usize = 3;

/// After this number of days the exact number does not matter.
const LONG: u64 = 3650;

/// Returns the state of a mirror as text.
pub fn status(status: &Status, paint: Paint) -> String {
    let policy = match &status.policy {
        Some(policy) => format!("policy {policy}"),
        None => "no policy (nothing is ever pruned)".to_owned(),
    };
    let pipeline = status.pipeline.as_ref().map_or_else(String::new, |name| format!(", pipeline {name}"));
    let head = format!("{}  layout {}, {policy}{pipeline}", status.mirror, status.layout);
    let mut text = format!("{}\n{}\n\n", paint.bold(&head), status.at.iso());
    let rows: Vec<Vec<String>> = status.streams.iter().map(|stream| row(stream, status)).collect();
    let columns = [
        ("STREAM", Align::Left),
        ("BUILDS", Align::Right),
        ("SIZE", Align::Right),
        ("NEWEST SUCCESS", Align::Left),
        ("AGE", Align::Right),
        ("LAST", Align::Left),
        ("DUE", Align::Right),
        ("NEXT EXPIRY", Align::Left),
    ];
    if rows.is_empty() {
        text += "no builds\n";
    } else {
        text += &table(&columns, &rows, Some(paint));
    }
    text.push('\n');
    let lines = [
        ("builds", builds(status)),
        ("disk", disk(status)),
        ("trash", trash(status)),
        ("holds", holds(status)),
        ("unfinished", stages(status)),
        ("prune", prune(status)),
        ("check", check(status)),
    ];
    for (what, line) in lines {
        text += &format!("{what:<10} {}\n", shown(&line));
    }
    for one in &status.retiring {
        text += &format!("{:<10} {}\n", "retired", shown(&retiring(one)));
    }
    text.push('\n');
    text + &attention(status, paint)
}

fn retiring(one: &RetiringStream) -> String {
    match (one.state, one.removal_at) {
        (RetirementState::Retired, _) => format!("{}: its builds were removed", one.stream),
        (state, Some(at)) => {
            format!("{}: {}, its builds are removed from {} on", one.stream, state.as_str(), day(at))
        }
        (state, None) => format!("{}: {}", one.stream, state.as_str()),
    }
}

fn row(stream: &StreamStatus, status: &Status) -> Vec<String> {
    let newest = stream.newest_success.as_ref();
    let unknown = if stream.unknown_sizes > 0 { ">= " } else { "" };
    vec![
        stream.stream.to_string(),
        stream.builds.to_string(),
        format!("{unknown}{}", bytes(stream.bytes)),
        newest.map_or("none".to_owned(), |newest| newest.build.to_string()),
        newest.and_then(|newest| newest.age).map_or("?".to_owned(), age),
        stream.last.as_ref().map_or_else(|| "none".to_owned(), |last| last.result.to_string()),
        stream.due.map_or("?".to_owned(), |due| due.to_string()),
        match &stream.next_expiry {
            Some(next) => day(next.until),
            None if status.prune.is_none() => "not known".to_owned(),
            None => "none by time".to_owned(),
        },
    ]
}

fn day(at: Stamp) -> String {
    at.spell("%Y-%m-%d")
}

fn builds(status: &Status) -> String {
    let shared = match status.bytes_shared {
        Some(shared) => format!("{} of them shared", bytes(shared)),
        None => "shared bytes not measured, `mirrorkeep status --shared` does".to_owned(),
    };
    let streams = count(status.streams.len() as u64, "stream");
    format!("{} in {streams}, {} ({shared})", count(status.builds, "build"), bytes(status.bytes))
}

fn disk(status: &Status) -> String {
    let Some(disk) = status.disk else { return "an object store has no size".to_owned() };
    let lasts = match (disk.days, disk.per_day) {
        (Some(days), Some(rate)) if days > LONG => {
            format!("lasts for more than ten years at {} a day", bytes(rate))
        }
        (Some(days), Some(rate)) => {
            let days = if days == 0 { "less than a day".to_owned() } else { count(days, "day") };
            let rate = bytes(rate);
            format!("full in {days} at {rate} a day (the average of 14 days), if nothing is pruned or shared")
        }
        _ => "how long it lasts is not known: nothing was published in the last 14 days".to_owned(),
    };
    format!("{} of {} free; {lasts}", bytes(disk.free), bytes(disk.total))
}

fn trash(status: &Status) -> String {
    let trash = &status.trash;
    let mut line = match trash.builds {
        0 => "empty".to_owned(),
        builds => format!("{}, {}", count(builds, "build"), bytes(trash.bytes)),
    };
    if trash.due > 0 {
        line += &format!("; {} deleted by the next prune", trash.due);
    }
    if let Some(next) = trash.next {
        line += &format!("; the next can be deleted after {}", next.iso());
    }
    if trash.unreadable > 0 {
        line +=
            &format!("; {} cannot be read", count(trash.unreadable, "entry").replace("entrys", "entries"));
    }
    line
}

fn holds(status: &Status) -> String {
    let holds = RelPath::state("holds");
    if status.attention.iter().any(|one| one.path.is_within(&holds)) {
        return "not known: they cannot be read".to_owned();
    }
    let active = status.holds.iter().filter(|hold| hold.active).count() as u64;
    if active == 0 {
        return "none".to_owned();
    }
    let old: Vec<&str> =
        status.holds.iter().filter(|hold| hold.old).map(|hold| hold.id.name.as_str()).collect();
    let old = match (old.len(), old.first()) {
        (0, _) | (_, None) => String::new(),
        (1, Some(first)) => format!("; {first} is held for more than 90 days without a term"),
        (more, Some(first)) => {
            format!("; {first} and {} more are held for more than 90 days without a term", more - 1)
        }
    };
    format!("{active} active{old}")
}

fn stages(status: &Status) -> String {
    let bytes = bytes(status.stages.iter().map(|stage| stage.bytes).sum());
    match status.stages.iter().map(|stage| stage.age).max() {
        None => "none".to_owned(),
        Some(oldest) => format!(
            "{}, {bytes}; the oldest is {} old",
            count(status.stages.len() as u64, "publish").replace("publishs", "publishes"),
            age(oldest)
        ),
    }
}

fn prune(status: &Status) -> String {
    let Some(prune) = &status.prune else {
        return match status.policy {
            None => "not known: there is no policy".to_owned(),
            Some(_) => "not known: no plan can be made".to_owned(),
        };
    };
    let last = match prune.last {
        None => "never ran to its end".to_owned(),
        Some(last) => format!("last ran {} ago", age(status.at.since(last))),
    };
    format!("{last}; now {} due, {} withheld, {} blocked", prune.due, prune.withheld, prune.blocked)
}

fn check(status: &Status) -> String {
    match &status.check {
        None => "never run on the whole mirror".to_owned(),
        Some(check) => format!(
            "{} ago: {}, {}, {}",
            age(status.at.since(check.at)),
            count(check.error, "error"),
            count(check.warning, "warning"),
            count(check.note, "note")
        ),
    }
}

/// Returns how many warnings there are beside what needs attention.
fn warned(status: &Status) -> String {
    let mut parts = Vec::new();
    match status.warnings.len() as u64 {
        0 => {}
        warnings => parts.push(format!("{} below", count(warnings, "warning"))),
    }
    match status.check.as_ref().map_or(0, |check| check.warning) {
        0 => {}
        warnings => {
            let warnings = count(warnings, "warning");
            parts.push(format!("the last check found {warnings}, which `mirrorkeep check` lists"));
        }
    }
    if parts.is_empty() { String::new() } else { format!("; {}", parts.join("; ")) }
}

fn attention(status: &Status, paint: Paint) -> String {
    if status.attention.is_empty() {
        return format!("{}{}\n", paint.green("nothing needs attention"), warned(status));
    }
    let mut text = format!("{}\n", paint.yellow("needs attention:"));
    for one in status.attention.iter().take(REASONS) {
        let place = one.subject().map(|path| format!("{path}: ")).unwrap_or_default();
        let builds: Vec<String> = one.builds.iter().map(ToString::to_string).collect();
        let builds = match builds.len() {
            1..=NAMED => format!(": {}", builds.join(", ")),
            _ => String::new(),
        };
        let hint = one.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
        text += &format!("  {}\n", shown(&format!("{place}{}{builds}{hint}", one.why)));
    }
    if let Some(more) = status.attention.len().checked_sub(REASONS).filter(|more| *more > 0) {
        text += &format!("  and {more} more; `mirrorkeep --json status` lists all\n");
    }
    text
}
