//! Arguments of the verb `branch`.

use chrono::NaiveDate;
use clap::Args;

#[derive(Debug, Args)]
pub(in crate::cli) struct BranchArgs {
    /// New stream, or directory of new streams; a pattern if OLD is one
    #[arg(value_name = "NEW")]
    pub(in crate::cli) new: String,
    /// Old stream, or directory above old streams; `*` in it is any text without `/`
    #[arg(long, value_name = "OLD")]
    pub(in crate::cli) like: String,
    /// Build with which each new stream begins: an alias or build beside the old one, or a build ID [default: none]
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) seed: Option<String>,
    /// Name of that build in the new stream [default: the same]
    #[arg(long, value_name = "NAME", requires = "seed")]
    pub(in crate::cli) build: Option<String>,
    /// Stage of the old streams that the new ones do not get; repeatable
    #[arg(long, value_name = "STAGE")]
    pub(in crate::cli) without_stage: Vec<String>,
    /// Day of this release, such as 2024-10-02, which the calendars of the policy must have
    #[arg(long, value_name = "DAY", value_parser = day)]
    pub(in crate::cli) date: Option<NaiveDate>,
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}

/// Reads a day.
fn day(text: &str) -> Result<NaiveDate, String> {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| text.len() == 10);
    day.ok_or_else(|| "a day such as `2024-10-02` is accepted".to_owned())
}
