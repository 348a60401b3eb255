//! A function of CloudFront that redirects viewers.
//!
//! CloudFront hands over path and query as they came. The path is compared decoded, name by name, so that every way of
//! writing it is found; what lies below the name goes on as it came. Plain enough for both of its runtimes.

use crate::model::url_path;
use crate::render::redirects::{CACHE, Redirect, RedirectError};
use std::fmt::Write;

/// How many bytes a function may have.
pub(super) const MOST: usize = 10_240;

const HANDLER: &str = "
function decoded(segment) {
    try {
        var text = decodeURIComponent(segment);
        return text.indexOf('/') < 0 ? text : segment;
    } catch (error) {
        return segment;
    }
}

function query(parameters) {
    var pairs = [];
    Object.keys(parameters).forEach(function (name) {
        var values = parameters[name].multiValue || [parameters[name]];
        values.forEach(function (one) { pairs.push(one.value === '' ? name : name + '=' + one.value); });
    });
    return pairs.length > 0 ? '?' + pairs.join('&') : '';
}

function handler(event) {
    var request = event.request;
    var segments = request.uri.split('/');
    var names = segments.map(decoded);
    for (var length = names.length; length > 1; length--) {
        var name = names.slice(0, length).join('/');
        if (Object.prototype.hasOwnProperty.call(targets, name)) {
            var below = segments.slice(length).join('/');
            return {
                statusCode: 302,
                statusDescription: 'Found',
                headers: {
                    'location': { value: targets[name] + '/' + below + query(request.querystring || {}) },
                    'cache-control': { value: CACHE }
                }
            };
        }
    }
    return request;
}
";

pub(super) fn write(names: &[Redirect]) -> Result<String, RedirectError> {
    let head = "// Written by `mirrorkeep export redirects --for cloudfront`; for viewer requests.\nvar targets = {\n";
    let line = |name: &Redirect| {
        let from = string(&format!("/{}", name.from.as_str()));
        format!("    {from}: {}", string(url_path(&name.to).trim_end_matches('/')))
    };
    let lines: Vec<String> = names.iter().map(line).collect();
    let handler = HANDLER.replace("CACHE", &string(CACHE));
    let text = format!("{head}{}\n}};\n{handler}", lines.join(",\n"));
    if text.len() > MOST { Err(RedirectError::TooLong(text.len())) } else { Ok(text) }
}

/// Returns a text as a string of JavaScript, in plain characters only.
fn string(text: &str) -> String {
    let mut string = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => string.extend(['\\', c]),
            ' '..='~' => string.push(c),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a text cannot fail.
                    write!(string, "\\u{unit:04x}").ok();
                }
            }
        }
    }
    string + "\""
}
