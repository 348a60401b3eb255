//! How far each subscriber is, and whether a person should look. Nothing is written.

use super::DeliverError;
use super::settings::{chosen, required_deliver};
use crate::decide::deliver::Subscriber;
use crate::decide::events::CloudEvent;
use crate::mirror::{Failing, Found, LastAnswer, Mirror, chain};
use crate::model::Stamp;
use schemars::JsonSchema;
use serde::Serialize;

/// How far each subscriber is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DeliverStatus {
    /// The version of this form: 1.
    #[schemars(extend("const" = 1))]
    pub deliver: u32,
    /// When it was.
    pub at: Stamp,
    /// Each subscriber, in the order of deliver.yaml.
    pub subscribers: Vec<SubscriberStatus>,
}

/// How far a subscriber is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SubscriberStatus {
    /// Its name.
    pub name: String,
    /// How it is reached: `run`, `webhook`, `amqp`, `mail`.
    pub via: &'static str,
    /// Whether a process delivers to it now.
    pub running: bool,
    /// The number of the last event that is settled; `null` where nothing was delivered yet.
    pub seq: Option<u64>,
    /// How many events wait.
    pub behind: u64,
    /// For how many seconds the oldest of them waits; 0 without one.
    pub seconds: u64,
    /// After how many seconds a person should look.
    pub alarm: u64,
    /// How many events it accepted.
    pub delivered: u64,
    /// How many of these may have been sent before.
    pub repeats: u64,
    /// The numbers of the parked events.
    pub parked: Vec<u64>,
    /// The event that is not accepted.
    pub failing: Option<Failing>,
    /// Its last answer.
    pub last: Option<LastAnswer>,
    /// Why it is not known how far it is, such as a damaged journal.
    pub problem: Option<String>,
    /// Whether a person should look: an event waits too long or is parked, or there is a problem.
    pub attention: bool,
}

/// Returns how far the subscribers of these names are, all without names.
pub fn status(mirror: &Mirror, names: &[String], now: Stamp) -> Result<DeliverStatus, DeliverError> {
    let deliver = required_deliver(mirror)?;
    let subscribers = chosen(&deliver, names)?.into_iter().map(|one| of(mirror, one, now));
    Ok(DeliverStatus { deliver: 1, at: now, subscribers: subscribers.collect::<Result<_, _>>()? })
}

fn of(mirror: &Mirror, subscriber: &Subscriber, now: Stamp) -> Result<SubscriberStatus, DeliverError> {
    let name = &subscriber.name;
    let mut status = SubscriberStatus {
        name: name.clone(),
        via: subscriber.via.key(),
        running: mirror.store().is_held(&mirror.deliverer_lock(name))?,
        seq: None,
        behind: 0,
        seconds: 0,
        alarm: alarm(subscriber),
        delivered: 0,
        repeats: 0,
        parked: mirror.parked(name)?,
        failing: None,
        last: None,
        problem: None,
        attention: false,
    };
    // Another process may have what the last one lacked.
    if !status.running {
        status.problem = mirror.unable(name)?.map(|unable| unable.why);
    }
    let mut feed = match mirror.cursor(name)? {
        Found::Known(cursor, _) => {
            status.seq = Some(cursor.seq);
            (status.delivered, status.repeats) = (cursor.delivered, cursor.repeats);
            (status.failing, status.last) = (cursor.failing, cursor.last);
            mirror.feed_of_known(cursor.seq, cursor.sum)
        }
        Found::Lost(begin, _) => {
            status.seq = Some(begin.seq);
            status.problem = Some("its cursor is lost; events are sent again from where it began".to_owned());
            mirror.feed_of_known(begin.seq, begin.sum)
        }
        Found::New(_) => match subscriber.since {
            Some(first) => mirror.feed_of_known(first.saturating_sub(1), None),
            // It begins with what comes next.
            None => return Ok(judged(status)),
        },
    };
    let mut oldest: Option<Stamp> = None;
    loop {
        match feed.next_lines() {
            Ok(lines) if lines.is_empty() => break,
            Ok(lines) => {
                for line in &lines {
                    let event = CloudEvent::of(line, &mirror.config().id, mirror.layout());
                    if event.is_some_and(|event| subscriber.filter.has(event.kind, &event.about)) {
                        status.behind += 1;
                        oldest = oldest.or(Some(line.at));
                    }
                }
            }
            Err(error) => {
                status.problem = Some(chain(&error));
                break;
            }
        }
    }
    status.seconds = oldest.map_or(0, |oldest| now.since(oldest).try_into().unwrap_or_default());
    Ok(judged(status))
}

/// Returns after how many seconds a person should look: events that are gathered wait for each other first.
fn alarm(subscriber: &Subscriber) -> u64 {
    let gathered = subscriber.digest.map_or(0, |every| every.as_secs());
    u64::try_from(subscriber.alarm.seconds()).unwrap_or_default().saturating_add(gathered)
}

fn judged(status: SubscriberStatus) -> SubscriberStatus {
    let attention = status.behind > 0 && status.seconds >= status.alarm
        || !status.parked.is_empty()
        || status.problem.is_some();
    SubscriberStatus { attention, ..status }
}
