//! The arguments that each verb accepts.

mod branch;
pub(super) mod color;
mod deliver;
mod diff;
mod due;
mod events;
mod look;
mod metrics;
mod pipeline;
mod promotion;
mod prune;
pub(super) mod publish;
mod pull;
mod release;
mod retire;
mod site;
mod status;
mod sync;
mod transfer;
mod withdraw;

pub(super) use branch::BranchArgs;
pub(super) use color::ColorArg;
pub(super) use deliver::{DeliverArgs, DeliverVerb};
pub(super) use diff::DiffArgs;
pub(super) use due::DueArgs;
pub(super) use events::EventsArgs;
pub(super) use look::{
    CheckArgs, ExplainArgs, FormatArg, HoldVerb, ImagesPruneArgs, ImagesVerb, ListArgs, PinsArgs, PlanArgs,
    PlanFrom, PolicyVerb, ResultFilter, SortArg, StreamFilter, TrashVerb, VerifyArgs,
};
pub(super) use metrics::MetricsArgs;
pub(super) use pipeline::PipelineVerb;
pub(super) use promotion::{
    DemoteArgs, GateArgs, PromoteArgs, RejectArgs, StagesArgs, UnrejectArgs, UnwaiveArgs, VoteArg, VoteArgs,
    WaiveArgs,
};
pub(super) use prune::{HoldArgs, IoPriority, PruneArgs};
pub(super) use publish::{
    AliasVerb, DedupeArg, InitArgs, LabelArgs, LayoutVerb, PublishArgs, ResultArg, TakeArg, WritersArg,
};
pub(super) use pull::PullArgs;
pub(super) use release::{
    ReleaseApplyArgs, ReleaseCheckArgs, ReleaseFormatArg, ReleaseVerb, RequestsArgs, ShowTagArgs,
};
pub(super) use retire::RetireArgs;
pub(super) use site::SiteArgs;
pub(super) use status::{LogArgs, StatusArgs};
pub(super) use sync::{SyncArgs, SyncVerb, VerifyArg};
pub(super) use transfer::{
    AdoptArgs, CacheRulesArgs, CacheServerArg, ChangesArgs, CopyArgs, ExportVerb, ReadersArgs, RedirectsArgs,
    RulesArg, ServerArg,
};
pub(super) use withdraw::WithdrawArgs;

use super::mirror_url::MirrorUrl;
use crate::model::{LineError, check_line};
use clap::builder::TypedValueParser as _;
use clap::{Parser, Subcommand};

const EXITS: &str = "Exit codes:
  0    done
  1    failed; the message says what, why, and one hint
  2    the arguments, the layout, the policy or the pipeline are wrong; nothing was touched
  3    refused for safety (no mirror there, or another one; damaged journal or holds;
       the clock stepped; an alias that another program moved)
  4    done, but something was withheld by a brake or freeze, or by the limit of deletes of sync
  5    findings (check, verify, release, prune, gate, images, status --check, stages --check,
       deliver status, freshness, pull, lint and test of a policy or pipeline)
  6    done, but some builds are blocked (unreadable, impossible or future stamp)
  7    busy: another process holds the lock, or a gate asks to try again later
  8    could not free what was asked for
  9    no build is due (due)
  130  interrupted; what was published is whole, and running it again continues";

/// The section of the manual page that names the environment variables.
pub(super) const ENVIRONMENT: &str = r".SH ENVIRONMENT
.TP
\fBMIRRORKEEP_MIRROR\fR
The mirror, where \fB\-\-mirror\fR is not given.
.TP
\fBMIRRORKEEP_ACTOR\fR
The person who runs the command, where \fB\-\-by\fR is not given.
.TP
\fBMIRRORKEEP_PATIENCE\fR
For how many seconds a request to an object store or a registry is tried again, from 1 to 600 [default: 60].
.TP
\fBMIRRORKEEP_RUN_COMMANDS\fR
If it is 1, the commands that the pipeline of a bucket names are run, and events are delivered as its deliver.yaml says;
everyone who can write to the bucket can change these.
.TP
\fBNOTIFY_SOCKET\fR
The socket of the service manager, to which \fBdeliver \-\-follow\fR reports that it is ready and alive.
.TP
\fBMIRRORKEEP_MINISIGN_PASSWORD\fR
The password of a minisign key.
.TP
\fBRUST_LOG\fR
What is logged to standard error where \fB\-v\fR is not given, such as \fBinfo\fR or \fBmirrorkeep::store=debug\fR.
Only mirrorkeep's own events are logged; keys, passwords and query strings never are.
.TP
\fBAWS_\fR…, \fBGOOGLE_\fR…, \fBAZURE_\fR…
Credentials and settings of an object store, such as \fBAWS_ACCESS_KEY_ID\fR and \fBAWS_ENDPOINT_URL\fR.
";

