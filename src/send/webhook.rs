//! An event to an address: one request, signed by the Standard Webhooks, with a limit on everything that comes back.
//!
//! The address is in no message: it may be a secret. A redirect is not followed, since the event and its signature are for
//! one receiver. What is on this machine is not asked by way of a proxy.

use super::answer::Answer;
use super::message::{Message, Sender};
use super::secret::{Keys, SendError, variable};
use super::veil::Veil;
use crate::decide::deliver::{Address, LONGEST_ASKED, Webhook, web_address};
use crate::model::registry::is_loopback;
use crate::model::retry_after;
use crate::progress::CancelToken;
use crate::registry::innermost;
use chrono::Utc;
use futures_util::future::{Either, select};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::time::{sleep, timeout};
use url::Url;

/// How many bytes of an answer are read.
const LONGEST: usize = 16 << 10;

/// For how long the rest of an answer is read that has said yes: the connection is used again if it ends.
const REST: Duration = Duration::from_secs(1);

/// How often the wish to stop is looked at.
const TICK: Duration = Duration::from_millis(50);

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// Posts events to an address.
pub(super) struct WebhookSender {
    client: Client,
    url: Url,
    keys: Option<Keys>,
    veil: Veil,
    limit: Duration,
    runtime: Arc<Runtime>,
}

impl WebhookSender {
    pub(super) fn new(webhook: &Webhook, limit: Duration, runtime: Arc<Runtime>) -> Result<Self, SendError> {
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
        let builder = Client::builder()
            .redirect(Policy::none())
            .referer(false)
            .connect_timeout(CONNECT.min(limit))
            .pool_max_idle_per_host(1)
            .user_agent(concat!("mirrorkeep/", env!("CARGO_PKG_VERSION")));
        let here = is_loopback(url.host_str().unwrap_or_default());
        let builder = if here { builder.no_proxy() } else { builder };
        let client =
            builder.build().map_err(|error| SendError::Start(io::Error::other(innermost(&error))))?;
        Ok(Self { client, url, keys, veil, limit, runtime })
    }

    /// Sends an event and reads as much of the answer as counts.
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
            Ok(response) => judged(response, &self.veil).await,
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
        let stopped = async {
            while stop.check().is_ok() {
                sleep(TICK).await;
            }
        };
        self.runtime.block_on(async {
            let post = pin!(timeout(self.limit, self.post(message)));
            match select(post, pin!(stopped)).await {
                Either::Left((Ok(answer), _)) => answer,
                Either::Left((Err(_), _)) => {
                    Answer::Refused(format!("no answer within {} s", self.limit.as_secs()), None)
                }
                Either::Right(_) => Answer::Stopped,
            }
        })
    }
}

/// Returns what an answer means.
async fn judged(mut response: Response, veil: &Veil) -> Answer {
    let status = response.status();
    let asked = response.headers().get(RETRY_AFTER);
    let asked = asked.and_then(|value| retry_after(value.to_str().ok()?, Utc::now()));
    if status.is_success() {
        // What follows changes nothing.
        timeout(REST, beginning(&mut response)).await.ok();
        return Answer::Accepted(status.to_string());
    }
    let body = timeout(REST, beginning(&mut response)).await.unwrap_or_default();
    let body = veil.said(&String::from_utf8_lossy(&body));
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
