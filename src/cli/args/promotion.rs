//! What can be typed to vote, promote and go back.

use clap::{ArgGroup, Args, ValueEnum};

#[derive(Debug, Args)]
pub(in crate::cli) struct VoteArgs {
    /// The build, or a name that resolves to one
    pub(in crate::cli) id: String,
    /// The job, as the pipeline names it
    pub(in crate::cli) job: String,
    /// How the job went
    #[arg(value_enum)]
    pub(in crate::cli) result: VoteArg,
    /// Where its log is
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
#[command(group = ArgGroup::new("scope").required(true).args(["build", "until"]))]
pub(in crate::cli) struct WaiveArgs {
    /// The stage
    pub(in crate::cli) stage: String,
    /// The job whose vote is waived
    pub(in crate::cli) job: String,
    /// Reason, for the journal: 1 to 255 printable characters
    #[arg(long, value_name = "TEXT")]
    pub(in crate::cli) why: String,
    /// For this build alone
    #[arg(long, value_name = "ID")]
    pub(in crate::cli) build: Option<String>,
    /// For every build until then: a time, a day, or a span such as 3d
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
    /// The build, or a name that resolves to one
    pub(in crate::cli) id: String,
    /// Reason, for the record and the journal: 1 to 255 printable characters
    #[arg(long, value_name = "TEXT")]
    pub(in crate::cli) why: String,
    /// For this stage and those after it; for every stage without it
    #[arg(long)]
    pub(in crate::cli) stage: Option<String>,
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct UnrejectArgs {
    /// The build, or a name that resolves to one
    pub(in crate::cli) id: String,
    /// The rejection for this stage; that for every stage without it
    #[arg(long)]
    pub(in crate::cli) stage: Option<String>,
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(in crate::cli) struct PromoteArgs {
    /// The stage; all of the pipeline without it
    pub(in crate::cli) stage: Option<String>,
    /// Only in these streams: a name or a pattern
    #[arg(long, value_name = "STREAM")]
    pub(in crate::cli) stream: Option<String>,
    /// This build, also where it arrived before the one that has the stage
    #[arg(long, value_name = "ID", requires = "stage", conflicts_with = "stream")]
    pub(in crate::cli) build: Option<String>,
    /// Without the required votes and labels; a failed or rejected build is not promoted all the same
    #[arg(long, requires_all = ["why", "stage"])]
    pub(in crate::cli) force: bool,
    /// Accept where somebody moved the name without mirrorkeep, and go on
    #[arg(long, requires_all = ["why", "stage"])]
    pub(in crate::cli) take_over: bool,
    /// Reason, for the journal: 1 to 255 printable characters
    #[arg(long, value_name = "TEXT")]
    pub(in crate::cli) why: Option<String>,
    /// End with exit code 4 when no stage moved
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
    /// In this stream
    #[arg(long)]
    pub(in crate::cli) stream: String,
    /// Reason, for the record and the journal: 1 to 255 printable characters
    #[arg(long, value_name = "TEXT")]
    pub(in crate::cli) why: String,
    /// To this build; to the one that had the stage before without it
    #[arg(long, value_name = "ID")]
    pub(in crate::cli) to: Option<String>,
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct StagesArgs {
    /// The stage; all of the pipeline without it
    pub(in crate::cli) stage: Option<String>,
    /// Only in these streams: a name or a pattern
    #[arg(long, value_name = "STREAM")]
    pub(in crate::cli) stream: Option<String>,
    /// End with exit code 5 when a stage is further behind than its `alarm`
    #[arg(long)]
    pub(in crate::cli) check: bool,
}
