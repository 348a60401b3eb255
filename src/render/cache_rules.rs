//! How long caches keep what a mirror serves: files of builds for a year, everything else for a minute.
//!
//! A request is judged by the address that the client sent, not by the file that answers it: an answer is kept for long
//! only at an address below the path of a build as the purge lists of events write it
//! (`docs/decisions/0024-cache-rules.md`). The text depends on the layout and on the links that are given, so that it
//! changes with them alone.

mod apache;
mod cloudfront;
mod fastly;
mod nginx;

use crate::layout::{Layout, address};
use crate::model::{RelPath, sums_names};
use crate::render::redirects::RedirectError;
use std::fmt::Write;

/// Files of builds.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// What a name, a page or a command may change at any time.
const SHORT: &str = "public, max-age=60, stale-while-revalidate=60";

/// What is not there, and may be there soon.
const MISSING: &str = "public, max-age=10";

/// Failures of the server.
const FAILED: &str = "no-store";

/// A segment of dots, or an encoded slash: the server looks at another path than the one that is written.
const ODD: &str = "/(?:\\.|%2[eE]){1,2}(?:[/?]|$)|%2[fF]";

/// For whom the rules are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheServer {
    /// Maps of nginx, to be included in the `http` block.
    Nginx,
    /// Apache, to be included in a virtual host.
    Apache,
    /// A function of CloudFront for requests and responses of viewers.
    Cloudfront,
    /// Subroutines in the VCL of Fastly.
    FastlyVcl,
}

/// The rules for one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheRules {
    /// The configuration.
    pub text: String,
    /// The patterns of streams whose builds are kept for a short time only, and why.
    pub left_out: Vec<(String, String)>,
}

/// What the rules distinguish, as regular expressions over an address.
struct Kinds {
    /// Builds: the expression, and how many names the path of a build has in an address.
    builds: Vec<(String, usize)>,
    /// What is kept for a short time although it may be below a build.
    others: Vec<String>,
    /// The own area.
    own: String,
}

/// Returns the rules for the builds of a layout; what is below one of `links` is not a build's own address.
///
/// `under` is the path of URLs below which the mirror is served.
pub fn cache_rules(
    server: CacheServer,
    layout: &Layout,
    links: &[RelPath],
    under: &RelPath,
) -> Result<CacheRules, RedirectError> {
    let above = if under.is_root() { "^".to_owned() } else { format!("^/{}", address(under.as_str())) };
    let (mut builds, mut left_out) = (Vec::new(), Vec::new());
    for one in layout.build_addresses() {
        match one.pattern {
            Ok(pattern) => builds.push((format!("{above}/{pattern}/"), under.depth() + one.depth)),
            Err(why) => left_out.push((one.streams, why)),
        }
    }
    let mut others = vec![ODD.to_owned(), changing(layout)];
    let below = |path: &str| format!("{above}/{path}(?:[/?]|$)");
    others.extend(layout.legacy_addresses().map(|pattern| below(&pattern)));
    others.extend(links.iter().map(|link| below(&address(link.as_str()))));
    let own = format!("/{}(?:[/?]|%2[fF]|$)", spelt(".mirrorkeep"));
    let own = own.replacen('/', "(?:/|%2[fF])", 1);
    let kinds = Kinds { builds, others, own };
    let text = match server {
        CacheServer::Nginx => nginx::write(&kinds),
        CacheServer::Apache => apache::write(&kinds),
        CacheServer::Cloudfront => cloudfront::write(&kinds)?,
        CacheServer::FastlyVcl => fastly::write(&kinds),
    };
    Ok(CacheRules { text, left_out })
}

/// Returns an expression for the files of a build that may change, in every spelling.
fn changing(layout: &Layout) -> String {
    let mut all: Vec<String> = sums_names().map(spelt).collect();
    for path in layout.changing() {
        let path = path.names().map(spelt).collect::<Vec<_>>().join("/+");
        if !all.contains(&path) {
            all.push(path);
        }
    }
    format!("/(?:{})(?:\\?|$)", all.join("|"))
}

/// Returns an expression for a text in every spelling that a URL may have.
fn spelt(text: &str) -> String {
    let mut pattern = String::new();
    for c in text.chars() {
        let bytes: String = c.encode_utf8(&mut [0; 4]).bytes().map(code).collect();
        // Writing to a text cannot fail.
        match c {
            _ if c.is_ascii_alphanumeric() => write!(pattern, "(?:{c}|{bytes})"),
            '!'..='~' => write!(pattern, "(?:[{}{c}]|{bytes})", if "\\]^[-".contains(c) { "\\" } else { "" }),
            _ => write!(pattern, "{bytes}"),
        }
        .ok();
    }
    pattern
}

/// Returns an expression for a percent-encoded byte.
fn code(byte: u8) -> String {
    let digit = |nibble: u8| match char::from_digit(nibble.into(), 16) {
        Some(digit @ 'a'..='f') => format!("[{digit}{}]", digit.to_ascii_uppercase()),
        digit => digit.map(String::from).unwrap_or_default(),
    };
    format!("%{}{}", digit(byte >> 4), digit(byte & 15))
}
