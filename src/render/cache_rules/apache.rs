//! Rules of Apache: a variable of the request by its first line, in which the address is as it came.

use super::{FAILED, FOR_EVER, Kinds, MISSING, SHORT};
use std::fmt::Write;

const HEAD: &str = "\
# Written by `mirrorkeep export cache-rules --for apache`: how long caches keep what is served. Include it at the end of a
# virtual host; it needs the modules alias, headers and setenvif (`a2enmod headers` on Debian).
RedirectMatch 404 \"(^|/)\\.mirrorkeep(/|$)\"
";

pub(super) fn write(kinds: &Kinds) -> String {
    let mut text = HEAD.to_owned();
    let mut line = |pattern: &str, sets: &str| {
        // Writing to a text cannot fail.
        writeln!(text, "SetEnvIfExpr \"%{{THE_REQUEST}} =~ m#{pattern}#\" {sets}mirrorkeep_kept").ok();
    };
    for (pattern, _) in &kinds.builds {
        line(&format!("{}[^? ]*[^/? ](?:\\?[^ ]*)? HTTP/", whole(pattern)), "");
    }
    for pattern in &kinds.others {
        // The address ends with a space.
        line(&whole(&pattern.replace("|$)", "| )")), "!");
    }
    text + &format!(
        "Header set Cache-Control \"{SHORT}\" \"expr=%{{REQUEST_STATUS}} -lt 300 || %{{REQUEST_STATUS}} -eq 304\"
Header always set Cache-Control \"{SHORT}\" \"expr=%{{REQUEST_STATUS}} in {{'301', '302', '303', '307', '308'}}\"
Header set Cache-Control \"{FOR_EVER}\" \"expr=reqenv('mirrorkeep_kept') == '1' && %{{REQUEST_STATUS}} in {{'200', '206', '304'}}\"
Header always set Cache-Control \"{MISSING}\" \"expr=%{{REQUEST_STATUS}} -ge 400 && %{{REQUEST_STATUS}} -lt 500\"
Header always set Cache-Control \"{FAILED}\" \"expr=%{{REQUEST_STATUS}} -ge 500\"
# What changes at its address has no ETag of size and time: two builds may have the same.
Header unset ETag env=!mirrorkeep_kept
Header unset Last-Modified env=!mirrorkeep_kept
RequestHeader unset If-None-Match env=!mirrorkeep_kept
RequestHeader unset If-Modified-Since env=!mirrorkeep_kept
"
    )
}

/// Returns an expression over the first line of a request for one over the address.
fn whole(pattern: &str) -> String {
    pattern.strip_prefix('^').map_or_else(|| pattern.to_owned(), |rest| format!("^[A-Z]+ {rest}"))
}
