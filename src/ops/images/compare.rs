//! Whether registries have the images of lists, with the digests of the lists, and each moving tag at the image of
//! the build at the stage.

use super::{ImagesError, image_lists};
use crate::commit::carried::CarryError;
use crate::decide::check::{Code, Finding};
use crate::mirror::{chain, survey};
use crate::model::registry::Image;
use crate::model::{BuildId, Classify, Digest, ImageRef, RelPath};
use crate::ops::promotion::{GivenTags, given_tags};
use crate::registry::{Compared, Expected, Registries};
use crate::session::Session;
use std::collections::BTreeMap;

/// An image that something of the mirror names.
type Wanted = (Image, Option<Digest>);

/// Why registries did not answer, each with what helps.
type Unread = BTreeMap<Wanted, (String, Option<String>)>;

/// Queries registries for every image that a list in a build below `scope` names, and for every moving tag of a stage
/// there.
///
/// Problems of lists are not reported here.
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
            // It was pruned after it was seen.
            Err(ImagesError::NoBuild(_) | ImagesError::Act(_)) => continue,
            found => found?,
        };
        for list in found {
            let references = list.images.iter().filter_map(|line| line.reference.as_ref());
            let wanted = references.map(|one| (by_tag(one), one.digest)).collect();
            lists.insert(path.join(&list.path), (id.clone(), wanted));
        }
    }
    let of_stages = given_tags(session, &census).map_err(Box::new)?;
    let with_wanted = |one: GivenTags| {
        let wanted: Vec<Wanted> =
            one.tags.iter().map(|(image, digest)| (image.clone(), Some(*digest))).collect();
        (one, wanted)
    };
    let tags: Vec<(GivenTags, Vec<Wanted>)> = of_stages.into_iter().map(with_wanted).collect();
    let mut all: BTreeMap<Wanted, Compared> = BTreeMap::new();
    let mut unread = Unread::new();
    let of_lists = lists.values().flat_map(|(_, wanted)| wanted);
    let wanted: std::collections::BTreeSet<Wanted> =
        of_lists.chain(tags.iter().flat_map(|(_, wanted)| wanted)).cloned().collect();
    let wanted: Vec<Wanted> = wanted.into_iter().collect();
    let expected: Vec<Expected> =
        wanted.iter().map(|(image, digest)| Expected { image: image.clone(), digest: *digest }).collect();
    let registries = Registries::new(session.stop().clone()).map_err(CarryError::from)?;
    for (one, found) in wanted.into_iter().zip(registries.compare(&expected)) {
        session.check_cancelled().map_err(crate::registry::RegistryError::from).map_err(CarryError::from)?;
        match found {
            Ok(found) => drop(all.insert(one, found)),
            Err(error) => drop(unread.insert(one, (chain(&error), error.class().hint))),
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
        findings.extend(unanswered(at, wanted, &unread).map(of));
    }
    for (of, wanted) in &tags {
        let alias = &of.alias;
        let lost = wanted.iter().filter(|one| all.get(*one) == Some(&Compared::Missing));
        let lost = lost.map(|(image, _)| format!("`{image}` is missing"));
        let moved: Vec<String> = lost.chain(wanted.iter().filter_map(|one| differs(one, &all))).collect();
        let expected = format!("each tag has the image of `{}`, which has the stage", of.build);
        let found = told(Code::ImageTagMoved, alias, &moved, &expected);
        findings.extend(found.map(|found| found.of_stage(&of.stage, &of.stream)));
        findings.extend(unanswered(alias, wanted, &unread));
    }
    Ok(findings)
}

/// Returns the image that a reference names, by its tag if it has one.
fn by_tag(reference: &ImageRef) -> Image {
    let digest = reference.digest.filter(|_| reference.tag.is_none());
    Image::from(&ImageRef { digest, ..reference.clone() })
}

/// Returns the finding that an image has another digest than it should.
fn differs(one: &Wanted, all: &BTreeMap<Wanted, Compared>) -> Option<String> {
    match all.get(one) {
        Some(Compared::Other(is)) => Some(format!("`{}` has sha256:{is}", one.0)),
        _ => None,
    }
}

/// Returns a finding for images whose state is not known, with what helps against the first failure.
fn unanswered(at: &RelPath, wanted: &[Wanted], unread: &Unread) -> Option<Finding> {
    let all: Vec<&(String, Option<String>)> = wanted.iter().filter_map(|one| unread.get(one)).collect();
    let why: Vec<String> = all.iter().map(|(why, _)| why.clone()).collect();
    let mut found = told(Code::RegistryUnread, at, &why, "an answer")?;
    if let Some(hint) = all.iter().find_map(|(_, hint)| hint.clone()) {
        found.hint = hint.into();
    }
    Some(found)
}

/// Returns a finding that names the first of several, and how many there are; nothing if there is none.
fn told(code: Code, at: &RelPath, found: &[String], expected: &str) -> Option<Finding> {
    let (first, more) = found.split_first()?;
    let more = if more.is_empty() { String::new() } else { format!("; and {} more", more.len()) };
    Some(Finding::new(code, at, format!("{first}{more}"), expected))
}
