//! Random censuses and policies, and what a plan says of them.

use mirrorkeep::census::{AliasCensus, AliasMove, BuildCensus, Census, Hold, LabelCensus, StreamCensus};
use mirrorkeep::decide::policy::Policy;
use mirrorkeep::decide::{Fate, Plan, PreviousRuns, retain};
use mirrorkeep::model::{BuildId, Outcome, Stamp};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// The first instant of every world.
pub(super) const START: i64 = 1_700_000_000;
pub(super) const HOUR: i64 = 3600;
pub(super) const DAY: i64 = 24 * HOUR;

pub(super) fn at(seconds: i64) -> Stamp {
    Stamp::from_unix(START + seconds).unwrap()
}

/// One build as numbers: hour, result, sanity, hours until published, hold until (days), what it needs.
#[derive(Debug, Clone)]
pub(super) struct Seed {
    pub(super) hour: i64,
    pub(super) result: u8,
    pub(super) sanity: u8,
    pub(super) wait: i64,
    pub(super) hold: Option<i64>,
    pub(super) needs: Option<(usize, usize)>,
}

/// A census as numbers: builds by stream, and which build of a stream an alias leads to or left.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) streams: Vec<Vec<Seed>>,
    pub(super) alias: Vec<Option<usize>>,
    pub(super) left: Vec<Option<(usize, i64)>>,
}

prop_compose! {
    fn seed()(
        hour in 0i64..1200,
        result in prop_oneof![6 => Just(0u8), 2 => Just(1), 1 => Just(2), 1 => Just(3), 1 => Just(4)],
        sanity in 0u8..3,
        wait in 0i64..6,
        hold in prop::option::weighted(0.08, 0i64..60),
        needs in prop::option::weighted(0.1, (0usize..3, 0usize..14)),
    ) -> Seed {
        Seed { hour, result, sanity, wait, hold, needs }
    }
}

prop_compose! {
    pub(super) fn world()(
        streams in prop::collection::vec(prop::collection::vec(seed(), 0..14), 1..4),
        alias in prop::collection::vec(prop::option::of(0usize..14), 3),
        left in prop::collection::vec(prop::option::of((0usize..14, 0i64..1300)), 3),
    ) -> World {
        World { streams, alias, left }
    }
}

pub(super) const STREAMS: [&str; 3] = ["master/debian", "feature/x/debian", "rc/10.0/debian"];

impl World {
    /// Returns the census; builds of one hour are told apart by their respin.
    pub(super) fn census(&self) -> Census {
        let mut census = Census::empty(at(0));
        for (number, seeds) in self.streams.iter().enumerate() {
            let builds = seeds.iter().enumerate().map(|(index, seed)| self.build(index, seed)).collect();
            census.streams.push(StreamCensus { stream: STREAMS[number].parse().unwrap(), builds });
        }
        for (number, (alias, left)) in self.alias.iter().zip(&self.left).enumerate() {
            let Some(stream) = census.streams.get(number) else { continue };
            let path = |index: &usize| {
                let build = stream.builds.get(*index)?;
                stream.stream.as_path().child(build.build.as_str()).ok()
            };
            let Some(target) = alias.as_ref().and_then(path) else { continue };
            let moves = left.iter().filter_map(|(from, hour)| {
                Some(AliasMove {
                    from: Some(path(from)?),
                    to: None,
                    at: at(hour * HOUR),
                    by_hand: false,
                    replaced: false,
                })
            });
            census.aliases.push(AliasCensus {
                path: stream.stream.as_path().child("latest_build").unwrap(),
                target: Some(target),
                required: false,
                moves: moves.collect(),
                problem: None,
            });
        }
        census
    }

    fn build(&self, index: usize, seed: &Seed) -> BuildCensus {
        let created = at(seed.hour * HOUR);
        let results = [Outcome::Success, Outcome::Fail, Outcome::Empty, Outcome::Partial, Outcome::Unknown];
        let sanity = ["green", "red", "yellow"][usize::from(seed.sanity)];
        let label = LabelCensus { value: sanity.to_owned(), since: Some(created), who: None, url: None };
        let published = at((seed.hour + seed.wait) * HOUR);
        let needs = seed.needs.and_then(|(stream, build)| {
            let other = self.streams.get(stream)?.get(build)?;
            format!("{}/{}", STREAMS[stream], name(build, other)).parse().ok()
        });
        BuildCensus {
            created: Some(created),
            seq: index as u64,
            published: Some(published),
            // A publish that found nothing changed some days later.
            confirmed_at: (seed.sanity == 1).then(|| published.checked_add(seed.wait * DAY).unwrap()),
            last_activity: Some(published),
            result: results[usize::from(seed.result)],
            labels: [("sanity".to_owned(), label)].into_iter().collect(),
            holds: seed.hold.iter().map(|day| hold(at(day * DAY))).collect(),
            requires: needs.into_iter().collect(),
            bytes: Some(100 + index as u64),
            ..BuildCensus::named(name(index, seed).parse().unwrap())
        }
    }
}

