//! All tests across modules, as one binary.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails says so")]

mod check;
mod cli;
mod deliver;
mod engines;
mod faults;
mod layers;
mod layout;
mod policy;
mod proofs;
mod pull;
mod registry;
mod release;
mod retire;
mod store;
mod support;
mod sync;
