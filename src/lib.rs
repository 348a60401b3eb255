//! mirrorkeep publishes build trees into a mirror, keeps the names that point at them true, and decides which go.

pub mod act;
pub mod census;
pub mod cli;
pub mod decide;
pub mod layout;
pub mod mirror;
pub mod record;
pub mod store;
pub mod tell;
pub mod word;
