//! Subroutines in the VCL of Fastly.
//!
//! Long strings are used for expressions, since in others `%` has a meaning. No expression has a quote.

use super::{FAILED, FOR_EVER, Kinds, MISSING, SHORT};
use std::fmt::Write;

pub(super) fn write(kinds: &Kinds) -> String {
    let mut text = format!(
        "# Written by `mirrorkeep export cache-rules --for fastly-vcl`: how long Fastly and others keep what is served. Make it a
# snippet of the type `init`, and call these: `call mirrorkeep_recv;` in vcl_recv, `call mirrorkeep_fetch;` in vcl_fetch.
sub mirrorkeep_recv {{
    if (req.url ~ {{\"{own}\"}}) {{
        error 404 \"Not Found\";
    }}
}}

sub mirrorkeep_fetch {{
    set beresp.http.Cache-Control = \"{SHORT}\";
    set beresp.http.Surrogate-Key = \"mirrorkeep\";
    set beresp.ttl = 60s;
    set beresp.stale_while_revalidate = 60s;
    if (beresp.status >= 500) {{
        set beresp.http.Cache-Control = \"{FAILED}\";
        set beresp.ttl = 0s;
        set beresp.stale_while_revalidate = 0s;
    }} else if (beresp.status >= 400) {{
        set beresp.http.Cache-Control = \"{MISSING}\";
        set beresp.ttl = 10s;
        set beresp.stale_while_revalidate = 0s;
    }} else if (beresp.status == 200 || beresp.status == 206 || beresp.status == 304) {{
        # The key of a build is its address, as in the purge lists of events.
",
        own = kinds.own
    );
    let mut word = "if";
    let mut case = |pattern: &str, then: &str| {
        // Writing to a text cannot fail.
        writeln!(text, "        {word} (req.url ~ {{\"{pattern}\"}}) {{\n{then}        }}").ok();
        word = "else if";
    };
    for pattern in &kinds.others {
        case(pattern, "            # It may change.\n");
    }
    for (pattern, depth) in &kinds.builds {
        let then = format!(
            "            set beresp.http.Cache-Control = \"{FOR_EVER}\";
            set beresp.http.Surrogate-Key = regsub(req.url, {{\"^((?:/[^/?]+){{{depth}}}).*$\"}}, {{\"\\1\"}});
            set beresp.ttl = 31536000s;
            set beresp.stale_while_revalidate = 0s;
"
        );
        case(&format!("{pattern}[^?]*[^/?](?:\\?|$)"), &then);
    }
    text + "    }\n}\n"
}
