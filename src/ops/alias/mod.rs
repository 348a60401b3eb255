//! Names, labels and copies at names.

pub(crate) mod following;
pub(crate) mod label;
pub(crate) mod materialize;

pub use label::{LabelActError, LabelReport, Mode, label};
pub use materialize::{Cost, Followed, MaterializeError, Switched, dematerialize, follow, materialize};
