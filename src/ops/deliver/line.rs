//! One subscriber: its events, one after the other, until there are no more or the command is cancelled.

use super::DeliverError;
use super::asked::do_asked;
use super::news::News;
use super::progress::{Began, Progress};
use super::report::{Delivered, Outcome, Until};
use super::settings::deliver_file;
use super::status::former;
use crate::decide::deliver::{Subscriber, pause};
use crate::decide::events::{CloudEvent, type_name, type_of};
use crate::mirror::{Failing, Feed, JournalError, Mirror, Parked, chain};
use crate::model::{CLOCK_SKEW, Classify, Stamp};
use crate::ops::events::{period, rest};
use crate::record::{Event, EventKind};
use crate::send::{Answer, Message, Sender};
use crate::session::Session;
use crate::store::{Guard, StoreError, StoreErrorKind};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// The maximum number of parked events of a subscriber; at that number it stops, since the receiver refuses more than
/// single events.
pub(super) const MOST_PARKED: usize = 1000;

/// The name for events that are sent as one, in place of a type.
const DIGEST: &str = "digest";

/// The maximum number of events that are sent as one.
const MOST_GATHERED: usize = 500;

/// The maximum time to wait for gathered events before looking again.
const LONGEST_GATHERING: Duration = Duration::from_secs(10);

/// The maximum pause of a subscriber after a failure on this side.
const LONGEST_REST: Duration = Duration::from_mins(1);

/// Of the time between two tries, at most the term divided by this counts for `park_after`.
const GAPS: i64 = 3;

/// How often a waiting subscriber looks for requests.
const LOOK: Duration = Duration::from_secs(1);

/// A subscriber at work.
pub(super) struct Line<'a> {
    session: &'a Session<'a>,
    subscriber: &'a Subscriber,
    sender: Box<dyn Sender>,
    until: Until,
    news: &'a News,
    report: Delivered,
    /// The events that are parked.
    parked: BTreeSet<u64>,
    /// Whether it was reported that no more events are parked.
    said_full: bool,
    /// When it last looked for requests.
    looked: Instant,
}

/// What follows an event.
enum Next {
    /// The next event.
    On,
    /// The place in the journal changed.
    Elsewhere,
    /// This run ends.
    Enough(Outcome),
}

impl<'a> Line<'a> {
    /// Returns a subscriber, ready to start.
    pub(super) fn new(
        session: &'a Session<'a>,
        (subscriber, sender): (&'a Subscriber, Box<dyn Sender>),
        until: Until,
        news: &'a News,
    ) -> Self {
        let report = Delivered::nothing(&subscriber.name);
        let (parked, looked) = (BTreeSet::new(), Instant::now());
        Self { session, subscriber, sender, until, news, report, parked, said_full: false, looked }
    }

    /// Delivers until the end of the run, and returns a report. A run without end continues after a failure.
    pub(super) fn run(mut self) -> Delivered {
        let mut failures: u32 = 0;
        loop {
            let error = match self.deliver() {
                Ok(outcome) => {
                    self.report.outcome = outcome;
                    return self.report;
                }
                Err(DeliverError::Interrupted(_)) => {
                    self.report.outcome = Outcome::Stopped;
                    return self.report;
                }
                Err(error) => error,
            };
            self.report.outcome = if error.is_busy() { Outcome::Busy } else { Outcome::Failed };
            self.report.failure = Some(error.line());
            self.report.class = Some(error.class());
            if self.until == Until::End {
                return self.report;
            }
            failures = failures.saturating_add(1);
            self.say(&format!("warning: it is tried again: {}", error.line()));
            rest(pause(failures, 0, None).min(LONGEST_REST), self.session.stop());
        }
    }

    fn mirror(&self) -> &'a Mirror {
        self.session.mirror()
    }

    fn say(&self, text: &str) {
        self.session.progress().say(&format!("{}: {text}", self.subscriber.name));
    }

