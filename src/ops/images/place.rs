//! The fields of a reference, and the builds of the mirror to which it is tied.

use super::{ImagesError, grammar, image_lists};
use crate::census::Census;
use crate::layout::{ImageMisfit, ImageTie, PlacedImage};
use crate::mirror::Mirror;
use crate::model::{BuildId, ImageRef, RelPath};
use schemars::JsonSchema;
use serde::Serialize;

/// The fields of a reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ImagePlace {
    /// The reference with every part.
    pub reference: ImageRef,
    /// The template that it matches, with the fields; `null` if it matches none.
    pub placed: Option<PlacedImage>,
    /// Why it matches no template; `null` if it matches one.
    pub misfit: Option<ImageMisfit>,
    /// Why a field that has the form of a time is not one, such as 31 February.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub impossible: Option<String>,
    /// The builds to which its fields tie it, sorted by ID.
    pub builds: Vec<TiedBuild>,
}

/// A build to which a reference is tied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TiedBuild {
    /// The ID of the build.
    pub id: BuildId,
    /// The paths of the lists of the build that have the reference, in any registry.
    pub lists: Vec<RelPath>,
    /// The paths of the lists of the build that cannot be read.
    pub unread: Vec<RelPath>,
}

/// Returns the fields of a reference; only lists of builds to which it is tied are read.
pub fn place_image(mirror: &Mirror, census: &Census, image: &ImageRef) -> Result<ImagePlace, ImagesError> {
    let images = grammar(mirror)?;
    let reference = image.clone();
    let placed = match images.place(image) {
        Ok(placed) => placed,
        Err(misfit) => {
            return Ok(ImagePlace {
                reference,
                placed: None,
                misfit: Some(misfit),
                impossible: None,
                builds: Vec::new(),
            });
        }
    };
    let tied = census.builds().map(|(id, _)| id).filter(|id| images.tie(&placed, id) == ImageTie::Tied);
    let mut builds = tied.map(|id| tied_build(mirror, id, image)).collect::<Result<Vec<_>, _>>()?;
    builds.sort_by(|a, b| a.id.cmp(&b.id));
    let impossible = images.impossible(&placed).map(|(field, why)| format!("`{field}`: {why}"));
    Ok(ImagePlace { reference, placed: Some(placed), misfit: None, impossible, builds })
}

fn tied_build(mirror: &Mirror, id: BuildId, image: &ImageRef) -> Result<TiedBuild, ImagesError> {
    let lists = match image_lists(mirror, &id) {
        // It was pruned after the census was taken.
        Err(ImagesError::NoBuild(_) | ImagesError::Act(_)) => Vec::new(),
        lists => lists?,
    };
    let is_it = |listed: &ImageRef| {
        listed.repository == image.repository
            && listed.tag == image.tag
            && (image.digest.is_none() || listed.digest.is_none() || listed.digest == image.digest)
    };
    let (mut having, mut unread) = (Vec::new(), Vec::new());
    for list in lists {
        if list.problem.is_some() {
            unread.push(list.path);
        } else if list.images.iter().filter_map(|listed| listed.reference.as_ref()).any(is_it) {
            having.push(list.path);
        }
    }
    Ok(TiedBuild { id, lists: having, unread })
}
