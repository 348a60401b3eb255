//! What can be typed to take builds over, to copy them, and to lead web servers to them.

use crate::cli::site::Site;
use clap::builder::TypedValueParser as _;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(in crate::cli) struct CopyArgs {
    /// The mirror that has the builds, as --mirror takes it; --mirror itself does not count here
    #[arg(value_parser = clap::builder::OsStringValueParser::new().try_map(Site::read))]
    pub(in crate::cli) from: Site,
    /// The mirror that they go to; `init` makes one, with a layout that puts them at the same places
    #[arg(value_parser = clap::builder::OsStringValueParser::new().try_map(Site::read))]
    pub(in crate::cli) to: Site,
    /// Streams with all their builds, or builds; everything without it
    #[arg(value_name = "STREAM|ID")]
    pub(in crate::cli) what: Vec<String>,
    /// Let names go back to older builds where they do so in the source
    #[arg(long)]
    pub(in crate::cli) allow_backwards: bool,
    /// Let names lead to builds that are no success where they do so in the source
    #[arg(long)]
    pub(in crate::cli) allow_unsuccessful: bool,
    /// Only say what would come and which names would move
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
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RedirectsArgs {
    /// Names; all without it
    #[arg(value_name = "ALIAS")]
    pub(in crate::cli) aliases: Vec<String>,
    /// For which server
    #[arg(long = "for", value_enum)]
    pub(in crate::cli) server: ServerArg,
    /// The path of URLs below which the mirror is served; without it the root, and for a bucket its prefix
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
    /// A stream, such as master/centos, or one build; all that have no record without it
    #[arg(value_name = "STREAM|ID")]
    pub(in crate::cli) what: Option<String>,
    /// Also write SHA256SUMS into builds that have none
    #[arg(long)]
    pub(in crate::cli) write_sums: bool,
    /// Believe the lists of checksums beside the files, and read only what no list has
    #[arg(long)]
    pub(in crate::cli) trust_lists: bool,
    /// Also take for right what changed since: files, builds that are gone, and aliases that were moved by hand
    #[arg(long)]
    pub(in crate::cli) changed: bool,
    /// With --changed: write SHA256SUMS of changed builds again from their bytes, whatever the lists in them say
    #[arg(long, requires_all = ["changed", "what"])]
    pub(in crate::cli) rewrite_sums: bool,
    /// Record when the build ID was made, where neither its name nor its files have that: a time, or a day
    #[arg(long, value_name = "TIME", requires = "what", conflicts_with = "changed")]
    pub(in crate::cli) created: Option<String>,
    /// Read everything and say what would be taken over
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}
