//! Redirects of Apache.
//!
//! `Redirect` compares the decoded path segment by segment, and escapes what lies below the name itself; its target is
//! a URL. The one thing that no quotes keep from being replaced is `${…}`: there the dollar sign comes from a variable
//! of our own, whose value is not looked into again.

use crate::model::{quoted, url_path};
use crate::render::redirects::{CACHE, Redirect};

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
        let from = quoted(&format!("/{}", from.as_str())).replace("${", &format!("${{{DOLLAR}}}{{"));
        let to = url_path(to);
        text.push_str(&format!("Redirect 302 {from} \"{}\"\n", to.trim_end_matches('/')));
    }
    text + &format!(
        "<IfModule headers_module>\n    Header always set Cache-Control \"{CACHE}\" \"expr=%{{REQUEST_STATUS}} -eq 302\"\n</IfModule>\n"
    )
}
