//! What may be deleted: from a census, a policy and an instant, one verdict for each build, with every reason.
//!
//! Nothing here looks at a store or a clock, so that a plan can be repeated, explained and tested anywhere. The order
//! is: protections, floor, rules, what kept builds need; then, if the disk fills, what ranges leave open; then
//! brakes, which only withhold. Whatever is not known is a reason to keep.

mod archive;
mod brake;
mod draft;
mod judge;
mod keep;
mod near_miss;
mod needs;
mod plan;
mod pressure;
mod previous_runs;
mod ranking;
mod shield;

pub use near_miss::{Lasting, NearMiss};
pub use plan::{Fate, GoesTo, Miss, PLAN_VERSION, PartFate, Plan, PlanOutcome, Reason, Totals, Verdict};
pub use previous_runs::{PreviousRuns, Space};

use super::policy::{Level, Policy};
use crate::census::Census;
use crate::model::{BuildId, Stamp};
use draft::Drafts;
use keep::View;
use needs::Needs;
use shield::{Places, Shields};
use std::collections::{BTreeMap, HashMap};

/// Returns the verdicts of the policy on every build of the census at `now`.
pub fn retain(census: &Census, policy: &Policy, now: Stamp, past: &PreviousRuns) -> Plan {
    let ids: Vec<BuildId> = census.builds().map(|(id, _)| id).collect();
    let places = Places::of(census);
    let needs = Needs::of(census, &ids);
    let mut shields = Shields::raise(census, &places);
    let mut warnings = std::mem::take(&mut shields.warnings);
    warnings.extend(needs.warnings.clone());
    warnings.extend(strangers(census, policy));
    warnings.extend(calendars(policy));
    warnings.extend(past.warnings.iter().cloned());
    let look =
        |policy, level| judge::judge(census, &ids, &needs, &View { policy, now, level, shields: &shields });
    let mut drafts = look(policy, Level::Normal);
    if let Some(measured) = &past.measured {
        for (draft, id) in drafts.all.iter_mut().zip(&ids) {
            draft.bytes = measured.get(id).copied().unwrap_or(0);
        }
    }
    let shortfall = policy
        .pressure
        .zip(past.space)
        .and_then(|(pressure, space)| pressure::wanted(pressure, space, past.under_pressure))
        .map(|wanted| pressure::press(&mut drafts, look(policy, Level::Pressed), &needs, wanted));
    let mut refusals = past.refusals(policy, now, ids.len(), false);
    freeze(&mut drafts, census, &shields, past);
    let before = past.previous.as_ref().filter(|previous| previous.digest != policy.digest);
    let before = before.map(|previous| look(previous, Level::Normal));
    let before_brakes = drafts.changing().count();
    let unbraked = past.accepted.map(|_| drafts.clone());
    brake::hold(&mut drafts, census, policy, past, before.as_ref());
    brake::keep_needed(&mut drafts, &needs);
    let waived = past.refusals(policy, now, ids.len(), true);
    let braked = drafts.changing().count() < before_brakes || waived.len() < refusals.len();
    let mut acceptable = before_brakes > 0 && braked && waived.is_empty();
    refuse(&mut drafts, &refusals);
    let mut builds = drafts.verdicts(&ids, past.measured.is_some());
    archive::direct(&mut builds, policy, now);
    let digest = plan::digest(past.mirror.as_deref(), &builds);
    if past.accepted == Some(digest)
        && let Some(mut drafts) = unbraked
    {
        refusals = waived;
        acceptable = false;
        brake::keep_needed(&mut drafts, &needs);
        refuse(&mut drafts, &refusals);
        builds = drafts.verdicts(&ids, past.measured.is_some());
        archive::direct(&mut builds, policy, now);
    }
    warnings.extend(given_up(census, policy, &shields, &mut builds));
    let mut ignored: Vec<String> = census.strays.iter().map(|stray| stray.path.clone()).collect();
    ignored.sort();
    warnings.sort();
    warnings.dedup();
    let shortfall = shortfall.filter(|lacking| *lacking > 0);
    let mut plan = Plan {
        plan: PLAN_VERSION,
        at: now,
        digest,
        outcome: PlanOutcome::Ok,
        builds,
        ignored,
        warnings,
        refusals,
        acceptable,
        shortfall,
        totals: Totals::default(),
    };
    plan.total();
    plan.outcome = outcome(&plan);
    plan
}

