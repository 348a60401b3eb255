//! The verbs of `policy`: is it sound, does it do what its examples say, what will it do, what would an edit change.

use super::answer::{Sorted, Version};
use super::args::PolicyVerb;
use super::chosen::choose;
use super::context::{Context, now};
use super::exit::{Exit, Outcome, Usage};
use super::judged::{self, Tried};
use super::plan::stamp;
use super::policy_diff::{DiffAnswer, Said, census_of, difference, draw, known_targets};
use super::policy_waiting::Waiting;
use super::say;
use crate::census::Census;
use crate::decide::policy::{Policy, Span};
use crate::decide::{Forward, PreviousRuns, SIMULATED, coming, lint, retain, simulate_to_end};
use crate::mirror::{chain, survey};
use crate::model::{Digest, Stamp};
use crate::ops::Mode;
use crate::ops::retention::plan::PlanError;
use crate::ops::settings::SettingReport;
use crate::render::{PolicySide, Series};
use crate::{model, render};
use schemars::JsonSchema;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The answer of `policy list`.
#[derive(Serialize, JsonSchema)]
pub(super) struct PoliciesAnswer<'a> {
    policy: Version,
    /// The names of the shipped policies.
    policies: &'a [&'a str],
}

/// The answer of `policy show`.
#[derive(Serialize, JsonSchema)]
pub(super) struct PolicyAnswer<'a> {
    policy: Version,
    /// The digest of the file.
    digest: Digest,
    /// The file.
    yaml: &'a str,
}

/// The answer of `policy set`.
#[derive(Serialize, JsonSchema)]
pub(super) struct PolicySetAnswer<'a> {
    policy: Version,
    /// Whether nothing was changed.
    dry_run: bool,
    /// What was done, or would be.
    report: &'a SettingReport,
    /// What changes for the builds of the mirror; `null` if there was no usable policy.
    changes: Option<DiffAnswer>,
    /// What a prune withholds with the new policy, and what it deletes soon; `null` if no plan can be made.
    waiting: Option<Waiting>,
}

/// The answer of `policy simulate`.
#[derive(Serialize, JsonSchema)]
pub(super) struct SimulateAnswer<'a> {
    simulate: Version,
    /// The instant at which the simulation begins.
    from: Stamp,
    /// The state of the mirror at each instant.
    series: &'a [Series],
}

pub(super) fn policy(setting: &Context, verb: &PolicyVerb) -> Outcome<Exit> {
    match verb {
        PolicyVerb::List => {
            let names: Vec<&str> = Policy::shipped_names().collect();
            if setting.json {
                say::json(&Sorted(PoliciesAnswer { policy: Version, policies: &names }));
            } else {
                say::out(&(names.join("\n") + "\n"));
            }
        }
        PolicyVerb::Show { policy } => {
            let policy = named(setting, policy.as_deref())?;
            if setting.json {
                let (digest, yaml) = (policy.digest, policy.text());
                say::data(&Sorted(PolicyAnswer { policy: Version, digest, yaml }));
            } else {
                say::file(policy.text());
            }
        }
        PolicyVerb::Schema => say::json(&Policy::schema()),
        PolicyVerb::Lint { policy, census } => return lint_it(setting, policy.as_deref(), census.as_deref()),
        PolicyVerb::Test { policy } => return test(setting, policy.as_deref()),
        PolicyVerb::Simulate { policy, census, at, length, cadence, svg, html } => {
            let how = (length.as_str(), cadence.as_deref(), at.as_deref());
            let drawn = Drawn { svg: svg.as_deref(), html: html.as_deref() };
            return forward(setting, policy.as_deref(), census.as_ref(), how, drawn);
        }
        PolicyVerb::Diff { old, new, census, at, html } => {
            let census_file = census.as_deref();
            let names = [old.as_str(), new.as_str()];
            let (old, new) = (choose(old)?.1, choose(new)?.1);
            let page = html.as_deref().map(|file| (file, names));
            let (answer, text) =
                difference(setting, (&old, &new), (census_file, at.as_deref()), Said::Would, page)?;
            if setting.json {
                say::json(&Sorted(answer));
            } else {
                say::out(&text);
            }
        }
        PolicyVerb::Set { policy, dry_run } => set(setting, policy, *dry_run)?,
    }
    Ok(Exit::Done)
}

/// Returns the policy that was named, or the mirror's.
fn named(setting: &Context, name: Option<&str>) -> Outcome<Policy> {
    match name {
        Some(name) => Ok(choose(name)?.1),
        None => Ok(crate::ops::retention::policy_of(&setting.open()?)?),
    }
}

fn lint_it(setting: &Context, name: Option<&str>, file: Option<&Path>) -> Outcome<Exit> {
    let policy = named(setting, name)?;
    // Without a mirror, a policy that was named is judged by itself.
    let census = match (name, file) {
        (Some(_), None) => census_of(setting, file).ok(),
        _ => Some(census_of(setting, file)?),
    };
    let census = census.map(|census| known_targets(setting, &[&policy], file, census)).transpose()?;
    let findings = lint(&policy, census.as_ref());
    Ok(judged::findings(setting.json, "policy", name.unwrap_or("policy"), &findings))
}

