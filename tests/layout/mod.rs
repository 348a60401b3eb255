//! Layouts: their grammar, their laws, and real trees placed by them.

pub(crate) mod bundles;
mod grammar;
mod images;
pub(crate) mod laws;
pub(crate) mod publishing;
pub(crate) mod real_paths;
pub(crate) mod rules;
pub(crate) mod strays;
pub(crate) mod trees;
pub(crate) mod yaml;
