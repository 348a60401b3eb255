//! Asking something of a deliverer: by a file, so that a process that delivers is not in the way, and it not in ours.

use super::DeliverError;
use super::asked::do_asked;
use super::progress::Progress;
use super::settings::{named, required_deliver};
use crate::mirror::{Asked, Found};
use crate::ops::Mode;
use crate::session::Session;
use crate::store::StoreErrorKind;
use schemars::JsonSchema;
use serde::Serialize;
use std::time::Duration;

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AskReport {
    /// The subscriber.
    pub name: String,
    /// The events that are sent again, or parked; of `replay` the first.
    pub events: Vec<u64>,
    /// Whether it is done; otherwise the process that delivers does it within seconds.
    pub done: bool,
}

/// Asks something of the deliverer of a subscriber, and does it where no process delivers to it.
pub fn ask(session: &Session<'_>, name: &str, asked: &Asked, mode: Mode) -> Result<AskReport, DeliverError> {
    let mirror = session.mirror();
    let deliver = required_deliver(mirror)?;
    let subscriber = named(&deliver, name)?;
    let cursor = match mirror.cursor(name)? {
        Found::Known(cursor, _) => Some(cursor),
        Found::Lost(..) | Found::New(_) => None,
    };
    let wrong = |text: String| Err(DeliverError::Asked(text));
    let events = match asked {
        Asked::Replay(since) => {
            // Not by the cursor: a journal from a backup may end before it.
            let newest = mirror.newest_event()?;
            if since.saturating_sub(1) > newest {
                let next = newest + 1;
                return wrong(format!("the journal ends with event {newest}; at most {next} is accepted"));
            }
            vec![*since]
        }
        // One event of a digest would be put aside, and the others with it.
        Asked::Park(_) if subscriber.digest.is_some() => {
            return wrong(format!(
                "`{name}` gets digests, which are parked as a whole after `park_after`, and none by hand"
            ));
        }
        Asked::Park(_) => match cursor.and_then(|cursor| cursor.failing) {
            Some(failing) => vec![failing.seq],
            None => return wrong(format!("`{name}` has no event that is not accepted")),
        },
        Asked::Unpark(numbers) => {
            let parked = mirror.parked(name)?;
            if let Some(seq) = numbers.iter().find(|seq| !parked.contains(seq)) {
                return wrong(format!("event {seq} is not parked for `{name}`"));
            }
            if parked.is_empty() {
                return wrong(format!("no event is parked for `{name}`"));
            }
            if numbers.is_empty() { parked } else { numbers.clone() }
        }
    };
    let mut report = AskReport { name: name.to_owned(), events, done: false };
    if mode == Mode::Trial {
        return Ok(report);
    }
    let asked = match asked {
        // Another event may fail by the time that it is done.
        Asked::Park(_) => Asked::Park(report.events.first().copied()),
        other => other.clone(),
    };
    mirror.ask_deliverer(name, &asked)?;
    match mirror.lock_deliverer(name, Duration::ZERO) {
        Ok(_alone) => {
            let (mut progress, _) = Progress::open(mirror, subscriber, session.now())?;
            do_asked(mirror, name, &mut progress, session.now())?;
            progress.flush()?;
            report.done = true;
        }
        Err(error) if error.kind() == StoreErrorKind::Busy => {}
        Err(error) => return Err(error.into()),
    }
    Ok(report)
}
