//! The pages of builds that are gone, and lists of them.
//!
//! The page of a build that is gone has the path that the page of the build had. Web servers show it in the place of every
//! file of the build (`export redirects --gone`), so that its links are absolute where the address of the mirror is known.

use super::place::{Place, page as page_of};
use super::view::{Fact, Happened, Link, Page, Prose, class, known_time, text, time};
use crate::model::{BuildId, Outcome, Stream, shell_word};
use crate::ops::site::{GoneFacts, Rank, SiteFacts, SiteFile, Went};
use crate::render::paint::{bytes, count};
use askama::Template;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// How many builds the list of the mirror has; that of a stream has all.
const NEWEST: usize = 100;

#[derive(Template)]
#[template(path = "gone.html")]
struct GonePage {
    page: Page,
    heading: String,
    told: String,
    why: Prose,
    facts: Vec<Fact>,
    instead: Vec<Instead>,
    restored: &'static str,
    restore: String,
    events: Vec<Happened>,
}

struct Instead {
    what: &'static str,
    text: String,
    href: String,
}

#[derive(Template)]
#[template(path = "gone_list.html")]
struct GoneList {
    page: Page,
    heading: String,
    bound: Prose,
    streams: Vec<Link>,
    listed: String,
    rows: Vec<GoneRow>,
}

struct GoneRow {
    href: String,
    name: String,
    result: String,
    class: &'static str,
    at: String,
    why: Prose,
    until: String,
}

/// Returns the page of a build that is gone.
pub(super) fn gone(facts: &SiteFacts, gone: &GoneFacts) -> String {
    let id = &gone.id;
    let at = page_of(id).unwrap_or_default();
    let page = Page::anywhere(facts, &at, &id.stream, id.name.as_str());
    let (told, why) = match &gone.why {
        Went::Pruned if gone.until.is_some() && gone.deleted.is_none() => {
            ("No rule of the policy kept this build any more, and prune moved it to the trash.", "")
        }
        Went::Pruned => ("No rule of the policy kept this build any more, and prune deleted it.", ""),
        Went::Withdrawn(why) => ("This build was withdrawn:", why.as_str()),
        Went::Retired(why) => ("The stream of this build was retired:", why.as_str()),
        Went::Lost => ("This build was found missing; mirrorkeep did not delete it.", ""),
    };
    let mut known = vec![Fact::new("Gone since", time(gone.at))];
    known.push(match (gone.until, gone.deleted) {
        (_, Some(deleted)) => {
            Fact::noted("Can be restored", "no", format!("deleted for good {}", time(deleted)))
        }
        (Some(until), None) => Fact::noted(
            "Can be restored",
            format!("until {}", time(until)),
            "then it can be deleted for good",
        ),
        (None, None) => Fact::new("Can be restored", "no"),
    });
    known.push(Fact::new("Created", known_time(gone.created)));
    known.extend(gone.result.map(|result| Fact::new("Result", result.to_string())));
    known.extend(gone.bytes.map(|size| {
        Fact::noted("Size", bytes(size), gone.files.map(|files| count(files, "file")).unwrap_or_default())
    }));
    let mut instead = Vec::new();
    if let Some(near) = gone.nearest.as_ref().and_then(|near| facts.build(near)) {
        let made =
            near.census.created.map(|created| format!(", created {}", time(created))).unwrap_or_default();
        instead.push(Instead {
            what: "The nearest build of its stream:",
            text: text(&format!("{} ({}{made})", near.id.name, near.census.result)),
            href: page.to_build(&near.id),
        });
    }
    if facts.stream(&id.stream).is_some_and(|stream| !stream.builds.is_empty()) {
        let (text, href) = (text(id.stream.as_str()), page.to_stream(&id.stream));
        instead.push(Instead { what: "All builds of the stream:", text, href });
    } else {
        let (text, href) = (text(&facts.title), page.to_front());
        instead.push(Instead { what: "Its stream has no builds any more; other streams:", text, href });
    }
    // What a person withdrew is not to come back.
    let restorable = gone.until.is_some() && matches!(gone.why, Went::Pruned | Went::Retired(_));
    let made = GonePage {
        heading: text(id.name.as_str()),
        told: told.to_owned(),
        why: Prose::new(text(why)),
        facts: known,
        instead,
        restored: "Until then an administrator of the mirror can restore it:",
        restore: if restorable {
            format!("mirrorkeep restore {}", shell_word(id.to_string().as_ref()))
        } else {
            String::new()
        },
        events: gone.events.iter().map(Happened::of).collect(),
        page,
    };
    // Nothing fails in memory.
    made.render().unwrap_or_default()
}

