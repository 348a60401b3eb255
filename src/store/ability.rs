//! What a store can do, so that callers need not guess.

use serde::{Deserialize, Serialize};

/// What a store can do, as `init` probed and recorded it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is one answer to one question, named in the file")]
pub struct Abilities {
    /// A whole tree can be moved to its path in one step.
    pub moves_trees: bool,
    /// Two files can share their bytes.
    pub shares_files: bool,
    /// Directories exist by themselves: one can be empty, and no name is a file and a directory at once.
    pub directories: bool,
    /// Names can be symlinks that a web server follows.
    pub symlinks: bool,
    /// A file can be created only if none exists, even if many processes try at once.
    pub creates_once: bool,
    /// A lock excludes other processes, and is released when its holder dies, at once or when its term is over.
    pub locks: bool,
    /// Metadata of a file is kept: its digest, its mode, its time.
    #[serde(default = "yes")]
    pub notes: bool,
    /// The store copies a file by itself, with its metadata.
    #[serde(default = "yes")]
    pub copies: bool,
    /// A listing is in the order of the names; nothing depends on it.
    #[serde(default)]
    pub lists_in_order: bool,
    /// A call takes milliseconds, so that many run at once and a listing replaces single calls; known by the kind of
    /// store and not recorded, like all that follow.
    #[serde(skip)]
    pub slow_calls: bool,
    /// Files and directories have a device and inode, which identify them under another name.
    #[serde(skip)]
    pub inodes: bool,
    /// A listing has the time of each file.
    #[serde(skip)]
    pub lists_times: bool,
    /// A listing has the size of each file, at no further cost.
    #[serde(skip)]
    pub lists_sizes: bool,
    /// A listing has the version of each file, which changes whenever the file is written.
    #[serde(skip)]
    pub lists_versions: bool,
    /// The digest of a file is stored with it, if its writer provided it.
    #[serde(skip)]
    pub keeps_digests: bool,
    /// The store has a limited number of bytes and files, and can be full.
    #[serde(skip)]
    pub can_fill_up: bool,
}

/// The values that were assumed before they were recorded.
fn yes() -> bool {
    true
}
