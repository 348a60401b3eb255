//! The verbs of `policy`: is it sound, does it do what its examples say, what will it do, what would an edit change.

use super::args::PolicyVerb;
use super::exit::{Exit, Usage};
use super::plan::{choose, read_census, stamp};
use super::run::{Outcome, Setting, now};
use super::say;
use crate::act;
use crate::census::Census;
use crate::decide::policy::{Policy, Span};
use crate::decide::{Fate, Forward, Past, SIMULATED, coming, lint, retain, simulate};
use crate::mirror::survey;
use crate::tell::{self, Series};
use crate::word;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

pub(super) fn policy(setting: &Setting, verb: &PolicyVerb) -> Outcome<Exit> {
    match verb {
        PolicyVerb::List => {
            let names: Vec<&str> = Policy::shipped_names().collect();
            if setting.json {
                say::json(&json!({"policy": 1, "policies": names}));
            } else {
                say::out(&(names.join("\n") + "\n"));
            }
        }
        PolicyVerb::Show { policy } => {
            let policy = named(setting, policy.as_deref())?;
            if setting.json {
                say::json(&json!({"policy": 1, "digest": policy.digest, "yaml": policy.text()}));
            } else {
                say::file(policy.text());
            }
        }
        PolicyVerb::Schema => say::json(&Policy::schema()),
        PolicyVerb::Lint { policy, census } => return lint_it(setting, policy.as_deref(), census.as_deref()),
        PolicyVerb::Test { policy } => return test(setting, policy.as_deref()),
        PolicyVerb::Simulate { policy, census, at, length, cadence, svg } => {
            let how = (length.as_str(), cadence.as_deref(), at.as_deref());
            return forward(setting, policy.as_deref(), census.as_ref(), how, svg.as_deref());
        }
        PolicyVerb::Diff { old, new, census, at } => {
            return diff(setting, (old, new), census.as_deref(), at.as_deref());
        }
    }
    Ok(Exit::Done)
}

/// Returns the policy that was named, or the mirror's.
fn named(setting: &Setting, name: Option<&str>) -> Outcome<Policy> {
    match name {
        Some(name) => Ok(choose(name)?.1),
        None => Ok(act::policy_of(&setting.open()?)?),
    }
}

/// Returns the census of a file, or the mirror's.
fn census_of(setting: &Setting, file: Option<&Path>) -> Outcome<Census> {
    match file {
        Some(file) => read_census(file),
        None => Ok(survey(&setting.open()?, now())?.census),
    }
}

fn lint_it(setting: &Setting, name: Option<&str>, file: Option<&Path>) -> Outcome<Exit> {
    let policy = named(setting, name)?;
    // A policy that was named is judged by itself, unless a census was, too.
    let census = match (name, file) {
        (Some(_), None) => None,
        _ => Some(census_of(setting, file)?),
    };
    let findings = lint(&policy, census.as_ref());
    let shown = name.unwrap_or("policy");
    if setting.json {
        say::json(&json!({"lint": 1, "policy": shown, "findings": findings}));
    } else {
        for found in &findings {
            let place = match (found.line, found.column) {
                (Some(line), Some(column)) => format!("{shown}:{line}:{column}"),
                _ => shown.to_owned(),
            };
            say::out(&format!(
                "{place}: {}: {} [{}]\n",
                found.severity,
                word::shown(&found.message),
                found.code
            ));
        }
        if findings.is_empty() {
            say::out(&format!("{shown}: nothing is odd\n"));
        }
    }
    let grave = findings.iter().any(|found| found.severity == "warning");
    Ok(if grave { Exit::Findings } else { Exit::Done })
}

fn test(setting: &Setting, name: Option<&str>) -> Outcome<Exit> {
    let policy = named(setting, name)?;
    let shown = name.unwrap_or("policy");
    let tried: Vec<_> = policy.tests.iter().map(|test| (test, policy.surprises(test))).collect();
    let failed = tried.iter().filter(|(_, surprises)| !surprises.is_empty()).count();
    if setting.json {
        let list: Vec<Value> = (tried.iter())
            .map(|(test, surprises)| json!({"name": test.name, "passed": surprises.is_empty(), "surprises": surprises}))
            .collect();
        say::json(&json!({"test": 1, "policy": shown, "tests": list}));
    } else {
        for (test, surprises) in &tried {
            say::out(&format!(
                "{}  {}\n",
                if surprises.is_empty() { "passed" } else { "FAILED" },
                word::shown(&test.name)
            ));
            for surprise in surprises {
                say::out(&format!(
                    "        {}: {}\n",
                    word::shown(&surprise.build.to_string()),
                    word::shown(&surprise.message)
                ));
            }
        }
        let all = say::count(tried.len() as u64, "example");
        say::out(&format!("{shown}: {all}, {failed} failed\n"));
    }
    Ok(if failed == 0 { Exit::Done } else { Exit::Findings })
}

