//! The addresses that caches must drop after an event.
//!
//! A cache keeps a file of a build for a year at an address below that of the build (`docs/decisions/0024-cache-rules.md`),
//! so what came or went there is always named; names and pages are kept for a minute, and are named so that no reader waits
//! that minute.

use super::about::About;
use crate::layout::Layout;
use crate::model::{RelPath, Stream, url_path};
use crate::record::{Details, Event, EventKind, Promotion};

/// Returns the addresses, from the root of the mirror and percent-encoded; with `*` at its end, all that begin so.
pub(super) fn purge(event: &Event, stated: &Details, about: &About, layout: &Layout) -> Vec<String> {
    let mut list = Purge { layout, all: Vec::new() };
    match event.what {
        EventKind::Published
        | EventKind::Adopted
        | EventKind::Pruned
        | EventKind::Trimmed
        | EventKind::Restored
        | EventKind::Lost => {
            if let Some(path) = &about.path {
                list.build(path, about.stream.as_ref());
            }
        }
        EventKind::Aliased | EventKind::Unaliased | EventKind::Materialized => {
            if let Some(path) = &about.path {
                list.name(path, about.stream.as_ref());
            }
        }
        EventKind::Promoted | EventKind::Demoted => {
            if let Some(promotion) = &stated.promotion {
                promotion.members.iter().chain([promotion]).for_each(|one| list.promotion(one));
            }
        }
        // Redirects came or went, for whatever is below the stream.
        EventKind::Retiring | EventKind::Retired | EventKind::Unretired => {
            if let Some(stream) = &about.stream
                && let Ok(path) = layout.stream_path(stream)
            {
                list.also_legacy(&path, Some(stream), "/*");
            }
        }
        EventKind::Configured
        | EventKind::Confirmed
        | EventKind::Labelled
        | EventKind::Held
        | EventKind::Unheld
        | EventKind::Swept
        | EventKind::Waived
        | EventKind::Unwaived => {}
        // Purges of events that are lost are not known.
        EventKind::Recovered => return vec!["/*".to_owned()],
        EventKind::Initialised
        | EventKind::Pinned
        | EventKind::Untagged
        | EventKind::Requested
        | EventKind::Unrequested
        | EventKind::Started
        | EventKind::Ended
        | EventKind::Released
        | EventKind::Branched => return Vec::new(),
    }
    layout.public_dirs().for_each(|dir| list.add(dir, "/*"));
    list.all
}

struct Purge<'a> {
    layout: &'a Layout,
    all: Vec<String>,
}

