//! An event to an HTTP address: one request, signed by the Standard Webhooks, with a limit on everything in the
//! answer.
//!
//! No message has the address: it may be a secret. A redirect is not followed, since the event and its signature are
//! for one receiver. Hosts on this machine are not reached through a proxy.

use super::answer::Answer;
use super::message::{Message, Sender};
use super::network::Network;
use super::secret::{Keys, SendError, variable};
use super::veil::Veil;
use crate::decide::deliver::{Address, LONGEST_ASKED, Secret, Webhook, web_address};
use crate::model::retry_after;
use crate::progress::CancelToken;
use crate::registry::{client_builder, innermost};
use chrono::Utc;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode};
use std::io;
use std::time::Duration;
use tokio::task::yield_now;
use tokio::time::timeout;
use url::Url;

/// How many bytes of an answer are read.
const LONGEST: usize = 16 << 10;

/// How long the rest of a positive answer is read: the connection is reused if it ends.
const REST: Duration = Duration::from_secs(1);

/// How long a connection waits for the next event.
const IDLE: Duration = Duration::from_secs(2);

/// How often to yield to other tasks after an answer, until its connection can be reused.
const TURNS: usize = 4;

/// The time limit of connecting.
const CONNECT: Duration = Duration::from_secs(10);

/// Posts events to an HTTP address.
pub(super) struct WebhookSender {
    client: Client,
    url: Url,
    keys: Option<Keys>,
    /// The file of the keys, which may be replaced while a service runs.
    secret: Option<Secret>,
    veil: Veil,
    /// Whether the address is a secret, which a receiver can repeat in any spelling: nothing of its answers is kept then.
    is_secret: bool,
    limit: Duration,
    /// Its own: a request and its connection take turns on one thread, without waking another.
    network: Network,
}

impl WebhookSender {
    pub(super) fn new(webhook: &Webhook, limit: Duration) -> Result<Self, SendError> {
        let (url, mut veil) = match &webhook.url {
            Address::Given(url) => (url.as_ref().clone(), Veil::default()),
            Address::Env(name) => {
                let url = web_address(variable(name)?.trim());
                let url = url.map_err(|why| SendError::Address(name.clone(), why))?;
                let veil = Veil::of_address(&url);
                (url, veil)
            }
        };
        let keys = webhook.secret.as_ref().map(|secret| Keys::read(secret, &mut veil)).transpose()?;
        let builder = client_builder(&url, CONNECT.min(limit))
            .pool_max_idle_per_host(1)
            // Between two events it is not noticed that a receiver closed a connection.
            .pool_idle_timeout(IDLE);
        let client =
            builder.build().map_err(|error| SendError::Start(io::Error::other(innermost(&error))))?;
        let secret = webhook.secret.clone().filter(|secret| matches!(secret, Secret::File(_)));
        let is_secret = matches!(webhook.url, Address::Env(_));
        let network = Network::here().map_err(SendError::Start)?;
        Ok(Self { client, url, keys, secret, veil, is_secret, limit, network })
    }

    /// Sends an event and reads the significant part of the answer.
    async fn post(&self, message: &Message) -> Answer {
        let now = Utc::now().timestamp();
        let mut request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/cloudevents+json; charset=utf-8")
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", now);
        if let Some(keys) = &self.keys {
            request = request.header("webhook-signature", keys.signatures(&message.id, now, &message.body));
        }
        match request.body(message.body.clone()).send().await {
            Ok(response) => judged(response, &self.veil, self.is_secret).await,
            Err(error) => {
                let why = self.veil.said(&innermost(&error));
                if error.is_connect() {
                    Answer::Later(format!("the receiver cannot be reached: {why}"), None)
                } else {
                    Answer::Refused(format!("no answer: {why}"), None)
                }
            }
        }
    }
}

impl Sender for WebhookSender {
    fn send(&mut self, message: &Message, stop: &CancelToken) -> Answer {
        if let Some(secret) = &self.secret {
            match Keys::read(secret, &mut self.veil) {
                Ok(keys) => self.keys = Some(keys),
                Err(error) => return Answer::Later(error.whole(), None),
            }
        }
        match self.network.within(self.limit, stop, self.post(message)) {
            Some(Ok(answer)) => answer,
            Some(Err(_)) => Answer::Refused(format!("no answer within {} s", self.limit.as_secs()), None),
            None => Answer::Stopped,
        }
    }
}

/// Returns the meaning of an answer.
async fn judged(mut response: Response, veil: &Veil, is_secret: bool) -> Answer {
    let status = response.status();
    let asked = response.headers().get(RETRY_AFTER);
    let asked = asked.and_then(|value| retry_after(value.to_str().ok()?, Utc::now()));
    if status.is_success() {
        // The rest changes nothing.
        timeout(REST, beginning(&mut response)).await.ok();
        drop(response);
        for _ in 0..TURNS {
            yield_now().await;
        }
        return Answer::Accepted(status.to_string());
    }
    let body = timeout(REST, beginning(&mut response)).await.unwrap_or_default();
    let body = if is_secret { String::new() } else { veil.said(&String::from_utf8_lossy(&body)) };
    let text = if body.is_empty() { status.to_string() } else { format!("{status}: {body}") };
    let text = match asked {
        Some(wait) => format!("{text} (it asks to wait for {} s)", wait.min(LONGEST_ASKED).as_secs()),
        None => text,
    };
    if matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS) {
        Answer::Later(text, asked)
    } else if status.is_client_error() {
        Answer::Final(text)
    } else if status.is_redirection() {
        Answer::Refused(format!("{text}; redirects are not followed"), asked)
    } else {
        Answer::Refused(text, asked)
    }
}

/// Returns the beginning of a body.
async fn beginning(response: &mut Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(piece)) = response.chunk().await {
        let room = LONGEST.saturating_sub(body.len());
        body.extend_from_slice(piece.get(..room.min(piece.len())).unwrap_or_default());
        if piece.len() > room {
            break;
        }
    }
    body
}