/// The section of the manual page that names the files of a mirror.
pub(super) const FILES: &str = r".SH FILES
.TP
\fI.mirrorkeep/mirror.yaml\fR
The settings of the mirror: layout, policy, pipeline, names and declared paths.
.TP
\fI.mirrorkeep/policy.yaml\fR, \fI.mirrorkeep/layout.yaml\fR, \fI.mirrorkeep/pipeline.yaml\fR
The policy, the layout and the pipeline of the mirror, where they are not ones that ship.
.TP
\fI.mirrorkeep/deliver.yaml\fR
Which programs get which events.
.TP
\fI.mirrorkeep/targets.yaml\fR
Where copies of the mirror are that \fBmirrorkeep sync\fR brings up to date.
.TP
\fI.mirrorkeep/journal/\fR
What happened; \fBmirrorkeep log\fR shows it.
.TP
\fI.mirrorkeep/trash/\fR
Builds that can come back; \fBmirrorkeep trash list\fR lists them.
.TP
\fI<stream>/latest_build\fR, …
Names, as symlinks.
.TP
\fI<build>/SHA256SUMS\fR
The checksums of a build, for \fBsha256sum \-c\fR.
";

/// Publishes build trees into a mirror and keeps the aliases of these builds up to date.
#[derive(Debug, Parser)]
#[command(name = "mirrorkeep", version, after_help = EXITS, max_term_width = 100, next_help_heading = "Global options")]
pub(super) struct Cli {
    #[arg(
        help = "The directory of the mirror, or its address: s3://bucket/prefix, gs://…, az://…, file:///…",
        long,
        global = true,
        env = "MIRRORKEEP_MIRROR",
        value_name = "DIR|URL",
        default_value = "./mirror",
        value_parser = clap::builder::OsStringValueParser::new().try_map(MirrorUrl::read)
    )]
    pub(super) mirror: MirrorUrl,
    /// Write the answer as JSON to standard output, and nothing else there
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Print no warnings and notes, and show no progress; errors and answers remain
    #[arg(short, long, global = true)]
    pub(super) quiet: bool,
    /// Colours: on a terminal, always or never
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = ColorArg::Auto)]
    pub(super) color: ColorArg,
    /// Log each step to standard error; -vv also logs each request to the store, -vvv each HTTP request
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
    /// Number of threads [default: number of CPUs]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(super) jobs: Option<u16>,
    /// Number of seconds, or a time such as 5m, to wait for a lock that another process holds
    #[arg(long, global = true, value_name = "SECONDS", default_value = "60", value_parser = seconds::<0, { u32::MAX as u64 }>)]
    pub(super) wait: u64,
    /// The person who runs the command, for the journal and for holds [default: the user]
    #[arg(
        long,
        global = true,
        env = "MIRRORKEEP_ACTOR",
        value_name = "NAME",
        hide_env = true,
        value_parser = actor
    )]
    pub(super) by: Option<String>,
    #[command(subcommand)]
    pub(super) verb: Verb,
}

/// Reads a number of seconds within these limits, also with a unit: `90`, `90s`, `5m`, `2h`, `1d`.
pub(super) fn seconds<const LEAST: u64, const MOST: u64>(text: &str) -> Result<u64, String> {
    let units = [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400)];
    let with_unit = units.into_iter().find_map(|(unit, scale)| Some((text.strip_suffix(unit)?, scale)));
    let (count, scale) = with_unit.unwrap_or((text, 1));
    let is_number = !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit());
    let read = count.parse::<u64>().ok().and_then(|count| count.checked_mul(scale)).filter(|_| is_number);
    read.filter(|seconds| (LEAST..=MOST).contains(seconds)).ok_or_else(|| {
        let limits = if MOST > 86_400 { String::new() } else { format!(", from {LEAST} to {MOST} seconds") };
        format!(
            "a number of seconds such as `60`, or one with a unit such as `90s` or `5m`, is accepted{limits}"
        )
    })
}

