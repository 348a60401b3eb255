//! The verb `log`: what happened, when, and who did it.

use super::args::LogArgs;
use super::context::{Context, now};
use super::exit::{Outcome, Usage};
use super::{say, when};
use crate::model::shown;
use crate::ops::history::{About, Choice};
use crate::render::{person, sentence};
use serde_json::{Value, json};

pub(super) fn log(setting: &Context, args: &LogArgs) -> Outcome {
    let since = args.since.as_deref().map(|text| when::past("--since", text, now())).transpose()?;
    let mirror = setting.open()?;
    let about = args.about.as_deref().map(|text| About::read(&mirror, text)).transpose();
    let about = about.map_err(|error| Usage(format!("the pattern cannot be used: {error}")))?;
    let choice = Choice { about, since, limit: args.limit };
    let events = crate::ops::history::history(&mirror, &choice)?;
    if setting.json {
        let one = |event: &crate::record::Event| {
            json!({
                "seq": event.seq,
                "at": event.at,
                "by": event.by,
                "what": event.what,
                "to": event.to,
                "details": event.details,
                "text": sentence(event),
            })
        };
        let events: Vec<Value> = events.iter().map(one).collect();
        say::data(&json!({"log": 1, "events": events}));
        return Ok(());
    }
    for event in &events {
        say::out(&format!("{}  {}  {}\n", event.at.iso(), shown(person(&event.by)), sentence(event)));
    }
    if events.is_empty() {
        say::note("no events");
    }
    Ok(())
}
