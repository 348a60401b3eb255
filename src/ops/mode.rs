//! Whether something is done, or only tried.

/// Whether something is done or only tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Done.
    Real,
    /// Only told what would be done.
    Trial,
}

impl Mode {
    /// Returns what a command does that is, or is not, to be dry.
    pub fn of(dry_run: bool) -> Self {
        if dry_run { Self::Trial } else { Self::Real }
    }
}
