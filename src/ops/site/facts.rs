//! What a site is made from: one look at the mirror, grouped by stream.

use super::forecast::{Forecast, Simulated};
use super::gone::{GoneFacts, day_of, lately};
use super::{SiteError, StageFacts, stages};
use crate::census::BuildCensus;
use crate::decide::Verdict;
use crate::decide::events::About;
use crate::mirror::{Covered, Mirror, SITE_STATE, SiteConfig, chain};
use crate::model::{BuildId, Outcome, RelPath, Stamp, Stream};
use crate::ops::readers::hides_names;
use crate::ops::status::{CheckedBuild, Sizes, Status, StreamStatus, look, status_of};
use crate::record::{Event, EventKind, Phase};
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

/// How many events a feed has.
const NEWEST: usize = 50;

/// What is known of a mirror.
#[derive(Debug, Clone)]
pub struct SiteFacts {
    /// The id of the mirror.
    pub mirror: String,
    /// Its name for people.
    pub title: String,
    /// The public address of its root, without a slash at its end.
    pub address: Option<String>,
    /// The directory of the site in the mirror.
    pub path: RelPath,
    /// Where a commit can be seen, with `{repo}` and `{commit}`.
    pub commit_url: Option<String>,
    /// The day on which the mirror was looked at, at its start.
    pub day: Stamp,
    /// Its state.
    pub status: Status,
    /// Its stages, in the order of the pipeline.
    pub stages: Vec<StageFacts>,
    /// Its streams, sorted by name.
    pub streams: Vec<StreamFacts>,
    /// How full the disk will be; nothing where its free space is not known, or without a usable policy.
    pub forecast: Option<Forecast>,
    /// Builds that are gone, sorted by their ID.
    pub gone: Vec<GoneFacts>,
    /// What happened last, newest first.
    pub events: Vec<SiteEvent>,
    /// The same for people, who read of a prune of many builds in one line.
    pub recent: Vec<Recent>,
}

/// Something that happened, or several events of one kind after another.
#[derive(Debug, Clone)]
pub struct Recent {
    /// The newest of them.
    pub event: SiteEvent,
    /// How many there are.
    pub count: usize,
}

/// What is known of a stream.
#[derive(Debug, Clone)]
pub struct StreamFacts {
    /// Its state.
    pub status: StreamStatus,
    /// Its directory in the mirror.
    pub path: RelPath,
    /// Its builds, newest first.
    pub builds: Vec<BuildFacts>,
    /// What happened to it last, newest first.
    pub events: Vec<SiteEvent>,
}

/// What is known of a build.
#[derive(Debug, Clone)]
pub struct BuildFacts {
    /// Which build.
    pub id: BuildId,
    /// Its path in the mirror.
    pub path: RelPath,
    /// What the census says of it.
    pub census: BuildCensus,
    /// The paths of the aliases that resolve to it.
    pub names: Vec<RelPath>,
    /// The errors that the last check of the mirror found in it.
    pub checked: Option<CheckedBuild>,
    /// What the policy says of it.
    pub verdict: Option<Verdict>,
    /// What happened to it, newest first.
    pub events: Vec<Event>,
}

/// Something that happened.
#[derive(Debug, Clone)]
pub struct SiteEvent {
    /// The event.
    pub event: Event,
    /// The build that it is about.
    pub build: Option<BuildId>,
}

/// Returns whether such an event is news for people.
fn is_news(what: EventKind) -> bool {
    matches!(
        what,
        EventKind::Published
            | EventKind::Pruned
            | EventKind::Restored
            | EventKind::Lost
            | EventKind::Promoted
            | EventKind::Demoted
    )
}

