//! The answer of a receiver.

use crate::model::shown;
use std::time::Duration;

/// How many characters of a receiver's message are kept.
const LONGEST: usize = 300;

/// The answer of a receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It accepted the event.
    Accepted(String),
    /// It is away or busy, and may request a pause: the event is sent again, without a limit.
    Later(String, Option<Duration>),
    /// It refused the event, or did not answer in time: the event is sent again for a limited time.
    Refused(String, Option<Duration>),
    /// It will never accept the event.
    Final(String),
    /// The user stopped mirrorkeep before an answer came.
    Stopped,
}

/// Returns a receiver's message, as one printable line of a few hundred characters.
pub(super) fn said(text: &str) -> String {
    let text = text.trim();
    // Pages of a web server do not help a reader of a terminal.
    let text: String =
        if text.starts_with('<') { String::new() } else { text.chars().take(LONGEST).collect() };
    let text = shown(&text).into_owned();
    text.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_short_and_printable() {
        assert_eq!(said(" no\u{1b}[2K\u{202e}\n"), "no\\u{1b}[2K\\u{202e}");
        assert_eq!(said("<html>"), "");
        assert_eq!(said(&"\u{7}".repeat(1 << 20)).len(), 300);
    }
}
