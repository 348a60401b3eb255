//! The requests of the distribution specification for manifests, with the credentials that they need.

use super::credentials::Credentials;
use super::error::{Act, RegistryError};
use super::keys::{Claim, Keys};
use super::manifest::{ACCEPTED, Descriptor, LARGEST, Manifest, media_type, sha256};
use super::wire::{Answer, Ask, Miss, Wire};
use crate::model::registry::{Host, Image, Reference, Repository};
use crate::model::{Digest, Patience};
use crate::progress::CancelToken;
use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Response, StatusCode, Url};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// The header with the digest of the content.
const DIGEST: &str = "docker-content-digest";

/// Every registry, as far as known.
#[derive(Debug)]
pub(super) struct Api {
    pub(super) wire: Wire,
    keys: Keys,
    /// The hosts that answered as registries do.
    seen: Mutex<BTreeSet<Host>>,
}

/// What a request does to a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Right {
    Pull,
    Push,
    Delete,
}

/// The result of deleting a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// It was deleted.
    Yes,
    /// It did not exist.
    WasGone,
}

/// What can be answered without permission.
pub(super) trait Answered {
    fn status(&self) -> StatusCode;
    fn headers(&self) -> &HeaderMap;
}

impl Answered for Answer {
    fn status(&self) -> StatusCode {
        self.status
    }

    fn headers(&self) -> &HeaderMap {
        &self.headers
    }
}

impl Answered for Response {
    fn status(&self) -> StatusCode {
        Self::status(self)
    }

    fn headers(&self) -> &HeaderMap {
        Self::headers(self)
    }
}

impl Api {
    pub(super) fn new(patience: Patience, credentials: Credentials, stop: CancelToken) -> Self {
        let (wire, keys) = (Wire::new(patience, stop), Keys::new(credentials));
        Self { wire, keys, seen: Mutex::default() }
    }

    /// Returns the URL of something in a repository.
    pub(super) fn url(repository: &Repository, below: &str, act: &Act) -> Result<Url, RegistryError> {
        let text = format!("{}{}/{below}", repository.host().base(), repository.name());
        Url::parse(&text).map_err(|error| act.unsound(format!("`{text}` is not a URL: {error}")))
    }

    /// Returns the claim that a request on a repository needs.
    pub(super) fn claim(repository: &Repository, right: Right) -> Claim {
        let actions = match right {
            Right::Pull => "pull",
            Right::Push => "pull,push",
            Right::Delete => "delete",
        };
        let name = repository.name();
        let scopes = vec![format!("repository:{name}:{actions}")];
        Claim { host: repository.host().clone(), repository: name.to_owned(), scopes }
    }

    /// Sends a request with the credentials that it needs, and returns the whole answer.
    pub(super) async fn send(&self, claim: &Claim, ask: Ask) -> Result<Answer, RegistryError> {
        let act = ask.act.clone();
        self.keyed(claim, &act, async |key| self.wire.whole(&ask.clone().keyed(key.as_ref())).await).await
    }

    /// Sends a request, and again with other credentials if the registry requires them.
    pub(super) async fn keyed<T: Answered, E: From<RegistryError>>(
        &self,
        claim: &Claim,
        act: &Act,
        mut send: impl AsyncFnMut(Option<HeaderValue>) -> Result<T, E>,
    ) -> Result<T, E> {
        let key = self.keys.known(&self.wire, claim, act).await?;
        let answer = send(key.clone()).await?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        match self.keys.refused(&self.wire, claim, key.as_ref(), answer.headers(), act).await? {
            Some(other) => {
                let answer = send(Some(other)).await?;
                if answer.status() != StatusCode::UNAUTHORIZED {
                    self.saw(&claim.host);
                }
                Ok(answer)
            }
            None => Ok(answer),
        }
    }

