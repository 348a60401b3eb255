//! Sending a request to a registry: limited in time and bytes, and retried within the time limit.
//!
//! Every request is harmless to repeat, so a lost answer is requested again like one that never came. Redirects are
//! never followed here; the code that reads a blob follows them. A server that has never answered this process is not
//! waited for.

use super::error::{Act, RegistryError};
use crate::model::registry::is_loopback;
use crate::model::{Patience, RETRIES, retry_after, shown};
use crate::progress::{CancelToken, Interrupted};
use bytes::Bytes;
use chrono::Utc;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Method, Response, StatusCode, Url};
use std::collections::BTreeMap;
use std::error::Error;
use std::io;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::timeout;
use tracing::{trace, warn};

/// The maximum pause that a registry can request.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// The pause before the second attempt, and the maximum between later ones.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

/// How often to check for cancellation.
const TICK: Duration = Duration::from_millis(100);

/// The number of attempts to reach a server that never answered.
const FIRST_TRIES: u32 = 3;

/// The time between two reports of retries.
const BETWEEN_REPORTS: Duration = Duration::from_secs(1);

/// The number of bytes that are read of an error answer.
const LONGEST_ERROR: u64 = 64 << 10;

/// The number of characters of a registry's message that are shown.
const LONGEST_SAID: usize = 300;

/// The slowest line that is waited for, in bytes per second.
const SLOWEST: u64 = 128 << 10;

/// Sends requests to any registry.
#[derive(Debug)]
pub(super) struct Wire {
    patience: Patience,
    stop: CancelToken,
    /// For other hosts, through the proxies of the environment.
    abroad: OnceLock<Client>,
    /// For hosts on this machine.
    here: OnceLock<Client>,
    contacts: Mutex<BTreeMap<String, Contact>>,
    reported: Mutex<Option<Instant>>,
}

/// The state of a server, shared by all requests to it.
#[derive(Debug, Default)]
struct Contact {
    answered: bool,
    /// How often it was not reached before it first answered.
    unreached: u32,
}

/// A request, which can be sent any number of times; never print it, since its body may be a key.
#[derive(Clone)]
pub(super) struct Ask {
    pub(super) act: Act,
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// The maximum size of an answer, in bytes.
    pub(super) limit: u64,
}

/// An answer with its whole body.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// Why an attempt failed.
#[derive(Debug)]
pub(super) enum Miss {
    /// Another attempt would fail in the same way.
    Final(RegistryError),
    /// Another attempt may succeed, after this time if the server stated one.
    Again(RegistryError, Option<Duration>),
}

impl From<RegistryError> for Miss {
    fn from(error: RegistryError) -> Self {
        Self::Final(error)
    }
}

impl From<Interrupted> for Miss {
    fn from(error: Interrupted) -> Self {
        Self::Final(error.into())
    }
}

impl Ask {
    /// Returns a request without a body, whose answer may be as long as an error.
    pub(super) fn new(act: Act, method: Method, url: Url) -> Self {
        Self { act, method, url, headers: HeaderMap::new(), body: Bytes::new(), limit: LONGEST_ERROR }
    }

    /// Adds a header.
    #[must_use]
    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Adds the header with credentials, if there are any.
    #[must_use]
    pub(super) fn keyed(mut self, key: Option<&HeaderValue>) -> Self {
        if let Some(key) = key {
            self.headers.insert(reqwest::header::AUTHORIZATION, key.clone());
        }
        self
    }
}

impl Answer {
    /// Returns an error for an answer that has another status than expected.
    pub(super) fn refused(&self, act: &Act) -> RegistryError {
        let said = self.said();
        match self.status.as_u16() {
            401 | 403 => RegistryError::Denied { act: act.clone(), said },
            status => RegistryError::Refused { act: act.clone(), status, said },
        }
    }

    /// Returns the status and the registry's message.
    pub(super) fn said(&self) -> String {
        said(self.status, &self.body)
    }
}

/// Returns a status with the registry's own message, as one line of a few hundred characters.
fn said(status: StatusCode, body: &[u8]) -> String {
    let message = serde_json::from_slice::<serde_json::Value>(body).ok().and_then(|answer| {
        let errors = answer.get("errors")?.as_array()?;
        let each = errors.iter().map(|error| {
            let text = |key: &str| error.get(key).and_then(serde_json::Value::as_str).unwrap_or_default();
            format!("{} {}", text("code"), text("message")).trim().to_owned()
        });
        Some(each.collect::<Vec<_>>().join("; "))
    });
    // Pages of a web server do not help a reader of a terminal.
    let text = message.unwrap_or_else(|| String::from_utf8_lossy(body).trim().to_owned());
    let text: String =
        if text.starts_with('<') { String::new() } else { text.chars().take(LONGEST_SAID).collect() };
    let status = status.to_string();
    if text.is_empty() { status } else { format!("{status}: {}", shown(&text)) }
}

