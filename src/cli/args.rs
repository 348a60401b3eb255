//! Exactly what can be typed.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

const EXITS: &str = "Exit codes:
  0    done
  1    failed; the message says what, why, and one hint
  2    the arguments or the layout are wrong; nothing was touched
  3    refused for safety (no mirror there, or another one; damaged journal or holds)
  7    busy: somebody else holds the lock
  130  interrupted; what was published is whole, and running it again goes on";

/// Publishes build trees into a mirror and keeps the names that point at them true.
#[derive(Debug, Parser)]
#[command(name = "mirrorkeep", version, after_help = EXITS, max_term_width = 100)]
pub(super) struct Cli {
    /// The directory of the mirror
    #[arg(long, global = true, env = "MIRRORKEEP_MIRROR", value_name = "DIR", default_value = "./mirror")]
    pub(super) mirror: PathBuf,
    /// Write the answer as JSON to standard output, and nothing else there
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Say more on standard error
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
    /// How many threads work at once; as many as there are processors without this
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(super) jobs: Option<u16>,
    /// How many seconds to wait for somebody else who holds the lock
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 60)]
    pub(super) wait: u64,
    #[command(subcommand)]
    pub(super) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Make a mirror in a directory; what lies there already stays as it is
    #[command(
        after_help = "Examples:\n  mirrorkeep --mirror /srv/mirror init\n  mirrorkeep --mirror /srv/mirror init --layout my-layout.yaml"
    )]
    Init(InitArgs),
    /// Publish a build: readers see all of it or none
    #[command(after_help = "Examples:
  mirrorkeep publish out/ --stream master/centos
  mirrorkeep publish out/ --git-branch r/stx.10.0 --distro centos --context-from ~/workspace
  mirrorkeep publish --add outputs/iso/bootimage.iso=export/bootimage.iso --stream master/centos --result success")]
    Publish(PublishArgs),
    /// List the builds, with result, age, size, labels and aliases
    List(ListArgs),
    /// Show one build
    Show {
        /// The build, such as master/centos/20181205T060000Z
        id: String,
    },
    /// Write down everything that is there as JSON
    Census,
    /// Say something of a build, such as sanity=green; aliases that depend on it move
    #[command(after_help = "Example:\n  mirrorkeep label master/centos/20181205T060000Z sanity=green")]
    Label(LabelArgs),
    /// List, set or remove names that point at builds or directories
    #[command(subcommand)]
    Alias(AliasVerb),
    /// Show the layout, the path of a build, or what a path is
    #[command(subcommand)]
    Layout(LayoutVerb),
    /// Finish or clear what an interrupted command left
    Recover {
        /// Also clear unfinished builds whose publisher may still come back
        #[arg(long)]
        discard_stages: bool,
        /// Only say what would be looked at
        #[arg(long)]
        dry_run: bool,
    },
    /// Write shell completions to standard output
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Write the manual page to standard output
    Man,
}

#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// A shipped layout by name, or a layout file
    #[arg(long, default_value = "starlingx", value_name = "NAME|FILE")]
    pub(super) layout: String,
    /// Only say what would be made
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Debug, Args)]
pub(super) struct PublishArgs {
    /// The directory that holds inputs/ and outputs/
    #[arg(required_unless_present = "add")]
    pub(super) source: Option<PathBuf>,
    /// The line of builds, such as master/centos
    #[arg(
        long,
        value_name = "STREAM",
        required_unless_present = "git_branch",
        conflicts_with = "git_branch"
    )]
    pub(super) stream: Option<String>,
    /// The git branch or tag that was built, instead of --stream
    #[arg(long, value_name = "BRANCH")]
    pub(super) git_branch: Option<String>,
    /// The distribution that was built, with --git-branch
    #[arg(long, value_name = "DISTRO", requires = "git_branch")]
    pub(super) distro: Option<String>,
    /// The name of the build; the time now, UTC, without this
    #[arg(long, value_name = "STAMP")]
    pub(super) build: Option<String>,
    /// How the build went; as the marker in the source says without this, and success without a marker
    #[arg(long, value_enum)]
    pub(super) result: Option<ResultArg>,
    /// A CONTEXT file made elsewhere; every line is checked
    #[arg(long, value_name = "FILE", conflicts_with = "context_from")]
    pub(super) context: Option<PathBuf>,
    /// Make CONTEXT from the git checkouts below this directory
    #[arg(long, value_name = "DIR")]
    pub(super) context_from: Option<PathBuf>,
    /// Take the file or directory SRC in at DEST; may be given many times
    #[arg(long, value_name = "DEST=SRC")]
    pub(super) add: Vec<String>,
    /// A file that says which parts of SOURCE go where, for a workspace that is laid out otherwise
    #[arg(long, value_name = "FILE", requires = "source")]
    pub(super) recipe: Option<PathBuf>,
    /// Say something of the build from the start; may be given many times
    #[arg(long, value_name = "KEY=VALUE")]
    pub(super) label: Vec<String>,
    /// A build that this one needs; may be given many times
    #[arg(long, value_name = "ID")]
    pub(super) requires: Vec<String>,
    /// How the bytes come in. `link` and `move` need the source on the mirror's file system and make its files
    /// read-only; with `link` whoever writes to them later changes the published build
    #[arg(long, value_enum, default_value_t = TakeArg::Copy)]
    pub(super) take: TakeArg,
    /// How bytes that earlier builds of the stream hold are shared with them
    #[arg(long, value_enum, default_value_t = DedupeArg::Link)]
    pub(super) dedupe: DedupeArg,
    /// Trust size, time and inode, as recorded at the last publish, instead of reading unchanged files again
    #[arg(long)]
    pub(super) quick: bool,
    /// Check everything and say what would be published
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum ResultArg {
    /// The build succeeded
    Success,
    /// The build failed
    Fail,
    /// Nothing was new, so nothing was built
    Empty,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum TakeArg {
    /// Copied: the source stays independent
    Copy,
    /// A second name for the source's own file
    Link,
    /// Moved out of the source
    Move,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum DedupeArg {
    /// By hard links
    Link,
    /// By copies that share blocks, where the file system can
    Reflink,
    /// Not at all
    None,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Only this stream
    pub(super) stream: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct LabelArgs {
    /// The build
    pub(super) id: String,
    /// What is said of it
    #[arg(value_name = "KEY=VALUE", required_unless_present = "remove")]
    pub(super) labels: Vec<String>,
    /// Take the label with this key away
    #[arg(long, value_name = "KEY")]
    pub(super) remove: Vec<String>,
    /// Only say what would change
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum AliasVerb {
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
pub(super) enum LayoutVerb {
    /// List the shipped layouts
    List,
    /// Show a layout: the mirror's own, or a shipped one or a file
    Show {
        /// A shipped layout or a layout file
        #[arg(long, value_name = "NAME|FILE")]
        layout: Option<String>,
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
