//! The verbs of `pipeline`: check a pipeline, run its examples, and show what an edit changes.

use super::answer::{Sorted, Version};
use super::args::PipelineVerb;
use super::chosen::choose;
use super::context::Context;
use super::exit::{Exit, Outcome};
use super::judged::{self, Tried};
use super::say;
use crate::decide::Finding;
use crate::decide::pipeline::{LintTerms, Pipeline, PipelineDiff, StageChange, diff, lint};
use crate::decide::policy::Policy;
use crate::layout::Layout;
use crate::mirror::{Mirror, chain};
use crate::model::{Digest, Stream, shown};
use crate::ops::Mode;
use crate::ops::retention::plan::PlanError;
use crate::ops::settings::SettingReport;
use crate::ops::settings::{pipeline_of, required_pipeline, set_pipeline};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The answer of `pipeline list`.
#[derive(Serialize, JsonSchema)]
pub(super) struct PipelinesAnswer<'a> {
    pipeline: Version,
    /// The names of the shipped pipelines.
    pipelines: &'a [&'a str],
}

/// The answer of `pipeline show`.
#[derive(Serialize, JsonSchema)]
pub(super) struct PipelineAnswer<'a> {
    pipeline: Version,
    /// The digest of the file.
    digest: Digest,
    /// The file.
    yaml: &'a str,
}

/// The answer of `pipeline set`.
#[derive(Serialize, JsonSchema)]
pub(super) struct PipelineSetAnswer<'a> {
    pipeline: Version,
    /// Whether nothing was changed.
    dry_run: bool,
    /// What was done, or would be.
    report: &'a SettingReport,
    /// The stages that change; `null` if there was no usable pipeline.
    changes: Option<&'a PipelineDiff>,
    /// Problems of the pipeline in this mirror.
    findings: &'a [Finding],
}

pub(super) fn pipeline(setting: &Context, verb: &PipelineVerb) -> Outcome<Exit> {
    match verb {
        PipelineVerb::List => {
            let names: Vec<&str> = Pipeline::shipped_names().collect();
            if setting.json {
                say::json(&Sorted(PipelinesAnswer { pipeline: Version, pipelines: &names }));
            } else {
                say::out(&(names.join("\n") + "\n"));
            }
        }
        PipelineVerb::Show { pipeline } => {
            let pipeline = named(setting, pipeline.as_deref())?;
            if setting.json {
                let (digest, yaml) = (pipeline.digest, pipeline.text());
                say::data(&Sorted(PipelineAnswer { pipeline: Version, digest, yaml }));
            } else {
                say::file(pipeline.text());
            }
        }
        PipelineVerb::Schema => say::json(&Pipeline::schema()),
        PipelineVerb::Lint { pipeline, layout, policy } => {
            let findings = match pipeline.as_deref() {
                None => {
                    let mirror = setting.open()?;
                    let own = required_pipeline(&mirror)?;
                    in_mirror(&mirror, &own, layout.as_deref(), policy.as_deref())?
                }
                // With a mirror, a file is checked as if it were the mirror's pipeline.
                Some(name) if let Ok(mirror) = setting.open() => {
                    in_mirror(&mirror, &choose::<Pipeline>(name)?.1, layout.as_deref(), policy.as_deref())?
                }
                Some(name) => {
                    let layout = layout.as_deref().map(choose::<Layout>).transpose()?;
                    let policy = policy.as_deref().map(choose::<Policy>).transpose()?;
                    let terms = LintTerms {
                        layout: layout.as_ref().map(|(_, layout)| layout),
                        policy: policy.as_ref().map(|(_, policy)| policy),
                        streams: &BTreeMap::new(),
                        builds: &[],
                    };
                    lint(&choose::<Pipeline>(name)?.1, &terms)
                }
            };
            let name = pipeline.as_deref().unwrap_or("pipeline");
            return Ok(judged::findings(setting.json, "pipeline", name, &findings));
        }
        PipelineVerb::Test { pipeline } => {
            let name = pipeline.as_deref();
            let pipeline = named(setting, name)?;
            let tried: Vec<_> = (pipeline.tests.iter())
                .map(|test| Tried { name: &test.name, surprises: pipeline.surprises(test) })
                .collect();
            let what = ("pipeline", name.unwrap_or("pipeline"));
            return Ok(judged::examples(setting.json, what, &tried, |surprise| {
                (&surprise.stage, &surprise.message)
            }));
        }
        PipelineVerb::Set { pipeline, dry_run } => set(setting, pipeline, *dry_run)?,
    }
    Ok(Exit::Done)
}

