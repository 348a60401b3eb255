//! Files that are uploaded in parts, and a note of each unfinished upload, so that none is billed for and forgotten.
//!
//! Nothing of a file is visible until its last part has arrived. Parts whose sender was killed stay in the bucket,
//! and the crate `object_store` does not list uploads (`begun` asks an S3 server itself, to report those of other
//! programs). So if a store names uploads (S3, Google Cloud Storage), the name is noted below `.mirrorkeep/uploads`
//! before the first part is sent, the note is renewed while parts are sent, and it is removed when the upload has
//! ended: any process can abort an upload by a note that is left. Azure does not name uploads, cannot abort them, and
//! itself drops what was not completed within a week.

use super::fault::failed;
use super::find::attributes;
use super::list_uploads::PendingUpload;
use super::place::{WRITE, was_written_by};
use super::{Client, ObjectStore};
use crate::model::RelPath;
use crate::store::{Entry, Result, StoreError, Unfinished};
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{
    Attributes, Error, MultipartId, MultipartUpload, ObjectStoreExt, PutMultipartOptions, PutOptions,
};
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// The number of parts of one file that are in flight at once.
const AT_ONCE: usize = 2;

/// How often a sender renews its note; a note that is several times as old is abandoned.
const SIGN_OF_LIFE: Duration = Duration::from_mins(10);

/// A client that uploads files in parts and names each upload.
pub(super) trait Parts: MultipartStore + Debug {}

impl<T: MultipartStore + Debug> Parts for T {}

/// A file that is uploaded in parts, and the parts that are in flight.
pub(super) struct Upload {
    way: Way,
    begun: usize,
    sending: JoinSet<object_store::Result<(usize, PartId)>>,
    arrived: Vec<(usize, PartId)>,
}

/// How parts are uploaded.
enum Way {
    /// By the name that the store gave the upload.
    Noted(Noted),
    /// The store gave no name.
    Nameless(Box<dyn MultipartUpload>),
}

/// An upload with a name, and the note of it.
struct Noted {
    parts: Arc<dyn Parts>,
    client: Arc<Client>,
    key: Path,
    id: MultipartId,
    /// The last component of its path is the ID of the write.
    note: Path,
    text: Vec<u8>,
    written: Instant,
}

/// The contents of a note.
#[derive(Serialize, Deserialize)]
struct Note {
    /// The version of the form.
    upload: u32,
    /// The path of the file.
    to: RelPath,
    /// The name that the store gave the upload.
    id: MultipartId,
}

impl Upload {
    /// Begins the upload of a file, and notes that.
    pub(super) async fn begin(
        store: &ObjectStore,
        at: &RelPath,
        key: &Path,
        mut attributes: Attributes,
    ) -> object_store::Result<Self> {
        let name = uuid::Uuid::new_v4().simple().to_string();
        attributes.insert(WRITE, name.clone().into());
        let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
        let way = match &store.parts {
            Some(parts) => {
                let id = parts.create_multipart_opts(key, options).await?;
                Way::Noted(Noted::write(store, Arc::clone(parts), at, key.clone(), id, &name).await?)
            }
            None => Way::Nameless(store.client.put_multipart_opts(key, options).await?),
        };
        Ok(Self { way, begun: 0, sending: JoinSet::new(), arrived: Vec::new() })
    }

    /// Starts sending one part, once few enough are in flight.
    pub(super) async fn send(&mut self, part: Vec<u8>) -> object_store::Result<()> {
        while self.sending.len() >= AT_ONCE {
            self.arrived().await?;
        }
        let number = self.begun;
        self.begun += 1;
        match &mut self.way {
            Way::Noted(noted) => {
                noted.still_here().await?;
                let (parts, key, id) = (Arc::clone(&noted.parts), noted.key.clone(), noted.id.clone());
                self.sending.spawn(async move {
                    let sent = parts.put_part(&key, &id, number, part.into()).await?;
                    Ok((number, sent))
                });
            }
            Way::Nameless(upload) => {
                let sent = upload.put_part(part.into());
                self.sending.spawn(async move {
                    sent.await?;
                    Ok((number, PartId { content_id: String::new() }))
                });
            }
        }
        Ok(())
    }

    /// Waits for all parts and makes the file visible.
    pub(super) async fn finish(&mut self) -> object_store::Result<()> {
        while !self.sending.is_empty() {
            self.arrived().await?;
        }
        match &mut self.way {
            Way::Noted(noted) => {
                self.arrived.sort_by_key(|(number, _)| *number);
                let sent = self.arrived.drain(..).map(|(_, part)| part).collect();
                match noted.parts.complete_multipart(&noted.key, &noted.id, sent).await {
                    // It may be completed already, with only the answer lost.
                    Err(Error::NotFound { .. }) if noted.has_arrived().await? => {}
                    done => drop(done?),
                }
                // The file exists: a note that stays is found and deleted like those of dead senders.
                noted.client.delete(&noted.note).await.ok();
                Ok(())
            }
            Way::Nameless(upload) => upload.complete().await.map(drop),
        }
    }

    /// Aborts the upload.
    pub(super) async fn give_up(&mut self) -> object_store::Result<()> {
        self.sending.shutdown().await;
        match &mut self.way {
            Way::Noted(noted) => {
                given_up(&*noted.parts, &noted.key, &noted.id).await?;
                noted.client.delete(&noted.note).await
            }
            Way::Nameless(upload) => upload.abort().await,
        }
    }

