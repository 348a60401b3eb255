//! mirrorkeep publishes build trees into a mirror, keeps the aliases of these builds up to date, and decides which to
//! delete.

pub mod census;
pub mod cli;
pub mod commit;
pub mod decide;
pub mod exec;
pub mod layout;
pub mod mirror;
pub mod model;
pub mod ops;
pub mod progress;
pub mod record;
pub mod recover;
pub mod registry;
pub mod render;
pub mod send;
pub mod session;
pub mod sign;
pub mod source;
pub mod store;
