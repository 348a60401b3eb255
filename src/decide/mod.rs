//! What should change: pure decisions over a census.

mod alias;
pub mod bundle;
pub mod check;
pub mod deliver;
pub mod events;
pub mod image_prune;
pub mod images;
mod lint;
pub mod pipeline;
pub mod policy;
mod portion;
pub mod readers;
mod retention;
mod reuse;
mod simulate;
mod times;

pub use alias::{Age, Current, follow, meets};
pub use lint::{Finding, lint};
pub use portion::{Portion, file_cost};
pub use retention::{
    Fate, Lasting, Miss, NearMiss, PLAN_VERSION, PartFate, Plan, PlanOutcome, PreviousRuns, Reason, Space,
    Totals, Verdict, retain,
};
pub use reuse::{Held, Reuse, Whose};
pub use simulate::{Forward, MOST as SIMULATED, Tick, coming, simulate};
pub(crate) use times::SECOND;
pub use times::Times;
