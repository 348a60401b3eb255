//! Writing and removing small objects, links among them.
//!
//! A write is durable and complete when it returns. A line is appended to a log by reading the log and writing it
//! back with the new line, under the condition that no other process did so in the meantime: one object is one file
//! for readers, a line is never truncated, and a lost answer is settled by checking whether the line is there. The
//! cost grows with the log, so logs are kept short (the journal starts a new one at 256 KiB). A file and a link at
//! one path are two objects: a write that replaces a link writes the file first and then removes the link.

use super::content_headers::{FOR_A_MINUTE, type_of};
use super::fault::failed;
use super::find::attributes;
use super::key::{file_key, keys_at, link_key, not_the_root};
use super::{Client, Conditions, ObjectStore};
use crate::model::RelPath;
use crate::store::{Kind, Put, Result, StoreError, StoreErrorKind};
use futures_util::{StreamExt, stream};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, Error, GetOptions, ObjectMeta, ObjectStoreExt, PutMode, PutOptions, UpdateVersion,
};
use std::sync::PoisonError;

/// How readers of the bucket recognize the object of a link.
const LINK_TYPE: &str = "text/x-mirrorkeep-link; charset=utf-8";

/// The metadata key of the ID of the write by which an object was created or uploaded in parts, so that a lost answer
/// can be settled.
pub(super) const WRITE: Attribute = Attribute::Metadata(std::borrow::Cow::Borrowed("mirrorkeepwrite"));

/// How often an append is retried if others append as well.
const TRIES: usize = 1000;

impl ObjectStore {
    pub(super) async fn put_object(&self, at: &RelPath, bytes: &[u8], how: Put) -> Result<()> {
        const DOING: &str = "write";
        not_the_root(at, DOING)?;
        let key = file_key(at, DOING)?;
        if how == Put::Create && self.is_taken(at).await? {
            let why = "something is there";
            return Err(StoreError::because(StoreErrorKind::AlreadyExists, DOING, at, why));
        }
        let mode = match how {
            // Some stores that do not honour conditions reject them; the check was made above.
            Put::Create if self.conditions == Conditions::Honoured => PutMode::Create,
            Put::Create | Put::Replace | Put::ReplaceSoon => PutMode::Overwrite,
        };
        let put = match mode {
            PutMode::Create => self.create(&key, bytes, own_or_public(at)).await,
            mode => {
                let options = PutOptions { mode, attributes: own_or_public(at), ..PutOptions::default() };
                self.client.put_opts(&key, bytes.to_vec().into(), options).await.map(drop)
            }
        };
        put.map_err(failed(DOING, at))?;
        match how {
            Put::Replace | Put::ReplaceSoon if !at.is_own() => {
                self.delete(vec![link_key(at, DOING)?], DOING, at).await.map(drop)
            }
            // The own area has no links.
            Put::Create | Put::Replace | Put::ReplaceSoon => Ok(()),
        }
    }

    /// Creates an object if none exists; if one does, checks whether it is this one and its answer was lost.
    async fn create(&self, key: &Path, bytes: &[u8], mut attributes: Attributes) -> object_store::Result<()> {
        let name = uuid::Uuid::new_v4().simple().to_string();
        attributes.insert(WRITE, name.clone().into());
        let options = PutOptions { mode: PutMode::Create, attributes, ..PutOptions::default() };
        let Err(error) = self.client.put_opts(key, bytes.to_vec().into(), options).await else {
            return Ok(());
        };
        if !is_late(&error) {
            return Err(error);
        }
        if was_written_by(&*self.client, key, &name).await? { Ok(()) } else { Err(error) }
    }

    /// Replaces an object under the condition that it still has the contents `old`.
    pub(super) async fn renew_object(&self, at: &RelPath, old: &[u8], new: &[u8]) -> Result<()> {
        const DOING: &str = "renew";
        let key = file_key(at, DOING)?;
        let late = || StoreError::because(StoreErrorKind::Busy, DOING, at, "another process changed it");
        let held = async || match self.client.get(&key).await {
            Err(Error::NotFound { .. }) => Ok(None),
            found => {
                let found = found.map_err(failed(DOING, at))?;
                let meta = found.meta.clone();
                Ok(Some((found.bytes().await.map_err(failed(DOING, at))?, meta)))
            }
        };
        let meta = match held().await? {
            Some((bytes, _)) if bytes == new => return Ok(()),
            Some((bytes, meta)) if bytes == old => meta,
            _ => return Err(late()),
        };
        let mode = self.unchanged_since(Some(meta));
        let options = PutOptions { mode, attributes: own_or_public(at), ..PutOptions::default() };
        match self.client.put_opts(&key, new.to_vec().into(), options).await {
            // It may have been this process, with only the answer lost.
            Err(error) if is_late(&error) || matches!(error, Error::NotFound { .. }) => {
                if held().await?.is_some_and(|(bytes, _)| bytes == new) { Ok(()) } else { Err(late()) }
            }
            done => done.map(drop).map_err(failed(DOING, at)),
        }
    }

