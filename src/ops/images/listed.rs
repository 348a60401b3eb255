//! The references in the lists of a build, wherever its tree is: the images that the build needs.

use super::ImagesError;
use crate::layout::Images;
use crate::mirror::{Mirror, Trashed, chain};
use crate::model::{BuildId, ImageRef, RelPath};
use crate::ops::observe::image_list::image_list;
use crate::record::ImageList;
use crate::store::{Kind, StoreError};

/// The images that the lists of a build need.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub(super) images: Vec<ImageRef>,
    /// The lines that are not references; they may need any image that they name.
    pub(super) odd: Vec<String>,
}

/// Returns the images that the lists of a build whose tree is at `root` need.
///
/// # Errors
///
/// An unreadable list may need any image, so it is an error.
pub(super) fn listed(
    mirror: &Mirror,
    images: Images<'_>,
    id: &BuildId,
    root: &RelPath,
) -> Result<Listed, ImagesError> {
    let unread = |at: &RelPath, why: String| ImagesError::Unread(root.join(at), why);
    let (mut all, mut open) = (Listed::default(), vec![RelPath::root()]);
    while let Some(dir) = open.pop().filter(|_| images.has_lists()) {
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
    Ok(all)
}

/// Returns where the tree of a build in the trash is.
pub(super) fn trashed_tree(mirror: &Mirror, trashed: &Trashed) -> Result<RelPath, StoreError> {
    let tree = trashed.at.child(mirror.trash_sign()).unwrap_or_default();
    let is_tree = mirror.store().look(&tree)?.is_some_and(|entry| entry.kind == Kind::Dir);
    Ok(if is_tree { tree } else { trashed.ticket.path.clone() })
}
