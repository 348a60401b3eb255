//! What is kept of each family of streams, and for how long: the policy file and its meaning.

mod covers;
mod examples;
mod load;
mod loading;
mod period;
mod range;
mod rule;
mod schema;
mod shipped;
mod span;
mod tries;
pub(in crate::decide) mod unknown;

pub use covers::covers;
pub use period::{Period, PeriodKey};
pub use range::{Level, Range};
pub(in crate::decide) use rule::pattern;
pub use rule::{
    Amount, ArchiveTo, Basis, Brake, Brakes, Expect, Expected, Family, Keep, Mirrored, Part, Pick, Policy,
    PolicyChange, PolicyTest, Pressure, Rule, TestBuild, fits,
};
pub use span::{Span, SpanError, start_of};
pub use tries::Surprise;

use crate::model::{Class, Classify, ErrorKind, Problem};

/// Says what is wrong with a policy: every problem with its place.
#[derive(Debug, thiserror::Error)]
#[error("the policy cannot be used:\n  {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  "))]
pub struct PolicyError(pub Vec<Problem>);

impl Classify for PolicyError {
    fn class(&self) -> Class {
        ErrorKind::Usage.into()
    }
}
