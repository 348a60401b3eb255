//! Arguments of the verbs `copy`, `export` and `adopt`.

use super::ResultArg;
use crate::cli::mirror_url::MirrorUrl;
use clap::builder::TypedValueParser as _;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(in crate::cli) struct CopyArgs {
    /// Mirror to copy from, in the forms of --mirror; --mirror itself is not used here
    #[arg(value_parser = clap::builder::OsStringValueParser::new().try_map(MirrorUrl::read))]
    pub(in crate::cli) from: MirrorUrl,
    /// Target mirror; create it with `init` and a layout that gives the builds the same paths
    #[arg(value_parser = clap::builder::OsStringValueParser::new().try_map(MirrorUrl::read))]
    pub(in crate::cli) to: MirrorUrl,
    /// Streams with all their builds, or builds [default: everything]
    #[arg(value_name = "STREAM|ID")]
    pub(in crate::cli) what: Vec<String>,
    /// Allow aliases to move back to older builds as in the source
    #[arg(long)]
    pub(in crate::cli) allow_backwards: bool,
    /// Allow aliases to point to builds that are not a success as in the source
    #[arg(long)]
    pub(in crate::cli) allow_unsuccessful: bool,
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ExportVerb {
    /// Write the rules by which a server sends URLs below an alias to the build that it resolves to
    #[command(after_help = "Examples:
  mirrorkeep --mirror s3://bucket/mirror export redirects --for cloudfront --out aliases.js
  mirrorkeep --mirror /srv/mirror export redirects --for nginx --under mirror --out /etc/nginx/snippets/aliases.conf
  mirrorkeep --mirror /srv/mirror export redirects --for nginx --gone --out /etc/nginx/snippets/aliases.conf")]
    Redirects(RedirectsArgs),
    /// Write lists of builds for readers of aliases, or the rules by which a server finds files of earlier builds
    #[command(
        after_help = "Without --for it writes the public files of `readers` in mirror.yaml; every command that moves an alias does this, too.

Examples:
  mirrorkeep --mirror /srv/mirror export readers
  mirrorkeep --mirror /srv/mirror export readers --for nginx --out /var/lib/mirrorkeep/nginx-readers.inc"
    )]
    Readers(ReadersArgs),
    /// Write the change list, from which mirrors of this mirror learn what came, moved and went
    #[command(
        after_help = "`changes` in mirror.yaml names its directory and keys; with `changes: {auto: true}` every command that changes the mirror does
this, too. A timer that runs it shows mirrors of this mirror that nothing is lost while nothing changes. docs/mirrors.md has the form.

Examples:
  mirrorkeep --mirror /srv/mirror export changes
  mirrorkeep --mirror s3://bucket/mirror export changes --sign minisign:changes.key"
    )]
    Changes(ChangesArgs),
    /// Write the rules by which a server or a CDN knows how long caches may keep what it serves
    #[command(
        after_help = "Files of builds are kept for a year, all else for a minute; `purge` in each event has the addresses to drop (docs/events.md).

Examples:
  mirrorkeep --mirror /srv/mirror export cache-rules --for nginx --out /etc/nginx/conf.d/mirrorkeep-cache.conf
  mirrorkeep --mirror s3://bucket/mirror export cache-rules --for cloudfront --under '' --out cache.js"
    )]
    CacheRules(CacheRulesArgs),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ChangesArgs {
    /// Sign it with a key: gpg:KEYID or minisign:FILE [default: `changes.sign` in mirror.yaml]
    #[arg(long, value_name = "KEY")]
    pub(in crate::cli) sign: Vec<String>,
    /// Write everything again, also the lists of files of builds that did not change
    #[arg(long)]
    pub(in crate::cli) full: bool,
    /// Accept that the list loses a kind of signature that it had; copies that require it refuse the list
    #[arg(long)]
    pub(in crate::cli) drop_signatures: bool,
    /// Show what would be written, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}

/// Where the mirror is served, and where its rules go.
#[derive(Debug, Args)]
pub(in crate::cli) struct ServedArgs {
    /// URL path below which the mirror is served [default: the root; for a bucket its prefix]
    #[arg(long, value_name = "PATH")]
    pub(in crate::cli) under: Option<String>,
    /// Write into this file, in one step, instead of to standard output
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) out: Option<PathBuf>,
    /// With --out, only report whether the file would change
    #[arg(long, requires = "out")]
    pub(in crate::cli) dry_run: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CacheRulesArgs {
    /// Server
    #[arg(long = "for", value_enum)]
    pub(in crate::cli) server: CacheServerArg,
    #[command(flatten)]
    pub(in crate::cli) to: ServedArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum CacheServerArg {
    /// nginx, to be included in the http block
    Nginx,
    /// Apache, to be included in a virtual host
    Apache,
    /// A function of CloudFront for viewer requests and viewer responses
    Cloudfront,
    /// Subroutines in the VCL of Fastly
    FastlyVcl,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ReadersArgs {
    /// Names, with --for [default: all that resolve to builds]
    #[arg(value_name = "ALIAS", requires = "server")]
    pub(in crate::cli) aliases: Vec<String>,
    /// Server that reads the mirror's directory
    #[arg(long = "for", value_enum)]
    pub(in crate::cli) server: Option<RulesArg>,
    /// URL path below which the mirror is served [default: the root]
    #[arg(long, value_name = "PATH", requires = "server")]
    pub(in crate::cli) under: Option<String>,
    /// Write into this file, in one step, instead of to standard output
    #[arg(long, value_name = "FILE", requires = "server")]
    pub(in crate::cli) out: Option<PathBuf>,
    /// Show what would be written, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum RulesArg {
    /// nginx, to be included in a server block
    Nginx,
    /// Apache, to be included in a virtual host
    Apache,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RedirectsArgs {
    /// Names [default: all]
    #[arg(value_name = "ALIAS")]
    pub(in crate::cli) aliases: Vec<String>,
    /// Server
    #[arg(long = "for", value_enum)]
    pub(in crate::cli) server: ServerArg,
    /// Also answer 410 with its page for each build that is gone (nginx and Apache; `site` in mirror.yaml has the pages)
    #[arg(long)]
    pub(in crate::cli) gone: bool,
    #[command(flatten)]
    pub(in crate::cli) to: ServedArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum ServerArg {
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

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(in crate::cli) struct AdoptArgs {
    /// Stream, such as main/debian, or one build [default: all builds without a record]
    #[arg(value_name = "STREAM|ID")]
    pub(in crate::cli) what: Option<String>,
    /// Also write SHA256SUMS to builds that have none
    #[arg(long)]
    pub(in crate::cli) write_sums: bool,
    /// Trust the checksum lists beside the files, and read only files that no list has
    #[arg(long)]
    pub(in crate::cli) trust_lists: bool,
    /// Also accept what changed: changed files, missing builds, and aliases that were moved by hand
    #[arg(long)]
    pub(in crate::cli) changed: bool,
    /// With --changed: write SHA256SUMS of changed builds again from their bytes
    #[arg(long, requires_all = ["changed", "what"])]
    pub(in crate::cli) rewrite_sums: bool,
    /// Result of builds that have no marker of one; the marker is written into them
    #[arg(long, value_enum, conflicts_with = "changed")]
    pub(in crate::cli) result: Option<ResultArg>,
    /// Time or day at which the build ID was made, if neither its name nor its files state it
    #[arg(long, value_name = "TIME", requires = "what", conflicts_with = "changed")]
    pub(in crate::cli) created: Option<String>,
    /// Read everything, show what would be recorded, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}
