//! Where images are: registries, namespaces in them, repositories, and images by tag or digest.
//!
//! A registry is used over TLS unless it is on loopback or its address begins with `http://`; an address on loopback
//! that begins with `https://` is used over TLS, too. Every type prints as it is parsed, so that an address in a
//! journal resolves to the same image again.

use super::{Class, Classify, Digest, ErrorKind, ImageRef, ImageRefError};
use core::net::Ipv6Addr;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// The registry that answers for Docker Hub.
const HUB: (&str, &str) = ("docker.io", "registry-1.docker.io");

/// A registry: its host with an optional port, and whether TLS is used.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host {
    name: String,
    plain: bool,
}

/// A namespace in a registry, such as `registry.example.org/starlingx`, to which repositories belong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    host: Host,
    /// Empty if it is the registry itself.
    namespace: String,
}

/// A repository in a registry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    host: Host,
    name: String,
}

/// What identifies a manifest in a repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference {
    /// A tag.
    Tag(String),
    /// The digest of the manifest.
    Digest(Digest),
}

/// An image in a repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Image {
    /// The repository.
    pub repository: Repository,
    /// The manifest.
    pub reference: Reference,
}

/// Why a text is not an address of a registry, or not the name of an image in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The scheme is neither `http` nor `https`.
    #[error(
        "`{0}` is not the address of a registry: only `http://` and `https://` are accepted before the host"
    )]
    Scheme(String),
    /// The host or a name is not what registries accept.
    #[error("`{0}` is not the address of a registry; `[http://]HOST[:PORT]/NAMESPACE` is accepted")]
    Address(String, #[source] ImageRefError),
    /// The first name is not a host.
    #[error(
        "`{0}` is not the address of a registry: `{1}` has neither a dot nor a port and is not `localhost`"
    )]
    NoHost(String, String),
    /// The name of an image, or its tag.
    #[error(transparent)]
    Image(#[from] ImageRefError),
}

impl Classify for AddressError {
    fn class(&self) -> Class {
        ErrorKind::Usage.into()
    }
}

impl Host {
    /// Returns the host of a reference, which has no scheme.
    fn of(name: &str) -> Self {
        Self { name: name.to_owned(), plain: is_loopback(name) }
    }

    /// Returns the host with its port, which is the key of its credentials.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns whether it is used without TLS.
    pub(crate) fn is_plain(&self) -> bool {
        self.plain
    }

    /// Returns whether it is on this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        is_loopback(&self.name)
    }

    /// Returns the beginning of the URL of every request to it.
    pub(crate) fn base(&self) -> String {
        let name = if self.name == HUB.0 { HUB.1 } else { &self.name };
        format!("{}://{name}/v2/", if self.plain { "http" } else { "https" })
    }

    /// Returns the prefix that its printed name needs.
    fn scheme(&self) -> &'static str {
        match (self.plain, self.is_loopback()) {
            (true, false) => "http://",
            (false, true) => "https://",
            _ => "",
        }
    }
}

/// Returns whether a host with an optional port is this machine.
pub(crate) fn is_loopback(name: &str) -> bool {
    let host = match name.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => {
            return address.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback());
        }
        None => name.split_once(':').map_or(name, |(host, _)| host),
    };
    host == "localhost" || host.parse::<core::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

/// Removes the scheme from the beginning of an address; if there is one, returns whether it is plain HTTP.
fn scheme(text: &str) -> Result<(Option<bool>, &str), AddressError> {
    match text.split_once("://") {
        Some(("http", rest)) => Ok((Some(true), rest)),
        Some(("https", rest)) => Ok((Some(false), rest)),
        Some(_) => Err(AddressError::Scheme(excerpt(text))),
        None => Ok((None, text)),
    }
}

/// Returns an image of a text without a scheme whose first name must be a host.
fn image(text: &str, whole: &str) -> Result<ImageRef, AddressError> {
    let first = text.split('/').next().unwrap_or_default();
    if !(text.contains('/') && (first.contains(['.', ':']) || first == "localhost")) {
        return Err(AddressError::NoHost(excerpt(whole), excerpt(first)));
    }
    text.parse().map_err(|error| AddressError::Address(excerpt(whole), error))
}

/// Returns the beginning of a text as one line.
fn excerpt(text: &str) -> String {
    super::shown(&text.chars().take(200).collect::<String>()).into_owned()
}

impl Address {
    /// Returns the registry.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Returns the repository with that name below the namespace.
    pub fn repository(&self, name: &str) -> Result<Repository, AddressError> {
        let slash = if self.namespace.is_empty() { "" } else { "/" };
        let text = format!("{}/{}{slash}{name}:x", self.host.name, self.namespace);
        let ImageRef { repository, .. } = image(&text, &text)?;
        Ok(Repository { host: self.host.clone(), name: repository })
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (plain, rest) = scheme(text)?;
        // A repository below it and a tag, as for every repository that belongs to it.
        let ImageRef { registry, repository, .. } = image(&format!("{rest}/x:x"), text)?;
        let namespace = repository.strip_suffix('x').unwrap_or_default().trim_end_matches('/').to_owned();
        let default = Host::of(&registry);
        Ok(Self { host: Host { plain: plain.unwrap_or(default.plain), ..default }, namespace })
    }
}

