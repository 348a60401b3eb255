//! Removing everything below a path, in bulk.
//!
//! Keys are removed as they are listed, as many in a request as the vendor takes and several requests at once. A link
//! is an object of its own, so nothing beyond it is ever touched. One failure does not stop the rest.

use super::ObjectStore;
use super::fault::failed;
use super::key::{below_key, keys_at, not_the_root};
use crate::store::{Result, Swept};
use crate::word::RelPath;
use futures_util::{StreamExt, future, stream};
use object_store::Error;

impl ObjectStore {
    pub(super) async fn sweep_all(&self, at: &RelPath) -> Swept {
        match self.sweep_keys(at).await {
            Ok(swept) => swept,
            Err(error) => Swept { removed: 0, failures: vec![error] },
        }
    }

    async fn sweep_keys(&self, at: &RelPath) -> Result<Swept> {
        const DOING: &str = "remove the tree";
        not_the_root(at, DOING)?;
        // Stores do not say whether a key that is removed was there: only what was seen is counted.
        let itself = future::join_all(keys_at(at, DOING)?.into_iter().map(|key| async {
            let head = object_store::ObjectStoreExt::head(&*self.client, &key).await;
            (!matches!(head, Err(Error::NotFound { .. }))).then_some(Ok(key))
        }))
        .await
        .into_iter()
        .flatten();
        let below =
            self.client.list(Some(&below_key(at, DOING)?)).map(|found| found.map(|meta| meta.location));
        let mut answers = self.client.delete_stream(stream::iter(itself).chain(below).boxed());
        let mut swept = Swept::default();
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(_) => swept.removed += 1,
                Err(Error::NotFound { .. }) => {}
                Err(error) => swept.failures.push(failed(DOING, at)(error)),
            }
        }
        Ok(swept)
    }
}
