//! How long requests to a server are retried, as the environment sets it.

use chrono::{DateTime, Utc};
use std::str::FromStr;
use std::time::Duration;

/// The target of the events that report a retry.
pub const RETRIES: &str = "mirrorkeep::retries";

/// The time limit of all attempts of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience(Duration);

/// Why a text is not a valid time limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a whole number of seconds from 1 to 600")]
pub struct PatienceError(String);

impl Patience {
    /// Names the environment variable that sets it, in seconds.
    pub const VARIABLE: &'static str = "MIRRORKEEP_PATIENCE";

    /// Parses the value of the variable; the default if it is not set.
    pub fn given(variable: Option<&str>) -> Result<Self, PatienceError> {
        variable.map_or(Ok(Self::default()), str::parse)
    }

    /// Returns the time limit of all attempts of a request.
    pub fn all_tries(self) -> Duration {
        self.0
    }

    /// Returns the same, but at most this many seconds.
    #[must_use]
    pub fn at_most(self, seconds: u16) -> Self {
        Self(self.0.min(Duration::from_secs(seconds.into())))
    }

    /// Returns how long a server may be silent before the next attempt: a quarter of the limit.
    pub fn silence(self) -> Duration {
        self.0 / 4
    }
}

impl Default for Patience {
    /// Longer than a restart of a server takes.
    fn default() -> Self {
        Self(Duration::from_mins(1))
    }
}

impl FromStr for Patience {
    type Err = PatienceError;

    fn from_str(text: &str) -> Result<Self, PatienceError> {
        match text.parse::<u16>() {
            Ok(seconds @ 1..=600) => Ok(Self(Duration::from_secs(seconds.into()))),
            _ => Err(PatienceError(text.chars().take(80).flat_map(char::escape_debug).collect())),
        }
    }
}

/// Returns how long a server asks to wait, by the value of `Retry-After`: a number of seconds, or until an instant.
pub fn retry_after(text: &str, now: DateTime<Utc>) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let until = DateTime::parse_from_rfc2822(text.trim()).ok()?;
    Some(until.signed_duration_since(now).to_std().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_in_seconds_or_until_an_instant() {
        let now = DateTime::from_timestamp(784_111_777, 0).unwrap();
        let case = |text: &str, seconds: Option<u64>| {
            assert_eq!(retry_after(text, now), seconds.map(Duration::from_secs), "{text}");
        };
        case("7", Some(7));
        case("Sun, 06 Nov 1994 08:50:07 GMT", Some(30));
        case("Sun, 06 Nov 1994 08:00:00 GMT", Some(0));
        case("soon", None);
        case("-1", None);
    }

    #[test]
    fn patience_is_a_number_of_seconds() {
        assert_eq!("5".parse::<Patience>().map(Patience::all_tries), Ok(Duration::from_secs(5)));
        assert_eq!(Patience::given(None).map(Patience::silence), Ok(Duration::from_secs(15)));
        for text in ["", "0", "1m", "601", "-1"] {
            let error = Patience::given(Some(text)).unwrap_err();
            assert!(error.to_string().contains("from 1 to 600"), "{error}");
        }
    }
}
