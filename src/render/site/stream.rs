//! The page of a stream, and the pages of its months.

use super::chart::{calendar, drawn, sizes};
use super::place::{Place, month};
use super::view::{Fact, Link, Page, Row, day, text, time};
use crate::decide::Fate;
use crate::model::{BuildId, RelPath};
use crate::ops::site::{BuildFacts, Rank, SiteFacts, SiteFile, StreamFacts};
use crate::render::paint::{bytes, count};
use askama::Template;
use std::collections::BTreeMap;

/// How many builds the page of a stream lists; with more there is a page for each month.
const NEWEST: usize = 100;

/// For how many seconds one looks ahead.
const AHEAD: i64 = 14 * 86_400;

#[derive(Template)]
#[template(path = "stream.html")]
struct StreamPage {
    page: Page,
    heading: String,
    facts: Vec<Fact>,
    names: Vec<Named>,
    calendar: String,
    sizes: String,
    sized: String,
    day: String,
    expiring: Vec<Expiring>,
    links: Vec<Link>,
    rows: Vec<Row>,
    months: Vec<Link>,
}

struct Named {
    text: String,
    href: String,
    build: String,
    build_href: String,
}

struct Expiring {
    text: String,
    href: String,
    until: String,
}

/// Returns the pages of a stream.
pub(super) fn pages(facts: &SiteFacts, stream: &StreamFacts) -> Vec<SiteFile> {
    let place = Place::of(&stream.status.stream);
    let mut months: BTreeMap<String, Vec<&BuildFacts>> = BTreeMap::new();
    if stream.builds.len() > NEWEST {
        for build in &stream.builds {
            months.entry(month(build.census.created)).or_default().push(build);
        }
    }
    let mut files = Vec::new();
    for (name, builds) in &months {
        let Some(path) = place.month(name) else { continue };
        let page = Page::of(facts, &path, Some(&stream.status.stream), Some(name));
        let heading = format!("{}: {name}", stream.status.stream);
        let rows = builds.iter().map(|build| Row::of(&page, build)).collect();
        let known = vec![Fact::new("Builds", builds.len().to_string())];
        files.push(SiteFile {
            path,
            rank: Rank::Stream,
            text: StreamPage::of(page, &heading, known, rows).text(),
        });
    }
    if let Some(path) = place.page() {
        let text = newest(facts, stream, &path, &months);
        files.push(SiteFile { path, rank: Rank::Stream, text });
    }
    files
}

fn newest(
    facts: &SiteFacts,
    stream: &StreamFacts,
    path: &RelPath,
    months: &BTreeMap<String, Vec<&BuildFacts>>,
) -> String {
    let (status, page) = (&stream.status, Page::of(facts, path, Some(&stream.status.stream), None));
    let good = status.newest_success.as_ref();
    let mut known = vec![Fact::noted("Builds", status.builds.to_string(), bytes(status.bytes))];
    known.push(match good {
        Some(good) => Fact::noted(
            "Newest success",
            text(good.build.as_str()),
            good.created.map(time).unwrap_or_default(),
        ),
        None => Fact::new("Newest success", "none"),
    });
    known.extend(
        status
            .last
            .as_ref()
            .map(|last| Fact::noted("Last build", last.result.to_string(), text(last.build.as_str()))),
    );
    known.extend(status.due.map(|due| Fact::new("Due with the next prune", due.to_string())));
    let names = stream.builds.iter().flat_map(|build| build.names.iter().map(move |name| (name, &build.id)));
    let named = |(name, id): (&RelPath, &BuildId)| Named {
        text: text(name.as_str()),
        href: page.to_dir(name),
        build: text(id.name.as_str()),
        build_href: page.to_build(id),
    };
    let ahead = |build: &BuildFacts| {
        let verdict = build.verdict.as_ref().filter(|verdict| verdict.fate == Fate::Keep)?;
        let until = verdict.kept_until.filter(|until| until.since(facts.day) <= AHEAD)?;
        let (href, name) = (page.to_build(&build.id), text(build.id.name.as_str()));
        Some((until, Expiring { text: name, href, until: time(until) }))
    };
    let mut expiring: Vec<_> = stream.builds.iter().filter_map(ahead).collect();
    expiring.sort_by_key(|(until, _)| *until);
    let place = Place::of(&status.stream);
    let link = |(name, builds): (&String, &Vec<&BuildFacts>)| {
        let href = page.to(&facts.path.join(&place.month(name)?));
        Some(Link { text: format!("{name} ({})", count(builds.len() as u64, "build")), href })
    };
    let (mut names, months): (Vec<Named>, Vec<Link>) =
        (names.map(named).collect(), months.iter().rev().filter_map(link).collect());
    names.sort_by(|a, b| a.text.cmp(&b.text));
    let mut links = Vec::new();
    if facts.stages.iter().any(|stage| stage.view.status.stream == status.stream) {
        links.push(Link { text: "Stages of this stream".to_owned(), href: page.to_stages(&status.stream) });
    }
    let gone = facts.gone.partition_point(|gone| gone.id.stream < status.stream);
    let gone = facts.gone.iter().skip(gone).take_while(|gone| gone.id.stream == status.stream).count();
    if gone > 0 {
        let text = format!("Builds that are gone: {gone}");
        links.push(Link { text, href: page.to_gone(Some(&status.stream)) });
    }
    let rows = stream.builds.iter().take(NEWEST).map(|build| Row::of(&page, build)).collect();
    StreamPage {
        names,
        links,
        months,
        calendar: calendar(&stream.builds, facts.day),
        sizes: sizes(&stream.builds, facts.day),
        sized: count(drawn(&stream.builds, facts.day) as u64, "build"),
        day: day(facts.day),
        expiring: expiring.into_iter().map(|(_, one)| one).collect(),
        ..StreamPage::of(page, status.stream.as_str(), known, rows)
    }
    .text()
}

impl StreamPage {
    fn of(page: Page, heading: &str, facts: Vec<Fact>, rows: Vec<Row>) -> Self {
        Self {
            page,
            heading: text(heading),
            facts,
            names: Vec::new(),
            calendar: String::new(),
            sizes: String::new(),
            sized: String::new(),
            day: String::new(),
            expiring: Vec::new(),
            links: Vec::new(),
            rows,
            months: Vec::new(),
        }
    }

    fn text(&self) -> String {
        // Nothing fails in memory.
        self.render().unwrap_or_default()
    }
}
