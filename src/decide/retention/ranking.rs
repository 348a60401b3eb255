//! Lanes: the builds that compete with each other, in order of age.

use crate::census::BuildCensus;
use crate::model::{Outcome, Stamp};
use std::collections::BTreeMap;

/// A build that a rule can judge.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item<'a> {
    /// Its index in the census.
    pub index: usize,
    /// When it was made.
    pub created: Stamp,
    pub build: &'a BuildCensus,
}

impl Item<'_> {
    /// The order of builds of a stream; equal ones are ties.
    pub(super) fn age(&self) -> (Stamp, u64) {
        (self.created, self.build.seq)
    }

    /// Returns whether it has all these labels.
    pub(super) fn has(&self, labels: &BTreeMap<String, String>) -> bool {
        labels
            .iter()
            .all(|(key, value)| self.build.labels.get(key).is_some_and(|label| label.value == *value))
    }
}

/// Builds of one stream, or of one sub-stream, that compete: those with one result, the newest first.
#[derive(Debug)]
pub(super) struct OutcomeGroup<'a> {
    pub result: Outcome,
    pub items: Vec<Item<'a>>,
}

/// The lanes of a stream, and when each build was superseded.
#[derive(Debug)]
pub(super) struct Ranking<'a> {
    pub lanes: Vec<OutcomeGroup<'a>>,
    /// Successes, oldest first: age, and the earliest time at which it or a later one became visible, if known.
    successes: Vec<((Stamp, u64), Option<Stamp>)>,
}

/// When a build was superseded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Superseded {
    /// There is no later success.
    NotYet,
    /// There is one, and it is not known when it became visible.
    Unknown,
    /// At this instant.
    At(Stamp),
}

impl<'a> Ranking<'a> {
    /// Sorts builds into lanes.
    pub(super) fn of(items: Vec<Item<'a>>) -> Self {
        let mut lanes: BTreeMap<Outcome, Vec<Item<'a>>> = BTreeMap::new();
        for item in items {
            lanes.entry(item.build.result).or_default().push(item);
        }
        for items in lanes.values_mut() {
            items.sort_by(|a, b| (b.age(), &b.build.build).cmp(&(a.age(), &a.build.build)));
        }
        let mut earliest = None;
        let mut successes = Vec::new();
        for item in lanes.get(&Outcome::Success).into_iter().flatten() {
            earliest = match (earliest, item.build.published) {
                (Some(a), Some(b)) => Some(std::cmp::min::<Stamp>(a, b)),
                (a, b) => a.or(b),
            };
            successes.push((item.age(), earliest));
        }
        successes.reverse();
        let lanes = lanes.into_iter().map(|(result, items)| OutcomeGroup { result, items }).collect();
        Self { lanes, successes }
    }

    /// Returns when the first later success became visible.
    pub(super) fn superseded(&self, item: &Item<'_>) -> Superseded {
        let later = self.successes.partition_point(|(age, _)| *age <= item.age());
        let seen = self.successes.get(later).map(|(_, published)| *published);
        match (item.build.superseded, seen) {
            (Some(known), Some(Some(seen))) => Superseded::At(known.min(seen)),
            (Some(at), _) | (None, Some(Some(at))) => Superseded::At(at),
            (None, Some(None)) => Superseded::Unknown,
            (None, None) => Superseded::NotYet,
        }
    }
}
