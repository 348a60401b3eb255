//! A lock for stores that ignore conditions: each process writes its own claim and looks for others.
//!
//! A process that finds no other live claim has the lock; one that finds another removes its own and tries again
//! after a pause. Of two that claim at once, the one that writes later sees the earlier in the listing, so that never
//! both have it; it can happen that neither has it, and both try again. A claim is renewed three times per term, and
//! is dead two terms after its last renewal, or at once if its process is known to be dead.
//!
//! Guaranteed only if a listing shows everything that was written before, as today's stores do, and as far as clocks
//! agree: a process that is suspended beyond its term does not notice that another has the lock, and no write here is
//! conditional.

use super::fault::failed;
use super::find::attributes;
use super::key::file_key;
use super::lock::{Holder, PAUSE, holder_in, millis, now};
use super::process::{is_dead, this_process};
use super::{Client, ObjectStore};
use crate::model::RelPath;
use crate::store::{Guard, Result, StoreError, StoreErrorKind};
use futures_util::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{Error, ObjectStoreExt, PutOptions};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

const DOING: &str = "take the lock";

/// The claim of this process.
#[derive(Debug, Clone)]
struct Claim {
    client: Arc<Client>,
    all: Path,
    key: Path,
    at: RelPath,
    who: String,
    token: String,
    term: Duration,
}

/// A lock that is held: its claim is renewed until this is dropped.
struct Held {
    claim: Claim,
    runtime: Arc<Runtime>,
    renewing: JoinHandle<()>,
}

impl ObjectStore {
    /// Takes the lock at a path without conditional writes.
    pub(super) fn lock_by_claim(&self, at: &RelPath, who: &str, wait: Duration) -> Result<Guard> {
        let all = file_key(at, DOING)?.to_string() + ".claims";
        let started = Instant::now();
        loop {
            // A removed claim is never written again: its removal may still be in progress.
            let token = uuid::Uuid::new_v4();
            let claim = Claim {
                client: Arc::clone(&self.client),
                all: Path::from(all.as_str()),
                key: Path::from(format!("{all}/{}", token.simple())),
                at: at.clone(),
                who: who.to_owned(),
                token: token.to_string(),
                term: self.term,
            };
            let taken = self.wait_for(claim.take());
            match taken {
                Ok(None) => {
                    let renewing = self.runtime.spawn(claim.clone().renew());
                    return Ok(Guard::new(Held { claim, runtime: Arc::clone(&self.runtime), renewing }));
                }
                Ok(Some(_)) if started.elapsed() < wait => {
                    self.wait_for(claim.take_back());
                    // With different pauses, or they would collide again.
                    let jitter = u64::from(token.as_bytes().iter().copied().max().unwrap_or(0)) % 100;
                    std::thread::sleep((PAUSE + Duration::from_millis(jitter)).min(wait));
                }
                Ok(Some(other)) => {
                    self.wait_for(claim.take_back());
                    let why = format!("{other} holds it");
                    return Err(StoreError::because(StoreErrorKind::Busy, DOING, at, &why));
                }
                Err(error) => {
                    self.wait_for(claim.take_back());
                    return Err(error);
                }
            }
        }
    }
}

impl Claim {
    /// Writes the claim and returns who else has a live one.
    async fn take(&self) -> Result<Option<String>> {
        self.put().await.map_err(failed(DOING, &self.at))?;
        let listed: Vec<_> =
            self.client.list(Some(&self.all)).try_collect().await.map_err(failed(DOING, &self.at))?;
        if !listed.iter().any(|meta| meta.location == self.key) {
            // Another process took this one for dead in the meantime.
            return Ok(Some("another process that was faster".to_owned()));
        }
        for meta in listed.into_iter().filter(|meta| meta.location != self.key) {
            let found = match self.client.get(&meta.location).await {
                Err(Error::NotFound { .. }) => continue,
                found => found.map_err(failed(DOING, &self.at))?,
            };
            let bytes = found.bytes().await.map_err(failed(DOING, &self.at))?;
            let holder = holder_in(&meta.location, &bytes)?;
            let dead = holder.process.as_deref().is_some_and(is_dead);
            if !dead && holder.until + millis(self.term) > now() {
                return Ok(Some(holder.who));
            }
            self.remove(&meta.location).await;
        }
        Ok(None)
    }