    /// Returns whether a separate check must replace the condition of a creation, or is not needed.
    async fn is_taken(&self, at: &RelPath) -> Result<bool> {
        match self.conditions {
            Conditions::Honoured if at.is_own() => Ok(false),
            Conditions::Honoured => Ok(self.find_link(at, "write").await?.is_some()),
            Conditions::Ignored => Ok(self.find(at).await?.is_some_and(|entry| entry.kind != Kind::Dir)),
        }
    }

    pub(super) fn append_line(&self, log: &RelPath, line: &[u8]) -> Result<()> {
        let _turn = self.appending.lock().unwrap_or_else(PoisonError::into_inner);
        self.wait_for(self.append_object(log, line))
    }

    async fn append_object(&self, log: &RelPath, line: &[u8]) -> Result<()> {
        const DOING: &str = "append to";
        not_the_root(log, DOING)?;
        let key = file_key(log, DOING)?;
        let mut tried: Option<Vec<u8>> = None;
        for _ in 0..TRIES {
            let (mut bytes, version) = match self.client.get(&key).await {
                Err(Error::NotFound { .. }) => (Vec::new(), None),
                found => {
                    let found = found.map_err(failed(DOING, log))?;
                    let meta = found.meta.clone();
                    (found.bytes().await.map_err(failed(DOING, log))?.to_vec(), Some(meta))
                }
            };
            if tried.is_some_and(|tried| bytes.starts_with(&tried)) {
                return Ok(());
            }
            bytes.extend_from_slice(line);
            let mode = self.unchanged_since(version);
            let options = PutOptions { mode, attributes: own_or_public(log), ..PutOptions::default() };
            match self.client.put_opts(&key, bytes.clone().into(), options).await {
                Err(error) if is_late(&error) => tried = Some(bytes),
                done => return done.map(drop).map_err(failed(DOING, log)),
            }
        }
        let why = "others write to it all the time";
        Err(StoreError::because(StoreErrorKind::Busy, DOING, log, why))
    }

    pub(super) async fn remove_object(&self, at: &RelPath) -> Result<()> {
        const DOING: &str = "remove";
        not_the_root(at, DOING)?;
        self.delete(keys_at(at, DOING)?, DOING, at).await.map(drop)
    }

    pub(super) async fn is_empty(&self, at: &RelPath) -> Result<()> {
        const DOING: &str = "remove";
        not_the_root(at, DOING)?;
        if self.has_below(at, DOING).await? {
            return Err(StoreError::because(
                StoreErrorKind::NotEmpty,
                DOING,
                at,
                "there are objects below it",
            ));
        }
        Ok(())
    }

    pub(super) async fn put_link(&self, at: &RelPath, text: &str) -> Result<()> {
        const DOING: &str = "link";
        not_the_root(at, DOING)?;
        let options = PutOptions { attributes: link_type(), ..PutOptions::default() };
        let bytes = text.as_bytes().to_vec();
        let put = self.client.put_opts(&link_key(at, DOING)?, bytes.into(), options).await;
        put.map_err(failed(DOING, at))?;
        self.delete(vec![file_key(at, DOING)?], DOING, at).await.map(drop)
    }

    pub(super) async fn point_alias(&self, at: &RelPath, target: &RelPath) -> Result<()> {
        const DOING: &str = "point the alias";
        not_the_root(at, DOING)?;
        if self.find(at).await?.is_some_and(|entry| entry.kind != Kind::Link) {
            let why = "something that is not a link is there, and it is left alone";
            return Err(StoreError::because(StoreErrorKind::AlreadyExists, DOING, at, why));
        }
        let key = link_key(at, DOING)?;
        let text = at.link_to(target);
        let version = self.find_link(at, DOING).await?.map(|link| link.meta);
        let mode = self.unchanged_since(version);
        let options = PutOptions { mode, attributes: link_type(), ..PutOptions::default() };
        match self.client.put_opts(&key, text.clone().into(), options).await {
            Err(error) if is_late(&error) => {
                // It may have been this process, with only the answer lost.
                if self.find_link(at, DOING).await?.is_some_and(|link| link.text == text) {
                    return Ok(());
                }
                Err(StoreError::of_kind(StoreErrorKind::Busy, DOING, at, error))
            }
            done => done.map(drop).map_err(failed(DOING, at)),
        }
    }

    /// Returns the condition that the object is still the one that was read, or still missing.
    fn unchanged_since(&self, version: Option<ObjectMeta>) -> PutMode {
        match (self.conditions, version) {
            (Conditions::Ignored, _) => PutMode::Overwrite,
            (Conditions::Honoured, None) => PutMode::Create,
            (Conditions::Honoured, Some(meta)) => PutMode::Update(version_of(&meta)),
        }
    }

