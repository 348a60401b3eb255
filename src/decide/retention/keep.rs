//! The answer of one rule for each build of a lane, without protections or other rules.

use crate::decide::policy::{Basis, Keep, Level, Period, PeriodKey, Pick, Policy, Rule, Span};
use crate::decide::retention::near_miss::NearMiss;
use crate::decide::retention::ranking::{Item, OutcomeGroup, Ranking, Superseded};
use crate::decide::retention::shield::Shields;
use crate::model::Stamp;
use std::collections::HashMap;
use std::sync::Arc;

/// The answer of a rule for one build.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    /// It keeps the build, until that instant if time decides.
    Kept { until: Option<Stamp>, basis: Option<Arc<str>>, detail: Option<String> },
    /// It does not keep the build.
    Missed(NearMiss),
}

/// The input of rules beyond the lane.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub policy: &'a Policy,
    pub now: Stamp,
    pub level: Level,
    pub shields: &'a Shields<'a>,
}

/// Returns the answer of a rule for each build of the lane, in the lane's order.
pub(super) fn ask(view: &View<'_>, rule: &Rule, line: &Ranking<'_>, lane: &OutcomeGroup<'_>) -> Vec<Answer> {
    let seen: Vec<&Item<'_>> = lane.items.iter().filter(|item| item.has(&rule.only)).collect();
    let mut answers = match &rule.keep {
        Keep::Forever => seen.iter().map(|_| always(None)).collect(),
        Keep::Last(count) => last(&seen, count.at(view.level) as usize),
        Keep::Within(span, basis) => {
            // All answers share the text, since there is one for each build.
            let word = basis.word().into();
            let span = span.at(view.level);
            seen.iter().map(|item| within(view, line, item, span, (basis, &word))).collect()
        }
        Keep::Latest(period, count, pick) => {
            latest(view, &seen, *period, count.at(view.level) as usize, *pick)
        }
        Keep::Each(period, span, pick) => each(view, &seen, *period, span.at(view.level), *pick),
        Keep::Periods(of, n, basis) => {
            let word = basis.word().into();
            seen.iter().map(|item| periods(view, line, item, (of, *n as usize), (basis, &word))).collect()
        }
    }
    .into_iter();
    if rule.only.is_empty() {
        return answers.collect();
    }
    let only: Vec<(Arc<str>, Arc<str>)> =
        rule.only.iter().map(|(key, value)| (key.as_str().into(), value.as_str().into())).collect();
    lane.items
        .iter()
        .map(|item| match item.has(&rule.only).then(|| answers.next()).flatten() {
            Some(answer) => answer,
            None => Answer::Missed(lacking(&only, item)),
        })
        .collect()
}

fn always(detail: Option<String>) -> Answer {
    Answer::Kept { until: None, basis: None, detail }
}

/// Returns which of its labels hid a build from a rule; `only` has the labels of the rule.
fn lacking(only: &[(Arc<str>, Arc<str>)], item: &Item<'_>) -> NearMiss {
    let found = |key: &str| item.build.labels.get(key).map(|label| label.value.as_str());
    let lacks = only.iter().find(|(key, value)| found(key) != Some(value));
    let (key, wanted) = lacks.cloned().unwrap_or_else(|| ("".into(), "".into()));
    let found = found(&key).map(str::to_owned);
    NearMiss::Label { key, wanted, found }
}

