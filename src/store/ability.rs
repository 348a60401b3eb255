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
    /// A call takes milliseconds, so that many run at once and a listing stands for single calls; known by the kind of
    /// store and not written down, as all that follow.
    #[serde(skip)]
    pub slow_calls: bool,
    /// Files and directories have a device and inode, by which they are known again under another name.
    #[serde(skip)]
    pub inodes: bool,
    /// A listing has the time that each file carries.
    #[serde(skip)]
    pub lists_times: bool,
    /// A listing has the size of each file, at no further cost.
    #[serde(skip)]
    pub lists_sizes: bool,
    /// A listing has the version of each file, which changes whenever the file is written.
    #[serde(skip)]
    pub lists_versions: bool,
    /// The digest of a file is kept beside it, as far as its writer noted it.
    #[serde(skip)]
    pub keeps_digests: bool,
    /// The store has a limited number of bytes and files, and can be full.
    #[serde(skip)]
    pub can_fill_up: bool,
}

/// What was taken for granted before it was written down.
fn yes() -> bool {
    true
}
