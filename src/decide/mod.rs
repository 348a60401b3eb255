//! What should change: pure decisions over a census.

mod alias;
mod reuse;

pub use alias::{Current, follow, meets};
pub use reuse::{Held, Reuse};
