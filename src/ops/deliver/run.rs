//! All subscribers at once, each on a thread of its own.

use super::DeliverError;
use super::line::Line;
use super::news::News;
use super::report::{DeliverReport, Delivered, Until};
use super::settings::{chosen, may_act};
use crate::decide::deliver::Deliver;
use crate::mirror::chain;
use crate::ops::events::{period, rest};
use crate::send::{Post, Sender};
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
    let failed = |name: &str| {
        let name = name.to_owned();
        move |source| DeliverError::Send { name, source }
    };
    let post = Post::new(address).map_err(failed("all subscribers"))?;
    let senders = subscribers
        .iter()
        .map(|one| post.sender(one, deliver).map_err(failed(&one.name)))
        .collect::<Result<Vec<Box<dyn Sender>>, DeliverError>>()?;
    let news = News::for_so_many(subscribers.len());
    let mut reports = Vec::new();
    scope(|threads| {
        let running: Vec<_> = subscribers
            .iter()
            .zip(senders)
            .map(|(subscriber, sender)| {
                let line = Line::new(session, (subscriber, sender), until, &news);
                let news = &news;
                threads.spawn(move || {
                    let _left = Left(news);
                    line.run()
                })
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
            reports.push(thread.join().unwrap_or_else(|_| Delivered {
                failure: Some("its thread ended by a fault of the program".to_owned()),
                ..Delivered::nothing(&subscriber.name)
            }));
        }
    });
    Ok(DeliverReport { subscribers: reports })
}

/// Notes at its end that a subscriber is not at work any more, whatever ends it.
struct Left<'n>(&'n News);

impl Drop for Left<'_> {
    fn drop(&mut self) {
        self.0.left();
    }
}