    fn deliver(&mut self) -> Result<Outcome, DeliverError> {
        let Some(_alone) = self.alone()? else { return Ok(Outcome::Stopped) };
        self.mirror().note_unable(&self.subscriber.name, None)?;
        let (mut progress, began) = Progress::open(self.mirror(), self.subscriber, self.session.now())?;
        match began {
            Began::Again => {}
            Began::Over(seq) => self.say(&format!(
                "warning: its cursor is lost; it begins again after event {seq}, and what was sent before counts as repeated"
            )),
            Began::New(seq) => {
                self.say(&format!("it is new, and begins after event {seq}"));
                self.say_of_former(seq)?;
            }
        }
        let mut again = self.look_at_parked()?;
        let mut feed = self.mirror().feed_of_known(progress.seq(), progress.sum());
        let mut said = None;
        // If nothing is new since all events were settled, the journal is not read again.
        let mut settled_at = None;
        loop {
            self.session
                .check_cancelled()
                .or_else(|stop| progress.flush().map_err(DeliverError::from).and(Err(stop.into())))?;
            let count = self.news.count();
            if self.asked(&mut progress, &mut again)? {
                feed = self.mirror().feed_of_known(progress.seq(), progress.sum());
                settled_at = None;
            }
            match self.parked_again(&mut progress, &mut again)? {
                Next::On => {}
                Next::Elsewhere => {
                    feed = self.mirror().feed_of_known(progress.seq(), progress.sum());
                    continue;
                }
                Next::Enough(outcome) => {
                    progress.flush()?;
                    return Ok(outcome);
                }
            }
            if settled_at == Some(count) {
                progress.flush()?;
                self.news.wait(count, LOOK.max(period(self.mirror())), self.session.stop());
                continue;
            }
            let lines = match self.next_lines(&mut feed) {
                Ok(lines) => lines,
                Err(error) if self.until == Until::Stopped => {
                    progress.flush()?;
                    // Once, while the failure lasts.
                    let line = error.line();
                    if said.as_ref() != Some(&line) {
                        self.say(&format!("warning: waits, since events cannot be read: {line}"));
                        said = Some(line);
                    }
                    rest(LOOK.max(period(self.mirror())), self.session.stop());
                    feed = self.mirror().feed_of_known(progress.seq(), progress.sum());
                    continue;
                }
                Err(error) => {
                    progress.flush()?;
                    return Err(error);
                }
            };
            said = None;
            if lines.is_empty() {
                progress.flush()?;
                match self.until {
                    Until::End => return Ok(Outcome::UpToDate),
                    // A line that may still be undone does not change the end of the journal if it stays.
                    Until::Stopped if feed.is_withheld() => rest(period(self.mirror()), self.session.stop()),
                    Until::Stopped => settled_at = Some(count),
                }
                continue;
            }
            match self.all(lines, &mut feed, &mut progress, &mut again)? {
                Next::On => {}
                Next::Elsewhere => feed = self.mirror().feed_of_known(progress.seq(), progress.sum()),
                Next::Enough(outcome) => {
                    progress.flush()?;
                    return Ok(outcome);
                }
            }
        }
    }

    /// Warns of a subscriber that deliver.yaml no longer has, since this one may be the same under another name.
    fn say_of_former(&self, seq: u64) -> Result<(), DeliverError> {
        let name = &self.subscriber.name;
        let Some(deliver) = deliver_file(self.mirror())? else { return Ok(()) };
        for former in former(self.mirror(), &deliver)?.iter().filter(|former| former.seq < seq) {
            let (was, next) = (&former.name, former.seq + 1);
            self.say(&format!(
                "warning: if it is `{was}` under another name, `mirrorkeep deliver replay {name} --since {next}` sends it the events \
                 after event {}, which `{was}` was not sent",
                former.seq
            ));
        }
        Ok(())
    }

