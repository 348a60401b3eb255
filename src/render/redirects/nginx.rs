//! Redirects of nginx.
//!
//! A location is chosen by the decoded path. What lies below the name is taken from the request as it came, so that
//! nothing is decoded and written out again: no name can smuggle a line into the answer. Nothing in nginx quotes a
//! dollar sign outside of a location, so that targets are written as in a URL.

use crate::model::RelPath;
use crate::model::{quoted, url_path};
use crate::render::redirects::{Away, CACHE, Gone, Redirect};

pub(super) fn write(names: &[Redirect]) -> String {
    let head = "# Written by `mirrorkeep export redirects --for nginx`; include it in a server block.\n";
    names.iter().fold(head.to_owned(), |text, name| text + &one(name))
}

/// Sends what is below each path to another server.
pub(super) fn away(paths: &[Away]) -> String {
    paths.iter().map(|away| sent(&away.from, &away.to, if away.for_good { 301 } else { 302 })).collect()
}

fn one(name: &Redirect) -> String {
    sent(&name.from, url_path(&name.to).trim_end_matches('/'), 302)
}

fn sent(path: &RelPath, to: &str, status: u16) -> String {
    let from = format!("/{}", path.as_str());
    let (exact, below) = (quoted(&from), quoted(&format!("{from}/")));
    let depth = path.depth();
    format!(
        "
location = {exact} {{
    absolute_redirect off;
    add_header Cache-Control \"{CACHE}\";
    return {status} \"{to}/$is_args$args\";
}}
location ^~ {below} {{
    absolute_redirect off;
    add_header Cache-Control \"{CACHE}\";
    if ($request_uri ~ \"^(?:/+[^/?]+){{{depth}}}/+([^?]*)\") {{
        return {status} \"{to}/$1$is_args$args\";
    }}
    return {status} \"{to}/\";
}}
"
    )
}

/// Answers 410 for what lay below a build. The page is a decoded path, in which nothing quotes a dollar sign or a question
/// mark: with one of them there is no page.
pub(super) fn gone(builds: &[Gone]) -> String {
    let one = |text: String, gone: &Gone| {
        let at = format!("/{}", gone.at.as_str());
        let page = Some(format!("/{}", gone.page.as_str())).filter(|page| !page.contains(['$', '?']));
        let page = page.map(|page| format!("    error_page 410 {};\n", quoted(&page))).unwrap_or_default();
        let (exact, below) = (quoted(&at), quoted(&format!("{at}/")));
        text + &format!(
            "\nlocation = {exact} {{\n{page}    return 410;\n}}\nlocation ^~ {below} {{\n{page}    return 410;\n}}\n"
        )
    };
    builds.iter().fold(String::new(), one)
}
