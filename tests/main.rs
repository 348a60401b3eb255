//! All tests that cross a module, as one binary.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails says so")]

mod adopt;
mod answers;
mod attempt;
mod bucket;
mod canary;
mod check;
mod comply;
mod contract;
mod crash;
mod dice;
mod faults;
mod fuzzed;
mod hostile;
mod invalid;
mod layers;
mod layout;
mod layout_laws;
mod object;
mod policy;
mod power;
mod proofs;
mod pruning;
mod publish;
mod publish_layouts;
mod races;
mod readme;
mod real_paths;
mod retain;
mod rig;
mod servers;
mod spied;
mod trees;
mod verify;