impl Wire {
    pub(super) fn new(patience: Patience, stop: CancelToken) -> Self {
        let (abroad, here) = (OnceLock::new(), OnceLock::new());
        Self { patience, stop, abroad, here, contacts: Mutex::default(), reported: Mutex::default() }
    }

    /// Returns the cancellation token.
    pub(super) fn stop(&self) -> &CancelToken {
        &self.stop
    }

    /// Returns how long a server may be silent.
    pub(super) fn silence(&self) -> Duration {
        self.patience.silence()
    }

    /// Returns the client for a URL.
    pub(super) fn client(&self, url: &Url) -> Result<&Client, RegistryError> {
        let slot = if is_here(url) { &self.here } else { &self.abroad };
        if let Some(client) = slot.get() {
            return Ok(client);
        }
        let client = client_builder(url, self.silence().min(PAUSES.1)).build();
        let client = client.map_err(|error| RegistryError::Start(io::Error::other(error)))?;
        Ok(slot.get_or_init(|| client))
    }

    /// Sends a request until it is answered, and returns the whole answer whatever its status.
    pub(super) async fn whole(&self, ask: &Ask) -> Result<Answer, RegistryError> {
        self.tried(&ask.act, async || {
            let response = self.once(ask).await?;
            self.read(&ask.act, response, ask.limit).await
        })
        .await
    }

    /// Sends a request once; an answer that requests another attempt is a failure.
    pub(super) async fn once(&self, ask: &Ask) -> Result<Response, Miss> {
        let started = Instant::now();
        let request = self.client(&ask.url)?.request(ask.method.clone(), ask.url.clone());
        let request = request.headers(ask.headers.clone()).body(ask.body.clone());
        let cap = self.silence() + Duration::from_secs(ask.body.len() as u64 / SLOWEST);
        let answer = match timeout(cap, request.send()).await {
            Ok(answer) => answer.map_err(|error| self.unsent(&ask.act, &ask.url, &error)),
            Err(_) => Err(silent(&ask.act, cap)),
        };
        log(ask, answer.as_ref().ok(), started.elapsed());
        self.judged(&ask.act, &ask.url, answer?).await
    }

    /// Returns an answer unless the request has to be sent again.
    pub(super) async fn judged(&self, act: &Act, url: &Url, answer: Response) -> Result<Response, Miss> {
        self.contact(url, |contact| contact.answered = true);
        let status = answer.status();
        let again = matches!(status.as_u16(), 408 | 425 | 429) || status.is_server_error();
        if !again || matches!(status.as_u16(), 501 | 505) {
            return Ok(answer);
        }
        let wait =
            answer.headers().get(RETRY_AFTER).and_then(|value| retry_after(value.to_str().ok()?, Utc::now()));
        let answer = self.read(act, answer, 0).await?;
        let mut error = answer.refused(act);
        if let (RegistryError::Refused { said, .. }, Some(wait)) = (&mut error, wait) {
            said.push_str(&format!(", and asks to wait for {} s", wait.as_secs()));
        }
        Err(Miss::Again(error, wait))
    }

    /// Reads the body of an answer; of an error, the beginning.
    pub(super) async fn read(&self, act: &Act, answer: Response, limit: u64) -> Result<Answer, Miss> {
        // Including an answer that never ends, piece by piece.
        let cap = self.patience.all_tries();
        timeout(cap, self.read_all(act, answer, limit)).await.unwrap_or_else(|_| Err(silent(act, cap)))
    }

    async fn read_all(&self, act: &Act, mut answer: Response, limit: u64) -> Result<Answer, Miss> {
        let (status, headers) = (answer.status(), answer.headers().clone());
        let good = status.is_success();
        let limit = if good { limit } else { LONGEST_ERROR };
        let too_large = || act.unsound(format!("the answer of the registry is larger than {limit} bytes"));
        if good && answer.content_length().is_some_and(|length| length > limit) {
            return Err(too_large().into());
        }
        let mut body = Vec::new();
        while let Some(piece) = self.piece(act, &mut answer).await? {
            if (body.len() + piece.len()) as u64 > limit {
                if good {
                    return Err(too_large().into());
                }
                break;
            }
            body.extend_from_slice(&piece);
        }
        Ok(Answer { status, headers, body })
    }

    /// Reads the next piece of a body; nothing at its end.
    async fn piece(&self, act: &Act, answer: &mut Response) -> Result<Option<Bytes>, Miss> {
        match timeout(self.silence(), answer.chunk()).await {
            Ok(Ok(piece)) => Ok(piece),
            Ok(Err(error)) => Err(Miss::Again(broken(act, &innermost(&error)), None)),
            Err(_) => Err(silent(act, self.silence())),
        }
    }

