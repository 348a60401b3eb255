//! Redirects for servers that do not follow names: what lies below an alias is at the build that it leads to.
//!
//! For an object store, whose aliases are small objects, and for web servers that follow no symlinks. Every answer is a
//! 302 that may be kept for a minute, since the name may move at any time. The text depends on the names alone, in their
//! order, so that it changes exactly when one of them does. Names may hold anything that a path may: each server has
//! its own way of quoting here, and its own tests with the real server.

mod apache;
mod cloudfront;
mod nginx;
mod s3;

use crate::model::{Class, Classify, ErrorKind, RelPath};

/// How long a redirect may be kept.
const CACHE: &str = "public, max-age=60";

/// For whom redirects are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// An nginx configuration, to be included in a `server` block.
    Nginx,
    /// An Apache configuration.
    Apache,
    /// The website configuration of an S3 bucket as JSON, as SDKs and their command lines take it.
    S3Website,
    /// The same as XML, as the API itself takes it.
    S3WebsiteXml,
    /// A function of CloudFront for requests of viewers.
    Cloudfront,
}

/// A name, and the build or directory that it leads to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Redirect {
    /// The name.
    pub from: RelPath,
    /// Where it leads.
    pub to: RelPath,
}

/// A build that is gone, and the page that says why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gone {
    /// Where the build was.
    pub at: RelPath,
    /// Its page.
    pub page: RelPath,
}

/// A path whose contents are at another server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Away {
    /// Where it was.
    pub from: RelPath,
    /// Its address there, without a slash at the end; of characters that need no quotes.
    pub to: String,
    /// Whether it stays there for good.
    pub for_good: bool,
}

/// Says why no redirects are written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedirectError {
    /// More rules than the service takes.
    #[error("an S3 website takes {max} rules, and {0} names would need one each", max = s3::MOST)]
    TooMany(usize),
    /// A longer function than the service takes.
    #[error("CloudFront takes functions of {max} bytes, and this one would have {0}", max = cloudfront::MOST)]
    TooLong(usize),
    /// The service cannot answer 410 with a page.
    #[error("this service cannot answer 410 with the page of a build that is gone; nginx and Apache can")]
    NoPages,
}

impl Classify for RedirectError {
    fn class(&self) -> Class {
        match self {
            Self::TooMany(_) | Self::TooLong(_) => ErrorKind::Failed.into(),
            Self::NoPages => {
                ErrorKind::Usage.hint("leave out `--gone`, or use it with `--for nginx` or `--for apache`")
            }
        }
    }
}

/// Returns the configuration that answers 410 with its page for whatever lies below each build that is gone.
pub fn gone(server: Server, builds: &[Gone], under: &RelPath) -> Result<String, RedirectError> {
    let mut all: Vec<Gone> =
        builds.iter().map(|gone| Gone { at: under.join(&gone.at), page: under.join(&gone.page) }).collect();
    all.sort();
    all.dedup();
    match server {
        Server::Nginx => Ok(nginx::gone(&all)),
        Server::Apache => Ok(apache::gone(&all)),
        Server::S3Website | Server::S3WebsiteXml | Server::Cloudfront => Err(RedirectError::NoPages),
    }
}

/// Returns the configuration that sends whatever is below each path to its address at another server; nothing for a service
/// that needs a rule for each of its prefixes.
pub fn away(server: Server, paths: &[Away], under: &RelPath) -> Option<String> {
    let mut all: Vec<Away> =
        paths.iter().map(|away| Away { from: under.join(&away.from), ..away.clone() }).collect();
    all.sort();
    all.dedup();
    match server {
        Server::Nginx => Some(nginx::away(&all)),
        Server::Apache => Some(apache::away(&all)),
        Server::S3Website | Server::S3WebsiteXml | Server::Cloudfront => None,
    }
}

/// Returns the configuration that sends whatever lies below each name to where that leads.
///
/// `under` is the path of URLs below which the mirror is served, for S3 the prefix of its keys.
pub fn redirects(server: Server, names: &[Redirect], under: &RelPath) -> Result<String, RedirectError> {
    let mut all: Vec<Redirect> = names
        .iter()
        .map(|name| Redirect { from: under.join(&name.from), to: under.join(&name.to) })
        .collect();
    all.sort();
    all.dedup();
    match server {
        Server::Nginx => Ok(nginx::write(&all)),
        Server::Apache => Ok(apache::write(&all)),
        Server::S3Website => s3::json(&all),
        Server::S3WebsiteXml => s3::xml(&all),
        Server::Cloudfront => cloudfront::write(&all),
    }
}
