//! Verbs that list: `list`, `trash list`, `hold list`.

use super::answer::{Sorted, Version};
use super::args::{ListArgs, ResultFilter, SortArg, StreamFilter};
use super::context::{Context, now};
use super::exit::{Outcome, Usage};
use super::look::BuildRow;
use super::look::{described, kept, names, verdicts};
use super::naming::unknown_stream;
use super::surveyed::looked_to_show;
use super::{say, when};
use crate::census::{BuildCensus, Census};
use crate::decide::{Fate, Verdict};
use crate::mirror::{ExpectedError, Mirror, TicketKind};
use crate::model::{BuildId, Outcome as Result_, Stamp, Stream};
use crate::ops::matching::Matching;
use crate::ops::retention::Concern;
use crate::ops::retire::{ArchivedBuild, archived};
use crate::ops::status::{HeldBuild, TrashedBuild};
use crate::ops::status::{held, trashed};
use crate::record::Lapsed;
use crate::render::{self, Align, table};
use schemars::JsonSchema;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// Streams to list; all if none were given.
struct Chosen(Vec<Matching>);

impl Chosen {
    /// Reads streams, directories above streams, and patterns; a stream must have a place in the layout.
    fn read(mirror: &Mirror, filter: &StreamFilter) -> Outcome<Self> {
        let mut chosen = Vec::new();
        for text in filter.all().map(|text| text.trim_end_matches('/')) {
            if !Matching::is_pattern(text) {
                let stream: Stream = text.parse().map_err(|error| Usage(format!("{error}")))?;
                let placed = mirror.layout().stream_path(&stream);
                if placed.is_err() && !has_below(mirror, text)? {
                    placed?;
                }
            }
            let pattern = Matching::read(text);
            chosen.push(pattern.map_err(|error| Usage(format!("`{text}` is not a pattern: {error}")))?);
        }
        Ok(Self(chosen))
    }

    /// Warns of each stream that was typed and has no builds.
    fn warn<'a>(&self, mirror: &Mirror, streams: impl Iterator<Item = &'a Stream> + Clone) {
        let typed = self.0.iter().map(ToString::to_string).filter(|typed| !Matching::is_pattern(typed));
        for typed in typed {
            let Some(mut why) = unknown_stream(&typed, streams.clone()) else { continue };
            if typed.parse::<chrono::NaiveDate>().is_ok() {
                why += &format!("; `mirrorkeep list --since {typed}` lists the builds since a day");
            }
            mirror.warnings().add(why);
        }
    }

    fn has(&self, id: &BuildId) -> bool {
        self.0.is_empty() || self.0.iter().any(|pattern| pattern.has(id.stream.as_str()))
    }
}

/// Returns whether builds are in streams below a directory.
fn has_below(mirror: &Mirror, directory: &str) -> Outcome<bool> {
    let above =
        |id: &BuildId| id.stream.as_str().strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'));
    Ok(mirror.recorded()?.iter().any(above))
}

/// Returns the streams that have builds.
fn with_builds(census: &Census) -> impl Iterator<Item = &Stream> + Clone {
    census.streams.iter().filter(|stream| !stream.builds.is_empty()).map(|stream| &stream.stream)
}

/// What a build must be to be listed.
struct Filter {
    streams: Chosen,
    results: Vec<Result_>,
    /// Keys, with values where a value was given.
    labels: Vec<(String, Option<String>)>,
    held: bool,
    since: Option<Stamp>,
}

impl Filter {
    fn read(mirror: &Mirror, args: &ListArgs, now: Stamp) -> Outcome<Self> {
        let label = |text: &String| match text.split_once('=') {
            Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
            None => (text.clone(), None),
        };
        Ok(Self {
            streams: Chosen::read(mirror, &args.streams)?,
            results: args.result.iter().map(|result| result.outcome()).collect(),
            labels: args.label.iter().map(label).collect(),
            held: args.held,
            since: args.since.as_deref().map(|text| when::past("--since", text, now)).transpose()?,
        })
    }

