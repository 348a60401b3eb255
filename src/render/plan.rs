//! A plan as a table for people: by stream, deletions first, with reasons.

use crate::decide::{Fate, PartFate, Plan, Reason, Verdict};
use crate::model::{Outcome, shown};
use crate::render::paint::{Paint, bytes, count};

/// Returns the word of a verdict, in capitals for deletions.
pub fn verdict_word(fate: Fate) -> &'static str {
    match fate {
        Fate::Keep => "keep",
        Fate::Expire => "EXPIRE",
        Fate::Blocked => "blocked",
        Fate::Withheld => "withheld",
    }
}

/// Returns the name of a result that is not a success, which is also the key of its rules.
pub(super) fn group(result: Outcome) -> Option<(&'static str, &'static str)> {
    match result {
        Outcome::Fail => Some(("failed build", "failed")),
        Outcome::Partial => Some(("build without a result", "partial")),
        Outcome::Empty => Some(("empty build", "empty")),
        Outcome::Success | Outcome::Unknown => None,
    }
}

/// The prefixes of the names of rules that withhold what expired.
const BRAKES: [&str; 4] = ["brake ", "first_run", "max_per_run", "policy_change"];

/// Which builds have a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// Every build.
    All,
    /// Those that expire, lose parts, are withheld or cannot be judged.
    Expiring,
}

/// Returns the plan as a table.
pub fn plan(plan: &Plan, rows: Rows, paint: Paint) -> String {
    let mut text = String::new();
    for group in plan.builds.chunk_by(|a, b| a.id.stream == b.id.stream) {
        text += &stream(group, rows, paint);
    }
    for ignored in &plan.ignored {
        text += &format!("ignored  {}\n", shown(ignored));
    }
    for warning in &plan.warnings {
        text += &format!("{} {}\n", paint.yellow("warning:"), shown(warning));
    }
    for refusal in &plan.refusals {
        text += &format!("{} {}\n", paint.red("refused:"), shown(refusal));
    }
    if let Some(lacking) = plan.shortfall {
        let (why, lacking) = (plan.obstacles(), bytes(lacking));
        text += &format!(
            "{} {lacking} cannot be freed: {}; `mirrorkeep explain ID` gives all reasons for a build\n",
            paint.red("shortfall:"),
            shown(&why)
        );
    }
    let totals = plan.totals;
    let whole = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let some = |number: usize, what: &str| match number {
        0 => String::new(),
        _ => format!(" ({what} {number})"),
    };
    let (parts, held) = (some(totals.trimmed, "without parts:"), some(totals.trims_withheld, "and parts of"));
    text += &format!(
        "{}: {} kept{parts}, {} expired (deletion frees {}), {} withheld{held}, {} blocked\ndigest sha256:{}\n",
        plan.at.iso(),
        count(whole(totals.keep), "build"),
        totals.expire,
        bytes(totals.bytes_freed),
        totals.withheld,
        totals.blocked,
        plan.digest
    );
    text
}

fn stream(builds: &[Verdict], rows: Rows, paint: Paint) -> String {
    let Some(first) = builds.first() else { return String::new() };
    let rank = |fate| match fate {
        Fate::Expire => 0,
        Fate::Withheld => 1,
        Fate::Blocked => 2,
        Fate::Keep => 3,
    };
    let is_shown = |verdict: &&Verdict| {
        rows == Rows::All || verdict.fate != Fate::Keep || verdict.is_trimmed() || verdict.is_held_back()
    };
    let mut order: Vec<&Verdict> = builds.iter().filter(is_shown).collect();
    if order.is_empty() {
        return String::new();
    }
    order.sort_by_key(|verdict| rank(verdict.fate));
    let width = builds.iter().map(|verdict| verdict.id.name.as_str().chars().count()).max().unwrap_or(0);
    let mut text = format!("{}\n", paint.bold(first.id.stream.as_str()));
    for verdict in order {
        let word = format!("{:<8}", verdict_word(verdict.fate));
        let word = match verdict.fate {
            Fate::Expire => paint.red(&word),
            Fate::Keep => paint.green(&word),
            Fate::Blocked | Fate::Withheld => paint.yellow(&word),
        };
        let deletes = verdict.fate == Fate::Expire || verdict.is_trimmed();
        let freed = if deletes { bytes(verdict.bytes_freed) } else { String::new() };
        let name = verdict.id.name.as_str();
        text += format!("  {word}  {name:<width$}  {freed:>11}  {}", shown(&why(verdict))).trim_end();
        text.push('\n');
    }
    text
}

/// Returns the short reason of a verdict.
fn why(verdict: &Verdict) -> String {
    let list = |fate| verdict.parts_with(fate).collect::<Vec<_>>().join(", ");
    let mut going = String::new();
    if verdict.is_trimmed() {
        going += &format!("; without {}", list(PartFate::Expire));
    }
    if !verdict.parts_withheld.is_empty() {
        let why = reasons(&verdict.parts_withheld);
        going += &format!("; {} withheld: {why}", list(PartFate::Withheld));
    }
    match verdict.fate {
        Fate::Expire => {
            let misses = verdict.misses.iter().map(|miss| format!("{}: {}", miss.rule, miss.near));
            let misses: Vec<String> = misses.collect();
            let misses = if misses.is_empty() { "no rule".to_owned() } else { misses.join("; ") };
            let archive = verdict.archive.as_ref();
            let archive = archive.map(|archive| format!("; goes to {}", archive.to)).unwrap_or_default();
            match group(verdict.result) {
                Some((what, _)) => format!("{what}: {misses}{archive}"),
                None => format!("{misses}{archive}"),
            }
        }
        Fate::Keep => {
            let until = verdict.kept_until.map(|until| format!(" until {}", until.iso())).unwrap_or_default();
            format!("{}{until}{going}", reasons(&verdict.reasons))
        }
        Fate::Blocked | Fate::Withheld => reasons(&verdict.reasons),
    }
}

fn reasons(reasons: &[Reason]) -> String {
    let shown = |reason: &Reason| match (&*reason.rule, &reason.detail) {
        ("alias" | "hold" | "lease" | "requires" | "blocked" | "freeze" | "refused", Some(detail)) => {
            format!("{}: {detail}", reason.rule)
        }
        (rule, Some(detail)) if BRAKES.iter().any(|brake| rule.starts_with(brake)) => {
            format!("{rule}: {detail}")
        }
        (rule, _) => rule.to_owned(),
    };
    let mut shown: Vec<String> = reasons.iter().map(shown).collect();
    shown.dedup();
    shown.join(", ")
}