/// Reads the number of an event; a time is what `log` takes.
pub(super) fn event_number<const LEAST: u64>(text: &str) -> Result<u64, String> {
    let read = text.parse::<u64>().ok().filter(|number| *number >= LEAST);
    read.ok_or_else(|| {
        "the number of an event such as `1042`, the `seq` of `mirrorkeep events`, is accepted; `mirrorkeep log --since 1d` takes a time"
            .to_owned()
    })
}

/// Reads the name of a person: at most 255 printable characters; an empty variable counts as unset.
fn actor(text: &str) -> Result<String, LineError> {
    if text.is_empty() { Ok(String::new()) } else { check_line(text).map(|()| text.to_owned()) }
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Make a mirror in a directory or bucket; existing files stay as they are
    #[command(
        after_help = "Examples:\n  mirrorkeep --mirror /srv/mirror init\n  mirrorkeep --mirror /srv/mirror init --layout my-layout.yaml"
    )]
    Init(InitArgs),
    /// Publish a build: readers see all of it or none
    #[command(after_help = "Examples:
  mirrorkeep publish out/ --stream master/centos
  mirrorkeep publish out/ --git-branch r/stx.10.0 --distro centos --context-from ~/workspace
  mirrorkeep publish --add outputs/iso/bootimage.iso=export/bootimage.iso --stream master/centos --result success
  mirrorkeep publish dist/ --from-tag https://git.example.org/openstack/nova.git@29.0.0 --keyring releases.gpg
  mirrorkeep publish out/ --stream master/centos --sign gpg:releases@example.org --sign minisign:release.key")]
    Publish(Box<PublishArgs>),
    /// Copy builds from one mirror to another, and move the aliases that point at them
    #[command(after_help = "Examples:
  mirrorkeep copy /srv/mirror s3://bucket/mirror
  mirrorkeep copy s3://bucket/mirror /srv/archive release/2018.10/centos
  mirrorkeep copy /srv/mirror /srv/archive master/centos/20181205T060000Z --dry-run")]
    Copy(CopyArgs),
    /// Begin a stream, or several, after the pattern of old ones
    #[command(
        after_help = "What the layout, the policy or the pipeline lack for it is printed as text to paste, and nothing is changed (exit code 3). If a
step fails, all are undone; interrupted anywhere, the same command continues. docs/branching.md explains it.

Examples:
  mirrorkeep branch release/2024.2 --like release/2024.1 --dry-run
  mirrorkeep branch release/2024.2 --like release/2024.1 --seed stable --date 2024-10-02
  mirrorkeep branch 'centos*-flamingo' --like 'centos*-epoxy'"
    )]
    Branch(BranchArgs),
    /// Keep a copy of a mirror from nothing but HTTP, by its change list; every byte is verified
    #[command(
        after_help = "The mirror writes the list with `export changes`. Builds come whole or not at all, then names move. Nothing is deleted by the list:
the policy of the copy decides what it keeps, and what it would not keep is not fetched. Interrupted anywhere, the next run continues.
Exits with 3 if the list goes back or has no valid signature, with 5 if it is older than --alarm, a build was withdrawn there, or an
alias could not be set.

Examples:
  mirrorkeep --mirror /srv/copy init --layout starlingx --policy starlingx
  mirrorkeep pull https://mirror.example.org/pub /srv/copy --minisign-key changes.pub --stream 'release/**'"
    )]
    Pull(PullArgs),
    /// Show the state of the mirror on one screen, and what needs attention
    #[command(after_help = "Needs attention, and ends with code 5 with --check:
  a required alias that is broken, a recorded build that is missing, what cannot be read
  a prune that is refused, that withholds builds by a brake or freeze, that cannot judge builds, or that ran more than two days ago
  a policy that cannot be used; errors of the last check
  an unfinished publish older than a day; a ticket of the trash that cannot be read; less than 5% of the disk free, or a disk
  that is full in less than a day
  a stream that is still built, and whose newest success is three times older than usual; a policy that fits no stream
  a stage that is not where a promotion left it, resolves to no build, or is far behind
  a subscriber with parked events, or with one that waits for longer than `alarm`; a deliver.yaml that cannot be used
  a target that is required or has an `alarm`, and is behind for longer; a targets.yaml that cannot be used
  rules, lists or pages for readers that are older than the names that they are made from

