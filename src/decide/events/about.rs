//! The subject of an event: a build, a stream, an alias, a stage.

use crate::layout::{Layout, Place};
use crate::model::{BuildId, Outcome, RelPath, Stream};
use crate::record::{Details, Event, EventKind};
use std::collections::BTreeMap;

/// The subject of an event, as far as it states it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// The build.
    pub build: Option<BuildId>,
    /// The stream.
    pub stream: Option<Stream>,
    /// The path of the build or alias.
    pub path: Option<RelPath>,
    /// The result of the build.
    pub result: Option<Outcome>,
    /// The labels that were set; nothing for one that was removed.
    pub labels: Option<BTreeMap<String, Option<String>>>,
}

impl About {
    /// Returns the subject of an event.
    pub fn of(event: &Event, stated: &Details, layout: &Layout) -> Self {
        let result = stated.result;
        match event.what {
            EventKind::Published
            | EventKind::Confirmed
            | EventKind::Labelled
            | EventKind::Held
            | EventKind::Unheld
            | EventKind::Pruned
            | EventKind::Trimmed
            | EventKind::Restored
            | EventKind::Swept
            | EventKind::Adopted
            | EventKind::Lost => {
                let labels = stated.labels.as_ref().map(|labels| {
                    labels
                        .iter()
                        .map(|(key, value)| (key.clone(), value.as_str().map(str::to_owned)))
                        .collect()
                });
                Self {
                    result,
                    labels,
                    ..event.to.parse().map_or_else(|_| Self::default(), |id| at(id, layout))
                }
            }
            EventKind::Aliased | EventKind::Unaliased | EventKind::Materialized => {
                let path: Option<RelPath> = event.to.parse().ok();
                let build = stated.to.as_ref().and_then(|to| build_at(to, layout));
                let stream = path.as_ref().and_then(|path| stream_of(path, layout));
                let stream = stream.or_else(|| build.as_ref().map(|id| id.stream.clone()));
                Self { build, stream, path, ..Self::default() }
            }
            EventKind::Promoted | EventKind::Demoted => {
                let promotion = stated.promotion.as_ref();
                Self {
                    build: promotion.and_then(|promotion| promotion.build.clone()),
                    stream: promotion.map(|promotion| promotion.stream.clone()),
                    path: event.to.parse().ok(),
                    ..Self::default()
                }
            }
            EventKind::Waived | EventKind::Unwaived => {
                let build = stated.waiver.as_ref().and_then(|waiver| waiver.build.clone());
                build.map_or_else(Self::default, |id| at(id, layout))
            }
            EventKind::Requested
            | EventKind::Unrequested
            | EventKind::Started
            | EventKind::Ended
            | EventKind::Retiring
            | EventKind::Retired
            | EventKind::Unretired => Self { stream: event.to.parse().ok(), ..Self::default() },
            EventKind::Released => {
                let build = stated.release.as_ref().and_then(|release| release.build.clone());
                build.map_or_else(Self::default, |id| at(id, layout))
            }
            EventKind::Branched => {
                let of_build = stated.build.clone().map_or_else(Self::default, |id| at(id, layout));
                Self { stream: event.to.parse().ok(), ..of_build }
            }
            EventKind::Initialised
            | EventKind::Configured
            | EventKind::Pinned
            | EventKind::Untagged
            | EventKind::Recovered => Self::default(),
        }
    }
}

/// Returns the subject of an event about a build.
fn at(id: BuildId, layout: &Layout) -> About {
    let path = layout.build_path(&id).ok();
    About { stream: Some(id.stream.clone()), path, build: Some(id), ..About::default() }
}

/// Returns the build at a path, or in which the path is.
pub(super) fn build_at(path: &RelPath, layout: &Layout) -> Option<BuildId> {
    match layout.place(path) {
        Place::Build { build } | Place::Inside { build, .. } => Some(build),
        _ => None,
    }
}

/// Returns the stream of the alias at a path.
fn stream_of(path: &RelPath, layout: &Layout) -> Option<Stream> {
    match layout.place(path) {
        Place::Alias { stream, .. } => stream,
        Place::Stream { stream } | Place::Beside { stream, .. } => Some(stream),
        Place::Build { build } | Place::Inside { build, .. } => Some(build.stream),
        _ => None,
    }
}
