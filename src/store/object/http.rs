//! How a request is sent: capped in time, and tried again whatever became of it.
//!
//! The crate `object_store` tries a request again only when that is known to do no harm, and gives a request of any
//! size half a minute. Here every request is harmless to repeat: whoever writes under a condition and is told that
//! it came too late looks whether it was its own write (`place`). So an answer that was lost is asked for again like
//! one that never came. A request may take as long as a slow line needs for its bytes and a while more; reading may
//! take for ever as long as something arrives. All tries together end after [`RetryBudget`].

use crate::store::{Result, StoreError, StoreErrorKind};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
    ReqwestConnector,
};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tracing::trace;

/// Names the environment variable that says for how long requests are tried again, in seconds.
const VARIABLE: &str = "MIRRORKEEP_PATIENCE";

/// For how long requests are tried again when nothing else is said: longer than a server takes to start again.
const PATIENCE: Duration = Duration::from_mins(1);

/// The slowest line that is waited for, in bytes a second.
const SLOWEST: u64 = 128 << 10;

/// How many bytes a second of a request that names what is to be removed are dealt with at the least: a key takes some
/// sixty of them, and a server that keeps three copies may remove one after the other.
const SLOWEST_REMOVAL: u64 = 2 << 10;

/// For how long a request is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RetryBudget(Duration);

/// Connects as the crate does, with our caps.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    silence: Duration,
    last: Arc<Mutex<Option<HttpClient>>>,
}

/// Sends requests.
#[derive(Debug)]
struct TimeoutClient {
    /// Waits for each piece of an answer.
    reading: HttpClient,
    /// Waits for nothing by itself.
    writing: HttpClient,
    silence: Duration,
}

impl RetryBudget {
    /// Reads it from the environment.
    pub(super) fn from_env() -> Result<Self> {
        match std::env::var(VARIABLE) {
            Ok(text) => Self::read(&text),
            Err(_) => Ok(Self(PATIENCE)),
        }
    }

    fn read(text: &str) -> Result<Self> {
        match text.parse::<u16>() {
            Ok(seconds @ 1..=600) => Ok(Self(Duration::from_secs(seconds.into()))),
            _ => {
                let why = format!("`{text}` is no whole number of seconds from 1 to 600");
                Err(StoreError::because(StoreErrorKind::Unsupported, "use", VARIABLE, &why))
            }
        }
    }

    /// Returns how the crate is to try again: soon at first, then ever later.
    pub(super) fn retries(self) -> RetryConfig {
        let backoff = BackoffConfig {
            init_backoff: Duration::from_millis(200),
            max_backoff: Duration::from_secs(10),
            base: 2.0,
        };
        RetryConfig { backoff, max_retries: 20, retry_timeout: self.0 }
    }

    /// Returns what sends the requests: a server that is silent for a quarter of the time is asked again.
    pub(super) fn wire(self) -> Connector {
        Connector { silence: self.0 / 4, last: Arc::default() }
    }
}

impl Connector {
    /// Returns what was connected last: the crate asks for its own requests after those for credentials.
    pub(super) fn connected(&self) -> Option<HttpClient> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        // Fails when there is one already, which serves as well.
        rustls::crypto::ring::default_provider().install_default().ok();
        let silence = self.silence;
        let options = options.clone().with_timeout_disabled();
        let connect = |options: &ClientOptions| ReqwestConnector::default().connect(options);
        let reading = connect(&options.clone().with_read_timeout(silence))?;
        let client = HttpClient::new(TimeoutClient { reading, writing: connect(&options)?, silence });
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(client.clone());
        Ok(client)
    }
}

#[async_trait::async_trait]
impl HttpService for TimeoutClient {
    async fn call(&self, request: HttpRequest) -> std::result::Result<HttpResponse, HttpError> {
        if !tracing::enabled!(tracing::Level::TRACE) {
            return self.send(request).await;
        }
        let (shown, started) = (shown(&request), std::time::Instant::now());
        let answer = self.send(request).await;
        let took = started.elapsed();
        match &answer {
            Ok(answer) => trace!("{shown}: {} in {took:.1?}", answer.status()),
            Err(error) => trace!("{shown}: failed ({:?}) in {took:.1?}", error.kind()),
        }
        answer
    }
}

