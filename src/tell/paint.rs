//! Colour where a person looks at a terminal, and numbers as people write them.

/// Whether text is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// With ANSI colours.
    Colour,
    /// As plain text.
    Plain,
}

impl Paint {
    fn with(self, code: u8, text: &str) -> String {
        match self {
            Self::Colour => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            Self::Plain => text.to_owned(),
        }
    }

    /// Shows a heading.
    pub fn bold(self, text: &str) -> String {
        self.with(1, text)
    }

    /// Shows what goes.
    pub fn red(self, text: &str) -> String {
        self.with(31, text)
    }

    /// Shows what stays.
    pub fn green(self, text: &str) -> String {
        self.with(32, text)
    }

    /// Shows what somebody should look at.
    pub fn yellow(self, text: &str) -> String {
        self.with(33, text)
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
