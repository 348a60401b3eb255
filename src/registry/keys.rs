//! The credentials of a request: those of a user, or a token that the registry's token service issued for them.
//!
//! What a registry requires is learned from its first refusal and remembered. A token is kept for its scope until
//! shortly before its expiry, and one task requests it while the others wait. Credentials are sent to a token service
//! over TLS only, unless it is on this machine like its registry, or is a registry that is already used over plain
//! HTTP.

use super::challenge::Challenge;
use super::credentials::{Credential, Credentials, Secret};
use super::error::{Act, RegistryError};
use super::wire::{Ask, Wire};
use crate::model::registry::{Host, is_loopback};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::lock::Mutex as Waiting;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Method, Url};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The largest answer of a token service, in bytes.
const LARGEST: u64 = 1 << 20;

/// The default validity of a token, and how long before its expiry it is not used any more.
const TERM: (Duration, Duration) = (Duration::from_mins(1), Duration::from_secs(10));

/// The maximum time that a token is kept.
const LONGEST: Duration = Duration::from_hours(1);

/// The claim of a request: a registry, a repository, and the scopes that it needs.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    pub(super) host: Host,
    /// The repository, which selects the credentials; empty for the registry itself.
    pub(super) repository: String,
    pub(super) scopes: Vec<String>,
}

/// The credentials for every registry.
#[derive(Debug)]
pub(super) struct Keys {
    credentials: Credentials,
    known: Mutex<BTreeMap<Host, Arc<Waiting<Known>>>>,
}

/// The state of a registry.
#[derive(Debug, Default)]
struct Known {
    wants: Option<Challenge>,
    /// The header for each claim, with its expiry.
    keys: BTreeMap<(String, Vec<String>), (HeaderValue, Option<Instant>)>,
}

#[derive(Deserialize)]
struct Given {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

impl Claim {
    fn of(&self) -> (String, Vec<String>) {
        (self.repository.clone(), self.scopes.clone())
    }
}

impl Keys {
    pub(super) fn new(credentials: Credentials) -> Self {
        Self { credentials, known: Mutex::default() }
    }

    fn of(&self, host: &Host) -> Arc<Waiting<Known>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(host.clone()).or_default())
    }

    /// Returns the header for a claim as far as the registry is known; nothing before it refused a request.
    pub(super) async fn known(
        &self,
        wire: &Wire,
        claim: &Claim,
        act: &Act,
    ) -> Result<Option<HeaderValue>, RegistryError> {
        let host = self.of(&claim.host);
        let mut known = host.lock().await;
        let Some(wants) = known.wants.clone() else { return Ok(None) };
        let valid = |end: &Option<Instant>| end.is_none_or(|end| end > Instant::now());
        match known.keys.get(&claim.of()) {
            Some((key, end)) if valid(end) => Ok(Some(key.clone())),
            _ => self.fetch(wire, &mut known, claim, &wants, act).await,
        }
    }

    /// Returns another header for a claim that was refused; nothing if there is no other.
    pub(super) async fn refused(
        &self,
        wire: &Wire,
        claim: &Claim,
        sent: Option<&HeaderValue>,
        headers: &HeaderMap,
        act: &Act,
    ) -> Result<Option<HeaderValue>, RegistryError> {
        let values = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        let Some(wants) = Challenge::read(values) else { return Ok(None) };
        let host = self.of(&claim.host);
        let mut known = host.lock().await;
        // Another task may have got one since this request was sent.
        let newer = known.keys.get(&claim.of()).map(|(key, _)| key.clone());
        if let Some(newer) = newer.filter(|newer| sent != Some(newer)) {
            return Ok(Some(newer));
        }
        known.keys.remove(&claim.of());
        let found = self.fetch(wire, &mut known, claim, &wants, act).await?;
        // The scope of this refusal is not that of the next request.
        known.wants = Some(match wants {
            Challenge::Bearer { realm, service, .. } => Challenge::Bearer { realm, service, scope: None },
            Challenge::Basic => Challenge::Basic,
        });
        Ok(found.filter(|found| sent != Some(found)))
    }

    /// Requests credentials and keeps them.
    async fn fetch(
        &self,
        wire: &Wire,
        known: &mut Known,
        claim: &Claim,
        wants: &Challenge,
        act: &Act,
    ) -> Result<Option<HeaderValue>, RegistryError> {
        let credential = self.credential(wire, claim).await?;
        let (key, end) = match (wants, credential) {
            (_, Some(Credential::Token(token))) => (secret(&format!("Bearer {}", token.0)), None),
            (Challenge::Basic, Some(Credential::Login(user, password))) => (basic(&user, &password), None),
            (Challenge::Basic, _) => return Ok(None),
            (Challenge::Bearer { realm, service, scope }, credential) => {
                let scopes =
                    claim.scopes.iter().chain(scope.iter().filter(|scope| !claim.scopes.contains(scope)));
                let scopes: Vec<&str> = scopes.map(String::as_str).collect();
                let realm = realm_of(&claim.host, realm, act)?;
                let request = request(act, &realm, service.as_deref(), &scopes, credential.as_ref());
                let (key, term) = token(wire, request, act).await?;
                let term = term.min(LONGEST).saturating_sub(TERM.1);
                (key, Some(Instant::now() + term))
            }
        };
        let key =
            key.ok_or_else(|| act.unsound("the credentials for the registry cannot be sent in a header"))?;
        known.keys.insert(claim.of(), (key.clone(), end));
        Ok(Some(key))
    }

    /// Looks up credentials, which may run a program, on a thread that may block.
    async fn credential(&self, wire: &Wire, claim: &Claim) -> Result<Option<Credential>, RegistryError> {
        let (credentials, claim, stop) = (self.credentials.clone(), claim.clone(), wire.stop().clone());
        let looked = move || credentials.of(&claim.host, &claim.repository, &stop);
        let looked = tokio::task::spawn_blocking(looked).await;
        looked.map_err(|error| RegistryError::Start(std::io::Error::other(error)))?
    }
}

