//! What can be typed to make a mirror, to publish into it and to name what is there.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(in crate::cli) struct InitArgs {
    /// A shipped layout by name, or a layout file
    #[arg(long, default_value = crate::layout::Layout::DEFAULT, value_name = "NAME|FILE")]
    pub(in crate::cli) layout: String,
    /// A shipped policy by name, a policy file, or `none`; the one that suits the layout without this
    #[arg(long, value_name = "NAME|FILE")]
    pub(in crate::cli) policy: Option<String>,
    /// How many may write at once; as many as the store was found to allow without this
    #[arg(long, value_enum)]
    pub(in crate::cli) writers: Option<WritersArg>,
    /// Only say what would be made
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
pub(in crate::cli) struct PublishArgs {
    /// The directory to publish
    #[arg(required_unless_present = "add")]
    pub(in crate::cli) source: Option<PathBuf>,
    /// The line of builds, such as master/centos
    #[arg(
        long,
        value_name = "STREAM",
        required_unless_present = "git_branch",
        conflicts_with = "git_branch"
    )]
    pub(in crate::cli) stream: Option<String>,
    /// The git branch or tag that was built, such as main or origin/main, instead of --stream
    #[arg(long, value_name = "BRANCH")]
    pub(in crate::cli) git_branch: Option<String>,
    /// The distribution that was built, with --git-branch
    #[arg(long, value_name = "DISTRO", requires = "git_branch")]
    pub(in crate::cli) distro: Option<String>,
    /// What else the layout's mapping of branches asks for, such as layer=flock; may be given many times
    #[arg(long, value_name = "NAME=VALUE", requires = "git_branch")]
    pub(in crate::cli) field: Vec<String>,
    /// The name of the build; the time now, UTC, without this
    #[arg(long, value_name = "STAMP")]
    pub(in crate::cli) build: Option<String>,
    /// How the build went; as the marker in the source says without this, and success without a marker
    #[arg(long, value_enum)]
    pub(in crate::cli) result: Option<ResultArg>,
    /// A CONTEXT file made elsewhere; every line is checked
    #[arg(long, value_name = "FILE", conflicts_with = "context_from")]
    pub(in crate::cli) context: Option<PathBuf>,
    /// Make CONTEXT from the git checkouts in and below this directory; what git cannot use is left out with a warning
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) context_from: Option<PathBuf>,
    /// Take the file or directory SRC in at DEST; may be given many times
    #[arg(long, value_name = "DEST=SRC")]
    pub(in crate::cli) add: Vec<String>,
    /// Leave out what this pattern matches, such as '*.part': the path below the source, or the name alone where the
    /// pattern has no `/`; a directory with everything in it. May be given many times
    #[arg(long, value_name = "GLOB")]
    pub(in crate::cli) exclude: Vec<String>,
    /// A file that says which parts of SOURCE go where, for a workspace that is laid out otherwise
    #[arg(long, value_name = "FILE", requires = "source")]
    pub(in crate::cli) recipe: Option<PathBuf>,
    /// Say something of the build from the start; may be given many times
    #[arg(long, value_name = "KEY=VALUE")]
    pub(in crate::cli) label: Vec<String>,
    /// A build that this one needs; may be given many times
    #[arg(long, value_name = "ID")]
    pub(in crate::cli) requires: Vec<String>,
    /// How the bytes come in. `link` and `move` need the source on the mirror's file system and make its files
    /// read-only; with `link` whoever writes to them later changes the published build
    #[arg(long, value_enum, default_value_t = TakeArg::Copy)]
    pub(in crate::cli) take: TakeArg,
    /// How bytes that earlier builds of the stream hold are shared with them
    #[arg(long, value_enum, default_value_t = DedupeArg::Link)]
    pub(in crate::cli) dedupe: DedupeArg,
    /// Sign SHA256SUMS with a secret key of gpg, or with one in a file of minisign, whose password is taken from
    /// `MIRRORKEEP_MINISIGN_PASSWORD`; may be given many times
    #[arg(long, value_name = "gpg:KEYID|minisign:FILE")]
    pub(in crate::cli) sign: Vec<String>,
    /// Trust size, time and inode, as recorded at the last publish, instead of reading unchanged files again
    #[arg(long)]
    pub(in crate::cli) quick: bool,
    /// Make the mirror first, if the directory is missing or empty; a dry run makes none
    #[arg(long)]
    pub(in crate::cli) init: bool,
    /// Check everything and say what would be published
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

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum TakeArg {
    /// Copied: the source stays independent
    Copy,
    /// A second name for the source's own file
    Link,
    /// Moved out of the source
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
    /// What is said of it
    #[arg(value_name = "KEY=VALUE", required_unless_present = "remove")]
    pub(in crate::cli) labels: Vec<String>,
    /// Take the label with this key away
    #[arg(long, value_name = "KEY")]
    pub(in crate::cli) remove: Vec<String>,
    /// Only say what would change
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum AliasVerb {
    /// List all names and where they lead
    List,
    /// Point a name at a build or a directory
    #[command(
        after_help = "Example:\n  mirrorkeep alias set master/centos/latest_build 20181205T060000Z --allow-backwards"
    )]
    Set {
        /// The path of the name, such as `master/centos/latest_build`
        alias: String,
        /// A build (by id, or by name when the alias lies in its stream) or a directory of the mirror
        target: String,
        /// Permit an older build than the one it points at
        #[arg(long)]
        allow_backwards: bool,
        /// Permit a build that is no success
        #[arg(long)]
        allow_unsuccessful: bool,
        /// Only check
        #[arg(long)]
        dry_run: bool,
    },
    /// In an object store: keep a copy of the build below the name, for whoever can only read plain keys
    #[command(after_help = "Example:
  mirrorkeep --mirror s3://bucket/mirror alias materialize master/centos/latest_build --dry-run

