//! A repository of a registry as it is read before tags are deleted: every tag, and the contents of indexes.

use crate::commit::carried::CarryError;
use crate::commit::tags::at_once;
use crate::decide::image_prune::{SeenTag, TagKept, kept_tags};
use crate::mirror::Mirror;
use crate::model::registry::{Image, Repository};
use crate::model::{BuildId, Digest, shown};
use crate::registry::{Descriptor, Registries, RegistryError};
use std::collections::{BTreeMap, BTreeSet};

/// The maximum number of manifests of indexes that are read in one repository.
const MOST: usize = 100_000;

/// A tag of a repository.
#[derive(Debug)]
pub(super) struct ReadTag {
    pub(super) tag: String,
    pub(super) digest: Digest,
    pub(super) is_index: bool,
    /// The builds to which the tag belongs.
    pub(super) builds: BTreeSet<BuildId>,
    /// Why it stays; nothing if it is deleted.
    pub(super) kept: Option<TagKept>,
}

/// Reads a repository, and decides which of its tags are deleted; `about` returns the builds of a tag, and why it
/// stays for them.
///
/// # Errors
///
/// What cannot be read may need any digest, so it is an error.
pub(super) fn read(
    mirror: &Mirror,
    registries: &Registries,
    repository: &Repository,
    about: impl Fn(&str, Digest) -> (BTreeSet<BuildId>, Result<(), TagKept>),
    stated: &BTreeSet<Digest>,
) -> Result<Vec<ReadTag>, CarryError> {
    let tags = registries.tags(repository)?;
    let images = tags.iter().map(|tag| repository.tagged(tag).map_err(RegistryError::from));
    let images = images.collect::<Result<Vec<Image>, RegistryError>>()?;
    let found = at_once(mirror, &images, |image| Ok(registries.look(image)?))?;
    let (mut seen, mut read, mut staying) = (Vec::new(), Vec::new(), Vec::new());
    // A missing tag was deleted during that time.
    for (tag, is) in tags.into_iter().zip(found).filter_map(|(tag, found)| Some((tag, found?))) {
        let (digest, is_index) = (is.digest, is.is_index());
        let (builds, swept) = about(&tag, digest);
        if swept.is_err() {
            staying.push(is);
        }
        read.push(ReadTag { tag: tag.clone(), digest, is_index, builds, kept: swept.err() });
        seen.push(SeenTag { tag, digest, swept });
    }
    if staying.len() == seen.len() {
        return Ok(read);
    }
    let of_digest: Vec<Image> = stated.iter().map(|digest| repository.at(*digest)).collect();
    let found = at_once(mirror, &of_digest, |image| Ok(registries.look(image)?))?;
    staying.extend(found.into_iter().flatten());
    let indexes = indexes(mirror, registries, repository, staying)?;
    for (tag, kept) in read.iter_mut().zip(kept_tags(&seen, &indexes, stated)) {
        tag.kept = kept;
    }
    Ok(read)
}

/// Returns the contents of each of these manifests that is an index, and of each index in one.
fn indexes(
    mirror: &Mirror,
    registries: &Registries,
    repository: &Repository,
    mut open: Vec<Descriptor>,
) -> Result<BTreeMap<Digest, BTreeSet<Digest>>, CarryError> {
    let (mut indexes, mut known) = (BTreeMap::new(), BTreeSet::new());
    while !open.is_empty() {
        open.retain(|one| known.insert(one.digest));
        if known.len() > MOST {
            let why = format!("its indexes have more than {MOST} manifests");
            return Err(CarryError::Repository { repository: repository.to_string(), why });
        }
        let unknown = open.iter().find(|one| !one.is_known());
        if let Some(one) = unknown {
            let kind = shown(&one.media_type);
            let why = format!("sha256:{} is of the kind `{kind}`, which is not known", one.digest);
            return Err(CarryError::Repository { repository: repository.to_string(), why });
        }
        open.retain(Descriptor::is_index);
        let read = at_once(mirror, &open, |one| {
            let image = repository.at(one.digest);
            let parts = registries.manifest(&image)?.parts();
            parts.map_err(|why| CarryError::Repository { repository: image.to_string(), why })
        })?;
        let (mut next, mut odd) = (Vec::new(), Vec::new());
        for (one, parts) in open.into_iter().zip(read) {
            let named = parts.manifests.iter().chain(&parts.blobs).map(|child| child.digest);
            indexes.insert(one.digest, named.collect());
            next.extend(parts.manifests);
            odd.extend(parts.blobs.into_iter().map(|child| repository.at(child.digest)));
        }
        // An index can name a manifest under the media type of something else.
        let found = at_once(mirror, &odd, |image| Ok(registries.look(image)?))?;
        next.extend(found.into_iter().flatten());
        open = next;
    }
    Ok(indexes)
}
