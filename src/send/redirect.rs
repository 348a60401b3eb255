//! Which redirects are followed: at most five in a row, and only to http and https addresses.

use super::answer::said;
use reqwest::Response;
use reqwest::header::LOCATION;
use reqwest::redirect::Policy;

/// The number of redirects that are followed, one after the other.
const MOST: usize = 5;

/// Why a redirect is not followed.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("the server redirects to `{0}`; only redirects to http:// and https:// addresses are followed")]
    NotHttp(String),
    #[error("the server redirects more than {MOST} times")]
    TooMany,
}

/// Returns the policy of a client.
pub(super) fn policy() -> Policy {
    Policy::custom(|attempt| {
        if !matches!(attempt.url().scheme(), "http" | "https") {
            let to = said(attempt.url().as_str());
            attempt.error(Refused::NotHttp(to))
        } else if attempt.previous().len() > MOST {
            attempt.error(Refused::TooMany)
        } else {
            attempt.follow()
        }
    })
}

/// Returns why the redirect in an answer was not followed: the client passes an address that no HTTP request can have, such as
/// `file:///etc/passwd`, to no policy. Nothing for other answers.
pub(super) fn unfollowed(answer: &Response) -> Option<String> {
    let to = answer.headers().get(LOCATION).filter(|_| answer.status().is_redirection())?;
    Some(Refused::NotHttp(said(&String::from_utf8_lossy(to.as_bytes()))).to_string())
}