    /// Takes the right to deliver; nothing if the command is cancelled first.
    fn alone(&self) -> Result<Option<Guard>, DeliverError> {
        let (mirror, name) = (self.mirror(), &self.subscriber.name);
        if self.until == Until::End {
            return Ok(Some(mirror.lock_deliverer(name, mirror.wait())?));
        }
        let mut waits = false;
        while self.session.check_cancelled().is_ok() {
            match mirror.lock_deliverer(name, Duration::ZERO) {
                Err(error) if error.kind() == StoreErrorKind::Busy => {
                    if !waits {
                        self.say(&format!("waits: {}", chain(&error)));
                        waits = true;
                    }
                    rest(LOOK, self.session.stop());
                }
                taken => return Ok(Some(taken?)),
            }
        }
        Ok(None)
    }

    fn next_lines(&self, feed: &mut Feed<'_>) -> Result<Vec<Event>, DeliverError> {
        feed.next_lines().map_err(|error| match error {
            JournalError::Replaced { .. } => {
                DeliverError::Replaced { name: self.subscriber.name.clone(), source: error }
            }
            error => error.into(),
        })
    }

    /// Delivers the events among these lines.
    fn all(
        &mut self,
        lines: Vec<Event>,
        feed: &mut Feed<'_>,
        progress: &mut Progress<'_>,
        again: &mut BTreeSet<u64>,
    ) -> Result<Next, DeliverError> {
        if let Some(every) = self.subscriber.digest {
            return self.gathered((lines, feed), every, progress, again);
        }
        for line in lines {
            if self.session.check_cancelled().is_err() {
                return Ok(Next::Elsewhere);
            }
            let look = LOOK.max(period(self.mirror()));
            if self.looked.elapsed() >= look && (self.asked(progress, again)? || !again.is_empty()) {
                return Ok(Next::Elsewhere);
            }
            let config = self.mirror().config();
            let event = CloudEvent::of(&line, &config.id, self.mirror().layout());
            let filter = &self.subscriber.filter;
            if let Some(event) = event.filter(|event| filter.has(event.kind, &event.about)) {
                match self.one(&message(&event), progress, again)? {
                    Next::On => {}
                    other => return Ok(other),
                }
            }
            progress.settle(line)?;
        }
        Ok(Next::On)
    }

