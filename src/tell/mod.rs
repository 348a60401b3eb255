//! Saying what was decided: text for people, drawings for screens. Nothing here prints or changes anything.

mod chart;
mod explain;
mod paint;
mod plan;

pub use chart::{Series, chart, svg};
pub use explain::explain;
pub use paint::{Paint, bytes, count};
pub use plan::{plan, verdict_word};
