//! The verb `diff`: what differs between two builds.

use super::answer::{Sorted, Version};
use super::args::DiffArgs;
use super::context::Context;
use super::exit::Outcome;
use super::{naming, say};
use crate::ops::diff::{BuildsDiff, DiffError};
use crate::render::{self, Listed};
use schemars::JsonSchema;
use serde::Serialize;

/// The answer of `diff`.
#[derive(Serialize, JsonSchema)]
pub(super) struct DiffAnswer<'a> {
    diff: Version,
    #[serde(flatten)]
    builds: &'a BuildsDiff,
}

pub(super) fn diff(setting: &Context, args: &DiffArgs) -> Outcome {
    let mirror = setting.open()?;
    let [before, after] = [&args.before, &args.after].map(|text| naming::build(&mirror, text));
    let diff = match crate::ops::diff::diff(&mirror, &before?, &after?) {
        Err(DiffError::NoBuild(id)) => return Err(naming::absent(&mirror, &id)),
        diff => diff?,
    };
    if setting.json {
        say::data(&Sorted(DiffAnswer { diff: Version, builds: &diff }));
        return Ok(());
    }
    let listed = if args.all { Listed::All } else { Listed::First };
    say::out(&render::diff(&diff, listed, say::paint()));
    for warning in &diff.warnings {
        say::note(&format!("warning: {warning}"));
    }
    Ok(())
}
