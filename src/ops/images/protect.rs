//! The builds that images protect, for plans: those of pinned images, and those at which moving tags point.

use crate::census::Census;
use crate::commit::{PipelineInForceError, pipeline_of};
use crate::layout::Ties;
use crate::mirror::{JournalError, Mirror, PinsInForce};
use crate::model::BuildId;
use crate::record::{EventKind, Phase, Promotion};
use std::collections::{BTreeMap, BTreeSet};

/// Records at each build of a census which image pins protect it.
pub(crate) fn protect_pinned(mirror: &Mirror, census: &mut Census, pins: &PinsInForce) {
    let of = pinned(mirror, census.builds().map(|(id, _)| id).collect(), pins);
    for line in &mut census.streams {
        for build in &mut line.builds {
            let id = BuildId::new(line.stream.clone(), build.build.clone());
            build.pins = of.get(&id).cloned().unwrap_or_default();
        }
    }
}

/// Returns those of these builds to which image pins are tied, each with its pins, such as `NAME: IMAGE`; the first
/// image of each name.
pub(crate) fn pinned(
    mirror: &Mirror,
    builds: Vec<BuildId>,
    pins: &PinsInForce,
) -> BTreeMap<BuildId, Vec<String>> {
    let mut of: BTreeMap<BuildId, BTreeMap<&str, String>> = BTreeMap::new();
    // Pins from before the layout lost its grammar are tied to nothing.
    let Some(images) = mirror.layout().images().filter(|_| !pins.is_empty()) else { return BTreeMap::new() };
    let ties = Ties::of(images, builds);
    for (name, image) in pins.iter().flat_map(|(name, images)| images.iter().map(move |image| (name, image)))
    {
        let Ok(placed) = images.place(image) else { continue };
        for id in ties.tied(&placed) {
            of.entry(id.clone()).or_default().entry(name).or_insert_with(|| format!("{name}: {image}"));
        }
    }
    of.into_iter().map(|(id, pins)| (id, pins.into_values().collect())).collect()
}

/// Returns the stages whose moving tags point to each build, from the last promotions and demotions.
///
/// A demotion that failed to move tags is treated as one that moved them, so both of its builds count.
pub(crate) fn tagged(mirror: &Mirror) -> Result<BTreeMap<BuildId, BTreeSet<String>>, TaggedError> {
    let Some(pipeline) = pipeline_of(mirror)? else { return Ok(BTreeMap::new()) };
    let carry = |part: &&Promotion| {
        let stage = pipeline.stages.iter().find(|stage| stage.name == part.name);
        stage.is_some_and(|stage| !stage.images.is_empty() && stage.is_in(&part.stream))
    };
    if pipeline.stages.iter().all(|stage| stage.images.is_empty()) {
        return Ok(BTreeMap::new());
    }
    let mut named: BTreeMap<String, (String, BTreeSet<BuildId>)> = BTreeMap::new();
    let events = mirror.history(&[EventKind::Promoted, EventKind::Demoted])?;
    for event in events {
        let Some(promotion) = event.stated().promotion else { continue };
        for part in promotion.parts().iter().filter(carry) {
            let back = part.before.clone().filter(|_| event.what == EventKind::Demoted);
            let builds: BTreeSet<BuildId> = part.build.clone().into_iter().chain(back).collect();
            for one in part.tags.iter().filter(|one| !one.is_lost()) {
                let (stage, all) = named.entry(one.image.to_string()).or_default();
                stage.clone_from(&part.name);
                // One that was not finished can have left the tag on either side.
                if event.phase == Phase::Done {
                    all.clear();
                }
                all.extend(builds.clone());
            }
        }
    }
    let mut of: BTreeMap<BuildId, BTreeSet<String>> = BTreeMap::new();
    for (stage, builds) in named.into_values() {
        for id in builds {
            of.entry(id).or_default().insert(stage.clone());
        }
    }
    Ok(of)
}

/// Records at each build of a census which moving tags point to it.
pub(crate) fn protect_tagged(mirror: &Mirror, census: &mut Census) -> Result<(), TaggedError> {
    let mut of = tagged(mirror)?;
    for line in &mut census.streams {
        for build in &mut line.builds {
            let id = BuildId::new(line.stream.clone(), build.build.clone());
            let stages = of.remove(&id).into_iter().flatten();
            // A build that the stage protects for another reason needs no second one.
            let told = |stage: &String| build.stages.iter().any(|why| why.split(',').next() == Some(stage));
            let more = stages.filter(|stage| !told(stage));
            let more: Vec<String> = more.map(|stage| format!("{stage}, whose image tags name it")).collect();
            build.stages.extend(more);
        }
    }
    Ok(())
}

/// Why it is not known to which builds image tags point.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TaggedError {
    /// The pipeline cannot be used.
    #[error(transparent)]
    Pipeline(#[from] PipelineInForceError),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
}
