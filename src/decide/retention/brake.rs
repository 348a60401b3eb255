//! Brakes and freezes: what expired, but is not deleted now. They only withhold; nothing here deletes a build.

use crate::census::Census;
use crate::decide::policy::{Brake, Policy, PolicyChange};
use crate::decide::retention::archive;
use crate::decide::retention::draft::Drafts;
use crate::decide::retention::plan::{Fate, PartFate};
use crate::decide::retention::previous_runs::PreviousRuns;
use indicatif::HumanBytes;
use std::collections::{BTreeMap, HashSet};

/// Withholds what exceeds a brake, with the reason.
pub(super) fn hold(
    drafts: &mut Drafts<'_>,
    census: &Census,
    policy: &Policy,
    past: &PreviousRuns,
    before: Option<&Drafts<'_>>,
) {
    if past.first_run {
        let why = "the first deletion on a mirror with builds of other tools";
        let all: Vec<usize> = drafts.changing().collect();
        drafts.hold_back(&all, "first_run", why);
    }
    for (number, stream) in census.streams.iter().enumerate() {
        if let Some(why) = past.dropped.get(&stream.stream) {
            let inside: Vec<usize> =
                drafts.changing().filter(|index| drafts.stream(*index) == number).collect();
            drafts.hold_back(&inside, "freeze", why);
        }
    }
    if policy.brakes.policy_change == PolicyChange::Defer
        && let Some(before) = before
    {
        let rule = "policy_change defer";
        let why = "expires only because the policy was edited";
        let changed: Vec<usize> =
            drafts.expiring().filter(|index| before.fate(*index) != Fate::Expire).collect();
        drafts.withhold(&changed, rule, why);
        if let Some(previous) = &past.previous {
            let why = "goes to the trash and not to an archive only because the policy was edited";
            let lost = archive::loses(drafts, census, policy, previous);
            drafts.withhold(&lost, rule, why);
        }
        for (draft, old) in drafts.all.iter_mut().zip(&before.all).filter(|(_, old)| old.fate != Fate::Expire)
        {
            draft.withhold_parts(|name| old.parts.get(name) != Some(&PartFate::Expire), rule, why);
        }
    }
    let mut lines: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for index in drafts.changing() {
        lines.entry(drafts.stream(index)).or_default().push(index);
    }
    for (stream, expiring) in lines {
        let total = drafts.stream_size(stream);
        if let Some(why) = exceeded(&policy.brakes.stream, &expiring, total, drafts) {
            drafts.hold_back(&expiring, &format!("brake stream {}", why.0), &why.1);
        }
    }
    if let Some(most) = policy.brakes.max_per_run {
        let mut order: Vec<usize> = drafts.changing().collect();
        order.sort_by_key(|index| drafts.age(*index));
        let later = order.get(most..).unwrap_or_default().to_vec();
        drafts.hold_back(&later, &format!("max_per_run {most}"), "older builds are deleted first");
    }
    let all: Vec<usize> = drafts.changing().collect();
    let total = past.last_count.unwrap_or(0).max(drafts.len());
    if let Some(why) = exceeded(&policy.brakes.run, &all, total, drafts) {
        drafts.hold_back(&all, &format!("brake run {}", why.0), &why.1);
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
        return Some((format!("count {most}"), would(expiring, None, drafts)));
    }
    #[expect(clippy::cast_precision_loss, reason = "there are fewer builds than a double holds exactly")]
    let share = |part: usize| part as f64 * 100.0 / total.max(1) as f64;
    if let Some((percent, sample)) = brake.percent
        && total >= sample
        && share(going) > percent
    {
        return Some((format!("percent {percent}"), would(expiring, Some(total), drafts)));
    }
    let each = expiring.iter().map(|index| drafts.bytes(*index));
    let bytes = each.fold(0, u64::saturating_add);
    brake.bytes.filter(|most| bytes > *most).map(|most| {
        let would = would(expiring, None, drafts);
        (format!("bytes {}", HumanBytes(most)), format!("{would}, {} in all", HumanBytes(bytes)))
    })
}

/// Returns how many builds would be deleted, and how many would lose parts.
fn would(changing: &[usize], total: Option<usize>, drafts: &Drafts<'_>) -> String {
    let trimmed = changing.iter().filter(|index| drafts.fate(**index) == Fate::Keep).count();
    let of = total.map(|total| format!(" of {total}")).unwrap_or_default();
    match (changing.len() - trimmed, trimmed) {
        (going, 0) => format!("{going}{of} builds would expire"),
        (0, trimmed) => format!("{trimmed}{of} builds would lose parts"),
        (going, trimmed) => format!("{going}{of} builds would expire, {trimmed} would lose parts"),
    }
}

/// Withholds what a build needs that stays after all.
pub(super) fn keep_needed(drafts: &mut Drafts<'_>, needs: &crate::decide::retention::needs::Needs) {
    let mut open: Vec<usize> =
        (0..drafts.len()).filter(|index| drafts.fate(*index) != Fate::Expire).collect();
    let mut found: HashSet<usize> = HashSet::new();
    let why = "a build that is withheld needs it";
    while let Some(build) = open.pop() {
        for wanted in needs.of_build(build) {
            if drafts.fate(build) == Fate::Withheld
                && let Some(draft) = drafts.all.get_mut(*wanted)
            {
                draft.withhold_parts(|_| true, "requires", why);
            }
            if drafts.fate(*wanted) == Fate::Expire && found.insert(*wanted) {
                open.push(*wanted);
            }
        }
    }
    let found: Vec<usize> = found.into_iter().collect();
    drafts.withhold(&found, "requires", why);
}
