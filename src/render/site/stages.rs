//! The pages of stages: where each is, what its candidates lack, and how it moved.

use super::place::Place;
use super::view::{Fact, Link, Page, Prose, day, text, time};
use crate::decide::pipeline::{Candidate, Outcome, Waiver, WaiverScope};
use crate::model::{BuildId, Stream};
use crate::ops::promotion::StageStatus;
use crate::ops::site::{Rank, SiteFacts, SiteFile, StageFacts, StageMoved};
use crate::render::paint::count;
use askama::Template;
use std::collections::BTreeMap;

/// How many candidates of a stage are listed.
const CANDIDATES: usize = 20;

#[derive(Template)]
#[template(path = "stages.html")]
struct StagesPage {
    page: Page,
    heading: String,
    facts: Vec<Fact>,
    rows: Vec<StageRow>,
}

#[derive(Template)]
#[template(path = "stage.html")]
struct StagePage {
    page: Page,
    heading: String,
    stages: Vec<StageView>,
}

/// A stage in a table.
pub(super) struct StageRow {
    pub(super) href: String,
    pub(super) stage: String,
    pub(super) stream: String,
    pub(super) stream_href: String,
    pub(super) build: Link,
    pub(super) since: String,
    pub(super) next: String,
    pub(super) candidate: Link,
    pub(super) missing: Prose,
    pub(super) waived: String,
    pub(super) gap: String,
    pub(super) gap_sort: i64,
    pub(super) alarm: bool,
}

struct StageView {
    id: String,
    name: String,
    alarm: bool,
    build: Link,
    since: String,
    next: String,
    gap: String,
    accepted: String,
    meter: Option<Meter>,
    concern: Prose,
    candidates: Vec<CandidateRow>,
    without: Prose,
    more: String,
    waivers: Vec<Prose>,
    moves: Vec<Move>,
    earlier: String,
}

struct Meter {
    max: i64,
    high: i64,
    value: i64,
}

struct CandidateRow {
    build: Link,
    missing: Prose,
    waived: String,
}

struct Move {
    iso: String,
    at: String,
    did: &'static str,
    build: Link,
    note: Prose,
}

/// Returns the pages of stages: one of all, and one of each stream that has any.
pub(super) fn pages(facts: &SiteFacts) -> Vec<SiteFile> {
    let mut by_stream: BTreeMap<&Stream, Vec<&StageFacts>> = BTreeMap::new();
    for stage in &facts.stages {
        by_stream.entry(&stage.view.status.stream).or_default().push(stage);
    }
    let of_stream = |(stream, stages): (&&Stream, &Vec<&StageFacts>)| {
        let path = Place::of(stream).stages()?;
        let page = Page::of(facts, &path, Some(stream), Some("Stages"));
        let stages = (0..).zip(stages).map(|(nth, stage)| view(facts, &page, nth, stage)).collect();
        let heading = text(&format!("{stream}: stages"));
        // Nothing fails in memory.
        let text = StagePage { page, heading, stages }.render().unwrap_or_default();
        Some(SiteFile { path, rank: Rank::Stream, text })
    };
    let mut files: Vec<SiteFile> = by_stream.iter().filter_map(of_stream).collect();
    if let Some(path) = Place::root().stages().filter(|_| !facts.stages.is_empty()) {
        let page = Page::of(facts, &path, None, Some("Stages"));
        let alarms = facts.stages.iter().filter(|stage| stage.view.status.alarm).count();
        let ready = facts.stages.iter().filter(|stage| stage.view.status.outcome == Outcome::Promoted);
        let mut known = vec![
            Fact::new("Stages", facts.stages.len().to_string()),
            Fact::new("Ready to move", ready.count().to_string()),
            Fact::new("Behind their alarm", alarms.to_string()),
        ];
        known.extend(facts.status.pipeline.as_deref().map(|name| Fact::new("Pipeline", text(name))));
        let (heading, rows) = ("Stages".to_owned(), rows(facts, &page));
        let text = StagesPage { page, heading, facts: known, rows }.render().unwrap_or_default();
        files.push(SiteFile { path, rank: Rank::Stream, text });
    }
    files
}

/// Returns all stages as rows of a table.
pub(super) fn rows(facts: &SiteFacts, page: &Page) -> Vec<StageRow> {
    facts.stages.iter().map(|stage| row(facts, page, &stage.view.status)).collect()
}

fn row(facts: &SiteFacts, page: &Page, stage: &StageStatus) -> StageRow {
    StageRow {
        href: page.to_stages(&stage.stream),
        stage: text(&stage.stage),
        stream: text(stage.stream.as_str()),
        stream_href: page.to_stream(&stage.stream),
        build: build(facts, page, stage.build.as_ref()),
        since: stage.since.map(time).unwrap_or_default(),
        next: next(stage),
        candidate: build(facts, page, stage.candidate.as_ref()),
        missing: Prose::new(
            stage
                .rejected
                .as_ref()
                .map_or_else(|| list(&stage.missing), |why| text(&format!("rejected: {why}"))),
        ),
        waived: list(&stage.waived),
        gap: stage.gap_days.map(|gap| count(gap.unsigned_abs(), "day")).unwrap_or_default(),
        gap_sort: stage.gap_days.unwrap_or(-1),
        alarm: stage.alarm,
    }
}

