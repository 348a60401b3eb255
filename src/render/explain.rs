//! The full explanation of one build: every reason, or how narrowly every rule missed it and what would save it.

use crate::decide::{Fate, PartFate, Reason, Verdict};
use crate::model::{Stamp, shown};
use crate::render::paint::{Paint, bytes};
use crate::render::plan::{group, verdict_word};

/// A plan that is accepted as a whole.
#[derive(Debug)]
pub struct Accept {
    /// Its digest, as `prune --accept` takes it.
    pub digest: String,
    /// How many builds it withholds, as a whole or parts of them.
    pub builds: usize,
}

/// Returns why a build is kept or deleted; `trash_until` is when its bytes would be deleted, and `accept` the plan of now, which
/// deletes what a brake withholds.
pub fn explain(verdict: &Verdict, trash_until: Stamp, accept: Option<&Accept>, paint: Paint) -> String {
    let word = verdict_word(verdict.fate);
    let (word, note) = match verdict.fate {
        Fate::Expire if verdict.archive.is_some() => (paint.red(word), going(verdict)),
        Fate::Expire if verdict.pressed => {
            (paint.red(word), " (the disk fills: it does not wait in the trash)".to_owned())
        }
        Fate::Expire => (paint.red(word), format!(" (trash until {})", trash_until.iso())),
        Fate::Keep => {
            let until = match verdict.kept_until {
                Some(until) => format!(" until {}", until.iso()),
                None => " (no end is set by time alone)".to_owned(),
            };
            (paint.green(word), until)
        }
        Fate::Blocked | Fate::Withheld => (paint.yellow(word), String::new()),
    };
    let mut rows: Vec<(String, String)> = Vec::new();
    if let Some((what, rules)) = group(verdict.result) {
        rows.push((what.to_owned(), format!("the rules of `{rules}:` apply, not those of `keep:`")));
    }
    rows.extend(verdict.reasons.iter().map(row));
    rows.extend(verdict.misses.iter().map(|miss| (miss.rule.to_string(), miss.near.to_string())));
    for (part, fate) in &verdict.parts {
        let fate = match fate {
            PartFate::Keep => "kept",
            PartFate::Expire => "expires",
            PartFate::Withheld => "withheld",
            PartFate::Gone => "deleted before",
        };
        rows.push((format!("part {part}"), fate.to_owned()));
    }
    rows.extend(verdict.parts_withheld.iter().map(row));
    if verdict.fate == Fate::Expire {
        let none = "none: no alias, hold, lock or lease; required by no build";
        rows.push(("protections".to_owned(), none.to_owned()));
        rows.push(("frees".to_owned(), bytes(verdict.bytes_freed)));
        rows.push(("to keep it".to_owned(), format!("`mirrorkeep hold {} --why '…'`", verdict.id)));
    }
    if verdict.waits_its_turn() {
        rows.push(("to delete it".to_owned(), "nothing to do: one of the next runs deletes it".to_owned()));
    } else if let Some(Accept { digest, builds }) =
        accept.filter(|_| verdict.is_held_back() && !is_frozen(verdict))
    {
        if verdict.fate == Fate::Withheld {
            rows.push(("to delete it".to_owned(), format!("`mirrorkeep withdraw {} --why '…'`", verdict.id)));
        }
        let all = match builds {
            1 => "deletes what is withheld, which is of this build alone".to_owned(),
            all => format!("deletes what is withheld of all {all} builds"),
        };
        rows.push(("to accept all".to_owned(), format!("`mirrorkeep prune --accept {digest}` {all}")));
    }
    for (left, right) in &mut rows {
        *left = shown(left).into_owned();
        *right = shown(right).into_owned();
    }
    let width = rows.iter().map(|(left, _)| left.chars().count()).max().unwrap_or(0);
    let mut text = format!("{}   {word}{note}\n", paint.bold(&verdict.id.to_string()));
    for (left, right) in rows {
        text += format!("  {left:<width$}  {right}").trim_end();
        text.push('\n');
    }
    text
}

/// Returns to which archive a build goes, and how long it stays there.
fn going(verdict: &Verdict) -> String {
    let Some(archive) = &verdict.archive else { return String::new() };
    let held = match archive.until {
        Some(until) => format!("held there until {}", until.iso()),
        None => "held there until a person removes the hold".to_owned(),
    };
    let fills = if verdict.pressed { "the disk fills: it " } else { "" };
    format!(" ({fills}goes to the archive {}, {held})", shown(&archive.to))
}

fn is_frozen(verdict: &Verdict) -> bool {
    verdict.reasons.iter().any(|reason| matches!(&*reason.rule, "freeze" | "refused"))
}

fn row(reason: &Reason) -> (String, String) {
    // A basis without a deadline is not known or not over yet, and the detail states why.
    let until = reason.until.map(|until| format!("until {}", until.iso()));
    let basis = reason.basis.as_ref().filter(|_| until.is_some() || reason.detail.is_none());
    let open = reason.basis.is_some() && basis.is_none();
    // The detail states what retired it.
    let basis = basis.filter(|basis| &***basis != "retired").map(|basis| format!("from {basis}"));
    let detail = reason.detail.as_ref().map(|why| if open { format!("kept: {why}") } else { why.clone() });
    let right: Vec<String> = [detail, basis, until].into_iter().flatten().collect();
    (reason.rule.to_string(), right.join(", "))
}
