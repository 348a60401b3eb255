//! How a request is sent: with a time limit, and retried after any failure.
//!
//! The crate `object_store` retries a request only if that is known to be harmless, and limits a request of any size
//! to half a minute. Here every request is harmless to repeat: a conditional write that fails because it came too
//! late is compared with the object, which may be its own (`place`). So a lost answer is requested again like one
//! that never came. A request may take as long as a slow line needs for its bytes and some time more; reading may
//! take forever as long as something arrives. All attempts together end after [`RetryBudget`], and each is reported.
//!
//! A server that has never answered this process is not waited for: more often its address is wrong than that it is
//! restarting right now. Nor is the metadata service of a cloud machine that provides credentials: it answers at
//! once, or does not exist.

use super::fault::{NO_CREDENTIALS, Unasked};
use crate::model::{Patience, RETRIES};
use crate::store::{Result, StoreError, StoreErrorKind};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
    ReqwestConnector,
};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};
use std::error::Error;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tracing::{trace, warn};

/// The number of requests to a server that never answered.
const FIRST_TRIES: u32 = 3;

/// The time limit of the metadata service of a cloud machine.
const CREDENTIALS: Duration = Duration::from_secs(1);

/// The time between two reports of retries, which may concern several requests.
const BETWEEN_REPORTS: Duration = Duration::from_secs(1);

/// The slowest line that is waited for, in bytes per second.
const SLOWEST: u64 = 128 << 10;

/// The minimum rate at which a request that lists keys to remove is processed, in bytes per second: a key takes some
/// sixty bytes, and a server that keeps three copies may remove one after the other.
const SLOWEST_REMOVAL: u64 = 2 << 10;

/// How long a request is retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RetryBudget(Patience);

/// Connects as the crate does, with mirrorkeep's limits.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    patience: Patience,
    contact: Arc<Contact>,
    last: Arc<Mutex<Option<HttpClient>>>,
}

/// The state of a server, shared by all requests to it.
#[derive(Debug, Default)]
struct Contact {
    answered: AtomicBool,
    /// How often it was not reached before it first answered.
    unreached: AtomicU32,
    reported: Mutex<Option<Instant>>,
}

/// Sends requests.
#[derive(Debug)]
struct TimeoutClient {
    /// Waits for each piece of an answer.
    reading: HttpClient,
    /// Waits for nothing by itself.
    writing: HttpClient,
    silence: Duration,
    patience: Patience,
    contact: Arc<Contact>,
}

impl RetryBudget {
    /// Reads it from the environment.
    pub(super) fn from_env() -> Result<Self> {
        let variable = std::env::var(Patience::VARIABLE).ok();
        let wrong =
            |error| StoreError::of_kind(StoreErrorKind::Unsupported, "use", Patience::VARIABLE, error);
        Patience::given(variable.as_deref()).map(Self).map_err(wrong)
    }

    /// Returns how the crate retries: soon at first, then with growing pauses.
    pub(super) fn retries(self) -> RetryConfig {
        let backoff = BackoffConfig {
            init_backoff: Duration::from_millis(200),
            max_backoff: Duration::from_secs(10),
            base: 2.0,
        };
        RetryConfig { backoff, max_retries: 20, retry_timeout: self.0.all_tries() }
    }

    /// Returns the client that sends the requests: a server that is silent for a quarter of the time is asked again.
    pub(super) fn wire(self) -> Connector {
        Connector { patience: self.0, contact: Arc::default(), last: Arc::default() }
    }
}

impl Connector {
    /// Returns the last client: the crate connects for its own requests after those for credentials.
    pub(super) fn connected(&self) -> Option<HttpClient> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        // Fails if there is one already, which serves as well.
        rustls::crypto::ring::default_provider().install_default().ok();
        let (patience, silence) = (self.patience, self.patience.silence());
        let options = options.clone().with_timeout_disabled();
        let connect = |options: &ClientOptions| ReqwestConnector::default().connect(options);
        let reading = connect(&options.clone().with_read_timeout(silence))?;
        let client = HttpClient::new(TimeoutClient {
            reading,
            writing: connect(&options)?,
            silence,
            patience,
            contact: Arc::clone(&self.contact),
        });
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(client.clone());
        Ok(client)
    }
}

#[async_trait::async_trait]
impl HttpService for TimeoutClient {
    async fn call(&self, request: HttpRequest) -> std::result::Result<HttpResponse, HttpError> {
        let (shown, started) = (shown(&request), Instant::now());
        let answer = if asks_for_credentials(&request) {
            self.ask_for_credentials(request).await
        } else {
            self.contact.judge(self.send(request).await, &shown, self.patience)
        };
        let took = started.elapsed();
        match &answer {
            Ok(answer) => trace!("{shown}: {} in {took:.1?}", answer.status()),
            Err(error) => trace!("{shown}: failed ({:?}) in {took:.1?}", error.kind()),
        }
        answer
    }
}

impl TimeoutClient {
    /// Requests credentials from the metadata service of a cloud machine, once.
    async fn ask_for_credentials(
        &self,
        request: HttpRequest,
    ) -> std::result::Result<HttpResponse, HttpError> {
        let answered = async { whole(self.writing.execute(request).await?).await };
        match tokio::time::timeout(CREDENTIALS, answered).await {
            // An older service first answers 403, which the crate handles.
            Ok(Ok(answer)) if answer.status().is_success() || answer.status() == 403 => Ok(answer),
            _ => Err(HttpError::new(HttpErrorKind::Unknown, no_credentials())),
        }
    }

