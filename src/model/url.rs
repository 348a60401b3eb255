//! Paths as URLs and configuration files of servers write them.

use super::RelPath;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What is written by its bytes in a URL.
const ODD: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// Returns a path as it is written in a URL, from the root of the server: what is not plain is written by its bytes.
pub fn url_path(path: &RelPath) -> String {
    format!("/{}", utf8_percent_encode(path.as_str(), ODD))
}

/// Returns a text between double quotes, with a backslash before each quote and backslash.
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
