//! Probing what a store does, with objects of its own: above all whether it honours conditions, by racing.
//!
//! Some stores accept a conditional write and ignore the condition; some honour it for one writer and not for many;
//! one refuses the right version as well. So several writers race at once, in some rounds, to create an object and to
//! replace the version that all of them read, and a stale version is tried last. There must be one winner each time,
//! or the store is used as one that ignores conditions. If no round went wrong, that is no proof, only a good sign.

mod others;

use super::fault::failed;
use super::place::{is_late, version_of};
use super::{Conditions, ObjectStore};
use crate::model::RelPath;
use crate::store::Result;
use futures_util::future;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutMode, PutOptions};

const DOING: &str = "try out";

/// The number of writers in a race.
const WRITERS: usize = 6;

/// The number of races.
const ROUNDS: usize = 3;

impl ObjectStore {
    /// Probes the store, and returns it ready to be used accordingly.
    ///
    /// Fails if the store cannot be reached, refuses a plain write, or keeps what it is told to remove.
    pub fn tried_out(self) -> Result<Self> {
        let mut conditions = Conditions::Honoured;
        for _ in 0..ROUNDS {
            let name = format!("tmp/trial-{}", uuid::Uuid::new_v4().simple());
            let at = RelPath::state(&name);
            let key = Path::from(at.as_str());
            let round = self.wait_for(self.round(&key, &at));
            self.wait_for(self.delete(vec![key], DOING, &at))?;
            if round? == Conditions::Ignored {
                conditions = Conditions::Ignored;
                break;
            }
        }
        Ok(Self { conditions, others: self.try_others()?, ..self })
    }

    /// Returns whether the store honours conditions, as far as known.
    pub fn conditions(&self) -> Conditions {
        self.conditions
    }

    async fn round(&self, key: &Path, at: &RelPath) -> Result<Conditions> {
        if self.winners(key, &PutMode::Create).await != 1 {
            // It may accept no writes at all, which is another problem.
            self.client.put(key, "trial".into()).await.map_err(failed(DOING, at))?;
            return Ok(Conditions::Ignored);
        }
        let first = self.client.get(key).await.map_err(failed(DOING, at))?;
        let version = PutMode::Update(version_of(&first.meta));
        // A late writer must be refused; the one in time must be the only one.
        let in_time = self.winners(key, &version).await;
        let late = self.winners(key, &version).await;
        Ok(if (in_time, late) == (1, 0) { Conditions::Honoured } else { Conditions::Ignored })
    }

    /// Makes several writers write at once and returns how many were told that they succeeded.
    ///
    /// An answer that is neither success nor a failed condition counts as two, so that it never looks like one
    /// winner. If no writer succeeded, the winner's answer may have been lost: the object shows it.
    async fn winners(&self, key: &Path, mode: &PutMode) -> usize {
        // A version is often the digest of the bytes: the same bytes again would be the same version.
        let texts: Vec<String> = (0..WRITERS).map(|_| uuid::Uuid::new_v4().to_string()).collect();
        let writes = texts.iter().map(|text| {
            let options = PutOptions { mode: mode.clone(), ..PutOptions::default() };
            self.client.put_opts(key, text.clone().into(), options)
        });
        let answers = future::join_all(writes).await;
        let counted = answers.iter().map(|answer| match answer {
            Ok(_) => 1,
            Err(error) if is_late(error) => 0,
            Err(_) => 2,
        });
        match counted.sum() {
            0 => usize::from(self.holds_one_of(key, &texts).await),
            told => told,
        }
    }

    async fn holds_one_of(&self, key: &Path, texts: &[String]) -> bool {
        let Ok(found) = self.client.get(key).await else { return false };
        found.bytes().await.is_ok_and(|bytes| texts.iter().any(|text| text.as_bytes() == bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Abilities, Fill, Put, Share, Shared, Store, StoreErrorKind};
    use futures_util::stream::BoxStream;
    use object_store::memory::InMemory;
    use object_store::{
        Attributes, CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
        PutMultipartOptions, PutPayload, PutResult,
    };
    use std::fmt;
    use std::sync::Arc;

    /// How a store treats a conditional write.
    #[derive(Debug, Clone, Copy)]
    enum Makes {
        /// As a plain write.
        Plain,
        /// An update as a plain write; it honours creation.
        UpdatesPlain,
        /// It refuses even the right version.
        NoUpdates,
        /// It does not support conditions.
        Unknown,
        /// It accepts no writes.
        NoWrites,
        /// It drops metadata.
        NoNotes,
        /// It cannot copy.
        NoCopies,
        /// It copies a file without its metadata.
        BareCopies,
        /// It reports a removal, and keeps the object.
        Keeps,
    }

    /// Objects in memory behind a server that treats conditions in its own way.
    #[derive(Debug)]
    struct Odd(InMemory, Makes);

    impl fmt::Display for Odd {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "odd")
        }
    }

