//! The client for the rest of the crate: blocking calls.
//!
//! It owns the runtime of the requests, and nothing asynchronous leaves it.

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
    /// Returns a client with the credentials and the time limit of the environment, which can be cancelled between
    /// requests.
    pub fn new(stop: CancelToken) -> Result<Self, RegistryError> {
        let variable = std::env::var(Patience::VARIABLE).ok();
        Self::with(Patience::given(variable.as_deref())?, Credentials::of_environment(), stop)
    }

    /// Returns the same with a time limit of a few seconds, for what a later command can do as well.
    pub fn brief(stop: CancelToken) -> Result<Self, RegistryError> {
        const SECONDS: u16 = 8;
        let variable = std::env::var(Patience::VARIABLE).ok();
        let patience = Patience::given(variable.as_deref())?.at_most(SECONDS);
        Self::with(patience, Credentials::of_environment(), stop)
    }

    /// Returns a client with these credentials and this time limit.
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

    /// Checks that a registry answers, and accepts the credentials for it.
    pub fn ping(&self, host: &Host) -> Result<(), RegistryError> {
        let act = Act::new("reach", host, host.name());
        self.runtime.block_on(self.api.ping(host, &act))
    }

    /// Returns the descriptor of an image's manifest; nothing if there is no such image.
    pub fn look(&self, image: &Image) -> Result<Option<Descriptor>, RegistryError> {
        self.runtime.block_on(self.api.look(image))
    }

    /// Returns the manifest of an image, whose bytes have the requested digest.
    pub fn manifest(&self, image: &Image) -> Result<Manifest, RegistryError> {
        self.runtime.block_on(self.api.manifest(image))
    }

    /// Writes a manifest under a tag or its digest, with unchanged bytes.
    pub fn put_manifest(&self, image: &Image, manifest: &Manifest) -> Result<(), RegistryError> {
        self.runtime.block_on(self.api.put_manifest(image, manifest))
    }

    /// Copies an image with everything that it needs; content that the target has is not sent again. Another call
    /// continues a failed copy.
    pub fn copy(&self, from: &Image, to: &Image, watch: &dyn Watch) -> Result<Copied, RegistryError> {
        self.runtime.block_on(self.api.copy(from, to, watch))
    }

    /// Returns every tag of a repository, sorted; none if there is no such repository.
    pub fn tags(&self, repository: &Repository) -> Result<Vec<String>, RegistryError> {
        Ok(self.runtime.block_on(self.api.tags(repository))?.into_iter().collect())
    }

    /// Deletes a manifest, and with it every tag that points to it.
    pub fn delete(&self, repository: &Repository, digest: Digest) -> Result<Deleted, RegistryError> {
        self.runtime.block_on(self.api.delete(repository, digest))
    }

    /// Returns which images exist, are missing, or have another digest, in their order.
    pub fn compare(&self, expected: &[Expected]) -> Vec<Result<Compared, RegistryError>> {
        self.runtime.block_on(self.api.compare(expected))
    }
}