Examples:
  mirrorkeep status
  mirrorkeep --json status --check")]
    Status(StatusArgs),
    /// Print metrics for Prometheus: newest successes, builds, bytes, verdicts, stages, deliveries, free disk
    #[command(
        after_help = "All are gauges with the prefix mirrorkeep_; docs/metrics.md lists them, with alarms.

Examples:
  mirrorkeep metrics
  mirrorkeep metrics --out /var/lib/prometheus/node-exporter/mirrorkeep.prom   for the textfile collector"
    )]
    Metrics(MetricsArgs),
    /// Write files for people and programs that browse the mirror, as `site` in mirror.yaml says
    #[command(
        after_help = "Pages, indexes in JSON and Atom feeds, of all streams and of each; only what changed is written. With `site: {auto: true}` every
command that changes the mirror does this, too. docs/site.md explains the files.

Examples:
  mirrorkeep site
  mirrorkeep site --full    also repairs what another program changed"
    )]
    Site(SiteArgs),
    /// Show what happened, when, and who did it, newest first
    #[command(after_help = "Examples:
  mirrorkeep log --since 7d
  mirrorkeep log --by releases    what one person did
  mirrorkeep log master/centos/latest_build --limit 10
  mirrorkeep log master/centos/20181205T060000Z")]
    Log(LogArgs),
    /// Print what happened as CloudEvents for other programs, one JSON object a line, oldest first
    #[command(after_help = "Examples:
  mirrorkeep events --type build.published --stream 'master/**'
  mirrorkeep events --since 1042 --follow")]
    Events(EventsArgs),
    /// Deliver events to other programs, at least once and in order, as deliver.yaml says
    #[command(after_help = "Examples:
  mirrorkeep deliver                 delivers what happened since the last run; for a timer
  mirrorkeep deliver --follow ci     delivers until it is stopped; for a service
  mirrorkeep deliver status          exits with 5 if an event waits too long or is parked")]
    Deliver(DeliverArgs),
    /// Bring copies of the mirror elsewhere up to date, as targets.yaml says
    #[command(
        after_help = "Files of builds are sent first and compared, then names, then what was deleted here is deleted there, then the trace.
Interrupted anywhere, the next run continues. A second run of a target waits for the first, and then looks at the mirror again.

Examples:
  mirrorkeep sync                    all targets of .mirrorkeep/targets.yaml
  mirrorkeep sync tier1-a --dry-run  what would be sent, by what is known here"
    )]
    Sync(SyncArgs),
    /// Show how far each copy of the mirror is, by the trace that it has now
    #[command(
        after_help = "Exits with 5 if a copy is behind for longer than `alarm`, or its trace cannot be read.

Examples:
  mirrorkeep freshness
  mirrorkeep --json freshness tier1-a"
    )]
    Freshness {
        /// Only these targets [default: all of targets.yaml]
        #[arg(value_name = "TARGET")]
        names: Vec<String>,
    },
    /// Check and carry out requests of releases in a git repository, and show what a tag states
    #[command(subcommand)]
    Release(ReleaseVerb),
    /// Find out whether a build of a stream is due, and start it once
    #[command(
        after_help = "A build is due if any condition holds, or one was requested. Without conditions only requests count.
Exits with 0 if a build is due, or was started and succeeded; with 9 if none is due or one
is running; with 1 if that cannot be found out, or the build failed; with 7 if another
command works on the mirror for longer than --wait.

Examples:
  mirrorkeep due main/debian --every 24h --git https://git.example.org/tool.git@main
  mirrorkeep due main/debian --changed inputs/manifest.xml=manifest.xml --run make -C /srv/build
  mirrorkeep due main/debian --request --why 'new signing key'"
    )]
    Due(DueArgs),
    /// List the builds, with result, age, size, labels and aliases
    #[command(after_help = "Examples:
  mirrorkeep list 'release/*' --result success --since 30d
  mirrorkeep list --sort size --limit 10")]
    List(ListArgs),
    /// Show one build
    Show {
        /// The build, such as master/centos/20181205T060000Z, or an alias that resolves to one
        id: String,
    },
    /// Show what differs between two builds: commits, packages, files and bytes
    #[command(
        after_help = "Packages are those of RPM and Debian, by the names of their files. No file but CONTEXT is read.

