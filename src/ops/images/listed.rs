//! The references in the lists of a build, wherever its tree is: the images that the build needs.

use super::ImagesError;
use crate::layout::Images;
use crate::mirror::{MANIFEST_LIMIT, Mirror, Trashed, chain};
use crate::model::{BuildId, Digest, ImageRef, RelPath};
use crate::ops::observe::image_list::image_list;
use crate::record::{ImageList, ManifestLine, manifest_lines};
use crate::store::{Kind, StoreError};
use std::collections::BTreeMap;

/// The images that the lists of a build need.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub(super) images: Vec<ImageRef>,
    /// The lines that are not references; they may need any image that they name.
    pub(super) odd: Vec<String>,
}

/// The tree of a build.
pub(super) struct BuildTree {
    pub(super) id: BuildId,
    /// Its path.
    pub(super) root: RelPath,
    /// Where its manifest is.
    pub(super) manifest: RelPath,
}

/// Returns the images that the lists of a build need.
///
/// # Errors
///
/// A list that cannot be read, is missing or has other bytes than were published may need any image, so it is an error.
pub(super) fn listed(mirror: &Mirror, images: Images<'_>, tree: &BuildTree) -> Result<Listed, ImagesError> {
    let BuildTree { id, root, .. } = tree;
    let unread = |at: &RelPath, why: String| ImagesError::Unread(root.join(at), why);
    if !images.has_lists() {
        return Ok(Listed::default());
    }
    let mut published = published(mirror, images, tree)?;
    let (mut all, mut open) = (Listed::default(), vec![RelPath::root()]);
    while let Some(dir) = open.pop() {
        let found = match mirror.store().scan(&root.join(&dir)) {
            Err(error) if error.is_not_found() => continue,
            found => found.map_err(|error: StoreError| unread(&dir, chain(&error)))?,
        };
        if let Some((name, error)) = found.unread.into_iter().next() {
            return Err(unread(&dir.child(&name).unwrap_or_default(), chain(&error)));
        }
        for one in found.entries {
            let Ok(at) = dir.child(&one.name) else { continue };
            if images.list(id, &at).is_some() {
                let bytes = image_list(mirror, &root.join(&at), one.entry.kind, one.entry.size);
                let bytes = bytes.map_err(|why| unread(&at, why))?;
                if published.remove(&at).is_some_and(|digest| digest != Digest::of(&bytes)) {
                    return Err(unread(&at, "it has other bytes than were published".to_owned()));
                }
                let list = ImageList::parse(&bytes).map_err(|error| unread(&at, error.to_string()))?;
                for line in list.lines {
                    match line.image {
                        Ok(image) => all.images.push(image),
                        Err(_) => all.odd.push(line.text),
                    }
                }
            } else if one.entry.kind == Kind::Dir && images.leads(&at) {
                open.push(at);
            }
        }
    }
    match published.pop_first() {
        Some((at, _)) => Err(unread(&at, "it was published, and is missing".to_owned())),
        None => Ok(all),
    }
}

/// Returns the lists of a build that were published, with their digests; none if the build has no manifest.
fn published(
    mirror: &Mirror,
    images: Images<'_>,
    BuildTree { id, manifest, .. }: &BuildTree,
) -> Result<BTreeMap<RelPath, Digest>, ImagesError> {
    let unread = |why: String| ImagesError::Unread(manifest.clone(), why);
    let bytes = match mirror.store().read(manifest, MANIFEST_LIMIT) {
        Err(error) if error.is_not_found() => return Ok(BTreeMap::new()),
        bytes => bytes.map_err(|error| unread(chain(&error)))?,
    };
    let mut lists = BTreeMap::new();
    for line in manifest_lines(&bytes) {
        let ManifestLine::File(file) = line.map_err(|error| unread(error.to_string()))? else { continue };
        let Ok(at) = file.path.parse::<RelPath>() else { continue };
        if images.list(id, &at).is_some() {
            let digest = file.digest.parse().map_err(|_| unread(format!("the digest of `{at}` is none")))?;
            lists.insert(at, digest);
        }
    }
    Ok(lists)
}

/// Returns where the tree of a build in the trash is.
pub(super) fn trashed_tree(mirror: &Mirror, trashed: &Trashed) -> Result<RelPath, StoreError> {
    let tree = trashed.at.child(mirror.trash_sign()).unwrap_or_default();
    let is_tree = mirror.store().look(&tree)?.is_some_and(|entry| entry.kind == Kind::Dir);
    Ok(if is_tree { tree } else { trashed.ticket.path.clone() })
}
