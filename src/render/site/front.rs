//! The front page of a site.

use super::stages::{StageRow, build, rows as stage_rows};
use super::view::{Fact, Happened, Link, Page, Prose, class, day, days, text, time};
use crate::model::{BuildId, Outcome, RelPath, Stamp};
use crate::ops::retention::Concern;
use crate::ops::site::{Recent, SiteFacts, StreamFacts};
use crate::ops::status::DiskStatus;
use crate::record::EventKind;
use crate::render::paint::{bytes, count};
use crate::render::plot::{Plot, Unit, plot};
use askama::Template;

/// How many events, problems and holds are shown.
const EVENTS: usize = 20;
const MOST: usize = 50;

/// How many builds of a problem are named.
const LINKED: usize = 20;

#[derive(Template)]
#[template(path = "front.html")]
struct Front {
    page: Page,
    title: String,
    day: String,
    facts: Vec<Fact>,
    disk: Option<Disk>,
    attention: Vec<Problem>,
    streams: Vec<StreamRow>,
    stages: Vec<StageRow>,
    all_stages: String,
    gone: usize,
    all_gone: String,
    holds: Vec<HoldRow>,
    events: Vec<Happened>,
}

struct Disk {
    percent: u64,
    text: String,
    chart: String,
    told: String,
}

struct StreamRow {
    href: String,
    name: String,
    newest: String,
    newest_href: String,
    age: String,
    age_sort: i64,
    stalled: bool,
    result: String,
    class: &'static str,
    builds: u64,
    bytes: String,
    bytes_sort: u64,
    share: u64,
    due: String,
    expiry: String,
}

/// Something that needs attention, and where it is.
struct Problem {
    /// The path, if that says where it is; linked to the page of its build or stream.
    subject: Link,
    text: Prose,
    links: Vec<Link>,
}

struct HoldRow {
    build: Link,
    why: Prose,
    until: String,
}

/// Returns the front page.
pub(super) fn front(facts: &SiteFacts, path: &RelPath) -> String {
    let (status, page) = (&facts.status, Page::of(facts, path, None, None));
    let most = status.streams.iter().map(|stream| stream.bytes).max().unwrap_or_default();
    let front = Front {
        title: text(&facts.title),
        day: day(facts.day),
        facts: known(facts),
        disk: status.disk.map(|disk| disk_of(facts, disk)),
        attention: attention(facts, &page),
        streams: facts.streams.iter().map(|stream| row(facts, &page, stream, most)).collect(),
        stages: stage_rows(facts, &page),
        all_stages: page.to_all_stages(),
        gone: facts.gone.len(),
        all_gone: page.to_gone(None),
        holds: holds(facts, &page),
        events: facts.recent.iter().take(EVENTS).map(|one| happened(&page, one)).collect(),
        page,
    };
    // Nothing fails in memory.
    front.render().unwrap_or_default()
}

fn disk_of(facts: &SiteFacts, disk: DiskStatus) -> Disk {
    let used = disk.total.saturating_sub(disk.free);
    // In steps, so that not every file that comes and goes is another page.
    let steps = used.saturating_mul(20).checked_add(disk.total / 2);
    let percent = steps.and_then(|used| used.checked_div(disk.total)).unwrap_or_default() * 5;
    let text = format!("about {percent} % of {}", bytes(disk.total));
    let Some(forecast) = &facts.forecast else {
        return Disk { percent, text, chart: String::new(), told: String::new() };
    };
    let points: Vec<(Stamp, u64)> =
        forecast.simulated.days.iter().map(|(at, bytes, _)| (*at, *bytes)).collect();
    let most = points.iter().map(|(_, bytes)| *bytes).max().unwrap_or_default();
    let chart = plot(&Plot {
        label: "Bytes of builds in the next days",
        points: &points,
        unit: Unit::Bytes,
        // Far above what is there it would only flatten the chart.
        limit: Some((forecast.room, "disk full")).filter(|(room, _)| most >= room / 4),
    });
    let last = forecast.last().map(day).unwrap_or_default();
    let mut told = match forecast.full {
        Some(full) => format!("The disk is full on {}", day(full)),
        None => format!("The disk is not full by {last}"),
    };
    told += ", if builds come as often and as large as in their past and the policy prunes every day.";
    if let Some(withheld) = forecast.withheld() {
        told += &format!(" From {} on a brake or freeze withholds builds.", day(withheld));
    }
    told += &format!(" There is room for {} of builds.", bytes(forecast.room));
    told += " Bytes that builds share count for each of them, so that it may last longer.";
    Disk { percent, text, chart, told }
}

