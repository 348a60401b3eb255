//! Secrets of a subscriber: read once, from the environment or a file, and never printed.

use super::veil::Veil;
use crate::decide::deliver::Secret;
use crate::model::{Class, Classify, ErrorKind};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use std::io::{self, Read};
use std::path::PathBuf;

/// The maximum size of a file with a secret, in bytes.
const LIMIT: u64 = 64 << 10;

/// The prefix of a secret in base64, by the Standard Webhooks.
const PREFIX: &str = "whsec_";

/// The minimum size of a key, by the Standard Webhooks.
const SHORTEST: usize = 24;

/// Why nothing can be sent to a subscriber.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// An environment variable is not set.
    #[error("the environment variable `{0}` is not set")]
    NotSet(String),
    /// An environment variable does not have an address; its value is not repeated.
    #[error("the environment variable `{0}` has no usable address: {1}")]
    Address(String, String),
    /// A file cannot be read.
    #[error("cannot read `{0}`")]
    File(PathBuf, #[source] io::Error),
    /// A secret cannot be used.
    #[error("{0} has no usable secret: {1}")]
    Secret(String, &'static str),
    /// The client cannot be started.
    #[error("cannot start the client")]
    Start(#[source] io::Error),
}

impl SendError {
    /// Returns the message with its cause.
    pub(super) fn whole(&self) -> String {
        match self {
            Self::File(_, why) | Self::Start(why) => format!("{self}: {why}"),
            Self::NotSet(_) | Self::Address(..) | Self::Secret(..) => self.to_string(),
        }
    }
}

impl Classify for SendError {
    fn class(&self) -> Class {
        match self {
            Self::NotSet(_) | Self::Address(..) | Self::Secret(..) => ErrorKind::Usage.into(),
            Self::File(..) | Self::Start(_) => ErrorKind::Failed.into(),
        }
    }
}

/// The keys by which events are signed: more than one while a secret is replaced.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Keys(Vec<Vec<u8>>);

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", self.0.len())
    }
}

impl Keys {
    /// Parses the keys of a secret: words, each in base64 after `whsec_`. They are hidden in kept answers.
    pub(super) fn read(secret: &Secret, veil: &mut Veil) -> Result<Self, SendError> {
        let (text, of) = match secret {
            Secret::Env(name) => (variable(name)?, format!("the environment variable `{name}`")),
            Secret::File(path) => {
                let failed = |error| SendError::File(path.clone(), error);
                let mut text = String::new();
                std::fs::File::open(path)
                    .map_err(failed)?
                    .take(LIMIT)
                    .read_to_string(&mut text)
                    .map_err(failed)?;
                (text, format!("`{}`", path.display()))
            }
        };
        let keys = Self::parse(&text, &of)?;
        for word in text.split_whitespace() {
            veil.hide(word);
            veil.hide(word.strip_prefix(PREFIX).unwrap_or_default());
        }
        keys.0.iter().for_each(|key| veil.hide(&String::from_utf8_lossy(key)));
        Ok(keys)
    }

    fn parse(text: &str, of: &str) -> Result<Self, SendError> {
        let wrong = |why| SendError::Secret(of.to_owned(), why);
        let key = |word: &str| match word.strip_prefix(PREFIX) {
            Some(rest) => STANDARD.decode(rest).map_err(|_| wrong("what follows `whsec_` is not base64")),
            // Receivers' libraries parse any other text as base64, too, and few secrets are.
            None => Err(wrong(
                "`whsec_` and base64 is expected, such as of `echo whsec_$(head -c 32 /dev/urandom | base64)`",
            )),
        };
        let keys: Vec<Vec<u8>> = text.split_whitespace().map(key).collect::<Result<_, _>>()?;
        if keys.is_empty() {
            return Err(wrong("it is empty"));
        }
        if keys.iter().any(|key| key.len() < SHORTEST) {
            return Err(wrong("a key has 24 bytes or more"));
        }
        Ok(Self(keys))
    }

    /// Returns the signatures of a message, in the form of the header `webhook-signature`.
    pub(super) fn signatures(&self, id: &str, timestamp: i64, body: &str) -> String {
        let signed = format!("{id}.{timestamp}.{body}");
        let sign = |key: &Vec<u8>| {
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key);
            format!("v1,{}", STANDARD.encode(ring::hmac::sign(&key, signed.as_bytes())))
        };
        self.0.iter().map(sign).collect::<Vec<_>>().join(" ")
    }
}

/// Returns the value of an environment variable; an empty one counts as not set.
pub(super) fn variable(name: &str) -> Result<String, SendError> {
    let value = std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    value.ok_or_else(|| SendError::NotSet(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_standard_webhooks_is_signed_as_it_says() {
        let keys = Keys::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", "x").unwrap();
        let signed = keys.signatures("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, "{\"test\": 2432232314}");
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_that_is_replaced_signs_twice_and_is_never_printed() {
        let keys = Keys::parse(
            "whsec_aGlkZGVuLXNlY3JldC1vZi0yNC1ieXRlcw== whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "x",
        )
        .unwrap();
        assert_eq!(keys.signatures("a", 1, "b").split(' ').count(), 2);
        assert_eq!(format!("{keys:?}"), "Keys(2)");
        for text in ["", " \n", "whsec_", "whsec_not base64", "plain text is no secret", "whsec_c2hvcnQ="] {
            let error = Keys::parse(text, "x").unwrap_err().to_string();
            assert!(error.starts_with("x has no usable secret"), "{error}");
        }
    }
}