/// Returns the lists of builds that are gone: one of each stream, and one of the mirror.
pub(super) fn lists(facts: &SiteFacts) -> Vec<SiteFile> {
    let mut by_stream: BTreeMap<&Stream, Vec<&GoneFacts>> = BTreeMap::new();
    for gone in &facts.gone {
        by_stream.entry(&gone.id.stream).or_default().push(gone);
    }
    let mut files = Vec::new();
    let root = Place::root();
    for (stream, gone) in &by_stream {
        let Some(path) = Place::of(stream).gone() else { continue };
        let page = Page::of(facts, &path, Some(stream), Some("Gone builds"));
        files.push(list(path, page, format!("{stream}: gone builds"), Vec::new(), gone, usize::MAX));
    }
    if let Some(path) = root.gone().filter(|_| !facts.gone.is_empty()) {
        let page = Page::of(facts, &path, None, Some("Gone builds"));
        let link = |(stream, gone): (&&Stream, &Vec<&GoneFacts>)| Link {
            text: text(&format!("{stream} ({})", gone.len())),
            href: page.to_gone(Some(stream)),
        };
        let streams = by_stream.iter().map(link).collect();
        let all: Vec<&GoneFacts> = facts.gone.iter().collect();
        files.push(list(path, page, "Gone builds".to_owned(), streams, &all, NEWEST));
    }
    files
}

fn list(
    path: crate::model::RelPath,
    page: Page,
    heading: String,
    streams: Vec<Link>,
    gone: &[&GoneFacts],
    most: usize,
) -> SiteFile {
    let mut newest = gone.to_vec();
    newest.sort_by_key(|one| Reverse((one.at, &one.id)));
    newest.truncate(most);
    let whole = !streams.is_empty();
    let name = |id: &BuildId| if whole { id.to_string() } else { id.name.to_string() };
    let row = |one: &&GoneFacts| GoneRow {
        href: page.to_build(&one.id),
        name: text(&name(&one.id)),
        result: one.result.map(|result| result.to_string()).unwrap_or_default(),
        class: class(one.result.unwrap_or(Outcome::Unknown)),
        at: time(one.at),
        why: Prose::new(match &one.why {
            Went::Pruned => "pruned".to_owned(),
            Went::Withdrawn(why) => text(&format!("withdrawn: {why}")),
            Went::Retired(why) => text(&format!("retired: {why}")),
            Went::Lost => "found missing".to_owned(),
        }),
        until: one.until.map(time).unwrap_or_default(),
    };
    let listed = if newest.len() < gone.len() {
        format!("The last {} of {}", newest.len(), count(gone.len() as u64, "build"))
    } else {
        "Builds".to_owned()
    };
    let list = GoneList {
        heading: text(&heading),
        bound: Prose::new(format!(
            "Builds that were deleted, withdrawn or found missing within {} days, at most the last {} of the mirror; `mirrorkeep log` lists all.",
            crate::ops::site::GONE_DAYS,
            crate::ops::site::GONE_MOST
        )),
        streams,
        listed,
        rows: newest.iter().map(row).collect(),
        page,
    };
    // Nothing fails in memory.
    SiteFile { path, rank: Rank::Stream, text: list.render().unwrap_or_default() }
}
