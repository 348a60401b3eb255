//! Removing everything below a path, or a list of objects, in bulk.
//!
//! Keys are removed while they are listed, as many in a request as the vendor accepts and several requests at once. A
//! link is an object of its own, so nothing beyond it is touched. A failure does not stop the rest.

use super::ObjectStore;
use super::fault::failed;
use super::key::{below_key, file_key, keys_at, link_key, not_the_root};
use crate::model::RelPath;
use crate::store::{Kind, Result, StoreError, StoreErrorKind, Swept};
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, future};
use object_store::Error;
use object_store::path::Path;

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
        // Stores do not report whether a removed key existed: only keys that were listed are counted.
        let itself = future::join_all(keys_at(at, DOING)?.into_iter().map(|key| async {
            let head = object_store::ObjectStoreExt::head(&*self.client, &key).await;
            (!matches!(head, Err(Error::NotFound { .. }))).then_some(Ok(key))
        }))
        .await
        .into_iter()
        .flatten();
        let below =
            self.client.list(Some(&below_key(at, DOING)?)).map(|found| found.map(|meta| meta.location));
        Ok(self.sweep_stream(stream::iter(itself).chain(below).boxed(), DOING, at).await)
    }

    /// Removes exactly these files and links, as many in a request as the vendor accepts.
    pub(super) async fn remove_these(&self, these: &[(RelPath, Kind)]) -> Swept {
        const DOING: &str = "remove";
        let (mut keys, mut failures) = (Vec::new(), Vec::new());
        for (at, kind) in these {
            let key = match kind {
                Kind::File => file_key(at, DOING),
                Kind::Link => link_key(at, DOING),
                Kind::Dir | Kind::Other => {
                    let why = "it is neither a file nor a link";
                    Err(StoreError::because(StoreErrorKind::WrongKind, DOING, at, why))
                }
            };
            match not_the_root(at, DOING).and(key) {
                Ok(key) => keys.push(Ok(key)),
                Err(error) => failures.push(error),
            }
        }
        let Some((first, _)) = these.first().filter(|_| !keys.is_empty()) else {
            return Swept { removed: 0, failures };
        };
        let swept = self.sweep_stream(stream::iter(keys).boxed(), DOING, first).await;
        failures.extend(swept.failures);
        Swept { removed: swept.removed, failures }
    }

    /// Removes keys as they arrive; `at` is named in failures.
    async fn sweep_stream(
        &self,
        keys: BoxStream<'static, object_store::Result<Path>>,
        doing: &'static str,
        at: &RelPath,
    ) -> Swept {
        let mut answers = self.client.delete_stream(keys);
        let mut swept = Swept::default();
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(_) => swept.removed += 1,
                Err(Error::NotFound { .. }) => {}
                Err(error) => swept.failures.push(failed(doing, at)(error)),
            }
        }
        swept
    }
}