    fn has(&self, id: &BuildId, build: &BuildCensus, now: Stamp) -> bool {
        let labelled = |(key, value): &(String, Option<String>)| {
            let found = build.labels.get(key);
            found.is_some_and(|found| value.as_ref().is_none_or(|value| found.value == *value))
        };
        self.streams.has(id)
            && (self.results.is_empty() || self.results.contains(&build.result))
            && self.labels.iter().all(labelled)
            && (!self.held || build.holds.iter().any(|hold| hold.is_active(now)))
            && self.since.is_none_or(|since| build.created.is_some_and(|created| created >= since))
    }
}

/// The answer of `list`.
#[derive(Serialize, JsonSchema)]
pub(super) struct ListAnswer<'a> {
    list: Version,
    /// The time at which the mirror was read.
    at: Stamp,
    /// The builds, in the order that was requested.
    builds: Vec<BuildRow<'a>>,
}

pub(super) fn list(setting: &Context, args: &ListArgs) -> Outcome {
    if args.archive {
        return archive(setting, &args.streams);
    }
    if args.trash {
        return trash(setting, &args.streams);
    }
    let mirror = setting.open()?;
    let filter = Filter::read(&mirror, args, now())?;
    let (survey, decidable) = looked_to_show(&mirror)?;
    let census = &survey.census;
    filter.streams.warn(&mirror, with_builds(census));
    let mut builds: Vec<(BuildId, &BuildCensus)> =
        census.builds().filter(|(id, build)| filter.has(id, build, census.at)).collect();
    match args.sort {
        SortArg::Id => {}
        SortArg::Created => builds.sort_by_key(|(_, build)| Reverse((build.created, build.seq))),
        SortArg::Published => builds.sort_by_key(|(_, build)| Reverse(build.published)),
        SortArg::Size => builds.sort_by_key(|(_, build)| Reverse(build.bytes)),
    }
    builds.truncate(args.limit.unwrap_or(usize::MAX));
    let judged = decidable.then(|| verdicts(&mirror, &survey)).flatten();
    let decidable = judged.is_some();
    let judged = judged.unwrap_or_default();
    if setting.json {
        let rows =
            builds.iter().map(|(id, build)| described(&mirror, census, id, build, judged.get(id))).collect();
        say::data(&Sorted(ListAnswer { list: Version, at: census.at, builds: rows }));
        return Ok(());
    }
    let kept = |id: &BuildId| if decidable { kept(judged.get(id)) } else { "?".to_owned() };
    let one = |(id, build): &(BuildId, &BuildCensus)| {
        let problem = build.problem.clone().or_else(|| blocked(judged.get(id)?));
        row(census, &mirror, id, build, (kept(id), problem))
    };
    let rows: Vec<Vec<String>> = builds.iter().map(one).collect();
    let columns = [
        ("BUILD", Align::Left),
        ("RESULT", Align::Left),
        ("AGE", Align::Right),
        ("SIZE", Align::Right),
        ("KEPT", Align::Left),
        ("LABELS, ALIASES", Align::Left),
    ];
    show(&columns, &rows, "no builds");
    note_retiring(&mirror, &builds);
    Ok(())
}

/// Writes a table, or a line that there is nothing.
pub(super) fn show(columns: &[(&str, Align)], rows: &[Vec<String>], none: &str) {
    if rows.is_empty() {
        return say::note(none);
    }
    say::out(&table(columns, rows, Some(say::paint())));
}

/// Returns why a build is blocked.
fn blocked(verdict: &Verdict) -> Option<String> {
    verdict.reasons.iter().filter(|_| verdict.fate == Fate::Blocked).find_map(|reason| reason.detail.clone())
}