    async fn send(&self, request: HttpRequest) -> std::result::Result<HttpResponse, HttpError> {
        let query = request.uri().query().unwrap_or_default();
        let lists = query.contains("list-type=") || query.contains("comp=list");
        if matches!(request.method().as_str(), "GET" | "HEAD") && !lists {
            let answer = self.reading.execute(request).await.map_err(again)?;
            // A requested body arrives piece by piece; the reason of a refusal, at once.
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
                    format!("the server did not answer within {} s", cap.as_secs()),
                );
                Err(HttpError::new(HttpErrorKind::Request, why))
            }
        }
    }
}

impl Contact {
    /// Passes an answer on; reports one after which the crate retries, and makes the last of a server final that was
    /// never reached.
    fn judge(
        &self,
        answer: std::result::Result<HttpResponse, HttpError>,
        shown: &str,
        patience: Patience,
    ) -> std::result::Result<HttpResponse, HttpError> {
        let why = match &answer {
            Ok(found) => {
                self.answered.store(true, Ordering::Relaxed);
                let status = found.status();
                (status.is_server_error() || status == 429 || status == 408).then(|| status.to_string())
            }
            Err(error)
                if error.kind() == HttpErrorKind::Connect && !self.answered.load(Ordering::Relaxed) =>
            {
                let why = innermost(error);
                if self.unreached.fetch_add(1, Ordering::Relaxed) + 1 >= FIRST_TRIES {
                    return Err(HttpError::new(HttpErrorKind::Unknown, unreached(shown, &why)));
                }
                Some(why)
            }
            Err(error) => matches!(error.kind(), HttpErrorKind::Connect | HttpErrorKind::Request)
                .then(|| innermost(error)),
        };
        if let Some(why) = why {
            self.report(shown, &why, patience);
        }
        answer
    }

    /// Reports a retry.
    fn report(&self, shown: &str, why: &str, patience: Patience) {
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        if reported.is_none_or(|last| last.elapsed() >= BETWEEN_REPORTS) {
            *reported = Some(Instant::now());
            let seconds = patience.all_tries().as_secs();
            warn!(target: RETRIES, "{shown} failed ({why}); it is tried again for up to {seconds} s ({})", Patience::VARIABLE);
        }
    }
}

/// Returns the error that nothing provides credentials.
fn no_credentials() -> Unasked {
    Unasked {
        kind: StoreErrorKind::Denied,
        why: "there are no credentials, neither in the environment nor from the services of a cloud machine"
            .to_owned(),
        hint: NO_CREDENTIALS.to_owned(),
    }
}

/// Returns the error that a server that never answered cannot be reached.
fn unreached(shown: &str, why: &str) -> Unasked {
    let server = shown.split_once("://").map_or(shown, |(_, rest)| rest.split('/').next().unwrap_or(rest));
    Unasked {
        kind: StoreErrorKind::Unreachable,
        why: format!("the server `{server}` cannot be reached: {why}"),
        hint:
            "for another server than AWS, check AWS_ENDPOINT_URL (Azure: AZURE_ENDPOINT), and whether it runs"
                .to_owned(),
    }
}

/// Returns the message of the innermost cause of an error.
fn innermost(error: &HttpError) -> String {
    let mut last: &dyn Error = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string()
}

/// Returns whether a request asks the metadata service of a cloud machine for credentials.
fn asks_for_credentials(request: &HttpRequest) -> bool {
    let (host, path) = (request.uri().host().unwrap_or_default(), request.uri().path());
    ["169.254.169.254", "169.254.170.2", "[fd00:ec2::254]", "metadata.google.internal", "metadata"]
        .contains(&host)
        || path.starts_with("/latest/api/token")
        || path.starts_with("/latest/meta-data/iam/")
}

/// Returns a request as the log shows it: without its query and headers, which sign it, and without the path at a
/// link-local address, since that may name credentials.
fn shown(request: &HttpRequest) -> String {
    let uri = request.uri();
    let host = uri.host().unwrap_or_default();
    let path =
        if host.starts_with("169.254.") || host.starts_with("[fd00:ec2:") { "/…" } else { uri.path() };
    let port = uri.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{} {}://{host}{port}{path}", request.method(), uri.scheme_str().unwrap_or_default())
}

/// Returns how long the server may take in addition to its usual time.
fn work(request: &HttpRequest) -> Duration {
    let bytes = u64::try_from(request.body().content_length()).unwrap_or(u64::MAX);
    let removes = request.uri().query().is_some_and(|query| query.starts_with("delete"));
    Duration::from_secs(bytes / if removes { SLOWEST_REMOVAL } else { SLOWEST })
}

/// Reads an answer completely: one that breaks off is treated like one that never came.
async fn whole(answer: HttpResponse) -> std::result::Result<HttpResponse, HttpError> {
    let (parts, body) = answer.into_parts();
    Ok(HttpResponse::from_parts(parts, body.bytes().await?.into()))
}

/// Makes the crate send the request again, unless the server could not even be reached, which the crate handles by
/// itself.
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
        assert_eq!(shown_as("https://u:p@h:1/b/k%0A?sig=SECRET"), "GET https://h:1/b/k%0A");
        assert_eq!(shown_as("http://169.254.170.2/v2/credentials/SECRET"), "GET http://169.254.170.2/…");
    }
}
