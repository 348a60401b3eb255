//! All subscribers at once, each on a thread of its own.

use super::DeliverError;
use super::line::Line;
use super::news::News;
use super::report::{DeliverReport, Delivered, Until};
use super::settings::{chosen, may_act};
use crate::decide::deliver::Deliver;
use crate::mirror::{Unable, chain};
use crate::model::Classify;
use crate::ops::events::{period, rest};
use crate::send::{Post, SendError, Sender};
use crate::session::Session;
use std::thread::scope;

/// Delivers to these subscribers, all without names; `beat` is called each time the mirror was looked at.
pub fn deliver(
    session: &Session<'_>,
    deliver: &Deliver,
    names: &[String],
    until: Until,
    beat: &(dyn Fn() + Sync),
) -> Result<DeliverReport, DeliverError> {
    let mirror = session.mirror();
    may_act(mirror)?;
    let subscribers = chosen(deliver, names)?;
    let directory = mirror.directory();
    let address = directory.map_or_else(|| mirror.store().shown(), |dir| dir.display().to_string());
    let failed = |source| DeliverError::Send { name: "all subscribers".to_owned(), source };
    let post = Post::new(address).map_err(failed)?;
    // One that lacks its secret stops no other.
    let senders: Vec<Result<Box<dyn Sender>, SendError>> =
        subscribers.iter().map(|one| post.sender(one, deliver)).collect();
    let news = News::for_so_many(senders.iter().filter(|sender| sender.is_ok()).count());
    let mut reports = Vec::new();
    scope(|threads| {
        let running: Vec<_> = subscribers
            .iter()
            .zip(senders)
            .map(|(subscriber, sender)| {
                let sender = sender.map_err(|error| unable(session, &subscriber.name, &error))?;
                let line = Line::new(session, (subscriber, sender), until, &news);
                let news = &news;
                Ok(threads.spawn(move || {
                    let _left = Left(news);
                    line.run()
                }))
            })
            .collect();
        let mut said = None;
        while until == Until::Stopped && news.is_awaited() && session.check_cancelled().is_ok() {
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
            rest(period(mirror), session.stop());
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
    Ok(DeliverReport { subscribers: reports })
}

/// Says and writes down that a subscriber lacks what is needed to deliver to it, and returns that as its report.
fn unable(session: &Session<'_>, name: &str, error: &SendError) -> Delivered {
    let why = chain(error);
    session.progress().say(&format!("{name}: warning: nothing is delivered: {why}"));
    let unable = Unable { unable: 1, at: session.now(), why: why.clone() };
    if let Err(error) = session.mirror().note_unable(name, Some(&unable)) {
        session.progress().say(&format!("{name}: warning: cannot note that: {}", chain(&error)));
    }
    Delivered { failure: Some(why), class: Some(error.class()), ..Delivered::nothing(name) }
}

/// Notes at its end that a subscriber is not at work any more, whatever ends it.
struct Left<'n>(&'n News);

impl Drop for Left<'_> {
    fn drop(&mut self) {
        self.0.left();
    }
}