fn known(facts: &SiteFacts) -> Vec<Fact> {
    let status = &facts.status;
    let mut known = vec![
        Fact::noted(
            "Builds",
            indicatif::HumanCount(status.builds).to_string(),
            count(status.streams.len() as u64, "stream"),
        ),
        Fact::noted("Size", bytes(status.bytes), "shared bytes counted for each build"),
    ];
    if let Some(prune) = &status.prune {
        let last = prune.last.map_or_else(|| "never".to_owned(), time);
        let held = match (prune.withheld, prune.blocked) {
            (0, 0) => String::new(),
            (withheld, 0) => format!(", {withheld} withheld"),
            (withheld, blocked) => format!(", {withheld} withheld, {blocked} blocked"),
        };
        known.push(Fact::noted("Last prune", last, format!("now {} due{held}", prune.due)));
    }
    known.push(status.check.as_ref().map_or_else(
        || Fact::noted("Last check", "never", "of the whole mirror"),
        |check| {
            let found = format!(
                "{}, {}, {}",
                count(check.error, "error"),
                count(check.warning, "warning"),
                count(check.note, "note")
            );
            Fact::noted("Last check", time(check.at), found)
        },
    ));
    known.push(match status.trash.builds {
        0 => Fact::new("Trash", "empty"),
        builds => Fact::noted("Trash", count(builds, "build"), bytes(status.trash.bytes)),
    });
    known.extend(status.policy.as_deref().map(|policy| Fact::new("Policy", text(policy))));
    known.extend(status.pipeline.as_deref().map(|pipeline| Fact::new("Pipeline", text(pipeline))));
    known
}

fn attention(facts: &SiteFacts, page: &Page) -> Vec<Problem> {
    let all = &facts.status.attention;
    let one = |one: &Concern| {
        let subject = one.subject().map(|path| (text(path.as_str()), near(facts, page, path)));
        let (path, href) = subject.unwrap_or_default();
        let listed = one
            .builds
            .iter()
            .take(LINKED)
            .map(|id| Link { text: text(&id.to_string()), href: build(facts, page, Some(id)).href });
        let more = one.builds.len().saturating_sub(LINKED);
        let more = (more > 0).then(|| Link { text: format!("{more} more"), href: String::new() });
        let subject = Link { text: path, href };
        Problem { subject, text: Prose::new(text(&one.why)), links: listed.chain(more).collect() }
    };
    let more = all.len().checked_sub(MOST).filter(|more| *more > 0);
    let more = more.map(|more| Problem {
        subject: Link { text: String::new(), href: String::new() },
        text: Prose::new(format!("and {more} more")),
        links: Vec::new(),
    });
    all.iter().take(MOST).map(one).chain(more).collect()
}

/// Returns the link to the page of the build or stream in which a path is; nothing where it is in none.
fn near(facts: &SiteFacts, page: &Page, path: &RelPath) -> String {
    let streams = facts.streams.iter().filter(|stream| path.is_within(&stream.path));
    let Some(stream) = streams.max_by_key(|stream| stream.path.depth()) else { return String::new() };
    match stream.builds.iter().find(|build| path.is_within(&build.path)) {
        Some(build) => page.to_build(&build.id),
        None => page.to_stream(&stream.status.stream),
    }
}

/// Returns what happened; what one command did to many builds is one line.
fn happened(page: &Page, recent: &Recent) -> Happened {
    let one = Happened::of(&recent.event.event);
    if recent.count == 1 {
        return one;
    }
    let builds = count(recent.count as u64, "build");
    let (did, href) = match recent.event.event.what {
        EventKind::Pruned => (format!("moved {builds} to the trash"), page.to_gone(None)),
        EventKind::Lost => (format!("found {builds} missing"), page.to_gone(None)),
        _ => (format!("restored {builds} from the trash"), String::new()),
    };
    Happened { text: Prose::new(did), href, ..one }
}

fn row(facts: &SiteFacts, page: &Page, stream: &StreamFacts, most: u64) -> StreamRow {
    let status = &stream.status;
    let newest = status.newest_success.as_ref();
    let built = newest.and_then(|newest| newest.created);
    let age = built.map(|built| days(facts.day, built));
    let id = newest.map(|newest| BuildId::new(status.stream.clone(), newest.build.clone()));
    let last = status.last.as_ref().map(|last| last.result);
    StreamRow {
        href: page.to_stream(&status.stream),
        name: text(status.stream.as_str()),
        newest: newest.map(|newest| text(newest.build.as_str())).unwrap_or_default(),
        newest_href: id.map(|id| page.to_build(&id)).unwrap_or_default(),
        age: age.map(|age| count(age.unsigned_abs(), "day")).unwrap_or_default(),
        age_sort: age.unwrap_or(i64::MAX),
        stalled: status.stalled,
        result: last.map(|last| last.to_string()).unwrap_or_default(),
        class: class(last.unwrap_or(Outcome::Unknown)),
        builds: status.builds,
        bytes: bytes(status.bytes),
        bytes_sort: status.bytes,
        share: status.bytes.saturating_mul(100).checked_div(most).unwrap_or_default(),
        due: status.due.map(|due| due.to_string()).unwrap_or_default(),
        expiry: status.next_expiry.as_ref().map(|next| day(next.until)).unwrap_or_default(),
    }
}

fn holds(facts: &SiteFacts, page: &Page) -> Vec<HoldRow> {
    let active = facts.status.holds.iter().filter(|hold| hold.active);
    let row = |hold: &crate::ops::status::HeldBuild| HoldRow {
        build: Link { text: text(&hold.id.to_string()), href: build(facts, page, Some(&hold.id)).href },
        why: Prose::new(text(&hold.why)),
        until: hold.until.map_or_else(|| "until it is removed".to_owned(), time),
    };
    active.take(MOST).map(row).collect()
}