fn name(index: usize, seed: &Seed) -> String {
    format!("{}.{index}", at(seed.hour * HOUR))
}

pub(super) fn hold(until: Stamp) -> Hold {
    Hold { who: "ops".to_owned(), why: "bug 7".to_owned(), until: Some(until), since: None }
}

/// A rule with a number that can be raised: `N` stands for it.
const RULES: [&str; 15] = [
    "last: N",
    "within: Nd",
    "within: Nd, basis: published",
    "within: Nd, basis: confirmed",
    "within: Nd, basis: superseded",
    "within: Nd, where: {sanity: green}",
    "last: N, where: {sanity: green}",
    "daily: {count: N}",
    "weekly: {count: N}",
    "monthly: {count: N}",
    "weekly: {within: Nd}",
    "daily: {count: N, pick: oldest}",
    "label: {sanity: green}, within: Nd",
    "within: Nd, basis: left(latest_build)",
    "periods: {of: release, n: N}",
];

/// A policy as numbers.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) keep: Vec<(usize, u32)>,
    pub(super) failed: Vec<(usize, u32)>,
    pub(super) floor: u32,
    pub(super) min_age: u32,
    pub(super) grace: u32,
}

prop_compose! {
    pub(super) fn rules()(
        keep in prop::collection::vec((0..RULES.len(), 1u32..20), 0..4),
        failed in prop::collection::vec((0..RULES.len(), 1u32..10), 0..3),
        floor in 1u32..4,
        min_age in 0u32..48,
        grace in 0u32..48,
    ) -> Rules {
        Rules { keep, failed, floor, min_age, grace }
    }
}

impl Rules {
    /// Returns the policy file; `more` is put at its end.
    pub(super) fn text(&self, more: &str) -> String {
        let list = |rules: &[(usize, u32)]| -> String {
            rules
                .iter()
                .map(|(rule, n)| format!("      - {{{}}}\n", RULES[*rule].replace('N', &n.to_string())))
                .collect()
        };
        let lane = |name: &str, rules: &[(usize, u32)]| match rules {
            [] => format!("    {name}: []\n"),
            rules => format!("    {name}:\n{}", list(rules)),
        };
        format!(
            "version: 1\nevents: {{release: [2023-11-20, 2023-12-01, 2023-12-20]}}\n\
             defaults: {{floor: {}, min_age: {}h, superseded_grace: {}h}}\n\
             families:\n  - name: all\n    match: \"**\"\n{}{}{more}",
            self.floor,
            self.min_age,
            self.grace,
            lane("keep", &self.keep),
            lane("failed", &self.failed)
        )
    }

    pub(super) fn policy(&self) -> Policy {
        policy(&self.text(""))
    }

    /// Returns whether it has one of these rules.
    pub(super) fn has(&self, word: &str) -> bool {
        self.keep.iter().chain(&self.failed).any(|(rule, _)| RULES[*rule].contains(word))
    }
}

#[track_caller]
pub(super) fn policy(text: &str) -> Policy {
    Policy::load(text, "p.yaml").unwrap_or_else(|error| panic!("{error}\n{text}"))
}

pub(super) fn plan(census: &Census, policy: &Policy, now: Stamp) -> Plan {
    retain(census, policy, now, &PreviousRuns::default())
}

/// Returns the builds with that fate.
pub(super) fn with(plan: &Plan, fate: Fate) -> BTreeSet<BuildId> {
    plan.builds.iter().filter(|verdict| verdict.fate == fate).map(|verdict| verdict.id.clone()).collect()
}

/// Returns the census without what a plan lets go, as a prune leaves it; history stays known.
pub(super) fn pruned(census: &Census, plan: &Plan) -> Census {
    let gone = with(plan, Fate::Expire);
    let mut census = census.clone();
    for stream in &mut census.streams {
        let all = stream.builds.clone();
        let name = stream.stream.clone();
        stream.builds.retain(|build| !gone.contains(&BuildId::new(name.clone(), build.build.clone())));
        for build in &mut stream.builds {
            let later = all.iter().filter(|other| {
                other.result == Outcome::Success && (other.created, other.seq) > (build.created, build.seq)
            });
            let first = later.filter_map(|other| other.published).min();
            build.superseded = [build.superseded, first].into_iter().flatten().min();
        }
    }
    census
}