Examples:
  mirrorkeep diff master/centos/20181204T060000Z master/centos/latest_build
  mirrorkeep --json diff master/centos/20181204T060000Z master/centos/20181205T060000Z"
    )]
    Diff(DiffArgs),
    /// Print everything that is in the mirror as JSON
    Census,
    /// Set or remove labels of a build, such as sanity=green; aliases that depend on them move
    #[command(after_help = "Example:\n  mirrorkeep label master/centos/20181205T060000Z sanity=green")]
    Label(LabelArgs),
    /// List, set or remove aliases, which point at builds or directories
    #[command(subcommand)]
    Alias(AliasVerb),
    /// Show the container images that come with builds, pin them, or delete those of deleted builds
    #[command(subcommand)]
    Images(ImagesVerb),
    /// Print the build or directory that an alias resolves to
    #[command(after_help = "Example:\n  mirrorkeep resolve master/centos/latest_build")]
    Resolve {
        /// The alias
        alias: String,
    },
    /// Write configuration for other programs, such as redirects for web servers
    #[command(subcommand)]
    Export(ExportVerb),
    /// Show the layout, the path of a build, or what a path is
    #[command(subcommand)]
    Layout(LayoutVerb),
    /// Show which builds would be pruned, and why
    #[command(after_help = "Examples:
  mirrorkeep plan
  mirrorkeep plan --policy edited.yaml --at 2026-07-01T00:00:00Z
  mirrorkeep --json plan --census census.json --policy starlingx --at 2026-06-15T03:00:00Z")]
    Plan(PlanArgs),
    /// Explain why one build is kept or pruned, and how close each rule came to keeping it
    Explain(ExplainArgs),
    /// Move expired builds to the trash, and delete what has been there long enough
    #[command(after_help = "Examples:
  mirrorkeep prune --dry-run
  mirrorkeep prune
  mirrorkeep prune --accept sha256:…   carries out exactly the plan that `plan` showed, despite the brakes")]
    Prune(PruneArgs),
    /// Take one build out of the mirror, for a reason such as a leaked secret; its aliases move to other builds
    #[command(
        after_help = "The build goes to the trash, `restore` brings it back, and `log` keeps the reason.

Examples:
  mirrorkeep withdraw master/centos/20181205T060000Z --why 'contains a private key' --dry-run
  mirrorkeep withdraw master/centos/20181205T060000Z --why 'contains a private key' --purge"
    )]
    Withdraw(WithdrawArgs),
    /// End the life of streams: freeze, archive, announce, redirect, remove
    #[command(
        after_help = "Run it again until it reports that the stream is retired; without a stream it continues all, for a nightly timer.
docs/retiring.md has the steps.

Examples:
  mirrorkeep retire 'release/2018.*' --to /srv/archive --url https://archive.example.org --served-at https://mirror.example.org --why 'no longer supported'
  mirrorkeep retire
  mirrorkeep retire --status
  mirrorkeep retire --cancel release/2018.10/centos --why 'a customer needs it'"
    )]
    Retire(RetireArgs),
    /// Bring a build back from the trash; it is held for 14 days
    Restore {
        /// The build
        id: String,
        /// Show what would be done, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// List what is in the trash
    #[command(subcommand)]
    Trash(TrashVerb),
    /// Delete everything in the trash now
    Sweep {
        /// Maximum number of files to remove per second
        #[arg(long, value_name = "FILES", value_parser = clap::value_parser!(u32).range(1..))]
        max_rate: Option<u32>,
        /// I/O priority
        #[arg(long, value_enum, default_value_t = IoPriority::Idle)]
        io_priority: IoPriority,
        /// Show what would be done, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Protect a build from pruning, or list what is protected
    #[command(
        after_help = "Examples:\n  mirrorkeep hold master/centos/20181205T060000Z --why 'bug 1234' --until 2019-01-31\n  mirrorkeep hold master/centos/20181205T060000Z --why 'release candidate' --until 14d"
    )]
    Hold(HoldArgs),
    /// Remove holds from a build
    Unhold {
        /// The build
        id: String,
        /// Only the holds with this reason
        #[arg(long)]
        why: Option<String>,
        /// Show what would be done, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Move stages to builds that passed, in the order of the pipeline
    #[command(after_help = "Examples:
  mirrorkeep promote --dry-run
  mirrorkeep promote
  mirrorkeep promote stable --build main/debian/20260601T020000Z --force --why 'the smoke test is broken'")]
    Promote(PromoteArgs),
    /// Move a stage back to the build that had it before, and reject the one that has it
    #[command(
        after_help = "Example:\n  mirrorkeep demote stable --stream main/debian --why 'does not boot on arm64'"
    )]
    Demote(DemoteArgs),
    /// Make one build of those to which an alias points in several streams
    #[command(after_help = "The layout declares which streams have bundles, and of what they are made.