impl SiteFacts {
    /// Looks at a mirror; fails where builds or aliases may be missing, which must not pass for gone. `simulated` is what
    /// was simulated for the last forecast.
    pub(super) fn of(
        mirror: &Mirror,
        config: &SiteConfig,
        at: Stamp,
        simulated: Option<&Simulated>,
    ) -> Result<Self, SiteError> {
        // Before the builds, which then are at least as new.
        let (events, _) = mirror.readable_history()?;
        let found = look(mirror, at)?;
        if let Some(trouble) = found.troubles.iter().find(|trouble| hides_names(mirror, trouble)) {
            return Err(SiteError::Unread(trouble.path.clone(), chain(&trouble.error)));
        }
        if let Some(why) = found.failing() {
            return Err(SiteError::Failing(why));
        }
        let place = |id: &BuildId| mirror.layout().build_path(id).unwrap_or_else(|_| id.as_path());
        // With the site's place the layout has none for a build there.
        let (builds, layout) =
            (mirror.recorded().map_err(crate::ops::ActError::from)?, mirror.layout().unreserved());
        let known: HashSet<BuildId> =
            builds.into_iter().chain(found.census.builds().map(|(id, _)| id)).collect();
        let covered = Covered::of("site", &config.path, &layout, &known.iter().cloned().collect::<Vec<_>>());
        if let Some(covered) = covered {
            return Err(SiteError::Builds(covered));
        }
        let mut status = status_of(mirror, &found, Sizes::Recorded, at)?;
        if let Some(one) = status.attention.iter().find(|one| one.passing) {
            return Err(SiteError::Failing(format!("`{}`: {}", one.path, one.why)));
        }
        // This update ends what the last one did not.
        status.attention.retain(|one| one.path != RelPath::state(SITE_STATE));
        let stages = stages::of(mirror, &found.census, &events);
        let News { newest, recent, streams: mut by_stream, builds: mut by_build } = news(mirror, events);
        let mut names: HashMap<&RelPath, Vec<RelPath>> = HashMap::new();
        for alias in &found.census.aliases {
            alias.target.iter().for_each(|target| names.entry(target).or_default().push(alias.path.clone()));
        }
        let mut censuses: HashMap<&Stream, &[BuildCensus]> =
            found.census.streams.iter().map(|stream| (&stream.stream, &*stream.builds)).collect();
        let checked: HashMap<&BuildId, &CheckedBuild> =
            status.check.iter().flat_map(|check| &check.builds).map(|found| (&found.id, found)).collect();
        let one = |status: &StreamStatus| {
            let stream = &status.stream;
            let verdicts = found.plan.as_ref().map(|plan| plan.of_stream(stream)).unwrap_or_default();
            let verdicts: HashMap<_, _> =
                verdicts.iter().map(|verdict| (&verdict.id.name, verdict)).collect();
            let mut build = |build: &BuildCensus| {
                let id = BuildId::new(stream.clone(), build.build.clone());
                let path = place(&id);
                BuildFacts {
                    names: names.get(&path).cloned().unwrap_or_default(),
                    checked: checked.get(&id).map(|found| (*found).clone()),
                    verdict: verdicts.get(&id.name).map(|verdict| (*verdict).clone()),
                    events: by_build.remove(&id).unwrap_or_default(),
                    census: build.clone(),
                    path,
                    id,
                }
            };
            StreamFacts {
                status: status.clone(),
                path: mirror.layout().stream_path(stream).unwrap_or_else(|_| stream.as_path().clone()),
                builds: censuses.remove(stream).unwrap_or_default().iter().rev().map(&mut build).collect(),
                events: by_stream.remove(stream).unwrap_or_default(),
            }
        };
        let streams: Vec<StreamFacts> = status.streams.iter().map(one).collect();
        let day = day_of(at);
        let forecast = found
            .policy
            .as_ref()
            .zip(found.space)
            .and_then(|(policy, space)| Forecast::of(&found.census, policy, space, day, simulated));
        by_build.retain(|id, _| !known.contains(id));
        let mut gone = lately(by_build, day, place);
        let known: HashMap<_, _> = streams.iter().map(|one| (&one.status.stream, one)).collect();
        for one in &mut gone {
            let near = |stream: &&StreamFacts| nearest(stream, one.created.unwrap_or(one.at));
            one.nearest = known.get(&one.id.stream).and_then(near);
        }
        let title = config.title.clone().unwrap_or_else(|| "Mirror".to_owned());
        Ok(Self {
            mirror: mirror.config().id.clone(),
            title,
            address: mirror.config().address().map(str::to_owned),
            path: config.path.clone(),
            commit_url: config.commit_url.clone(),
            day,
            stages,
            status,
            streams,
            forecast,
            gone,
            events: newest,
            recent,
        })
    }
}

impl SiteFacts {
    /// Returns what is known of a stream; nothing where no build of it is there.
    pub fn stream(&self, stream: &Stream) -> Option<&StreamFacts> {
        let at = self.streams.binary_search_by(|one| one.status.stream.cmp(stream)).ok()?;
        self.streams.get(at)
    }

    /// Returns what is known of a build that is there.
    pub fn build(&self, id: &BuildId) -> Option<&BuildFacts> {
        self.stream(&id.stream)?.builds.iter().find(|build| build.id == *id)
    }
}

/// Returns the build of a stream that was made nearest to an instant; a success, if there is one.
fn nearest(stream: &StreamFacts, at: Stamp) -> Option<BuildId> {
    let dated = stream.builds.iter().filter_map(|build| Some((build, build.census.created?)));
    let near = dated.min_by_key(|(build, created)| {
        let is_other = build.census.result != Outcome::Success;
        (is_other, created.since(at).abs(), Reverse(*created))
    });
    near.map(|(build, _)| build.id.clone())
}

impl Recent {
    /// Returns whether the event before is one more of the same; one with a reason is news of its own.
    fn takes(&self, event: &SiteEvent) -> bool {
        let (last, next) = (&self.event.event, &event.event);
        let many = matches!(next.what, EventKind::Pruned | EventKind::Restored | EventKind::Lost);
        let alone = |event: &Event| event.details.contains_key("why");
        many && next.what == last.what && next.by == last.by && !alone(last) && !alone(next)
    }
}

/// Events by what they are about, newest first.
#[derive(Default)]
struct News {
    newest: Vec<SiteEvent>,
    recent: Vec<Recent>,
    streams: HashMap<Stream, Vec<SiteEvent>>,
    builds: HashMap<BuildId, Vec<Event>>,
}

/// Returns the newest events of all, and of each stream, and every event of each build.
fn news(mirror: &Mirror, events: Vec<Event>) -> News {
    let mut news = News::default();
    for event in events.into_iter().rev().filter(|event| event.phase == Phase::Done) {
        let About { build, stream, .. } = About::of(&event, &event.stated(), mirror.layout());
        if let Some(id) = &build {
            news.builds.entry(id.clone()).or_default().push(event.clone());
        }
        if !is_news(event.what) {
            continue;
        }
        let event = SiteEvent { event, build };
        if let Some(of_stream) = stream.map(|stream| news.streams.entry(stream).or_default())
            && of_stream.len() < NEWEST
        {
            of_stream.push(event.clone());
        }
        let lines = news.recent.len();
        match news.recent.last_mut() {
            Some(last) if last.takes(&event) => last.count += 1,
            _ if lines < NEWEST => news.recent.push(Recent { event: event.clone(), count: 1 }),
            _ => {}
        }
        if news.newest.len() < NEWEST {
            news.newest.push(event);
        }
    }
    news
}
