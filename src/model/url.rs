//! Paths as URLs and configuration files of servers write them.

use super::RelPath;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The characters that are percent-encoded in a URL.
const ODD: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// The characters that are percent-encoded in one name of a path.
const NAME: &AsciiSet = &ODD.add(b'/');

/// Returns a path as it is written in a URL, from the root of the server, with other characters percent-encoded.
pub fn url_path(path: &RelPath) -> String {
    format!("/{}", utf8_percent_encode(path.as_str(), ODD))
}

/// Returns the relative link from one file to another, as it is written in a page.
pub fn url_link(from: &RelPath, to: &RelPath) -> String {
    utf8_percent_encode(&from.link_to(to), ODD).to_string()
}

/// Returns a text as one name of a path in a URL.
pub fn url_name(text: &str) -> String {
    utf8_percent_encode(text, NAME).to_string()
}

/// Returns a text between double quotes, with a backslash before each quote and backslash.
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
