//! What can be typed to write the files for people and programs that look at the mirror.

use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(in crate::cli) struct SiteArgs {
    /// Compare every file byte for byte with what is there, not only with what was written last
    #[arg(long)]
    pub(in crate::cli) full: bool,
    /// Write the files into this directory instead, outside the mirror, which is only read; links stay those of files in the mirror
    #[arg(long, value_name = "DIR", conflicts_with = "full")]
    pub(in crate::cli) out: Option<PathBuf>,
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}
