//! Where an alias should point.
//!
//! An alias only moves forward, to the build that was just published or labelled, and only if that is newer than its
//! target, so an alias that a person set back stays until a newer build comes. A missing or broken alias moves to the
//! newest build that meets its condition.

use crate::census::BuildCensus;
use crate::layout::{AliasRule, Condition, Layout};
use crate::model::{BuildId, BuildName, CLOCK_SKEW, Stamp, Stream, Version};

/// The order of the builds of a stream: by the versions in their names if the layout has such fields, then by time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Age {
    versions: Vec<Version>,
    created: Option<Stamp>,
    seq: u64,
}

impl Age {
    /// Returns the place of a build in the order of its stream.
    pub fn of(layout: &Layout, stream: &Stream, build: &BuildCensus) -> Self {
        let versions = layout.versions(&BuildId::new(stream.clone(), build.build.clone()));
        Self { versions, created: build.created, seq: build.seq }
    }
}

/// The present target of an alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Current {
    /// The alias is missing, or resolves to nothing.
    Nowhere,
    /// A build of its stream.
    Build(BuildName),
    /// Something else, which a person chose.
    Elsewhere,
}

/// Returns whether a build meets the condition of an alias; one that cannot be judged meets none.
pub fn meets(condition: &Condition, build: &BuildCensus) -> bool {
    build.problem.is_none()
        && build.created.is_some()
        && condition.is_met(build.result, |key| build.labels.get(key).map(|label| &*label.value))
}

/// Returns the latest instant at which a build can have been made, if clocks differ.
pub fn latest(now: Stamp) -> Stamp {
    now.checked_add(CLOCK_SKEW).unwrap_or(now)
}

/// Returns the build of the highest rank that meets a condition and was not made after `latest`.
pub fn newest<'a, R: Ord>(
    condition: &Condition,
    builds: &'a [BuildCensus],
    latest: Stamp,
    rank: impl Fn(&BuildCensus) -> R,
) -> Option<&'a BuildCensus> {
    let fits = |build: &&BuildCensus| meets(condition, build) && !build.is_after(latest);
    builds.iter().filter(fits).max_by_key(|build| (rank(build), build.build.clone()))
}

