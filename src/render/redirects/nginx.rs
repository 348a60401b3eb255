//! Redirects of nginx.
//!
//! A location is chosen by the decoded path. What lies below the name is taken from the request as it came, so that
//! nothing is decoded and written out again: no name can smuggle a line into the answer. Nothing in nginx quotes a
//! dollar sign outside of a location, so that targets are written as in a URL.

use crate::model::{quoted, url_path};
use crate::render::redirects::{CACHE, Gone, Redirect};

pub(super) fn write(names: &[Redirect]) -> String {
    let head = "# Written by `mirrorkeep export redirects --for nginx`; include it in a server block.\n";
    names.iter().fold(head.to_owned(), |text, name| text + &one(name))
}

fn one(name: &Redirect) -> String {
    let (from, to) = (format!("/{}", name.from.as_str()), url_path(&name.to));
    let to = to.trim_end_matches('/');
    let (exact, below) = (quoted(&from), quoted(&format!("{from}/")));
    let depth = name.from.depth();
    format!(
        "
location = {exact} {{
    absolute_redirect off;
    add_header Cache-Control \"{CACHE}\";
    return 302 \"{to}/$is_args$args\";
}}
location ^~ {below} {{
    absolute_redirect off;
    add_header Cache-Control \"{CACHE}\";
    if ($request_uri ~ \"^(?:/+[^/?]+){{{depth}}}/+([^?]*)\") {{
        return 302 \"{to}/$1$is_args$args\";
    }}
    return 302 \"{to}/\";
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
