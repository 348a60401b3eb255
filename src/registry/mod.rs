//! Registries of container images: looking up, copying, tagging, listing and deleting images.
//!
//! The client sends the requests of the distribution specification and nothing else. Manifests are passed on as the
//! bytes that were received, so that a digest stays the same. An upload with another digest is never completed, every
//! answer is limited in size and time, and each request is retried within the time limit `MIRRORKEEP_PATIENCE`.
//! Credentials are those of `docker login` and `podman login`; no error, `Debug` or log has one. The rules of each
//! request are in `docs/decisions/0018-images.md`.

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
pub(crate) use wire::{client_builder, innermost};
