//! Maps of nginx: its variables for headers, by the address as it came.
//!
//! `add_header` with an empty value takes these fields out of an answer.

use super::{FAILED, FOR_EVER, Kinds, MISSING, SHORT};
use crate::model::quoted;
use std::fmt::Write;

const HEAD: &str = "\
# Written by `mirrorkeep export cache-rules --for nginx`: how long caches keep what is served. Include it in the http block,
# such as in /etc/nginx/conf.d, and put these lines in the server block, in place of another Cache-Control:
#     if ($mirrorkeep_own) { return 404; }
#     add_header Cache-Control $mirrorkeep_cache always;
#     add_header ETag $mirrorkeep_etag;
#     add_header Last-Modified $mirrorkeep_modified;
";

pub(super) fn write(kinds: &Kinds) -> String {
    let mut text = format!("{HEAD}map $request_uri $mirrorkeep_kept {{\n    default 0;\n");
    let mut line = |pattern: &str, kept: u8| {
        // Writing to a text cannot fail.
        writeln!(text, "    {} {kept};", quoted(&format!("~{pattern}"))).ok();
    };
    kinds.others.iter().for_each(|pattern| line(pattern, 0));
    kinds.builds.iter().for_each(|(pattern, _)| line(&format!("{pattern}[^?]*[^/?](?:\\?|$)"), 1));
    text + &format!(
        "}}
map $status:$mirrorkeep_kept $mirrorkeep_cache {{
    default \"{SHORT}\";
    \"~^(200|206|304):1$\" \"{FOR_EVER}\";
    \"~^4\" \"{MISSING}\";
    \"~^5\" \"{FAILED}\";
}}
# What changes at its address has no ETag of size and time: two builds may have the same.
map $mirrorkeep_kept $mirrorkeep_etag {{ default \"\"; 1 $sent_http_etag; }}
map $mirrorkeep_kept $mirrorkeep_modified {{ default \"\"; 1 $sent_http_last_modified; }}
map $uri $mirrorkeep_own {{ default 0; \"~(^|/)\\\\.mirrorkeep(/|$)\" 1; }}
"
    )
}
