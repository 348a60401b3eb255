//! What came of retiring streams.

use super::RetireError;
use crate::mirror::chain;
use crate::model::{BuildId, Class, Classify, ErrorKind, RelPath, Stamp, Stream};
use crate::progress::Interrupted;
use crate::record::{Retirement, RetirementState};
use schemars::JsonSchema;
use serde::Serialize;

/// What came of retiring streams, or their state.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct RetireReport {
    /// The streams, by name.
    pub streams: Vec<RetiredStream>,
}

/// What came of retiring one stream.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RetiredStream {
    /// The stream.
    pub stream: Stream,
    /// How far it has come; `null` where nothing began or the retirement was ended.
    pub state: Option<RetirementState>,
    /// The retirement; `null` where it cannot be read.
    pub retirement: Option<Retirement>,
    /// What this run ended with.
    pub outcome: RetireOutcome,
    /// What happens next, or has to be done.
    pub next: String,
    /// The number of its builds that are in the mirror.
    pub builds: u64,
    /// The number of builds that the archive proved in this run.
    pub proved: u64,
    /// The builds that were moved to the trash, or would be.
    pub removed: Vec<BuildId>,
    /// The names that were removed, or would be.
    pub names: Vec<RelPath>,
    /// The builds that stay although the removal began.
    pub protected: Vec<ProtectedBuild>,
    /// What the error means.
    #[serde(skip)]
    pub class: Option<Class>,
}

/// A build that stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ProtectedBuild {
    /// Which build.
    pub id: BuildId,
    /// What protects it.
    pub by: Vec<String>,
}

/// What a run ended with for one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RetireOutcome {
    /// Nothing was to be done, or only the state was asked for.
    State,
    /// In a dry run: the next step is `next`.
    Trial,
    /// The time of the removal has not come.
    Waiting,
    /// The server does not redirect yet.
    Unredirected,
    /// Builds are protected and stay.
    Protected,
    /// It is retired.
    Retired,
    /// The retirement was ended.
    Cancelled,
    /// A step failed.
    Failed,
}

impl RetiredStream {
    pub(super) fn of(stream: Stream, retirement: Option<Retirement>) -> Self {
        Self {
            stream,
            state: retirement.as_ref().map(Retirement::state),
            retirement,
            outcome: RetireOutcome::State,
            next: String::new(),
            builds: 0,
            proved: 0,
            removed: Vec::new(),
            names: Vec::new(),
            protected: Vec::new(),
            class: None,
        }
    }

    pub(super) fn ends(&mut self, outcome: RetireOutcome, next: impl Into<String>) {
        (self.outcome, self.next) = (outcome, next.into());
    }

    pub(super) fn is_now(&mut self, retirement: &Retirement) {
        self.state = Some(retirement.state());
        self.retirement = Some(retirement.clone());
    }
}

/// Returns when the removal of a stream begins, in words.
pub(super) fn from(at: Stamp) -> String {
    format!("its builds are removed from {} on; run `mirrorkeep retire` then", at.iso())
}

/// Records why a stream came no further; an interruption ends the run.
pub(super) fn fails(row: &mut RetiredStream, error: &RetireError) -> Result<(), RetireError> {
    let class = error.class();
    if class.kind == ErrorKind::Interrupted {
        return Err(Interrupted.into());
    }
    let hint = class.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
    row.ends(RetireOutcome::Failed, format!("{}{hint}", chain(error)));
    row.class = Some(class);
    Ok(())
}