fn row(
    census: &Census,
    mirror: &Mirror,
    id: &BuildId,
    build: &BuildCensus,
    (kept, problem): (String, Option<String>),
) -> Vec<String> {
    let age = build.created.map_or("?".to_owned(), |created| render::age(census.at.since(created)));
    let labels = build.labels.iter().map(|(key, label)| format!("{key}={}", label.value));
    let names = names(mirror, census, id).into_iter().map(|alias| alias.path.name().to_owned());
    let problem = problem.map(|problem| format!("! {problem}"));
    let about: Vec<String> = labels.chain(names).chain(problem).collect();
    vec![
        id.to_string(),
        build.result.to_string(),
        age,
        build.bytes.map_or("?".to_owned(), say::bytes),
        kept,
        about.join("  "),
    ]
}

/// The answer of `list --archive`.
#[derive(Serialize, JsonSchema)]
pub(super) struct ArchiveAnswer<'a> {
    list: Version,
    /// The time at which the mirror was read.
    at: Stamp,
    /// The builds that were moved to an archive, by ID.
    archived: &'a [ArchivedBuild],
}

/// Lists what was moved to an archive.
fn archive(setting: &Context, filter: &StreamFilter) -> Outcome {
    let mirror = setting.open()?;
    let chosen = Chosen::read(&mirror, filter)?;
    let mut builds = archived(&mirror)?;
    builds.retain(|one| chosen.has(&one.id));
    let at = now();
    if setting.json {
        say::data(&Sorted(ArchiveAnswer { list: Version, at, archived: &builds }));
        return Ok(());
    }
    let row = |one: &ArchivedBuild| {
        let back = match one.until.filter(|until| *until >= at) {
            Some(until) => format!("restore until {}", until.iso()),
            None => "copy".to_owned(),
        };
        let why = one.retired.as_ref().map_or_else(|| "expired".to_owned(), |why| format!("retired: {why}"));
        vec![one.id.to_string(), one.at.iso(), one.archive.address.clone(), back, why]
    };
    let rows: Vec<Vec<String>> = builds.iter().map(row).collect();
    let columns = [
        ("BUILD", Align::Left),
        ("SINCE", Align::Left),
        ("ARCHIVE", Align::Left),
        ("COMES BACK BY", Align::Left),
        ("WHY", Align::Left),
    ];
    show(&columns, &rows, "no builds were moved to an archive");
    Ok(())
}

/// Says which of the listed streams are retired, and when their builds are removed.
fn note_retiring(mirror: &Mirror, builds: &[(BuildId, &BuildCensus)]) {
    let retirements = mirror.retirements().unwrap_or_default();
    let listed: BTreeSet<&Stream> = builds.iter().map(|(id, _)| &id.stream).collect();
    for (stream, one) in retirements.iter().filter(|(stream, _)| listed.contains(stream)) {
        let Ok(one) = one else { continue };
        let when = one.removal_at.map(|at| format!("; its builds are removed from {} on", at.iso()));
        say::note(&format!("note: {stream} is {}{}", one.state().as_str(), when.unwrap_or_default()));
    }
}

/// The answer of `trash list` and `list --trash`.
#[derive(Serialize, JsonSchema)]
pub(super) struct TrashAnswer<'a> {
    trash: Version,
    /// The time at which the mirror was read.
    at: Stamp,
    /// The builds in the trash, oldest first.
    builds: &'a [TrashedBuild],
    /// The directories of the trash that cannot be read.
    unreadable: &'a [Concern],
}

