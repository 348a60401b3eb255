//! Whether registries have the images of lists, with the digests of the lists, and each moving tag where the last promotion left it.

use super::{ImagesError, image_lists};
use crate::commit::carried::CarryError;
use crate::commit::pipeline_of;
use crate::decide::check::{Code, Finding};
use crate::mirror::{chain, survey};
use crate::model::registry::Image;
use crate::model::{BuildId, Digest, ImageRef, RelPath};
use crate::ops::promotion::last_tags;
use crate::registry::{Compared, Expected, Registries};
use crate::session::Session;
use std::collections::BTreeMap;

/// An image that something of the mirror names.
type Wanted = (Image, Option<Digest>);

/// Asks registries for every image that a list in a build below `scope` names, and for every moving tag of a stage there.
///
/// What a list cannot be read for is no finding here.
pub fn compare_registries(session: &Session<'_>, scope: &RelPath) -> Result<Vec<Finding>, ImagesError> {
    let mirror = session.mirror();
    let census = survey(mirror, session.now())?.census;
    let mut lists: BTreeMap<RelPath, (BuildId, Vec<Wanted>)> = BTreeMap::new();
    let has_lists = mirror.layout().images().is_some_and(|images| images.has_lists());
    for (id, _) in census.builds().filter(|_| has_lists) {
        let path = mirror.layout().build_path(&id).unwrap_or_else(|_| id.as_path());
        if !path.is_within(scope) && !scope.is_within(&path) {
            continue;
        }
        let found = match image_lists(mirror, &id) {
            // It was pruned since it was seen.
            Err(ImagesError::NoBuild(_) | ImagesError::Act(_)) => continue,
            found => found?,
        };
        for list in found {
            let references = list.images.iter().filter_map(|line| line.reference.as_ref());
            let wanted = references.map(|one| (by_tag(one), one.digest)).collect();
            lists.insert(path.join(&list.path), (id.clone(), wanted));
        }
    }
    let mut tags: BTreeMap<RelPath, Vec<Wanted>> = BTreeMap::new();
    for stage in pipeline_of(mirror)?.iter().flat_map(|pipeline| &pipeline.stages) {
        for line in census.streams.iter().filter(|line| !stage.images.is_empty() && stage.is_in(&line.stream))
        {
            let Ok(dir) = mirror.layout().stream_path(&line.stream) else { continue };
            let Ok(alias) = dir.child(&stage.name) else { continue };
            let left = last_tags(mirror, stage, &line.stream)?;
            tags.insert(alias, left.into_iter().map(|(image, digest)| (image, Some(digest))).collect());
        }
    }
    let mut all: BTreeMap<Wanted, Compared> = BTreeMap::new();
    let mut unread = BTreeMap::new();
    let of_lists = lists.values().flat_map(|(_, wanted)| wanted);
    let wanted: std::collections::BTreeSet<Wanted> =
        of_lists.chain(tags.values().flatten()).cloned().collect();
    let wanted: Vec<Wanted> = wanted.into_iter().collect();
    let expected: Vec<Expected> =
        wanted.iter().map(|(image, digest)| Expected { image: image.clone(), digest: *digest }).collect();
    let registries = Registries::new(session.stop().clone()).map_err(CarryError::from)?;
    for (one, found) in wanted.into_iter().zip(registries.compare(&expected)) {
        session.check_cancelled().map_err(crate::registry::RegistryError::from).map_err(CarryError::from)?;
        match found {
            Ok(found) => drop(all.insert(one, found)),
            Err(error) => drop(unread.insert(one, chain(&error))),
        }
    }
    let mut findings = Vec::new();
    for (at, (id, wanted)) in &lists {
        let of = |finding: Finding| finding.of(id);
        let missing = wanted.iter().filter(|one| all.get(*one) == Some(&Compared::Missing));
        let missing: Vec<String> = missing.map(|(image, _)| format!("`{image}` is missing")).collect();
        let expected = "every image of the list is in its registry";
        findings.extend(told(Code::ImageMissing, at, &missing, expected).map(of));
        let other: Vec<String> = wanted.iter().filter_map(|one| differs(one, &all)).collect();
        findings.extend(told(Code::ImageChanged, at, &other, "the digest that the list states").map(of));
        let unknown = wanted.iter().filter_map(|one| unread.get(one).cloned());
        findings.extend(told(Code::RegistryUnread, at, &unknown.collect::<Vec<_>>(), "an answer").map(of));
    }
    for (alias, wanted) in &tags {
        let lost = wanted.iter().filter(|one| all.get(*one) == Some(&Compared::Missing));
        let lost = lost.map(|(image, _)| format!("`{image}` is missing"));
        let moved: Vec<String> = lost.chain(wanted.iter().filter_map(|one| differs(one, &all))).collect();
        let expected = "each tag is where the last promotion left it";
        findings.extend(told(Code::ImageTagMoved, alias, &moved, expected));
        let unknown = wanted.iter().filter_map(|one| unread.get(one).cloned());
        findings.extend(told(Code::RegistryUnread, alias, &unknown.collect::<Vec<_>>(), "an answer"));
    }
    Ok(findings)
}

/// Returns the image that a reference names, by its tag if it has one.
fn by_tag(reference: &ImageRef) -> Image {
    let digest = reference.digest.filter(|_| reference.tag.is_none());
    Image::from(&ImageRef { digest, ..reference.clone() })
}

/// Says which digest an image has that should have another.
fn differs(one: &Wanted, all: &BTreeMap<Wanted, Compared>) -> Option<String> {
    match all.get(one) {
        Some(Compared::Other(is)) => Some(format!("`{}` has sha256:{is}", one.0)),
        _ => None,
    }
}

/// Returns a finding that names the first of several, and how many there are; nothing if there is none.
fn told(code: Code, at: &RelPath, found: &[String], expected: &str) -> Option<Finding> {
    let (first, more) = found.split_first()?;
    let more = if more.is_empty() { String::new() } else { format!("; and {} more", more.len()) };
    Some(Finding::new(code, at, format!("{first}{more}"), expected))
}
