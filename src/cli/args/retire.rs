//! Arguments of the verb `retire`.

use crate::decide::policy::Span;
use clap::{ArgGroup, Args};

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("archive").args(["to", "no_archive"]))]
#[command(group = ArgGroup::new("redirects").args(["served_at", "no_redirects"]))]
#[command(group = ArgGroup::new("other").args(["status", "cancel"]).conflicts_with_all(["archive", "redirects", "url", "keep", "notice"]))]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(in crate::cli) struct RetireArgs {
    /// Streams, or quoted patterns of them; without any, every retirement that began continues
    #[arg(value_name = "STREAM")]
    pub(in crate::cli) streams: Vec<String>,
    /// Reason, which users read; with it, a retirement begins
    #[arg(long, value_name = "TEXT")]
    pub(in crate::cli) why: Option<String>,
    /// Mirror that gets the builds: a path or URL, as --mirror takes it
    #[arg(long, value_name = "ADDRESS", requires = "why")]
    pub(in crate::cli) to: Option<String>,
    /// Archive nothing: after the term of the trash, the builds are deleted for good
    #[arg(long, requires = "why")]
    pub(in crate::cli) no_archive: bool,
    /// Public address of the archive's root, to which addresses are redirected [default: they are answered 410]
    #[arg(long, value_name = "URL", requires = "why")]
    pub(in crate::cli) url: Option<String>,
    /// Public address of this mirror; nothing is removed before it redirects to the archive
    #[arg(long, value_name = "URL", requires = "why")]
    pub(in crate::cli) served_at: Option<String>,
    /// Remove the builds without a check of redirects
    #[arg(long, requires = "why")]
    pub(in crate::cli) no_redirects: bool,
    /// Time between the announcement and the removal
    #[arg(long, value_name = "SPAN", default_value = "14d", value_parser = str::parse::<Span>)]
    pub(in crate::cli) notice: Span,
    /// Keep a build of the stream, by its name or ID, or the build to which an alias of the stream resolves; repeatable
    #[arg(long, value_name = "NAME", requires = "why")]
    pub(in crate::cli) keep: Vec<String>,
    /// Show which streams are retired, how far that has come, and what to do next
    #[arg(long, conflicts_with = "why")]
    pub(in crate::cli) status: bool,
    /// End the retirement of these streams; what was removed stays in the archive and, for its term, in the trash
    #[arg(long, requires_all = ["why", "streams"])]
    pub(in crate::cli) cancel: bool,
    /// Show what would be done next, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}

impl RetireArgs {
    /// Returns whether the mirror may be changed.
    pub(in crate::cli) fn changes(&self) -> bool {
        !self.status && !self.dry_run
    }
}
