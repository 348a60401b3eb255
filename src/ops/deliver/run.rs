//! All subscribers at once, one thread for each.

use super::DeliverError;
use super::line::Line;
use super::news::News;
use super::progress::Progress;
use super::report::{DeliverReport, Delivered, Until};
use super::settings::{chosen, deliver_text, may_act, present, read_deliver};
use crate::decide::deliver::{Deliver, Subscriber};
use crate::mirror::{Unable, chain};
use crate::model::{Classify, shown};
use crate::ops::events::{period, rest};
use crate::progress::CancelToken;
use crate::send::{Post, SendError, Sender};
use crate::session::Session;
use crate::store::StoreErrorKind;
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::thread::scope;
use std::time::{Duration, Instant};

/// How often deliver.yaml is checked for changes, at most.
const LOOK_AT_FILE: Duration = Duration::from_secs(2);

/// Delivers to these subscribers, or to all if none are named; `beat` is called each time the mirror was looked at. A
/// run without end reads deliver.yaml again when it changed to a usable one.
pub fn deliver(
    session: &Session<'_>,
    deliver: Deliver,
    names: &[String],
    until: Until,
    beat: &(dyn Fn() + Sync),
) -> Result<DeliverReport, DeliverError> {
    may_act(session.mirror())?;
    chosen(&deliver, names)?;
    let (mut deliver, mut all) = (deliver, DeliverReport { subscribers: Vec::new() });
    // What a subscriber needed that was removed stays secret.
    let mut secrets = BTreeSet::new();
    loop {
        secrets.extend(deliver.secrets().into_iter().map(str::to_owned));
        let (report, changed) = as_it_is(session, (&deliver, &secrets), names, until, beat)?;
        all.add(report);
        match changed {
            Some(new) => deliver = new,
            None => return Ok(all),
        }
    }
}

/// Delivers until the end, or until deliver.yaml changed, and returns the new one.
fn as_it_is(
    session: &Session<'_>,
    (deliver, secrets): (&Deliver, &BTreeSet<String>),
    names: &[String],
    until: Until,
    beat: &(dyn Fn() + Sync),
) -> Result<(DeliverReport, Option<Deliver>), DeliverError> {
    // Stops the subscribers of this file, but not the command.
    let over = if until == Until::Stopped { CancelToken::new() } else { session.stop().clone() };
    let (outer, session) = (session, &session.clone().cancelled_by(&over));
    let mirror = session.mirror();
    let subscribers = present(deliver, names);
    let directory = mirror.directory();
    let address = directory.map_or_else(|| mirror.store().shown(), |dir| dir.display().to_string());
    let failed = |source| DeliverError::Send { name: "all subscribers".to_owned(), source };
    let post = Post::new(address).map_err(failed)?;
    // A subscriber without its secret stops no other.
    let senders: Vec<Result<Box<dyn Sender>, SendError>> =
        subscribers.iter().map(|one| post.sender(one, secrets)).collect();
    let news = News::for_so_many(senders.iter().filter(|sender| sender.is_ok()).count());
    let (mut reports, mut changed) = (Vec::new(), None);
    scope(|threads| {
        let running: Vec<_> = subscribers
            .iter()
            .zip(senders)
            .map(|(subscriber, sender)| {
                let sender = sender.map_err(|error| unable(session, subscriber, &error))?;
                let line = Line::new(session, (subscriber, sender), until, &news);
                let news = &news;
                Ok(threads.spawn(move || {
                    let _left = Left(news);
                    line.run()
                }))
            })
            .collect();
        let mut said = None;
        let mut watched = Watched::new(outer, deliver, names);
        // Subscribers may be added later.
        let is_empty = subscribers.is_empty();
        if until == Until::Stopped && is_empty {
            let none = if names.is_empty() { "no subscriber" } else { "none of these subscribers" };
            session.progress().say(&format!("deliver.yaml has {none}; it is read again when it changes"));
        }
        while until == Until::Stopped && (is_empty || news.is_awaited()) && outer.check_cancelled().is_ok() {
            changed = watched.look();
            if changed.is_some() {
                break;
            }
            match news.look(mirror) {
                Ok(()) => said = None,
                Err(error) => {
                    let text = chain(&error);
                    if said.as_ref() != Some(&text) {
                        session.progress().say(&format!("warning: cannot look at the journal: {text}"));
                        said = Some(text);
                    }
                }
            }
            beat();
            rest(period(mirror), outer.stop());
        }
        if until == Until::Stopped {
            over.flag().store(true, Ordering::Relaxed);
        }
        for (thread, subscriber) in running.into_iter().zip(&subscribers) {
            reports.push(match thread {
                Err(unable) => unable,
                Ok(thread) => thread.join().unwrap_or_else(|_| Delivered {
                    failure: Some("its thread ended by a fault of the program".to_owned()),
                    ..Delivered::nothing(&subscriber.name)
                }),
            });
        }
    });
    Ok((DeliverReport { subscribers: reports }, changed))
}

