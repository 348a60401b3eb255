//! The builds that stages protect, for plans.

use crate::census::Census;
use crate::commit::{PipelineInForceError, pipeline_of};
use crate::decide::pipeline::{Moves, View, protected};
use crate::mirror::Mirror;

/// Records at each build of a census which stages protect it, and why.
///
/// Waivers do not matter: a candidate is protected while it is voted on, even with a waiver.
pub(crate) fn protect(mirror: &Mirror, census: &mut Census) -> Result<(), PipelineInForceError> {
    let Some(pipeline) = pipeline_of(mirror)? else { return Ok(()) };
    let moves = Moves::of_census(census, mirror.layout());
    let view = View { census, moves: &moves, waivers: &[], now: census.at };
    let mut kept: Vec<_> =
        census.streams.iter().map(|line| protected(&pipeline, &line.stream, &view)).collect();
    for (line, kept) in census.streams.iter_mut().zip(&mut kept) {
        for build in &mut line.builds {
            build.stages = kept.remove(&build.build).unwrap_or_default();
        }
    }
    Ok(())
}