fn view(facts: &SiteFacts, page: &Page, nth: u64, stage: &StageFacts) -> StageView {
    let (view, status) = (&stage.view, &stage.view.status);
    let accepted = view.accepts.map(|seconds| (seconds / 86_400).max(1));
    let candidate = |one: &Candidate| CandidateRow {
        build: build(facts, page, Some(&one.id)),
        missing: Prose::new(match &one.rejected {
            Some(why) => text(&format!("rejected: {why}")),
            None if one.missing.is_empty() => "nothing".to_owned(),
            None => list(&one.missing),
        }),
        waived: list(&one.waived),
    };
    let hidden = view.candidates.len().checked_sub(CANDIDATES).filter(|more| *more > 0);
    StageView {
        id: format!("stage-{nth}"),
        name: text(&status.stage),
        alarm: status.alarm,
        build: status.build.as_ref().map_or_else(
            || Link { text: "none".to_owned(), href: String::new() },
            |id| build(facts, page, Some(id)),
        ),
        since: status.since.map(|since| format!("since {}", time(since))).unwrap_or_default(),
        next: next(status),
        gap: status.gap_days.map_or_else(|| "not known".to_owned(), |gap| count(gap.unsigned_abs(), "day")),
        accepted: accepted
            .map(|days| format!("alarm after {}", count(days.unsigned_abs(), "day")))
            .unwrap_or_default(),
        meter: accepted.zip(status.gap_days).map(|(high, gap)| {
            let max = high.saturating_mul(2);
            Meter { max, high, value: gap.clamp(0, max) }
        }),
        concern: status.concern().map(|why| Prose::new(text(&why))).unwrap_or_default(),
        candidates: view.candidates.iter().take(CANDIDATES).map(candidate).collect(),
        without: Prose::new(text(&match &status.why {
            Some(why) => format!("There is no candidate: {why}."),
            None => "No build is newer than the one that has the stage.".to_owned(),
        })),
        more: hidden.map(|more| format!("{more} more are not listed.")).unwrap_or_default(),
        waivers: view.waivers.iter().map(waiver).collect(),
        moves: stage.moves.iter().map(|one| moved(facts, page, one)).collect(),
        earlier: match stage.earlier {
            0 => String::new(),
            earlier => format!("{} earlier.", count(earlier as u64, "move")),
        },
    }
}

/// Returns what a promotion does now.
fn next(stage: &StageStatus) -> String {
    match (stage.outcome, stage.unsettled) {
        (_, true) => "waits to be settled".to_owned(),
        (Outcome::Promoted, _) => "ready to move".to_owned(),
        (Outcome::Current, _) => "up to date".to_owned(),
        (Outcome::Waiting, _) => "waits".to_owned(),
        (Outcome::None, _) => "no candidate".to_owned(),
        (Outcome::Interfered, _) => "moved without mirrorkeep".to_owned(),
    }
}

/// Returns the name of a build, with a link where it is there.
pub(super) fn build(facts: &SiteFacts, page: &Page, id: Option<&BuildId>) -> Link {
    let Some(id) = id else { return Link { text: String::new(), href: String::new() } };
    let href = if facts.build(id).is_some() { page.to_build(id) } else { String::new() };
    Link { text: text(id.name.as_str()), href }
}

fn list(all: &[String]) -> String {
    text(&all.join(", "))
}

fn waiver(waiver: &Waiver) -> Prose {
    let scope = match &waiver.scope {
        WaiverScope::Build(id) => format!("for {}", id.name),
        WaiverScope::Until(until) => format!("for every build until {}", time(*until)),
    };
    Prose::new(text(&format!("{}: {scope}, since {}: {}", waiver.job, day(waiver.since), waiver.why)))
}

fn moved(facts: &SiteFacts, page: &Page, one: &StageMoved) -> Move {
    let step = &one.step;
    let mut notes: Vec<String> = Vec::new();
    notes.extend(
        step.from.as_ref().filter(|_| step.to.is_some()).map(|from| format!("before: {}", from.name())),
    );
    if !step.votes.is_empty() {
        let votes: Vec<String> = step.votes.iter().map(|(job, vote)| format!("{job} {vote}")).collect();
        notes.push(format!("votes: {}", votes.join(", ")));
    }
    if !step.waivers.is_empty() {
        notes.push(format!("waived: {}", step.waivers.join(", ")));
    }
    if !step.lacked.is_empty() {
        notes.push(format!("lacked: {}", step.lacked.join(", ")));
    }
    notes.extend(step.why.clone());
    let elsewhere = || Link {
        text: step.to.as_ref().map(|to| text(to.as_str())).unwrap_or_default(),
        href: String::new(),
    };
    Move {
        iso: step.at.iso(),
        at: time(step.at),
        did: match (step.what, step.by_hand, step.to.is_some()) {
            (Some("demoted"), _, true) => "demoted to",
            (Some("demoted"), _, false) => "demoted: no build has it",
            (Some(_), ..) => "promoted to",
            (None, true, true) => "moved without mirrorkeep to",
            (None, true, false) => "removed without mirrorkeep",
            (None, false, true) => "moved to",
            (None, false, false) => "removed",
        },
        build: one.build.as_ref().map_or_else(elsewhere, |id| build(facts, page, Some(id))),
        note: Prose::new(match &*notes.join("; ") {
            "" => String::new(),
            notes => text(&format!(" ({notes})")),
        }),
    }
}
