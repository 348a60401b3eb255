//! Carrying out requests: each effect comes before the removal of its request, and may be repeated.

use super::DeliverError;
use super::failing::{Stands, stands};
use super::progress::Progress;
use crate::decide::deliver::Subscriber;
use crate::decide::events::CloudEvent;
use crate::mirror::{Asked, Mirror, Parked};
use crate::model::Stamp;

/// The result.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// Whether the place in the journal changed.
    pub(super) moved: bool,
    /// The number of events that were parked.
    pub(super) parked: u64,
    /// The parked events to send again.
    pub(super) again: Vec<u64>,
    /// The parked events that are no longer to be sent again.
    pub(super) stay: Vec<u64>,
}

/// Carries out all requests for a subscriber.
pub(super) fn do_asked(
    mirror: &Mirror,
    subscriber: &Subscriber,
    progress: &mut Progress<'_>,
    now: Stamp,
) -> Result<Done, DeliverError> {
    let name = &subscriber.name;
    let mut done = Done::default();
    for (at, asked) in mirror.asked_of_deliverer(name)? {
        match asked {
            Some(Asked::Replay(since)) if since.saturating_sub(1) <= mirror.newest_event()? => {
                progress.replay(since, now)?;
                done.moved = true;
            }
            Some(Asked::Park(seq)) => park(mirror, subscriber, seq, progress, now, &mut done)?,
            Some(Asked::Unpark(numbers)) => {
                let parked = mirror.parked(name)?;
                let wanted = |seq: &u64| numbers.is_empty() || numbers.contains(seq);
                for seq in parked.into_iter().filter(wanted) {
                    // An unreadable request was refused when it was made.
                    let Some(one) = parked_event(mirror, subscriber, seq, now)? else { continue };
                    mirror.park(name, &Parked { again: true, ..one })?;
                    done.stay.retain(|one| *one != seq);
                    done.again.push(seq);
                }
            }
            // A journal that was restored later ends before that event, or the request cannot be read; neither asks
            // for anything.
            Some(Asked::Replay(_)) | None => {}
        }
        mirror.answered(&at)?;
    }
    done.moved |= done.parked > 0;
    Ok(done)
}

/// Returns a parked event; one whose file cannot be read is taken from the journal, except a digest, whose first
/// event only the file has.
pub(super) fn parked_event(
    mirror: &Mirror,
    subscriber: &Subscriber,
    seq: u64,
    now: Stamp,
) -> Result<Option<Parked>, DeliverError> {
    let parked = mirror.parked_event(&subscriber.name, seq)?;
    if parked.is_some() || subscriber.digest.is_some() {
        return Ok(parked);
    }
    let line = mirror.event(seq)?;
    let event = line.and_then(|line| CloudEvent::of(&line, &mirror.config().id, mirror.layout()));
    Ok(event.map(|event| Parked {
        parked: 1,
        seq,
        at: now,
        tries: 0,
        answer: "its file could not be read".to_owned(),
        event: event.line(),
        again: false,
    }))
}

/// Parks the event that is not accepted, if there is one, it is the requested one, and it is the next one, so that no
/// event is skipped.
fn park(
    mirror: &Mirror,
    subscriber: &Subscriber,
    meant: Option<u64>,
    progress: &mut Progress<'_>,
    now: Stamp,
    done: &mut Done,
) -> Result<(), DeliverError> {
    let Some(failing) = progress.failing().cloned() else { return Ok(()) };
    if meant.is_some_and(|seq| seq != failing.seq) {
        return Ok(());
    }
    let line = match stands(mirror, subscriber, (progress.seq(), progress.sum()), &failing)? {
        // An event that was parked and is sent again stays parked, and the place in the journal stays the same.
        Stands::Again(one) => {
            let (seq, tries) = (one.seq, one.tries.saturating_add(failing.tries));
            let answer = failing.answer;
            mirror.park(&subscriber.name, &Parked { again: false, answer, tries, ..*one })?;
            progress.is_settled(seq);
            progress.flush()?;
            done.again.retain(|one| *one != seq);
            done.stay.push(seq);
            done.parked += 1;
            return Ok(());
        }
        Stands::Next(line) => *line,
        // A digest is parked as a whole, by its deliverer.
        Stands::Gathered => return Ok(()),
        Stands::Past => {
            progress.is_settled(failing.seq);
            return Ok(progress.flush()?);
        }
    };
    let Some(event) = CloudEvent::of(&line, &mirror.config().id, mirror.layout()) else { return Ok(()) };
    progress.park(failing, event.line(), now)?;
    progress.settle(line)?;
    progress.flush()?;
    done.parked += 1;
    Ok(())
}
