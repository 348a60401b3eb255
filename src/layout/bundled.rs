//! How the files of a bundle are made.

/// How one file of a bundle is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundled {
    /// Its name.
    pub file: String,
    /// Of what.
    pub made: Made,
}

/// Of what a file of a bundle is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Made {
    /// The members' files of that name, with this text after each.
    Joined {
        /// The text.
        after: String,
    },
    /// The members' files of that name, of which only the first keeps its first line.
    Table,
    /// The MD5 of another file of the bundle, in hexadecimal digits; it is the name of the build.
    Md5 {
        /// That file.
        of: String,
    },
}
