//! Arguments of the verb `release`.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ReleaseVerb {
    /// Check the requests of a git repository, all problems at once
    #[command(
        after_help = "Only commits are read, never the working tree. docs/releases.md lists the rules. Exits with 5 if a rule is violated, with 1 if
something cannot be found out and nothing else is found.

Examples:
  mirrorkeep release check --requests /srv/requests --base origin/main
  mirrorkeep release check --base origin/main --format junit > releases.xml"
    )]
    Check(ReleaseCheckArgs),
    /// Carry out the requests that are not applied: tags, labels of builds, an event
    #[command(
        after_help = "Each request is checked first, and one that violates a rule is left alone. Interrupted anywhere, the next run goes on. Exits with 1
if one failed, with 5 if one was refused.

Examples:
  mirrorkeep release apply --requests /srv/requests --dry-run
  mirrorkeep release apply --requests /srv/requests --sign releases@example.org --approved-by 'A. Person'"
    )]
    Apply(ReleaseApplyArgs),
    /// Show what the message of a tag states, as text, JSON or variables for a shell
    #[command(after_help = "Examples:
  mirrorkeep release show-tag https://git.example.org/openstack/nova.git@29.0.0
  eval \"$(mirrorkeep release show-tag /srv/git/nova.git@29.0.0 --keyring releases.gpg --shell)\"")]
    ShowTag(ShowTagArgs),
    /// Write the JSON schema of requests, or of releases.yaml
    Schema {
        /// The schema of releases.yaml
        #[arg(long)]
        settings: bool,
    },
}

/// Which requests are read.
#[derive(Debug, Args)]
pub(in crate::cli) struct RequestsArgs {
    /// Git repository of the requests
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(in crate::cli) requests: PathBuf,
    /// Revision of that repository to read
    #[arg(long, value_name = "REV", default_value = "HEAD")]
    pub(in crate::cli) rev: String,
    /// Revision whose releases are old: they must not have changed, and are not looked at again
    #[arg(long, value_name = "REV")]
    pub(in crate::cli) base: Option<String>,
    /// Directory in which clones of the repositories are kept for the next run, for one command at a time [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) work: Option<PathBuf>,
    /// File with the OpenPGP keys that may sign tags: a tag that exists must be signed by one of them; repeatable
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) keyring: Vec<PathBuf>,
    /// Number of seconds that each call of git may take
    #[arg(long, value_name = "SECONDS", default_value = "600", value_parser = super::seconds::<1, 86_400>)]
    pub(in crate::cli) git_limit: u64,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ReleaseCheckArgs {
    #[command(flatten)]
    pub(in crate::cli) requests: RequestsArgs,
    /// Check neither builds nor what is applied, for a machine without the mirror
    #[arg(long)]
    pub(in crate::cli) without_mirror: bool,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = ReleaseFormatArg::Text)]
    pub(in crate::cli) format: ReleaseFormatArg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum ReleaseFormatArg {
    /// For people
    Text,
    /// For programs; as with --json
    Json,
    /// JUnit XML, for CI servers
    Junit,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ReleaseApplyArgs {
    #[command(flatten)]
    pub(in crate::cli) requests: RequestsArgs,
    /// Key of git with which tags are signed, such as the address of an OpenPGP key [default: tags are not signed]
    #[arg(long, value_name = "KEYID")]
    pub(in crate::cli) sign: Option<String>,
    /// Person who approved the releases, beside those whom `Approved-by` and `Reviewed-by` of the commit name; repeatable
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) approved_by: Vec<String>,
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ShowTagArgs {
    /// Address of the repository, and the tag
    #[arg(value_name = "REPO@TAG")]
    pub(in crate::cli) tag: String,
    /// File with the OpenPGP keys one of which must have signed the tag; repeatable
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) keyring: Vec<PathBuf>,
    /// Print variables for a shell, such as `RELEASE_VERSION=29.0.0`
    #[arg(long)]
    pub(in crate::cli) shell: bool,
    /// Number of seconds that each call of git may take
    #[arg(long, value_name = "SECONDS", default_value = "600", value_parser = super::seconds::<1, 86_400>)]
    pub(in crate::cli) git_limit: u64,
}

impl ReleaseVerb {
    /// Returns whether the verb changes the mirror.
    pub(in crate::cli) fn changes(&self) -> bool {
        matches!(self, Self::Apply(args) if !args.dry_run)
    }
}
