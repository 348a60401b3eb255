//! Requests to a deliverer, as files, so that this command and a delivering process do not wait for each other.

use super::DeliverError;
use super::asked::{do_asked, parked_event};
use super::failing::{Stands, stands};
use super::progress::Progress;
use super::settings::{named, required_deliver};
use crate::mirror::{Asked, Found};
use crate::ops::Mode;
use crate::session::Session;
use crate::store::StoreErrorKind;
use schemars::JsonSchema;
use serde::Serialize;
use std::time::Duration;

/// The request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AskReport {
    /// The subscriber.
    pub name: String,
    /// The events that are sent again, or parked; for `replay` the first.
    pub events: Vec<u64>,
    /// Whether the request was carried out; otherwise the delivering process does it within seconds.
    pub done: bool,
}

/// Writes a request for a subscriber, and carries it out if no process delivers to it.
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
            // Not compared with the cursor: a journal from a backup may end before it.
            let newest = mirror.newest_event()?;
            if since.saturating_sub(1) > newest {
                let next = newest + 1;
                return wrong(format!("the journal ends with event {newest}; at most {next} is accepted"));
            }
            vec![*since]
        }
        // One event of a digest would be parked, and the others with it.
        Asked::Park(_) if subscriber.digest.is_some() => {
            return wrong(format!(
                "`{name}` gets digests, which are parked as a whole after `park_after`, and none by hand"
            ));
        }
        Asked::Park(_) => {
            let failing = cursor.and_then(|mut cursor| Some((cursor.failing.take()?, cursor)));
            let standing = failing.map(|(failing, cursor)| {
                let stands = stands(mirror, subscriber, (cursor.seq, cursor.sum), &failing)?;
                Ok::<_, DeliverError>((!matches!(stands, Stands::Past)).then_some(failing.seq))
            });
            match standing.transpose()?.flatten() {
                Some(seq) => vec![seq],
                None => return wrong(format!("`{name}` has no event that is not accepted")),
            }
        }
        Asked::Unpark(numbers) => {
            let parked = mirror.parked(name)?;
            if let Some(seq) = numbers.iter().find(|seq| !parked.contains(seq)) {
                return wrong(format!("event {seq} is not parked for `{name}`"));
            }
            if parked.is_empty() {
                return wrong(format!("no event is parked for `{name}`"));
            }
            let wanted = if numbers.is_empty() { parked } else { numbers.clone() };
            for seq in &wanted {
                if parked_event(mirror, subscriber, *seq, session.now())?.is_none() {
                    return wrong(format!(
                        "the file of parked event {seq} cannot be read; `mirrorkeep deliver replay {name} --since SEQ` sends \
                         events again, and `{}` can be removed then",
                        mirror.parked_file(name, *seq)
                    ));
                }
            }
            wanted
        }
    };
    let mut report = AskReport { name: name.to_owned(), events, done: false };
    if mode == Mode::Trial {
        return Ok(report);
    }
    let asked = match asked {
        // Another event may fail by the time that the request is carried out.
        Asked::Park(_) => Asked::Park(report.events.first().copied()),
        other => other.clone(),
    };
    mirror.ask_deliverer(name, &asked)?;
    match mirror.lock_deliverer(name, Duration::ZERO) {
        Ok(_alone) => {
            let (mut progress, _) = Progress::open(mirror, subscriber, session.now())?;
            do_asked(mirror, subscriber, &mut progress, session.now())?;
            progress.flush()?;
            report.done = true;
        }
        Err(error) if error.kind() == StoreErrorKind::Busy => {}
        Err(error) => return Err(error.into()),
    }
    Ok(report)
}
