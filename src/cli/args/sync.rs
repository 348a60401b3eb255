//! What can be typed to bring copies of the mirror elsewhere up to date.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(in crate::cli) struct SyncArgs {
    #[command(subcommand)]
    pub(in crate::cli) verb: Option<SyncVerb>,
    /// Only these targets [default: all of targets.yaml]
    #[arg(value_name = "TARGET")]
    pub(in crate::cli) names: Vec<String>,
    /// How much is read again at the target
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = VerifyArg::Sample)]
    pub(in crate::cli) verify: VerifyArg,
    /// Ignore what earlier runs recorded: compare everything, and fill a target that is empty
    #[arg(long, alias = "anew")]
    pub(in crate::cli) restart: bool,
    /// Maximum number of builds that are deleted at a target [default: a quarter of those sent, at least 10]
    #[arg(long, value_name = "N")]
    pub(in crate::cli) delete_at_most: Option<usize>,
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum VerifyArg {
    /// Some of the files that were sent
    Sample,
    /// Every file of every build
    All,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum SyncVerb {
    /// Find what is wrong or odd with a targets.yaml
    #[command(after_help = "Examples:\n  mirrorkeep sync lint\n  mirrorkeep sync lint targets.yaml")]
    Lint {
        /// The file [default: that of the mirror]
        file: Option<PathBuf>,
    },
    /// Write the JSON schema of targets.yaml
    Schema,
}

impl SyncArgs {
    /// Returns whether the verb may write into the mirror.
    pub(in crate::cli) fn writes(&self) -> bool {
        self.verb.is_none() && !self.dry_run
    }
}