/// Keeps the newest; every build tied with the last of them stays.
fn last(seen: &[&Item<'_>], count: usize) -> Vec<Answer> {
    let edge =
        count.checked_sub(1).map(|at| seen.get(at.min(seen.len().saturating_sub(1))).map(|item| item.age()));
    let answer = |(index, item): (usize, &&Item<'_>)| match edge.flatten() {
        Some(edge) if item.age() >= edge => always(Some(format!("rank {}", index + 1))),
        _ => Answer::Missed(NearMiss::Rank(index + 1)),
    };
    seen.iter().enumerate().map(answer).collect()
}

/// Keeps until a deadline, inclusively.
fn until(view: &View<'_>, deadline: Stamp, basis: &Arc<str>) -> Answer {
    if view.now <= deadline {
        return Answer::Kept { until: Some(deadline), basis: Some(Arc::clone(basis)), detail: None };
    }
    Answer::Missed(NearMiss::Late { deadline, by: view.now.since(deadline) })
}

/// The instant from which a deadline of a build counts.
enum From {
    At(Stamp),
    /// There is none yet, or it is not known: the build stays.
    Open(&'static str),
    Never(NearMiss),
}

fn from(view: &View<'_>, line: &Ranking<'_>, item: &Item<'_>, basis: &Basis) -> From {
    let known = |at: Option<Stamp>, why| at.map_or(From::Open(why), From::At);
    match basis {
        Basis::Created => From::At(item.created),
        Basis::Published => known(item.build.published, "the time at which it was published is not recorded"),
        Basis::Confirmed => {
            let at = item.build.confirmed_at.max(item.build.published);
            known(at, "the time at which it was published is not recorded")
        }
        Basis::LastActivity => known(item.build.last_activity, "the time of the last write is not recorded"),
        Basis::Superseded => match line.superseded(item) {
            Superseded::NotYet => From::Open("no later success was published yet"),
            Superseded::Unknown => From::Open("the time at which it was superseded is not recorded"),
            Superseded::At(at) => From::At(at),
        },
        Basis::Introduced(labels) => {
            let mut latest = None;
            for label in labels {
                match item.build.labels.get(label).map(|label| label.since) {
                    None => return From::Never(NearMiss::Unlabelled(label.clone())),
                    Some(None) => return From::Open("the time of the label is not recorded"),
                    Some(since) => latest = latest.max(since),
                }
            }
            known(latest, "the time of the label is not recorded")
        }
        Basis::Left(alias) => match view.shields.left(item.index, alias) {
            crate::decide::retention::shield::AliasHistory::Never => {
                From::Never(NearMiss::NeverNamed(alias.clone()))
            }
            crate::decide::retention::shield::AliasHistory::Not => From::Open("the alias still points to it"),
            crate::decide::retention::shield::AliasHistory::Unknown => {
                From::Open("the earlier targets of the alias are not known")
            }
            crate::decide::retention::shield::AliasHistory::At(at) => From::At(at),
        },
    }
}

fn within(
    view: &View<'_>,
    line: &Ranking<'_>,
    item: &Item<'_>,
    span: Span,
    (basis, word): (&Basis, &Arc<str>),
) -> Answer {
    match from(view, line, item, basis) {
        From::At(at) => until(view, span.after(at, view.policy.zone), word),
        From::Open(why) => {
            Answer::Kept { until: None, basis: Some(Arc::clone(word)), detail: Some(why.to_owned()) }
        }
        From::Never(near) => Answer::Missed(near),
    }
}

/// Keeps until the event of a calendar that ends the n-th whole period after the basis.
fn periods(
    view: &View<'_>,
    line: &Ranking<'_>,
    item: &Item<'_>,
    (of, n): (&str, usize),
    (basis, word): (&Basis, &Arc<str>),
) -> Answer {
    let open = |why: String| Answer::Kept { until: None, basis: Some(Arc::clone(word)), detail: Some(why) };
    let at = match from(view, line, item, basis) {
        From::At(at) => at,
        From::Open(why) => return open(why.to_owned()),
        From::Never(near) => return Answer::Missed(near),
    };
    let events = view.policy.events.get(of).map(Vec::as_slice).unwrap_or_default();
    let next = events.partition_point(|event| *event <= at);
    match events.get(next + n) {
        Some(end) => until(view, *end, word),
        None => open(format!("{} more of `{of}` must come, and the calendar ends before", n + 1)),
    }
}

/// The builds that represent a period: the selected one and its ties.
struct Standing<'a> {
    age: (Stamp, u64),
    name: &'a crate::model::BuildName,
}

fn standing<'a>(
    view: &View<'_>,
    seen: &[&Item<'a>],
    period: Period,
    pick: Pick,
) -> (Vec<PeriodKey>, HashMap<PeriodKey, Standing<'a>>) {
    let keys: Vec<PeriodKey> = seen.iter().map(|item| period.of(item.created, view.policy.zone)).collect();
    let mut chosen: HashMap<PeriodKey, Standing<'a>> = HashMap::new();
    // The newest comes first; if the oldest is requested, each later one replaces it.
    for (key, item) in keys.iter().zip(seen) {
        let standing = Standing { age: item.age(), name: &item.build.build };
        match pick {
            Pick::Newest => drop(chosen.entry(*key).or_insert(standing)),
            Pick::Oldest => drop(chosen.insert(*key, standing)),
        }
    }
    (keys, chosen)
}

fn latest(view: &View<'_>, seen: &[&Item<'_>], period: Period, count: usize, pick: Pick) -> Vec<Answer> {
    let (keys, chosen) = standing(view, seen, period, pick);
    let mut order: Vec<PeriodKey> = chosen.keys().copied().collect();
    order.sort_unstable_by(|a, b| b.cmp(a));
    let rank: HashMap<PeriodKey, usize> = order.into_iter().zip(1..).collect();
    let answer = |(key, item): (&PeriodKey, &&Item<'_>)| {
        let rank = rank.get(key).copied().unwrap_or(usize::MAX);
        match chosen.get(key) {
            Some(standing) if standing.age != item.age() => represented(*key, standing),
            _ if rank <= count => always(Some(key.to_string())),
            _ => Answer::Missed(NearMiss::Period { period: *key, rank }),
        }
    };
    keys.iter().zip(seen).map(answer).collect()
}

fn each(view: &View<'_>, seen: &[&Item<'_>], period: Period, span: Span, pick: Pick) -> Vec<Answer> {
    let (keys, chosen) = standing(view, seen, period, pick);
    let created = "created".into();
    let answer = |(key, item): (&PeriodKey, &&Item<'_>)| match chosen.get(key) {
        Some(standing) if standing.age != item.age() => represented(*key, standing),
        _ => until(view, span.after(item.created, view.policy.zone), &created),
    };
    keys.iter().zip(seen).map(answer).collect()
}

fn represented(period: PeriodKey, standing: &Standing<'_>) -> Answer {
    Answer::Missed(NearMiss::Represented { period, by: standing.name.clone() })
}
