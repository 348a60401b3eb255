//! Reading a list of images of a build, whatever is at its path.

use crate::mirror::{Mirror, chain};
use crate::model::RelPath;
use crate::record::{IMAGE_LIST_LIMIT, ImageListError};
use crate::store::Kind;

/// Returns the bytes of a list that has this kind and size, or why they are not read.
pub(crate) fn image_list(mirror: &Mirror, at: &RelPath, kind: Kind, size: u64) -> Result<Vec<u8>, String> {
    let other = match kind {
        Kind::File if size > IMAGE_LIST_LIMIT => return Err(ImageListError::Large.to_string()),
        Kind::File => return mirror.store().read(at, IMAGE_LIST_LIMIT).map_err(|error| chain(&error)),
        Kind::Dir => "a directory",
        Kind::Link => "a symlink",
        Kind::Other => "a device, FIFO or socket",
    };
    Err(format!("it is {other}"))
}
