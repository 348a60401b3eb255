//! The verb `events`: what happened, for other programs.

use super::args::EventsArgs;
use super::context::Context;
use super::exit::{Failure, Outcome, Usage};
use super::naming::unknown_stream;
use super::say;
use crate::decide::events::{CloudEvent, Filter};
use crate::model::ErrorKind;
use crate::ops::events::{EventsRequest, Follow};
use crate::ops::matching::Matching;
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
    let mut next = None;
    let mut show = |events: &[CloudEvent]| {
        next = events.last().map(|event| event.seq + 1).or(next);
        print(events)
    };
    let done = crate::ops::events::events(&setting.session(&mirror), &request, follow, &mut show);
    if done.is_ok() && next.is_none() {
        let builds = mirror.recorded().unwrap_or_default();
        let typed = args.stream.iter().filter(|text| !Matching::is_pattern(text));
        for why in typed.filter_map(|text| unknown_stream(text, builds.iter().map(|id| &id.stream))) {
            mirror.warnings().add(why);
        }
    }
    done.map(drop).map_err(|error| {
        let mut failure = Failure::from(error);
        if let (ErrorKind::Interrupted, Some(next)) = (failure.class.kind, next) {
            let follow = if args.follow { " --follow" } else { "" };
            failure.class =
                ErrorKind::Interrupted.hint(format!("`mirrorkeep events{follow} --since {next}` continues"));
        }
        failure
    })
}

/// Writes events to standard output, and stops when the pipe is closed.
fn print(events: &[CloudEvent]) -> ControlFlow<()> {
    let lines: String = events.iter().map(|event| event.line() + "\n").collect();
    let mut stdout = io::stdout().lock();
    let done = stdout.write_all(lines.as_bytes()).and_then(|()| stdout.flush());
    let goes_on = if done.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
    say::written(done);
    goes_on
}
