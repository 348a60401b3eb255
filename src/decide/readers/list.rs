//! The list of an alias: its build, then its former builds, the last one first.

use crate::census::Census;
use crate::decide::policy::{Policy, Span};
use crate::model::{BuildId, RelPath, Stamp};
use chrono_tz::{Tz, UTC};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// How long a build stays on a list without a policy; nothing is pruned then.
const GRACE: Span = Span::hours(48);

/// An alias that points to a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReaderName {
    /// The build.
    pub build: BuildId,
    /// The other alias to which it points directly, and whose list it shares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<RelPath>,
    /// Its former builds, in any order.
    pub left: Vec<Departure>,
}

/// A former build of an alias.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Departure {
    /// When the alias moved away.
    pub at: Stamp,
    /// The ID of the build.
    pub build: BuildId,
}

/// All aliases that point to builds.
pub type ReaderNames = BTreeMap<RelPath, ReaderName>;

/// How long builds stay on lists, and how many.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// The policy of the mirror, which determines how long; 48 hours without one.
    pub policy: Option<&'a Policy>,
    /// The maximum number of builds of a list; the current one is always on it.
    pub newest: usize,
}

impl Terms<'_> {
    /// Returns how long a build stays after an alias moved away.
    pub fn grace(&self, build: &BuildId) -> Span {
        self.policy.map_or(GRACE, |policy| policy.family_or_stranger(&build.stream).superseded_grace)
    }

    /// Returns whether a former build stays at `now`, as a plan at that instant protects it.
    pub fn keeps(&self, left: &Departure, now: Stamp) -> bool {
        let zone: Tz = self.policy.map_or(UTC, |policy| policy.zone);
        self.grace(&left.build).protects(left.at, zone, now).is_some()
    }
}

/// Returns the aliases of a census that point to builds, with their published former builds.
///
/// Aliases through another alias are not known here: a census does not have them.
pub fn names(census: &Census) -> ReaderNames {
    let places: HashMap<RelPath, BuildId> = (census.builds())
        .map(|(id, build)| (build.path.clone().unwrap_or_else(|| id.as_path()), id))
        .collect();
    let name = |alias: &crate::census::AliasCensus| {
        let build = places.get(alias.target.as_ref()?)?.clone();
        let left = alias.moves.iter().filter_map(|step| {
            Some(Departure { at: step.at, build: places.get(step.from.as_ref()?)?.clone() })
        });
        Some((alias.path.clone(), ReaderName { build, via: None, left: left.collect() }))
    };
    census.aliases.iter().filter_map(name).collect()
}

