//! Finding an object store by its address: `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`.
//!
//! Credentials, regions and endpoints come from the environment (`AWS_…`, `GOOGLE_…`, `AZURE_…`), as the crate
//! `object_store` reads them. A server that is away for a while is tried again for a minute, longer than the crate
//! would by itself, so that a restart of it is no failure. Nothing is sent before the first call.

use super::{Client, Conditions, ObjectStore};
use crate::store::{Result, StoreError, StoreErrorKind};
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ObjectStoreScheme, RetryConfig};
use std::{sync::Arc, time::Duration};
use url::Url;

impl ObjectStore {
    /// Returns the store at an address; whether it honours conditions is yet to be tried out.
    pub fn at(address: &str) -> Result<Self> {
        const DOING: &str = "use the address";
        let wrong = |why: &str| StoreError::because(StoreErrorKind::Unsupported, DOING, address, why);
        let failed = |error| StoreError::of_kind(super::fault::kind_of(&error), DOING, address, error);
        let url = Url::parse(address).map_err(|error| wrong(&error.to_string()))?;
        if !["s3", "gs", "az"].contains(&url.scheme()) {
            return Err(wrong("it begins with none of `s3://`, `gs://`, `az://`"));
        }
        let (scheme, prefix) = ObjectStoreScheme::parse(&url).map_err(|error| wrong(&error.to_string()))?;
        let client: Arc<Client> = match scheme {
            ObjectStoreScheme::AmazonS3 => Arc::new(
                AmazonS3Builder::from_env()
                    .with_url(address)
                    .with_retry(patience())
                    .build()
                    .map_err(failed)?,
            ),
            ObjectStoreScheme::GoogleCloudStorage => Arc::new(
                GoogleCloudStorageBuilder::from_env()
                    .with_url(address)
                    .with_retry(patience())
                    .build()
                    .map_err(failed)?,
            ),
            ObjectStoreScheme::MicrosoftAzure => Arc::new(
                MicrosoftAzureBuilder::from_env()
                    .with_url(address)
                    .with_retry(patience())
                    .build()
                    .map_err(failed)?,
            ),
            _ => return Err(wrong("mirrorkeep keeps no mirror there")),
        };
        let client = if prefix.is_root() { client } else { Arc::new(PrefixStore::new(client, prefix)) };
        Self::new(client, address, Conditions::Ignored)
    }
}

/// Returns how long a request is tried again, and how often.
fn patience() -> RetryConfig {
    let backoff = BackoffConfig {
        init_backoff: Duration::from_millis(200),
        max_backoff: Duration::from_secs(10),
        base: 2.0,
    };
    RetryConfig { backoff, max_retries: 20, retry_timeout: Duration::from_mins(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(address: &str, said: &str) {
        let error = ObjectStore::at(address).unwrap_err();
        let why = std::error::Error::source(&error).unwrap().to_string();
        assert!(error.to_string().contains(address) && why.contains(said), "{error}: {why}");
    }

    #[test]
    fn an_address_that_is_none_is_refused_with_what_would_be_taken() {
        refused("bucket/prefix", "relative URL without a base");
        refused("ftp://host/prefix", "`s3://`, `gs://`, `az://`");
        refused("https://bucket.s3.amazonaws.com/a", "`s3://`, `gs://`, `az://`");
        refused("s3:///prefix", "");
    }

    #[test]
    fn nothing_is_believed_of_a_store_before_it_was_tried_out() {
        let store = ObjectStore::at("s3://bucket/some/prefix").unwrap();
        assert_eq!(store.conditions, Conditions::Ignored);
        assert_eq!(store.shown, "s3://bucket/some/prefix");
    }
}
