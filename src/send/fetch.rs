//! Files of another mirror over HTTP: many at once, each limited in time, and tried again where that may help.
//!
//! Calls block, and may come from many threads. What a server sends is not trusted: a body is read piece by piece by a caller that
//! knows its size, silence and crawling end it, and errors are one printable line.

use super::answer::said;
use super::network::Network;
use super::redirect;
use crate::model::{Patience, RETRIES, RelPath, retry_after, url_path};
use crate::progress::CancelToken;
use crate::registry::{client_builder, innermost};
use bytes::Bytes;
use chrono::Utc;
use reqwest::header::{CONTENT_LENGTH, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode};
use std::fmt;
use std::future::Future;
use std::io::{self, ErrorKind, Read};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};
use tracing::warn;
use url::Url;

/// How often the wish to stop is looked at.
const TICK: Duration = Duration::from_millis(100);

/// The pause before the second attempt, and the longest between later ones.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

/// The number of attempts to reach a server that never answered.
const FIRST_TRIES: u32 = 3;

/// The slowest body that is read for longer than the limit of time, in bytes a second.
const SLOWEST: u64 = 1024;

/// Reads files below one address.
pub struct Fetcher(Arc<Inner>);

struct Inner {
    client: Client,
    network: Network,
    base: Url,
    patience: Patience,
    stop: CancelToken,
    answered: AtomicBool,
}

/// A body while it is read.
pub struct Body {
    from: Arc<Inner>,
    response: Response,
    left: Bytes,
    started: Instant,
    read: u64,
}

/// Why an attempt failed.
enum Miss {
    Final(io::Error),
    Again(String, Option<Duration>),
}

impl Fetcher {
    /// Returns what reads below an address with the time limit of the environment.
    pub fn new(base: &Url, patience: Patience, stop: CancelToken) -> Result<Self, String> {
        let builder = client_builder(base, patience.silence()).redirect(redirect::policy());
        let client = builder.build().map_err(|error| innermost(&error))?;
        let network = Network::shared(2).map_err(|error| error.to_string())?;
        let base = base.clone();
        Ok(Self(Arc::new(Inner { client, network, base, patience, stop, answered: AtomicBool::new(false) })))
    }

    /// Returns the address of a file.
    pub fn address(&self, at: &RelPath) -> Url {
        self.0.address(at)
    }

    /// Returns a whole file of at most that many bytes; the kind of the error is `NotFound` where there is none.
    pub fn read(&self, at: &RelPath, most: u64) -> io::Result<Vec<u8>> {
        let mut body = self.open(at)?;
        if body.length().is_some_and(|length| length > most) {
            return Err(io::Error::other(format!("it has more than {most} bytes")));
        }
        let mut bytes = Vec::new();
        (&mut body).take(most.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > most {
            return Err(io::Error::other(format!("it has more than {most} bytes")));
        }
        Ok(bytes)
    }

    /// Opens a file for reading from its start.
    pub fn open(&self, at: &RelPath) -> io::Result<Body> {
        let url = self.address(at);
        let (started, mut pause, mut tries) = (Instant::now(), PAUSES.0, 0);
        loop {
            let (why, wait) = match self.0.run(self.0.asked(&url))? {
                Ok(response) => {
                    let from = Arc::clone(&self.0);
                    let (left, started) = (Bytes::new(), Instant::now());
                    return Ok(Body { from, response, left, started, read: 0 });
                }
                Err(Miss::Final(error)) => return Err(error),
                Err(Miss::Again(why, wait)) => (why, wait),
            };
            tries += 1;
            let limit = self.0.patience.all_tries();
            let left = limit.saturating_sub(started.elapsed());
            if left.is_zero() || tries >= FIRST_TRIES && !self.0.answered.load(Ordering::Relaxed) {
                return Err(io::Error::other(why));
            }
            if tries == 1 {
                let (seconds, variable) = (limit.as_secs(), Patience::VARIABLE);
                warn!(target: RETRIES, "`{url}`: {why}; it is tried again for up to {seconds} s ({variable})");
            }
            let wait = wait.unwrap_or(pause).min(left);
            // Made within the runtime, which has the clock.
            self.0.run(self.0.patient(async { sleep(wait).await }, wait + TICK))??;
            pause = (pause * 2).min(PAUSES.1);
        }
    }
}

impl Inner {
    fn address(&self, at: &RelPath) -> Url {
        let mut url = self.base.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}{}", url_path(at)));
        url
    }

