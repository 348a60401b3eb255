//! Repeated findings, grouped for people: those of one code in one stream.

use crate::decide::check::{Code, Finding};
use crate::layout::{Layout, Place};
use crate::model::RelPath;
use std::collections::BTreeMap;

/// The number of findings of one code in one stream that are listed one by one.
const SINGLY: usize = 3;

/// One finding, or several of one code in one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grouped<'a> {
    /// A finding that is listed by itself.
    One(&'a Finding),
    /// Findings that are counted.
    Many {
        /// The stream; outside the streams the directory.
        at: String,
        /// All of them, more than three, in the order of the list.
        findings: Vec<&'a Finding>,
    },
}

/// Groups more than three findings of one code in one stream; a group is at the place of its first.
pub fn grouped<'a>(findings: &'a [Finding], layout: &Layout) -> Vec<Grouped<'a>> {
    let mut of_code: BTreeMap<Code, usize> = BTreeMap::new();
    for found in findings {
        *of_code.entry(found.code).or_default() += 1;
    }
    let repeats = |code: &Code| of_code.get(code).is_some_and(|count| *count > SINGLY);
    let mut groups: BTreeMap<(Code, String), Vec<(usize, &Finding)>> = BTreeMap::new();
    let mut placed: BTreeMap<usize, Grouped<'a>> = BTreeMap::new();
    for (index, found) in findings.iter().enumerate() {
        if repeats(&found.code) {
            groups.entry((found.code, home(&found.path, layout))).or_default().push((index, found));
        } else {
            placed.insert(index, Grouped::One(found));
        }
    }
    for ((_, at), members) in groups {
        match members.first() {
            Some((first, _)) if members.len() > SINGLY => {
                let findings = members.iter().map(|(_, found)| *found).collect();
                placed.insert(*first, Grouped::Many { at, findings });
            }
            _ => placed.extend(members.into_iter().map(|(index, found)| (index, Grouped::One(found)))),
        }
    }
    placed.into_values().collect()
}

/// Returns the stream of a finding's path; outside the streams its directory.
fn home(path: &str, layout: &Layout) -> String {
    let Ok(path) = path.parse::<RelPath>() else {
        // A name that is not UTF-8 is not a path; the directory above it may be one.
        let above = path.rsplit_once('/').map(|(above, _)| above).unwrap_or_default();
        return above
            .parse::<RelPath>()
            .map_or_else(|_| above.to_owned(), |above| home_of(&above, &above, layout));
    };
    let above = path.parent().unwrap_or_default();
    home_of(&path, &above, layout)
}

fn home_of(path: &RelPath, above: &RelPath, layout: &Layout) -> String {
    let mut down: Vec<RelPath> = std::iter::once(path.clone()).chain(path.ancestors()).collect();
    down.reverse();
    let mut home = None;
    // From the top, since nothing below the end of a stream can be one, at any depth.
    for at in down {
        match layout.place(&at) {
            Place::Root | Place::Above => {}
            Place::Stream { stream } => home = Some(stream),
            Place::Build { build } | Place::Inside { build, .. } => {
                home = Some(build.stream);
                break;
            }
            Place::Beside { stream, .. } | Place::Alias { stream: Some(stream), .. } => {
                home = Some(stream);
                break;
            }
            Place::Alias { stream: None, .. } | Place::Declared { .. } | Place::Own | Place::Stray(_) => {
                break;
            }
        }
    }
    home.map_or_else(|| above.to_string(), |stream| stream.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn layout() -> Layout {
        Layout::load(Layout::shipped("starlingx").unwrap_or_default(), "starlingx").unwrap()
    }

    fn found(code: Code, path: &str) -> Finding {
        Finding::new(code, path, "this", "that")
    }

    fn groups(findings: &[Finding]) -> Vec<(String, usize)> {
        let told = |group: &Grouped<'_>| match group {
            Grouped::One(found) => (found.path.clone(), 1),
            Grouped::Many { at, findings } => (at.clone(), findings.len()),
        };
        grouped(findings, &layout()).iter().map(told).collect()
    }

    fn context(stream: &str, day: usize) -> Finding {
        found(Code::ContextMissing, &format!("{stream}/201812{day:02}T060000Z/outputs/CONTEXT"))
    }

    #[test]
    fn three_of_a_stream_are_listed_and_four_are_counted() {
        let mut all: Vec<Finding> = (1..=3).map(|day| context("master/centos", day)).collect();
        all.extend((1..=4).map(|day| context("master/debian", day)));
        let told = groups(&all);
        assert_eq!(told.len(), 4);
        assert_eq!(told.last(), Some(&("master/debian".to_owned(), 4)));
    }

    #[test]
    fn other_codes_stay_apart_and_the_order_is_that_of_the_first() {
        let mut all: Vec<Finding> = (1..=4).map(|day| context("master/centos", day)).collect();
        all.insert(1, found(Code::NotServed, "master/centos/20181201T060000Z/outputs"));
        all.insert(0, found(Code::UnknownClass, "a"));
        let told = groups(&all);
        let served = "master/centos/20181201T060000Z/outputs".to_owned();
        assert_eq!(told, [("a".to_owned(), 1), ("master/centos".to_owned(), 4), (served, 1)]);
    }

    #[test]
    fn outside_the_streams_a_directory_is_what_brings_together() {
        let mut all: Vec<Finding> = ["a", "b", "c", "d"].map(|at| found(Code::UnknownClass, at)).into();
        all.extend((0..4).map(|n| found(Code::TmpStale, &format!(".mirrorkeep/tmp/{n}"))));
        all.extend((0..4).map(|n| found(Code::OddName, &format!("master/centos/a\\x0{n}\u{1}"))));
        let told = groups(&all);
        let homes = [".", ".mirrorkeep/tmp", "master/centos"].map(|at| (at.to_owned(), 4));
        assert_eq!(told, homes);
    }

    proptest! {
        #[test]
        fn no_finding_is_lost_and_a_group_has_one_code_and_more_than_three(
            chosen in prop::collection::vec((0usize..3, 0usize..4, 1usize..28), 0..40)
        ) {
            let streams = ["master/centos", "master/debian", "nowhere/x", ".mirrorkeep/tmp"];
            let codes = [Code::ContextMissing, Code::NotServed, Code::MarkerMissing];
            let mut all: Vec<Finding> = chosen
                .iter()
                .map(|(code, at, day)| Finding { code: codes[*code], ..context(streams[*at], *day) })
                .collect();
            all.sort();
            let mut back = Vec::new();
            for group in grouped(&all, &layout()) {
                match group {
                    Grouped::One(found) => back.push(found.clone()),
                    Grouped::Many { findings, .. } => {
                        prop_assert!(findings.len() > SINGLY);
                        prop_assert!(findings.windows(2).all(|pair| pair[0].code == pair[1].code));
                        back.extend(findings.into_iter().cloned());
                    }
                }
            }
            back.sort();
            prop_assert_eq!(back, all);
        }
    }
}
