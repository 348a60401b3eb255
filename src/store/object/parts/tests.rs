//! Servers that forget uploads, and senders that fail, die or take long.

use super::*;
use crate::store::object::Conditions;
use crate::store::{Fill, Store, Uploads};
use object_store::memory::InMemory;
use object_store::{PutPayload, PutResult};
use std::sync::Mutex;

/// What a server does with a request to complete an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    It,
    /// It answers that it does not know the upload.
    ItAndForgets,
    NothingAndForgets,
}

/// A server that is slow with the first part of each file, and the requests at the end.
#[derive(Debug)]
struct Odd {
    memory: Arc<InMemory>,
    does: Does,
    asked: Mutex<Vec<String>>,
}

#[async_trait::async_trait]
impl MultipartStore for Odd {
    async fn create_multipart(&self, at: &Path) -> object_store::Result<MultipartId> {
        self.memory.create_multipart(at).await
    }

    async fn create_multipart_opts(
        &self,
        at: &Path,
        options: PutMultipartOptions,
    ) -> object_store::Result<MultipartId> {
        self.memory.create_multipart_opts(at, options).await
    }

    async fn put_part(
        &self,
        at: &Path,
        id: &MultipartId,
        number: usize,
        part: PutPayload,
    ) -> object_store::Result<PartId> {
        if number == 0 {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        self.memory.put_part(at, id, number, part).await?;
        Ok(PartId { content_id: number.to_string() })
    }

    async fn complete_multipart(
        &self,
        at: &Path,
        id: &MultipartId,
        parts: Vec<PartId>,
    ) -> object_store::Result<PutResult> {
        let order: Vec<&str> = parts.iter().map(|part| &*part.content_id).collect();
        self.asked.lock().unwrap().push(order.join(" "));
        if self.does != Does::NothingAndForgets {
            let put = self.memory.complete_multipart(at, id, parts).await?;
            if self.does == Does::It {
                return Ok(put);
            }
        }
        Err(Error::NotFound { path: at.to_string(), source: "no such upload".into() })
    }

    async fn abort_multipart(&self, at: &Path, id: &MultipartId) -> object_store::Result<()> {
        self.asked.lock().unwrap().push("give up".to_owned());
        self.memory.abort_multipart(at, id).await.ok();
        Err(Error::NotFound { path: at.to_string(), source: "no such upload".into() })
    }
}

fn odd(does: Does) -> (ObjectStore, Arc<Odd>) {
    let memory = Arc::new(InMemory::new());
    let client = Arc::<InMemory>::clone(&memory);
    let parts = Arc::new(Odd { memory, does, asked: Mutex::default() });
    let store = ObjectStore::new(client, "memory:", Conditions::Honoured).unwrap();
    (store.naming_uploads(Arc::<Odd>::clone(&parts)), parts)
}

const FILL: Fill = Fill { mode: 0o444, mtime: None };

#[test]
fn a_lost_answer_at_the_end_is_settled_by_looking() {
    let (at, bytes) = ("a/iso".parse().unwrap(), vec![1; 17 << 20]);
    for (does, arrives) in [(Does::ItAndForgets, true), (Does::NothingAndForgets, false)] {
        let (store, _) = odd(does);
        let filled = store.fill(&at, &mut &*bytes, FILL);
        assert_eq!(filled.is_ok(), arrives, "{does:?}");
        assert_eq!(store.look(&at).unwrap().is_some(), arrives, "{does:?}");
        assert_eq!(store.unfinished(Uploads::Noted).unwrap(), [], "{does:?}");
    }
}

#[test]
fn a_file_that_somebody_else_put_there_is_not_taken_for_the_one_that_was_sent() {
    let at = "a/iso".parse().unwrap();
    let (store, _) = odd(Does::NothingAndForgets);
    store.fill(&at, &mut &b"of others"[..], FILL).unwrap();
    store.fill(&at, &mut &*vec![1; 17 << 20], FILL).unwrap_err();
}

#[test]
fn parts_are_put_together_in_their_order_whichever_arrived_first() {
    let (store, parts) = odd(Does::It);
    let bytes = vec![1; 50 << 20];
    store.fill(&"a/iso".parse().unwrap(), &mut &*bytes, FILL).unwrap();
    assert_eq!(*parts.asked.lock().unwrap(), ["0 1 2 3"]);
}

#[test]
fn who_cannot_read_on_gives_up_what_was_sent() {
    struct Ends(usize);
    impl std::io::Read for Ends {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.0 = self.0.checked_sub(buffer.len()).ok_or(std::io::ErrorKind::BrokenPipe)?;
            Ok(buffer.len())
        }
    }
    let (store, parts) = odd(Does::It);
    store.fill(&"a/iso".parse().unwrap(), &mut Ends(20 << 20), FILL).unwrap_err();
    assert_eq!(*parts.asked.lock().unwrap(), ["give up"]);
}

#[test]
fn whoever_sends_for_long_gives_a_sign_of_life() {
    let store = ObjectStore::in_memory().unwrap();
    let at: RelPath = "a/iso".parse().unwrap();
    let key = Path::from("a/iso");
    let mut upload = store.wait_for(Upload::begin(&store, &at, &key, Attributes::new())).unwrap();
    let told = store.unfinished(Uploads::Noted).unwrap();
    store.remove(told[0].note.as_ref().unwrap()).unwrap();
    let mut again = |ago: Duration| {
        let Way::Noted(noted) = &mut upload.way else { panic!("it has no name") };
        noted.written = Instant::now().checked_sub(ago).unwrap();
        store.wait_for(upload.send(vec![1])).unwrap();
        store.unfinished(Uploads::Noted).unwrap().len()
    };
    assert_eq!(again(SIGN_OF_LIFE / 2), 0);
    assert_eq!(again(SIGN_OF_LIFE), 1);
}