/// Returns the build to which the alias should move; nothing if it stays.
pub fn follow<'a>(
    rule: &AliasRule,
    builds: &'a [BuildCensus],
    current: &Current,
    changed: Option<&BuildName>,
    latest: Stamp,
    age: impl Fn(&BuildCensus) -> Age,
) -> Option<&'a BuildName> {
    let find = |name: &BuildName| builds.iter().find(|build| build.build == *name);
    match current {
        Current::Nowhere => newest(&rule.when, builds, latest, age).map(|build| &build.build),
        Current::Elsewhere => None,
        Current::Build(at) => {
            let fits = |build: &&BuildCensus| meets(&rule.when, build) && !build.is_after(latest);
            let candidate = changed.and_then(find).filter(fits)?;
            let newer = find(at).is_none_or(|at| age(at) < age(candidate));
            newer.then_some(&candidate.build)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{OneOrMany, Outcome};
    use proptest::prelude::*;

    fn build(day: u32, result: Outcome) -> BuildCensus {
        let name: BuildName = format!("202401{day:02}T000000Z").parse().unwrap();
        let created = name.as_str().parse().ok();
        BuildCensus { created, result, ..BuildCensus::named(name) }
    }

    fn time(build: &BuildCensus) -> Age {
        Age { versions: Vec::new(), created: build.created, seq: build.seq }
    }

    fn now() -> Stamp {
        "20240120T000000Z".parse().unwrap()
    }

    fn latest() -> AliasRule {
        let when =
            Condition { results: vec![Outcome::Success], labels: std::collections::BTreeMap::default() };
        AliasRule { name: "latest_build".to_owned(), when, required: true }
    }

    prop_compose! {
        fn some_builds()(results in prop::collection::vec(prop::bool::ANY, 1..9)) -> Vec<BuildCensus> {
            let outcome = |good: &bool| if *good { Outcome::Success } else { Outcome::Fail };
            results.iter().zip(1..).map(|(good, day)| build(day, outcome(good))).collect()
        }
    }

    proptest! {
        #[test]
        fn latest_never_goes_backwards_and_never_to_a_failure(builds in some_builds(), at in 0usize..9, changed in 0usize..9) {
            let (at, changed) = (&builds[at % builds.len()], &builds[changed % builds.len()]);
            let moved = follow(&latest(), &builds, &Current::Build(at.build.clone()), Some(&changed.build), now(), time);
            if let Some(to) = moved {
                let to = builds.iter().find(|build| build.build == *to).unwrap();
                prop_assert!(to.created > at.created);
                prop_assert_eq!(to.result, Outcome::Success);
            } else {
                prop_assert!(changed.result != Outcome::Success || changed.created <= at.created);
            }
        }

        #[test]
        fn a_missing_alias_goes_to_the_newest_success(builds in some_builds()) {
            let newest = builds.iter().rev().find(|build| build.result == Outcome::Success);
            prop_assert_eq!(follow(&latest(), &builds, &Current::Nowhere, None, now(), time), newest.map(|build| &build.build));
        }
    }

    #[test]
    fn a_condition_takes_any_of_its_values() {
        let sanity = |value: &str| {
            let value =
                crate::census::LabelCensus { value: value.to_owned(), since: None, who: None, url: None };
            let labels = [("sanity".to_owned(), value)].into_iter().collect();
            BuildCensus { labels, ..build(1, Outcome::Success) }
        };
        let values: OneOrMany = serde_yaml::from_str("[yellow, green]").unwrap();
        let condition = Condition { labels: [("sanity".to_owned(), values)].into(), ..latest().when };
        assert!(meets(&condition, &sanity("yellow")) && meets(&condition, &sanity("green")));
        assert!(!meets(&condition, &sanity("red")) && !meets(&condition, &build(1, Outcome::Success)));
    }

    #[test]
    fn a_build_that_cannot_be_judged_meets_no_condition() {
        let good = build(1, Outcome::Success);
        let damaged = BuildCensus { problem: Some("its record".to_owned()), ..good.clone() };
        let timeless = BuildCensus { created: None, ..good.clone() };
        let any = Condition { results: vec![Outcome::Success, Outcome::Fail], ..latest().when };
        assert!(meets(&any, &good));
        assert!(!meets(&any, &damaged) && !meets(&any, &timeless));
        assert_eq!(follow(&latest(), &[damaged, timeless], &Current::Nowhere, None, now(), time), None);
    }

    #[test]
    fn a_build_that_was_made_later_than_now_is_nobodys_newest() {
        let builds = [build(19, Outcome::Success), build(21, Outcome::Success)];
        let (today, tomorrow) = (&builds[0].build, &builds[1].build);
        let at = Current::Build(today.clone());
        assert_eq!(follow(&latest(), &builds, &Current::Nowhere, None, now(), time), Some(today));
        assert_eq!(follow(&latest(), &builds, &at, Some(tomorrow), now(), time), None);
        let skewed: Stamp = "20240120T233000Z".parse().unwrap();
        assert_eq!(
            follow(&latest(), &builds, &at, Some(tomorrow), super::latest(skewed), time),
            Some(tomorrow)
        );
    }

    #[test]
    fn what_was_set_by_hand_stays_until_something_newer_comes() {
        let builds = [build(1, Outcome::Success), build(2, Outcome::Success), build(3, Outcome::Success)];
        let (one, two, three) = (&builds[0].build, &builds[1].build, &builds[2].build);
        let back = Current::Build(one.clone());
        assert_eq!(follow(&latest(), &builds, &back, None, now(), time), None);
        assert_eq!(follow(&latest(), &builds, &back, Some(one), now(), time), None);
        assert_eq!(
            follow(&latest(), &builds, &Current::Build(two.clone()), Some(three), now(), time),
            Some(three)
        );
        assert_eq!(follow(&latest(), &builds, &Current::Elsewhere, Some(three), now(), time), None);
    }
}
