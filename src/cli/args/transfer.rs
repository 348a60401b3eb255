//! What can be typed to take builds over, to copy them, and to lead web servers to them.

use crate::cli::mirror_url::MirrorUrl;
use clap::builder::TypedValueParser as _;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(in crate::cli) struct CopyArgs {
    /// Mirror to copy from, in the forms of --mirror; --mirror itself is not used here
    #[arg(value_parser = clap::builder::OsStringValueParser::new().try_map(MirrorUrl::read))]
    pub(in crate::cli) from: MirrorUrl,
    /// The mirror that they go to; `init` makes one, with a layout that puts them at the same places
    #[arg(value_parser = clap::builder::OsStringValueParser::new().try_map(MirrorUrl::read))]
    pub(in crate::cli) to: MirrorUrl,
    /// Streams with all their builds, or builds [default: everything]
    #[arg(value_name = "STREAM|ID")]
    pub(in crate::cli) what: Vec<String>,
    /// Allow names to move back to older builds as in the source
    #[arg(long)]
    pub(in crate::cli) allow_backwards: bool,
    /// Allow names to point to builds that are not a success as in the source
    #[arg(long)]
    pub(in crate::cli) allow_unsuccessful: bool,
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ExportVerb {
    /// Write the rules by which a server sends URLs below a name to the build that it leads to
    #[command(after_help = "Examples:
  mirrorkeep --mirror s3://bucket/mirror export redirects --for cloudfront --out aliases.js
  mirrorkeep --mirror /srv/mirror export redirects --for nginx --under mirror --out /etc/nginx/snippets/aliases.conf")]
    Redirects(RedirectsArgs),
    /// Write lists of builds for readers of names, or the rules by which a server finds files of earlier builds
    #[command(
        after_help = "Without --for it writes the public files of `readers` in mirror.yaml; every command that moves a name does this, too.

Examples:
  mirrorkeep --mirror /srv/mirror export readers
  mirrorkeep --mirror /srv/mirror export readers --for nginx --out /etc/nginx/mirrorkeep-readers.inc"
    )]
    Readers(ReadersArgs),
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
    /// Also accept what changed: files, builds that are gone, and aliases that were moved by hand
    #[arg(long)]
    pub(in crate::cli) changed: bool,
    /// With --changed: write SHA256SUMS of changed builds again from their bytes
    #[arg(long, requires_all = ["changed", "what"])]
    pub(in crate::cli) rewrite_sums: bool,
    /// Time or day at which the build ID was made, if neither its name nor its files state it
    #[arg(long, value_name = "TIME", requires = "what", conflicts_with = "changed")]
    pub(in crate::cli) created: Option<String>,
    /// Read everything, show what would be recorded, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}
