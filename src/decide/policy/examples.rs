//! The examples inside a policy: read, and tried.

use super::loading::Loading;
use super::rule::{Expect, Expected, PolicyTest, TestBuild};
use super::schema::{ExpectFile, GivenBuildFile, GivenFile, TestFile};
use crate::model::{BuildName, Outcome, Stamp};
use std::collections::BTreeMap;

/// More builds than an example needs.
const MOST: usize = 100_000;

/// Reads one example.
pub(super) fn example(loading: &mut Loading<'_>, index: usize, raw: &TestFile) -> Option<PolicyTest> {
    let at = format!("tests[{index}]");
    let before = loading.problems.len();
    loading.line(&format!("{at}.name"), &raw.name);
    let now = stamp(loading, &format!("{at}.now"), &raw.now);
    let stream =
        raw.stream.parse().map_err(|error| loading.problem(&format!("{at}.stream"), format!("{error}"))).ok();
    let mut builds: BTreeMap<Stamp, TestBuild> = BTreeMap::new();
    if let Some(given) = &raw.given {
        for build in series(loading, &format!("{at}.given"), given) {
            builds.insert(build.created, build);
        }
    }
    for (name, build) in &raw.builds {
        if let Some(build) = single(loading, &format!("{at}.builds.{name}"), name, build) {
            builds.insert(build.created, build);
        }
    }
    let mut aliases = BTreeMap::new();
    for (alias, target) in &raw.aliases {
        if let Some(target) = named(loading, &format!("{at}.aliases.{alias}"), target, &builds) {
            aliases.insert(alias.clone(), target);
        }
    }
    let mut expect = BTreeMap::new();
    for (name, raw) in &raw.expect {
        let here = format!("{at}.expect.{name}");
        if let (Some(name), Some(wanted)) =
            (named(loading, &here, name, &builds), expected(loading, &here, raw))
        {
            expect.insert(name, wanted);
        }
    }
    if raw.expect.is_empty() {
        loading.problem(&format!("{at}.expect"), "nothing is expected, so the example cannot fail");
    }
    if loading.problems.len() > before {
        return None;
    }
    let builds = builds.into_values().collect();
    Some(PolicyTest { name: raw.name.clone(), at, now: now?, stream: stream?, builds, aliases, expect })
}

fn stamp(loading: &mut Loading<'_>, at: &str, text: &str) -> Option<Stamp> {
    text.parse().map_err(|error| loading.problem(at, format!("{error}"))).ok()
}

fn result(loading: &mut Loading<'_>, at: &str, text: Option<&String>) -> Outcome {
    let parsed = text.map_or(Ok(Outcome::Success), |text| text.parse());
    parsed.unwrap_or_else(|error| {
        loading.problem(&format!("{at}.result"), format!("{error}"));
        Outcome::Unknown
    })
}

fn series(loading: &mut Loading<'_>, at: &str, raw: &GivenFile) -> Vec<TestBuild> {
    let from = stamp(loading, &format!("{at}.from"), &raw.from);
    let to = stamp(loading, &format!("{at}.to"), &raw.to);
    let result = result(loading, at, raw.result.as_ref());
    if raw.every.is_zero() {
        loading.problem(&format!("{at}.every"), "the interval is zero; expected one such as `24h`");
        return Vec::new();
    }
    let (Some(from), Some(to)) = (from, to) else { return Vec::new() };
    let mut builds = Vec::new();
    let mut next = Some(from);
    while let Some(created) = next.filter(|created| *created <= to) {
        if builds.len() == MOST {
            loading.problem(at, format!("more than {MOST} builds"));
            break;
        }
        let labels = raw.labels.clone();
        builds.push(TestBuild { created, result, labels, published: created, hold: None });
        next = created.checked_add(raw.every.seconds());
    }
    builds
}

fn single(loading: &mut Loading<'_>, at: &str, name: &str, raw: &GivenBuildFile) -> Option<TestBuild> {
    let created = stamp(loading, at, name)?;
    let result = result(loading, at, raw.result.as_ref());
    let published = match &raw.published {
        Some(text) => stamp(loading, &format!("{at}.published"), text)?,
        None => created,
    };
    Some(TestBuild { created, result, labels: raw.labels.clone(), published, hold: raw.hold.clone() })
}

fn named(
    loading: &mut Loading<'_>,
    at: &str,
    text: &str,
    builds: &BTreeMap<Stamp, TestBuild>,
) -> Option<BuildName> {
    let created = stamp(loading, at, text)?;
    if !builds.contains_key(&created) {
        loading.problem(at, format!("the example has no build `{text}`"));
        return None;
    }
    created.to_string().parse().ok()
}

fn expected(loading: &mut Loading<'_>, at: &str, raw: &ExpectFile) -> Option<Expect> {
    let (verdict, word) = match (&raw.keep, &raw.expire, &raw.blocked) {
        (Some(word), None, None) => (Expected::Keep, Some(word)),
        (None, Some(word), None) => (Expected::Expire, Some(word)),
        (None, None, Some(word)) => (Expected::Blocked, Some(word)),
        (None, None, None) if !raw.parts.is_empty() => (Expected::Any, None),
        _ => {
            loading.problem(
                at,
                "expected exactly one of `keep`, `expire` and `blocked`, such as `{keep: within}`",
            );
            return None;
        }
    };
    let mut parts = BTreeMap::new();
    for (part, fate) in &raw.parts {
        match fate.as_str() {
            "keep" => drop(parts.insert(part.clone(), true)),
            "expire" => drop(parts.insert(part.clone(), false)),
            _ => loading.problem(
                &format!("{at}.parts.{part}"),
                format!("`{fate}`; `keep` and `expire` are accepted"),
            ),
        }
    }
    let word = word.filter(|word| *word != "any" && *word != "true").cloned();
    Some(Expect { verdict, word, parts })
}
