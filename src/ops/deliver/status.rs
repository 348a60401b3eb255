//! The progress of each subscriber, and whether it needs attention. Nothing is written.

use super::DeliverError;
use super::failing::{Stands, stands};
use super::settings::{chosen, deliver_file, required_deliver};
use crate::decide::deliver::{Deliver, Subscriber};
use crate::decide::events::CloudEvent;
use crate::mirror::{Failing, Found, LastAnswer, Mirror, chain};
use crate::model::Stamp;
use schemars::JsonSchema;
use serde::Serialize;

/// The progress of each subscriber.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DeliverStatus {
    /// The version of this form: 1.
    #[schemars(extend("const" = 1))]
    pub deliver: u32,
    /// The time of the report.
    pub at: Stamp,
    /// Each subscriber, in the order of deliver.yaml.
    pub subscribers: Vec<SubscriberStatus>,
    /// The subscribers that deliver.yaml no longer has, and that had not been sent all events.
    pub former: Vec<FormerSubscriber>,
}

/// A subscriber that deliver.yaml no longer has, and that had not been sent all events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FormerSubscriber {
    /// Its name.
    pub name: String,
    /// The number of the last event that was settled.
    pub seq: u64,
    /// The numbers of its parked events.
    pub parked: Vec<u64>,
}

/// The progress of a subscriber.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SubscriberStatus {
    /// Its name.
    pub name: String,
    /// How events are sent to it: `run`, `webhook`, `amqp`, `mail`, `sync`.
    pub via: &'static str,
    /// Whether a process delivers to it now.
    pub running: bool,
    /// The number of the last settled event; `null` if nothing was delivered yet.
    pub seq: Option<u64>,
    /// The number of waiting events.
    pub behind: u64,
    /// The number of seconds that the oldest of them has waited; 0 without one.
    pub seconds: u64,
    /// The number of seconds after which it needs attention.
    pub alarm: u64,
    /// The number of events that it accepted.
    pub delivered: u64,
    /// The number of these that may have been sent before.
    pub repeats: u64,
    /// The numbers of the parked events.
    pub parked: Vec<u64>,
    /// The event that is not accepted.
    pub failing: Option<Failing>,
    /// Its last answer.
    pub last: Option<LastAnswer>,
    /// Why its progress is not known, such as a damaged journal.
    pub problem: Option<String>,
    /// Whether it needs attention: an event waits too long or is parked, or there is a problem.
    pub attention: bool,
}

/// Returns the progress of every subscriber; none if there is no deliver.yaml.
pub(crate) fn subscribers(mirror: &Mirror, now: Stamp) -> Result<Vec<SubscriberStatus>, DeliverError> {
    let file = deliver_file(mirror)?;
    Ok(file.iter().flat_map(|file| &file.to).map(|one| of(mirror, one, now)).collect())
}

/// Returns the progress of the subscribers with these names, or of all if none are named.
pub fn status(mirror: &Mirror, names: &[String], now: Stamp) -> Result<DeliverStatus, DeliverError> {
    let deliver = required_deliver(mirror)?;
    let subscribers = chosen(&deliver, names)?.into_iter().map(|one| of(mirror, one, now));
    let former = if names.is_empty() { former(mirror, &deliver)? } else { Vec::new() };
    Ok(DeliverStatus { deliver: 1, at: now, subscribers: subscribers.collect(), former })
}

/// Returns the subscribers that deliver.yaml no longer has, and that had not been sent all events.
pub(super) fn former(mirror: &Mirror, deliver: &Deliver) -> Result<Vec<FormerSubscriber>, DeliverError> {
    let is_there = |name: &String| deliver.to.iter().any(|one| one.name == *name);
    let mut former = Vec::new();
    for name in mirror.deliverers()?.into_iter().filter(|name| !is_there(name)) {
        let seq = match mirror.cursor(&name)? {
            Found::Known(cursor, _) => cursor.seq,
            Found::Lost(begin, _) => begin.seq,
            Found::New(_) => continue,
        };
        let parked = mirror.parked(&name)?;
        if !parked.is_empty() || !mirror.feed_of_known(seq, None).next_lines()?.is_empty() {
            former.push(FormerSubscriber { name, seq, parked });
        }
    }
    Ok(former)
}