Examples:
  mirrorkeep bundle centos9-master/current-tripleo --dry-run
  mirrorkeep bundle centos9-master/current-tripleo")]
    Bundle {
        /// The stream of the bundle
        stream: String,
        /// Show what would be done, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Show where each stage is, and what the newest candidate lacks
    #[command(after_help = "Examples:
  mirrorkeep stages
  mirrorkeep stages stable --check     exits with 5 if it is further behind than its alarm")]
    Stages(StagesArgs),
    /// Record the result of a job on a build
    #[command(
        after_help = "Example:\n  mirrorkeep vote main/debian/20260601T020000Z smoke success --url https://ci.example.org/1"
    )]
    Vote(VoteArgs),
    /// Run checks of the pipeline on a build, and record each result as a vote with its log
    #[command(
        after_help = "Exits with 5 if a gate voted failure, with 7 if one asks to try again later or is running already, \
and with 1 if one could not decide; no vote is recorded for it.

Examples:
  mirrorkeep gate main/debian/20260601T020000Z --all-missing
  mirrorkeep gate main/debian/testing closure"
    )]
    Gate(GateArgs),
    /// Let a build be promoted without the vote of a job, for one build or for a time
    #[command(after_help = "Examples:
  mirrorkeep waive stable smoke --build main/debian/20260601T020000Z --why 'bug 1234'
  mirrorkeep waive stable smoke --until 3d --why 'no hardware'")]
    Waive(WaiveArgs),
    /// Remove waivers
    Unwaive(UnwaiveArgs),
    /// Keep a build from being promoted; a stage that it has stays
    #[command(
        after_help = "Example:\n  mirrorkeep reject main/debian/20260601T020000Z --why 'does not install'"
    )]
    Reject(RejectArgs),
    /// Remove a rejection
    Unreject(UnrejectArgs),
    /// Show every move of an alias: when, who, why, and the votes at that moment
    #[command(after_help = "Example:\n  mirrorkeep history main/debian/stable")]
    History {
        /// The alias
        alias: String,
    },
    /// Check, test, simulate and compare policies
    #[command(subcommand)]
    Policy(PolicyVerb),
    /// Check, test and compare pipelines, which define the stages of promotion
    #[command(subcommand)]
    Pipeline(PipelineVerb),
    /// Check the structure of the mirror against its layout
    #[command(after_help = "Examples:
  mirrorkeep check
  mirrorkeep check master/centos --format sarif > findings.sarif
  mirrorkeep check --fix --dry-run")]
    Check(CheckArgs),
    /// Check file contents against recorded checksums
    #[command(after_help = "Examples:
  mirrorkeep verify master/centos/20181205T060000Z
  mirrorkeep verify --all            resumes an interrupted run
  mirrorkeep verify --all --keyring releases.gpg   also requires a signature by one of these keys
  mirrorkeep verify --sample 5%      every night: covers the mirror in twenty nights")]
    Verify(VerifyArgs),
    /// Record builds that other tools copied in; no byte of them is changed
    #[command(after_help = "Examples:
  mirrorkeep adopt --dry-run
  mirrorkeep adopt master/centos
  mirrorkeep adopt master/centos/20181205T060000Z --write-sums")]
    Adopt(AdoptArgs),
    /// Finish or clear what an interrupted command left
    #[command(after_help = "Examples:
  mirrorkeep recover
  mirrorkeep recover --accept-journal   continues a journal of which events were lost")]
    Recover {
        /// Accept the lost journal events, and continue with a number that was never used
        #[arg(long, conflicts_with = "dry_run")]
        accept_journal: bool,
        /// Also remove unfinished publishes that could still be resumed
        #[arg(long)]
        discard_stages: bool,
        /// Settle interrupted promotions and demotions without their carried commands
        #[arg(long, conflicts_with = "dry_run")]
        skip_commands: bool,
        /// Show what would be done, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Print what a shell needs to complete verbs, options, streams, builds and aliases at TAB
    #[command(after_help = "In the start file of the shell:
  source <(mirrorkeep completions bash)       ~/.bashrc; zsh the same in ~/.zshrc
  mirrorkeep completions fish | source        ~/.config/fish/config.fish

The packages and `make install` put these where the shells look for them.")]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write a page for each verb into a directory
    Man {
        /// Write a page for each verb into this directory, which is made
        #[arg(long, value_name = "DIR")]
        out: Option<std::path::PathBuf>,
    },
}

