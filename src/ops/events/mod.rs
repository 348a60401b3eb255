//! What happened to a mirror, as events for other programs, in the order of the journal, including events that still
//! arrive.

mod period;

pub(crate) use period::{TICK, period, rest};

use crate::decide::events::{CloudEvent, Filter};
use crate::ops::ActError;
use crate::session::Session;
use crate::store::StoreError;
use std::ops::ControlFlow;

/// Which events are returned.
#[derive(Debug, Clone, Default)]
pub struct EventsRequest {
    /// The number of the first.
    pub since: u64,
    /// The filter.
    pub filter: Filter,
}

/// When the events end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// After the last event.
    End,
    /// Never: it waits for the next event until the session is cancelled.
    Wait,
}

/// Passes the events of a mirror to `take`, those of one part of the journal together, until it breaks.
pub fn events(
    session: &Session<'_>,
    request: &EventsRequest,
    follow: Follow,
    take: &mut dyn FnMut(&[CloudEvent]) -> ControlFlow<()>,
) -> Result<(), ActError> {
    let mirror = session.mirror();
    let mut feed = mirror.feed(request.since.saturating_sub(1), None);
    loop {
        session.check_cancelled()?;
        let mark = mirror.journal_mark()?;
        let lines = feed.next_lines()?;
        let at_end = lines.is_empty();
        let read = |line| CloudEvent::of(line, &mirror.config().id, mirror.layout());
        let chosen = |event: &CloudEvent| request.filter.has(event.kind, &event.about);
        let events: Vec<CloudEvent> = lines.iter().filter_map(read).filter(chosen).collect();
        if !events.is_empty() && take(&events).is_break() {
            return Ok(());
        }
        if !at_end {
            continue;
        }
        match follow {
            // The last line of a running command may still be undone: it is an event of the next call.
            Follow::End => return Ok(()),
            Follow::Wait => wait(session, || Ok(feed.is_withheld() || mirror.journal_mark()? != mark))?,
        }
    }
}

/// Waits until `is_over` returns that there is something new, called as often as the mirror is looked at; fails when
/// the session is cancelled.
fn wait(session: &Session<'_>, is_over: impl Fn() -> Result<bool, StoreError>) -> Result<(), ActError> {
    loop {
        rest(period(session.mirror()), session.stop());
        session.check_cancelled()?;
        if is_over()? {
            return Ok(());
        }
    }
}
