//! Arguments of the verb `withdraw`.

use clap::Args;

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(in crate::cli) struct WithdrawArgs {
    /// The ID of the build; an alias is refused, since it moves
    pub(in crate::cli) id: String,
    /// Reason, for the journal: 1 to 255 printable characters
    #[arg(long, value_name = "TEXT")]
    pub(in crate::cli) why: String,
    /// Also withdraw a build that is held or that other builds need; its holds are removed
    #[arg(long)]
    pub(in crate::cli) force: bool,
    /// Delete its bytes at once, after a typed confirmation; it cannot come back
    #[arg(long)]
    pub(in crate::cli) purge: bool,
    /// Confirm --purge
    #[arg(long, requires = "purge")]
    pub(in crate::cli) yes: bool,
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}
