//! The files of a site: pages for people, indexes and feeds for programs.
//!
//! Each is a pure function of what is known of the mirror, and knows no time but the day, so that the same mirror has the
//! same bytes. The templates are in `templates/`; all but the charts, which have numbers and dates only, is escaped there.

mod build;
mod chart;
mod feed;
mod front;
mod gone;
mod place;
mod stages;
mod stream;
mod view;

use crate::model::{BuildId, Digest, RelPath};
use crate::ops::site::{
    BuildFacts, Details, GoneFacts, Pages, Rank, Shown, SiteFacts, SiteFile, SiteIndex, StreamFacts,
    StreamIndex,
};
use feed::feed;
use place::Place;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::HashSet;

/// The files of a site.
#[derive(Debug, Clone, Copy)]
pub struct SitePages;

/// How every page begins.
const PAGE: &str = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"generator\" content=\"mirrorkeep\">\n";

/// What pages load, by name.
const ASSETS: [(&str, &str); 3] = [
    ("style.css", include_str!("../../../templates/style.css")),
    ("table.js", include_str!("../../../templates/table.js")),
    ("icon.svg", include_str!("../../../templates/icon.svg")),
];

/// How every file that pages load begins; a drawing has another form of the same.
const ASSET: &str = "/* Written by mirrorkeep */";
const DRAWING: &str = "<!-- Written by mirrorkeep -->";

/// What changes with every other form of the pages of builds.
const FORM: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    include_str!("../../../templates/base.html"),
    include_str!("../../../templates/build.html"),
    include_str!("../../../templates/files.html"),
    include_str!("../../../templates/file_rows.html"),
    include_str!("../../../templates/event_rows.html")
);

/// How every index begins.
const INDEX: &str = "{\"index\":1,";

impl Pages for SitePages {
    fn files(&self, facts: &SiteFacts) -> Vec<SiteFile> {
        let there = feed::there(facts);
        // Most of the work, and each stream by itself.
        let of_stream = |stream: &StreamFacts| {
            let place = Place::of(&stream.status.stream);
            let index = (place.index(), json(&StreamIndex::of(facts, stream)));
            let feed = (place.feed(), feed(facts, Some(stream), &there));
            // A path that is too long for a store has no file.
            let others = [index, feed]
                .into_iter()
                .filter_map(|(path, text)| Some(SiteFile { path: path?, rank: Rank::Stream, text }));
            stream::pages(facts, stream).into_iter().chain(others).collect::<Vec<_>>()
        };
        let mut files: Vec<SiteFile> = facts.streams.par_iter().flat_map_iter(of_stream).collect();
        files.extend(stages::pages(facts));
        files.extend(gone::lists(facts));
        let mut add = |path: Option<_>, rank, text: String| {
            files.extend(path.map(|path| SiteFile { path, rank, text }));
        };
        for (name, text) in ASSETS {
            add(name.parse().ok(), Rank::Asset, text.to_owned());
        }
        let front = Place::root().page();
        let text = front.as_ref().map(|path| front::front(facts, path)).unwrap_or_default();
        add(front, Rank::Front, text);
        add(Place::root().feed(), Rank::Front, feed(facts, None, &there));
        // Of two files of which one is below the other, the upper one is written.
        let there: HashSet<RelPath> = files.iter().map(|file| file.path.clone()).collect();
        let written =
            |path: Option<RelPath>| path.filter(|path| !path.ancestors().any(|dir| there.contains(&dir)));
        let paths = |stream: &StreamFacts| {
            let place = Place::of(&stream.status.stream);
            [place.index(), place.feed()].map(written)
        };
        let index = json(&SiteIndex::of(facts, paths));
        files.extend(Place::root().index().map(|path| SiteFile { path, rank: Rank::Front, text: index }));
        files
    }

    fn front(&self) -> Option<RelPath> {
        Place::root().page()
    }

    fn page(&self, id: &BuildId) -> Option<RelPath> {
        place::page(id)
    }

    fn input(&self, facts: &SiteFacts, build: Shown<'_>, more: usize) -> Digest {
        build::input(facts, build, more, FORM)
    }

    fn more(&self, build: &BuildFacts) -> Vec<RelPath> {
        build::more(build)
    }

    fn build(&self, facts: &SiteFacts, build: Shown<'_>, details: &Details, more: &[RelPath]) -> Vec<String> {
        build::build(facts, build, details, more)
    }

    fn gone(&self, facts: &SiteFacts, gone: &GoneFacts) -> String {
        gone::gone(facts, gone)
    }

    fn is_ours(&self, name: &str, bytes: &[u8]) -> bool {
        match name.rsplit_once('.').map(|(_, ending)| ending) {
            Some("html") => bytes.starts_with(PAGE.as_bytes()),
            Some("svg") => bytes.starts_with(DRAWING.as_bytes()),
            Some("css" | "js") => bytes.starts_with(ASSET.as_bytes()),
            Some("json") => bytes.starts_with(INDEX.as_bytes()),
            Some("atom") => bytes.starts_with(feed::HEAD.as_bytes()),
            _ => false,
        }
    }
}

/// Returns an index as JSON with one stream or build a line, so that a tool for lines can read it, too.
fn json(index: &impl Serialize) -> String {
    // Plain data.
    let text = serde_json::to_string(index).unwrap_or_default();
    let lines = ["[{\"id\":", "[{\"stream\":", "},{\"id\":", "},{\"stream\":"];
    let mut text = lines.iter().fold(text, |text, start| {
        let (before, item) = start.split_at(start.len() - start.trim_start_matches(['[', '}', ',']).len());
        text.replace(start, &format!("{before}\n{item}"))
    });
    text.push('\n');
    text
}
