//! A lock without a kernel: an object with its holder and its term.
//!
//! It is created under the condition that it does not exist, and taken over under the condition that it is still the
//! expired one, so that only one of many processes succeeds. While the guard lives, its term is renewed three times
//! per term; a dead holder is waited for two terms after its last renewal, unless it ran on this machine. Releasing
//! writes an object whose term is over, again under a condition, since no store removes conditionally.
//!
//! Not guaranteed: a process that is suspended for longer than its term (or whose clock differs from the others' by
//! more than a term) does not notice that another one has taken over. What must not go wrong then is itself a
//! conditional write. A store that ignores conditions has a different lock (`lock_without_cas`).

use super::fault::failed;
use super::find::attributes;
use super::key::{file_key, not_the_root};
use super::place::{is_late, version_of};
use super::process::{is_dead, this_process};
use super::{Client, Conditions, ObjectStore};
use crate::model::RelPath;
use crate::store::{Guard, Result, StoreError, StoreErrorKind};
use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{Error, ObjectStoreExt, PutMode, PutOptions, UpdateVersion};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

const DOING: &str = "take the lock";

/// The pause between two attempts.
pub(super) const PAUSE: Duration = Duration::from_millis(100);

/// The contents of the lock's object.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Holder {
    /// The holder, for people.
    pub(super) who: String,
    /// What distinguishes this holding from every other.
    pub(super) token: String,
    /// Until when it is held, in milliseconds since 1970.
    pub(super) until: u64,
    /// The process that holds it, so that a dead one is not waited for on its own machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) process: Option<String>,
}

/// A process that waits for the lock or has it.
#[derive(Debug, Clone)]
struct Claim {
    client: Arc<Client>,
    key: Path,
    at: RelPath,
    who: String,
    token: String,
    term: Duration,
}

/// The result of an attempt to take the lock.
enum Try {
    /// It is taken.
    Ours,
    /// Another process has it.
    Theirs(String),
    /// Another process was faster just now.
    Late,
}

/// A lock that is held: it is renewed until this is dropped.
struct Held {
    claim: Claim,
    runtime: Arc<Runtime>,
    renewing: JoinHandle<()>,
}

impl ObjectStore {
    pub(super) fn lock_object(&self, at: &RelPath, who: &str, wait: Duration) -> Result<Guard> {
        not_the_root(at, DOING)?;
        if self.conditions == Conditions::Ignored {
            return self.lock_by_claim(at, who, wait);
        }
        let claim = Claim {
            client: Arc::clone(&self.client),
            key: file_key(at, DOING)?,
            at: at.clone(),
            who: who.to_owned(),
            token: uuid::Uuid::new_v4().to_string(),
            term: self.term,
        };
        let started = Instant::now();
        loop {
            match self.wait_for(claim.take())? {
                Try::Ours => break,
                Try::Late => {}
                Try::Theirs(holder) if started.elapsed() >= wait => {
                    let why = format!("{holder} holds it");
                    return Err(StoreError::because(StoreErrorKind::Busy, DOING, at, &why));
                }
                Try::Theirs(_) => std::thread::sleep(PAUSE.min(wait)),
            }
        }
        let renewing = self.runtime.spawn(claim.clone().renew());
        Ok(Guard::new(Held { claim, runtime: Arc::clone(&self.runtime), renewing }))
    }
}

impl ObjectStore {
    /// Returns whether a process holds the lock; nothing is written.
    pub(super) fn is_locked(&self, at: &RelPath) -> Result<bool> {
        const DOING: &str = "look at the lock";
        let key = file_key(at, DOING)?;
        let claims = Path::from(format!("{key}.claims"));
        self.wait_for(async {
            let mut keys = vec![key];
            if self.conditions == Conditions::Ignored {
                let listed: Vec<_> =
                    self.client.list(Some(&claims)).try_collect().await.map_err(failed(DOING, at))?;
                keys = listed.into_iter().map(|meta| meta.location).collect();
            }
            for key in keys {
                let found = match self.client.get(&key).await {
                    Err(Error::NotFound { .. }) => continue,
                    found => found.map_err(failed(DOING, at))?,
                };
                let bytes = found.bytes().await.map_err(failed(DOING, at))?;
                let holder: Holder =
                    serde_json::from_slice(&bytes).map_err(|error| StoreError::new(DOING, at, error))?;
                if holder.is_alive(self.term) {
                    return Ok(true);
                }
            }
            Ok(false)
        })
    }
}

impl Holder {
    /// Returns whether the holder may still be alive: by its term, and by its process if that is known.
    fn is_alive(&self, term: Duration) -> bool {
        self.until + millis(term) > now() && !self.process.as_deref().is_some_and(is_dead)
    }
}

impl Claim {
    /// Takes the lock if it is free or its holder is gone.
    async fn take(&self) -> Result<Try> {
        let mode = match self.holder().await? {
            None => PutMode::Create,
            Some((holder, _)) if holder.token == self.token => return Ok(Try::Ours),
            Some((holder, _)) if holder.is_alive(self.term) => return Ok(Try::Theirs(holder.who)),
            Some((_, version)) => PutMode::Update(version),
        };
        match self.write(mode, now() + millis(self.term)).await {
            Err(error) if is_late(&error) => Ok(Try::Late),
            done => done.map(|()| Try::Ours).map_err(failed(DOING, &self.at)),
        }
    }