/// Returns the pipeline that was named, or the mirror's.
fn named(setting: &Context, name: Option<&str>) -> Outcome<Pipeline> {
    match name {
        Some(name) => Ok(choose(name)?.1),
        None => Ok(required_pipeline(&setting.open()?)?),
    }
}

/// Returns the problems of a pipeline in a mirror, with another layout and policy if these are named.
fn in_mirror(
    mirror: &Mirror,
    pipeline: &Pipeline,
    layout: Option<&str>,
    policy: Option<&str>,
) -> Outcome<Vec<Finding>> {
    let layout = match layout {
        Some(name) => choose(name)?.1,
        None => mirror.layout().clone(),
    };
    let policy = match policy {
        Some(name) => Some(choose(name)?.1),
        None => match crate::ops::retention::policy_of(mirror) {
            Ok(policy) => Some(policy),
            Err(PlanError::NoPolicy) => None,
            // `policy lint` reports this.
            Err(error) => {
                let why = shown(&chain(&error)).into_owned();
                say::note(&format!("warning: not checked against the policy, which cannot be used: {why}"));
                None
            }
        },
    };
    let builds = mirror.recorded()?;
    let streams: BTreeSet<Stream> = builds.iter().map(|id| id.stream.clone()).collect();
    let with_rules = |stream: Stream| {
        let rules = mirror.own_alias_rules(&stream).collect();
        (stream, rules)
    };
    let streams = streams.into_iter().map(with_rules).collect();
    let terms =
        LintTerms { layout: Some(&layout), policy: policy.as_ref(), streams: &streams, builds: &builds };
    Ok(lint(pipeline, &terms))
}

/// Sets a pipeline, and prints which stages that changes and what does not fit the mirror.
fn set(setting: &Context, name: &str, dry_run: bool) -> Outcome {
    let (chosen, new) = choose::<Pipeline>(name)?;
    let mirror = setting.open()?;
    let changes = match pipeline_of(&mirror) {
        Ok(old) => Some(diff(old.as_ref(), &new)),
        // This command is the way to replace an unreadable pipeline.
        Err(error) => {
            let why = shown(&chain(&error)).into_owned();
            say::note(&format!(
                "warning: what changes is not known, since the pipeline in force cannot be used: {why}"
            ));
            None
        }
    };
    let findings = in_mirror(&mirror, &new, None, None)?;
    let report = set_pipeline(&setting.session(&mirror), &chosen, Mode::of(dry_run))?;
    if setting.json {
        say::json(&Sorted(PipelineSetAnswer {
            pipeline: Version,
            dry_run,
            report: &report,
            changes: changes.as_ref(),
            findings: &findings,
        }));
        return Ok(());
    }
    for found in findings.iter().filter(|found| judged::is_grave(found)) {
        say::note(&judged::line(name, found));
    }
    say::out(&changes.as_ref().map_or_else(String::new, difference));
    let would = if dry_run { "would be" } else { "is" };
    say::out(&if report.changed {
        format!("the pipeline `{}` {would} in force\n", shown(&report.after))
    } else {
        format!("the pipeline `{}` is in force already\n", shown(&report.after))
    });
    Ok(())
}

/// Returns what an edit changes as lines of text.
fn difference(diff: &PipelineDiff) -> String {
    let mut text = String::new();
    for stage in &diff.stages {
        let name = shown(&stage.stage);
        text += &match stage.change {
            StageChange::Added => format!("+ {name}\n"),
            StageChange::Changed => format!("~ {name}: {}\n", stage.keys.join(", ")),
            StageChange::Removed => format!("- {name}, which is an ordinary alias then\n"),
        };
    }
    if diff.reordered {
        text += "the order of the stages changes\n";
    }
    text
}