/// Returns the address of a token service if credentials may be sent there.
fn realm_of(host: &Host, realm: &str, act: &Act) -> Result<Url, RegistryError> {
    let refused =
        |why| RegistryError::Realm { act: act.clone(), realm: crate::model::shown(realm).into_owned(), why };
    let url = Url::parse(realm).map_err(|_| refused("not a URL"))?;
    let there = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let itself = host.is_plain() && format!("{there}{port}") == host.name();
    match url.scheme() {
        "https" => Ok(url),
        "http" if itself || host.is_loopback() && is_loopback(there) => Ok(url),
        "http" => Err(refused("not encrypted")),
        _ => Err(refused("not a web address")),
    }
}

/// Returns the request for a token.
fn request(
    act: &Act,
    realm: &Url,
    service: Option<&str>,
    scopes: &[&str],
    credential: Option<&Credential>,
) -> Ask {
    let service = service.map(|service| ("service", service));
    let ask = |method, url| Ask { limit: LARGEST, ..Ask::new(act.clone(), method, url) };
    if let Some(Credential::Identity(Secret(token))) = credential {
        let scopes = scopes.join(" ");
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(service).append_pair("client_id", "mirrorkeep");
        form.append_pair("grant_type", "refresh_token").append_pair("refresh_token", token);
        form.append_pair("scope", &scopes);
        let ask = ask(Method::POST, realm.clone())
            .with(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        return Ask { body: form.finish().into(), ..ask };
    }
    let mut url = realm.clone();
    url.query_pairs_mut().extend_pairs(service).extend_pairs(scopes.iter().map(|scope| ("scope", *scope)));
    let key = match credential {
        Some(Credential::Login(user, password)) => {
            url.query_pairs_mut().append_pair("account", user);
            basic(user, password)
        }
        _ => None,
    };
    ask(Method::GET, url).keyed(key.as_ref())
}

/// Requests a token; returns its header, and its validity.
async fn token(wire: &Wire, ask: Ask, act: &Act) -> Result<(Option<HeaderValue>, Duration), RegistryError> {
    let answer = wire.whole(&ask).await?;
    if !answer.status.is_success() {
        return Err(match answer.status.as_u16() {
            400 | 401 | 403 => {
                let said = format!("its token service answered {}", answer.said());
                RegistryError::Denied { act: act.clone(), said }
            }
            status => {
                let said = format!("{}, by its token service", answer.said());
                RegistryError::Refused { act: act.clone(), status, said }
            }
        });
    }
    let given = serde_json::from_slice(&answer.body).ok();
    let found = given.and_then(|given: Given| {
        let term = given.expires_in.map_or(TERM.0, Duration::from_secs);
        Some((given.token.or(given.access_token).filter(|token| !token.is_empty())?, term))
    });
    let (token, term) =
        found.ok_or_else(|| act.unsound("the token service of the registry answered without a token"))?;
    Ok((secret(&format!("Bearer {token}")), term))
}

/// Returns the header for a user and a password.
fn basic(user: &str, password: &Secret) -> Option<HeaderValue> {
    secret(&format!("Basic {}", STANDARD.encode(format!("{user}:{}", password.0))))
}

/// Returns a value that no log shows.
fn secret(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::registry::Address;

    #[test]
    fn credentials_go_to_a_token_service_over_tls_or_on_this_machine() {
        let act = Act::new("read", "x", "x");
        for (address, realm, fits) in [
            ("q.io/a", "https://auth.q.io/token", true),
            ("q.io/a", "https://elsewhere.org/token", true),
            ("q.io/a", "http://auth.q.io/token", false),
            ("q.io/a", "http://127.0.0.1/token", false),
            ("q.io/a", "ftp://q.io/token", false),
            ("q.io/a", "token", false),
            ("http://q.io:5000/a", "http://q.io:5000/token", true),
            ("http://q.io:5000/a", "http://q.io:5001/token", false),
            ("127.0.0.1:5000/a", "http://localhost:5001/token", true),
            ("127.0.0.1:5000/a", "http://auth.q.io/token", false),
            ("[::1]:5000/a", "http://[::1]:5001/token", true),
        ] {
            let address: Address = address.parse().unwrap();
            let found = realm_of(address.host(), realm, &act);
            assert_eq!(found.is_ok(), fits, "{address} {realm}: {found:?}");
        }
    }

    #[test]
    fn no_debug_shows_a_key() {
        let password = Secret("SECRET".to_owned());
        let key = basic("user", &password).unwrap();
        assert!(!format!("{key:?}").contains("Basic"));
        let act = Act::new("read", "x", "x");
        let realm = Url::parse("https://q.io/token").unwrap();
        let ask = request(
            &act,
            &realm,
            Some("q.io"),
            &["a", "b"],
            Some(&Credential::Login("u".to_owned(), password)),
        );
        assert_eq!(ask.url.as_str(), "https://q.io/token?service=q.io&scope=a&scope=b&account=u");
        assert!(!format!("{:?}", ask.headers).contains(&STANDARD.encode("u:SECRET")));
    }
}
