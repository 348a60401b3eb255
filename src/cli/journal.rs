//! The verb `log`: what happened, when, and who did it.

use super::answer::{Sorted, Version};
use super::args::LogArgs;
use super::context::{Context, now};
use super::exit::{Failed, Failure, Outcome, Usage};
use super::{say, when};
use crate::model::Stamp;
use crate::model::{ErrorKind, shown};
use crate::ops::history::{About, Choice, History};
use crate::ops::matching::Matching;
use crate::record::{Event, EventKind};
use crate::render::{person, sentence};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// The answer of `log`.
#[derive(Serialize, JsonSchema)]
pub(super) struct LogAnswer<'a> {
    log: Version,
    /// The events, newest first.
    events: Vec<EventRow<'a>>,
}

/// An event of the journal.
#[derive(Serialize, JsonSchema)]
struct EventRow<'a> {
    /// Its number in the journal.
    seq: u64,
    /// When it was written.
    at: Stamp,
    /// The user, host and process that did it.
    by: &'a str,
    /// What happened.
    what: EventKind,
    /// The build, alias or mirror that the event is about.
    to: &'a str,
    /// Other fields of the event, by kind.
    details: &'a Map<String, Value>,
    /// The event as a sentence.
    text: String,
}

impl<'a> EventRow<'a> {
    fn of(event: &'a Event) -> Self {
        Self {
            seq: event.seq,
            at: event.at,
            by: &event.by,
            what: event.what,
            to: &event.to,
            details: &event.details,
            text: sentence(event),
        }
    }
}

/// Returns the error that no event is about what was typed.
fn unknown(about: &str) -> Failure {
    let error = Failed(format!("no event is about `{}`", shown(about)));
    let hint = "`mirrorkeep list` lists the builds and streams, `mirrorkeep alias list` the names, and `mirrorkeep log` shows every event";
    Failure { error: Box::new(error), class: ErrorKind::Failed.hint(hint) }
}

pub(super) fn log(setting: &Context, args: &LogArgs) -> Outcome {
    let since = args.since.as_deref().map(|text| when::past("--since", text, now())).transpose()?;
    let mirror = setting.open()?;
    let about = args.about.as_deref().map(|text| About::read(&mirror, text)).transpose();
    let about = about.map_err(|error| Usage(format!("the pattern cannot be used: {error}")))?;
    let choice = Choice { about, by: args.by.clone(), since, limit: args.limit };
    let History { events, damage, known } = crate::ops::history::history(&mirror, &choice)?;
    if let Some(text) =
        args.about.as_ref().filter(|text| !known && damage.is_none() && !Matching::is_pattern(text))
    {
        return Err(unknown(text));
    }
    if setting.json {
        let events = events.iter().map(EventRow::of).collect();
        say::data(&Sorted(LogAnswer { log: Version, events }));
        return damage.map_or(Ok(()), |damage| Err(damage.into()));
    }
    for event in &events {
        say::out(&format!("{}  {}  {}\n", event.at.iso(), shown(person(&event.by)), sentence(event)));
    }
    if events.is_empty() {
        say::note("no events");
    }
    // The events that can be read were shown, but they are not all.
    damage.map_or(Ok(()), |damage| Err(damage.into()))
}
