//! Registries of container images: images are looked up, copied, tagged, listed and deleted.
//!
//! The client sends the requests of the distribution specification and nothing else. Manifests are passed on as the bytes that
//! came, so that a digest stays. Bytes of another digest are never completed in a target, every answer is limited in size and
//! time, and each request is tried again within the patience of `MIRRORKEEP_PATIENCE`. Credentials are those of `docker login`
//! and `podman login`; no error, `Debug` or log has one. The rules of each request are in `docs/decisions/0018-images.md`.

mod api;
mod challenge;
mod client;
mod compare;
mod copy;
mod credentials;
mod error;
mod keys;
mod manifest;
mod pages;
mod upload;
mod wire;

pub use crate::model::registry::{Address, AddressError, Host, Image, Reference, Repository};
pub use api::Deleted;
pub use challenge::Challenge;
pub use client::Registries;
pub use compare::{Compared, Expected};
pub use copy::Copied;
pub use credentials::{Credentials, CredentialsFile};
pub use error::{Act, RegistryError};
pub use manifest::{Descriptor, Manifest, Parts};
pub use pages::next_page;
pub(crate) use wire::innermost;
