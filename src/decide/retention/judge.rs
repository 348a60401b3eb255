//! The verdicts before any brake: protections, floor, rules, needs.

use crate::decide::retention::draft::{Draft, Drafts};
use crate::decide::retention::keep::{Answer, View, ask};
use crate::decide::retention::needs::Needs;
use crate::decide::retention::plan::{Fate, Miss, PartFate, Reason};
use crate::decide::retention::ranking::{Item, OutcomeGroup, Ranking};

use crate::census::{BuildCensus, Census, StreamCensus};
use crate::decide::policy::{Basis, Family, Keep, Rule};
use crate::model::{BuildId, Outcome, Stream};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Judges every build of the census.
pub(super) fn judge<'a>(census: &'a Census, ids: &[BuildId], needs: &Needs, view: &View<'a>) -> Drafts<'a> {
    let mut drafts = Drafts { all: Vec::with_capacity(ids.len()), sizes: Vec::new() };
    let mut start = 0;
    for (number, stream) in census.streams.iter().enumerate() {
        let family = view.policy.family_or_stranger(&stream.stream);
        drafts.all.extend(stream.builds.iter().map(|build| draft(number, build)));
        drafts.sizes.push(stream.builds.len());
        let known = view.policy.family(&stream.stream).is_some();
        let (lines, undated) = lines(stream, start, family, &mut drafts, view);
        judge_undated(&mut drafts, &undated, &stream.stream, known.then_some(family), view);
        for items in lines.into_values() {
            let line = Ranking::of(items);
            for lane in &line.lanes {
                judge_lane(&mut drafts, &line, lane, known.then_some(family), view);
            }
        }
        start += stream.builds.len();
    }
    let stay = |fate| matches!(fate, Fate::Keep | Fate::Blocked);
    let kept = drafts.all.iter().enumerate().filter(|(_, draft)| stay(draft.fate)).map(|(index, draft)| {
        let until = draft.reasons.iter().map(|reason| reason.until).collect::<Option<Vec<_>>>();
        (index, until.and_then(|all| all.into_iter().max()))
    });
    for (index, reason) in needs.closure(kept.collect(), ids) {
        if let Some(draft) = drafts.all.get_mut(index) {
            draft.reasons.push(reason);
            draft.reasons.sort_by_key(|reason| !reason.protects);
            if draft.fate == Fate::Expire {
                draft.fate = Fate::Keep;
                draft.misses.clear();
            }
            draft
                .parts
                .values_mut()
                .filter(|fate| **fate == PartFate::Expire)
                .for_each(|fate| *fate = PartFate::Keep);
        }
    }
    drafts
}

fn draft(stream: usize, build: &BuildCensus) -> Draft<'_> {
    Draft {
        stream,
        age: (build.created, build.seq),
        bytes: build.bytes_alone.or(build.bytes).unwrap_or(0),
        fate: Fate::Blocked,
        result: build.result,
        reasons: Vec::new(),
        misses: Vec::new(),
        parts: BTreeMap::new(),
        parts_withheld: Vec::new(),
        pressed: false,
    }
}

/// The builds of a stream that are judged together, by the values of the labels that separate them.
type Lines<'a> = BTreeMap<Vec<Option<&'a str>>, Vec<Item<'a>>>;

