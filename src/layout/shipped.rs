//! The layouts that are part of the program.

use super::Layout;

/// Each shipped layout by its name.
const SHIPPED: [(&str, &str); 1] = [("starlingx", include_str!("../../layouts/starlingx.yaml"))];

impl Layout {
    /// Returns the YAML of a shipped layout.
    pub fn shipped(name: &str) -> Option<&'static str> {
        SHIPPED.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
    }

    /// Returns the names of the shipped layouts.
    pub fn shipped_names() -> impl Iterator<Item = &'static str> {
        SHIPPED.iter().map(|(name, _)| *name)
    }
}
