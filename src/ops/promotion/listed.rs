//! The references in the lists of a build that is promoted, and those among them that belong to another build.

use super::StageError;
use crate::decide::images::{ImageProblemKind, ListedImage};
use crate::layout::Ties;
use crate::mirror::{Mirror, chain};
use crate::model::{BuildId, ImageRef};
use crate::ops::images::{ImageListReport, image_lists};

/// Returns the references in the lists of a build.
pub(super) fn references(mirror: &Mirror, id: &BuildId) -> Result<Vec<ImageRef>, StageError> {
    referenced(lists(mirror, id)?, id)
}

pub(super) fn lists(mirror: &Mirror, id: &BuildId) -> Result<Vec<ImageListReport>, StageError> {
    image_lists(mirror, id).map_err(|error| StageError::Images(chain(&error)))
}

pub(super) fn referenced(lists: Vec<ImageListReport>, id: &BuildId) -> Result<Vec<ImageRef>, StageError> {
    let mut all = Vec::new();
    for list in lists {
        if let Some(why) = list.problem {
            return Err(StageError::Images(format!("`{}` of `{id}` cannot be read: {why}", list.path)));
        }
        for line in list.images {
            let number = line.line;
            let Some(reference) = line.reference else {
                let why = line.problem.map(|problem| problem.why).unwrap_or_default();
                return Err(StageError::Images(format!("line {number} of `{}` of `{id}`: {why}", list.path)));
            };
            all.push(reference);
        }
    }
    if all.is_empty() {
        return Err(StageError::Images(format!("no list of `{id}` has an image")));
    }
    Ok(all)
}

/// Warns of references in the lists of a build that belong to another build.
pub(super) fn warn_of_others(
    mirror: &Mirror,
    id: &BuildId,
    lists: &[ImageListReport],
) -> Result<(), StageError> {
    let Some(images) = mirror.layout().images() else { return Ok(()) };
    let is_other = |line: &&ListedImage| {
        line.problem.as_ref().is_some_and(|problem| problem.kind == ImageProblemKind::OtherBuild)
    };
    let lines = lists.iter().flat_map(|list| list.images.iter().map(move |line| (list, line)));
    let lines: Vec<_> = lines.filter(|(_, line)| is_other(line)).collect();
    if lines.is_empty() {
        return Ok(());
    }
    let ties = Ties::of(images, mirror.recorded()?);
    for (list, line) in lines {
        let (Some(image), Some(problem)) = (&line.reference, &line.problem) else { continue };
        let placed = images.place(image).ok();
        let of = placed.and_then(|placed| Some(format!("`{}`", ties.tied(&placed).first()?)));
        let of = of.unwrap_or_else(|| "another build".to_owned());
        mirror
            .warnings()
            .add(format!("`{image}` in `{}` of `{id}` is an image of {of}: {}", list.path, problem.why));
    }
    Ok(())
}
