//! An event to a message bus: AMQP 0-9-1, persistent, confirmed, and routed to a queue.
//!
//! A confirm alone does not mean that a queue has the message, so the broker is asked to return messages that no
//! queue accepts; such an event is sent again until one does. The message has the headers of fedora-messaging. The
//! client implements no more of the protocol than that: the complete crates bring seventy others and a second TLS
//! provider, or do not limit what a broker sends.

mod link;
mod wire;

pub use wire::{Heard, WireError, frame};

use super::answer::Answer;
use super::message::{Message, Sender};
use super::network::Network;
use super::secret::{SendError, variable};
use super::veil::Veil;
use crate::decide::deliver::{Address, Bus, bus_address};
use crate::model::Digest;
use crate::progress::CancelToken;
use link::{Broker, Fate, Link, LinkError};
use percent_encoding::percent_decode_str;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use url::Url;
use wire::{Field, Published};

/// How long the end of a connection is waited for.
const CLOSING: Duration = Duration::from_millis(50);

/// The severity of a message by fedora-messaging: information.
const SEVERITY: i32 = 20;

/// Publishes events on a bus.
pub(in crate::send) struct BusSender {
    broker: Broker,
    veil: Veil,
    exchange: String,
    prefix: String,
    limit: Duration,
    network: Arc<Network>,
    link: Option<Link>,
}

impl BusSender {
    pub(in crate::send) fn new(bus: &Bus, limit: Duration, network: Arc<Network>) -> Result<Self, SendError> {
        let (url, veil) = match &bus.url {
            Address::Given(url) => (url.as_ref().clone(), Veil::default()),
            Address::Env(name) => {
                let url = bus_address(variable(name)?.trim());
                let url = url.map_err(|why| SendError::Address(name.clone(), why))?;
                let veil = Veil::of_address(&url);
                (url, veil)
            }
        };
        let (exchange, prefix) = (bus.exchange.clone(), bus.topic_prefix.clone());
        Ok(Self { broker: broker(&url), veil, exchange, prefix, limit, network, link: None })
    }

    /// Publishes an event; a connection that broke since the last one is opened again once.
    async fn publish(
        kept: Option<Link>,
        broker: &Broker,
        message: &Published<'_>,
    ) -> Result<(Fate, Link), LinkError> {
        if let Some(mut link) = kept
            && let Ok(fate) = link.publish(message).await
        {
            return Ok((fate, link));
        }
        let mut link = Link::open(broker).await?;
        let fate = link.publish(message).await?;
        Ok((fate, link))
    }
}

impl Sender for BusSender {
    fn send(&mut self, message: &Message, stop: &CancelToken) -> Answer {
        let (kept, broker, limit) = (self.link.take(), &self.broker, self.limit);
        let topic = match &*self.prefix {
            "" => format!("{}.v1", message.kind),
            prefix => format!("{prefix}.{}.v1", message.kind),
        };
        let sent_at = message.time.trim_end_matches('Z').to_owned() + "+00:00";
        let headers = [
            ("fedora_messaging_schema", Field::Text("base.message")),
            ("fedora_messaging_severity", Field::Number(SEVERITY)),
            ("sent-at", Field::Text(&sent_at)),
            ("priority", Field::Number(0)),
            ("mirrorkeep_id", Field::Text(&message.id)),
            ("mirrorkeep_stream", Field::Text(&message.stream)),
        ];
        let id = message_id(&message.id);
        let published = Published {
            exchange: &self.exchange,
            topic: &topic,
            headers: &headers,
            id: &id,
            kind: &message.kind,
            body: message.body.as_bytes(),
        };
        match self.network.within(limit, stop, Self::publish(kept, broker, &published)) {
            None => Answer::Stopped,
            Some(Err(_)) => Answer::Later(format!("no confirm within {} s", limit.as_secs()), None),
            Some(Ok(Ok((fate, link)))) => {
                self.link = Some(link);
                match fate {
                    Fate::Routed => Answer::Accepted("confirmed".to_owned()),
                    Fate::Unrouted(why) => Answer::Later(
                        format!("no queue is bound for `{topic}`: {}", self.veil.said(&why)),
                        None,
                    ),
                    Fate::Nacked => Answer::Later("the broker could not keep it".to_owned(), None),
                }
            }
            Some(Ok(Err(error))) => refused(&error, &self.veil),
        }
    }
}

impl Drop for BusSender {
    fn drop(&mut self) {
        if let Some(link) = self.link.take() {
            self.network.run(async { timeout(CLOSING, link.close()).await.ok() });
        }
    }
}

/// Returns the meaning of an error for an event: only if the broker reports that the message is too large or invalid
/// is it the event's fault.
fn refused(error: &LinkError, veil: &Veil) -> Answer {
    let text = veil.said(&error.to_string());
    match error {
        LinkError::Closed { code: 311 | 406 | 501..=505, .. } => Answer::Refused(text, None),
        _ => Answer::Later(text, None),
    }
}

/// Returns the ID of a message: a UUID, as fedora-messaging expects, that is the same for the same event.
fn message_id(event: &str) -> String {
    let digest = Digest::of(event.as_bytes()).to_string();
    let part = |from: usize, to: usize| digest.get(from..to).unwrap_or_default();
    // Version 8 and the variant of the standard, in a number that is otherwise a digest.
    format!("{}-{}-8{}-a{}-{}", part(0, 8), part(8, 12), part(12, 15), part(15, 18), part(18, 30))
}

fn broker(url: &Url) -> Broker {
    let tls = url.scheme() == "amqps";
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let or = |text: String, other: &str| if text.is_empty() { other.to_owned() } else { text };
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
    Broker {
        host,
        port: url.port().unwrap_or(if tls { 5671 } else { 5672 }),
        tls,
        user: or(decoded(url.username()), "guest"),
        password: or(decoded(url.password().unwrap_or_default()), "guest"),
        vhost: or(decoded(url.path().trim_start_matches('/')), "/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_where_the_broker_is() {
        let of = |text: &str| {
            let Broker { host, port, tls, user, password, vhost } = broker(&text.parse().unwrap());
            (host, port, tls, format!("{user}:{password}"), vhost)
        };
        let owned = |host: &str, port, tls, login: &str, vhost: &str| {
            (host.to_owned(), port, tls, login.to_owned(), vhost.to_owned())
        };
        assert_eq!(of("amqp://localhost"), owned("localhost", 5672, false, "guest:guest", "/"));
        assert_eq!(of("amqps://a:b%2F@h/%2Fpub"), owned("h", 5671, true, "a:b/", "/pub"));
        assert_eq!(of("amqp://[::1]:7/x"), owned("::1", 7, false, "guest:guest", "x"));
    }

    #[test]
    fn an_id_is_a_uuid_and_the_same_for_a_repeat() {
        let id = message_id("x/7");
        assert_eq!(uuid::Uuid::parse_str(&id).unwrap().get_version_num(), 8);
        assert_eq!(id, message_id("x/7"));
        assert_ne!(id, message_id("x/8"));
    }
}