impl Repository {
    /// Returns the registry.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Returns the path of the repository in its registry.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the image that has a tag in it.
    pub fn tagged(&self, tag: &str) -> Result<Image, AddressError> {
        let ImageRef { tag, .. } = format!("{}/{}:{tag}", self.host.name, self.name).parse()?;
        let reference = Reference::Tag(tag.unwrap_or_default());
        Ok(Image { repository: self.clone(), reference })
    }

    /// Returns the image that has a digest in it.
    pub fn at(&self, digest: Digest) -> Image {
        Image { repository: self.clone(), reference: Reference::Digest(digest) }
    }
}

impl From<&ImageRef> for Image {
    /// Takes the digest if there is one, since a tag may have moved.
    fn from(image: &ImageRef) -> Self {
        let repository = Repository { host: Host::of(&image.registry), name: image.repository.clone() };
        let reference = image.digest.map_or_else(
            || Reference::Tag(image.tag.clone().unwrap_or_else(|| "latest".to_owned())),
            Reference::Digest,
        );
        Self { repository, reference }
    }
}

impl FromStr for Image {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (plain, rest) = scheme(text)?;
        let mut image = Self::from(&image(rest, text)?);
        image.repository.host.plain = plain.unwrap_or(image.repository.host.plain);
        Ok(image)
    }
}

impl Serialize for Image {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Image {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Image {
    fn schema_name() -> Cow<'static, str> {
        "Image".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "An image in a registry, `[http://]REGISTRY/REPOSITORY:TAG` or `@sha256:DIGEST`.",
        })
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.scheme(), self.name)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slash = if self.namespace.is_empty() { "" } else { "/" };
        write!(f, "{}{slash}{}", self.host, self.namespace)
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.name)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => f.write_str(tag),
            Self::Digest(digest) => write!(f, "sha256:{digest}"),
        }
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.reference {
            Reference::Tag(_) => ':',
            Reference::Digest(_) => '@',
        };
        write!(f, "{}{sign}{}", self.repository, self.reference)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn address(text: &str, printed: &str, base: &str) {
        let address: Address = text.parse().unwrap();
        assert_eq!(address.to_string(), printed);
        assert_eq!(address.host().base(), base);
        assert_eq!(printed.parse::<Address>().as_ref(), Ok(&address));
        let image = address.repository("nova").unwrap().tagged("v1").unwrap();
        assert_eq!(image.to_string().parse::<Image>().as_ref(), Ok(&image));
    }

    #[test]
    fn plain_http_is_for_loopback_and_where_it_is_written() {
        address("q.io/a/b", "q.io/a/b", "https://q.io/v2/");
        address("https://q.io/a", "q.io/a", "https://q.io/v2/");
        address("http://q.io:5000/a", "http://q.io:5000/a", "http://q.io:5000/v2/");
        address("127.0.0.1:5000/a", "127.0.0.1:5000/a", "http://127.0.0.1:5000/v2/");
        address("https://localhost:5000/a", "https://localhost:5000/a", "https://localhost:5000/v2/");
        address("[::1]:5000", "[::1]:5000", "http://[::1]:5000/v2/");
        address("docker.io/starlingx", "docker.io/starlingx", "https://registry-1.docker.io/v2/");
        assert!(!is_loopback("127.0.0.1.example.org") && !is_loopback("localhost.example.org:5000"));
    }

    #[test]
    fn what_is_not_an_address_is_named() {
        for (text, why) in [
            ("ftp://q.io/a", "only `http://`"),
            ("starlingx", "`starlingx` has neither a dot nor a port"),
            ("", "neither a dot nor a port"),
            ("q.io/A", "is accepted"),
            ("q.io//a", "is accepted"),
            ("q.io/a/", "is accepted"),
            ("http://user:secret@q.io/a", "is accepted"),
        ] {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
        let address: Address = "q.io/a".parse().unwrap();
        assert_eq!(address.repository("b/c").unwrap().to_string(), "q.io/a/b/c");
        assert!(address.repository("../b").is_err() && address.repository("b?c").is_err());
        assert!(address.repository("b").unwrap().tagged("v/1").is_err());
    }

    #[test]
    fn a_digest_counts_more_than_a_tag() {
        let digest = Digest::of(b"a");
        let image: ImageRef = format!("q.io/a:v1@sha256:{digest}").parse().unwrap();
        assert_eq!(Image::from(&image).to_string(), format!("q.io/a@sha256:{digest}"));
    }
}
