//! Files that are part of the program, each by its name.

/// Layouts, policies or pipelines that ship with the program.
#[derive(Debug, Clone, Copy)]
pub struct Shipped(pub &'static [(&'static str, &'static str)]);

impl Shipped {
    /// Returns the YAML of the file with that name.
    pub fn text(self, name: &str) -> Option<&'static str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
    }

    /// Returns the names, in the order of the table.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(name, _)| *name)
    }
}
