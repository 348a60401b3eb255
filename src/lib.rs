//! mirrorkeep publishes build trees into a mirror, keeps the names that point at them true, and decides which go.

pub mod census;
pub mod record;
pub mod store;
pub mod word;
