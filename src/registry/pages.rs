//! The tags of a repository, page by page.
//!
//! Some registries name the next page, some expect the last known tag, and some ignore both and answer with every tag
//! at once. So pages are requested until one has nothing new. The number of pages and tags is limited.

use super::api::{Api, Right};
use super::error::{Act, RegistryError};
use super::wire::{Answer, Ask};
use crate::model::registry::{Reference, Repository};
use reqwest::header::LINK;
use reqwest::{Method, Url};
use serde::Deserialize;
use std::collections::BTreeSet;

/// The default number of tags on a page.
const PAGE: &str = "1000";

/// The maximum size of a page, in bytes.
const LARGEST: u64 = 4 << 20;

/// The maximum number of tags of a repository.
const MOST: usize = 1_000_000;

/// The maximum number of pages of a repository.
const MOST_PAGES: usize = 10_000;

#[derive(Deserialize)]
struct Page {
    tags: Option<Vec<String>>,
}

impl Api {
    /// Returns every tag of a repository, sorted; none if there is no such repository.
    pub(super) async fn tags(&self, repository: &Repository) -> Result<BTreeSet<String>, RegistryError> {
        let act = Act::new("list the tags of", repository, repository.host().name());
        let first = Self::url(repository, "tags/list", &act)?;
        let after = |last: Option<&str>| {
            let mut url = first.clone();
            url.query_pairs_mut().append_pair("n", PAGE).extend_pairs(last.map(|last| ("last", last)));
            url
        };
        let (mut found, mut url, mut asked) = (BTreeSet::new(), after(None), BTreeSet::new());
        loop {
            asked.insert(url.clone());
            let ask = Ask { limit: LARGEST, ..Ask::new(act.clone(), Method::GET, url.clone()) };
            let answer = self.send(&Self::claim(repository, Right::Pull), ask).await?;
            if answer.status == 404 && asked.len() > 1 {
                return Err(act.unsound("a page of its tags is missing"));
            }
            if answer.status == 404 {
                self.is_registry(repository.host(), &act, &answer).await?;
                break;
            }
            if !answer.status.is_success() {
                return Err(answer.refused(&act));
            }
            let tags = read(repository, &answer, &act)?;
            let (known, last) = (found.len(), tags.last().cloned());
            found.extend(tags);
            if found.len() > MOST {
                return Err(act.unsound(format!("it has more than {MOST} tags")));
            }
            let mut links = answer.headers.get_all(LINK).iter().filter_map(|link| link.to_str().ok());
            url = match (links.find_map(next_page), last) {
                // A page with only hidden tags is not the last one.
                (Some(next), _) => {
                    let next = joined(&url, &next, &act)?;
                    // The same page twice would never end, and the rest would not be seen.
                    if asked.contains(&next) {
                        return Err(act.unsound("the registry names a page of tags again as the next one"));
                    }
                    next
                }
                (None, Some(last)) if found.len() > known => {
                    let next = after(Some(&last));
                    // The registry answers with every tag at once, and one of them was added in the meantime.
                    if asked.contains(&next) {
                        break;
                    }
                    next
                }
                _ => break,
            };
            if asked.len() > MOST_PAGES {
                return Err(act.unsound(format!("its tags have more than {MOST_PAGES} pages")));
            }
        }
        Ok(found)
    }
}

/// Returns the address of the next page, always at the registry itself: behind a proxy it may name itself by another
/// scheme or host.
fn joined(url: &Url, next: &str, act: &Act) -> Result<Url, RegistryError> {
    let next = url.join(next).map_err(|_| act.unsound("the registry names no address for the next page"))?;
    let mut url = url.clone();
    url.set_path(next.path());
    url.set_query(next.query());
    Ok(url)
}

/// Parses a page; a tag that no request can name is an error, since it may point to a digest that is to be deleted.
fn read(repository: &Repository, answer: &Answer, act: &Act) -> Result<Vec<String>, RegistryError> {
    let page: Page = serde_json::from_slice(&answer.body)
        .map_err(|_| act.unsound("the registry answered something else than a list of tags"))?;
    let tags = page.tags.unwrap_or_default();
    let known = |tag: &String| matches!(repository.tagged(tag), Ok(image) if image.reference == Reference::Tag(tag.clone()));
    match tags.iter().find(|tag| !known(tag)) {
        Some(strange) => {
            let start: String = strange.chars().take(200).collect();
            Err(act
                .unsound(format!("the registry lists `{}`, which is not a tag", crate::model::shown(&start))))
        }
        None => Ok(tags),
    }
}

/// Returns the address of the next page from a `Link` header, such as `</v2/a/tags/list?last=b>; rel="next"`.
pub fn next_page(link: &str) -> Option<String> {
    let mut rest = link;
    loop {
        let (_, after) = rest.split_once('<')?;
        let (target, after) = after.split_once('>')?;
        let end = after.find(",<").or_else(|| after.find(", <")).unwrap_or(after.len());
        let (params, more) = after.split_at(end);
        let next = params.split(';').filter_map(|param| param.split_once('=')).any(|(name, value)| {
            let kinds = value.trim().trim_matches('"');
            name.trim().eq_ignore_ascii_case("rel")
                && kinds.split(' ').any(|kind| kind.eq_ignore_ascii_case("next"))
        });
        if next {
            return Some(target.to_owned());
        }
        rest = more;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_among_links() {
        let case = |link: &str, next: Option<&str>| assert_eq!(next_page(link).as_deref(), next, "{link}");
        case(r#"</v2/a/tags/list?last=b&n=2>; rel="next""#, Some("/v2/a/tags/list?last=b&n=2"));
        case("<x>; rel=next", Some("x"));
        case(r#"<a,b>; rel="prev", <c>; title="x"; rel="last NEXT""#, Some("c"));
        case(r#"<a>; rel="prev""#, None);
        case("a; rel=next", None);
        case("<a; rel=next", None);
        case("", None);
    }
}
