//! Arguments of the verbs that make a mirror, publish into it and set aliases.

use crate::model::Outcome;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(in crate::cli) struct InitArgs {
    /// A shipped layout by name, or a layout file
    #[arg(long, default_value = crate::layout::Layout::DEFAULT, value_name = "NAME|FILE")]
    pub(in crate::cli) layout: String,
    /// Shipped policy by name, policy file, or `none` [default: the policy that the layout names]
    #[arg(long, value_name = "NAME|FILE")]
    pub(in crate::cli) policy: Option<String>,
    /// Shipped pipeline by name, pipeline file, or `none` [default: none]
    #[arg(long, value_name = "NAME|FILE")]
    pub(in crate::cli) pipeline: Option<String>,
    /// How many commands may write at once [default: what the store was found to allow]
    #[arg(long, value_enum)]
    pub(in crate::cli) writers: Option<WritersArg>,
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum WritersArg {
    /// One at a time, by a lease; also where the store would allow more
    One,
    /// Many; refused where the store does not honour conditional writes
    Many,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(in crate::cli) struct PublishArgs {
    /// The directory to publish
    #[arg(required_unless_present = "add")]
    pub(in crate::cli) source: Option<PathBuf>,
    /// Stream, such as main/debian
    #[arg(
        long,
        value_name = "STREAM",
        required_unless_present_any = ["git_branch", "from_tag"],
        conflicts_with = "git_branch"
    )]
    pub(in crate::cli) stream: Option<String>,
    /// The git branch or tag that was built, such as main or origin/main, instead of --stream
    #[arg(long, value_name = "BRANCH")]
    pub(in crate::cli) git_branch: Option<String>,
    /// The tag that was built: stream, name and labels come from its message
    #[arg(long, value_name = "REPO@TAG", conflicts_with = "git_branch")]
    pub(in crate::cli) from_tag: Option<String>,
    /// File with the OpenPGP keys one of which must have signed the tag; repeatable
    #[arg(long, value_name = "FILE", requires = "from_tag")]
    pub(in crate::cli) keyring: Vec<PathBuf>,
    /// The distribution that was built, with --git-branch
    #[arg(long, value_name = "DISTRO", requires = "git_branch", conflicts_with = "stream")]
    pub(in crate::cli) distro: Option<String>,
    /// Another field that the layout's mapping of branches needs, such as layer=flock; repeatable
    #[arg(long, value_name = "NAME=VALUE", requires = "git_branch", conflicts_with = "stream")]
    pub(in crate::cli) field: Vec<String>,
    /// Name of the build [default: the time now in UTC]
    #[arg(long, value_name = "STAMP")]
    pub(in crate::cli) build: Option<String>,
    /// Result of the build [default: the marker in the source, or success without one]
    #[arg(long, value_enum)]
    pub(in crate::cli) result: Option<ResultArg>,
    /// CONTEXT file to publish; every line is checked
    #[arg(long, value_name = "FILE", conflicts_with = "context_from")]
    pub(in crate::cli) context: Option<PathBuf>,
    /// Write CONTEXT from the git checkouts in and below this directory; what git cannot use is skipped with a warning
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) context_from: Option<PathBuf>,
    /// Publish the file or directory SRC at DEST; repeatable
    #[arg(long, value_name = "DEST=SRC")]
    pub(in crate::cli) add: Vec<String>,
    /// Exclude paths below the source that match this pattern, or names if it has no `/`, such as '*.part'; a directory
    /// is excluded with its contents; repeatable
    #[arg(long, value_name = "GLOB")]
    pub(in crate::cli) exclude: Vec<String>,
    /// Publish only what this file lists: a path below the source, or a name, on each line; a listed path that does
    /// not exist is an error
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) only_listed: Option<PathBuf>,
    /// Publish only if inputs differ from those of the newest success: paths in the build that match this pattern [default:
    /// `inputs` and CONTEXT]; repeatable. A failed build is published in any case
    #[arg(long, value_name = "PATTERN", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(in crate::cli) if_changed: Option<Vec<String>>,
    /// File that maps parts of SOURCE to paths in the build (docs/ci.md)
    #[arg(long, value_name = "FILE", requires = "source")]
    pub(in crate::cli) recipe: Option<PathBuf>,
    /// Label of the build; repeatable
    #[arg(long, value_name = "KEY=VALUE")]
    pub(in crate::cli) label: Vec<String>,
    /// Build that this one requires; it is kept as long as this one; repeatable
    #[arg(long, value_name = "ID")]
    pub(in crate::cli) requires: Vec<String>,
    /// Publish a success that is smaller than the policy's `shrink` accepts
    #[arg(long)]
    pub(in crate::cli) allow_shrink: bool,
    /// Publish a build although one of this ID was withdrawn
    #[arg(long)]
    pub(in crate::cli) allow_withdrawn: bool,
    /// How files enter the mirror. `link` and `move` need the source on the mirror's file system and make its files
    /// read-only; with `link` a later write to the source changes the published build
    #[arg(long, value_enum, default_value_t = TakeArg::Copy)]
    pub(in crate::cli) take: TakeArg,
    /// How files that earlier builds of the stream have are shared with them
    #[arg(long, value_enum, default_value_t = DedupeArg::Link)]
    pub(in crate::cli) dedupe: DedupeArg,
    /// Keep the times of the source for files whose bytes changed but whose size and time did not; by default they
    /// get a later time, so that rsync, `wget -N` and web caches fetch them
    #[arg(long)]
    pub(in crate::cli) keep_times: bool,
    /// Sign SHA256SUMS with a secret key of gpg, or with one in a file of minisign, whose password is taken from
    /// `MIRRORKEEP_MINISIGN_PASSWORD`; repeatable
    #[arg(long, value_name = "gpg:KEYID|minisign:FILE")]
    pub(in crate::cli) sign: Vec<String>,
    /// Trust size, time and inode, as recorded at the last publish, instead of reading unchanged files again
    #[arg(long)]
    pub(in crate::cli) quick: bool,
    /// Create the mirror first, if the directory is missing or empty; a dry run creates none
    #[arg(long)]
    pub(in crate::cli) init: bool,
    /// Check everything, show what would be published, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum ResultArg {
    /// The build succeeded
    Success,
    /// The build failed
    Fail,
    /// Nothing was new, so nothing was built
    Empty,
}

