//! `check` and `verify`: what is found, and what is repaired.

pub(crate) mod drift;
pub(crate) mod findings;
pub(crate) mod mirror;
pub(crate) mod nasty;
pub(crate) mod rules;
pub(crate) mod verify;
