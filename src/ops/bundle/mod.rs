//! Bundles: builds that are made of the builds to which an alias points in several streams.
//!
//! A bundle is published like any build, and requires its members. Terms, bytes on disk and the order of writes are
//! in `docs/decisions/0017-bundles.md`.

mod error;
mod links;
mod make;
mod members;
mod publish;

pub use error::BundleError;
pub(crate) use links::{links, through_old};
pub(crate) use make::TRIES;
pub use make::{BundleReport, bundle};
pub(crate) use members::{Members, current};
pub(crate) use publish::{Made, bundled, is_there, publish};