/// Returns how a plan may be carried out: the gravest status that applies.
///
/// What `max_per_run` withholds is deleted by the next runs and needs no person.
fn outcome(plan: &Plan) -> PlanOutcome {
    let held = plan.builds.iter().any(|verdict| verdict.is_held_back() && !verdict.waits_its_turn());
    [
        (!plan.refusals.is_empty(), PlanOutcome::Refused),
        (plan.shortfall.is_some(), PlanOutcome::Shortfall),
        (plan.totals.blocked > 0, PlanOutcome::Blocked),
        (held, PlanOutcome::Withheld),
    ]
    .into_iter()
    .find_map(|(is, outcome)| is.then_some(outcome))
    .unwrap_or(PlanOutcome::Ok)
}

/// Withholds everything in frozen streams.
fn freeze(drafts: &mut Drafts<'_>, census: &Census, shields: &Shields<'_>, past: &PreviousRuns) {
    for (number, stream) in census.streams.iter().enumerate() {
        let Some(why) = shields.frozen.get(&number).or_else(|| past.frozen.get(&stream.stream)) else {
            continue;
        };
        let inside: Vec<usize> = (0..drafts.len()).filter(|index| drafts.stream(*index) == number).collect();
        drafts.withhold(&inside, "freeze", why);
        for draft in drafts.all.iter_mut().filter(|draft| draft.stream == number) {
            draft.keep_parts();
        }
    }
}

/// Withholds everything.
fn refuse(drafts: &mut Drafts<'_>, refusals: &[String]) {
    if let Some(why) = refusals.first() {
        let all: Vec<usize> = (0..drafts.len()).collect();
        drafts.withhold(&all, "refused", why);
        drafts.all.iter_mut().for_each(draft::Draft::keep_parts);
    }
}

/// Notes at each build that expires although a copy elsewhere lacks what retired it, that it waited long enough, and returns a
/// warning for each copy.
fn given_up(census: &Census, policy: &Policy, shields: &Shields<'_>, builds: &mut [Verdict]) -> Vec<String> {
    let Some(mirrored) = policy.mirrored.as_ref().filter(|_| !census.targets.is_empty()) else {
        return Vec::new();
    };
    let mut going: HashMap<BuildId, &mut Verdict> = (builds.iter_mut())
        .filter(|verdict| verdict.fate == Fate::Expire)
        .map(|verdict| (verdict.id.clone(), verdict))
        .collect();
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for (index, (id, build)) in census.builds().enumerate() {
        let Some(verdict) = going.get_mut(&id) else { continue };
        let item = ranking::Item { index, created: build.created.unwrap_or_default(), build };
        for target in shields.given_up(mirrored, &item) {
            *counts.entry(target).or_default() += 1;
            let rule = format!("mirrored {}", mirrored.at_most).into();
            verdict.misses.push(Miss { rule, near: NearMiss::GivenUp(target.to_owned()) });
        }
    }
    let text = |(target, count): (&str, u64)| {
        format!(
            "the copy `{target}` lacks what retired builds, {count} of which expire since they waited long enough"
        )
    };
    counts.into_iter().map(text).collect()
}

/// Warns of streams that no family matches.
fn strangers(census: &Census, policy: &Policy) -> Vec<String> {
    let strange = census.lines().filter(|stream| policy.family(&stream.stream).is_none());
    strange
        .map(|stream| format!("no family fits the stream `{}`; all its builds are kept", stream.stream))
        .collect()
}

/// Warns of calendars that rules name and the policy does not define.
fn calendars(policy: &Policy) -> Vec<String> {
    let rules = policy.families.iter().flat_map(super::policy::Family::all_rules);
    let named = rules.filter_map(|rule| match &rule.keep {
        super::policy::Keep::Periods(of, ..) if !policy.events.contains_key(of) => Some(of),
        _ => None,
    });
    named
        .map(|of| format!("the policy has no events `{of}`; rules that count them keep everything"))
        .collect()
}
