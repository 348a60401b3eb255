//! The verdict of a gate on a build.

/// The verdict of a gate.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) verdict: Verdict,
    pub(super) seconds: u64,
    /// The end of its output.
    pub(super) log: String,
}

/// The verdict of a gate on a build.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Success,
    Failure,
    /// Another run may find an answer.
    Later,
    /// No answer, for this reason.
    Unknown(String),
}
