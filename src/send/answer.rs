//! How a receiver answered.

use crate::model::shown;
use std::time::Duration;

/// How much of what a receiver says is kept, in characters.
const LONGEST: usize = 300;

/// How a receiver answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It has the event.
    Accepted(String),
    /// It is away or busy, and may ask to wait so long: the event is sent again, however long that goes on.
    Later(String, Option<Duration>),
    /// It refused the event, or said nothing in time: the event is sent again for a time.
    Refused(String, Option<Duration>),
    /// It will never accept the event.
    Final(String),
    /// The user stopped mirrorkeep before an answer came.
    Stopped,
}

/// Returns what a receiver says, as one printable line of a few hundred characters.
pub(super) fn said(text: &str) -> String {
    let text = text.trim();
    // Pages of a web server say nothing to a reader of a terminal.
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
