//! Exactly what can be typed.

use super::site::Site;
use clap::builder::TypedValueParser as _;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

const EXITS: &str = "Exit codes:
  0    done
  1    failed; the message says what, why, and one hint
  2    the arguments, the layout or the policy are wrong; nothing was touched
  3    refused for safety (no mirror there, or another one; damaged journal or holds; the clock stepped)
  4    done, but something was withheld by a brake or freeze
  5    findings (check, verify, policy lint, policy test)
  6    done, but some builds are blocked (unreadable, impossible or future stamp)
  7    busy: somebody else holds the lock
  8    could not free what was asked for
  130  interrupted; what was published is whole, and running it again goes on";

/// Publishes build trees into a mirror and keeps the names that point at them true.
#[derive(Debug, Parser)]
#[command(name = "mirrorkeep", version, after_help = EXITS, max_term_width = 100)]
pub(super) struct Cli {
    #[arg(
        help = "The directory of the mirror, or its address: s3://bucket/prefix, gs://…, az://…, file:///…",
        long,
        global = true,
        env = "MIRRORKEEP_MIRROR",
        value_name = "DIR|URL",
        default_value = "./mirror",
        value_parser = clap::builder::OsStringValueParser::new().try_map(Site::read)
    )]
    pub(super) mirror: Site,
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
  mirrorkeep publish --add outputs/iso/bootimage.iso=export/bootimage.iso --stream master/centos --result success
  mirrorkeep publish out/ --stream master/centos --sign gpg:releases@example.org --sign minisign:release.key")]
    Publish(PublishArgs),
    /// Copy builds of one mirror into another, of any kind, and move the names that lead to them
    #[command(after_help = "Examples:
  mirrorkeep copy /srv/mirror s3://bucket/mirror
  mirrorkeep copy s3://bucket/mirror /srv/archive release/2018.10/centos
  mirrorkeep copy /srv/mirror /srv/archive master/centos/20181205T060000Z --dry-run")]
    Copy(CopyArgs),
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
    /// Print the build or directory that a name leads to
    #[command(after_help = "Example:\n  mirrorkeep resolve master/centos/latest_build")]
    Resolve {
        /// The name
        alias: String,
    },
    /// Write what other programs need to know of a mirror
    #[command(subcommand)]
    Export(ExportVerb),
    /// Show the layout, the path of a build, or what a path is
    #[command(subcommand)]
    Layout(LayoutVerb),
    /// Say of every build what the policy lets go, and why; changes nothing
    #[command(after_help = "Examples:
  mirrorkeep plan
  mirrorkeep plan --policy edited.yaml --at 2026-07-01T00:00:00Z
  mirrorkeep --json plan --census census.json --policy starlingx --at 2026-06-15T03:00:00Z")]
    Plan(PlanArgs),
    /// Tell the whole story of one build: every reason, until when, and how narrowly each rule missed it
    Explain(ExplainArgs),
    /// Let go what the policy lets go: into the trash, and out of the trash what has waited long enough
    #[command(after_help = "Examples:
  mirrorkeep prune --dry-run
  mirrorkeep prune
  mirrorkeep prune --accept sha256:…   carries out exactly the plan that `plan` showed, brakes notwithstanding")]
    Prune(PruneArgs),
    /// Take a build back from the trash; it is held for 14 days
    Restore {
        /// The build
        id: String,
        /// Only check
        #[arg(long)]
        dry_run: bool,
    },
    /// Empty the trash now
    Sweep {
        /// Remove at most that many files a second
        #[arg(long, value_name = "FILES", value_parser = clap::value_parser!(u32).range(1..))]
        max_rate: Option<u32>,
        /// Whether everybody else's reads and writes come first
        #[arg(long, value_enum, default_value_t = IoPriority::Idle)]
        io_priority: IoPriority,
        /// Only say what would go
        #[arg(long)]
        dry_run: bool,
    },
    /// Wish that a build stay, with a reason
    #[command(
        after_help = "Example:\n  mirrorkeep hold master/centos/20181205T060000Z --why 'bug 1234' --until 2019-01-31"
    )]
    Hold(HoldArgs),
    /// Take holds of a build back
    Unhold {
        /// The build
        id: String,
        /// Only the holds with this reason
        #[arg(long)]
        why: Option<String>,
        /// Only say what would change
        #[arg(long)]
        dry_run: bool,
    },
    /// Check a policy, try its examples, run it forward, compare two
    #[command(subcommand)]
    Policy(PolicyVerb),
    /// Hold what is there against the layout: places, names, modes, markers, links, records
    #[command(after_help = "Examples:
  mirrorkeep check
  mirrorkeep check master/centos --format sarif > findings.sarif
  mirrorkeep check --fix --dry-run")]
    Check(CheckArgs),
    /// Hold bytes against the checksums that were written down for them
    #[command(after_help = "Examples:
  mirrorkeep verify master/centos/20181205T060000Z
  mirrorkeep verify --all            goes on where an interrupted run ended
  mirrorkeep verify --all --keyring releases.gpg   also wants every build signed by one of these keys
  mirrorkeep verify --sample 5%      every night: all is covered in twenty nights")]
    Verify(VerifyArgs),
    /// Take over builds that others laid down; no byte of theirs is moved or changed
    #[command(after_help = "Examples:
  mirrorkeep adopt --dry-run
  mirrorkeep adopt master/centos
  mirrorkeep adopt master/centos/20181205T060000Z --write-sums")]
    Adopt(AdoptArgs),
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