/// Returns the builds for readers of an alias at `now`, the current one first; none for an unknown alias.
///
/// Every build that aliases point to counts as published.
pub fn list(names: &ReaderNames, name: &RelPath, terms: Terms<'_>, now: Stamp) -> Vec<BuildId> {
    let Some(found) = names.get(name) else { return Vec::new() };
    let mut left: Vec<&Departure> = Vec::new();
    // More steps than there are aliases mean a loop, and an alias that points to a build is not in one.
    let way = std::iter::successors(Some(found), |at| names.get(at.via.as_ref()?)).take(names.len());
    way.for_each(|name| left.extend(&name.left));
    left.retain(|left| terms.keeps(left, now));
    left.sort_by(|a, b| b.cmp(a));
    let mut builds = vec![found.build.clone()];
    for Departure { build, .. } in left {
        if builds.len() >= terms.newest {
            break;
        }
        if !builds.contains(build) {
            builds.push(build.clone());
        }
    }
    builds
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::census::{AliasCensus, AliasMove, BuildCensus, StreamCensus};
    use crate::decide::{Fate, PreviousRuns, retain};
    use proptest::prelude::*;

    const START: i64 = 1_750_000_000;

    fn at(hours: i64) -> Stamp {
        Stamp::from_unix(START + hours * 3600).unwrap()
    }

    fn id(number: i64) -> BuildId {
        format!("m/c/{}", at(number)).parse().unwrap()
    }

    fn path(text: &str) -> RelPath {
        text.parse().unwrap()
    }

    fn left(number: i64, hours: i64) -> Departure {
        Departure { at: at(hours), build: id(number) }
    }

    fn name(build: i64, left: Vec<Departure>) -> ReaderName {
        ReaderName { build: id(build), via: None, left }
    }

    #[test]
    fn the_last_left_comes_first_and_each_build_once() {
        let all = vec![left(1, 1), left(3, 5), left(2, 3), left(3, 2), left(9, 4)];
        let names = ReaderNames::from([(path("m/c/latest"), name(9, all))]);
        let terms = Terms { policy: None, newest: 4 };
        let of = |newest, hours| list(&names, &path("m/c/latest"), Terms { newest, ..terms }, at(hours));
        assert_eq!(of(4, 6), [id(9), id(3), id(2), id(1)]);
        assert_eq!(of(2, 6), [id(9), id(3)]);
        assert_eq!(of(4, 50), [id(9), id(3), id(2)], "48 hours after it was left");
        assert_eq!(of(4, 54), [id(9)]);
        assert_eq!(list(&names, &path("m/c/other"), terms, at(6)), []);
    }

    #[test]
    fn a_name_that_points_to_a_name_has_the_list_of_that() {
        let via = |to: &str| ReaderName { via: Some(path(to)), ..name(3, vec![]) };
        let mut names = ReaderNames::from([
            (path("m/c/latest"), name(3, vec![left(2, 1)])),
            (path("old"), via("m/c/latest")),
            (path("a"), via("b")),
            (path("b"), via("a")),
        ]);
        let terms = Terms { policy: None, newest: 4 };
        assert_eq!(list(&names, &path("old"), terms, at(2)), [id(3), id(2)]);
        assert_eq!(list(&names, &path("a"), terms, at(2)), [id(3)], "a circle ends");
        names.get_mut(&path("old")).unwrap().left = vec![left(1, 2)];
        assert_eq!(list(&names, &path("old"), terms, at(2)), [id(3), id(1), id(2)]);
    }

    fn policy(grace: u32) -> Policy {
        let text = format!(
            "version: 1\ndefaults: {{min_age: 0h, superseded_grace: {grace}h, floor: 1}}\nfamilies:\n  - {{name: all, match: \"**\", keep: [{{last: 1}}]}}\n"
        );
        Policy::load(&text, "p").unwrap()
    }

    proptest! {
        #[test]
        fn a_build_on_a_list_is_pruned_by_no_plan_of_the_same_instant(
            builds in 1i64..9,
            moves in prop::collection::vec((0i64..12, 0i64..60), 0..12),
            (current, now, grace, newest) in (0i64..12, 0i64..90, 0u32..60, 1usize..6),
        ) {
            let mut census = Census::empty(at(now));
            let build = |number| BuildCensus {
                created: Some(at(number)),
                published: Some(at(number)),
                result: crate::model::Outcome::Success,
                ..BuildCensus::named(id(number).name)
            };
            let stream = "m/c".parse().unwrap();
            census.streams.push(StreamCensus { stream, builds: (0..builds).map(build).collect() });
            // Some of the former builds are deleted.
            let mut moves: Vec<AliasMove> = (moves.into_iter())
                .map(|(from, hours)| AliasMove { from: Some(id(from).as_path()), to: None, at: at(hours), by_hand: false, replaced: false })
                .collect();
            moves.sort_by_key(|step| step.at);
            let target = (current < builds).then(|| id(current).as_path());
            let name = path("m/c/latest");
            census.aliases.push(AliasCensus { path: name.clone(), target, required: false, moves, problem: None });
            let policy = policy(grace);
            let listed = list(&names(&census), &name, Terms { policy: Some(&policy), newest }, at(now));
            prop_assert_eq!(listed.first().cloned(), (current < builds).then(|| id(current)));
            prop_assert!(listed.len() <= newest);
            let plan = retain(&census, &policy, at(now), &PreviousRuns::default());
            for (nth, build) in listed.iter().enumerate() {
                let verdict = plan.verdict(build).unwrap();
                prop_assert!(verdict.fate != Fate::Expire, "{build}: {verdict:?}");
                // A build of the future has no verdict, and stays.
                let protected = verdict.reasons.iter().any(|reason| reason.protects);
                prop_assert!(protected || verdict.fate == Fate::Blocked, "{build}: {verdict:?}");
                prop_assert!(!listed[..nth].contains(build));
            }
        }
    }
}
