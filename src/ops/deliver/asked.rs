//! Doing what a person asked of a deliverer: each effect comes before the removal of what asks for it, and may be repeated.

use super::DeliverError;
use super::progress::Progress;
use crate::decide::events::CloudEvent;
use crate::mirror::{Asked, Mirror, Parked};
use crate::model::Stamp;

/// What was done.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// Whether the place in the journal is another one now.
    pub(super) moved: bool,
    /// How many events were parked.
    pub(super) parked: u64,
    /// The parked events that are to be sent again.
    pub(super) again: Vec<u64>,
    /// The parked events that are not to be sent again any more.
    pub(super) stay: Vec<u64>,
}

/// Does all that is asked of the deliverer of a subscriber.
pub(super) fn do_asked(
    mirror: &Mirror,
    name: &str,
    progress: &mut Progress<'_>,
    now: Stamp,
) -> Result<Done, DeliverError> {
    let mut done = Done::default();
    for (at, asked) in mirror.asked_of_deliverer(name)? {
        match asked {
            Some(Asked::Replay(since)) if since.saturating_sub(1) <= mirror.newest_event()? => {
                progress.replay(since)?;
                done.moved = true;
            }
            Some(Asked::Park(seq)) => park(mirror, name, seq, progress, now, &mut done)?,
            Some(Asked::Unpark(numbers)) => {
                let parked = mirror.parked(name)?;
                let wanted = |seq: &u64| numbers.is_empty() || numbers.contains(seq);
                for seq in parked.into_iter().filter(wanted) {
                    if let Some(one) = mirror.parked_event(name, seq)? {
                        mirror.park(name, &Parked { again: true, ..one })?;
                        done.stay.retain(|one| *one != seq);
                        done.again.push(seq);
                    }
                }
            }
            // A journal that was restored since then ends before that; or it cannot be read, and asks nothing.
            Some(Asked::Replay(_)) | None => {}
        }
        mirror.answered(&at)?;
    }
    done.moved |= done.parked > 0;
    Ok(done)
}

/// Parks the event that is not accepted, where there is one and it is the one that was meant.
fn park(
    mirror: &Mirror,
    name: &str,
    meant: Option<u64>,
    progress: &mut Progress<'_>,
    now: Stamp,
    done: &mut Done,
) -> Result<(), DeliverError> {
    let Some(failing) = progress.failing().cloned() else { return Ok(()) };
    if meant.is_some_and(|seq| seq != failing.seq) {
        return Ok(());
    }
    // One that was parked and is sent again stays parked, and the place in the journal is what it was.
    if let Some(one) = mirror.parked_event(name, failing.seq)?.filter(|one| one.again) {
        let (seq, tries) = (one.seq, one.tries.saturating_add(failing.tries));
        mirror.park(name, &Parked { again: false, answer: failing.answer, tries, ..one })?;
        progress.is_settled(seq);
        progress.flush()?;
        done.again.retain(|one| *one != seq);
        done.stay.push(seq);
        done.parked += 1;
        return Ok(());
    }
    let Some(line) = mirror.event(failing.seq)? else { return Ok(()) };
    let Some(event) = CloudEvent::of(&line, &mirror.config().id, mirror.layout()) else { return Ok(()) };
    progress.park(failing, event.line(), now)?;
    progress.settle(line)?;
    progress.flush()?;
    done.parked += 1;
    Ok(())
}
