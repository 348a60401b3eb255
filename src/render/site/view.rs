//! What pages have in common: their frame, links, rows of builds and texts of others.

use super::place::{Place, page};
use crate::census::BuildCensus;
use crate::decide::{Fate, Verdict};
use crate::model::{BuildId, Outcome, RelPath, Stamp, Stream, VOTE, shown, url_link, url_path};
use crate::ops::site::{BuildFacts, SiteFacts};
use crate::record::Event;
use crate::render::paint::{bytes, count};
use crate::render::sentence;
use askama::filters::{Html, HtmlSafe, escape};
use std::fmt;

/// The frame of a page.
pub(super) struct Page {
    pub(super) title: String,
    /// What leads to the root of the site: nothing, `../` for each directory, or an absolute path.
    pub(super) root: String,
    pub(super) crumbs: Vec<Link>,
    pub(super) index: String,
    pub(super) feed: String,
    pub(super) feed_title: String,
    /// The path of the mirror's root on its server, for a page whose links are absolute.
    prefix: Option<String>,
    /// Its path in the mirror.
    at: RelPath,
    site: RelPath,
}

/// A link; without an address a text.
pub(super) struct Link {
    pub(super) text: String,
    pub(super) href: String,
}

/// A text for people, in which each part between two backticks is code.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Prose(String);

/// Something that is known, for people.
pub(super) struct Fact {
    pub(super) name: &'static str,
    pub(super) values: Vec<Value>,
}

/// One value of it.
pub(super) struct Value {
    pub(super) text: Prose,
    pub(super) note: Prose,
}

/// Something that happened.
pub(super) struct Happened {
    pub(super) iso: String,
    pub(super) at: String,
    pub(super) text: Prose,
    /// Where more is, if it stands for several events.
    pub(super) href: String,
}

/// A vote of a job.
pub(super) struct Vote {
    pub(super) job: String,
    pub(super) value: String,
    pub(super) class: &'static str,
    pub(super) href: String,
    pub(super) since: String,
}

/// A build in a table.
pub(super) struct Row {
    pub(super) href: String,
    pub(super) name: String,
    pub(super) created: String,
    pub(super) result: String,
    pub(super) class: &'static str,
    /// What the last check found.
    pub(super) errors: String,
    pub(super) labels: Vec<String>,
    pub(super) votes: Vec<Vote>,
    pub(super) names: Vec<String>,
    pub(super) files: String,
    pub(super) files_sort: u64,
    pub(super) bytes: String,
    pub(super) bytes_sort: u64,
    pub(super) kept: String,
}

impl Page {
    /// Returns the frame of a page at a path in the site; of the mirror, or of a stream.
    pub(super) fn of(facts: &SiteFacts, path: &RelPath, stream: Option<&Stream>, last: Option<&str>) -> Self {
        Self::framed(facts, path, stream, last, None)
    }

    /// Returns the frame of a page about something of a stream that a server also shows at other addresses: its links are
    /// absolute where the address of the mirror is known.
    pub(super) fn anywhere(facts: &SiteFacts, path: &RelPath, stream: &Stream, last: &str) -> Self {
        let path_of = |url: &String| {
            let url = url::Url::parse(url).ok()?;
            Some(url.path().trim_end_matches('/').to_owned())
        };
        let prefix = facts.address.as_ref().and_then(path_of);
        Self::framed(facts, path, Some(stream), Some(last), prefix)
    }

