//! How an event stands that was not accepted: by the settings and the journal as they are now.

use super::DeliverError;
use crate::decide::deliver::{Subscriber, is_next};
use crate::decide::events::CloudEvent;
use crate::mirror::{Failing, JournalError, Mirror, Parked};
use crate::record::Event;

/// How an event stands that was not accepted.
#[derive(Debug)]
pub(super) enum Stands {
    /// It was parked, and is to be sent again.
    Again(Box<Parked>),
    /// It is the next one that is sent, and this is its line.
    Next(Box<Event>),
    /// It is one of those that are sent as one next.
    Gathered,
    /// It is not what is sent next: it is settled, or the settings changed.
    Past,
}

/// Returns how an event stands that was not accepted, where everything up to `seq` is settled.
pub(super) fn stands(
    mirror: &Mirror,
    subscriber: &Subscriber,
    (seq, sum): (u64, Option<String>),
    failing: &Failing,
) -> Result<Stands, DeliverError> {
    if let Some(one) = mirror.parked_event(&subscriber.name, failing.seq)?.filter(|one| one.again) {
        return Ok(Stands::Again(Box::new(one)));
    }
    if failing.seq <= seq {
        return Ok(Stands::Past);
    }
    let gathers = subscriber.digest.is_some();
    let is_chosen = |line: &Event| {
        let event = CloudEvent::of(line, &mirror.config().id, mirror.layout());
        event.is_some_and(|event| subscriber.filter.has(event.kind, &event.about))
    };
    let mut feed = mirror.feed_of_known(seq, sum);
    let found = loop {
        let lines = match feed.next_lines() {
            Err(JournalError::Store(error)) => return Err(error.into()),
            // Nothing is sent from such a journal.
            Err(_) => return Ok(Stands::Past),
            Ok(lines) => lines,
        };
        if lines.is_empty() {
            // The last line is left out while a command works on the mirror; what was sent is there to stay.
            let last = mirror.event(failing.seq)?;
            break last.filter(is_chosen);
        }
        let known = lines.iter().map(|line| (line.seq, is_chosen(line)));
        if let Some(is_next) = is_next(failing.seq, known, gathers) {
            break lines.into_iter().find(|line| is_next && line.seq == failing.seq);
        }
    };
    Ok(match found {
        None => Stands::Past,
        Some(_) if gathers => Stands::Gathered,
        Some(line) => Stands::Next(Box::new(line)),
    })
}