/// Lists what is in the trash.
pub(super) fn trash(setting: &Context, filter: &StreamFilter) -> Outcome {
    let mirror = setting.open()?;
    let chosen = Chosen::read(&mirror, filter)?;
    let (mut builds, unread) = trashed(&mirror)?;
    let recorded = mirror.recorded()?;
    let streams = recorded.iter().map(|id| &id.stream);
    chosen.warn(&mirror, streams.chain(builds.iter().map(|one| &one.id.stream)));
    builds.retain(|one| chosen.has(&one.id));
    let at = now();
    if setting.json {
        say::data(&Sorted(TrashAnswer { trash: Version, at, builds: &builds, unreadable: &unread }));
        return Ok(());
    }
    for concern in &unread {
        mirror.warnings().add(concern.to_string());
    }
    let row = |one: &crate::ops::status::TrashedBuild| {
        let what = match one.what {
            TicketKind::Build => "build",
            TicketKind::Untrimmed => "parts",
        };
        let left = if one.until < at { "due".to_owned() } else { render::age(one.until.since(at)) };
        vec![
            one.id.to_string(),
            what.to_owned(),
            one.since.iso(),
            one.until.iso(),
            left,
            say::bytes(one.bytes),
            match &one.why {
                Some(why) => format!("withdrawn: {why}"),
                None if one.rules.is_empty() => String::new(),
                None => Lapsed::line(&one.rules),
            },
        ]
    };
    let rows: Vec<Vec<String>> = builds.iter().map(row).collect();
    let columns = [
        ("BUILD", Align::Left),
        ("WHAT", Align::Left),
        ("SINCE", Align::Left),
        ("UNTIL", Align::Left),
        ("LEFT", Align::Right),
        ("SIZE", Align::Right),
        ("WHY", Align::Left),
    ];
    show(
        &columns,
        &rows,
        if unread.is_empty() { "the trash is empty" } else { "no builds that can be read" },
    );
    Ok(())
}

/// The answer of `hold list`.
#[derive(Serialize, JsonSchema)]
pub(super) struct HoldsAnswer<'a> {
    hold: Version,
    /// The time at which the mirror was read.
    at: Stamp,
    /// The holds.
    holds: &'a [HeldBuild],
}

/// Fails if the file of a hold is damaged or a hold is missing from it: a reader would take the incomplete list for
/// the whole.
fn known(mirror: &Mirror, at: Stamp) -> Outcome {
    mirror.holds()?;
    match mirror.refuse_lost_holds(None, at) {
        // The journal is reported by a warning; the files have their holds without it.
        Ok(()) | Err(ExpectedError::Journal(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Lists every hold.
pub(super) fn holds(setting: &Context, filter: &StreamFilter) -> Outcome {
    let mirror = setting.open()?;
    let chosen = Chosen::read(&mirror, filter)?;
    let census = looked_to_show(&mirror)?.0.census;
    known(&mirror, census.at)?;
    let mut holds = held(&mirror, &census);
    chosen.warn(&mirror, with_builds(&census).chain(holds.iter().map(|hold| &hold.id.stream)));
    holds.retain(|hold| chosen.has(&hold.id));
    if setting.json {
        say::data(&Sorted(HoldsAnswer { hold: Version, at: census.at, holds: &holds }));
        return Ok(());
    }
    let row = |hold: &crate::ops::status::HeldBuild| {
        let state = match (hold.active, hold.present, hold.old) {
            (false, ..) => "over",
            (true, false, _) => "no such build",
            (true, true, true) => "old",
            (true, true, false) => "",
        };
        vec![
            hold.id.to_string(),
            hold.since.map_or("?".to_owned(), Stamp::iso),
            hold.until.map_or("no term".to_owned(), Stamp::iso),
            state.to_owned(),
            hold.who.clone(),
            hold.why.clone(),
        ]
    };
    let rows: Vec<Vec<String>> = holds.iter().map(row).collect();
    let columns = [
        ("BUILD", Align::Left),
        ("SINCE", Align::Left),
        ("UNTIL", Align::Left),
        ("STATE", Align::Left),
        ("WHO", Align::Left),
        ("WHY", Align::Left),
    ];
    show(&columns, &rows, "no holds");
    Ok(())
}

impl ResultFilter {
    fn outcome(self) -> Result_ {
        match self {
            Self::Success => Result_::Success,
            Self::Fail => Result_::Fail,
            Self::Empty => Result_::Empty,
            Self::Partial => Result_::Partial,
            Self::Unknown => Result_::Unknown,
        }
    }
}
