//! Colour where a person looks at a terminal, and numbers as people write them.

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
        format!("{style}{text}{style:#}")
    }

    /// Shows a heading.
    pub fn bold(self, text: &str) -> String {
        self.with(Effects::BOLD, text)
    }

    /// Shows what goes.
    pub fn red(self, text: &str) -> String {
        self.with(AnsiColor::Red.on_default(), text)
    }

    /// Shows what stays.
    pub fn green(self, text: &str) -> String {
        self.with(AnsiColor::Green.on_default(), text)
    }

    /// Shows what somebody should look at.
    pub fn yellow(self, text: &str) -> String {
        self.with(AnsiColor::Yellow.on_default(), text)
    }
}

/// Returns a number of bytes as people write it.
pub fn bytes(count: u64) -> String {
    indicatif::HumanBytes(count).to_string()
}

/// Returns a count with its noun.
pub fn count(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", indicatif::HumanCount(count))
}
