//! How the files of a bundle are made.

/// How one file of a bundle is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundled {
    /// Its name.
    pub file: String,
    /// Its source.
    pub made: Made,
}

/// The source of a file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Made {
    /// The files of that name in the members, with this text after each.
    Joined {
        /// The text.
        after: String,
    },
    /// The files of that name in the members; only the first keeps its first line.
    Table,
    /// The MD5 of another file of the bundle, in hexadecimal digits; it is the name of the build.
    Md5 {
        /// The other file.
        of: String,
    },
}
