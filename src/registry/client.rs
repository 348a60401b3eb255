//! The client as the rest of the crate uses it: calls that wait for their answer.
//!
//! The runtime that the requests run in is owned here, and nothing asynchronous leaves it.

use super::api::{Api, Deleted};
use super::compare::{Compared, Expected};
use super::copy::Copied;
use super::credentials::Credentials;
use super::error::{Act, RegistryError};
use super::manifest::{Descriptor, Manifest};
use crate::model::registry::{Host, Image, Repository};
use crate::model::{Digest, Patience};
use crate::progress::{CancelToken, Watch};
use tokio::runtime::{Builder, Runtime};

/// The client of every registry; calls may come from many threads.
#[derive(Debug)]
pub struct Registries {
    api: Api,
    runtime: Runtime,
}

impl Registries {
    /// Returns a client with the credentials and the patience of the environment, which stops between requests when it is asked to.
    pub fn new(stop: CancelToken) -> Result<Self, RegistryError> {
        let variable = std::env::var(Patience::VARIABLE).ok();
        Self::with(Patience::given(variable.as_deref())?, Credentials::of_environment(), stop)
    }

    /// Returns a client with these credentials and this patience.
    pub fn with(
        patience: Patience,
        credentials: Credentials,
        stop: CancelToken,
    ) -> Result<Self, RegistryError> {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
        Ok(Self {
            api: Api::new(patience, credentials, stop),
            runtime: runtime.map_err(RegistryError::Start)?,
        })
    }

    /// Checks that a registry answers, and accepts the credentials that are there for it.
    pub fn ping(&self, host: &Host) -> Result<(), RegistryError> {
        let act = Act::new("reach", host, host.name());
        self.runtime.block_on(self.api.ping(host, &act))
    }

    /// Returns what names the manifest of an image; nothing if there is no such image.
    pub fn look(&self, image: &Image) -> Result<Option<Descriptor>, RegistryError> {
        self.runtime.block_on(self.api.look(image))
    }

    /// Returns the manifest of an image, whose bytes have the digest that is asked for.
    pub fn manifest(&self, image: &Image) -> Result<Manifest, RegistryError> {
        self.runtime.block_on(self.api.manifest(image))
    }

    /// Writes a manifest under a tag or its digest, as the bytes that it has.
    pub fn put_manifest(&self, image: &Image, manifest: &Manifest) -> Result<(), RegistryError> {
        self.runtime.block_on(self.api.put_manifest(image, manifest))
    }

    /// Copies an image with everything that it needs; what the target has is not sent again. A copy that failed is continued by
    /// another call.
    pub fn copy(&self, from: &Image, to: &Image, watch: &dyn Watch) -> Result<Copied, RegistryError> {
        self.runtime.block_on(self.api.copy(from, to, watch))
    }

    /// Returns every tag of a repository, sorted; none if there is no such repository.
    pub fn tags(&self, repository: &Repository) -> Result<Vec<String>, RegistryError> {
        Ok(self.runtime.block_on(self.api.tags(repository))?.into_iter().collect())
    }

    /// Deletes a manifest, and with it every tag that leads to it.
    pub fn delete(&self, repository: &Repository, digest: Digest) -> Result<Deleted, RegistryError> {
        self.runtime.block_on(self.api.delete(repository, digest))
    }

    /// Returns which images are there, missing, or there with another digest, in their order.
    pub fn compare(&self, expected: &[Expected]) -> Vec<Result<Compared, RegistryError>> {
        self.runtime.block_on(self.api.compare(expected))
    }
}