/// Splits a stream into the sub-streams that its family separates, blocks what cannot be judged, and returns the
/// builds without a time separately.
fn lines<'a>(
    stream: &'a StreamCensus,
    start: usize,
    family: &Family,
    drafts: &mut Drafts<'_>,
    view: &View<'_>,
) -> (Lines<'a>, Vec<Item<'a>>) {
    let (mut lines, mut undated) = (Lines::new(), Vec::new());
    let mut names: HashMap<&str, usize> = HashMap::new();
    for build in &stream.builds {
        *names.entry(build.build.as_str()).or_default() += 1;
    }
    for (index, build) in (start..).zip(&stream.builds) {
        let twice = names.get(build.build.as_str()).is_some_and(|count| *count > 1);
        match why_blocked(build, twice, view) {
            Some(why) => {
                if let Some(draft) = drafts.all.get_mut(index) {
                    draft.reasons.push(Reason::lasting("blocked", why));
                }
            }
            None => {
                let value = |key: &String| build.labels.get(key).map(|label| label.value.as_str());
                let line = family.split.iter().map(value).collect();
                let item = Item { index, created: build.created.unwrap_or_default(), build };
                match build.created {
                    Some(_) => lines.entry(line).or_default().push(item),
                    None => undated.push(item),
                }
            }
        }
    }
    (lines, undated)
}

/// Judges builds without a known time: they are kept if a reason needs no time, and blocked otherwise. They compete
/// with no other build, so that they take no place from one.
fn judge_undated<'a>(
    drafts: &mut Drafts<'a>,
    undated: &[Item<'_>],
    stream: &Stream,
    family: Option<&'a Family>,
    view: &View<'a>,
) {
    let timeless = |rule: &&Rule| match &rule.keep {
        Keep::Forever => true,
        Keep::Within(_, basis) | Keep::Periods(_, _, basis) => {
            !matches!(basis, Basis::Created | Basis::Superseded)
        }
        Keep::Last(_) | Keep::Latest(..) | Keep::Each(..) => false,
    };
    for item in undated {
        let fallback_family = view.policy.fallback_family();
        let mut reasons = view.shields.of(item, family.unwrap_or(fallback_family), view.policy, view.now);
        match family.map(|family| family.rules(item.build.result)) {
            None => reasons.push(no_family()),
            Some(None) => reasons.push(unknown_result()),
            Some(Some(rules)) => {
                let line = Ranking::of(vec![*item]);
                for rule in rules.iter().filter(timeless) {
                    let answers = line.lanes.iter().flat_map(|lane| ask(view, rule, &line, lane));
                    reasons.extend(answers.filter_map(|answer| kept(rule, &answer)));
                }
            }
        }
        // The first hours after publishing and similar protections end soon, and the build cannot be judged then.
        let lasts = |reason: &Reason| reason.until.is_none() || !reason.protects || &*reason.rule == "hold";
        let is_kept = reasons.iter().any(lasts);
        if !is_kept {
            let id = BuildId::new(stream.clone(), item.build.build.clone());
            let why =
                format!("when it was made is not known; `mirrorkeep adopt --created TIME {id}` records it");
            reasons = vec![Reason::lasting("blocked", why)];
        } else if reasons.iter().all(|reason| reason.until.is_some()) {
            let why = "when it was made is not known, so no rule deletes it".to_owned();
            reasons.push(Reason::lasting("undated", why));
        }
        let Some(draft) = drafts.all.get_mut(item.index) else { continue };
        draft.reasons = reasons;
        if is_kept {
            draft.fate = Fate::Keep;
            for part in family.into_iter().flat_map(|family| &family.parts) {
                let gone = item.build.trimmed.contains(&part.name);
                draft.parts.insert(&part.name, if gone { PartFate::Gone } else { PartFate::Keep });
            }
        }
    }
}

fn no_family() -> Reason {
    Reason::lasting("no family", "no family of the policy fits the stream".to_owned())
}

fn unknown_result() -> Reason {
    Reason::lasting("unknown result", "how it went is not known".to_owned())
}

/// Returns the reason for which a rule keeps a build, if it does.
fn kept(rule: &Rule, answer: &Answer) -> Option<Reason> {
    let Answer::Kept { until, basis, detail } = answer else { return None };
    Some(Reason {
        rule: Arc::clone(&rule.name),
        basis: basis.clone(),
        until: *until,
        detail: detail.clone(),
        protects: false,
    })
}

