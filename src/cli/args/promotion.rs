//! Arguments of the verbs of promotion.

use clap::{ArgGroup, Args, ValueEnum};

#[derive(Debug, Args)]
pub(in crate::cli) struct VoteArgs {
    /// The build, or an alias that resolves to one
    pub(in crate::cli) id: String,
    /// The job, as the pipeline names it
    pub(in crate::cli) job: String,
    /// How the job went
    #[arg(value_enum)]
    pub(in crate::cli) result: VoteArg,
    /// URL of its log
    #[arg(long)]
    pub(in crate::cli) url: Option<String>,
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}

/// How a job went.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum VoteArg {
    /// It passed
    Success,
    /// It did not pass
    Failure,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true).args(["gates", "all_missing"]))]
pub(in crate::cli) struct GateArgs {
    /// The build, or an alias that resolves to one
    pub(in crate::cli) id: String,
    /// The gates, as the pipeline names them
    #[arg(value_name = "NAME")]
    pub(in crate::cli) gates: Vec<String>,
    /// Run every gate that a stage of the stream requires and that has not voted on the build
    #[arg(long)]
    pub(in crate::cli) all_missing: bool,
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("scope").required(true).args(["build", "until"]))]
pub(in crate::cli) struct WaiveArgs {
    /// The stage
    pub(in crate::cli) stage: String,
    /// The job whose vote is waived
    pub(in crate::cli) job: String,
    /// Reason, for the journal: 1 to 255 printable characters
    #[arg(long, value_name = "TEXT")]
    pub(in crate::cli) why: String,
    /// Only for this build
    #[arg(long, value_name = "ID")]
    pub(in crate::cli) build: Option<String>,
    /// For every build until this time: a time, a day, or a span such as 3d
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) until: Option<String>,
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct UnwaiveArgs {
    /// The stage
    pub(in crate::cli) stage: String,
    /// The job
    pub(in crate::cli) job: String,
    /// Only the waiver for this build
    #[arg(long, value_name = "ID")]
    pub(in crate::cli) build: Option<String>,
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RejectArgs {
    /// The build, or an alias that resolves to one
    pub(in crate::cli) id: String,
    /// Reason, for the record and the journal: 1 to 255 printable characters
    #[arg(long, value_name = "TEXT")]
    pub(in crate::cli) why: String,
    /// Only for this stage and those after it [default: every stage]
    #[arg(long)]
    pub(in crate::cli) stage: Option<String>,
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct UnrejectArgs {
    /// The build, or an alias that resolves to one
    pub(in crate::cli) id: String,
    /// The stage of the rejection [default: the rejection for every stage]
    #[arg(long)]
    pub(in crate::cli) stage: Option<String>,
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(in crate::cli) struct PromoteArgs {
    /// The stage [default: all of the pipeline]
    pub(in crate::cli) stage: Option<String>,
    /// Only in these streams: a name or a pattern
    #[arg(long, value_name = "STREAM")]
    pub(in crate::cli) stream: Option<String>,
    /// Promote this build, also if it is older than the one that has the stage
    #[arg(long, value_name = "ID", requires = "stage", conflicts_with = "stream")]
    pub(in crate::cli) build: Option<String>,
    /// Skip the required votes and labels, but not the result or a rejection
    #[arg(long, requires_all = ["why", "stage"])]
    pub(in crate::cli) force: bool,
    /// Accept where another program moved the alias, and continue
    #[arg(long, requires_all = ["why", "stage"])]
    pub(in crate::cli) take_over: bool,
    /// Reason, for the journal: 1 to 255 printable characters
    #[arg(long, value_name = "TEXT")]
    pub(in crate::cli) why: Option<String>,
    /// Exit with code 4 if no stage moved
    #[arg(long)]
    pub(in crate::cli) require_move: bool,
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct DemoteArgs {
    /// The stage
    pub(in crate::cli) stage: String,
    /// The stream; that of a bundle moves the whole set back
    #[arg(long)]
    pub(in crate::cli) stream: String,
    /// Reason, for the record and the journal: 1 to 255 printable characters
    #[arg(long, value_name = "TEXT")]
    pub(in crate::cli) why: String,
    /// The build that gets the stage [default: the one that had it before]
    #[arg(long, value_name = "ID")]
    pub(in crate::cli) to: Option<String>,
    /// Succeed although the stage is already empty and no build had it before
    #[arg(long, conflicts_with = "to")]
    pub(in crate::cli) allow_empty: bool,
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct StagesArgs {
    /// The stage [default: all of the pipeline]
    pub(in crate::cli) stage: Option<String>,
    /// Only in these streams: a name or a pattern
    #[arg(long, value_name = "STREAM")]
    pub(in crate::cli) stream: Option<String>,
    /// Exit with code 5 if a stage is further behind than its `alarm`
    #[arg(long)]
    pub(in crate::cli) check: bool,
}