    /// Renews the claim until it is gone.
    async fn renew(self) {
        loop {
            tokio::time::sleep(self.term / 3).await;
            match self.client.head(&self.key).await {
                Err(Error::NotFound { .. }) => return,
                // A failure is retried in time.
                _ => drop(self.put().await),
            }
        }
    }

    /// Removes the claim; if that fails, others wait until its term is over.
    async fn take_back(&self) {
        self.remove(&self.key).await;
    }

    async fn put(&self) -> object_store::Result<()> {
        let until = now() + millis(self.term);
        let holder =
            Holder { who: self.who.clone(), token: self.token.clone(), until, process: this_process() };
        // Plain data always serializes.
        let text = serde_json::to_vec(&holder).unwrap_or_default();
        let options = PutOptions { attributes: attributes(0o600), ..PutOptions::default() };
        self.client.put_opts(&self.key, text.into(), options).await.map(drop)
    }

    async fn remove(&self, key: &Path) {
        let keys = futures_util::stream::iter([Ok(key.clone())]).boxed();
        drop(self.client.delete_stream(keys).collect::<Vec<_>>().await);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.renewing.abort();
        self.runtime.block_on(async {
            // Aborted on purpose; what matters is that it has ended and writes nothing any more.
            (&mut self.renewing).await.ok();
            self.claim.take_back().await;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Conditions, Store};
    use object_store::memory::InMemory;

    const TERM: Duration = Duration::from_millis(150);

    fn store() -> ObjectStore {
        let client = Arc::new(InMemory::new());
        ObjectStore::new(client, "memory:", Conditions::Ignored).unwrap().with_term(TERM)
    }

    fn claims(store: &ObjectStore) -> usize {
        store.below(&RelPath::state("lock.claims")).unwrap().len()
    }

    #[test]
    fn a_living_holder_keeps_the_lock_beyond_its_term_and_leaves_nothing() {
        let (store, at) = (store(), RelPath::state("lock"));
        let guard = store.lock(&at, "one", Duration::ZERO).unwrap();
        std::thread::sleep(TERM * 4);
        let busy = store.lock(&at, "two", Duration::ZERO).unwrap_err();
        assert_eq!(busy.kind(), StoreErrorKind::Busy);
        assert!(std::error::Error::source(&busy).unwrap().to_string().contains("one"));
        drop(guard);
        drop(store.lock(&at, "two", Duration::ZERO).unwrap());
        assert_eq!(claims(&store), 0);
    }

    #[test]
    fn a_dead_claim_is_waited_for_and_cleared() {
        let (store, at) = (store(), RelPath::state("lock"));
        let dead =
            Holder { who: "the dead".to_owned(), token: "t".to_owned(), until: now() + 100, process: None };
        let key = RelPath::state("lock.claims/dead");
        store.put(&key, &serde_json::to_vec(&dead).unwrap(), crate::store::Put::Replace).unwrap();
        assert_eq!(store.lock(&at, "me", Duration::ZERO).unwrap_err().kind(), StoreErrorKind::Busy);
        let _guard = store.lock(&at, "me", TERM * 20).unwrap();
        assert_eq!(claims(&store), 1);
    }

    #[test]
    fn of_many_never_two_have_it() {
        let (store, at) = (store(), RelPath::state("lock"));
        let inside = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    let _guard = store.lock(&at, "me", Duration::from_mins(1)).unwrap();
                    assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                    std::thread::sleep(Duration::from_millis(10));
                    inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                });
            }
        });
    }
}
