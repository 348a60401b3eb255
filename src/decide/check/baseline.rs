//! Findings that an earlier check already reported.

use crate::decide::check::Finding;
use serde::Deserialize;
use std::collections::BTreeSet;

/// The version of the answers of `check` that can be read.
const VERSION: u32 = 1;

/// The findings of an earlier check.
#[derive(Debug, Clone, Default)]
pub struct Baseline(BTreeSet<Known>);

/// What identifies a finding: code, path and what was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct Known {
    code: String,
    path: String,
    found: String,
}

#[derive(Deserialize)]
struct Answer {
    check: u32,
    findings: Vec<Known>,
    /// The findings of its own baseline.
    #[serde(default)]
    known: Option<Vec<Known>>,
}

impl Baseline {
    /// Parses the JSON answer of an earlier check.
    pub fn parse(text: &str) -> Result<Self, String> {
        let answer: Answer = serde_json::from_str(text)
            .map_err(|error| format!("{error}; the output of `mirrorkeep --json check` is accepted"))?;
        if answer.check != VERSION {
            return Err(format!("it has version {} of `check`; version {VERSION} is accepted", answer.check));
        }
        Ok(Self(answer.findings.into_iter().chain(answer.known.into_iter().flatten()).collect()))
    }

    /// Returns the new findings, and the others, each in their order.
    pub fn split(&self, findings: Vec<Finding>) -> (Vec<Finding>, Vec<Finding>) {
        findings.into_iter().partition(|found| {
            let known =
                Known { code: found.code.to_string(), path: found.path.clone(), found: found.found.clone() };
            !self.0.contains(&known)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::check::Code;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn only_an_answer_of_check_is_read() {
        for bad in ["", "[]", "{}", "{\"check\": 1}", "{\"check\": 1, \"codes\": []}", "{\"findings\": []}"] {
            let why = Baseline::parse(bad).unwrap_err();
            assert!(why.contains("`mirrorkeep --json check` is accepted"), "{bad}: {why}");
        }
        let why = Baseline::parse("{\"check\": 2, \"findings\": []}").unwrap_err();
        assert!(why.contains("version 2"), "{why}");
        // Codes of another version are not known here, and match nothing.
        let other = "{\"check\": 1, \"findings\": [{\"code\": \"x\", \"path\": \"a\", \"found\": \"b\"}]}";
        assert!(Baseline::parse(other).is_ok());
    }

    proptest! {
        #[test]
        fn what_is_in_the_answer_is_known_and_all_else_is_new(
            old in prop::collection::vec((0usize..3, 0usize..3, 0usize..2), 0..12),
            now in prop::collection::vec((0usize..3, 0usize..3, 0usize..2), 0..12),
            chained: bool,
        ) {
            let codes = [Code::NotServed, Code::SetId, Code::ContextMissing];
            let made = |of: &[(usize, usize, usize)]| -> Vec<Finding> {
                let one = |(code, path, found): &(usize, usize, usize)| {
                    Finding::new(codes[*code], ["a", "a/b", "c"][*path], ["x", "y"][*found], "z")
                };
                of.iter().map(one).collect()
            };
            let (old, now) = (made(&old), made(&now));
            let answer = if chained {
                json!({"check": 1, "findings": [], "known": old})
            } else {
                json!({"check": 1, "findings": old, "known": null, "builds": 3})
            };
            let (new, known) = Baseline::parse(&answer.to_string()).unwrap().split(now.clone());
            prop_assert!(known.iter().all(|found| old.contains(found)));
            prop_assert!(new.iter().all(|found| !old.contains(found)));
            prop_assert_eq!(new.len() + known.len(), now.len());
        }
    }
}
