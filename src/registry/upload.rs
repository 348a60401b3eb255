//! Copying one blob from one repository to another: looked up, mounted, or streamed.
//!
//! The last piece is held back until the size and the digest of all pieces are right, so that an upload of other
//! bytes is never completed, whatever the target checks. A broken upload is begun again from the first byte; what it
//! left in the target is not a blob, and the registry removes it after some days.

use super::api::{Api, Right, host_of};
use super::error::{Act, RegistryError};
use super::keys::Claim;
use super::manifest::{Descriptor, sha256};
use super::wire::{Answer, Ask, Miss, broken, innermost, silent};
use crate::model::registry::Repository;
use crate::model::{Digest, Hasher};
use crate::progress::Watch;
use bytes::Bytes;
use futures_util::stream::try_unfold;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use reqwest::{Body, Method, Response, Url};
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// How often to check an upload.
const TICK: Duration = Duration::from_millis(100);

/// The minimum number of bytes per second that a registry processes once it has all of them: it may move them and
/// read them again.
const SLOWEST_END: u64 = 4 << 20;

/// How a blob came to be in the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Brought {
    /// It was there before.
    There,
    /// The registry mounted it from the other repository.
    Mounted,
    /// It was sent.
    Sent,
}

/// A blob with its source and target.
pub(super) struct Way<'a> {
    pub(super) blob: &'a Descriptor,
    pub(super) from: &'a Repository,
    pub(super) to: &'a Repository,
}

/// The state that both sides of a transfer share.
#[derive(Debug, Default)]
struct Flow {
    sent: AtomicU64,
    /// Why the source has no more bytes.
    fault: Mutex<Option<Fault>>,
}

#[derive(Debug)]
enum Fault {
    /// They broke off.
    Torn(String),
    /// They differ from the expected ones.
    Wrong(String),
}

/// A body that is checked while it is read.
struct Checked {
    from: Response,
    silence: Duration,
    hasher: Hasher,
    seen: u64,
    size: u64,
    digest: Digest,
    held: Bytes,
    ended: bool,
    flow: Arc<Flow>,
}

impl Api {
    /// Copies a blob into a repository, if it is missing.
    pub(super) async fn bring(&self, way: &Way<'_>, watch: &dyn Watch) -> Result<Brought, RegistryError> {
        let act = Act::new("write", way.to.at(way.blob.digest), way.to.host().name());
        let mut renewed = Renewed::No;
        self.wire.tried(&act, async || self.bring_once(way, &act, &mut renewed, watch).await).await
    }

    async fn bring_once(
        &self,
        way: &Way<'_>,
        act: &Act,
        renewed: &mut Renewed,
        watch: &dyn Watch,
    ) -> Result<Brought, Miss> {
        let at = Self::url(way.to, &format!("blobs/sha256:{}", way.blob.digest), act)?;
        let claim = Self::claim(way.to, Right::Push);
        let looked = self.send(&claim, Ask::new(act.clone(), Method::HEAD, at)).await?;
        match looked.status.as_u16() {
            200..=299 => return Ok(Brought::There),
            404 => {}
            _ => return Err(looked.refused(act).into()),
        }
        let begun = match self.mount(way, act).await? {
            Some(answer) if answer.status == 201 => return Ok(Brought::Mounted),
            Some(answer) if answer.status == 202 => answer,
            _ => self.send(&claim, Ask::new(act.clone(), Method::POST, Self::uploads(way.to, act)?)).await?,
        };
        if begun.status != 202 {
            return Err(begun.refused(act).into());
        }
        let url = upload_url(Self::uploads(way.to, act)?, &begun, way.blob.digest, act)?;
        self.stream(way, url, &claim, act, renewed, watch).await
    }

    fn uploads(to: &Repository, act: &Act) -> Result<Url, RegistryError> {
        Self::url(to, "blobs/uploads/", act)
    }

