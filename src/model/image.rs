//! References of container images: registry, repository, tag and digest.
//!
//! The forms are those of the distribution specification. Omitted parts get the values that every client gives them,
//! so that two spellings of one reference are equal, and the printed text has every part.

use super::digest::Digest;
use super::shown::shown;
use core::net::Ipv6Addr;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// The longest reference that is read, in bytes.
const LONGEST: usize = 1024;

/// The longest registry with its repository, in bytes.
const LONGEST_NAME: usize = 255;

/// The longest tag, in bytes.
const LONGEST_TAG: usize = 128;

/// The registry of a reference that names none.
const DEFAULT_REGISTRY: &str = "docker.io";

/// A reference of a container image, such as `docker.io/starlingx/stx-nova:master-debian-stable-latest`.
///
/// A parsed reference has a tag, a digest or both.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageRef {
    /// The host of the registry in lower case, with its port if there is one.
    pub registry: String,
    /// The path of the repository in the registry.
    pub repository: String,
    /// The tag.
    pub tag: Option<String>,
    /// The digest of the manifest.
    pub digest: Option<Digest>,
}

/// Why a text is not a reference of an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImageRefError {
    /// There is no text.
    #[error(
        "a reference of an image is empty; `[REGISTRY/]REPOSITORY:TAG` is accepted, such as `quay.io/org/nova:v1`"
    )]
    Empty,
    /// The text is longer than a reference can be.
    #[error("a reference of an image has {0} bytes; at most {LONGEST} are accepted")]
    Long(usize),
    /// The registry with the repository is longer than registries accept.
    #[error(
        "`{0}` is not a reference of an image: its registry and repository have {1} bytes; at most {LONGEST_NAME} are accepted"
    )]
    LongName(String, usize),
    /// The registry is not a host with an optional port.
    #[error(
        "`{0}` is not a reference of an image: `{1}` is not a registry; a host with an optional port is accepted, such as `quay.io` or `localhost:5000`"
    )]
    Registry(String, String),
    /// A name of the repository has other characters, or none.
    #[error(
        "`{0}` is not a reference of an image: `{1}` is not a name of a repository; `a-z 0-9` are accepted, with one `.`, one or two `_`, or `-` between them"
    )]
    Repository(String, String),
    /// The tag has other characters, or none.
    #[error(
        "`{0}` is not a reference of an image: `{1}` is not a tag; 1 to {LONGEST_TAG} of `A-Z a-z 0-9 _ . -` are accepted, a letter, digit or `_` first"
    )]
    Tag(String, String),
    /// The digest is not a SHA-256.
    #[error(
        "`{0}` is not a reference of an image: `{1}` is not a digest; `sha256:` and 64 of `0-9 a-f` are accepted"
    )]
    Digest(String, String),
    /// There is neither a tag nor a digest.
    #[error(
        "`{0}` is not a reference of an image: it has neither a tag nor a digest; `[REGISTRY/]REPOSITORY:TAG` is accepted, or `@sha256:…` at its end"
    )]
    Open(String),
}

impl ImageRef {
    /// Returns the last name of the repository, which is the name of the image.
    pub fn name(&self) -> &str {
        self.repository.rsplit('/').next().unwrap_or(&self.repository)
    }

    /// Returns `REPOSITORY:TAG`, or the repository alone if there is no tag.
    pub fn without_registry(&self) -> String {
        match &self.tag {
            Some(tag) => format!("{}:{tag}", self.repository),
            None => self.repository.clone(),
        }
    }
}

impl FromStr for ImageRef {
    type Err = ImageRefError;

    fn from_str(text: &str) -> Result<Self, ImageRefError> {
        if text.is_empty() {
            return Err(ImageRefError::Empty);
        }
        if text.len() > LONGEST {
            return Err(ImageRefError::Long(text.len()));
        }
        let (named, digest) = split(text, '@');
        let digest = digest.map(|digest| {
            sha256(digest).ok_or_else(|| ImageRefError::Digest(excerpt(text), excerpt(digest)))
        });
        let digest = digest.transpose()?;
        let (registry, rest) = match named.split_once('/') {
            Some((first, rest)) if is_registry(first) => {
                let host = host(first).ok_or_else(|| ImageRefError::Registry(excerpt(text), excerpt(first)));
                (host?, rest)
            }
            _ => (DEFAULT_REGISTRY.to_owned(), named),
        };
        let (repository, tag) = split(rest, ':');
        if let Some(name) = repository.split('/').find(|name| !is_path_component(name)) {
            return Err(ImageRefError::Repository(excerpt(text), excerpt(name)));
        }
        if let Some(tag) = tag.filter(|tag| !is_tag(tag)) {
            return Err(ImageRefError::Tag(excerpt(text), excerpt(tag)));
        }
        if tag.is_none() && digest.is_none() {
            return Err(ImageRefError::Open(excerpt(text)));
        }
        let official = registry == DEFAULT_REGISTRY && !repository.contains('/');
        let repository = if official { format!("library/{repository}") } else { repository.to_owned() };
        match registry.len() + 1 + repository.len() {
            0..=LONGEST_NAME => Ok(Self { registry, repository, tag: tag.map(str::to_owned), digest }),
            long => Err(ImageRefError::LongName(excerpt(text), long)),
        }
    }
}

