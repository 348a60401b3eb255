//! What kept builds need is kept: the closure over `requires` (S8).
//!
//! A symlink inside a kept build into another one is such a need. Links inside expiring builds protect nothing, so
//! that builds which need each other do not live forever.

use crate::census::Census;
use crate::decide::retention::plan::Reason;
use crate::model::{BuildId, Stamp};
use std::collections::HashMap;

/// Which build needs which, by their places in the census.
#[derive(Debug, Default)]
pub(super) struct Needs {
    needed: HashMap<usize, Vec<usize>>,
    /// Needs for builds that do not exist.
    pub warnings: Vec<String>,
}

impl Needs {
    /// Reads the needs of every build.
    pub(super) fn of(census: &Census, ids: &[BuildId]) -> Self {
        let mut needs = Self::default();
        if census.builds().all(|(_, build)| build.requires.is_empty()) {
            return needs;
        }
        let places: HashMap<&BuildId, usize> = ids.iter().zip(0..).collect();
        for ((_, build), index) in census.builds().zip(0..) {
            for wanted in &build.requires {
                match places.get(wanted) {
                    Some(found) if *found != index => needs.needed.entry(index).or_default().push(*found),
                    Some(_) => {}
                    None => needs.warnings.push(format!(
                        "`{}` needs `{wanted}`, which is missing",
                        ids.get(index).map(ToString::to_string).unwrap_or_default()
                    )),
                }
            }
        }
        needs
    }

    /// Returns what each build needs.
    pub(super) fn of_build(&self, build: usize) -> &[usize] {
        self.needed.get(&build).map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns a reason for each build that one of `kept` needs, directly or not.
    ///
    /// `kept` has the last instant of each; nothing if it does not depend on time. Each build is reached first from
    /// the one that stays longest, so that its reason holds as long as it is needed.
    pub(super) fn closure(
        &self,
        mut kept: Vec<(usize, Option<Stamp>)>,
        ids: &[BuildId],
    ) -> HashMap<usize, Reason> {
        let mut reasons: HashMap<usize, Reason> = HashMap::new();
        if self.needed.is_empty() {
            return reasons;
        }
        kept.sort_by(|(a, until_a), (b, until_b)| {
            let last = |until: &Option<Stamp>| until.unwrap_or(Stamp::MAX);
            last(until_b).cmp(&last(until_a)).then(a.cmp(b))
        });
        for (from, until) in kept {
            let mut open = vec![from];
            while let Some(build) = open.pop() {
                for wanted in self.of_build(build) {
                    if reasons.contains_key(wanted) || *wanted == from {
                        continue;
                    }
                    let by = ids.get(build).map(ToString::to_string);
                    reasons.insert(*wanted, Reason { until, ..Reason::lasting("requires", by).protecting() });
                    open.push(*wanted);
                }
            }
        }
        reasons
    }
}