    /// Removes objects and returns how many; a missing one counts as removed.
    pub(super) async fn delete(&self, keys: Vec<Path>, doing: &'static str, at: &RelPath) -> Result<u64> {
        let keys = stream::iter(keys.into_iter().map(Ok)).boxed();
        let mut answers = self.client.delete_stream(keys);
        let mut removed = 0;
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(_) => removed += 1,
                Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(failed(doing, at)(error)),
            }
        }
        Ok(removed)
    }
}

/// Returns whether the object at a key is from that write.
pub(super) async fn was_written_by(client: &Client, key: &Path, write: &str) -> object_store::Result<bool> {
    let head = GetOptions { head: true, ..GetOptions::default() };
    let found = client.get_opts(key, head).await?;
    Ok(found.attributes.get(&WRITE).is_some_and(|found| **found == *write))
}

/// Returns what identifies the version of an object that was read.
pub(super) fn version_of(meta: &ObjectMeta) -> UpdateVersion {
    UpdateVersion { e_tag: meta.e_tag.clone(), version: meta.version.clone() }
}

/// Returns whether a conditional write came too late.
pub(super) fn is_late(error: &Error) -> bool {
    matches!(error, Error::AlreadyExists { .. } | Error::Precondition { .. })
}

fn own_or_public(at: &RelPath) -> Attributes {
    if at.is_own() {
        return attributes(0o600);
    }
    let mut public = attributes(0o444);
    public.insert(Attribute::CacheControl, FOR_A_MINUTE.into());
    if let Some(kind) = type_of(at.name()) {
        public.insert(Attribute::ContentType, kind.into());
    }
    public
}

fn link_type() -> Attributes {
    Attributes::from_iter([(Attribute::ContentType, LINK_TYPE), (Attribute::CacheControl, FOR_A_MINUTE)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Append, Store};
    use object_store::memory::InMemory;
    use std::sync::Arc;

    /// Returns two stores over the same objects, as two machines have them.
    fn two_machines() -> [ObjectStore; 2] {
        let client = Arc::new(InMemory::new());
        [(), ()].map(|()| {
            ObjectStore::new(Arc::<InMemory>::clone(&client), "memory:", Conditions::Honoured).unwrap()
        })
    }

    #[test]
    fn two_machines_lose_no_line_of_a_log() {
        let stores = two_machines();
        let log = RelPath::state("log");
        let together = std::sync::Barrier::new(stores.len());
        std::thread::scope(|scope| {
            for (machine, store) in stores.iter().enumerate() {
                let (log, together) = (&log, &together);
                scope.spawn(move || {
                    together.wait();
                    for n in 0..400 {
                        store.append(log, format!("{machine}-{n}\n").as_bytes(), Append::Durable).unwrap();
                    }
                });
            }
        });
        let [store, _] = &stores;
        let text = String::from_utf8(store.read(&log, 1 << 20).unwrap()).unwrap();
        let lines: std::collections::BTreeSet<&str> = text.lines().collect();
        assert_eq!((lines.len(), text.lines().count()), (800, 800));
    }

    #[test]
    fn a_write_that_another_machine_came_before_is_refused() {
        let [one, other] = two_machines();
        let (at, target) = ("m/latest".parse().unwrap(), "m/1".parse().unwrap());
        let key = link_key(&at, "test").unwrap();
        let seen = [None, Some("m/2")].map(|moved| {
            let found = one.wait_for(one.find_link(&at, "test")).unwrap().map(|link| link.meta);
            other.point(&at, &moved.map_or(Clone::clone(&target), |moved| moved.parse().unwrap())).unwrap();
            one.unchanged_since(found)
        });
        for mode in seen {
            let options = PutOptions { mode, ..PutOptions::default() };
            let late = one.wait_for(one.client.put_opts(&key, "3".into(), options)).unwrap_err();
            assert!(is_late(&late), "{late}");
        }
    }

    #[test]
    fn a_file_that_replaces_a_link_leaves_no_link_behind() {
        let [store, _] = two_machines();
        let at = "m/latest".parse().unwrap();
        store.link(&at, "1").unwrap();
        store.put(&at, b"a file", Put::Replace).unwrap();
        assert!(store.wait_for(store.find_link(&at, "test")).unwrap().is_none());
        store.link(&at, "1").unwrap();
        assert_eq!(store.sweep(&at).removed, 1);
    }

    #[test]
    fn a_link_is_told_by_its_type_and_holds_nothing_but_its_text() {
        let [store, _] = two_machines();
        store.point(&"m/latest".parse().unwrap(), &"m/1".parse().unwrap()).unwrap();
        let found = store.wait_for(store.client.get(&Path::from("m/latest.mirrorkeep-link"))).unwrap();
        assert_eq!(found.attributes.get(&Attribute::ContentType).map(AsRef::as_ref), Some(LINK_TYPE));
        assert_eq!(store.wait_for(found.bytes()).unwrap(), "1");
    }
}
