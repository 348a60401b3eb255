//! When colours are shown.

/// When colours are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum ColorArg {
    /// On a terminal, unless a variable such as `NO_COLOR` decides
    Auto,
    /// Also in a pipe or file
    Always,
    /// Nowhere
    Never,
}