fn test(setting: &Context, name: Option<&str>) -> Outcome<Exit> {
    let policy = named(setting, name)?;
    let tried: Vec<_> = (policy.tests.iter())
        .map(|test| Tried { name: &test.name, surprises: policy.surprises(test) })
        .collect();
    let what = ("policy", name.unwrap_or("policy"));
    Ok(judged::examples(setting.json, what, &tried, |surprise| (&surprise.build, &surprise.message)))
}

fn seconds(text: &str) -> Outcome<i64> {
    let span: Span = text.parse().map_err(|error| Usage(format!("{error}")))?;
    if span.is_zero() {
        Err(Usage(format!("`{text}` is zero; expected a length of time such as `24h`")).into())
    } else {
        Ok(span.seconds())
    }
}

/// The files that a simulation is drawn into.
struct Drawn<'a> {
    svg: Option<&'a Path>,
    html: Option<&'a Path>,
}

fn forward(
    setting: &Context,
    name: Option<&str>,
    file: Option<&PathBuf>,
    (length, cadence, at): (&str, Option<&str>, Option<&str>),
    drawn: Drawn<'_>,
) -> Outcome<Exit> {
    let (length, cadence) = (seconds(length)?, cadence.map(seconds).transpose()?);
    let policy = named(setting, name)?;
    let mut census = census_of(setting, file.map(PathBuf::as_path))?;
    if file.is_none() {
        for (id, error) in crate::ops::retention::sharing::share_out(&setting.open()?, &mut census) {
            say::note(&format!("warning: how many bytes `{id}` shares is not known: {error}"));
        }
    }
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
    let accepted = match file {
        None => crate::ops::retention::deferring(&setting.open()?, &policy)?,
        Some(_) => None,
    };
    let (ticks, end) = simulate_to_end(&census, &policy, how, accepted.as_ref());
    let series: Vec<Series> = (ticks.iter())
        .map(|tick| Series {
            at: tick.at,
            builds: tick.builds,
            bytes: tick.bytes,
            pruned: tick.pruned,
            deferred: tick.deferred,
            withheld: tick.withheld,
        })
        .collect();
    let title = format!("{} from {}", name.unwrap_or("the mirror's policy"), from.spell("%Y-%m-%d"));
    if let Some(svg) = drawn.svg {
        draw(svg, &render::svg(&series, &title))?;
    }
    if let Some(html) = drawn.html {
        let plan = |census: &Census, at| retain(census, &policy, at, &PreviousRuns::default());
        let (first, last) = (plan(&census, from), plan(&end, end.at));
        let side = |name, census, plan| PolicySide { name, census, plan, freed: None };
        let sides = [side("At the start", &census, &first), side("At the end", &end, &last)];
        draw(html, &render::policy_page(&title, sides, &series, &[]))?;
    }
    if setting.json {
        say::json(&Sorted(SimulateAnswer { simulate: Version, from, series: &series }));
    } else {
        say::out(&render::chart(&series, say::columns()));
        if policy.brakes.is_some() {
            say::out("the brakes of the policy are included\n");
        }
    }
    Ok(Exit::Done)
}

/// Puts a policy in force, and says what that changes for the builds that are there.
fn set(setting: &Context, name: &str, dry_run: bool) -> Outcome {
    let (chosen, new) = choose::<Policy>(name)?;
    let mirror = setting.open()?;
    let said = if dry_run { Said::Would } else { Said::Does };
    let mut in_force = None;
    let changes = match crate::ops::retention::policy_of(&mirror) {
        Ok(old) => {
            let changes = difference(setting, (&old, &new), (None, None), said, None)?;
            in_force = Some(old);
            Some(changes)
        }
        Err(PlanError::NoPolicy) => None,
        // This is the way to replace it.
        Err(error) => {
            let why = model::shown(&chain(&error)).into_owned();
            say::note(&format!(
                "warning: what changes is not known, since the policy in force cannot be used: {why}"
            ));
            None
        }
    };
    let census = known_targets(setting, &[&new], None, survey(&mirror, now())?.census)?;
    let findings = lint(&new, Some(&census));
    let waiting = match Waiting::of(setting, &mirror, (in_force.as_ref(), &new), dry_run) {
        Ok(waiting) => Some(waiting),
        Err(failure) => {
            let why = model::shown(&chain(&*failure.error)).into_owned();
            say::note(&format!("warning: what the next prune withholds is not known: {why}"));
            None
        }
    };
    let report = crate::ops::settings::set_policy(&setting.session(&mirror), &chosen, Mode::of(dry_run))?;
    for found in findings.iter().filter(|found| judged::is_grave(found)) {
        say::note(&judged::line(name, found));
    }
    if setting.json {
        let changes = changes.map(|(answer, _)| answer);
        say::json(&Sorted(PolicySetAnswer { policy: Version, dry_run, report: &report, changes, waiting }));
        return Ok(());
    }
    if let Some((_, text)) = changes {
        say::out(&text);
    }
    if let Some(waiting) = waiting {
        say::out(&waiting.lines(said));
    }
    let using = if dry_run { "would use" } else { "now using" };
    say::out(&if report.changed {
        format!("{using} the policy `{}`\n", model::shown(&report.after))
    } else {
        format!("the policy `{}` is in force already\n", model::shown(&report.after))
    });
    Ok(())
}