    /// Returns why a request has no answer; a server that was never reached is not retried without end.
    pub(super) fn unsent(&self, act: &Act, url: &Url, error: &reqwest::Error) -> Miss {
        let why = innermost(error);
        if error.is_builder() {
            return Miss::Final(act.unsound(format!("the request cannot be sent: {why}")));
        }
        if !error.is_connect() {
            return Miss::Again(broken(act, &why), None);
        }
        let mut tries = 0;
        self.contact(url, |contact| {
            contact.unreached += 1;
            tries = if contact.answered { 0 } else { contact.unreached };
        });
        let error = RegistryError::Unreachable { act: act.clone(), why };
        if tries >= FIRST_TRIES { Miss::Final(error) } else { Miss::Again(error, None) }
    }

    fn contact(&self, url: &Url, change: impl FnOnce(&mut Contact)) {
        let server = format!("{}:{}", url.host_str().unwrap_or_default(), url.port().unwrap_or_default());
        let mut contacts = self.contacts.lock().unwrap_or_else(PoisonError::into_inner);
        change(contacts.entry(server).or_default());
    }

    /// Repeats an attempt until it succeeds, fails for good, or the time limit is over.
    pub(super) async fn tried<T>(
        &self,
        act: &Act,
        mut attempt: impl AsyncFnMut() -> Result<T, Miss>,
    ) -> Result<T, RegistryError> {
        let (started, mut pause) = (Instant::now(), PAUSES.0);
        loop {
            self.stop.check()?;
            let (error, wait) = match attempt().await {
                Ok(done) => return Ok(done),
                Err(Miss::Final(error)) => return Err(error),
                Err(Miss::Again(error, wait)) => (error, wait),
            };
            let left = self.patience.all_tries().saturating_sub(started.elapsed());
            if left.is_zero() {
                return Err(error);
            }
            self.report(&error);
            self.wait(wait.unwrap_or(pause).min(LONGEST_WAIT).min(left)).await?;
            trace!("{act}: tried again");
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// Waits, unless the command is cancelled.
    async fn wait(&self, time: Duration) -> Result<(), Interrupted> {
        let until = Instant::now() + time;
        loop {
            self.stop.check()?;
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            tokio::time::sleep(left.min(TICK)).await;
        }
    }

    /// Reports a retry.
    fn report(&self, error: &RegistryError) {
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        if reported.is_none_or(|last| last.elapsed() >= BETWEEN_REPORTS) {
            *reported = Some(Instant::now());
            let seconds = self.patience.all_tries().as_secs();
            warn!(target: RETRIES, "{error}; it is tried again for up to {seconds} s ({})", Patience::VARIABLE);
        }
    }
}

/// Logs a request without its query and headers, which may hold keys.
fn log(ask: &Ask, answer: Option<&Response>, took: Duration) {
    let (method, host, path) = (&ask.method, ask.url.host_str().unwrap_or_default(), ask.url.path());
    let port = ask.url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let ended = answer.map_or_else(|| "failed".to_owned(), |answer| answer.status().to_string());
    trace!("{method} {}://{host}{port}{path}: {ended} in {took:.1?}", ask.url.scheme());
}

/// Returns the error that a server did not answer in time.
pub(super) fn silent(act: &Act, time: Duration) -> Miss {
    let why = format!("the registry did not answer within {} s", time.as_secs().max(1));
    Miss::Again(RegistryError::Broken { act: act.clone(), why }, None)
}

/// Returns the error that a connection broke.
pub(super) fn broken(act: &Act, why: &str) -> RegistryError {
    RegistryError::Broken { act: act.clone(), why: format!("the connection failed: {}", shown(why)) }
}

/// Returns a builder of the client for a URL: it follows no redirect and sends no referrer, and hosts on this machine are not
/// reached through a proxy.
pub(crate) fn client_builder(url: &Url, connect: Duration) -> ClientBuilder {
    // Fails if there is one already, which serves as well.
    rustls::crypto::ring::default_provider().install_default().ok();
    let builder = Client::builder()
        .redirect(Policy::none())
        .referer(false)
        .connect_timeout(connect)
        .user_agent(concat!("mirrorkeep/", env!("CARGO_PKG_VERSION")));
    if is_here(url) { builder.no_proxy() } else { builder }
}

fn is_here(url: &Url) -> bool {
    is_loopback(url.host_str().unwrap_or_default())
}

/// Returns the message of the innermost cause of an error: the outer ones name URLs.
pub(crate) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    match last.downcast_ref::<reqwest::Error>() {
        Some(error) => {
            if error.is_timeout() {
                "it took too long".to_owned()
            } else {
                "it ended".to_owned()
            }
        }
        None => last.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_registry_says_is_one_short_line() {
        let body = br#"{"errors":[{"code":"DENIED","message":"no\u001b[2K"},{"code":"X"}]}"#;
        assert_eq!(said(StatusCode::FORBIDDEN, body), "403 Forbidden: DENIED no\\u{1b}[2K; X");
        assert_eq!(said(StatusCode::NOT_FOUND, b"<html>"), "404 Not Found");
        assert_eq!(said(StatusCode::NOT_FOUND, b""), "404 Not Found");
        assert!(said(StatusCode::BAD_GATEWAY, &[b'a'; 9000]).len() < 350);
    }
}
