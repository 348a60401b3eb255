//! What a gate finds out about a build.

/// What a gate found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) verdict: Verdict,
    pub(super) seconds: u64,
    /// The end of what it wrote.
    pub(super) log: String,
}

/// What a gate found out about a build.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Success,
    Failure,
    /// Another try may find it.
    Later,
    /// Nothing, for this reason.
    Unknown(String),
}