    /// Requests that a registry mount a blob from another of its repositories; nothing if that is not possible.
    async fn mount(&self, way: &Way<'_>, act: &Act) -> Result<Option<Answer>, RegistryError> {
        if way.from.host() != way.to.host() || way.from == way.to {
            return Ok(None);
        }
        let mut url = Self::uploads(way.to, act)?;
        let digest = format!("sha256:{}", way.blob.digest);
        url.query_pairs_mut().append_pair("mount", &digest).append_pair("from", way.from.name());
        let mut claim = Self::claim(way.to, Right::Push);
        claim.scopes.extend(Self::claim(way.from, Right::Pull).scopes);
        self.send(&claim, Ask::new(act.clone(), Method::POST, url)).await.map(Some)
    }

    /// Sends the bytes of a blob from its source.
    async fn stream(
        &self,
        way: &Way<'_>,
        url: Url,
        claim: &Claim,
        act: &Act,
        renewed: &mut Renewed,
        watch: &dyn Watch,
    ) -> Result<Brought, Miss> {
        let &Descriptor { digest, size, .. } = way.blob;
        let reading = Act::new("read", way.from.at(digest), way.from.host().name());
        let source = self.open_blob(way.from, digest, &reading).await?;
        if !source.status().is_success() {
            let answer = self.wire.read(&reading, source, 0).await?;
            if answer.status == 404 {
                return Err(reading.unsound("the registry has the image without this part of it").into());
            }
            return Err(answer.refused(&reading).into());
        }
        if let Some(length) = source.content_length().filter(|length| *length != size) {
            return Err(reading
                .unsound(format!("it has {length} bytes, and its manifest states {size}"))
                .into());
        }
        let flow = Arc::new(Flow::default());
        let key = if url.origin() == Self::uploads(way.to, act)?.origin() {
            // Of the request that began the upload.
            self.key(claim, act).await?
        } else {
            None
        };
        let mut request = self.wire.client(&url)?.put(url.clone());
        request = request.header(CONTENT_TYPE, "application/octet-stream").header(CONTENT_LENGTH, size);
        if let Some(key) = &key {
            request = request.header(AUTHORIZATION, key.clone());
        }
        let checked = Checked::new(source, self.wire.silence(), way.blob, Arc::clone(&flow));
        let body = if size == 0 { checked.empty(&reading)? } else { checked.body() };
        let sending = self.watched(request.body(body).send(), &flow, size, act, watch).await?;
        let fault = flow.fault.lock().unwrap_or_else(PoisonError::into_inner).take();
        let answer = match (fault, sending) {
            (Some(Fault::Torn(why)), _) => return Err(Miss::Again(broken(&reading, &why), None)),
            (Some(Fault::Wrong(why)), _) => return Err(reading.unsound(why).into()),
            (None, Err(error)) => return Err(self.wire.unsent(act, &url, &error)),
            (None, Ok(answer)) => answer,
        };
        let answer = self.wire.judged(act, &url, answer).await?;
        let answer = self.wire.read(act, answer, 64 << 10).await?;
        let kept = answer.headers.get("docker-content-digest").and_then(|value| sha256(value.to_str().ok()?));
        match answer.status.as_u16() {
            200..=299 if kept.is_some_and(|kept| kept != digest) => Err(act
                .unsound("the registry states another digest than that of the bytes that it was sent")
                .into()),
            200..=299 => Ok(Brought::Sent),
            // The token expired during the upload, once.
            401 if *renewed == Renewed::No => {
                *renewed = Renewed::Yes;
                self.renew(claim, key.as_ref(), &answer, act).await?;
                Err(Miss::Again(answer.refused(act), Some(Duration::ZERO)))
            }
            // A registry that was restarted knows no uploads.
            404 => Err(Miss::Again(answer.refused(act), None)),
            _ => Err(answer.refused(act).into()),
        }
    }

