//! What can be typed to keep a copy of a mirror over HTTP.

use crate::cli::mirror_url::MirrorUrl;
use clap::Args;
use clap::builder::TypedValueParser as _;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(in crate::cli) struct PullArgs {
    #[arg(help = "Public address of the mirror, such as https://mirror.example.org/pub", value_name = "URL")]
    pub(in crate::cli) url: String,
    /// The copy: a mirror that `init` made with a layout that gives the builds the same paths; --mirror is not used here
    #[arg(value_name = "DIR|URL", value_parser = clap::builder::OsStringValueParser::new().try_map(MirrorUrl::read))]
    pub(in crate::cli) to: MirrorUrl,
    /// Only streams that match a pattern [default: all]
    #[arg(long, value_name = "PATTERN")]
    pub(in crate::cli) stream: Vec<String>,
    /// Require signatures of the list and of each build by a key of this file of OpenPGP keys
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) keyring: Vec<PathBuf>,
    /// Require signatures of the list and of each build by this key of minisign: its file, or the key itself
    #[arg(long, value_name = "KEY")]
    pub(in crate::cli) minisign_key: Vec<String>,
    /// With keys: accept builds without a signature, whose digests are in the signed list
    #[arg(long)]
    pub(in crate::cli) unsigned_builds: bool,
    /// Age of the list after which the command exits with 5
    #[arg(long, value_name = "AGE", default_value = "3d")]
    pub(in crate::cli) alarm: String,
    /// Directory of the change list in the mirror
    #[arg(long, value_name = "PATH", default_value = "changes")]
    pub(in crate::cli) changes: String,
    /// Also withdraw here what was withdrawn there, and fetch again what is there again
    #[arg(long)]
    pub(in crate::cli) withdraw: bool,
    /// With --withdraw: number of builds above which none is withdrawn
    #[arg(long, value_name = "N", default_value_t = 10, requires = "withdraw")]
    pub(in crate::cli) withdraw_at_most: usize,
    /// Write project/trace/NAME into the copy, by which the mirror can read how far it is
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) trace: Option<String>,
    /// Ignore what earlier runs recorded: read everything, and accept an older list or the list of another mirror
    #[arg(long, alias = "anew")]
    pub(in crate::cli) restart: bool,
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}
