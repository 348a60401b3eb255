//! Colour on terminals, and numbers for people.
//!
//! Text from elsewhere passes [`screened`] before it is printed, so that no name or reason moves the cursor.

use crate::model::{show, shown};
use anstyle::{AnsiColor, Effects, Style};

/// Whether text is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// With ANSI colours.
    Colour,
    /// As plain text.
    Plain,
}

impl Paint {
    fn with(self, style: impl Into<Style>, text: &str) -> String {
        let style = if self == Self::Colour { style.into() } else { Style::new() };
        format!("{style}{}{style:#}", shown(text))
    }

    /// Shows a heading.
    pub fn bold(self, text: &str) -> String {
        self.with(Effects::BOLD, text)
    }

    /// Shows what is deleted.
    pub fn red(self, text: &str) -> String {
        self.with(AnsiColor::Red.on_default(), text)
    }

    /// Shows what is kept.
    pub fn green(self, text: &str) -> String {
        self.with(AnsiColor::Green.on_default(), text)
    }

    /// Shows what needs attention.
    pub fn yellow(self, text: &str) -> String {
        self.with(AnsiColor::Yellow.on_default(), text)
    }
}

/// The escape sequences of [`Paint`], without the escape character.
const COLOURS: [&str; 5] = ["[0m", "[1m", "[31m", "[32m", "[33m"];

/// Returns lines with terminal control characters escaped, except for colours if they are shown.
pub fn screened(text: &str, paint: Paint) -> String {
    let mut lines = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = rest.get(c.len_utf8()..).unwrap_or_default();
        let colour = (paint == Paint::Colour && c == '\u{1b}')
            .then(|| COLOURS.iter().find(|colour| after.starts_with(**colour)))
            .flatten();
        match c {
            '\n' | '\t' => lines.push(c),
            '\r' if after.starts_with('\n') => lines.push(c),
            _ if colour.is_some() => lines.push(c),
            _ => show(c, &mut lines),
        }
        rest = after;
    }
    lines
}

/// Returns a number of bytes for people.
pub fn bytes(count: u64) -> String {
    indicatif::HumanBytes(count).to_string()
}

/// Returns an age in seconds in its largest unit, such as `5m`, `3h` or `40d`.
pub fn age(seconds: i64) -> String {
    match seconds.max(0) {
        seconds @ 0..3600 => format!("{}m", seconds / 60),
        seconds @ 3600..172_800 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

/// Returns a count with its noun.
pub fn count(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", indicatif::HumanCount(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_colours_and_line_ends_pass() {
        let red = Paint::Colour.red("a\u{1b}[2K\nb");
        assert_eq!(red, "\u{1b}[31ma\\u{1b}[2K\\nb\u{1b}[0m");
        assert_eq!(screened(&red, Paint::Colour), red);
        assert_eq!(screened("\u{1b}[31ma", Paint::Plain), "\\u{1b}[31ma");
        assert_eq!(screened("\u{1b}[2Ka", Paint::Colour), "\\u{1b}[2Ka");
        assert_eq!(screened("a\r\nb\tc\rd\n", Paint::Plain), "a\r\nb\tc\\rd\n");
        assert_eq!(screened("\u{202e}\u{200b}ä", Paint::Plain), "\\u{202e}\\u{200b}ä");
    }
}
