//! Promoting: each stage in the order of the pipeline, in each of its streams; those of one bundle as one.

use super::StageError;
use super::known::Known;
use super::promote::{PromoteRequest, PromotedAs, StageMove};
use super::promoter::{BundleMove, Promoter, Set};
use crate::mirror::Mirror;
use crate::model::{Stamp, Stream};
use crate::ops::Mode;
use crate::session::Session;
use schemars::JsonSchema;
use serde::Serialize;

/// The report of a promotion.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PromoteReport {
    /// When it ran.
    pub at: Stamp,
    /// Each stage in each of its streams.
    pub stages: Vec<StageMove>,
    /// The bundles that were made of the builds at a stage.
    pub bundles: Vec<BundleMove>,
}

impl PromoteReport {
    /// Returns how many stages moved.
    pub fn moved(&self) -> usize {
        self.stages.iter().filter(|one| one.outcome == PromotedAs::Promoted).count()
    }
}

/// Promotes what can be promoted; a failed stage stops no other, and those that depend on it see it as it was.
pub fn promote(
    session: &Session<'_>,
    request: &PromoteRequest,
    mode: Mode,
) -> Result<PromoteReport, StageError> {
    let mirror = session.mirror();
    let mut promoter = Promoter::begin(session, request, mode)?;
    let mut report = PromoteReport { at: promoter.known.now, stages: Vec::new(), bundles: Vec::new() };
    for unit in units(mirror, &promoter.known, request)? {
        match unit {
            Unit::One(name, stream) => {
                report.stages.push(promoter.promote_one(&name, &stream)?);
            }
            Unit::Set(set) => {
                let (stages, bundle) = promoter.promote_set(&set)?;
                report.stages.extend(stages);
                report.bundles.extend(bundle);
            }
        }
        session.check_cancelled()?;
    }
    promoter.heal_tags(&mut report.stages)?;
    Ok(report)
}

/// What is promoted as one.
enum Unit {
    /// A stage in a stream.
    One(String, Stream),
    /// A stage in the members of a bundle.
    Set(Box<Set>),
}

/// Returns what is promoted, in the order of the pipeline.
fn units(mirror: &Mirror, known: &Known, request: &PromoteRequest) -> Result<Vec<Unit>, StageError> {
    let mut units: Vec<Unit> = Vec::new();
    let is_named = request.build.is_some() || request.streams.is_some();
    let retiring = mirror.retirement_files()?;
    for (name, stream) in chosen(known, request)? {
        if !is_named && retiring.contains_key(&stream) {
            continue;
        }
        let stage = known.stage(&name)?;
        let bundle = if stage.bundle { mirror.layout().bundle_of(&stream, &name) } else { None };
        let Some(bundle) = bundle else {
            units.push(Unit::One(name, stream));
            continue;
        };
        let same = units.iter_mut().find_map(|unit| match unit {
            Unit::Set(set) if set.stage.name == name && set.bundle.stream == bundle.stream => Some(set),
            _ => None,
        });
        match same {
            Some(set) => set.streams.push(stream),
            None => {
                let set = Set { stage: stage.clone(), bundle, streams: vec![stream] };
                units.push(Unit::Set(Box::new(set)));
            }
        }
    }
    Ok(units)
}

/// Returns the stages to evaluate, in the order of the pipeline.
fn chosen(known: &Known, request: &PromoteRequest) -> Result<Vec<(String, Stream)>, StageError> {
    if let (Some(name), Some(id)) = (&request.stage, &request.build) {
        known.stage_in(name, &id.stream)?;
        return Ok(vec![(name.clone(), id.stream.clone())]);
    }
    super::stages::chosen(known, request.stage.as_deref(), request.streams.as_ref())
}
