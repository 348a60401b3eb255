//! The pipeline of a mirror, read when a command needs it, and the aliases that only promotion moves.

use crate::decide::pipeline::{Pipeline, PipelineError, Stage};
use crate::layout::Place;
use crate::mirror::{InForce, Mirror, MirrorError};
use crate::model::{Class, Classify, ErrorKind, RelPath};

/// Why there is no usable pipeline.
#[derive(Debug, thiserror::Error)]
pub enum PipelineInForceError {
    /// The mirror has none.
    #[error("the mirror has no pipeline, so it has no stages")]
    None,
    /// It cannot be used.
    #[error(transparent)]
    Unfit(#[from] PipelineError),
    /// It cannot be read, or is not a shipped one.
    #[error(transparent)]
    Mirror(#[from] MirrorError),
}

impl Classify for PipelineInForceError {
    fn class(&self) -> Class {
        match self {
            Self::None => ErrorKind::Usage.hint(
                "`mirrorkeep pipeline list` names those that ship, and `mirrorkeep pipeline set NAME|FILE` puts one in force",
            ),
            Self::Unfit(error) => error.class(),
            Self::Mirror(error) => error.class(),
        }
    }
}

/// Returns the pipeline of a mirror; nothing if `mirror.yaml` names none.
pub fn pipeline_of(mirror: &Mirror) -> Result<Option<Pipeline>, PipelineInForceError> {
    let Some((name, text)) = mirror.in_force(InForce::Pipeline, Pipeline::shipped)? else { return Ok(None) };
    Ok(Some(Pipeline::load(&text, &name)?))
}

/// Returns the pipeline of a mirror; fails if it has none.
pub fn required_pipeline(mirror: &Mirror) -> Result<Pipeline, PipelineInForceError> {
    if let Some(pipeline) = pipeline_of(mirror)? {
        return Ok(pipeline);
    }
    mirror.idle(InForce::Pipeline)?.into_iter().for_each(|why| mirror.warnings().add(why));
    Err(PipelineInForceError::None)
}

/// Returns the stage whose promotion moves an alias: the stage's alias, its `previous`, or another one that it
/// carries.
pub fn stage_at(mirror: &Mirror, alias: &RelPath) -> Result<Option<String>, PipelineInForceError> {
    let pipeline = pipeline_of(mirror)?;
    Ok(pipeline.and_then(|pipeline| Some(mover(mirror, &pipeline, alias)?.name.clone())))
}

/// Returns the stage of a pipeline whose promotion moves an alias.
pub(crate) fn mover<'a>(mirror: &Mirror, pipeline: &'a Pipeline, alias: &RelPath) -> Option<&'a Stage> {
    let Place::Stream { stream } = mirror.layout().place(&alias.parent().unwrap_or_default()) else {
        return None;
    };
    pipeline.mover(&stream, alias.name()).or_else(|| {
        let bundle = mirror.layout().bundle(&stream).filter(|bundle| bundle.link == alias.name())?;
        pipeline.stages.iter().find(|stage| stage.bundle && stage.name == bundle.alias)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirror::{Chosen, Setup};
    use crate::model::RelPath;
    use crate::store::{ObjectStore, Posix, Put, Store};
    use std::sync::Arc;
    use std::time::Duration;

    fn mirror(store: &Arc<dyn Store>) -> Mirror {
        Mirror::open(Arc::clone(store), "a test", Duration::ZERO).unwrap()
    }

    fn case(store: Arc<dyn Store>) {
        let file = "pipeline: 1\nstages: [{name: tested, streams: '**'}]\n";
        let setup = Setup {
            layout: Chosen::Shipped("generic".to_owned()),
            policy: None,
            pipeline: Some(Chosen::File(file.to_owned())),
            id: "a test".to_owned(),
        };
        Mirror::init(Arc::clone(&store), &setup, "a test", Duration::ZERO).unwrap();
        let found = pipeline_of(&mirror(&store)).unwrap().unwrap();
        assert_eq!((found.text(), found.stages[0].name.as_str()), (file, "tested"));
        // A mirror opens even if its pipeline is broken; only what needs it fails, with the place.
        store.put(&RelPath::state("pipeline.yaml"), b"pipeline: 1\nstages: 3\n", Put::Replace).unwrap();
        let error = pipeline_of(&mirror(&store)).unwrap_err();
        assert!(error.to_string().contains("pipeline.yaml:2:9"), "{error}");
        assert_eq!(error.kind(), ErrorKind::Usage);
        // A shipped one, one that is not shipped, and none.
        let settings = RelPath::state("mirror.yaml");
        let text = String::from_utf8(store.read(&settings, 1 << 20).unwrap()).unwrap();
        let edit = |line: &str| {
            let text = text.replace("pipeline: pipeline.yaml\n", line);
            store.put(&settings, text.as_bytes(), Put::Replace).unwrap();
            mirror(&store)
        };
        assert!(
            required_pipeline(&edit("pipeline: rdo-trunk\n")).unwrap().stage("current-tripleo").is_some()
        );
        let error = pipeline_of(&edit("pipeline: nosuch\n")).unwrap_err();
        assert!(error.to_string().contains("`pipeline: nosuch` in .mirrorkeep/mirror.yaml"), "{error}");
        let without = edit("");
        assert!(pipeline_of(&without).unwrap().is_none());
        assert!(matches!(required_pipeline(&without), Err(PipelineInForceError::None)));
        let idle = without.idle_settings().unwrap();
        assert!(idle.len() == 1 && idle[0].contains("write `pipeline: pipeline.yaml`"), "{idle:?}");
    }

    #[test]
    fn a_pipeline_is_read_when_it_is_needed_in_a_directory_and_in_a_bucket() {
        let dir = tempfile::tempdir().unwrap();
        case(Arc::new(Posix::open(dir.path()).unwrap()));
        case(Arc::new(ObjectStore::in_memory().unwrap()));
    }
}
