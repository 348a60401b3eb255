//! The expected digests of image tags: those of the build at the stage.

use super::StageError;
use super::known::Known;
use super::tags::{registries, stated_tags, strictly, wanted_tags};
use crate::census::Census;
use crate::commit::pipeline_of;
use crate::decide::pipeline::{Stage, evaluate};
use crate::model::registry::Image;
use crate::model::{BuildId, Digest, RelPath, Stream};
use crate::session::Session;
use std::collections::BTreeMap;

/// The tags of images of a stage in one stream.
#[derive(Debug)]
pub(crate) struct GivenTags {
    /// The stage.
    pub(crate) stage: String,
    /// The stream.
    pub(crate) stream: Stream,
    /// The alias of the stage.
    pub(crate) alias: RelPath,
    /// The build at the stage.
    pub(crate) build: BuildId,
    /// The expected digest of each tag.
    pub(crate) tags: BTreeMap<Image, Digest>,
}

/// Returns the tags of every stage that moved some, and that has a build.
pub(crate) fn given_tags(session: &Session<'_>, census: &Census) -> Result<Vec<GivenTags>, StageError> {
    let mirror = session.mirror();
    let carries = |stage: &Stage| !stage.images.is_empty();
    if !pipeline_of(mirror)?.is_some_and(|pipeline| pipeline.stages.iter().any(carries)) {
        return Ok(Vec::new());
    }
    let known = Known::of_census(mirror, census)?;
    let (stated, registries) = (stated_tags(mirror)?, registries(session.stop())?);
    let look = strictly(mirror, &registries);
    let mut all = Vec::new();
    for stage in known.pipeline.stages.iter().filter(|stage| carries(stage)) {
        for stream in census.streams.iter().map(|line| &line.stream).filter(|stream| stage.is_in(stream)) {
            let Some(stated) = stated.stage(&stage.name, stream) else { continue };
            let Some(build) = evaluate(stage, stream, &known.view()).incumbent else { continue };
            // If a registry fails, the tags in the journal are looked up and reported.
            let given = || stated.with(&build).map(|(image, digest, _)| (image.clone(), digest)).collect();
            let wanted = wanted_tags(mirror, &*look, (stage, &build), stated);
            session.check_cancelled()?;
            let tags = wanted.map_or_else(|_| given(), |wanted| wanted.tags);
            let alias = mirror.layout().stream_path(stream)?.child(&stage.name).unwrap_or_default();
            all.push(GivenTags { stage: stage.name.clone(), stream: stream.clone(), alias, build, tags });
        }
    }
    Ok(all)
}
