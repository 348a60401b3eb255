//! The lists of images of a build, with every reference in them.

use super::{ImagesError, grammar};
use crate::decide::images::{ListedImage, judge};
use crate::mirror::Mirror;
use crate::model::{BuildId, RelPath};
use crate::ops::observe::image_list::image_list;
use crate::ops::retention::not_trashed;
use crate::record::ImageList;
use crate::store::Entry;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// A list of images of a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ImageListReport {
    /// The path of the list in the build.
    pub path: RelPath,
    /// The values of the fields of its path.
    pub fields: BTreeMap<String, String>,
    /// Why the list cannot be read; `null` if it can.
    pub problem: Option<String>,
    /// The lines with a reference, in their order.
    pub images: Vec<ListedImage>,
}

impl ImageListReport {
    /// Returns how many problems the list has.
    pub fn problems(&self) -> usize {
        let wrong = self.images.iter().filter(|image| image.problem.is_some());
        wrong.count() + usize::from(self.problem.is_some())
    }
}

/// Returns the lists of images of a build, sorted by path.
pub fn image_lists(mirror: &Mirror, id: &BuildId) -> Result<Vec<ImageListReport>, ImagesError> {
    let images = grammar(mirror)?;
    if !mirror.has_build(id)? {
        not_trashed(mirror, id)?;
        return Err(ImagesError::NoBuild(id.clone()));
    }
    let path = mirror.layout().build_path(id).unwrap_or_else(|_| id.as_path());
    let walked = mirror.apart().walk(id, &path)?;
    let mut reports = Vec::new();
    for (dir, scan) in walked.dirs.into_iter().filter(|(dir, _)| images.can_hold(dir)) {
        for one in scan.entries {
            let Ok(at) = dir.child(&one.name) else { continue };
            let Some(fields) = images.list(id, &at) else { continue };
            let (problem, listed) = match read(mirror, &path.join(&at), &one.entry) {
                Ok(list) => (None, judge(images, id, list)),
                Err(why) => (Some(why), Vec::new()),
            };
            reports.push(ImageListReport { path: at, fields, problem, images: listed });
        }
    }
    let unread = walked.unread.into_iter().filter(|(at, _)| images.can_hold(at));
    reports.extend(unread.map(|(at, error)| ImageListReport {
        path: at,
        fields: BTreeMap::new(),
        problem: Some(crate::mirror::chain(&error)),
        images: Vec::new(),
    }));
    reports.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(reports)
}

/// Returns the list at a path, or why it cannot be read.
fn read(mirror: &Mirror, at: &RelPath, entry: &Entry) -> Result<ImageList, String> {
    let bytes = image_list(mirror, at, entry.kind, entry.size)?;
    ImageList::parse(&bytes).map_err(|error| error.to_string())
}
