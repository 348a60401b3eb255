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
            Some(Asked::Replay(since)) => {
                progress.replay(since)?;
                done.moved = true;
            }
            Some(Asked::Park) => done.parked += u64::from(park(mirror, progress, now)?),
            Some(Asked::Unpark(numbers)) => {
                let parked = mirror.parked(name)?;
                let wanted = |seq: &u64| numbers.is_empty() || numbers.contains(seq);
                for seq in parked.into_iter().filter(wanted) {
                    if let Some(one) = mirror.parked_event(name, seq)? {
                        mirror.park(name, &Parked { again: true, ..one })?;
                        done.again.push(seq);
                    }
                }
            }
            // It cannot be read, and asks nothing.
            None => {}
        }
        mirror.answered(&at)?;
    }
    done.moved |= done.parked > 0;
    Ok(done)
}

/// Parks the event that is not accepted; returns whether there is one.
fn park(mirror: &Mirror, progress: &mut Progress<'_>, now: Stamp) -> Result<bool, DeliverError> {
    let Some(failing) = progress.failing().cloned() else { return Ok(false) };
    let Some(line) = mirror.event(failing.seq)? else { return Ok(false) };
    let Some(event) = CloudEvent::of(&line, &mirror.config().id, mirror.layout()) else { return Ok(false) };
    progress.park(failing, event.line(), now)?;
    progress.settle(line)?;
    progress.flush()?;
    Ok(true)
}
