//! Arguments of the verbs that delete builds and protect them.

use super::look::HoldVerb;
use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub(in crate::cli) struct PruneArgs {
    /// Carry out the plan with this digest although a brake stops it; any other plan is withheld as usual
    #[arg(long, value_name = "DIGEST")]
    pub(in crate::cli) accept: Option<String>,
    /// Accept the clock of this machine: continue although it went back or stepped far ahead since the last run, or differs
    /// from that of the file system
    #[arg(long)]
    pub(in crate::cli) accept_clock: bool,
    /// Maximum number of files to remove per second
    #[arg(long, value_name = "FILES", value_parser = clap::value_parser!(u32).range(1..))]
    pub(in crate::cli) max_rate: Option<u32>,
    /// I/O priority
    #[arg(long, value_enum, default_value_t = IoPriority::Idle)]
    pub(in crate::cli) io_priority: IoPriority,
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
    /// With --dry-run, omit the builds that are kept whole; JSON has all
    #[arg(long, requires = "dry_run")]
    pub(in crate::cli) expiring: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum IoPriority {
    /// Only when the disk is otherwise unused
    Idle,
    /// The same as other processes
    Normal,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(in crate::cli) struct HoldArgs {
    #[command(subcommand)]
    pub(in crate::cli) verb: Option<HoldVerb>,
    /// The build, or an alias that resolves to one
    #[arg(required = true)]
    pub(in crate::cli) id: Option<String>,
    /// Reason, 1 to 255 printable characters
    #[arg(long, required = true)]
    pub(in crate::cli) why: Option<String>,
    /// Expiry: a UTC time, a day (to its end) or a span from now such as 7d [default: until `unhold`]
    #[arg(long, value_name = "TIME|DAY|SPAN")]
    pub(in crate::cli) until: Option<String>,
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}