    /// Delivers the events among these lines as one, once the oldest has waited as long as events are gathered.
    fn gathered(
        &mut self,
        (mut lines, feed): (Vec<Event>, &mut Feed<'_>),
        every: Duration,
        progress: &mut Progress<'_>,
        again: &mut BTreeSet<u64>,
    ) -> Result<Next, DeliverError> {
        let (config, filter) = (self.mirror().config(), &self.subscriber.filter);
        let (mut events, mut last): (Vec<CloudEvent>, Option<Event>) = (Vec::new(), None);
        // Files of the journal end anywhere between events that belong together.
        while events.len() < MOST_GATHERED && !lines.is_empty() {
            for line in lines {
                let event = CloudEvent::of(&line, &config.id, self.mirror().layout());
                events.extend(event.filter(|event| filter.has(event.kind, &event.about)));
                last = Some(line);
                if events.len() == MOST_GATHERED {
                    break;
                }
            }
            lines = if events.is_empty() { Vec::new() } else { self.next_lines(feed)? };
        }
        let Some(line) = last else { return Ok(Next::On) };
        if !events.is_empty() {
            let times = events.iter().map(|event| event.envelope.time);
            let waited = waited(times, self.session.now()).unwrap_or(every);
            if waited < every && events.len() < MOST_GATHERED {
                progress.flush()?;
                if self.until == Until::End {
                    return Ok(Next::Enough(Outcome::UpToDate));
                }
                let next = self.wait(every.saturating_sub(waited).min(LONGEST_GATHERING), progress, again)?;
                return Ok(next.unwrap_or(Next::Elsewhere));
            }
            let message = digest(&events);
            let parked = self.report.parked;
            match self.one(&message, progress, again)? {
                Next::On => {}
                other => return Ok(other),
            }
            if self.report.parked == parked {
                let others: Vec<u64> =
                    events.iter().map(|event| event.seq).filter(|seq| *seq != message.seq).collect();
                self.report.delivered += others.len() as u64;
                self.report.repeats += progress.accepted_with(&others);
            }
        }
        progress.settle(line)?;
        // Lines that were left out are read again.
        Ok(Next::Elsewhere)
    }

    /// Delivers one event, with as many attempts as that takes, or parks it.
    fn one(
        &mut self,
        message: &Message,
        progress: &mut Progress<'_>,
        again: &mut BTreeSet<u64>,
    ) -> Result<Next, DeliverError> {
        loop {
            progress.cover(message.seq)?;
            let answer = self.sender.send(message, self.session.stop());
            let now = self.session.now();
            let (text, asked, refused, final_one) = match answer {
                Answer::Stopped => return Ok(Next::Elsewhere),
                Answer::Accepted(text) => {
                    if progress.failing().is_some() {
                        self.say(&format!("event {} was accepted: {text}", message.seq));
                    }
                    self.report.delivered += 1;
                    self.report.repeats += u64::from(progress.accepted(message.seq, text, now));
                    // An event that `replay` repeats is not waited for.
                    if self.parked.remove(&message.seq) {
                        self.mirror().unpark(&self.subscriber.name, message.seq)?;
                        again.remove(&message.seq);
                    }
                    return Ok(Next::On);
                }
                Answer::Later(text, asked) => (text, asked, false, false),
                Answer::Refused(text, asked) => (text, asked, true, false),
                Answer::Final(text) => (text, None, true, true),
            };
            let term = self.subscriber.park_after.seconds();
            let failing = progress.not_accepted(message.seq, &text, refused, (now, term / GAPS));
            if failing.tries == 1 {
                self.say(&format!("event {} was not accepted: {text}", message.seq));
            }
            if final_one || refused && failing.waited >= term {
                if self.is_full()? {
                    progress.flush()?;
                    if self.until == Until::End {
                        return Ok(Next::Enough(Outcome::Full));
                    }
                } else {
                    self.park(failing, message, progress)?;
                    return Ok(Next::On);
                }
            } else if self.until == Until::End {
                self.report.failure = Some(format!("event {}: {text}", message.seq));
                return Ok(Next::Enough(Outcome::Waits));
            }
            progress.flush()?;
            match self.wait(pause(failing.tries, chance(), asked), progress, again)? {
                None => {}
                Some(next) => return Ok(next),
            }
        }
    }

    fn park(
        &mut self,
        failing: Failing,
        message: &Message,
        progress: &mut Progress<'_>,
    ) -> Result<(), DeliverError> {
        let (seq, answer) = (failing.seq, failing.answer.clone());
        progress.park(failing, message.body.clone(), self.session.now())?;
        self.parked.insert(seq);
        self.report.parked += 1;
        let name = &self.subscriber.name;
        self.say(&format!(
            "warning: event {seq} is parked: {answer}; `mirrorkeep deliver unpark {name} {seq}` sends it again"
        ));
        Ok(())
    }

    /// Returns whether no more events may be parked.
    fn is_full(&mut self) -> Result<bool, StoreError> {
        let full = self.mirror().parked(&self.subscriber.name)?.len() >= MOST_PARKED;
        if full && !std::mem::replace(&mut self.said_full, true) {
            let name = &self.subscriber.name;
            self.say(&format!(
                "warning: it has {MOST_PARKED} parked events, and stops; `mirrorkeep deliver unpark {name}` sends them again"
            ));
        }
        Ok(full)
    }

    /// Waits before the next attempt; returns what to do instead if the user stops it or makes a request.
    fn wait(
        &mut self,
        pause: Duration,
        progress: &mut Progress<'_>,
        again: &mut BTreeSet<u64>,
    ) -> Result<Option<Next>, DeliverError> {
        let began = Instant::now();
        let look = LOOK.max(period(self.mirror()));
        loop {
            if self.session.check_cancelled().is_err() {
                return Ok(Some(Next::Elsewhere));
            }
            if self.asked(progress, again)? {
                return Ok(Some(Next::Elsewhere));
            }
            let left = pause.saturating_sub(began.elapsed());
            if left.is_zero() {
                return Ok(None);
            }
            rest(left.min(look), self.session.stop());
        }
    }

    /// Carries out requests; returns whether the place in the journal changed.
    fn asked(
        &mut self,
        progress: &mut Progress<'_>,
        again: &mut BTreeSet<u64>,
    ) -> Result<bool, DeliverError> {
        self.looked = Instant::now();
        let done = do_asked(self.mirror(), self.subscriber, progress, self.session.now())?;
        self.report.parked += done.parked;
        if done.parked > 0 {
            self.parked = self.mirror().parked(&self.subscriber.name)?.into_iter().collect();
        }
        again.retain(|seq| !done.stay.contains(seq));
        again.extend(done.again);
        Ok(done.moved)
    }

    /// Reads which events are parked, and returns those to send again.
    fn look_at_parked(&mut self) -> Result<BTreeSet<u64>, DeliverError> {
        let (mirror, name) = (self.mirror(), &self.subscriber.name);
        let mut again = BTreeSet::new();
        self.parked = mirror.parked(name)?.into_iter().collect();
        for seq in self.parked.iter().copied() {
            if mirror.parked_event(name, seq)?.is_some_and(|one| one.again) {
                again.insert(seq);
            }
        }
        Ok(again)
    }

    /// Sends the parked events that were requested, in their order; what is refused again stays parked.
    fn parked_again(
        &mut self,
        progress: &mut Progress<'_>,
        again: &mut BTreeSet<u64>,
    ) -> Result<Next, DeliverError> {
        let (mirror, name) = (self.mirror(), &self.subscriber.name);
        while let Some(seq) = again.first().copied() {
            if self.session.check_cancelled().is_err() {
                return Ok(Next::Elsewhere);
            }
            let Some(parked) = mirror.parked_event(name, seq)? else {
                progress.is_settled(seq);
                again.remove(&seq);
                continue;
            };
            let now = self.session.now();
            match self.sender.send(&stored(&parked), self.session.stop()) {
                Answer::Stopped => return Ok(Next::Elsewhere),
                Answer::Accepted(text) => {
                    // The event was sent, whatever the receiver did with it before.
                    progress.accepted_again(seq, text, now);
                    self.report.delivered += 1;
                    self.report.repeats += 1;
                    mirror.unpark(name, seq)?;
                    self.parked.remove(&seq);
                    again.remove(&seq);
                }
                Answer::Refused(answer, _) | Answer::Final(answer) => {
                    self.say(&format!("warning: event {seq} stays parked: {answer}"));
                    mirror.park(name, &Parked { again: false, answer, tries: parked.tries + 1, ..parked })?;
                    progress.is_settled(seq);
                    self.report.parked += 1;
                    again.remove(&seq);
                }
                Answer::Later(answer, asked) => {
                    let failing = progress.not_accepted(seq, &answer, false, (now, 0));
                    if failing.tries == 1 {
                        self.say(&format!("event {seq}, which was parked, was not accepted: {answer}"));
                    }
                    if self.until == Until::End {
                        self.report.failure = Some(format!("event {seq}: {answer}"));
                        return Ok(Next::Enough(Outcome::Waits));
                    }
                    progress.flush()?;
                    if let Some(next) = self.wait(pause(failing.tries, chance(), asked), progress, again)? {
                        return Ok(next);
                    }
                }
            }
        }
        Ok(Next::On)
    }
}

/// Returns an event as it is sent.
fn message(event: &CloudEvent) -> Message {
    let text = |value: Option<String>| value.unwrap_or_default();
    Message {
        id: event.envelope.id.clone(),
        seq: event.seq,
        kind: type_name(event.kind).to_owned(),
        time: event.envelope.time.iso(),
        subject: event.envelope.subject.clone(),
        stream: text(event.about.stream.as_ref().map(ToString::to_string)),
        build: text(event.about.build.as_ref().map(ToString::to_string)),
        path: text(event.about.path.as_ref().map(ToString::to_string)),
        body: event.line(),
    }
}

/// Returns how long the oldest of these events has waited; nothing if a wrong clock wrote one, which then waits for no other.
fn waited(times: impl Iterator<Item = Stamp>, now: Stamp) -> Option<Duration> {
    let mut longest = 0;
    for time in times {
        let waited = now.since(time);
        if waited < -CLOCK_SKEW {
            return None;
        }
        longest = longest.max(waited);
    }
    Some(Duration::from_secs(longest.try_into().unwrap_or_default()))
}

/// Returns several events as one, which has the number of the last.
fn digest(events: &[CloudEvent]) -> Message {
    let (first, last) = (events.first().map(message), events.last().map(message));
    let (first, last) = (first.unwrap_or_default(), last.unwrap_or_default());
    let lines: Vec<String> = events.iter().map(CloudEvent::line).collect();
    Message {
        id: format!("{}-{}", first.id, last.seq),
        seq: last.seq,
        time: last.time,
        kind: DIGEST.to_owned(),
        subject: counted(events.len()),
        body: format!("[{}]", lines.join(",")),
        ..Message::default()
    }
}

/// Returns the number of events, as the subject of a sentence.
fn counted(count: usize) -> String {
    if count == 1 { "1 event".to_owned() } else { format!("{count} events") }
}

/// Returns a parked event as it is sent.
fn stored(parked: &Parked) -> Message {
    let event: serde_json::Value = serde_json::from_str(&parked.event).unwrap_or_default();
    if let Some(events) = event.as_array() {
        let first = events.first().and_then(|first| first.pointer("/id")?.as_str()).unwrap_or_default();
        return Message {
            id: format!("{first}-{}", parked.seq),
            seq: parked.seq,
            kind: DIGEST.to_owned(),
            subject: counted(events.len()),
            body: parked.event.clone(),
            ..Message::default()
        };
    }
    let at = |pointer: &str| {
        event.pointer(pointer).and_then(|value| value.as_str()).unwrap_or_default().to_owned()
    };
    let kind = at("/type");
    let known = EventKind::ALL.into_iter().find(|known| type_of(*known) == kind);
    Message {
        id: at("/id"),
        seq: parked.seq,
        kind: known.map_or(kind, |known| type_name(known).to_owned()),
        time: at("/time"),
        subject: at("/subject"),
        stream: at("/data/stream"),
        build: at("/data/build"),
        path: at("/data/path"),
        body: parked.event.clone(),
    }
}

/// Returns a random number, for pauses of different length.
fn chance() -> u8 {
    uuid::Uuid::new_v4().as_bytes().first().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_event_defines_how_long_a_digest_waited_and_a_wrong_clock_sends_it_at_once() {
        let now = Stamp::from_unix(1_800_000_000).unwrap();
        let waits = |ages: &[i64]| waited(ages.iter().filter_map(|age| now.checked_add(-age)), now);
        assert_eq!(waits(&[10, 30, 20]), Some(Duration::from_secs(30)));
        assert_eq!(waits(&[-60, 20]), Some(Duration::from_secs(20)));
        assert_eq!(waits(&[-60]), Some(Duration::ZERO));
        assert_eq!((waits(&[-365 * 86400, 20]), waits(&[20, -CLOCK_SKEW - 1])), (None, None));
    }
}