impl Verb {
    /// Returns whether the verb may move names of the mirror, so that what depends on them must follow.
    pub(super) fn moves_names(&self) -> bool {
        match self {
            Self::Publish(PublishArgs { dry_run, .. })
            | Self::Label(LabelArgs { dry_run, .. })
            | Self::Copy(CopyArgs { dry_run, .. })
            | Self::Prune(PruneArgs { dry_run, .. })
            | Self::Sweep { dry_run, .. }
            | Self::Recover { dry_run, .. } => !dry_run,
            Self::Alias(verb) => match verb {
                AliasVerb::List => false,
                AliasVerb::Set { dry_run, .. }
                | AliasVerb::Remove { dry_run, .. }
                | AliasVerb::Materialize { dry_run, .. }
                | AliasVerb::Dematerialize { dry_run, .. } => !dry_run,
            },
            _ => false,
        }
    }

    /// Returns whether the verb changes a mirror.
    pub(super) fn changes(&self) -> bool {
        !matches!(
            self,
            Self::Init(_)
                | Self::List(_)
                | Self::Show { .. }
                | Self::Census
                | Self::Alias(AliasVerb::List)
                | Self::Layout(_)
                | Self::Resolve { .. }
                | Self::Export(_)
                | Self::Plan(_)
                | Self::Explain(_)
                | Self::Policy(_)
                | Self::Completions { .. }
                | Self::Man
        )
    }
}

