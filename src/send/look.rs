//! The first answer at a public address: its status, and where it redirects to. No redirect is followed.

use super::answer::said;
use super::network::Network;
use crate::progress::CancelToken;
use crate::registry::{client_builder, innermost};
use reqwest::header::LOCATION;
use reqwest::redirect::Policy;
use std::time::Duration;
use url::Url;

/// The first answer at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstAnswer {
    /// The status.
    pub status: u16,
    /// Where it redirects to, as an absolute address.
    pub location: Option<Url>,
}

/// Returns the first answer at an address, or why there is none.
pub fn look(url: &Url, limit: Duration, stop: &CancelToken) -> Result<FirstAnswer, String> {
    let builder = client_builder(url, limit).redirect(Policy::none());
    let client = builder.build().map_err(|error| innermost(&error))?;
    let network = Network::here().map_err(|error| error.to_string())?;
    let asked = async {
        let response = client.get(url.clone()).send().await.map_err(|error| said(&innermost(&error)))?;
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let location = location.and_then(|text| url.join(text).ok());
        Ok(FirstAnswer { status: response.status().as_u16(), location })
    };
    match network.within(limit, stop, asked) {
        Some(Ok(answer)) => answer,
        Some(Err(_)) => Err(format!("no answer within {} s", limit.as_secs())),
        None => Err("interrupted".to_owned()),
    }
}