impl Verb {
    /// Returns whether the verb may move aliases, so that what depends on aliases must be updated.
    pub(super) fn moves_names(&self) -> bool {
        match self {
            Self::Publish(args) => !args.dry_run,
            Self::Label(LabelArgs { dry_run, .. })
            | Self::Copy(CopyArgs { dry_run, .. })
            | Self::Branch(BranchArgs { dry_run, .. })
            | Self::Pull(PullArgs { dry_run, .. })
            | Self::Prune(PruneArgs { dry_run, .. })
            | Self::Withdraw(WithdrawArgs { dry_run, .. })
            | Self::Promote(PromoteArgs { dry_run, .. })
            | Self::Demote(DemoteArgs { dry_run, .. })
            | Self::Vote(VoteArgs { dry_run, .. })
            | Self::Gate(GateArgs { dry_run, .. })
            | Self::Reject(RejectArgs { dry_run, .. })
            | Self::Unreject(UnrejectArgs { dry_run, .. })
            | Self::Waive(WaiveArgs { dry_run, .. })
            | Self::Unwaive(UnwaiveArgs { dry_run, .. })
            | Self::Bundle { dry_run, .. }
            | Self::Sweep { dry_run, .. }
            | Self::Recover { dry_run, .. } => !dry_run,
            Self::Release(verb) => verb.changes(),
            Self::Retire(args) => args.changes(),
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

    /// Returns whether what readers of aliases fetch must be updated after the verb.
    pub(super) fn changes_lists(&self) -> bool {
        match self {
            Self::Restore { dry_run, .. }
            | Self::Adopt(AdoptArgs { dry_run, .. })
            | Self::Hold(HoldArgs { verb: None, dry_run, .. })
            | Self::Unhold { dry_run, .. } => !dry_run,
            verb => verb.moves_names(),
        }
    }

    /// Returns whether the site must be updated after the verb.
    pub(super) fn changes_site(&self) -> bool {
        match self {
            Self::Policy(PolicyVerb::Set { dry_run, .. })
            | Self::Pipeline(PipelineVerb::Set { dry_run, .. })
            | Self::Layout(LayoutVerb::Set { dry_run, .. }) => !dry_run,
            verb => verb.changes_lists(),
        }
    }

    /// Returns whether the verb may write into the mirror.
    pub(super) fn writes(&self) -> bool {
        match self {
            Self::Check(args) => args.mend.fix,
            Self::Plan(args) => args.publish,
            Self::Deliver(args) => args.writes(),
            Self::Due(args) => args.writes(),
            Self::Sync(args) => args.writes(),
            Self::Site(args) => !args.dry_run,
            Self::Export(ExportVerb::Readers(args)) => args.server.is_none() && !args.dry_run,
            Self::Export(ExportVerb::Changes(args)) => !args.dry_run,
            verb => verb.changes(),
        }
    }

    /// Returns whether the verb changes a mirror.
    pub(super) fn changes(&self) -> bool {
        match self {
            Self::Images(verb) => return verb.changes(),
            Self::Release(verb) => return verb.changes(),
            Self::Retire(args) => return !args.status,
            _ => {}
        }
        !matches!(
            self,
            Self::Init(_)
                | Self::Status(_)
                | Self::Metrics(_)
                | Self::Site(_)
                | Self::Log(_)
                | Self::Events(_)
                | Self::Deliver(_)
                | Self::Due(_)
                | Self::Sync(_)
                | Self::Freshness { .. }
                | Self::List(_)
                | Self::Trash(_)
                | Self::Hold(HoldArgs { verb: Some(_), .. })
                | Self::Show { .. }
                | Self::Diff(_)
                | Self::Census
                | Self::Alias(AliasVerb::List)
                | Self::Layout(_)
                | Self::Resolve { .. }
                | Self::Export(_)
                | Self::Plan(_)
                | Self::Explain(_)
                | Self::Stages(_)
                | Self::History { .. }
                | Self::Policy(_)
                | Self::Pipeline(_)
                | Self::Completions { .. }
                | Self::Man { .. }
        )
    }
}
