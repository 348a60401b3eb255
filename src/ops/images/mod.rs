//! Container images: what the lists of a build say, and to which builds a reference belongs.
//!
//! Nothing is changed, and no registry is asked.

mod error;
mod list;
mod place;

pub use error::ImagesError;
pub use list::{ImageListReport, image_lists};
pub use place::{ImagePlace, TiedBuild, place_image};

use crate::layout::Images;
use crate::mirror::Mirror;

/// Returns the grammar of the images of a mirror's layout.
fn grammar(mirror: &Mirror) -> Result<Images<'_>, ImagesError> {
    let layout = mirror.layout();
    layout.images().ok_or_else(|| ImagesError::NoGrammar(layout.name().to_owned()))
}