    fn framed(
        facts: &SiteFacts,
        path: &RelPath,
        stream: Option<&Stream>,
        last: Option<&str>,
        prefix: Option<String>,
    ) -> Self {
        let at = facts.path.join(path);
        let root = match &prefix {
            Some(prefix) => format!("{prefix}{}/", url_path(&facts.path)),
            None => "../".repeat(path.depth().saturating_sub(1)),
        };
        let mut page = Self {
            title: String::new(),
            root,
            crumbs: Vec::new(),
            index: String::new(),
            feed: String::new(),
            feed_title: String::new(),
            prefix,
            site: facts.path.clone(),
            at,
        };
        let link = |to: Option<RelPath>| to.map(|to| page.to(&facts.path.join(&to))).unwrap_or_default();
        // A stream of which no build is there any more has no page.
        let there = stream.filter(|stream| facts.stream(stream).is_some());
        let place = there.map_or_else(Place::root, Place::of);
        let mut parts: Vec<(&str, String)> = vec![(&facts.title, link(Place::root().page()))];
        let stream_page = link(there.and_then(|_| place.page()));
        parts.extend(stream.map(|stream| (stream.as_str(), stream_page)));
        parts.extend(last.map(|last| (last, String::new())));
        if let Some((_, href)) = parts.last_mut() {
            href.clear();
        }
        let title: Vec<&str> = parts.iter().rev().map(|(text, _)| *text).collect();
        let title = text(&title.join(" – "));
        let crumbs = parts.iter().map(|(part, href)| Link { text: text(part), href: href.clone() }).collect();
        let (index, feed) = (link(place.index()), link(place.feed()));
        let feed_title = text(&there.map_or_else(|| facts.title.clone(), ToString::to_string));
        (page.title, page.crumbs, page.index, page.feed, page.feed_title) =
            (title, crumbs, index, feed, feed_title);
        page
    }

    /// Returns the link to something in the mirror.
    pub(super) fn to(&self, path: &RelPath) -> String {
        match &self.prefix {
            Some(prefix) => format!("{prefix}{}", url_path(path)),
            None => url_link(&self.at, path),
        }
    }

    /// Returns the link to a directory in the mirror.
    pub(super) fn to_dir(&self, path: &RelPath) -> String {
        format!("{}/", self.to(path))
    }

    fn to_page(&self, page: Option<RelPath>) -> String {
        page.map(|page| self.to(&self.site.join(&page))).unwrap_or_default()
    }

    /// Returns the link to the front page.
    pub(super) fn to_front(&self) -> String {
        self.to_page(Place::root().page())
    }

    /// Returns the link to the page of the stages of a stream.
    pub(super) fn to_stages(&self, stream: &Stream) -> String {
        self.to_page(Place::of(stream).stages())
    }

    /// Returns the link to the list of builds that are gone, of a stream or of all.
    pub(super) fn to_gone(&self, stream: Option<&Stream>) -> String {
        self.to_page(stream.map_or_else(Place::root, Place::of).gone())
    }

    /// Returns the link to the page of all stages.
    pub(super) fn to_all_stages(&self) -> String {
        self.to_page(Place::root().stages())
    }

    /// Returns the link to the page of a build.
    pub(super) fn to_build(&self, id: &BuildId) -> String {
        self.to_page(page(id))
    }

    /// Returns the link to the page of a stream.
    pub(super) fn to_stream(&self, stream: &Stream) -> String {
        self.to_page(Place::of(stream).page())
    }
}

impl Prose {
    /// Returns a text; what others wrote is made visible first.
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Prose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(mut rest) = escape(self.0.as_str(), Html).map(|safe| safe.to_string());
        while let Some((before, code, after)) = rest
            .split_once('`')
            .and_then(|(before, rest)| Some((before, rest.split_once('`')?)))
            .map(|(before, (code, after))| (before.to_owned(), code.to_owned(), after.to_owned()))
        {
            write!(f, "{before}<code>{code}</code>")?;
            rest = after;
        }
        f.write_str(&rest)
    }
}

impl HtmlSafe for Prose {}

impl Fact {
    pub(super) fn new(name: &'static str, value: impl Into<String>) -> Self {
        Self::noted(name, value, "")
    }

    pub(super) fn noted(name: &'static str, value: impl Into<String>, note: impl Into<String>) -> Self {
        Self { name, values: vec![Value::new(value, note)] }
    }
}

impl Value {
    pub(super) fn new(text: impl Into<String>, note: impl Into<String>) -> Self {
        Self { text: Prose::new(text), note: Prose::new(note) }
    }
}

impl Happened {
    pub(super) fn of(event: &Event) -> Self {
        let text = Prose::new(sentence(event));
        Self { iso: event.at.iso(), at: time(event.at), text, href: String::new() }
    }
}

