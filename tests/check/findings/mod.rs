//! The findings of a check: each code has a sight that shows it, and a near miss that does not.

mod cases;
mod edges;
mod says;
mod sight;

use cases::CASES;
use mirrorkeep::decide::check::{Code, Finding, mends};
use proptest::prelude::*;
use sight::Sight;
use std::collections::BTreeSet;

/// What only registries show; `registry::checked` has their cases.
const OF_REGISTRIES: [Code; 4] =
    [Code::ImageMissing, Code::ImageChanged, Code::ImageTagMoved, Code::RegistryUnread];

#[test]
fn nothing_compliant_is_reported() {
    assert_eq!(Sight::good().findings(), []);
}

#[test]
fn each_code_is_shown_by_its_case_and_not_by_the_near_miss() {
    let mut wrong = Vec::new();
    for (code, shows, misses) in CASES {
        let codes = |change: &fn(&mut Sight)| -> BTreeSet<Code> {
            let mut sight = Sight::good();
            change(&mut sight);
            sight.findings().iter().map(|found| found.code).collect()
        };
        if !codes(shows).contains(code) {
            wrong.push(format!("{code} is not shown, but {:?}", codes(shows)));
        }
        if codes(misses).contains(code) {
            wrong.push(format!("{code} is shown by the near miss"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_code_has_a_case_and_one_word_of_its_own() {
    let with_case: BTreeSet<Code> = CASES.iter().map(|(code, ..)| *code).chain(OF_REGISTRIES).collect();
    let without: Vec<_> = Code::ALL.iter().filter(|code| !with_case.contains(code)).collect();
    assert!(without.is_empty(), "{without:?}");
    let words: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(words.len(), Code::ALL.len());
    assert!(Code::ALL.iter().all(|code| code.meaning().ends_with('.') && !code.hint().is_empty()));
}

#[test]
fn how_grave_a_finding_is_has_the_same_word_wherever_it_is_told() {
    for code in Code::ALL {
        let severity = code.severity();
        assert_eq!(serde_json::to_value(severity).unwrap(), severity.to_string());
    }
}

#[test]
fn the_page_of_findings_is_printed_from_the_table() {
    let page = include_str!("../../../docs/findings.md");
    assert_eq!(page, mirrorkeep::render::findings_page(), "run `mirrorkeep check --list > docs/findings.md`");
}

#[test]
fn no_hint_leaves_open_what_is_known() {
    for (code, shows, _) in CASES {
        let mut sight = Sight::good();
        shows(&mut sight);
        for found in sight.findings() {
            let words: Vec<&str> = found.hint.split(|c: char| !c.is_ascii_alphanumeric()).collect();
            let open = |word: &str| words.contains(&word);
            assert!(!open("ALIAS") && !open("ID"), "{code}: {}", found.hint);
            assert!(found.nearest.is_none() || !open("BUILD"), "{code}: {}", found.hint);
        }
    }
}

#[test]
fn a_hint_sets_the_alias_that_was_moved_back() {
    let mut sight = Sight::good();
    sight.seen.aliases[0].told = Some(Some(sight::path("master/centos/it's 1")));
    let found = sight.findings();
    let moved = found.iter().find(|found| found.code == Code::AliasMoved).unwrap();
    let command = format!("`mirrorkeep alias set {} 'master/centos/it'\\''s 1'`", moved.path);
    assert!(moved.hint.contains(&command), "{}", moved.hint);
}

fn all_findings(chosen: &[usize]) -> Vec<Finding> {
    let mut sight = Sight::good();
    for index in chosen {
        CASES[index % CASES.len()].1(&mut sight);
    }
    sight.findings()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn findings_are_sorted_and_none_is_told_twice(chosen in prop::collection::vec(0usize..100, 0..6)) {
        let found = all_findings(&chosen);
        prop_assert!(found.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn what_cannot_be_mended_safely_is_never_mended(chosen in prop::collection::vec(0usize..100, 0..6)) {
        let found = all_findings(&chosen);
        let safe = [
            Code::TmpStale,
            Code::UploadUnfinished,
            Code::NotServed,
            Code::AliasAbsolute,
            Code::RecordMissing,
            Code::ReadersStale,
        ];
        for mend in mends(&found) {
            prop_assert!(found.iter().any(|found| found.path == mend.path && safe.contains(&found.code)));
        }
    }

    #[test]
    fn the_order_in_which_things_were_seen_does_not_matter(chosen in prop::collection::vec(0usize..100, 0..4)) {
        let mut sight = Sight::good();
        for index in &chosen {
            CASES[index % CASES.len()].1(&mut sight);
        }
        let wanted = sight.findings();
        sight.seen.aliases.reverse();
        sight.seen.records.reverse();
        sight.seen.unread.reverse();
        sight.builds.reverse();
        prop_assert_eq!(sight.findings(), wanted);
    }
}
