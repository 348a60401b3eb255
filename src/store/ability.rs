//! What a store can do, asked instead of guessed.

use serde::{Deserialize, Serialize};

/// What a store can do; written down by `init` as it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is one answer to one question, named in the file")]
pub struct Abilities {
    /// A whole tree can be moved into place in one step.
    pub moves_trees: bool,
    /// Two files can share their bytes.
    pub shares_files: bool,
    /// Directories are things of their own: one can be empty, and no name is a file and a directory at once.
    pub directories: bool,
    /// Names can be symlinks that a web server follows.
    pub symlinks: bool,
    /// A file can be created only if nothing is there, also when many try at once.
    pub creates_once: bool,
    /// A lock keeps others out, and is let go when its holder dies, at once or when its term is over.
    pub locks: bool,
    /// What is noted beside a file stays there: its digest, its mode, its time.
    #[serde(default = "yes")]
    pub notes: bool,
    /// The store copies a file by itself, with what is noted beside it.
    #[serde(default = "yes")]
    pub copies: bool,
    /// A listing comes in the order of the names; nothing depends on it.
    #[serde(default)]
    pub lists_in_order: bool,
}

/// What was taken for granted before it was written down.
fn yes() -> bool {
    true
}
