//! All tests that cross a module, as one binary.
#![expect(clippy::unwrap_used, reason = "a test that fails says so")]

mod attempt;
mod crash;
mod faults;
mod hostile;
mod invalid;
mod layers;
mod layout;
mod publish;
mod readme;
mod retain;
mod rig;