    /// Records that a host answered as registries do.
    fn saw(&self, host: &Host) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(host.clone());
    }

    /// Returns the credentials for a claim as far as the registry is known.
    pub(super) async fn key(&self, claim: &Claim, act: &Act) -> Result<Option<HeaderValue>, RegistryError> {
        self.keys.known(&self.wire, claim, act).await
    }

    /// Requests other credentials than those that were refused.
    pub(super) async fn renew(
        &self,
        claim: &Claim,
        sent: Option<&HeaderValue>,
        refused: &Answer,
        act: &Act,
    ) -> Result<(), RegistryError> {
        self.keys.refused(&self.wire, claim, sent, &refused.headers, act).await.map(drop)
    }

    /// Checks that a host which answers that something is missing is a registry: a web server has no image either.
    pub(super) async fn is_registry(
        &self,
        host: &Host,
        act: &Act,
        missing: &Answer,
    ) -> Result<(), RegistryError> {
        let is_json = serde_json::from_slice::<serde_json::Value>(&missing.body)
            .is_ok_and(|body| body.get("errors").is_some_and(serde_json::Value::is_array));
        if is_json || self.seen.lock().unwrap_or_else(PoisonError::into_inner).contains(host) {
            return Ok(());
        }
        self.ping(host, act).await
    }

    /// Checks whether a registry answers and accepts the credentials for it.
    pub(super) async fn ping(&self, host: &Host, act: &Act) -> Result<(), RegistryError> {
        let url = Url::parse(&host.base()).map_err(|error| act.unsound(error.to_string()))?;
        let claim = Claim { host: host.clone(), repository: String::new(), scopes: Vec::new() };
        let ask = Ask { limit: 1 << 20, ..Ask::new(act.clone(), Method::GET, url) };
        let answer = self.send(&claim, ask).await?;
        if answer.status.is_success() {
            self.saw(host);
            return Ok(());
        }
        match answer.refused(act) {
            RegistryError::Refused { act, said, .. } => Err(RegistryError::NotARegistry { act, said }),
            denied => Err(denied),
        }
    }

    /// Returns the descriptor of an image's manifest; nothing if there is no such image.
    pub(super) async fn look(&self, image: &Image) -> Result<Option<Descriptor>, RegistryError> {
        let act = Act::new("look up", image, image.repository.host().name());
        let answer = self.ask_manifest(image, Method::HEAD, &act).await?;
        if answer.status == StatusCode::NOT_FOUND {
            self.is_registry(image.repository.host(), &act, &answer).await?;
            return Ok(None);
        }
        let header = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok());
        let digest = header(DIGEST).and_then(sha256);
        let size = header(CONTENT_LENGTH.as_str()).and_then(|size| size.parse().ok());
        if let (true, Some(digest), Some(size)) = (answer.status.is_success(), digest, size) {
            self.saw(image.repository.host());
            is_asked_for(image, digest, &act)?;
            let media_type = media_type(header(CONTENT_TYPE.as_str()).unwrap_or_default());
            return Ok(Some(Descriptor { digest, media_type, size }));
        }
        // It names no digest, or does not answer HEAD and therefore does not state why.
        Ok(self.find(image, &act).await?.map(|manifest| manifest.descriptor()))
    }

    /// Returns the manifest of an image.
    pub(super) async fn manifest(&self, image: &Image) -> Result<Manifest, RegistryError> {
        let act = Act::new("read", image, image.repository.host().name());
        self.find(image, &act).await?.ok_or(RegistryError::Missing(act))
    }

    async fn find(&self, image: &Image, act: &Act) -> Result<Option<Manifest>, RegistryError> {
        let answer = self.ask_manifest(image, Method::GET, act).await?;
        if answer.status == StatusCode::NOT_FOUND {
            self.is_registry(image.repository.host(), act, &answer).await?;
            return Ok(None);
        }
        if !answer.status.is_success() {
            return Err(answer.refused(act));
        }
        let header = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok());
        let media_type = media_type(header(CONTENT_TYPE.as_str()).unwrap_or_default());
        if !ACCEPTED.contains(&&*media_type) {
            let shown: String = media_type.chars().take(100).collect();
            let why = format!("its media type `{}` is not known", crate::model::shown(&shown));
            return Err(act.unsound(why));
        }
        let stated = header(DIGEST).and_then(sha256);
        let manifest = Manifest::new(&media_type, answer.body);
        if stated.is_some_and(|stated| stated != manifest.digest) {
            return Err(act.unsound("the registry answered bytes that do not have the digest that it states"));
        }
        is_asked_for(image, manifest.digest, act)?;
        Ok(Some(manifest))
    }

    async fn ask_manifest(&self, image: &Image, method: Method, act: &Act) -> Result<Answer, RegistryError> {
        let url = Self::url(&image.repository, &format!("manifests/{}", image.reference), act)?;
        let accept = HeaderValue::from_str(&ACCEPTED.join(", "));
        let accept = accept.map_err(|error| act.unsound(error.to_string()))?;
        let ask = Ask::new(act.clone(), method, url).with(ACCEPT, accept);
        self.send(&Self::claim(&image.repository, Right::Pull), Ask { limit: LARGEST, ..ask }).await
    }

    /// Writes a manifest under a tag or its digest.
    pub(super) async fn put_manifest(&self, image: &Image, manifest: &Manifest) -> Result<(), RegistryError> {
        let act = Act::new("write", image, image.repository.host().name());
        let url = Self::url(&image.repository, &format!("manifests/{}", image.reference), &act)?;
        is_asked_for(image, manifest.digest, &act)?;
        let media_type = HeaderValue::from_str(&manifest.media_type);
        let media_type = media_type.map_err(|error| act.unsound(error.to_string()))?;
        let ask = Ask::new(act.clone(), Method::PUT, url).with(CONTENT_TYPE, media_type);
        let ask = Ask { body: manifest.bytes.clone().into(), ..ask };
        let answer = self.send(&Self::claim(&image.repository, Right::Push), ask).await?;
        if !answer.status.is_success() {
            return Err(answer.refused(&act));
        }
        let kept = answer.headers.get(DIGEST).and_then(|value| sha256(value.to_str().ok()?));
        if kept.is_some_and(|kept| kept != manifest.digest) {
            return Err(
                act.unsound("the registry states another digest than that of the bytes that it was sent")
            );
        }
        Ok(())
    }

    /// Deletes a manifest, and with it every tag that points to it.
    pub(super) async fn delete(
        &self,
        repository: &Repository,
        digest: Digest,
    ) -> Result<Deleted, RegistryError> {
        let image = repository.at(digest);
        let act = Act::new("delete", &image, repository.host().name());
        let url = Self::url(repository, &format!("manifests/{}", image.reference), &act)?;
        let ask = Ask::new(act.clone(), Method::DELETE, url);
        let answer = self.send(&Self::claim(repository, Right::Delete), ask).await?;
        match answer.status.as_u16() {
            // Registries and proxies exist that delete nothing and say so of none of these.
            200..=299 | 404 => {
                if answer.status == StatusCode::NOT_FOUND {
                    self.is_registry(repository.host(), &act, &answer).await?;
                }
                match self.look(&image).await? {
                    Some(_) => {
                        let said = format!("{}, and it still has the image", answer.said());
                        Err(RegistryError::NoDelete { said, act })
                    }
                    None if answer.status == StatusCode::NOT_FOUND => Ok(Deleted::WasGone),
                    None => Ok(Deleted::Yes),
                }
            }
            405 | 501 => Err(RegistryError::NoDelete { said: answer.said(), act }),
            _ => Err(answer.refused(&act)),
        }
    }

    /// Opens a blob to read it. Redirects are followed, at most 5, without credentials on another host and never from
    /// `https` to `http`.
    pub(super) async fn open_blob(
        &self,
        repository: &Repository,
        digest: Digest,
        act: &Act,
    ) -> Result<Response, Miss> {
        const MOST: usize = 5;
        let first = Self::url(repository, &format!("blobs/sha256:{digest}"), act)?;
        let claim = Self::claim(repository, Right::Pull);
        let ask = Ask::new(act.clone(), Method::GET, first.clone());
        let get = async |key: Option<HeaderValue>| self.wire.once(&ask.clone().keyed(key.as_ref())).await;
        let mut answer = self.keyed(&claim, act, get).await?;
        let (mut at, mut followed) = (first, 0);
        while answer.status().is_redirection() {
            let to = answer
                .headers()
                .get(reqwest::header::LOCATION)
                .and_then(|to| at.join(to.to_str().ok()?).ok());
            let to = to.ok_or_else(|| act.unsound("the registry redirects to no address"))?;
            if !(to.scheme() == "https" || to.scheme() == "http" && at.scheme() == "http") {
                return Err(act
                    .unsound(format!("the registry redirects to {}, which is not encrypted", host_of(&to)))
                    .into());
            }
            followed += 1;
            if followed > MOST {
                return Err(act.unsound(format!("the registry redirects more than {MOST} times")).into());
            }
            let own = ask.url.origin() == to.origin();
            let key = if own { self.key(&claim, act).await? } else { None };
            let next = Ask::new(act.clone(), Method::GET, to.clone()).keyed(key.as_ref());
            (answer, at) = (self.wire.once(&next).await?, to);
        }
        Ok(answer)
    }
}

/// Returns the host of a URL, without what may be a key in it.
pub(super) fn host_of(url: &Url) -> String {
    format!("`{}://{}`", url.scheme(), url.host_str().unwrap_or_default())
}

/// Checks that a digest is the requested one, if one was requested.
fn is_asked_for(image: &Image, found: Digest, act: &Act) -> Result<(), RegistryError> {
    match image.reference {
        Reference::Digest(asked) if asked != found => {
            Err(act.unsound(format!("its bytes have the digest sha256:{found}")))
        }
        _ => Ok(()),
    }
}
