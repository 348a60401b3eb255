//! Arguments of the verbs that show and check a mirror.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// What to compute a plan from.
#[derive(Debug, Args)]
pub(in crate::cli) struct PlanFrom {
    /// Time of the plan: a time, a day, or a span from now such as 30d [default: now]
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) at: Option<String>,
    /// A census as JSON instead of the mirror; `-` is standard input
    #[arg(long, value_name = "FILE", requires = "policy")]
    pub(in crate::cli) census: Option<PathBuf>,
    /// A shipped policy or a policy file instead of the mirror's
    #[arg(long, value_name = "NAME|FILE")]
    pub(in crate::cli) policy: Option<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct PlanArgs {
    #[command(flatten)]
    pub(in crate::cli) from: PlanFrom,
    /// Write retention.json with the deadlines of its builds into the directory of every stream, for consumers
    #[arg(long, conflicts_with_all = ["at", "census", "policy"])]
    pub(in crate::cli) publish: bool,
    /// With --publish, only report which files would be written
    #[arg(long, requires = "publish")]
    pub(in crate::cli) dry_run: bool,
    /// Omit the builds that are kept whole; JSON has all
    #[arg(long)]
    pub(in crate::cli) expiring: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ExplainArgs {
    /// The build, or an alias that resolves to one; of a census the ID
    pub(in crate::cli) id: String,
    #[command(flatten)]
    pub(in crate::cli) from: PlanFrom,
}

/// Whether findings are fixed.
#[derive(Debug, Args)]
pub(in crate::cli) struct MendArgs {
    /// Fix what is safe to fix: lost records, absolute aliases, unreadable modes, stale temporary files
    #[arg(long)]
    pub(in crate::cli) fix: bool,
    /// Show what would be done, and change nothing
    #[arg(long, requires = "fix")]
    pub(in crate::cli) dry_run: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CheckArgs {
    /// Only this path of the mirror, with everything below it
    pub(in crate::cli) path: Option<String>,
    /// Format of the findings
    #[arg(long, value_enum, default_value_t = FormatArg::Text)]
    pub(in crate::cli) format: FormatArg,
    /// List every finding; otherwise more than three of one code in one stream become one line of text
    #[arg(long)]
    pub(in crate::cli) all: bool,
    /// Count only findings that are not in this JSON answer of an earlier check
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) baseline: Option<PathBuf>,
    /// Also report streams without a success for this long, such as 7d; skips streams whose policy keeps every build
    #[arg(long, value_name = "SPAN")]
    pub(in crate::cli) stalled: Option<String>,
    /// Also ask registries for the images that lists of builds name, and for the image tags of stages
    #[arg(long)]
    pub(in crate::cli) registry: bool,
    #[command(flatten)]
    pub(in crate::cli) mend: MendArgs,
    /// Print the table of all findings, docs/findings.md
    #[arg(long, conflicts_with_all = ["path", "fix", "stalled", "all", "baseline", "registry"])]
    pub(in crate::cli) list: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum FormatArg {
    /// For people
    Text,
    /// For programs; as with --json
    Json,
    /// SARIF 2.1.0, for code hosts and editors
    Sarif,
    /// JUnit XML, for CI servers
    Junit,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyArgs {
    /// Builds, or streams with all their builds
    #[arg(value_name = "ID", required_unless_present_any = ["all", "sample"])]
    pub(in crate::cli) ids: Vec<String>,
    /// Every build
    #[arg(long, conflicts_with_all = ["ids", "sample"])]
    pub(in crate::cli) all: bool,
    /// Share of the mirror to verify, continuing after the previous sample
    #[arg(long, value_name = "PERCENT", conflicts_with = "ids")]
    pub(in crate::cli) sample: Option<String>,
    /// In an object store: read every byte, also where the store keeps a digest
    #[arg(long)]
    pub(in crate::cli) read: bool,
    /// Require SHA256SUMS.asc in every build, a good OpenPGP signature by a key in this file; repeatable
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) keyring: Vec<PathBuf>,
    /// Require SHA256SUMS.minisig in every build, a good signature by this public key; repeatable
    #[arg(long, value_name = "FILE|BASE64")]
    pub(in crate::cli) minisign_key: Vec<String>,
    /// With --all: start from the first build instead of resuming an interrupted run
    #[arg(long, alias = "anew", requires = "all")]
    pub(in crate::cli) restart: bool,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum PolicyVerb {
    /// List the shipped policies
    List,
    /// Show a policy: the mirror's own, or a shipped one or a file
    Show {
        /// A shipped policy or a policy file
        policy: Option<String>,
    },
    /// Find what is wrong or odd; with a mirror or census, also patterns that match nothing in it
    Lint {
        /// Shipped policy or policy file [default: the mirror's own]
        policy: Option<String>,
        /// A census as JSON instead of the mirror
        #[arg(long, value_name = "FILE")]
        census: Option<PathBuf>,
    },
    /// Run the examples of a policy
    Test {
        /// Shipped policy or policy file [default: the mirror's own]
        policy: Option<String>,
    },
    /// Run a policy forward: builds and bytes over the coming months
    #[command(
        after_help = "Example:\n  mirrorkeep policy simulate --for 180d --cadence 24h --svg growth.svg"
    )]
    Simulate {
        /// Shipped policy or policy file [default: the mirror's own]
        policy: Option<String>,
        /// A census as JSON instead of the mirror
        #[arg(long, value_name = "FILE")]
        census: Option<PathBuf>,
        /// Start: a time, a day, or a span from now [default: the time of the census, or now]
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
        /// Length of the simulation
        #[arg(long = "for", value_name = "SPAN", default_value = "180d")]
        length: String,
        /// Time between the builds of a stream [default: as in its past]
        #[arg(long, value_name = "SPAN")]
        cadence: Option<String>,
        /// Also write a chart to this file
        #[arg(long, value_name = "FILE")]
        svg: Option<PathBuf>,
        /// Also write a page to this file: the plans at the start and at the end side by side, with charts
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
    },
    /// Show which builds one policy keeps and the other deletes
    Diff {
        /// The policy as it is
        old: String,
        /// The policy as it would be
        new: String,
        /// A census as JSON instead of the mirror
        #[arg(long, value_name = "FILE")]
        census: Option<PathBuf>,
        /// Time of both plans: a time, a day, or a span from now [default: the time of the census, or now]
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
        /// Also write a page to this file: both plans side by side, day by day and stream by stream
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
    },
    /// Set the policy of the mirror, and show what that changes
    #[command(after_help = "Example:\n  mirrorkeep policy set policy.yaml --dry-run")]
    Set {
        /// A shipped policy or a policy file
        policy: String,
        /// Show what would change, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Write the JSON schema of policy files
    Schema,
}

/// Which streams are listed.
#[derive(Debug, Args)]
pub(in crate::cli) struct StreamFilter {
    /// Only this stream, or streams that match a pattern, or of which a directory above does, such as 'release/*'
    #[arg(value_name = "STREAM")]
    pub(in crate::cli) only: Option<String>,
    /// Stream or pattern; repeatable, adds to STREAM
    #[arg(long, value_name = "STREAM")]
    pub(in crate::cli) stream: Vec<String>,
}

impl StreamFilter {
    /// Returns every stream and pattern that was given.
    pub(in crate::cli) fn all(&self) -> impl Iterator<Item = &String> {
        self.only.iter().chain(&self.stream)
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ListArgs {
    #[command(flatten)]
    pub(in crate::cli) streams: StreamFilter,
    /// Only builds with this result; repeatable
    #[arg(long, value_enum)]
    pub(in crate::cli) result: Vec<ResultFilter>,
    /// Only builds with this label, or with this value of it; repeatable, and all must fit
    #[arg(long, value_name = "KEY[=VALUE]")]
    pub(in crate::cli) label: Vec<String>,
    /// Only builds that are held
    #[arg(long)]
    pub(in crate::cli) held: bool,
    /// List what is in the trash, as `trash list` does
    #[arg(long, conflicts_with_all = ["result", "label", "held", "since", "sort", "limit"])]
    pub(in crate::cli) trash: bool,
    /// List what was moved to an archive and is no longer here
    #[arg(long, conflicts_with_all = ["result", "label", "held", "trash", "since", "sort", "limit"])]
    pub(in crate::cli) archive: bool,
    /// Only builds made since a time, a day, or a span ago, such as 7d
    #[arg(long, value_name = "TIME|DAY|SPAN")]
    pub(in crate::cli) since: Option<String>,
    /// Order of the builds
    #[arg(long, value_enum, default_value_t = SortArg::Id)]
    pub(in crate::cli) sort: SortArg,
    /// Only the first N, in this order
    #[arg(long, value_name = "N")]
    pub(in crate::cli) limit: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum ResultFilter {
    /// It succeeded
    Success,
    /// It failed
    Fail,
    /// Nothing was new, so nothing was built
    Empty,
    /// No result marker was found: interrupted, or not published by mirrorkeep
    Partial,
    /// Its result is not known
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum SortArg {
    /// By stream, the oldest first
    Id,
    /// The newest first
    Created,
    /// The last published first
    Published,
    /// The largest first
    Size,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum TrashVerb {
    /// List what is in the trash, why, and until when it can be restored
    #[command(after_help = "Example:\n  mirrorkeep trash list 'release/*'")]
    List(StreamFilter),
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum HoldVerb {
    /// List every hold, with who, why and until when
    #[command(after_help = "Example:\n  mirrorkeep hold list 'release/*'")]
    List(StreamFilter),
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ImagesVerb {
    /// List the references in the lists of a build, their fields and problems
    #[command(after_help = "Example:\n  mirrorkeep images list master/debian/monolithic/latest_build")]
    List {
        /// A build, or an alias that resolves to one
        id: String,
    },
    /// Show the fields of a reference, and the builds to which they tie it
    #[command(
        after_help = "Example:\n  mirrorkeep images place docker.io/starlingx/stx-nova:master-debian-stable-20230504T060000Z.0"
    )]
    Place {
        /// The reference, `[REGISTRY/]REPOSITORY:TAG`
        reference: String,
    },
    /// List image pins, or keep the builds and tags of the images that a file names
    #[command(
        after_help = "The file is a YAML list of entries with `name` and `src_build_tag`; `images` may be above it. It replaces
what was pinned under its name.

Examples:
  mirrorkeep images pins
  mirrorkeep images pins image-tags-bullseye.yaml --dry-run
  mirrorkeep images pins image-tags-bullseye.yaml
  mirrorkeep images pins --remove image-tags-bullseye.yaml"
    )]
    Pins(PinsArgs),
    /// Delete the image tags of builds that were deleted for good, from the registries to which stages carry images
    #[command(
        after_help = "Only whole digests are deleted, and only if every tag of one is. Exits with 4 if a brake withholds that.

Examples:
  mirrorkeep images prune --dry-run
  mirrorkeep images prune
  mirrorkeep images prune --accept sha256:…   deletes exactly what was shown, despite the brakes"
    )]
    Prune(ImagesPruneArgs),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct PinsArgs {
    /// The file of pins; without it, those that are in force are listed
    #[arg(conflicts_with = "remove")]
    pub(in crate::cli) file: Option<std::path::PathBuf>,
    /// The name of the pins [default: the name of the file]
    #[arg(long, requires = "file")]
    pub(in crate::cli) name: Option<String>,
    /// Remove the pins of this name
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) remove: Option<String>,
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ImagesPruneArgs {
    /// Delete what the plan with this digest shows, despite the brakes
    #[arg(long, value_name = "DIGEST")]
    pub(in crate::cli) accept: Option<String>,
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}

impl ImagesVerb {
    /// Returns whether the verb writes into the mirror.
    pub(in crate::cli) fn changes(&self) -> bool {
        match self {
            Self::List { .. } | Self::Place { .. } => false,
            Self::Pins(args) => args.file.is_some() || args.remove.is_some(),
            Self::Prune(_) => true,
        }
    }
}
