//! What is known of the stages of a mirror, and how each moved.

use crate::census::Census;
use crate::layout::Place;
use crate::mirror::Mirror;
use crate::model::{BuildId, RelPath};
use crate::ops::promotion::{NameHistory, StageView, stage_views, tracks};
use crate::record::Event;
use std::collections::HashSet;

/// How many moves of a stage are shown at most.
const MOVES: usize = 20;

/// What is known of a stage in one stream.
#[derive(Debug, Clone)]
pub struct StageFacts {
    /// Its state.
    pub view: StageView,
    /// How it moved last, newest first.
    pub moves: Vec<StageMoved>,
    /// How many earlier moves there are.
    pub earlier: usize,
}

/// One move of a stage.
#[derive(Debug, Clone)]
pub struct StageMoved {
    /// The move.
    pub step: NameHistory,
    /// The build that has the stage from then on.
    pub build: Option<BuildId>,
}

/// Returns what is known of all stages; nothing without a usable pipeline, of which `status` reports why.
pub(super) fn of(mirror: &Mirror, census: &Census, events: &[Event]) -> Vec<StageFacts> {
    if mirror.config().pipeline.is_none() {
        return Vec::new();
    }
    let views = stage_views(mirror, census).unwrap_or_default();
    let alias = |view: &StageView| {
        let dir = mirror.layout().stream_path(&view.status.stream).ok()?;
        dir.child(&view.status.stage).ok()
    };
    let names: HashSet<RelPath> = views.iter().filter_map(alias).collect();
    let names: HashSet<&str> = names.iter().map(RelPath::as_str).collect();
    let mut moves = tracks(events, |name| names.contains(name));
    let moved = |step: NameHistory| {
        let build = step.to.as_ref().and_then(|to| match mirror.layout().place(to) {
            Place::Build { build } => Some(build),
            _ => None,
        });
        StageMoved { step, build }
    };
    let one = |view: StageView| {
        let moves = alias(&view).and_then(|alias| moves.remove(alias.as_str())).unwrap_or_default();
        let earlier = moves.len().saturating_sub(MOVES);
        StageFacts { view, moves: moves.into_iter().rev().take(MOVES).map(moved).collect(), earlier }
    };
    views.into_iter().map(one).collect()
}
