//! The verb `status`: the state of the mirror on one screen, and whether it needs attention.

use super::args::StatusArgs;
use super::context::{Context, now};
use super::exit::{Exit, Outcome};
use super::say;
use crate::ops::status::Sizes;
use crate::render;

pub(super) fn status(setting: &Context, args: &StatusArgs) -> Outcome<Exit> {
    let mirror = setting.open()?;
    let sizes = if args.shared { Sizes::Shared } else { Sizes::Recorded };
    let status = crate::ops::status::status(&mirror, sizes, now())?;
    if setting.json {
        say::json(&status);
    } else {
        say::out(&render::status(&status, say::paint()));
        for warning in &status.warnings {
            say::note(&format!("warning: {warning}"));
        }
    }
    Ok(if args.check && !status.attention.is_empty() { Exit::Findings } else { Exit::Done })
}