#[derive(Debug, Args)]
pub(super) struct CopyArgs {
    /// The mirror that has the builds, as --mirror takes it; --mirror itself does not count here
    #[arg(value_parser = clap::builder::OsStringValueParser::new().try_map(Site::read))]
    pub(super) from: Site,
    /// The mirror that they go to; `init` makes one, with a layout that puts them at the same places
    #[arg(value_parser = clap::builder::OsStringValueParser::new().try_map(Site::read))]
    pub(super) to: Site,
    /// Streams with all their builds, or builds; everything without it
    #[arg(value_name = "STREAM|ID")]
    pub(super) what: Vec<String>,
    /// Let names go back to older builds where they do so in the source
    #[arg(long)]
    pub(super) allow_backwards: bool,
    /// Let names lead to builds that are no success where they do so in the source
    #[arg(long)]
    pub(super) allow_unsuccessful: bool,
    /// Only say what would come and which names would move
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum ExportVerb {
    /// Write the rules by which a server sends URLs below a name to the build that it leads to
    #[command(after_help = "Examples:
  mirrorkeep --mirror s3://bucket/mirror export redirects --for cloudfront --out aliases.js
  mirrorkeep --mirror /srv/mirror export redirects --for nginx --under mirror --out /etc/nginx/snippets/aliases.conf")]
    Redirects(RedirectsArgs),
}

#[derive(Debug, Args)]
pub(super) struct RedirectsArgs {
    /// Names; all without it
    #[arg(value_name = "ALIAS")]
    pub(super) aliases: Vec<String>,
    /// For which server
    #[arg(long = "for", value_enum)]
    pub(super) server: ServerArg,
    /// The path of URLs below which the mirror is served; without it the root, and for a bucket its prefix
    #[arg(long, value_name = "PATH")]
    pub(super) under: Option<String>,
    /// Write into this file, in one step, instead of to standard output
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ServerArg {
    /// nginx, to be included in a server block
    Nginx,
    /// Apache, to be included in a server or virtual host
    Apache,
    /// The website configuration of an S3 bucket, as JSON for command lines and SDKs
    S3Website,
    /// The same as XML, for the API itself
    S3WebsiteXml,
    /// A function of CloudFront for viewer requests
    Cloudfront,
}

/// What a plan is made from.
#[derive(Debug, Args)]
pub(super) struct PlanFrom {
    /// The instant for which the plan holds; now without it
    #[arg(long, value_name = "STAMP")]
    pub(super) at: Option<String>,
    /// A census as JSON instead of the mirror; `-` is standard input
    #[arg(long, value_name = "FILE", requires = "policy")]
    pub(super) census: Option<PathBuf>,
    /// A shipped policy or a policy file instead of the mirror's
    #[arg(long, value_name = "NAME|FILE")]
    pub(super) policy: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    pub(super) from: PlanFrom,
    /// Write retention.json with the deadlines of its builds into the directory of every stream, for consumers
    #[arg(long, conflicts_with_all = ["at", "census", "policy"])]
    pub(super) publish: bool,
}

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// The build
    pub(super) id: String,
    #[command(flatten)]
    pub(super) from: PlanFrom,
}

#[derive(Debug, Args)]
pub(super) struct PruneArgs {
    /// Carry out the plan with this digest, whatever the brakes say; any other plan is withheld as usual
    #[arg(long, value_name = "DIGEST")]
    pub(super) accept: Option<String>,
    /// Remove at most that many files a second
    #[arg(long, value_name = "FILES", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) max_rate: Option<u32>,
    /// Whether everybody else's reads and writes come first
    #[arg(long, value_enum, default_value_t = IoPriority::Idle)]
    pub(super) io_priority: IoPriority,
    /// Only say what would go
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum IoPriority {
    /// After everybody else's
    Idle,
    /// As everybody else's
    Normal,
}

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Only what lies at or below this path of the mirror
    pub(super) path: Option<String>,
    /// How the findings are written to standard output
    #[arg(long, value_enum, default_value_t = FormatArg::Text)]
    pub(super) format: FormatArg,
    /// Also find streams without a success for that long, such as 7d; those that are kept for ever are left out
    #[arg(long, value_name = "SPAN")]
    pub(super) stalled: Option<String>,
    /// Mend what can be mended safely: lost records, absolute aliases, unreadable modes, stale temporary files
    #[arg(long)]
    pub(super) fix: bool,
    /// Only say what would be mended
    #[arg(long, requires = "fix")]
    pub(super) dry_run: bool,
    /// Write docs/findings.md, the table of all codes, to standard output
    #[arg(long, conflicts_with_all = ["path", "fix", "stalled"])]
    pub(super) list: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FormatArg {
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
pub(super) struct VerifyArgs {
    /// Builds, or streams with all their builds
    #[arg(value_name = "ID", required_unless_present_any = ["all", "sample"])]
    pub(super) ids: Vec<String>,
    /// Every build
    #[arg(long, conflicts_with_all = ["ids", "sample"])]
    pub(super) all: bool,
    /// So much of all, from where the last sample ended
    #[arg(long, value_name = "PERCENT", conflicts_with = "ids")]
    pub(super) sample: Option<String>,
    /// In an object store: read every byte, also of files whose digest the store keeps beside them
    #[arg(long)]
    pub(super) read: bool,
    /// Want SHA256SUMS.asc of every build, a good OpenPGP signature by a key in this file; may be given many times
    #[arg(long, value_name = "FILE")]
    pub(super) keyring: Vec<PathBuf>,
    /// Want SHA256SUMS.minisig of every build, a good signature by this public key; may be given many times
    #[arg(long, value_name = "FILE|BASE64")]
    pub(super) minisign_key: Vec<String>,
    /// With --all: from the first build, whatever an interrupted run left
    #[arg(long, requires = "all")]
    pub(super) anew: bool,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(super) struct AdoptArgs {
    /// A stream, such as master/centos, or one build; all that have no record without it
    #[arg(value_name = "STREAM|ID")]
    pub(super) what: Option<String>,
    /// Also write SHA256SUMS into builds that have none
    #[arg(long)]
    pub(super) write_sums: bool,
    /// Believe the lists of checksums beside the files, and read only what no list has
    #[arg(long)]
    pub(super) trust_lists: bool,
    /// Also take for right what changed since: files, builds that are gone, and aliases that were moved by hand
    #[arg(long)]
    pub(super) changed: bool,
    /// Read everything and say what would be taken over
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Debug, Args)]
pub(super) struct HoldArgs {
    /// The build
    pub(super) id: String,
    /// What for
    #[arg(long)]
    pub(super) why: String,
    /// Until when: a stamp, or a day, which is held to its end; until it is taken back without this
    #[arg(long, value_name = "STAMP|DAY")]
    pub(super) until: Option<String>,
    /// Only check
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum PolicyVerb {
    /// List the shipped policies
    List,
    /// Show a policy: the mirror's own, or a shipped one or a file
    Show {
        /// A shipped policy or a policy file
        policy: Option<String>,
    },
    /// Find what is wrong or odd; with a mirror or census also what fits nothing there
    Lint {
        /// A shipped policy or a policy file; the mirror's own without it
        policy: Option<String>,
        /// A census as JSON instead of the mirror
        #[arg(long, value_name = "FILE")]
        census: Option<PathBuf>,
    },
    /// Try the examples inside a policy
    Test {
        /// A shipped policy or a policy file; the mirror's own without it
        policy: Option<String>,
    },
    /// Run a policy forward: builds and bytes over the coming months
    #[command(
        after_help = "Example:\n  mirrorkeep policy simulate --for 180d --cadence 24h --svg growth.svg"
    )]
    Simulate {
        /// A shipped policy or a policy file; the mirror's own without it
        policy: Option<String>,
        /// A census as JSON instead of the mirror
        #[arg(long, value_name = "FILE")]
        census: Option<PathBuf>,
        /// From when; now, or the census' instant, without it
        #[arg(long, value_name = "STAMP")]
        at: Option<String>,
        /// For how long
        #[arg(long = "for", value_name = "SPAN", default_value = "180d")]
        length: String,
        /// How often each stream gets a build; as often as in its past without it
        #[arg(long, value_name = "SPAN")]
        cadence: Option<String>,
        /// Also draw it into this file
        #[arg(long, value_name = "FILE")]
        svg: Option<PathBuf>,
    },
    /// Say which builds one policy lets go and the other keeps
    Diff {
        /// The policy as it is
        old: String,
        /// The policy as it would be
        new: String,
        /// A census as JSON instead of the mirror
        #[arg(long, value_name = "FILE")]
        census: Option<PathBuf>,
        /// The instant for which both hold; now, or the census' instant, without it
        #[arg(long, value_name = "STAMP")]
        at: Option<String>,
    },
    /// Write the JSON schema of policy files
    Schema,
}

#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// A shipped layout by name, or a layout file
    #[arg(long, default_value = "starlingx", value_name = "NAME|FILE")]
    pub(super) layout: String,
    /// A shipped policy by name, a policy file, or `none`; the one that suits the layout without this
    #[arg(long, value_name = "NAME|FILE")]
    pub(super) policy: Option<String>,
    /// How many may write at once; as many as the store was found to allow without this
    #[arg(long, value_enum)]
    pub(super) writers: Option<WritersArg>,
    /// Only say what would be made
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum WritersArg {
    /// One at a time, by a lease; also where the store would allow more
    One,
    /// Many; refused where the store does not honour conditional writes
    Many,
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
    /// What else the layout's mapping of branches asks for, such as layer=flock; may be given many times
    #[arg(long, value_name = "NAME=VALUE", requires = "git_branch")]
    pub(super) field: Vec<String>,
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
    /// Sign SHA256SUMS with a secret key of gpg, or with one in a file of minisign, whose password is taken from
    /// `MIRRORKEEP_MINISIGN_PASSWORD`; may be given many times
    #[arg(long, value_name = "gpg:KEYID|minisign:FILE")]
    pub(super) sign: Vec<String>,
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
