//! Redirects of Apache.
//!
//! `Redirect` compares the decoded path segment by segment, and escapes what lies below the name itself; its target is
//! a URL. The one thing that no quotes keep from being replaced is `${…}`: there the dollar sign comes from a variable
//! of our own, whose value is not looked into again.

use crate::model::{quoted, url_path};
use crate::render::redirects::{Away, CACHE, Gone, Redirect};
use std::fmt::Write;

/// A variable that holds one dollar sign.
const DOLLAR: &str = "mirrorkeep_dollar";

pub(super) fn write(names: &[Redirect]) -> String {
    let mut text =
        "# Written by `mirrorkeep export redirects --for apache`; include it in a server or virtual host.\n"
            .to_owned();
    if names.iter().any(|name| name.from.as_str().contains("${")) {
        text.push_str(&format!("Define {DOLLAR} \"$\"\n"));
    }
    for Redirect { from, to } in names {
        let from = plain(&format!("/{}", from.as_str()));
        let to = url_path(to);
        text.push_str(&format!("Redirect 302 {from} \"{}\"\n", to.trim_end_matches('/')));
    }
    text + &cached(302)
}

/// Sends what is below each path to another server.
pub(super) fn away(paths: &[Away]) -> String {
    let mut text = String::new();
    if paths.iter().any(|away| away.from.as_str().contains("${")) {
        text.push_str(&format!("Define {DOLLAR} \"$\"\n"));
    }
    for Away { from, to, for_good } in paths {
        let from = plain(&format!("/{}", from.as_str()));
        let status = if *for_good { 301 } else { 302 };
        text.push_str(&format!("Redirect {status} {from} \"{to}\"\n"));
    }
    if paths.iter().any(|away| away.for_good) {
        text.push_str(&cached(301));
    }
    text
}

/// Returns a text between quotes in which nothing is replaced.
fn plain(text: &str) -> String {
    quoted(text).replace("${", &format!("${{{DOLLAR}}}{{"))
}

/// Answers 410 for what lay below a build.
pub(super) fn gone(builds: &[Gone]) -> String {
    let mut text = String::new();
    if builds.iter().any(|gone| gone.at.as_str().contains("${")) {
        text.push_str(&format!("Define {DOLLAR} \"$\"\n"));
    }
    for Gone { at, page } in builds {
        let at = format!("/{}", at.as_str());
        // The path of `Location` can be a pattern.
        let (section, place) = if at.contains(['*', '?', '[', '\\']) {
            ("LocationMatch", format!("^{}(/|$)", escaped(&at)))
        } else {
            ("Location", at.clone())
        };
        let (place, at, page) = (plain(&place), plain(&at), url_path(page));
        // Writing to a text cannot fail.
        writeln!(
            text,
            "<{section} {place}>\n    ErrorDocument 410 \"{page}\"\n</{section}>\nRedirect 410 {at}"
        )
        .ok();
    }
    if !builds.is_empty() {
        text.push_str(&cached(410));
    }
    text
}

/// Returns a text as a regular expression that it alone fits.
fn escaped(text: &str) -> String {
    let mut pattern = String::new();
    for c in text.chars() {
        if c.is_ascii_punctuation() {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

fn cached(status: u16) -> String {
    format!(
        "<IfModule headers_module>\n    Header always set Cache-Control \"{CACHE}\" \"expr=%{{REQUEST_STATUS}} -eq {status}\"\n</IfModule>\n"
    )
}
