//! Manifests: the contents of an image, kept as the bytes that were received, so that the digest stays the same.

use crate::model::Digest;
use serde::Deserialize;

/// The maximum size of a manifest, in bytes.
pub(super) const LARGEST: u64 = 4 << 20;

/// The media types of manifests that are read.
pub(super) const ACCEPTED: [&str; 4] = [INDEXES[0], INDEXES[1], IMAGES[0], IMAGES[1]];

/// The types of indexes: manifests that name others for several architectures.
const INDEXES: [&str; 2] =
    ["application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"];

/// The types of manifests of one image.
const IMAGES: [&str; 2] =
    ["application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"];

/// The media types of layers that are in no registry: they are read from where they are published.
const FOREIGN: [&str; 2] = ["application/vnd.docker.image.rootfs.foreign.", ".layer.nondistributable."];

/// The bytes of a manifest with their media type and digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The media type.
    pub media_type: String,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Their digest.
    pub digest: Digest,
}

/// A descriptor of content in a repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Descriptor {
    /// Their digest.
    pub digest: Digest,
    /// Their media type.
    pub media_type: String,
    /// Their number.
    pub size: u64,
}

/// The contents of a manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts {
    /// The manifests of an index.
    pub manifests: Vec<Descriptor>,
    /// The configuration and layers of an image.
    pub blobs: Vec<Descriptor>,
    /// How many layers are not in any registry.
    pub foreign: usize,
}

#[derive(Deserialize)]
struct Raw {
    #[serde(rename = "mediaType")]
    media_type: Option<String>,
    manifests: Option<Vec<RawDescriptor>>,
    config: Option<RawDescriptor>,
    layers: Option<Vec<RawDescriptor>>,
}

#[derive(Deserialize)]
struct RawDescriptor {
    #[serde(rename = "mediaType")]
    media_type: String,
    digest: String,
    size: u64,
}

impl Manifest {
    /// Returns a manifest of these bytes.
    pub fn new(media_type: &str, bytes: Vec<u8>) -> Self {
        Self { media_type: media_type.to_owned(), digest: Digest::of(&bytes), bytes }
    }

    /// Returns its descriptor.
    pub fn descriptor(&self) -> Descriptor {
        let (digest, media_type) = (self.digest, self.media_type.clone());
        Descriptor { digest, media_type, size: self.bytes.len() as u64 }
    }

    /// Returns its contents, or why they are unknown.
    pub fn parts(&self) -> Result<Parts, String> {
        let raw: Raw = serde_json::from_slice(&self.bytes).map_err(|error| {
            format!(
                "the manifest is not what registries accept: line {}, column {}",
                error.line(),
                error.column()
            )
        })?;
        if raw.media_type.as_ref().is_some_and(|stated| *stated != self.media_type) {
            return Err("the manifest states another media type than its registry".to_owned());
        }
        // A manifest that is both would be another image for each client.
        let image = raw.config.is_some() || raw.layers.is_some();
        match (kind(&self.media_type), raw) {
            (Some(Kind::Index), Raw { manifests: Some(children), .. }) if !image => {
                let (mut manifests, mut blobs) = (Vec::new(), Vec::new());
                for child in children {
                    let child = descriptor(child)?;
                    // An index of something other than images has blobs.
                    if kind(&child.media_type).is_some() { manifests.push(child) } else { blobs.push(child) }
                }
                Ok(Parts { manifests, blobs, foreign: 0 })
            }
            (Some(Kind::Image), Raw { manifests: None, config: Some(config), layers, .. }) => {
                let layers = layers.unwrap_or_default();
                let all = layers.len();
                let kept = layers.into_iter().filter(|layer| !is_foreign(&layer.media_type));
                let blobs = std::iter::once(config).chain(kept).map(descriptor);
                let blobs = blobs.collect::<Result<Vec<_>, _>>()?;
                Ok(Parts { manifests: Vec::new(), foreign: all + 1 - blobs.len(), blobs })
            }
            (None, _) => Err(format!("the media type `{}` is not known", shown(&self.media_type))),
            _ => Err(format!("the manifest does not match its media type `{}`", shown(&self.media_type))),
        }
    }
}