    /// Renews the lock until another process has it.
    async fn renew(self) {
        loop {
            tokio::time::sleep(self.term / 3).await;
            match self.holder().await {
                Ok(Some((holder, version))) if holder.token == self.token => {
                    // A failure is retried in time; the next round notices if it was too late.
                    self.write(PutMode::Update(version), now() + millis(self.term)).await.ok();
                }
                Ok(_) => return,
                Err(_) => {}
            }
        }
    }

    /// Releases the lock, if this process still has it.
    async fn let_go(&self) {
        if let Ok(Some((holder, version))) = self.holder().await
            && holder.token == self.token
        {
            // If this fails, other processes wait until its term is over.
            self.write(PutMode::Update(version), 0).await.ok();
        }
    }

    /// Returns the present or last holder of the lock.
    async fn holder(&self) -> Result<Option<(Holder, UpdateVersion)>> {
        let found = match self.client.get(&self.key).await {
            Err(Error::NotFound { .. }) => return Ok(None),
            found => found.map_err(failed(DOING, &self.at))?,
        };
        let version = version_of(&found.meta);
        let bytes = found.bytes().await.map_err(failed(DOING, &self.at))?;
        let holder = holder_in(&self.key, &bytes)?;
        Ok(Some((holder, version)))
    }

    async fn write(&self, mode: PutMode, until: u64) -> object_store::Result<()> {
        let holder =
            Holder { who: self.who.clone(), token: self.token.clone(), until, process: this_process() };
        // Plain data always serializes.
        let text = serde_json::to_vec(&holder).unwrap_or_default();
        let options = PutOptions { mode, attributes: attributes(0o600), ..PutOptions::default() };
        self.client.put_opts(&self.key, text.into(), options).await.map(drop)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.renewing.abort();
        self.runtime.block_on(async {
            // Aborted on purpose; what matters is that it has ended.
            (&mut self.renewing).await.ok();
            self.claim.let_go().await;
        });
    }
}

/// Reads the holder of a lock.
pub(super) fn holder_in(key: &Path, bytes: &[u8]) -> Result<Holder> {
    let strange = |error| StoreError::of_kind(StoreErrorKind::NotALock, "read the lock", key, error);
    serde_json::from_slice::<Holder>(bytes).map_err(strange)
}

pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map(millis).unwrap_or_default()
}

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Put, Store};

    const TERM: Duration = Duration::from_millis(150);

    fn store() -> ObjectStore {
        ObjectStore::in_memory().unwrap().with_term(TERM)
    }

    fn held_until(store: &ObjectStore, at: &RelPath, until: u64) {
        let holder = Holder { who: "the dead".to_owned(), token: "t".to_owned(), until, process: None };
        store.put(at, &serde_json::to_vec(&holder).unwrap(), Put::Replace).unwrap();
    }

    #[test]
    fn a_holder_that_died_is_waited_for_and_then_replaced() {
        let (store, at) = (store(), RelPath::state("lock"));
        held_until(&store, &at, now() + millis(TERM));
        let busy = store.lock(&at, "me", Duration::ZERO).unwrap_err();
        assert_eq!(busy.kind(), StoreErrorKind::Busy);
        let guard = store.lock(&at, "me", TERM * 20).unwrap();
        drop(guard);
    }

    #[test]
    fn looking_at_a_lock_tells_the_living_from_the_dead() {
        let (store, at) = (store(), RelPath::state("lock"));
        assert!(!store.is_held(&at).unwrap());
        let guard = store.lock(&at, "me", Duration::ZERO).unwrap();
        assert!(store.is_held(&at).unwrap());
        drop(guard);
        assert!(!store.is_held(&at).unwrap());
        held_until(&store, &at, 1);
        assert!(!store.is_held(&at).unwrap());
        held_until(&store, &at, u64::MAX / 2);
        assert!(store.is_held(&at).unwrap());
    }

    #[test]
    fn of_many_who_find_a_holder_dead_one_replaces_it() {
        for _ in 0..20 {
            let (store, at) = (store(), RelPath::state("lock"));
            held_until(&store, &at, 1);
            let guards: Vec<Guard> = std::thread::scope(|scope| {
                let takers: Vec<_> =
                    (0..4).map(|_| scope.spawn(|| store.lock(&at, "me", Duration::ZERO).ok())).collect();
                takers.into_iter().filter_map(|taker| taker.join().unwrap()).collect()
            });
            assert_eq!(guards.len(), 1);
        }
    }

    #[test]
    fn a_living_holder_keeps_the_lock_beyond_its_term() {
        let (store, at) = (store(), RelPath::state("lock"));
        let guard = store.lock(&at, "one", Duration::ZERO).unwrap();
        std::thread::sleep(TERM * 4);
        let busy = store.lock(&at, "two", Duration::ZERO).unwrap_err();
        assert_eq!(busy.kind(), StoreErrorKind::Busy);
        drop(guard);
        drop(store.lock(&at, "two", Duration::ZERO).unwrap());
    }

    #[test]
    fn what_is_no_lock_is_not_taken_for_a_free_one() {
        let (store, at) = (store(), RelPath::state("lock"));
        store.put(&at, b"hands off", Put::Replace).unwrap();
        assert_eq!(store.lock(&at, "me", Duration::ZERO).unwrap_err().kind(), StoreErrorKind::NotALock);
    }

    #[test]
    fn who_lost_the_lock_does_not_let_the_next_holders_go() {
        let (store, at) = (store(), RelPath::state("lock"));
        let guard = store.lock(&at, "one", Duration::ZERO).unwrap();
        held_until(&store, &at, u64::MAX / 2);
        drop(guard);
        assert_eq!(store.lock(&at, "two", Duration::ZERO).unwrap_err().kind(), StoreErrorKind::Busy);
    }
}
