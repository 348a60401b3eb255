//! What should change: pure decisions over a census.

mod alias;
pub mod branch;
pub mod bundle;
pub mod changes;
pub mod check;
pub mod deliver;
pub mod diff;
pub mod due;
pub mod events;
pub mod image_prune;
pub mod images;
mod inputs;
mod lint;
pub mod pipeline;
pub mod policy;
mod portion;
pub mod readers;
pub mod release;
mod retention;
mod reuse;
mod simulate;
pub mod targets;
mod times;

pub use alias::{Age, Current, follow, latest, meets, newest};
pub use inputs::{InputPatterns, Inputs};
pub use lint::{Finding, lint};
pub use portion::{Portion, file_cost};
pub use retention::{
    Fate, GoesTo, Lasting, Miss, NearMiss, PLAN_VERSION, PartFate, Plan, PlanOutcome, PreviousRuns, Reason,
    Space, Totals, Verdict, retain,
};
pub use reuse::{Held, Reuse, Whose};
pub use simulate::{Forward, MOST as SIMULATED, Tick, coming, simulate, simulate_to_end};
pub(crate) use times::SECOND;
pub use times::Times;
