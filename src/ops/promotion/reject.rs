//! Rejections: a build that must not get a stage, or any stage.

use super::StageError;
use super::known::Known;
use crate::model::{BuildId, Label, REJECTED};
use crate::ops::Mode;
use crate::ops::alias::{Saying, say_of};
use crate::session::Session;
use schemars::JsonSchema;
use serde::Serialize;

/// The request to reject a build.
#[derive(Debug, Clone)]
pub struct Rejection {
    /// The build.
    pub id: BuildId,
    /// For this stage and those after it; for every stage without it.
    pub stage: Option<String>,
    /// The reason.
    pub why: String,
}

/// The report of a rejection.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RejectReport {
    /// The build.
    pub id: BuildId,
    /// The only stage, if it is for one.
    pub stage: Option<String>,
    /// The previous reason.
    pub before: Option<String>,
    /// Why it is rejected now.
    pub why: Option<String>,
    /// The stages that the build has; a rejection removes none.
    pub has: Vec<String>,
    /// The rejections that remain after one was removed: each stage, or `null` for all stages.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub still: Vec<Option<String>>,
}

/// Rejects a build: it is not a candidate any more. A stage that it has stays; `demote` moves it back.
pub fn reject(session: &Session<'_>, rejection: &Rejection, mode: Mode) -> Result<RejectReport, StageError> {
    let Rejection { id, stage, why } = rejection;
    let label = Label::rejected(stage.as_deref(), why)?;
    let known = Known::read(session.mirror(), session.now())?;
    if let Some(stage) = stage {
        known.stage_in(stage, &id.stream)?;
    }
    let value = Some(why.clone());
    let saying = Saying { key: label.key().to_owned(), value, url: None, always: false };
    let before = say_of(session, id, saying, mode)?;
    let has = known.pipeline.stages_of(&id.stream).filter(|one| {
        stage.as_ref().is_none_or(|stage| one.name == *stage || one.before.contains(stage))
            && known
                .moves
                .of(&id.stream, &one.name)
                .last()
                .is_some_and(|led| led.build.as_ref() == Some(&id.name))
    });
    let has = has.map(|one| one.name.clone()).collect();
    let why = Some(why.clone());
    Ok(RejectReport { id: id.clone(), stage: stage.clone(), before, why, has, still: Vec::new() })
}

/// Removes a rejection, for one stage or for all.
pub fn unreject(
    session: &Session<'_>,
    id: &BuildId,
    stage: Option<&str>,
    mode: Mode,
) -> Result<RejectReport, StageError> {
    let saying = Saying { key: Label::rejected_key(stage), value: None, url: None, always: false };
    let key = saying.key.clone();
    let before = say_of(session, id, saying, mode)?;
    let labels = session.mirror().record(id)?.map(|record| record.labels).unwrap_or_default();
    let still = labels.keys().filter(|other| **other != key).filter_map(|other| {
        let rest = other.strip_prefix(REJECTED)?;
        if rest.is_empty() { Some(None) } else { Some(Some(rest.strip_prefix('/')?.to_owned())) }
    });
    let (id, stage) = (id.clone(), stage.map(str::to_owned));
    Ok(RejectReport { id, stage, before, why: None, has: Vec::new(), still: still.collect() })
}