The store copies the objects by itself into NAME/<generation>/, then NAME/current.mirrorkeep-link is replaced in one
step: it holds the name of the generation. Every verb that moves names keeps this true.")]
    Materialize {
        /// The path of the name
        alias: String,
        /// How long the copy before stays when the name moves on
        #[arg(long, value_name = "SPAN", default_value = "1d")]
        keep: String,
        /// Only say what it takes
        #[arg(long)]
        dry_run: bool,
    },
    /// Keep no copy below the name any more; the one that is there goes when its time is over
    Dematerialize {
        /// The path of the name
        alias: String,
        /// Only check
        #[arg(long)]
        dry_run: bool,
    },
    /// Take a name away; what it pointed at stays
    Remove {
        /// The path of the name
        alias: String,
        /// Only check
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
    /// Put a layout in force in the mirror, in which every build keeps its path
    #[command(after_help = "Example:\n  mirrorkeep layout set layout.yaml --dry-run")]
    Set {
        /// A shipped layout or a layout file
        layout: String,
        /// Show what would change, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Say the path of a build
    Path {
        /// The build; without it --stream or --git-branch, and --build
        id: Option<String>,
        /// The line of builds
        #[arg(long, value_name = "STREAM")]
        stream: Option<String>,
        /// The git branch or tag
        #[arg(long, value_name = "BRANCH")]
        git_branch: Option<String>,
        /// The distribution, with --git-branch
        #[arg(long, value_name = "DISTRO")]
        distro: Option<String>,
        /// What else the layout's mapping of branches asks for, such as layer=flock
        #[arg(long, value_name = "NAME=VALUE")]
        field: Vec<String>,
        /// The name of the build; the time now, UTC, without this
        #[arg(long, value_name = "STAMP")]
        build: Option<String>,
        /// A shipped layout or a layout file
        #[arg(long, value_name = "NAME|FILE")]
        layout: Option<String>,
    },
    /// Say what a path is
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