impl Row {
    /// Returns the row of a build.
    pub(super) fn of(page: &Page, build: &BuildFacts) -> Self {
        let BuildFacts { id, census, names, verdict, .. } = build;
        Self {
            href: page.to_build(id),
            name: text(id.name.as_str()),
            created: known_time(census.created),
            result: census.result.to_string(),
            class: class(census.result),
            errors: build.checked.as_ref().map(|found| count(found.errors, "error")).unwrap_or_default(),
            labels: labels(census),
            votes: votes(census),
            names: names.iter().map(|name| text(name.name())).collect(),
            files: census.files.map(|files| indicatif::HumanCount(files).to_string()).unwrap_or_default(),
            files_sort: census.files.unwrap_or_default(),
            bytes: census.bytes.map(bytes).unwrap_or_default(),
            bytes_sort: census.bytes.unwrap_or_default(),
            kept: verdict.as_ref().map(kept).unwrap_or_default(),
        }
    }
}

/// Returns a text of others, in which every character is seen.
pub(super) fn text(text: &str) -> String {
    shown(text).into_owned()
}

/// Returns an instant for people.
pub(super) fn time(at: Stamp) -> String {
    at.spell("%Y-%m-%d %H:%M")
}

/// Returns the day of an instant.
pub(super) fn day(at: Stamp) -> String {
    at.spell("%Y-%m-%d")
}

/// Returns an instant for people, if it is known.
pub(super) fn known_time(at: Option<Stamp>) -> String {
    at.map_or_else(|| "not known".to_owned(), time)
}

/// Returns how many days before a day something was.
pub(super) fn days(today: Stamp, at: Stamp) -> i64 {
    let midnight = at.unix().div_euclid(86_400);
    (today.unix().div_euclid(86_400) - midnight).max(0)
}

/// Returns the class of a result.
pub(super) fn class(result: Outcome) -> &'static str {
    match result {
        Outcome::Success => "success",
        Outcome::Fail => "fail",
        Outcome::Partial => "partial",
        Outcome::Empty | Outcome::Unknown => "plain",
    }
}

/// Returns the labels of a build that are no votes.
pub(super) fn labels(census: &BuildCensus) -> Vec<String> {
    let plain = census.labels.iter().filter(|(key, _)| !key.starts_with(VOTE));
    plain.map(|(key, label)| text(&format!("{key}={}", label.value))).collect()
}

/// Returns the votes on a build.
pub(super) fn votes(census: &BuildCensus) -> Vec<Vote> {
    let votes = census.labels.iter().filter_map(|(key, label)| Some((key.strip_prefix(VOTE)?, label)));
    let vote = |(job, label): (&str, &crate::census::LabelCensus)| Vote {
        job: text(job),
        value: text(&label.value),
        class: match &*label.value {
            "success" => "success",
            "failure" => "fail",
            _ => "plain",
        },
        href: label.url.as_deref().and_then(web).unwrap_or_default(),
        since: label.since.map(time).unwrap_or_default(),
    };
    votes.map(vote).collect()
}

/// Returns an address that somebody else gave as HTML accepts it; nothing for one that no browser may follow.
pub(super) fn web(address: &str) -> Option<String> {
    let address = url::Url::parse(address).ok()?;
    if !matches!(address.scheme(), "http" | "https") {
        return None;
    }
    let (start, rest) = (&address[..url::Position::BeforePath], &address[url::Position::BeforePath..]);
    // What browsers accept there, and the standard does not.
    let strict = rest.chars().map(|c| match c {
        '"' | '<' | '>' | '[' | ']' | '\\' | '^' | '`' | '{' | '|' | '}' => format!("%{:02X}", u32::from(c)),
        _ => c.to_string(),
    });
    Some(text(&format!("{start}{}", strict.collect::<String>())))
}

/// Returns how long a build is kept, in a few words.
pub(super) fn kept(verdict: &Verdict) -> String {
    let last = verdict.reasons.iter().find(|reason| reason.until == verdict.kept_until);
    let rule = last.or(verdict.reasons.first()).map(|reason| text(&reason.rule)).unwrap_or_default();
    match (verdict.fate, verdict.kept_until) {
        (Fate::Keep, Some(until)) => format!("until {} ({rule})", day(until)),
        (Fate::Keep, None) => rule,
        (Fate::Expire, _) if verdict.archive.is_some() => {
            "moves to an archive with the next prune".to_owned()
        }
        (Fate::Expire, _) => "expires with the next prune".to_owned(),
        (Fate::Withheld, _) => format!("withheld ({rule})"),
        (Fate::Blocked, _) => "blocked".to_owned(),
    }
}
