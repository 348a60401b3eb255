//! Arguments of the verb `status`.

use clap::Args;

#[derive(Debug, Args)]
pub(in crate::cli) struct StatusArgs {
    /// Exit with code 5 when something needs attention
    #[arg(long)]
    pub(in crate::cli) check: bool,
    /// Measure which bytes builds share, by walking every build
    #[arg(long)]
    pub(in crate::cli) shared: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct LogArgs {
    /// A build, an alias, a stream, or a pattern of streams such as 'release/*/centos' [default: everything]
    #[arg(value_name = "ID|ALIAS|STREAM")]
    pub(in crate::cli) about: Option<String>,
    /// Only events since a time, a day, or a span ago, such as 7d
    #[arg(long, value_name = "TIME|DAY|SPAN")]
    pub(in crate::cli) since: Option<String>,
    /// Only the newest N events
    #[arg(long, value_name = "N")]
    pub(in crate::cli) limit: Option<usize>,
    /// The person whose events are shown: that of `--by` if the command line has it.
    #[arg(skip)]
    pub(in crate::cli) by: Option<String>,
}
