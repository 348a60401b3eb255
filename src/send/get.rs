//! A small file from a public address: one request, with a limit on its time and on what comes back.

use super::answer::said;
use super::network::Network;
use super::redirect;
use crate::progress::CancelToken;
use crate::registry::{client_builder, innermost};
use reqwest::{Client, StatusCode};
use std::time::Duration;
use url::Url;

/// Returns the bytes at an address; nothing where the server states that there is nothing. Fails with why.
pub fn get(url: &Url, most: u64, limit: Duration, stop: &CancelToken) -> Result<Option<Vec<u8>>, String> {
    let builder = client_builder(url, limit).redirect(redirect::policy());
    let client = builder.build().map_err(|error| innermost(&error))?;
    let network = Network::here().map_err(|error| error.to_string())?;
    match network.within(limit, stop, asked(&client, url, most)) {
        Some(Ok(answer)) => answer,
        Some(Err(_)) => Err(format!("no whole answer within {} s", limit.as_secs())),
        None => Err("interrupted".to_owned()),
    }
}

async fn asked(client: &Client, url: &Url, most: u64) -> Result<Option<Vec<u8>>, String> {
    let why = |error: reqwest::Error| said(&innermost(&error));
    let mut response = client.get(url.clone()).send().await.map_err(why)?;
    if let Some(why) = redirect::unfollowed(&response) {
        return Err(why);
    }
    match response.status() {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND | StatusCode::GONE => return Ok(None),
        status => return Err(format!("the server answers {status}")),
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(why)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() as u64 > most {
            return Err(format!("it has more than {most} bytes"));
        }
    }
    Ok(Some(bytes))
}
