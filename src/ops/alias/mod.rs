//! Names, labels and copies at names.

pub(crate) mod following;
pub(crate) mod label;
pub(crate) mod materialize;

pub use following::follow;
pub use label::{LabelActError, LabelReport, label};
pub use materialize::{Cost, Followed, MaterializeError, Switched, dematerialize, materialize};