/// Returns the progress of a subscriber. An unreadable part of one hides no other.
fn of(mirror: &Mirror, subscriber: &Subscriber, now: Stamp) -> SubscriberStatus {
    let mut status = SubscriberStatus {
        name: subscriber.name.clone(),
        via: subscriber.via.key(),
        running: false,
        seq: None,
        behind: 0,
        seconds: 0,
        alarm: alarm(subscriber),
        delivered: 0,
        repeats: 0,
        parked: Vec::new(),
        failing: None,
        last: None,
        problem: None,
        attention: false,
    };
    if let Err(error) = look(mirror, subscriber, now, &mut status) {
        status.problem = Some(chain(&error));
    }
    let attention = status.behind > 0 && status.seconds >= status.alarm
        || !status.parked.is_empty()
        || status.problem.is_some();
    SubscriberStatus { attention, ..status }
}

/// Determines the progress of a subscriber; `status` has what was found, even after an error.
fn look(
    mirror: &Mirror,
    subscriber: &Subscriber,
    now: Stamp,
    status: &mut SubscriberStatus,
) -> Result<(), DeliverError> {
    let name = &subscriber.name;
    status.running = mirror.store().is_held(&mirror.deliverer_lock(name))?;
    // Another process may have what the last one lacked.
    if !status.running {
        status.problem = mirror.unable(name)?.map(|unable| unable.why);
    }
    status.parked = mirror.parked(name)?;
    let mut feed = match mirror.cursor(name)? {
        Found::Known(cursor, _) => {
            status.seq = Some(cursor.seq);
            (status.delivered, status.repeats) = (cursor.delivered, cursor.repeats);
            status.last = cursor.last;
            if let Some(failing) = cursor.failing {
                let stands = stands(mirror, subscriber, (cursor.seq, cursor.sum.clone()), &failing)?;
                status.failing = (!matches!(stands, Stands::Past)).then_some(failing);
            }
            mirror.feed_of_known(cursor.seq, cursor.sum)
        }
        Found::Lost(begin, _) => {
            status.seq = Some(begin.seq);
            status.problem = Some("its cursor is lost; events are sent again from where it began".to_owned());
            mirror.feed_of_known(begin.seq, begin.sum)
        }
        Found::New(kept) if kept.is_there() => {
            status.problem = Some(format!(
                "its cursor cannot be read, and where it began is lost; choose the next event with `mirrorkeep deliver replay {name} --since SEQ`"
            ));
            return Ok(());
        }
        Found::New(_) => match subscriber.since {
            Some(first) => mirror.feed_of_known(first.saturating_sub(1), None),
            // It begins with the next event.
            None => return Ok(()),
        },
    };
    let (mut oldest, mut lines) = (None, feed.next_lines());
    while let Ok(some) = &lines
        && !some.is_empty()
    {
        for line in some {
            let event = CloudEvent::of(line, &mirror.config().id, mirror.layout());
            if event.is_some_and(|event| subscriber.filter.has(event.kind, &event.about)) {
                status.behind += 1;
                // Clocks differ: a later event can have an earlier time.
                oldest = Some(oldest.map_or(line.at, |oldest: Stamp| oldest.min(line.at)));
            }
        }
        lines = feed.next_lines();
    }
    status.seconds = oldest.map_or(0, |oldest| now.since(oldest).try_into().unwrap_or_default());
    lines.map(drop).map_err(DeliverError::from)
}

/// Returns the number of seconds after which a subscriber needs attention; gathered events first wait for each other.
fn alarm(subscriber: &Subscriber) -> u64 {
    let gathered = subscriber.digest.map_or(0, |every| every.as_secs());
    u64::try_from(subscriber.alarm.seconds()).unwrap_or_default().saturating_add(gathered)
}
