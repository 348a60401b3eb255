//! Builds that were there: when and why each went, and what is near it.
//!
//! All of it is what the journal states. Only what went lately is looked at, and not more than so many builds, so that what
//! is written of them never grows without limit.

use super::{Pages, SiteError};
use crate::mirror::Mirror;
use crate::model::{BuildId, Outcome, RelPath, Stamp};
use crate::ops::ActError;
use crate::record::{Event, EventKind, Phase};
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

/// For how many days a build that is gone has a page.
pub const GONE_DAYS: i64 = 90;

/// How many builds that are gone have pages at most: the last ones.
pub const GONE_MOST: usize = 2000;

/// Why a build is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Went {
    /// No rule of the policy kept it.
    Pruned,
    /// A person withdrew it, for that reason.
    Withdrawn(String),
    /// Its stream was retired, for that reason.
    Retired(String),
    /// It was not pruned, and found missing.
    Lost,
}

/// What is known of a build that is gone.
#[derive(Debug, Clone)]
pub struct GoneFacts {
    /// Which build.
    pub id: BuildId,
    /// Where it was in the mirror.
    pub path: RelPath,
    /// When it went.
    pub at: Stamp,
    /// Why.
    pub why: Went,
    /// The last instant at which it can be restored, if it went to the trash and is not known to be deleted.
    pub until: Option<Stamp>,
    /// When it was deleted from the trash.
    pub deleted: Option<Stamp>,
    /// How it went when it was made.
    pub result: Option<Outcome>,
    /// When it was made.
    pub created: Option<Stamp>,
    /// How many files it had.
    pub files: Option<u64>,
    /// How many bytes they had.
    pub bytes: Option<u64>,
    /// The build of its stream that is there and was made at nearly the same time; a success, if there is one.
    pub nearest: Option<BuildId>,
    /// What happened to it, newest first.
    pub events: Vec<Event>,
}

/// Returns the paths of builds that are gone, and those of their pages in the site, as far as they are written.
pub fn gone_pages(
    mirror: &Mirror,
    pages: &dyn Pages,
    now: Stamp,
) -> Result<Vec<(RelPath, RelPath)>, SiteError> {
    use EventKind::{Adopted, Lost, Pruned, Published, Restored, Swept};
    let config = mirror.config().site.as_ref().ok_or(SiteError::NoSection)?;
    let mut events: HashMap<BuildId, Vec<Event>> = HashMap::new();
    for event in mirror.history(&[Adopted, Lost, Pruned, Published, Restored, Swept])?.into_iter().rev() {
        if let (Phase::Done, Ok(id)) = (event.phase, event.to.parse()) {
            events.entry(id).or_default().push(event);
        }
    }
    for id in mirror.recorded().map_err(ActError::from)? {
        events.remove(&id);
    }
    let place = |id: &BuildId| mirror.layout().build_path(id).unwrap_or_else(|_| id.as_path());
    let written: HashSet<RelPath> =
        mirror.store().below(&config.path)?.into_iter().map(|found| found.path).collect();
    let mut found = Vec::new();
    for gone in lately(events, day_of(now), place) {
        let Some(page) = pages.page(&gone.id).filter(|page| written.contains(&config.path.join(page))) else {
            continue;
        };
        // One that was put there without mirrorkeep is there.
        if mirror.look(&gone.path)?.is_none() {
            found.push((gone.path, page));
        }
    }
    Ok(found)
}

/// Returns the start of the day of an instant.
pub(super) fn day_of(at: Stamp) -> Stamp {
    Stamp::from_unix(at.unix().div_euclid(86_400) * 86_400).unwrap_or(at)
}

/// Returns what is known of the builds that went last, by their events, newest first, without what is near them; sorted by
/// their ID.
pub(super) fn lately(
    events: HashMap<BuildId, Vec<Event>>,
    day: Stamp,
    place: impl Fn(&BuildId) -> RelPath,
) -> Vec<GoneFacts> {
    let mut gone: Vec<GoneFacts> = events
        .into_iter()
        .filter_map(|(id, events)| GoneFacts::of(id, events, &place))
        .filter(|one| day.since(one.at) <= GONE_DAYS * 86_400)
        .collect();
    gone.sort_by_key(|one| Reverse((one.at, one.id.clone())));
    gone.truncate(GONE_MOST);
    gone.sort_by(|a, b| a.id.cmp(&b.id));
    gone
}

impl GoneFacts {
    /// Returns what is known of a build; nothing where the last that is known of it is not that it went.
    fn of(id: BuildId, events: Vec<Event>, place: impl Fn(&BuildId) -> RelPath) -> Option<Self> {
        let comes = |what| matches!(what, EventKind::Published | EventKind::Adopted | EventKind::Restored);
        let (mut went, mut deleted) = (None, None);
        for event in &events {
            match event.what {
                EventKind::Pruned | EventKind::Lost => {
                    went = Some(event);
                    break;
                }
                EventKind::Swept => deleted = deleted.or(Some(event)),
                what if comes(what) => break,
                _ => {}
            }
        }
        let last = went.or(deleted)?;
        let stated = last.stated();
        // What is deleted from the trash for a reason was withdrawn then.
        let why = deleted.and_then(|event| event.stated().why).or(stated.why);
        let made =
            events.iter().find(|event| matches!(event.what, EventKind::Published | EventKind::Adopted));
        let made = made.map(Event::stated).unwrap_or_default();
        // What is deleted at once has no term.
        let until = stated.until.filter(|until| *until > last.at && deleted.is_none());
        Some(Self {
            path: place(&id),
            id,
            at: last.at,
            why: match (why, last.what) {
                (Some(why), _) => Went::Withdrawn(why),
                (None, EventKind::Pruned) if stated.retired.is_some() => {
                    Went::Retired(stated.retired.unwrap_or_default())
                }
                (None, EventKind::Lost) => Went::Lost,
                (None, _) => Went::Pruned,
            },
            until,
            deleted: deleted.map(|event| event.at),
            result: made.result,
            created: made.created,
            files: made.files,
            bytes: made.bytes,
            nearest: None,
            events,
        })
    }
}