impl ResultArg {
    /// Returns the result of a build.
    pub(in crate::cli) fn outcome(self) -> Outcome {
        match self {
            Self::Success => Outcome::Success,
            Self::Fail => Outcome::Fail,
            Self::Empty => Outcome::Empty,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum TakeArg {
    /// Copy them; the source stays independent
    Copy,
    /// Add a second name to the source's file
    Link,
    /// Move them out of the source
    Move,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum DedupeArg {
    /// By hard links
    Link,
    /// By copies that share blocks, where the file system can
    Reflink,
    /// Not at all
    None,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct LabelArgs {
    /// The build
    pub(in crate::cli) id: String,
    /// Labels to set, such as sanity=green
    #[arg(value_name = "KEY=VALUE", required_unless_present = "remove")]
    pub(in crate::cli) labels: Vec<String>,
    /// Remove the label with this key
    #[arg(long, value_name = "KEY")]
    pub(in crate::cli) remove: Vec<String>,
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum AliasVerb {
    /// List all aliases and their targets
    List,
    /// Point an alias at a build or a directory
    #[command(
        after_help = "Example:\n  mirrorkeep alias set master/centos/latest_build 20181205T060000Z --allow-backwards"
    )]
    Set {
        /// The path of the alias, such as `master/centos/latest_build`
        alias: String,
        /// A build (by ID, or by name if the alias is in its stream) or a directory of the mirror
        target: String,
        /// Allow an older build than the one that it points to
        #[arg(long)]
        allow_backwards: bool,
        /// Allow a build that is not a success
        #[arg(long)]
        allow_unsuccessful: bool,
        /// Show what would be done, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// In an object store: keep a copy of the build below the alias, for clients that can only read plain keys
    #[command(after_help = "Example:
  mirrorkeep --mirror s3://bucket/mirror alias materialize master/centos/latest_build --dry-run

The store copies the objects by itself into NAME/<generation>/, then NAME/current.mirrorkeep-link is replaced in one
step: it holds the name of the generation. Every command that moves aliases updates it.")]
    Materialize {
        /// The path of the alias
        alias: String,
        /// How long the previous copy stays after the alias moved
        #[arg(long, value_name = "SPAN", default_value = "1d")]
        keep: String,
        /// Show what would be done, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Stop keeping a copy below the alias; the existing copy is deleted after its term
    Dematerialize {
        /// The path of the alias
        alias: String,
        /// Show what would be done, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Remove an alias; what it pointed at stays
    Remove {
        /// The path of the alias
        alias: String,
        /// Show what would be done, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum LayoutVerb {
    /// List the shipped layouts
    List,
    /// Show a layout: the mirror's own, or a shipped one or a file
    Show {
        /// A shipped layout or a layout file
        #[arg(long, value_name = "NAME|FILE")]
        layout: Option<String>,
    },
    /// Replace the mirror's layout; refused if a build would change its path
    #[command(after_help = "Example:\n  mirrorkeep layout set layout.yaml --dry-run")]
    Set {
        /// A shipped layout or a layout file
        layout: String,
        /// Show what would change, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Print the path of a build
    Path {
        /// Build; otherwise give --stream or --git-branch, and --build
        id: Option<String>,
        /// Stream
        #[arg(long, value_name = "STREAM")]
        stream: Option<String>,
        /// The git branch or tag
        #[arg(long, value_name = "BRANCH")]
        git_branch: Option<String>,
        /// The distribution, with --git-branch
        #[arg(long, value_name = "DISTRO", conflicts_with = "stream")]
        distro: Option<String>,
        /// Another field that the layout's mapping of branches needs, such as layer=flock
        #[arg(long, value_name = "NAME=VALUE", conflicts_with = "stream")]
        field: Vec<String>,
        /// Name of the build [default: the time now in UTC]
        #[arg(long, value_name = "STAMP")]
        build: Option<String>,
        /// A shipped layout or a layout file
        #[arg(long, value_name = "NAME|FILE")]
        layout: Option<String>,
    },
    /// Show what a path is in the layout
    Place {
        /// The path below the root
        path: String,
        /// A shipped layout or a layout file
        #[arg(long, value_name = "NAME|FILE")]
        layout: Option<String>,
    },
    /// Write the JSON schema of layout files
    Schema,
}