/// Returns why a build cannot be judged.
fn why_blocked(build: &BuildCensus, twice: bool, view: &View<'_>) -> Option<String> {
    if let Some(problem) = &build.problem {
        return Some(problem.clone());
    }
    if twice {
        return Some("the census names it twice".to_owned());
    }
    let created = build.created?;
    let skew = view.policy.skew.seconds();
    // Without the time of now, so that the same mirror has the same reasons.
    (created.since(view.now) > skew).then(|| {
        let skew = crate::decide::retention::near_miss::Lasting(skew);
        format!("future: it is dated {}, more than {skew} ahead of the clock of this machine", created.iso())
    })
}

fn judge_lane<'a>(
    drafts: &mut Drafts<'a>,
    line: &Ranking<'_>,
    lane: &OutcomeGroup<'_>,
    family: Option<&'a Family>,
    view: &View<'a>,
) {
    let fallback_family = view.policy.fallback_family();
    let rules = family.map(|family| family.rules(lane.result));
    let answers: Vec<(&Rule, Vec<Answer>)> = match rules {
        Some(Some(rules)) => rules.iter().map(|rule| (rule, ask(view, rule, line, lane))).collect(),
        _ => Vec::new(),
    };
    let family = family.unwrap_or(fallback_family);
    let floor = (lane.result == Outcome::Success).then_some(family.floor);
    let edge =
        floor.and_then(|floor| lane.items.get(floor.min(lane.items.len()).checked_sub(1)?)).map(Item::age);
    let parts = part_answers(line, lane, family, view);
    for (row, item) in lane.items.iter().enumerate() {
        let mut reasons = view.shields.of(item, family, view.policy, view.now);
        if edge.is_some_and(|edge| item.age() >= edge) {
            let detail = format!("rank {} of the successes", row + 1);
            reasons.push(Reason::lasting(format!("floor {}", family.floor), detail).protecting());
        }
        let sheltered = !reasons.is_empty();
        match rules {
            None => reasons.push(no_family()),
            Some(None) => reasons.push(unknown_result()),
            Some(Some(_)) => {}
        }
        let mut misses = Vec::new();
        for (rule, answers) in &answers {
            match answers.get(row) {
                Some(answer @ Answer::Kept { .. }) => reasons.extend(kept(rule, answer)),
                // Only a build that expires states how narrowly each rule missed it.
                Some(Answer::Missed(near)) if reasons.is_empty() => {
                    misses.push(Miss { rule: std::sync::Arc::clone(&rule.name), near: near.clone() });
                }
                Some(Answer::Missed(_)) | None => {}
            }
        }
        let Some(draft) = drafts.all.get_mut(item.index) else { continue };
        draft.fate = if reasons.is_empty() { Fate::Expire } else { Fate::Keep };
        draft.misses = if reasons.is_empty() { misses } else { Vec::new() };
        draft.reasons = reasons;
        for (name, kept) in &parts {
            let gone = item.build.trimmed.iter().any(|part| part == name);
            let stays = draft.fate == Fate::Keep && (sheltered || kept.get(row) == Some(&true));
            let fate = match (gone, stays) {
                (true, _) => PartFate::Gone,
                (false, true) => PartFate::Keep,
                (false, false) => PartFate::Expire,
            };
            draft.parts.insert(name, fate);
        }
    }
}

/// Returns for each part whether its own rules keep it, by the lane's order.
fn part_answers<'f>(
    line: &Ranking<'_>,
    lane: &OutcomeGroup<'_>,
    family: &'f Family,
    view: &View<'_>,
) -> Vec<(&'f str, Vec<bool>)> {
    let of = |rules: &[Rule]| {
        let mut kept = vec![lane.result == Outcome::Unknown; lane.items.len()];
        for rule in rules {
            for (kept, answer) in kept.iter_mut().zip(ask(view, rule, line, lane)) {
                *kept |= matches!(answer, Answer::Kept { .. });
            }
        }
        kept
    };
    family.parts.iter().map(|part| (part.name.as_str(), of(&part.keep))).collect()
}
