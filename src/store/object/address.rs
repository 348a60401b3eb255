//! Opening an object store by its address: `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`.
//!
//! Credentials, regions and endpoints come from the environment (`AWS_…`, `GOOGLE_…`, `AZURE_…`), as the crate
//! `object_store` reads them. Requests to a server that is away are retried for a minute (`http`), so that a restart
//! of it is not a failure. Nothing is sent before the first call, and nothing over plain HTTP unless that is allowed.

use super::fault::told;
use super::find::TimeForm;
use super::http::RetryBudget;
use super::list_uploads::UploadLister;
use super::{Client, Conditions, ObjectStore};
use crate::store::{Result, StoreError, StoreErrorKind};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::prefix::PrefixStore;
use object_store::{ClientConfigKey, ObjectStoreScheme};
use std::sync::Arc;
use url::Url;

const DOING: &str = "use the address";

/// Returns a vendor's builder with all options: the builders have the same methods and no common trait.
macro_rules! builder {
    ($builder:ty, $address:expr, $settings:expr, $patience:expr, $wire:expr, $failed:expr) => {{
        let mut builder = <$builder>::from_env().with_url($address);
        for (key, value) in $settings {
            builder = builder.with_config(key.to_lowercase().parse().map_err($failed)?, value);
        }
        builder.with_retry($patience.retries()).with_http_connector($wire)
    }};
}

impl ObjectStore {
    /// Returns the store at an address; whether it honours conditional writes is yet to be probed.
    pub fn at(address: &str) -> Result<Self> {
        Self::at_with(address, &[])
    }

    /// Does the same with settings, such as `AWS_ENDPOINT`, that override those of the environment.
    pub fn at_with(address: &str, settings: &[(&str, String)]) -> Result<Self> {
        let wrong = |why: &str| StoreError::because(StoreErrorKind::Unsupported, DOING, address, why);
        let url = Url::parse(address).map_err(|error| wrong(&error.to_string()))?;
        if !["s3", "gs", "az"].contains(&url.scheme()) {
            return Err(wrong("it begins with none of `s3://`, `gs://`, `az://`"));
        }
        let (scheme, prefix) = ObjectStoreScheme::parse(&url).map_err(|error| wrong(&error.to_string()))?;
        let patience = RetryBudget::from_env()?;
        let wire = patience.wire();
        let failed = |error| told(DOING, address, error);
        let below = |client: Arc<Client>| Self::new(client, address, Conditions::Ignored);
        Ok(match scheme {
            ObjectStoreScheme::AmazonS3 => {
                let builder = builder!(AmazonS3Builder, address, settings, patience, wire.clone(), failed);
                let endpoint = builder.get_config_value(&AmazonS3ConfigKey::S3Endpoint);
                let endpoint = endpoint.or_else(|| builder.get_config_value(&AmazonS3ConfigKey::Endpoint));
                let allowed =
                    builder.get_config_value(&AmazonS3ConfigKey::Client(ClientConfigKey::AllowHttp));
                is_encrypted(endpoint, allowed, address, ["AWS_ENDPOINT_URL", "AWS_ALLOW_HTTP"])?;
                // Anonymous access has no key to sign the request with.
                let skips = builder.get_config_value(&AmazonS3ConfigKey::SkipSignature);
                let s3 = builder.build().map_err(failed)?;
                let client = Arc::new(PrefixStore::new(s3.clone(), prefix.clone()));
                let store = below(Arc::<PrefixStore<_>>::clone(&client))?.naming_uploads(client);
                let http = wire.connected().filter(|_| skips.is_none_or(|skips| skips == "false"));
                let begun = http.map(|http| UploadLister::new(Arc::new(s3), http, prefix));
                Self { begun, ..store }
            }
            ObjectStoreScheme::GoogleCloudStorage => {
                let builder = builder!(GoogleCloudStorageBuilder, address, settings, patience, wire, failed);
                let client = Arc::new(PrefixStore::new(builder.build().map_err(failed)?, prefix));
                let store = below(Arc::<PrefixStore<_>>::clone(&client))?.naming_uploads(client);
                Self { times: TimeForm::Rfc3339, ..store }
            }
            ObjectStoreScheme::MicrosoftAzure => {
                let builder = builder!(MicrosoftAzureBuilder, address, settings, patience, wire, failed);
                let endpoint = builder.get_config_value(&AzureConfigKey::Endpoint);
                let allowed = builder.get_config_value(&AzureConfigKey::Client(ClientConfigKey::AllowHttp));
                is_encrypted(endpoint, allowed, address, ["AZURE_ENDPOINT", "AZURE_ALLOW_HTTP"])?;
                let store = below(Arc::new(PrefixStore::new(builder.build().map_err(failed)?, prefix)))?;
                Self { times: TimeForm::Rfc3339, ..store }
            }
            _ => return Err(wrong("mirrorkeep keeps no mirror there")),
        })
    }
}

/// Fails for a server that is reached over plain HTTP, unless that is allowed; the variables name the server and the
/// permission.
fn is_encrypted(
    endpoint: Option<String>,
    allowed: Option<String>,
    address: &str,
    [server, allows]: [&str; 2],
) -> Result<()> {
    let Some(url) = endpoint.and_then(|endpoint| Url::parse(&endpoint).ok()) else { return Ok(()) };
    let is_allowed = |text: String| ["1", "true", "on", "yes", "y"].contains(&&*text.to_lowercase());
    if url.scheme() != "http" || allowed.is_some_and(is_allowed) {
        return Ok(());
    }
    let why = format!("{server} names a server over plain HTTP, and {allows} is not set");
    let hint = format!("set {allows}=true, or an address that begins with https:// in {server}");
    Err(StoreError::because(StoreErrorKind::Unsupported, DOING, address, &why).hinting(&hint))
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
