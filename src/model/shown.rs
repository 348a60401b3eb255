//! Text from elsewhere, as one line for a terminal.
//!
//! A control character moves the cursor or forges a line, a bidirectional override shows letters in another order,
//! and a zero-width character makes two names look the same. Input with one of them is refused; stored text is
//! escaped when it is shown.

use std::borrow::Cow;

/// The longest reason, in characters.
const REASON_MAX: usize = 255;

/// Why a text is not accepted as a line that people read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// The text is empty, or only blanks.
    #[error("it is empty; 1 to {max} printable characters are accepted", max = REASON_MAX)]
    Empty,
    /// It has too many characters.
    #[error("it has {0} characters; 1 to {max} printable characters are accepted", max = REASON_MAX)]
    Long(usize),
    /// A character that is not printed as itself.
    #[error("it contains {}; 1 to {max} printable characters are accepted", named(*.0), max = REASON_MAX)]
    Unprintable(char),
}

/// Returns the name of a character that is not printable by its code point, such as `the control character U+000A`.
pub fn named(c: char) -> String {
    let kind = if c.is_control() { "the control character " } else { "" };
    format!("{kind}U+{:04X}", u32::from(c))
}

/// Returns whether a character changes how the text around it is shown, is invisible, or looks like a blank.
///
/// These are the control characters, the code points that Unicode lists as `Default_Ignorable_Code_Point`,
/// annotations, all white space except the plain blank, and the Braille pattern without dots.
pub fn is_unprintable(c: char) -> bool {
    c.is_control()
        || c.is_whitespace() && c != ' '
        || matches!(
            c,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{2800}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// Returns the first character of a text that is not printed as itself.
pub fn unprintable(text: &str) -> Option<char> {
    // Nearly every text is plain ASCII.
    let plain = text.as_bytes().iter().all(|byte| (0x20..0x7f).contains(byte));
    if plain { None } else { text.chars().find(|c| is_unprintable(*c)) }
}

/// Returns whether a text is 1 to 255 printable characters, or why not.
pub fn check_line(text: &str) -> Result<(), LineError> {
    if text.trim().is_empty() {
        return Err(LineError::Empty);
    }
    if let Some(c) = unprintable(text) {
        return Err(LineError::Unprintable(c));
    }
    match text.chars().count() {
        1..=REASON_MAX => Ok(()),
        count => Err(LineError::Long(count)),
    }
}

/// Returns a text as one line that shows every character: what is not printable is written as `\n` or `\u{202e}`.
pub fn shown(text: &str) -> Cow<'_, str> {
    if unprintable(text).is_none() {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len() + 8);
    text.chars().for_each(|c| show(c, &mut line));
    Cow::Owned(line)
}

/// Appends a character to a line, escaped if it is not printable.
pub fn show(c: char, line: &mut String) {
    match c {
        '\n' => line.push_str("\\n"),
        '\r' => line.push_str("\\r"),
        '\t' => line.push_str("\\t"),
        c if is_unprintable(c) => line.extend(c.escape_unicode()),
        c => line.push(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_kind_is_escaped_and_named() {
        for (text, wanted) in [
            ("plain text, ä, 中, 👍🏽", "plain text, ä, 中, 👍🏽"),
            ("a\nb\r\tc", "a\\nb\\r\\tc"),
            ("\u{1b}[2K", "\\u{1b}[2K"),
            ("\u{9b}2K\u{7f}", "\\u{9b}2K\\u{7f}"),
            ("a\u{202e}b\u{2066}c", "a\\u{202e}b\\u{2066}c"),
            ("a\u{a0}b\u{34f}\u{3164}\u{2800}\u{3000}", "a\\u{a0}b\\u{34f}\\u{3164}\\u{2800}\\u{3000}"),
            ("a\u{200b}\u{feff}\u{2028}\u{2029}", "a\\u{200b}\\u{feff}\\u{2028}\\u{2029}"),
        ] {
            assert_eq!(shown(text), wanted);
        }
        assert_eq!(check_line("bug 1234: für später"), Ok(()));
        assert_eq!(check_line("  "), Err(LineError::Empty));
        assert_eq!(check_line(&"ä".repeat(255)), Ok(()));
        assert_eq!(check_line(&"a".repeat(256)), Err(LineError::Long(256)));
        assert!(check_line("a\u{202e}b").unwrap_err().to_string().contains("U+202E"));
        assert!(check_line("a\nb").unwrap_err().to_string().contains("U+000A"));
    }

    proptest! {
        #[test]
        fn what_is_shown_is_printable_and_shown_again_the_same(text in any::<String>()) {
            let once = shown(&text).into_owned();
            prop_assert_eq!(unprintable(&once), None);
            prop_assert_eq!(&*shown(&once), &*once);
        }
    }
}