/// The deliver.yaml of a run without end, checked from time to time.
struct Watched<'w> {
    session: &'w Session<'w>,
    names: &'w [String],
    /// The text that was read last, whether usable or not.
    text: String,
    /// Whether it was reported that there is no file any more.
    is_gone: bool,
    looked: Instant,
}

impl<'w> Watched<'w> {
    fn new(session: &'w Session<'w>, deliver: &Deliver, names: &'w [String]) -> Self {
        Self { session, names, text: deliver.text().to_owned(), is_gone: false, looked: Instant::now() }
    }

    /// Returns the file if it changed and can be used; warns once if it cannot.
    fn look(&mut self) -> Option<Deliver> {
        if self.looked.elapsed() < LOOK_AT_FILE {
            return None;
        }
        self.looked = Instant::now();
        // A file that cannot be read now is checked again later.
        let text = deliver_text(self.session.mirror()).ok()?;
        if text.is_none() && !self.is_gone {
            self.session.progress().say(
                "warning: there is no deliver.yaml any more; the one before stays in force until this stops",
            );
        }
        self.is_gone = text.is_none();
        let text = text?;
        if text == self.text {
            return None;
        }
        self.text = text;
        match read_deliver(&self.text) {
            Ok(deliver) => {
                self.session.progress().say("deliver.yaml changed, and is in force");
                for name in self.names.iter().filter(|name| deliver.to.iter().all(|one| one.name != **name)) {
                    let name = shown(name);
                    self.session
                        .progress()
                        .say(&format!("warning: deliver.yaml has no `{name}` any more, which gets nothing"));
                }
                Some(deliver)
            }
            Err(error) => {
                let why = error.line();
                self.session.progress().say(&format!(
                    "warning: deliver.yaml changed and cannot be used, so that the one before stays in force: {why}"
                ));
                None
            }
        }
    }
}

/// Reports and records that a subscriber lacks something that delivery needs, and returns that as its report.
///
/// Where it begins is recorded all the same: events until then are not left out.
fn unable(session: &Session<'_>, subscriber: &Subscriber, error: &SendError) -> Delivered {
    let (why, name) = (chain(error), &subscriber.name);
    if let Err(error) = begin(session, subscriber) {
        session.progress().say(&format!("{name}: warning: cannot note where it begins: {}", error.line()));
    }
    session.progress().say(&format!("{name}: warning: nothing is delivered: {why}"));
    let unable = Unable { unable: 1, at: session.now(), why: why.clone() };
    if let Err(error) = session.mirror().note_unable(name, Some(&unable)) {
        session.progress().say(&format!("{name}: warning: cannot note that: {}", chain(&error)));
    }
    Delivered { failure: Some(why), class: Some(error.class()), ..Delivered::nothing(name) }
}

/// Records where a subscriber begins, unless another process delivers to it.
fn begin(session: &Session<'_>, subscriber: &Subscriber) -> Result<(), DeliverError> {
    match session.mirror().lock_deliverer(&subscriber.name, Duration::ZERO) {
        Ok(_alone) => Progress::open(session.mirror(), subscriber, session.now()).map(drop),
        Err(error) if error.kind() == StoreErrorKind::Busy => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// When dropped, records that a subscriber has stopped, for whatever reason.
struct Left<'n>(&'n News);

impl Drop for Left<'_> {
    fn drop(&mut self) {
        self.0.left();
    }
}