fn seconds(text: &str) -> Outcome<i64> {
    let span: Span = text.parse().map_err(|error| Usage(format!("{error}")))?;
    if span.is_zero() { Err(Usage(format!("`{text}` is no time at all")).into()) } else { Ok(span.seconds()) }
}

fn forward(
    setting: &Setting,
    name: Option<&str>,
    file: Option<&PathBuf>,
    (length, cadence, at): (&str, Option<&str>, Option<&str>),
    svg: Option<&Path>,
) -> Outcome<Exit> {
    let (length, cadence) = (seconds(length)?, cadence.map(seconds).transpose()?);
    let policy = named(setting, name)?;
    let census = census_of(setting, file.map(PathBuf::as_path))?;
    let from = at.map(stamp).transpose()?.unwrap_or(census.at);
    // Day by day, but no more points than a drawing can show.
    let every = 86_400.max(length / 2000);
    let how = Forward { from, length, cadence, every };
    let many = coming(&census, how);
    if many > SIMULATED {
        return Err(Usage(format!(
            "{many} builds would come, and at most {SIMULATED} are simulated; a shorter `--for`, a longer `--cadence` or a census with fewer streams is accepted"
        ))
        .into());
    }
    let ticks = simulate(&census, &policy, how);
    let series: Vec<Series> = (ticks.iter())
        .map(|tick| Series { at: tick.at, builds: tick.builds, bytes: tick.bytes, pruned: tick.pruned })
        .collect();
    if let Some(svg) = svg {
        let title = format!("{} from {}", name.unwrap_or("the mirror's policy"), from.spell("%Y-%m-%d"));
        std::fs::write(svg, tell::svg(&series, &title))
            .map_err(|error| crate::store::StoreError::new("write the drawing", svg.display(), error))?;
    }
    if setting.json {
        say::json(&json!({"simulate": 1, "from": from, "series": series}));
    } else {
        say::out(&tell::chart(&series, say::columns()));
    }
    Ok(Exit::Done)
}

fn diff(setting: &Setting, (old, new): (&str, &str), file: Option<&Path>, at: Option<&str>) -> Outcome<Exit> {
    let (old, new) = (choose(old)?.1, choose(new)?.1);
    let census = census_of(setting, file)?;
    let at = at.map(stamp).transpose()?.unwrap_or(census.at);
    let gone = |fate| matches!(fate, Fate::Expire | Fate::Withheld);
    let plans = [&old, &new].map(|policy| retain(&census, policy, at, &Past::default()));
    let [old, new] = &plans;
    let mut rows = Vec::new();
    for (before, after) in old.builds.iter().zip(&new.builds) {
        let parts = before.parts != after.parts && !gone(after.fate);
        let change = match (gone(before.fate), gone(after.fate)) {
            (false, true) => "would go",
            (true, false) => "would stay",
            _ if parts => "other parts",
            _ => continue,
        };
        rows.push((change, before, after));
    }
    if setting.json {
        let list: Vec<Value> = (rows.iter())
            .map(|(change, before, after)| json!({"id": after.id, "change": change.replace(' ', "-"), "old": before, "new": after}))
            .collect();
        say::json(&json!({"diff": 1, "at": at, "builds": list}));
        return Ok(Exit::Done);
    }
    for (change, before, after) in &rows {
        let said = |verdict: &crate::decide::Verdict| match verdict.fate {
            Fate::Expire | Fate::Withheld => {
                let misses = verdict.misses.iter().map(|miss| format!("{}: {}", miss.rule, miss.near));
                misses.collect::<Vec<_>>().join("; ")
            }
            _ => verdict.reasons.iter().map(|reason| reason.rule.to_string()).collect::<Vec<_>>().join(", "),
        };
        say::out(&format!(
            "{change:<11}  {}  (old: {}; new: {})\n",
            after.id,
            word::shown(&said(before)),
            word::shown(&said(after))
        ));
    }
    let going = rows.iter().filter(|(change, ..)| *change == "would go").count() as u64;
    let staying = rows.iter().filter(|(change, ..)| *change == "would stay").count() as u64;
    say::out(&format!("{} more would go, {} more would stay\n", say::count(going, "build"), staying));
    Ok(Exit::Done)
}
