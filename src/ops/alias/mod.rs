//! Aliases, labels, and copies below aliases.

pub(crate) mod label;
pub(crate) mod materialize;
pub(crate) mod materialize_one;

pub use label::{LabelActError, LabelReport, label};
pub(crate) use label::{Saying, label_if, say_of, say_under};
pub use materialize::{Cost, Followed, MaterializeError, Switched, dematerialize, materialize};
pub use materialize_one::follow;
