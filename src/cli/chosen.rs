//! A layout, policy or pipeline as the command line names it: one that ships, or a file.

use super::exit::{Outcome, Usage};
use crate::decide::pipeline::{Pipeline, PipelineError};
use crate::decide::policy::{Policy, PolicyError};
use crate::layout::{Layout, LayoutError};
use crate::mirror::Chosen;
use crate::model::Classify;
use std::error::Error;

/// What an admin chooses for a mirror.
pub(super) trait Choosable: Sized {
    /// Says what is wrong with a file.
    type Wrong: Error + Classify + 'static;

    /// What people call it, which is also its key in `mirror.yaml`.
    const WHAT: &'static str;

    /// Returns the YAML of one that ships.
    fn shipped(name: &str) -> Option<&'static str>;

    /// Returns the names of those that ship.
    fn names() -> Vec<&'static str>;

    /// Reads one.
    fn load(text: &str, name: &str) -> Result<Self, Self::Wrong>;
}

/// Lets a type that has these functions itself be chosen.
macro_rules! choosable {
    ($($of:ty, $wrong:ty, $what:literal;)*) => {$(
        impl Choosable for $of {
            type Wrong = $wrong;
            const WHAT: &'static str = $what;

            fn shipped(name: &str) -> Option<&'static str> {
                Self::shipped(name)
            }

            fn names() -> Vec<&'static str> {
                Self::shipped_names().collect()
            }

            fn load(text: &str, name: &str) -> Result<Self, $wrong> {
                Self::load(text, name)
            }
        }
    )*};
}

choosable! {
    Layout, LayoutError, "layout";
    Policy, PolicyError, "policy";
    Pipeline, PipelineError, "pipeline";
}

/// Returns what a name stands for, read and found sound: one that ships, or a file.
pub(super) fn choose<T: Choosable>(name: &str) -> Outcome<(Chosen, T)> {
    let what = T::WHAT;
    if let Some(text) = T::shipped(name) {
        return Ok((Chosen::Shipped(name.to_owned()), T::load(text, name)?));
    }
    if !name.contains(['/', '.']) {
        let names: Vec<String> = T::names().iter().map(|name| format!("`{name}`")).collect();
        let ship = names.join(", ");
        return Err(
            Usage(format!("no {what} `{name}` ships; {ship} do, or name a file ending in .yaml")).into()
        );
    }
    let text = super::read::setting(what, name.as_ref())?;
    let chosen = T::load(&text, name)?;
    Ok((Chosen::File(text), chosen))
}
