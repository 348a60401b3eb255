//! The verb `events`: what happened, for other programs.

use super::args::EventsArgs;
use super::context::Context;
use super::exit::{Outcome, Usage};
use super::say;
use crate::decide::events::{CloudEvent, Filter};
use crate::ops::events::{EventsRequest, Follow};
use std::io::{self, Write};
use std::ops::ControlFlow;

pub(super) fn events(setting: &Context, args: &EventsArgs) -> Outcome {
    let pattern = |text: &String| glob::Pattern::new(text.trim_end_matches('/'));
    let streams = args.stream.iter().map(pattern).collect::<Result<_, _>>();
    let streams = streams.map_err(|error| Usage(format!("the pattern cannot be used: {error}")))?;
    let filter = Filter { types: args.types.clone(), streams, ..Filter::default() };
    let mirror = setting.open()?;
    let request = EventsRequest { since: args.since, filter };
    let follow = if args.follow { Follow::Wait } else { Follow::End };
    crate::ops::events::events(&setting.session(&mirror), &request, follow, &mut print)?;
    Ok(())
}

/// Writes events to standard output, and breaks where no one reads them any more.
fn print(events: &[CloudEvent]) -> ControlFlow<()> {
    let lines: String = events.iter().map(|event| event.line() + "\n").collect();
    let mut stdout = io::stdout().lock();
    let done = stdout.write_all(lines.as_bytes()).and_then(|()| stdout.flush());
    let goes_on = if done.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
    say::written(done);
    goes_on
}
