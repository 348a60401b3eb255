//! Arguments of the verb `due`.

use crate::decide::policy::Span;
use clap::{ArgGroup, Args};

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("by_hand").args(["request", "unrequest"]).conflicts_with_all(["every", "git", "context", "changed", "run"]))]
pub(in crate::cli) struct DueArgs {
    /// Stream, such as main/debian
    pub(in crate::cli) stream: String,
    /// A build is due this long after the last one was started, such as 24h
    #[arg(long, value_name = "SPAN", value_parser = every)]
    pub(in crate::cli) every: Option<Span>,
    /// A build is due when this branch or tag is not at the commit that CONTEXT of the newest build states for DIR
    /// [default: the checkout with the name of the repository]; repeatable
    #[arg(long, value_name = "[DIR=]URL@REF")]
    pub(in crate::cli) git: Vec<String>,
    /// The same for every checkout in CONTEXT of the newest build; in URL, `{repo}` is the last name of its directory and `{dir}`
    /// the whole directory, as in `https://git.example.org/{repo}.git@main`
    #[arg(long, value_name = "URL@REF")]
    pub(in crate::cli) context: Option<String>,
    /// A build is due when FILE differs from PATH in the newest build [default: the file with the same name];
    /// repeatable
    #[arg(long, value_name = "[PATH=]FILE")]
    pub(in crate::cli) changed: Vec<String>,
    /// Number of seconds that each repository may take to answer
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = super::seconds::<1, 3600>)]
    pub(in crate::cli) git_limit: u64,
    /// Request a build by hand; the next run answers it
    #[arg(long, requires = "why")]
    pub(in crate::cli) request: bool,
    /// Remove the requests that no build answered yet
    #[arg(long)]
    pub(in crate::cli) unrequest: bool,
    /// Why a build is requested
    #[arg(long, value_name = "TEXT", requires = "request")]
    pub(in crate::cli) why: Option<String>,
    /// How long the command may run
    #[arg(long, value_name = "SPAN", default_value = "1d", value_parser = str::parse::<Span>)]
    pub(in crate::cli) limit: Span,
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
    /// If a build is due and none is running, run this command, without a shell; everything that follows belongs to it
    #[arg(long, value_name = "CMD", num_args = 1.., allow_hyphen_values = true)]
    pub(in crate::cli) run: Vec<String>,
}

/// Reads after which time a build is due again.
///
/// A month has no length of its own, and what it means for keeping builds is something else.
fn every(text: &str) -> Result<Span, String> {
    let accepted = "a whole number from 1 and one of `m`, `h`, `d`, `w` is accepted, such as `24h`";
    let span = text.parse::<Span>().ok().filter(|span| !span.to_string().ends_with(['o', 'y']));
    match span {
        Some(span) if span.is_zero() => Err(format!("a build would be due at every look; {accepted}")),
        Some(span) => Ok(span),
        None => Err(format!("it is not a length of time here; {accepted}")),
    }
}

impl DueArgs {
    /// Returns whether the verb may write into the mirror.
    pub(in crate::cli) fn writes(&self) -> bool {
        !self.dry_run && (self.request || self.unrequest || !self.run.is_empty())
    }
}
