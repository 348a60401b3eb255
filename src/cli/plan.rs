//! Verbs that show which builds may be deleted: `plan` and `explain`.

use super::answer::{Sorted, Version};
use super::args::{ExplainArgs, PlanArgs, PlanFrom};
use super::chosen::choose;
use super::context::{Context, now};
use super::exit::{Exit, Outcome, Usage};
use super::{naming, say, when};
use crate::census::{CENSUS_VERSION, Census};
use crate::decide::Verdict;
use crate::decide::policy::Policy;
use crate::decide::{Plan, PreviousRuns, retain};
use crate::model::{BuildId, Stamp};
use crate::ops::Mode;
use crate::render::{self, Accept, Rows};
use schemars::JsonSchema;
use serde::Serialize;
use std::io::Read;
use std::path::Path;

/// A plan and the policy that made it.
pub(super) struct Made {
    pub(super) plan: Plan,
    pub(super) policy: Policy,
}

pub(super) fn plan(setting: &Context, args: &PlanArgs) -> Outcome<Exit> {
    let Made { plan, .. } = make(setting, &args.from)?;
    if args.publish {
        let written =
            crate::ops::retention::publish_deadlines(&setting.open()?, &plan, Mode::of(args.dry_run))?;
        let done = if args.dry_run { "would write" } else { "wrote" };
        say::note(&format!("{done} {}", say::count(written as u64, "retention.json")));
    }
    show(setting, &plan, rows(args.expiring));
    if let Some(digest) = plan.accept().filter(|_| is_of_now(&args.from) && !setting.json) {
        say::out(&format!("`mirrorkeep prune --accept {digest}` deletes what a brake withholds\n"));
    }
    Ok(plan.outcome.into())
}

/// Returns whether a plan is the one that a prune would carry out: not by another policy, for another instant, or of a census.
fn is_of_now(from: &PlanFrom) -> bool {
    from.census.is_none() && from.policy.is_none() && from.at.is_none()
}

/// Returns which builds a table shows.
pub(super) fn rows(expiring: bool) -> Rows {
    if expiring { Rows::Expiring } else { Rows::All }
}

/// Shows a plan as JSON or as a table.
pub(super) fn show(setting: &Context, plan: &Plan, rows: Rows) {
    if setting.json {
        say::json(plan);
    } else {
        say::out(&render::plan(plan, rows, say::paint()));
    }
}

/// The answer of `explain`.
#[derive(Serialize, JsonSchema)]
pub(super) struct ExplainAnswer<'a> {
    explain: Version,
    /// The instant for which the plan is made.
    at: Stamp,
    /// The digest of the plan.
    #[schemars(regex(pattern = "^sha256:[0-9a-f]{64}$"))]
    digest: String,
    /// The verdict on the build.
    build: &'a Verdict,
}

pub(super) fn explain(setting: &Context, args: &ExplainArgs) -> Outcome<Exit> {
    let id: BuildId = match &args.from.census {
        // A census has no aliases by which a build could be named.
        Some(_) => args.id.parse().map_err(|error| Usage(format!("{error}")))?,
        None => naming::build(&setting.open()?, &args.id)?,
    };
    let Made { plan, policy } = make(setting, &args.from)?;
    let Some(verdict) = plan.verdict(&id) else {
        if args.from.census.is_none() {
            return Err(naming::absent(&setting.open()?, &id));
        }
        return Err(crate::ops::alias::LabelActError::NoBuild(id).into());
    };
    if setting.json {
        let digest = format!("sha256:{}", plan.digest);
        say::json(&Sorted(ExplainAnswer { explain: Version, at: plan.at, digest, build: verdict }));
    } else {
        let trash_until = policy.trash.after(plan.at, policy.zone);
        // Another policy, instant or census is not what a prune carries out.
        let accept = plan.accept().filter(|_| is_of_now(&args.from));
        let accept = accept.map(|digest| Accept { digest, builds: plan.held().count() });
        say::out(&render::explain(verdict, trash_until, accept.as_ref(), say::paint()));
    }
    Ok(Exit::Done)
}

/// Makes a plan from a census file, or from the mirror.
fn make(setting: &Context, from: &PlanFrom) -> Outcome<Made> {
    let at = from.at.as_deref().map(stamp).transpose()?;
    if let Some(file) = &from.census {
        let census = read_census(file)?;
        let policy = choose(from.policy.as_deref().unwrap_or_default())?.1;
        let plan = retain(&census, &policy, at.unwrap_or(census.at), &PreviousRuns::default());
        return Ok(Made { plan, policy });
    }
    let mirror = setting.open()?;
    let policy = from.policy.as_deref().map(|name| choose(name).map(|(_, policy)| policy)).transpose()?;
    let planned = match at {
        Some(at) => crate::ops::retention::plan_at(&mirror, policy, at)?,
        None => crate::ops::retention::plan(&mirror, policy, now(), None)?,
    };
    planned.troubles.iter().for_each(say::trouble);
    Ok(Made { plan: planned.plan, policy: planned.policy })
}

/// Parses a stamp that was typed.
pub(super) fn stamp(text: &str) -> Outcome<Stamp> {
    when::future("--at", text, now())
}

/// Reads a census from a file, or from standard input.
pub(super) fn read_census(file: &Path) -> Outcome<Census> {
    let shown = file.display();
    let mut bytes = Vec::new();
    if file.to_str() == Some("-") {
        let read = std::io::stdin().lock().read_to_end(&mut bytes);
        read.map_err(|error| Usage(format!("cannot read the census `{shown}`: {error}")))?;
    } else {
        bytes = super::read::bytes("census", file)?;
    }
    let census: Census = serde_json::from_slice(&bytes)
        .map_err(|error| Usage(format!("`{shown}` is not a census: {error}")))?;
    if census.census != CENSUS_VERSION {
        let found = census.census;
        return Err(
            Usage(format!("`{shown}` is a census of version {found}; {CENSUS_VERSION} is accepted")).into()
        );
    }
    let mut seen = std::collections::HashSet::new();
    if let Some(twice) = census.streams.iter().find(|stream| !seen.insert(&stream.stream)) {
        let twice = &twice.stream;
        return Err(Usage(format!(
            "`{shown}` lists the stream `{twice}` twice; one entry with all its builds is accepted"
        ))
        .into());
    }
    Ok(census)
}
