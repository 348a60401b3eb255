//! Container images: the lists of a build, the builds to which a reference belongs, the builds that pins protect, and
//! the images that are deleted after their builds.

mod compare;
mod error;
mod list;
mod listed;
mod pins;
mod place;
mod protect;
mod prune;
mod repository;
mod world;

pub use compare::compare_registries;
pub use error::ImagesError;
pub use list::{ImageListReport, image_lists};
pub use pins::{PinsReport, image_pins, pin_images, unpin_images};
pub use place::{ImagePlace, TiedBuild, place_image};
pub(crate) use protect::{TaggedError, pinned, protect_pinned, protect_tagged, tagged};
pub use prune::{ImagePruneReport, RepositoryReport, TagFate, TagReport, prune_images};

use crate::layout::Images;
use crate::mirror::Mirror;

/// Returns the grammar of the images of a mirror's layout.
fn grammar(mirror: &Mirror) -> Result<Images<'_>, ImagesError> {
    let layout = mirror.layout();
    layout.images().ok_or_else(|| ImagesError::NoGrammar(layout.name().to_owned()))
}
