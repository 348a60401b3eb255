//! Which files of a build belong to the parts that expire.

use crate::decide::policy::{Part, Policy, fits};
use crate::decide::{PartFate, Verdict};
use crate::model::{BuildId, RelPath, is_sums};

/// Returns the parts of a build that its verdict deletes, or would delete without a brake.
pub(crate) fn going(policy: &Policy, verdict: &Verdict) -> Vec<Part> {
    let both = verdict.parts_with(PartFate::Expire).chain(verdict.parts_with(PartFate::Withheld));
    let names: Vec<String> = both.map(str::to_owned).collect();
    named(policy, &verdict.id, &names)
}

pub(crate) fn named(policy: &Policy, id: &BuildId, names: &[String]) -> Vec<Part> {
    let family = policy.family_or_stranger(&id.stream);
    family.parts.iter().filter(|part| names.contains(&part.name)).cloned().collect()
}

/// Returns whether a path in a build belongs to one of the parts.
pub(crate) fn goes(going: &[Part], inner: &RelPath) -> bool {
    let mut patterns = going.iter().flat_map(|part| &part.paths);
    !is_sums(inner.as_str()) && patterns.any(|pattern| fits(pattern, inner.as_str()))
}
