//! Saying what was decided: text for people, drawings for screens. Nothing here prints or changes anything.

mod chart;
mod explain;
mod findings;
mod history;
mod images;
mod junit;
mod paint;
mod plan;
mod redirects;
mod sarif;
mod status;
mod table;

pub use crate::record::person;
pub use chart::{Series, chart, svg};
pub use explain::explain;
pub use findings::{findings, findings_page, findings_total, ignored};
pub use history::sentence;
pub use images::{image_lists, image_pins, image_pins_list, image_place, image_prune};
pub use junit::junit;
pub use paint::{Paint, age, bytes, count, screened};
pub use plan::{Rows, plan, verdict_word};
pub use redirects::{Redirect, RedirectError, Server, redirects};
pub use sarif::sarif;
pub use status::status;
pub use table::{Align, table};