    async fn arrived(&mut self) -> object_store::Result<()> {
        match self.sending.join_next().await {
            None => Ok(()),
            Some(Ok(arrived)) => {
                self.arrived.push(arrived?);
                Ok(())
            }
            Some(Err(error)) => Err(Error::Generic { store: "upload", source: error.into() }),
        }
    }
}

impl Noted {
    /// Writes the note of an upload that was just begun; if that fails, the upload is aborted.
    async fn write(
        store: &ObjectStore,
        parts: Arc<dyn Parts>,
        at: &RelPath,
        key: Path,
        id: MultipartId,
        name: &str,
    ) -> object_store::Result<Self> {
        let note = Path::from(uploads().child(name).unwrap_or_default().as_str());
        let text = Note { upload: 1, to: at.clone(), id: id.clone() };
        // Plain data always serializes.
        let text = serde_json::to_vec(&text).unwrap_or_default();
        let (client, written) = (Arc::clone(&store.client), Instant::now());
        let mut noted = Self { parts, client, key, id, note, text, written };
        let Err(error) = noted.put().await else { return Ok(noted) };
        // Best effort: the first failure is the one to report.
        given_up(&*noted.parts, &noted.key, &noted.id).await.ok();
        noted.client.delete(&noted.note).await.ok();
        Err(error)
    }

    /// Returns whether the file exists, and is the one that was uploaded here.
    async fn has_arrived(&self) -> object_store::Result<bool> {
        match was_written_by(&*self.client, &self.key, self.note.filename().unwrap_or_default()).await {
            Err(Error::NotFound { .. }) => Ok(false),
            found => found,
        }
    }

    /// Renews the note when it is about to look old.
    async fn still_here(&mut self) -> object_store::Result<()> {
        if self.written.elapsed() < SIGN_OF_LIFE { Ok(()) } else { self.put().await }
    }

    async fn put(&mut self) -> object_store::Result<()> {
        let options = PutOptions { attributes: attributes(0o600), ..PutOptions::default() };
        self.client.put_opts(&self.note, self.text.clone().into(), options).await?;
        self.written = Instant::now();
        Ok(())
    }
}

impl ObjectStore {
    /// Returns the files that are being uploaded in parts according to a note.
    pub(super) async fn noted_uploads(&self) -> Result<Vec<Unfinished>> {
        let mut unfinished = Vec::new();
        for found in self.all_below(&uploads()).await? {
            let said = match self.note(&found.path).await {
                // It has ended.
                Err(error) if error.is_not_found() => continue,
                said => said?,
            };
            let (to, id) = said.map_or((found.path.clone(), String::new()), |note| (note.to, note.id));
            let seen = Entry::listed(&found).ctime;
            unfinished.push(Unfinished { to, id, note: Some(found.path), seen });
        }
        Ok(unfinished)
    }

    /// Adds the uploads that the server lists and that were not noted.
    pub(super) async fn and_others(&self, mut noted: Vec<Unfinished>) -> Result<Vec<Unfinished>> {
        let Some(begun) = &self.begun else { return Ok(noted) };
        for PendingUpload { key, id, begun } in
            begun.list().await.map_err(failed("list the uploads of", &self.shown))?
        {
            // A key that a path cannot represent is not one of mirrorkeep's uploads.
            let Ok(to) = key.parse() else { continue };
            if !noted.iter().any(|upload| (&upload.to, &upload.id) == (&to, &id)) {
                noted.push(Unfinished { to, id, note: None, seen: begun });
            }
        }
        Ok(noted)
    }

    /// Aborts an upload and removes its note; one that was completed in the meantime is left as it is.
    pub(super) async fn give_up_upload(&self, upload: &Unfinished) -> Result<()> {
        const DOING: &str = "give up the upload of";
        if let Some(note) = &upload.note
            && self.find_file(note).await?.is_none()
        {
            return Ok(());
        }
        // Without a name, the request could be taken for one to remove the file.
        if let Some(parts) = self.parts.as_ref().filter(|_| !upload.id.is_empty()) {
            let key = super::key::file_key(&upload.to, DOING)?;
            given_up(&**parts, &key, &upload.id).await.map_err(failed(DOING, &upload.to))?;
        }
        match &upload.note {
            Some(note) => self.remove_object(note).await,
            None => Ok(()),
        }
    }

    /// Reads a note; nothing if the file is not a note of an upload.
    async fn note(&self, at: &RelPath) -> Result<Option<Note>, StoreError> {
        const LIMIT: u64 = 64 << 10;
        let bytes = self.read_whole(at, LIMIT).await?;
        Ok(serde_json::from_slice(&bytes).ok().filter(|note: &Note| note.upload == 1 && !note.id.is_empty()))
    }
}

/// Aborts an upload; succeeds if it was completed or aborted already.
async fn given_up(parts: &dyn Parts, key: &Path, id: &MultipartId) -> object_store::Result<()> {
    match parts.abort_multipart(key, id).await {
        Err(Error::NotFound { .. }) => Ok(()),
        given_up => given_up,
    }
}

fn uploads() -> RelPath {
    RelPath::state("uploads")
}

#[cfg(test)]
mod tests;