/// Returns what is before the first `sign`, and what is after it, if it occurs.
fn split(text: &str, sign: char) -> (&str, Option<&str>) {
    text.split_once(sign).map_or((text, None), |(before, after)| (before, Some(after)))
}

/// Returns the beginning of a text, as one line that shows every character.
fn excerpt(text: &str) -> String {
    const MOST: usize = 200;
    let start: String = text.chars().take(MOST).collect();
    let more = if start.len() < text.len() { "…" } else { "" };
    format!("{}{more}", shown(&start))
}

/// Returns whether the first name of a reference is its registry, not the first name of the repository.
fn is_registry(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost"
}

/// Returns a registry in its normal form: lower case, the port without leading zeros, one name for Docker Hub.
fn host(text: &str) -> Option<String> {
    let (name, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => {
            let address: Ipv6Addr = address.parse().ok()?;
            let port = if port.is_empty() { None } else { Some(port.strip_prefix(':')?) };
            (format!("[{address}]"), port)
        }
        None => {
            let (name, port) = split(text, ':');
            if !name.split('.').all(is_host_label) {
                return None;
            }
            (name.to_ascii_lowercase(), port)
        }
    };
    let Some(port) = port else {
        let hub = name == "index.docker.io";
        return Some(if hub { DEFAULT_REGISTRY.to_owned() } else { name });
    };
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let port: u16 = port.parse().ok().filter(|port| digits && *port > 0)?;
    Some(format!("{name}:{port}"))
}

fn is_host_label(label: &str) -> bool {
    let plain = |c: u8| c.is_ascii_alphanumeric() || c == b'-';
    !label.is_empty() && label.bytes().all(plain) && !label.starts_with('-') && !label.ends_with('-')
}

/// Returns whether a name of a repository has the form `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`.
fn is_path_component(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let separates = |run: &str| matches!(run, "" | "." | "_" | "__") || run.bytes().all(|c| c == b'-');
    let ends = name.starts_with(plain) && name.ends_with(plain);
    ends && name.split(plain).all(separates)
}

fn is_tag(tag: &str) -> bool {
    let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'.' | b'-');
    (1..=LONGEST_TAG).contains(&tag.len()) && tag.bytes().all(plain) && !tag.starts_with(['.', '-'])
}

/// Reads `sha256:` and 64 lower-case digits, the only spelling that registries know.
fn sha256(text: &str) -> Option<Digest> {
    let hex = text.strip_prefix("sha256:")?;
    let digest: Digest = hex.parse().ok()?;
    (digest.to_string() == hex).then_some(digest)
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@sha256:{digest}"),
            None => Ok(()),
        }
    }
}

impl Serialize for ImageRef {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ImageRef {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for ImageRef {
    fn schema_name() -> Cow<'static, str> {
        "ImageRef".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A reference of a container image, `REGISTRY/REPOSITORY:TAG`, `@sha256:DIGEST` or both.",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEX: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    /// Checks the printed reference, or a piece of the error.
    #[track_caller]
    fn case(text: &str, expected: &str) {
        match text.parse::<ImageRef>() {
            Ok(image) => assert_eq!(image.to_string(), expected, "{text}"),
            Err(error) => {
                let error = error.to_string();
                assert!(error.contains(expected) && !error.contains(['\n', '\u{1b}']), "{text}: {error}");
            }
        }
    }