    fn run<F: Future>(&self, request: F) -> io::Result<F::Output> {
        self.network.run(request).ok_or_else(interrupted)
    }

    /// Waits for something, but not longer than that, and not after the wish to stop.
    async fn patient<T>(&self, what: impl Future<Output = T>, most: Duration) -> io::Result<T> {
        let (mut what, until) = (pin!(what), Instant::now() + most);
        loop {
            if self.stop.check().is_err() {
                return Err(interrupted());
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let seconds = most.as_secs().max(1);
                return Err(io::Error::new(
                    ErrorKind::TimedOut,
                    format!("the server did not answer within {seconds} s"),
                ));
            }
            if let Ok(done) = timeout(left.min(TICK), &mut what).await {
                return Ok(done);
            }
        }
    }

    async fn asked(&self, url: &Url) -> Result<Response, Miss> {
        let answer = self.patient(self.client.get(url.clone()).send(), self.patience.silence()).await;
        let answer = answer.map_err(|error| match error.kind() {
            ErrorKind::TimedOut => Miss::Again(error.to_string(), None),
            _ => Miss::Final(error),
        })?;
        let response = answer.map_err(|error| {
            let why = said(&innermost(&error));
            if error.is_builder() || error.is_redirect() {
                Miss::Final(io::Error::other(why))
            } else {
                Miss::Again(why, None)
            }
        })?;
        self.answered.store(true, Ordering::Relaxed);
        if let Some(why) = redirect::unfollowed(&response) {
            return Err(Miss::Final(io::Error::other(why)));
        }
        let status = response.status();
        match status {
            StatusCode::OK => Ok(response),
            StatusCode::NOT_FOUND | StatusCode::GONE => {
                Err(Miss::Final(io::Error::new(ErrorKind::NotFound, format!("the server answers {status}"))))
            }
            _ => {
                let why = format!("the server answers {status}");
                let again = matches!(status.as_u16(), 408 | 425 | 429) || status.is_server_error();
                let wait = response.headers().get(RETRY_AFTER);
                let wait = wait.and_then(|value| retry_after(value.to_str().ok()?, Utc::now()));
                Err(if again { Miss::Again(why, wait) } else { Miss::Final(io::Error::other(why)) })
            }
        }
    }
}

/// Of another kind than `Interrupted`, after which readers try again.
fn interrupted() -> io::Error {
    io::Error::other("interrupted")
}

impl Body {
    /// Returns the size that the server states.
    pub fn length(&self) -> Option<u64> {
        self.response.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.left.is_empty() {
            let (from, response) = (&self.from, &mut self.response);
            let silence = from.patience.silence();
            let chunk = from.run(from.patient(response.chunk(), silence))??;
            let chunk = chunk.map_err(|error| {
                io::Error::other(format!("the connection failed: {}", said(&innermost(&error))))
            })?;
            let Some(chunk) = chunk else { return Ok(0) };
            self.read += chunk.len() as u64;
            self.left = chunk;
            let elapsed = self.started.elapsed();
            if elapsed > self.from.patience.all_tries() && self.read / elapsed.as_secs().max(1) < SLOWEST {
                return Err(io::Error::other(format!("the server sends less than {SLOWEST} bytes a second")));
            }
        }
        let read = self.left.len().min(buffer.len());
        let piece = self.left.split_to(read);
        if let Some(to) = buffer.get_mut(..read) {
            to.copy_from_slice(&piece);
        }
        Ok(read)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("read", &self.read).finish_non_exhaustive()
    }
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Fetcher").field(&self.0.base.as_str()).finish()
    }
}
