//! Copying an image from one repository to another: blobs first, then the manifests that name them, then the tag.
//!
//! A manifest that the target has is complete there, so its blobs are not looked up; of an index every manifest is
//! looked up, since a registry may delete children of an index. Layers that are not in any registry (media types
//! `…foreign…` and `…nondistributable…`) are not copied: a client reads them from the address in the manifest, and a
//! registry that requires them refuses the manifest. Signatures and attestations that other tags keep beside an image
//! are images of their own.

use super::api::Api;
use super::error::{Act, RegistryError};
use super::manifest::{Descriptor, Manifest};
use super::upload::{Brought, Way};
use crate::model::Digest;
use crate::model::registry::{Image, Reference, Repository};
use crate::progress::Watch;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use std::collections::BTreeMap;

/// The number of blobs that are copied at once.
const AT_ONCE: usize = 4;

/// The maximum nesting of indexes.
const DEEPEST: usize = 4;

/// The maximum number of manifests and blobs of one image.
const MOST: usize = 10_000;

/// The report of copying one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// The digest of the image.
    pub digest: Digest,
    /// The number of blobs that were sent.
    pub sent: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// The number of blobs that the registry mounted from another of its repositories.
    pub mounted: u64,
    /// The number of manifests that were written, the tag included.
    pub manifests: u64,
    /// The number of layers that were left out since they are not in any registry.
    pub foreign: u64,
}

/// The remaining work.
#[derive(Default)]
struct Work {
    /// The manifests that the target does not have, children first.
    manifests: Vec<Manifest>,
    /// The blobs of these.
    blobs: BTreeMap<Digest, Descriptor>,
    foreign: usize,
    /// The number of descriptors that were read.
    seen: usize,
}

/// Fails for an image of which more is to be looked at than any has.
fn bounded(act: &Act, seen: usize, depth: usize) -> Result<(), RegistryError> {
    if depth >= DEEPEST || seen > MOST {
        return Err(
            act.unsound(format!("it has more than {MOST} parts, or indexes more than {DEEPEST} deep"))
        );
    }
    Ok(())
}

impl Api {
    /// Copies an image, and gives it the tag of `to`.
    pub(super) async fn copy(
        &self,
        from: &Image,
        to: &Image,
        watch: &dyn Watch,
    ) -> Result<Copied, RegistryError> {
        let root = self.manifest(from).await?;
        let (digest, (from, target)) = (root.digest, (&from.repository, &to.repository));
        let is_there = from == target || self.look(&target.at(digest)).await?.is_some();
        let is_tagged = match &to.reference {
            Reference::Tag(_) if is_there => {
                self.look(to).await?.is_some_and(|tagged| tagged.digest == digest)
            }
            _ => is_there,
        };
        let mut work = Work::default();
        if from == target {
            self.is_whole(&root, from, &mut work.seen, 0).await?;
        } else {
            self.collect(&root, is_there, from, target, &mut work, 0).await?;
        }
        let (sent, bytes, mounted) = self.bring_all(&work, from, target, watch).await?;
        let mut manifests = 0;
        for manifest in work.manifests.iter().filter(|manifest| manifest.digest != digest) {
            self.put_manifest(&target.at(manifest.digest), manifest).await?;
            manifests += 1;
        }
        if !is_tagged {
            self.put_manifest(to, &root).await?;
            manifests += 1;
        }
        Ok(Copied { digest, sent, bytes, mounted, manifests, foreign: work.foreign as u64 })
    }

    /// Fails unless a repository has every manifest that an index in it names: one may have been deleted, and nothing
    /// copies it again.
    async fn is_whole(
        &self,
        manifest: &Manifest,
        at: &Repository,
        seen: &mut usize,
        depth: usize,
    ) -> Result<(), RegistryError> {
        let act = Act::new("use", at.at(manifest.digest), at.host().name());
        let parts = manifest.parts().map_err(|why| act.unsound(why))?;
        *seen += parts.manifests.len();
        bounded(&act, *seen, depth)?;
        for child in &parts.manifests {
            let image = at.at(child.digest);
            if self.look(&image).await?.is_none() {
                let why = format!("it names sha256:{}, which the registry does not have", child.digest);
                return Err(act.unsound(why));
            }
            if child.is_index() {
                let found = self.manifest(&image).await?;
                Box::pin(self.is_whole(&found, at, seen, depth + 1)).await?;
            }
        }
        Ok(())
    }

    /// Collects what the target does not have of a manifest, children first.
    async fn collect(
        &self,
        manifest: &Manifest,
        is_there: bool,
        from: &Repository,
        to: &Repository,
        work: &mut Work,
        depth: usize,
    ) -> Result<(), RegistryError> {
        let act = Act::new("copy", from.at(manifest.digest), from.host().name());
        let parts = manifest.parts().map_err(|why| act.unsound(why))?;
        work.seen += parts.manifests.len() + parts.blobs.len();
        work.foreign += parts.foreign;
        bounded(&act, work.seen, depth)?;
        for child in &parts.manifests {
            if work.manifests.iter().any(|known| known.digest == child.digest) {
                continue;
            }
            let is_there = self.look(&to.at(child.digest)).await?.is_some();
            if is_there && !child.is_index() {
                continue;
            }
            let found = self.manifest(&from.at(child.digest)).await?;
            if found.descriptor() != *child {
                let why = format!("it names sha256:{} with another size or media type", child.digest);
                return Err(act.unsound(why));
            }
            Box::pin(self.collect(&found, is_there, from, to, work, depth + 1)).await?;
        }
        if !is_there {
            work.blobs.extend(parts.blobs.into_iter().map(|blob| (blob.digest, blob)));
            work.manifests.push(manifest.clone());
        }
        Ok(())
    }

    /// Copies every missing blob, several at once; returns how many were sent, their bytes, and how many were
    /// mounted.
    async fn bring_all(
        &self,
        work: &Work,
        from: &Repository,
        to: &Repository,
        watch: &dyn Watch,
    ) -> Result<(u64, u64, u64), RegistryError> {
        let each = work.blobs.values().map(|blob| async move {
            let how = self.bring(&Way { blob, from, to }, watch).await?;
            Ok::<_, RegistryError>((how, blob.size))
        });
        let count = |(sent, bytes, mounted), (how, size)| async move {
            Ok(match how {
                Brought::There => (sent, bytes, mounted),
                Brought::Mounted => (sent, bytes, mounted + 1),
                Brought::Sent => (sent + 1, bytes + size, mounted),
            })
        };
        stream::iter(each).buffer_unordered(AT_ONCE).try_fold((0, 0, 0), count).await
    }
}
