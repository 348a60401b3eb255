//! What happened last, as an Atom feed (RFC 4287).

use super::place::{Place, page};
use crate::model::{BuildId, RelPath, Stamp, url_name, url_path};
use crate::ops::site::{SiteEvent, SiteFacts, StreamFacts};
use crate::render::sentence;
use quick_xml::escape::escape;
use std::collections::HashMap;
use std::fmt::Write;

/// How every feed begins.
pub(super) const HEAD: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\">\n  <generator uri=\"https://github.com/mirrorkeep\">mirrorkeep</generator>\n";

/// Returns the path of each build that is there.
pub(super) fn there(facts: &SiteFacts) -> HashMap<&BuildId, &RelPath> {
    facts
        .streams
        .iter()
        .flat_map(|stream| stream.builds.iter().map(|build| (&build.id, &build.path)))
        .collect()
}

/// Returns the feed of a stream, or of the whole mirror.
pub(super) fn feed(
    facts: &SiteFacts,
    stream: Option<&StreamFacts>,
    there: &HashMap<&BuildId, &RelPath>,
) -> String {
    let events = stream.map_or(&facts.events, |stream| &stream.events);
    let (id, title) = match stream {
        None => (source(facts, ""), facts.title.clone()),
        Some(stream) => {
            let stream = &stream.status.stream;
            (
                source(facts, &format!("?stream={}", url_name(stream.as_str()))),
                format!("{}: {stream}", facts.title),
            )
        }
    };
    let place = stream.map_or_else(Place::root, |stream| Place::of(&stream.status.stream));
    let home = stream.map_or_else(RelPath::root, |stream| stream.path.clone());
    let mut text = HEAD.to_owned();
    element(&mut text, "  ", "id", &id);
    element(&mut text, "  ", "title", &title);
    element(&mut text, "  ", "updated", &updated(stream, events).iso());
    text += "  <author><name>mirrorkeep</name></author>\n";
    if let Some(own) = place.feed().and_then(|feed| address(facts, &facts.path.join(&feed))) {
        writeln!(text, "  <link rel=\"self\" type=\"application/atom+xml\" href=\"{}\"/>", plain(&own)).ok();
    }
    if let Some(home) = address(facts, &home) {
        writeln!(text, "  <link rel=\"alternate\" href=\"{}/\"/>", plain(home.trim_end_matches('/'))).ok();
    }
    for SiteEvent { event, build } in events {
        text += "  <entry>\n";
        element(&mut text, "    ", "id", &source(facts, &format!("/{}", event.seq)));
        let sentence = sentence(event);
        element(&mut text, "    ", "title", &sentence);
        element(&mut text, "    ", "updated", &event.at.iso());
        if let Some(link) = build.as_ref().and_then(|id| link(facts, id, there)) {
            writeln!(text, "    <link rel=\"alternate\" href=\"{}\"/>", plain(&link)).ok();
        }
        writeln!(text, "    <content type=\"text\">{}</content>", plain(&sentence)).ok();
        text += "  </entry>\n";
    }
    text + "</feed>\n"
}

/// Returns the public address of a build; of one that is gone, that of its page.
fn link(facts: &SiteFacts, id: &BuildId, there: &HashMap<&BuildId, &RelPath>) -> Option<String> {
    if let Some(path) = there.get(id) {
        return address(facts, path).map(|address| format!("{address}/"));
    }
    facts.gone.binary_search_by(|gone| gone.id.cmp(id)).ok()?;
    address(facts, &facts.path.join(&page(id)?))
}

/// Returns when the feed changed last: with its newest event, or before any with the newest build.
fn updated(stream: Option<&StreamFacts>, events: &[SiteEvent]) -> Stamp {
    let built =
        || stream?.builds.iter().filter_map(|build| build.census.published.or(build.census.created)).max();
    let newest = events.iter().map(|one| one.event.at).max();
    newest.or_else(built).or_else(|| Stamp::from_unix(0)).unwrap_or_default()
}

/// Returns a name for something of this mirror in the whole world, as events have it.
fn source(facts: &SiteFacts, what: &str) -> String {
    format!("mirrorkeep:{}{what}", url_name(&facts.mirror))
}

/// Returns the public address of something in the mirror.
fn address(facts: &SiteFacts, path: &RelPath) -> Option<String> {
    facts.address.as_ref().map(|url| format!("{url}{}", url_path(path)))
}

fn element(text: &mut String, indent: &str, name: &str, value: &str) {
    // A text grows without fail.
    writeln!(text, "{indent}<{name}>{}</{name}>", plain(value)).ok();
}

/// Returns a text as XML holds it.
fn plain(text: &str) -> String {
    let text = crate::model::shown(text);
    escape(text.replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}").as_str()).into_owned()
}
