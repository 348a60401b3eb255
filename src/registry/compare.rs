//! Which of many images a registry has, and with which digest: one request for each, several at once.

use super::api::Api;
use super::error::RegistryError;
use crate::model::Digest;
use crate::model::registry::Image;
use futures_util::stream::{self, StreamExt};

/// The number of images that are looked up at once.
const AT_ONCE: usize = 8;

/// An image that a registry is expected to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The image.
    pub image: Image,
    /// Its digest, if known.
    pub digest: Option<Digest>,
}

/// The state of an image in a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// It exists, with the expected digest if there is one.
    There(Digest),
    /// It exists with another digest.
    Other(Digest),
    /// It does not exist.
    Missing,
}

impl Api {
    /// Looks up every image, and returns the results in their order.
    pub(super) async fn compare(&self, expected: &[Expected]) -> Vec<Result<Compared, RegistryError>> {
        let each = expected.iter().map(|expected| async move {
            Ok(match (self.look(&expected.image).await?, expected.digest) {
                (None, _) => Compared::Missing,
                (Some(found), Some(digest)) if found.digest != digest => Compared::Other(found.digest),
                (Some(found), _) => Compared::There(found.digest),
            })
        });
        stream::iter(each).buffered(AT_ONCE).collect().await
    }
}