impl Descriptor {
    /// Returns whether it is a manifest of a known type.
    pub fn is_known(&self) -> bool {
        kind(&self.media_type).is_some()
    }

    /// Returns whether it is an index.
    pub fn is_index(&self) -> bool {
        kind(&self.media_type) == Some(Kind::Index)
    }
}

#[derive(PartialEq, Eq)]
enum Kind {
    Index,
    Image,
}

fn kind(media_type: &str) -> Option<Kind> {
    if INDEXES.contains(&media_type) {
        Some(Kind::Index)
    } else {
        IMAGES.contains(&media_type).then_some(Kind::Image)
    }
}

fn is_foreign(media_type: &str) -> bool {
    FOREIGN.iter().any(|foreign| media_type.contains(foreign))
}

fn descriptor(raw: RawDescriptor) -> Result<Descriptor, String> {
    let digest = sha256(&raw.digest).ok_or_else(|| {
        format!("the manifest names `{}`; only SHA-256 digests are accepted", shown(&raw.digest))
    })?;
    Ok(Descriptor { digest, media_type: raw.media_type, size: raw.size })
}

fn shown(text: &str) -> String {
    crate::model::shown(&text.chars().take(200).collect::<String>()).into_owned()
}

/// Parses `sha256:` and 64 lower-case digits, the only spelling that registries know.
pub(super) fn sha256(text: &str) -> Option<Digest> {
    let hex = text.strip_prefix("sha256:")?;
    let digest: Digest = hex.parse().ok()?;
    (digest.to_string() == hex).then_some(digest)
}

/// Returns the media type of a header, without parameters.
pub(super) fn media_type(header: &str) -> String {
    header.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(media_type: &str, text: &str) -> Result<Parts, String> {
        Manifest::new(media_type, text.replace("SHA", &format!("sha256:{}", Digest::of(b"a"))).into_bytes())
            .parts()
    }

    #[test]
    fn an_index_has_manifests_and_an_image_has_blobs() {
        let layer =
            |media: &str| format!(r#"{{"mediaType": "{media}", "digest": "SHA", "size": 1, "urls": ["x"]}}"#);
        let index =
            format!(r#"{{"schemaVersion": 2, "manifests": [{}, {}]}}"#, layer(IMAGES[0]), layer("x/blob"));
        let found = parts(INDEXES[0], &index).unwrap();
        assert_eq!((found.manifests.len(), found.blobs.len(), found.foreign), (1, 1, 0));
        let foreign = layer("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip");
        let other = layer("application/vnd.oci.image.layer.nondistributable.v1.tar");
        let text = format!(r#"{{"config": {}, "layers": [{}, {foreign}, {other}]}}"#, layer("c"), layer("l"));
        let found = parts(IMAGES[1], &text).unwrap();
        assert_eq!((found.manifests.len(), found.blobs.len(), found.foreign), (0, 2, 2));
    }

    #[test]
    fn what_two_clients_would_read_as_two_images_is_refused() {
        for (media_type, text, why) in [
            (INDEXES[0], r#"{"manifests": [], "layers": []}"#, "does not match its"),
            (
                IMAGES[0],
                r#"{"manifests": [], "config": {"mediaType": "c", "digest": "SHA", "size": 1}}"#,
                "does not match its",
            ),
            (IMAGES[0], r#"{"layers": []}"#, "does not match its"),
            (IMAGES[0], r#"{"mediaType": "x", "layers": []}"#, "another media type"),
            (
                INDEXES[0],
                r#"{"manifests": [{"mediaType": "x", "digest": "sha512:1", "size": 1}]}"#,
                "only SHA-256",
            ),
            (
                INDEXES[0],
                r#"{"manifests": [{"mediaType": "x", "digest": "SHA", "size": -1}]}"#,
                "line 1, column",
            ),
            ("text/html", "{}", "is not known"),
            (INDEXES[0], "", "line 1, column 0"),
        ] {
            let error = parts(media_type, text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
