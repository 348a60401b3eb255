//! Brakes and freezes: what may go, but not now. They only ever hold back; nothing here lets a build go.

use super::draft::Drafts;
use super::past::Past;
use super::plan::Fate;
use crate::census::Census;
use crate::decide::policy::{Brake, Policy, PolicyChange};
use std::collections::{BTreeMap, HashSet};

/// Holds back what the brakes hold back, with the reason.
pub(super) fn hold(
    drafts: &mut Drafts<'_>,
    census: &Census,
    policy: &Policy,
    past: &Past,
    before: Option<&HashSet<usize>>,
) {
    for (number, stream) in census.streams.iter().enumerate() {
        if let Some(why) = past.dropped.get(&stream.stream) {
            let inside: Vec<usize> =
                drafts.expiring().filter(|index| drafts.stream(*index) == number).collect();
            drafts.withhold(&inside, "freeze", why);
        }
    }
    if policy.brakes.policy_change == PolicyChange::Defer
        && let Some(before) = before
    {
        let changed: Vec<usize> = drafts.expiring().filter(|index| !before.contains(index)).collect();
        drafts.withhold(
            &changed,
            "policy_change defer",
            "the policy of the last run keeps it; accept the plan to let it go",
        );
    }
    let mut lines: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for index in drafts.expiring() {
        lines.entry(drafts.stream(index)).or_default().push(index);
    }
    for (stream, expiring) in lines {
        let total = drafts.stream_size(stream);
        if let Some(why) = exceeded(&policy.brakes.stream, &expiring, total, drafts) {
            drafts.withhold(&expiring, &format!("brake stream {}", why.0), &why.1);
        }
    }
    if let Some(most) = policy.brakes.max_per_run {
        let mut order: Vec<usize> = drafts.expiring().collect();
        order.sort_by_key(|index| drafts.age(*index));
        let later = order.get(most..).unwrap_or_default().to_vec();
        drafts.withhold(&later, &format!("max_per_run {most}"), "older builds go first");
    }
    let all: Vec<usize> = drafts.expiring().collect();
    let total = past.last_count.unwrap_or(0).max(drafts.len());
    if let Some(why) = exceeded(&policy.brakes.run, &all, total, drafts) {
        drafts.withhold(&all, &format!("brake run {}", why.0), &why.1);
    }
}

/// Returns which limit of a brake is exceeded, and by what.
fn exceeded(
    brake: &Brake,
    expiring: &[usize],
    total: usize,
    drafts: &Drafts<'_>,
) -> Option<(String, String)> {
    let going = expiring.len();
    if going == 0 {
        return None;
    }
    if let Some(most) = brake.count.filter(|most| going > *most) {
        return Some((format!("count {most}"), format!("{going} builds would go")));
    }
    #[expect(clippy::cast_precision_loss, reason = "there are fewer builds than a double holds exactly")]
    let share = |part: usize| part as f64 * 100.0 / total.max(1) as f64;
    if let Some((percent, sample)) = brake.percent
        && total >= sample
        && share(going) > percent
    {
        return Some((format!("percent {percent}"), format!("{going} of {total} builds would go")));
    }
    let bytes: u64 = expiring.iter().map(|index| drafts.bytes(*index)).sum();
    brake
        .bytes
        .filter(|most| bytes > *most)
        .map(|most| (format!("bytes {most}"), format!("{bytes} bytes would go")))
}

/// Holds back what a build that stays after all needs.
pub(super) fn keep_needed(drafts: &mut Drafts<'_>, needs: &super::needs::Needs) {
    let mut open: Vec<usize> =
        (0..drafts.len()).filter(|index| drafts.fate(*index) != Fate::Expire).collect();
    let mut found: HashSet<usize> = HashSet::new();
    while let Some(build) = open.pop() {
        for wanted in needs.of_build(build) {
            if drafts.fate(*wanted) == Fate::Expire && found.insert(*wanted) {
                open.push(*wanted);
            }
        }
    }
    let found: Vec<usize> = found.into_iter().collect();
    drafts.withhold(&found, "requires", "a build that is held back needs it");
}