impl Purge<'_> {
    fn add(&mut self, path: &RelPath, end: &str) {
        let address = format!("{}{end}", url_path(path).trim_end_matches('/'));
        if !self.all.contains(&address) {
            self.all.push(address);
        }
    }

    /// Adds a path, and the same path below each legacy alias of its directories.
    fn also_legacy(&mut self, path: &RelPath, stream: Option<&Stream>, end: &str) {
        self.add(path, end);
        for legacy in stream.map(|stream| self.layout.legacy(stream)).unwrap_or_default() {
            if let Some(below) = path.below(&legacy.target) {
                self.add(&legacy.path.join(&below), end);
            }
        }
    }

    /// Adds what is below a build, and the listing that has it.
    fn build(&mut self, path: &RelPath, stream: Option<&Stream>) {
        self.also_legacy(path, stream, "/*");
        if let Some(dir) = path.parent() {
            self.also_legacy(&dir, stream, "/");
        }
    }

    /// Adds a name, its pointer in a bucket and what is below it; of a bundle, also the links through it.
    fn name(&mut self, path: &RelPath, stream: Option<&Stream>) {
        self.also_legacy(path, stream, "*");
        let bundle = stream.and_then(|stream| self.layout.bundle(stream));
        if let (Some(bundle), Some(dir)) = (bundle.filter(|bundle| bundle.link == path.name()), path.parent())
        {
            for file in &bundle.files {
                if let Ok(file) = dir.child(&file.file) {
                    self.also_legacy(&file, stream, "*");
                }
            }
        }
    }

    fn promotion(&mut self, promotion: &Promotion) {
        for one in &promotion.moves {
            self.name(&one.alias, Some(&promotion.stream));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::events::CloudEvent;
    use serde_json::{Value, json};

    /// Returns the purge list of an event in a mirror with this layout.
    fn purged(layout: &str, what: EventKind, to: &str, details: Value) -> Vec<String> {
        let layout = Layout::load(Layout::shipped(layout).unwrap(), "layout.yaml").unwrap();
        let layout = layout.reserving("pub/status".parse().unwrap(), "site");
        let event = Event::done(what, to, &details);
        let line = CloudEvent::of(&event, "x", &layout).unwrap().line();
        let read: Value = serde_json::from_str(&line).unwrap();
        serde_json::from_value(read["data"]["purge"].clone()).unwrap()
    }

    const PAGES: &str = "/pub/status/*";

    #[test]
    fn a_build_that_came_or_went_takes_what_is_below_it_along() {
        for what in [
            EventKind::Published,
            EventKind::Adopted,
            EventKind::Pruned,
            EventKind::Trimmed,
            EventKind::Restored,
            EventKind::Lost,
        ] {
            let all = purged("generic", what, "feature/a+b/debian/20181205T060000Z", json!({}));
            let build = "/feature/a%2Bb/debian/20181205T060000Z/*";
            assert_eq!(all, [build, "/feature/a%2Bb/debian/", PAGES], "{what:?}");
        }
        let id = "release/2018.10/centos/20181205T060000Z";
        let legacy = "/r2018.10/centos/20181205T060000Z/*";
        let all = purged("starlingx", EventKind::Pruned, id, json!({}));
        assert_eq!(
            all,
            [&format!("/{id}/*"), legacy, "/release/2018.10/centos/", "/r2018.10/centos/", PAGES]
        );
        // In a layout whose builds are in the middle of a path.
        let all = purged(
            "starlingx-debian",
            EventKind::Lost,
            "release/debian/trixie/amd64/monolithic/12.0",
            json!({}),
        );
        let build = "/release/12.0/debian/trixie/amd64/monolithic";
        assert_eq!(all, [&format!("{build}/*"), "/release/12.0/debian/trixie/amd64/", PAGES]);
    }

    #[test]
    fn a_name_that_moved_takes_its_pointer_and_its_links_along() {
        for what in [EventKind::Aliased, EventKind::Unaliased, EventKind::Materialized] {
            let all = purged("generic", what, "main/a *?#é", json!({"to": "main/20181205T060000Z"}));
            assert_eq!(all, ["/main/a%20%2A%3F%23%C3%A9*", PAGES], "{what:?}");
        }
        let all = purged("rdo-trunk", EventKind::Aliased, "centos9-master/current-tripleo/bundle", json!({}));
        let at = "/centos9-master/current-tripleo";
        // The second name of a worker is a legacy alias with a name of its own.
        assert!(
            all.contains(&format!("{at}/bundle*")) && all.contains(&format!("{at}/delorean.repo*")),
            "{all:?}"
        );
        assert!(all.contains(&format!("{at}/versions.csv*")), "{all:?}");
    }

    #[test]
    fn a_promotion_has_every_name_that_it_moved() {
        let one = |stream: &str, members: Value| {
            json!({
                "name": "stable", "stream": stream, "build": null, "before": null, "commands": [], "members": members,
                "moves": [{"alias": format!("{stream}/stable"), "from": null, "to": null}],
                "pipeline": format!("sha256:{}", "0".repeat(64)),
            })
        };
        let promotion = one("main/a", json!([one("main/b", json!([]))]));
        let all = purged("generic", EventKind::Promoted, "main/a/stable", json!({"promotion": promotion}));
        assert_eq!(all, ["/main/b/stable*", "/main/a/stable*", PAGES]);
    }

    #[test]
    fn lost_events_take_everything_along_and_runs_nothing() {
        assert_eq!(purged("generic", EventKind::Recovered, "", json!({"missing": [[1, 2]]})), ["/*"]);
        let id = "main/20181205T060000Z";
        assert_eq!(purged("generic", EventKind::Labelled, id, json!({"labels": {"a": "b"}})), [PAGES]);
        assert!(purged("generic", EventKind::Started, "main", json!({})).is_empty());
        // Every kind has an answer, also if its line states nothing.
        for what in EventKind::ALL {
            purged("generic", what, "not/a/build", json!({}));
        }
    }
}