    /// Waits for the answer to an upload as long as bytes flow.
    async fn watched<T>(
        &self,
        sending: impl Future<Output = T>,
        flow: &Flow,
        size: u64,
        act: &Act,
        watch: &dyn Watch,
    ) -> Result<T, Miss> {
        let mut sending = pin!(sending);
        let (mut sent, mut quiet) = (0, Instant::now());
        loop {
            let done = timeout(TICK, &mut sending).await;
            let now = flow.sent.load(Ordering::Relaxed);
            if now != sent {
                watch.bytes(now - sent);
                (sent, quiet) = (now, Instant::now());
            }
            if let Ok(done) = done {
                return Ok(done);
            }
            self.wire.stop().check()?;
            // Longer than the source may be silent, so that the source is the one that is reported.
            let mut most = self.wire.silence() * 5 / 4;
            if sent >= size {
                most += Duration::from_secs(size / SLOWEST_END);
            }
            if quiet.elapsed() > most {
                return Err(silent(act, most));
            }
        }
    }
}

/// Whether other credentials were already requested during an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Renewed {
    No,
    Yes,
}

/// Returns the address to which the bytes of an upload are sent.
fn upload_url(base: Url, begun: &Answer, digest: Digest, act: &Act) -> Result<Url, RegistryError> {
    let to = begun.headers.get(LOCATION).and_then(|to| base.join(to.to_str().ok()?).ok());
    let mut to = to.ok_or_else(|| act.unsound("the registry begins an upload at no address"))?;
    if !(to.scheme() == "https" || to.scheme() == "http" && base.scheme() == "http") {
        return Err(
            act.unsound(format!("the registry takes the upload at {}, which is not encrypted", host_of(&to)))
        );
    }
    to.query_pairs_mut().append_pair("digest", &format!("sha256:{digest}"));
    Ok(to)
}

impl Checked {
    fn new(from: Response, silence: Duration, blob: &Descriptor, flow: Arc<Flow>) -> Self {
        let &Descriptor { digest, size, .. } = blob;
        let (hasher, held) = (Hasher::new(), Bytes::new());
        Self { from, silence, hasher, seen: 0, size, digest, held, ended: false, flow }
    }

    /// Returns the body of an empty blob, of which nothing would be read.
    fn empty(&self, reading: &Act) -> Result<Body, RegistryError> {
        if Digest::of(b"") == self.digest { Ok(Body::default()) } else { Err(reading.unsound(self.other())) }
    }

    fn other(&self) -> String {
        format!("its {} bytes have another digest", self.size)
    }

    fn body(self) -> Body {
        Body::wrap_stream(try_unfold(self, async |mut this| {
            let piece = this.next().await?;
            Ok::<_, io::Error>(piece.map(|piece| (piece, this)))
        }))
    }

    /// Returns the piece before the one that was read; the last one once all are known to be right.
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        while !self.ended {
            let piece = match timeout(self.silence, self.from.chunk()).await {
                Ok(Ok(piece)) => piece,
                Ok(Err(error)) => return Err(self.fail(Fault::Torn(innermost(&error)))),
                Err(_) => {
                    return Err(self.fail(Fault::Torn("the registry did not answer in time".to_owned())));
                }
            };
            let Some(piece) = piece else { break };
            self.seen += piece.len() as u64;
            if self.seen > self.size {
                let why = format!("it has more than {} bytes, which its manifest states", self.size);
                return Err(self.fail(Fault::Wrong(why)));
            }
            self.hasher.update(&piece);
            let before = std::mem::replace(&mut self.held, piece);
            if !before.is_empty() {
                return Ok(Some(self.counted(before)));
            }
        }
        if self.ended {
            return Ok(None);
        }
        self.ended = true;
        if self.seen < self.size {
            return Err(
                self.fail(Fault::Torn(format!("it ended after {} of {} bytes", self.seen, self.size)))
            );
        }
        if std::mem::take(&mut self.hasher).finish() != self.digest {
            return Err(self.fail(Fault::Wrong(self.other())));
        }
        let last = std::mem::take(&mut self.held);
        Ok(Some(self.counted(last)))
    }

    fn counted(&self, piece: Bytes) -> Bytes {
        self.flow.sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
        piece
    }

    fn fail(&self, fault: Fault) -> io::Error {
        *self.flow.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
        io::Error::other("the source failed")
    }
}
