//! All tests that cross a module, as one binary.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails says so")]

mod attempt;
mod bucket;
mod contract;
mod crash;
mod faults;
mod hostile;
mod invalid;
mod layers;
mod layout;
mod object;
mod publish;
mod readme;
mod retain;
mod rig;
mod servers;
mod spied;
