//! Whether something is changed, or this is a dry run.

/// Whether something is changed, or this is a dry run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The change is made.
    Real,
    /// Only what would be done is reported.
    Trial,
}

impl Mode {
    /// Returns the mode of a command with or without `--dry-run`.
    pub fn of(dry_run: bool) -> Self {
        if dry_run { Self::Trial } else { Self::Real }
    }
}