    #[test]
    fn what_is_left_out_gets_its_usual_value() {
        case("alpine:3", "docker.io/library/alpine:3");
        case("starlingx/stx-nova:m.0", "docker.io/starlingx/stx-nova:m.0");
        case("docker.io/alpine:3", "docker.io/library/alpine:3");
        case("index.docker.io/alpine:3", "docker.io/library/alpine:3");
        case("docker.io/a.b/c:3", "docker.io/a.b/c:3");
        case("localhost/a:1", "localhost/a:1");
        case("localhost:5000", "docker.io/library/localhost:5000");
        case("Quay.IO:0443/a/b__c-d.e:_X", "quay.io:443/a/b__c-d.e:_X");
        case("[::1]:5000/a:1", "[::1]:5000/a:1");
        case("[0:0::1]/a:1", "[::1]/a:1");
        case("a---b:1", "docker.io/library/a---b:1");
        case(&format!("q.io/a@sha256:{HEX}"), &format!("q.io/a@sha256:{HEX}"));
        case(&format!("q.io/a:b@sha256:{HEX}"), &format!("q.io/a:b@sha256:{HEX}"));
    }

    #[test]
    fn an_error_names_the_part_and_what_is_accepted() {
        case("", "is empty");
        case("alpine", "neither a tag nor a digest");
        case(&"a".repeat(1025), "has 1025 bytes; at most 1024");
        case(&format!("q.io/{}:1", "a".repeat(251)), "have 256 bytes; at most 255");
        case(&format!("{}:1", "a".repeat(238)), "have 256 bytes");
        case("q.io/A/b:1", "`A` is not a name of a repository");
        case("LOCALHOST/b:1", "`LOCALHOST` is not a name of a repository");
        for name in ["", "-a", "a-", "a..b", "a___b", "a._b", "a b", "ä", "a/", "/a", "a//b"] {
            case(&format!("q.io/{name}:1"), "is not a name of a repository");
        }
        for registry in
            ["q..io", "-q.io", "q.io:", "q.io:0", "q.io:65536", "q.io:+1", "a:b:1", "[::1", "[x]:1"]
        {
            case(&format!("{registry}/a:1"), "is not a registry");
        }
        for tag in ["", ".a", "-a", "a:b", "a+b", "a\u{1b}[2K", &"a".repeat(129)] {
            case(&format!("q.io/a:{tag}"), "is not a tag");
        }
        case(&format!("q.io/a@{HEX}"), "is not a digest");
        case(&format!("q.io/a@sha256:{}", HEX.to_uppercase()), "is not a digest");
        case(&format!("q.io/a@sha512:{HEX}"), "is not a digest");
        case(&format!("q.io/a@sha256:sha256:{HEX}"), "is not a digest");
    }

    #[test]
    fn the_name_of_an_image_is_the_last_of_its_repository() {
        let image: ImageRef = "starlingx/stx-nova:m.0".parse().unwrap();
        assert_eq!((image.name(), &*image.without_registry()), ("stx-nova", "starlingx/stx-nova:m.0"));
        let image: ImageRef = format!("q.io/a@sha256:{HEX}").parse().unwrap();
        assert_eq!((image.name(), &*image.without_registry()), ("a", "a"));
    }

    fn same_again(image: &ImageRef) {
        assert_eq!(image.to_string().parse::<ImageRef>().as_ref(), Ok(image));
        let json = serde_json::to_string(image).unwrap();
        assert_eq!(&serde_json::from_str::<ImageRef>(&json).unwrap(), image);
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_as_the_same(
            registry in "(|localhost/|docker[.]io/|[A-Za-z0-9]{1,9}([.-][a-z0-9]{1,3}){0,2}:[0-9]{1,5}/)",
            repository in "[a-z0-9]{1,9}((/|[.]|__?|-{1,3})[a-z0-9]{1,4}){0,3}",
            tag in "(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?",
            digest in "(@sha256:[0-9a-f]{64})?",
        ) {
            let Ok(image) = format!("{registry}{repository}{tag}{digest}").parse::<ImageRef>() else {
                let open = tag.is_empty() && digest.is_empty();
                // A first name with a dot is a registry, although it has the form of a repository.
                let apart = registry.is_empty() && repository.contains('.') && repository.contains('/');
                prop_assert!(open || apart || registry.contains(':'));
                return Ok(());
            };
            same_again(&image);
        }

        #[test]
        fn any_text_is_read_as_itself_or_refused(text in "[a-zA-Z0-9@:/._\\[\\]\u{1b}ä-]{0,40}") {
            if let Ok(image) = text.parse::<ImageRef>() {
                same_again(&image);
            }
        }
    }
}