    #[async_trait::async_trait]
    impl object_store::ObjectStore for Odd {
        async fn put_opts(
            &self,
            at: &Path,
            bytes: PutPayload,
            mut options: PutOptions,
        ) -> object_store::Result<PutResult> {
            let path = at.to_string();
            match (self.1, &options.mode) {
                (Makes::NoWrites, _) => return Err(Error::PermissionDenied { path, source: "no".into() }),
                (Makes::NoNotes, PutMode::Overwrite) => options.attributes = Attributes::new(),
                (_, PutMode::Overwrite)
                | (Makes::UpdatesPlain | Makes::NoUpdates, PutMode::Create)
                | (Makes::NoCopies | Makes::BareCopies | Makes::Keeps, _) => {}
                (Makes::Plain | Makes::UpdatesPlain, _) => options.mode = PutMode::Overwrite,
                (Makes::NoUpdates, _) => return Err(Error::Precondition { path, source: "no".into() }),
                (Makes::Unknown, _) => return Err(Error::NotSupported { source: "501".into() }),
                (Makes::NoNotes, _) => options.attributes = Attributes::new(),
            }
            self.0.put_opts(at, bytes, options).await
        }

        async fn put_multipart_opts(
            &self,
            at: &Path,
            options: PutMultipartOptions,
        ) -> object_store::Result<Box<dyn MultipartUpload>> {
            self.0.put_multipart_opts(at, options).await
        }

        async fn get_opts(&self, at: &Path, options: GetOptions) -> object_store::Result<GetResult> {
            self.0.get_opts(at, options).await
        }

        fn delete_stream(
            &self,
            keys: BoxStream<'static, object_store::Result<Path>>,
        ) -> BoxStream<'static, object_store::Result<Path>> {
            if matches!(self.1, Makes::Keeps) { keys } else { self.0.delete_stream(keys) }
        }

        fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
            self.0.list(prefix)
        }

        async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
            self.0.list_with_delimiter(prefix).await
        }

        async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> object_store::Result<()> {
            match self.1 {
                Makes::NoCopies => Err(Error::NotSupported { source: "501".into() }),
                Makes::BareCopies => {
                    let bytes = self.0.get_opts(from, GetOptions::default()).await?.bytes().await?;
                    self.0.put_opts(to, bytes.into(), PutOptions::default()).await.map(drop)
                }
                _ => self.0.copy_opts(from, to, options).await,
            }
        }
    }

    fn tried(makes: Makes) -> Result<ObjectStore> {
        let client = Arc::new(Odd(InMemory::new(), makes));
        ObjectStore::new(client, "odd:", Conditions::Honoured).unwrap().tried_out()
    }

    #[test]
    fn a_store_that_keeps_its_word_is_believed() {
        let client = Arc::new(InMemory::new());
        let store = ObjectStore::new(client, "memory:", Conditions::Ignored).unwrap().tried_out().unwrap();
        assert_eq!(store.conditions(), Conditions::Honoured);
        assert!(store.list(&RelPath::root()).unwrap().entries.is_empty(), "nothing is left of the trial");
    }

    #[test]
    fn a_store_that_does_not_is_used_with_less() {
        for makes in [Makes::Plain, Makes::UpdatesPlain, Makes::NoUpdates, Makes::Unknown] {
            let store = tried(makes).unwrap();
            assert_eq!(store.conditions(), Conditions::Ignored, "{makes:?}");
            let Abilities { creates_once, .. } = store.abilities();
            assert!(!creates_once);
            assert!(store.list(&RelPath::root()).unwrap().entries.is_empty(), "{makes:?}");
        }
    }

    #[test]
    fn what_else_a_store_does_is_found_and_kept_to() {
        let found = |makes| {
            let Abilities { notes, copies, .. } = tried(makes).unwrap().abilities();
            (notes, copies)
        };
        assert_eq!(found(Makes::NoNotes), (false, false));
        assert_eq!(found(Makes::NoCopies), (true, false));
        assert_eq!(found(Makes::BareCopies), (true, false));
        let store = tried(Makes::BareCopies).unwrap();
        let (from, to) = ("m/1/iso".parse().unwrap(), "m/2/iso".parse().unwrap());
        let fill = Fill { mode: 0o444, mtime: None };
        store.fill(&from, &mut &b"bytes"[..], fill).unwrap();
        assert_eq!(store.share(&from, &to, Share::Link, fill).unwrap(), Shared::No);
        assert_eq!(store.look(&to).unwrap(), None);
        let all = ObjectStore::in_memory().unwrap().tried_out().unwrap().abilities();
        assert_eq!((all.notes, all.copies, all.lists_in_order), (true, true, true));
    }

    #[test]
    fn a_store_that_keeps_what_it_is_told_to_remove_is_refused() {
        assert_eq!(tried(Makes::Keeps).unwrap_err().kind(), StoreErrorKind::Unsupported);
    }

    #[test]
    fn what_is_there_is_not_created_again_where_conditions_are_ignored() {
        let (store, at) = (tried(Makes::Plain).unwrap(), RelPath::state("file"));
        store.put(&at, b"first", Put::Create).unwrap();
        let refused = store.put(&at, b"second", Put::Create).unwrap_err();
        assert_eq!(refused.kind(), StoreErrorKind::AlreadyExists);
        assert_eq!(store.read(&at, 10).unwrap(), b"first");
    }

    #[test]
    fn a_store_that_takes_no_writes_is_an_error() {
        assert_eq!(tried(Makes::NoWrites).unwrap_err().kind(), StoreErrorKind::Denied);
    }
}