impl TimeoutClient {
    async fn send(&self, request: HttpRequest) -> std::result::Result<HttpResponse, HttpError> {
        let query = request.uri().query().unwrap_or_default();
        let lists = query.contains("list-type=") || query.contains("comp=list");
        if matches!(request.method().as_str(), "GET" | "HEAD") && !lists {
            let answer = self.reading.execute(request).await.map_err(again)?;
            // What is wanted arrives piece by piece; why it is refused, at once.
            return if answer.status().is_success() {
                Ok(answer)
            } else {
                whole(answer).await.map_err(again)
            };
        }
        let cap = self.silence + work(&request);
        let answered = async { whole(self.writing.execute(request).await?).await };
        match tokio::time::timeout(cap, answered).await {
            Ok(answer) => answer.map_err(again),
            Err(_) => {
                let why = io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!("the server was silent for {} s", cap.as_secs()),
                );
                Err(HttpError::new(HttpErrorKind::Request, why))
            }
        }
    }
}

/// Returns a request as the log shows it: without its query and headers, which sign it, and without the path at an
/// address that only this machine reaches, since that may name credentials.
fn shown(request: &HttpRequest) -> String {
    let uri = request.uri();
    let host = uri.host().unwrap_or_default();
    let path =
        if host.starts_with("169.254.") || host.starts_with("[fd00:ec2:") { "/…" } else { uri.path() };
    format!("{} {}://{host}{path}", request.method(), uri.scheme_str().unwrap_or_default())
}

/// Returns how long the server may take over a request beyond thinking about it.
fn work(request: &HttpRequest) -> Duration {
    let bytes = u64::try_from(request.body().content_length()).unwrap_or(u64::MAX);
    let removes = request.uri().query().is_some_and(|query| query.starts_with("delete"));
    Duration::from_secs(bytes / if removes { SLOWEST_REMOVAL } else { SLOWEST })
}

/// Reads an answer to its end: one that breaks off is one that never came.
async fn whole(answer: HttpResponse) -> std::result::Result<HttpResponse, HttpError> {
    let (parts, body) = answer.into_parts();
    Ok(HttpResponse::from_parts(parts, body.bytes().await?.into()))
}

/// Has the crate send the request again, unless the server could not even be reached, which it does by itself.
fn again(error: HttpError) -> HttpError {
    match error.kind() {
        HttpErrorKind::Connect => error,
        _ => HttpError::new(HttpErrorKind::Request, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_may_take_as_long_as_its_bytes_or_its_keys_need() {
        let may_take = |url: &str, bytes: usize| {
            let mut request = HttpRequest::new(vec![0; bytes].into());
            *request.uri_mut() = url.parse().unwrap();
            work(&request).as_secs()
        };
        assert_eq!(may_take("http://s/test/a?partNumber=1&uploadId=delete", 16 << 20), 128);
        assert_eq!(may_take("http://s/test?delete", 60_000), 29);
        assert_eq!(may_take("http://s/test?delete", 600), 0);
    }

    #[test]
    fn the_log_shows_no_query_and_no_path_of_credentials() {
        let shown_as = |url: &str| {
            let mut request = HttpRequest::new(Vec::new().into());
            *request.uri_mut() = url.parse().unwrap();
            shown(&request)
        };
        assert_eq!(shown_as("https://u:p@h:1/b/k%0A?sig=SECRET"), "GET https://h/b/k%0A");
        assert_eq!(shown_as("http://169.254.170.2/v2/credentials/SECRET"), "GET http://169.254.170.2/…");
    }

    #[test]
    fn patience_is_a_number_of_seconds() {
        assert_eq!(RetryBudget::read("5").unwrap(), RetryBudget(Duration::from_secs(5)));
        for text in ["", "0", "1m", "601", "-1"] {
            let error = RetryBudget::read(text).unwrap_err();
            let why = std::error::Error::source(&error).unwrap().to_string();
            assert!(error.to_string().contains(VARIABLE) && why.contains("from 1 to 600"), "{error}: {why}");
        }
    }
}
