//! What is retired, and how.

use crate::model::Stream;

/// What is done.
#[derive(Debug, Clone)]
pub enum Retire {
    /// A retirement begins; one that began before continues, with these settings added.
    Begin(RetireRequest),
    /// The retirements of these streams continue; without any, all.
    Continue(Vec<Stream>),
}

/// Which streams are retired, and how.
#[derive(Debug, Clone)]
pub struct RetireRequest {
    /// The streams.
    pub streams: Vec<Stream>,
    /// The reason, which users read.
    pub why: String,
    /// The address of the archive; nothing if the builds are not archived.
    pub archive: Option<String>,
    /// The public address of the root of the archive.
    pub url: Option<String>,
    /// The public address of this mirror, at which redirects are checked; nothing if they are not.
    pub served_at: Option<String>,
    /// The time between the announcement and the removal, in seconds.
    pub notice: u64,
    /// The names and builds that stay.
    pub keep: Vec<String>,
}
