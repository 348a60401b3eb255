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
    /// Reports a problem of the file.
    type Wrong: Error + Classify + 'static;

    /// Its name in messages, which is also its key in `mirror.yaml`.
    const WHAT: &'static str;

    /// Returns the YAML of one that ships.
    fn shipped(name: &str) -> Option<&'static str>;

    /// Returns the names of those that ship.
    fn names() -> Vec<&'static str>;

    /// Reads one.
    fn load(text: &str, name: &str) -> Result<Self, Self::Wrong>;
}

/// Implements the trait for a type that has these functions itself.
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

/// Returns the shipped file of this name or the file at this path, read and checked.
pub(super) fn choose<T: Choosable>(name: &str) -> Outcome<(Chosen, T)> {
    let what = T::WHAT;
    if let Some(text) = T::shipped(name) {
        return Ok((Chosen::Shipped(name.to_owned()), T::load(text, name)?));
    }
    if !name.contains(['/', '.']) {
        let names: Vec<String> = T::names().iter().map(|name| format!("`{name}`")).collect();
        let ship = names.join(", ");
        // Every mirror must have a layout.
        let none = if name == "none" && what != "layout" {
            format!("; without the line `{what}:` in `.mirrorkeep/mirror.yaml` a mirror has none")
        } else {
            String::new()
        };
        return Err(Usage(format!(
            "unknown {what} `{name}`; {ship} ship, and a file ending in .yaml is accepted{none}"
        ))
        .into());
    }
    let text = super::read::setting(what, name.as_ref())?;
    let chosen = T::load(&text, name)?;
    Ok((Chosen::File(text), chosen))
}
