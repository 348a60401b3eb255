//! All tests that cross a module, as one binary.

mod layers;
mod publish;
mod readme;
mod rig;
