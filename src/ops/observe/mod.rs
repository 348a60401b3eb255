//! What is on the disk, read with its lists of checksums.

pub(crate) mod disk;
pub(crate) mod image_list;
pub(crate) mod inventory;
pub(crate) mod observer;
