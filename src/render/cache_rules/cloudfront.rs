//! A function of CloudFront for requests and responses of viewers.
//!
//! CloudFront itself keeps what the origin states; the function states the same to viewers, and hides the own area. A bucket
//! states it for every spelling of an address, so requests go on in the one that purge lists have. Plain enough for both
//! runtimes.

use super::{FAILED, FOR_EVER, Kinds, MISSING, SHORT};
use crate::render::redirects::RedirectError;

/// How many bytes a function may have.
const MOST: usize = 10_240;

const HANDLER: &str = "
function isOf(patterns, address) {
    for (var i = 0; i < patterns.length; i++) {
        if (patterns[i].test(address)) { return true; }
    }
    return false;
}

function keeping(status, address) {
    if (status >= 500) { return 'FAILED'; }
    if (status >= 400) { return 'MISSING'; }
    var file = status === 200 || status === 206 || status === 304;
    return file && !isOf(others, address) && isOf(builds, address) ? 'FOR_EVER' : 'SHORT';
}

function spelt(segment) {
    try {
        return encodeURIComponent(decodeURIComponent(segment)).replace(/[!'()*]/g, function (c) {
            return '%' + c.charCodeAt(0).toString(16).toUpperCase();
        });
    } catch (error) {
        return segment;
    }
}

function handler(event) {
    var address = event.request.uri.split('/').map(spelt).join('/');
    if (event.response) {
        event.response.headers['cache-control'] = { value: keeping(Number(event.response.statusCode), address) };
        return event.response;
    }
    if (own.test(address)) {
        return {
            statusCode: 404,
            statusDescription: 'Not Found',
            headers: { 'cache-control': { value: 'MISSING' } }
        };
    }
    event.request.uri = address;
    return event.request;
}
";

pub(super) fn write(kinds: &Kinds) -> Result<String, RedirectError> {
    let list =
        |patterns: Vec<String>| patterns.iter().map(|one| literal(one)).collect::<Vec<_>>().join(",\n    ");
    let builds = list(kinds.builds.iter().map(|(pattern, _)| format!("{pattern}[^?]*[^/?]$")).collect());
    let others = list(kinds.others.clone());
    let mut handler = HANDLER.to_owned();
    for (word, value) in [("FAILED", FAILED), ("MISSING", MISSING), ("FOR_EVER", FOR_EVER), ("SHORT", SHORT)]
    {
        handler = handler.replace(word, value);
    }
    let text = format!(
        "// Written by `mirrorkeep export cache-rules --for cloudfront`; for viewer requests and viewer responses.
var builds = [
    {builds}
];
var others = [
    {others}
];
var own = {};
{handler}",
        literal(&kinds.own)
    );
    if text.len() > MOST { Err(RedirectError::TooLong(text.len())) } else { Ok(text) }
}

/// Returns a regular expression as JavaScript has it.
fn literal(pattern: &str) -> String {
    format!("/{}/", pattern.replace('/', "\\/"))
}
