//! Pins: the images that a file names are kept, and with them the builds to which they are tied.
//!
//! The pins in force are the last ones that the journal has under the name of the file, so they are replaced as a
//! whole, and lost only with the journal. The plan protects the builds of pinned images, also of those that come
//! later; `images prune` keeps their tags.

use super::protect::pinned;
use super::{ImagesError, grammar};
use crate::layout::{Images, Ties};
use crate::mirror::{PinsInForce, TicketKind, survey};
use crate::model::{BuildId, ImageRef, RelPath};
use crate::ops::Mode;
use crate::record::{Payload, Pins};
use crate::session::Session;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeSet;

/// The image pins of one name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PinsReport {
    /// The name under which they are in force, that of the file.
    pub name: String,
    /// How many images are pinned.
    pub images: usize,
    /// The builds of the mirror that they protect.
    pub builds: BTreeSet<BuildId>,
    /// Those of them that are in the trash; `restore` brings one back.
    pub trashed: BTreeSet<BuildId>,
    /// The pinned images that are tied to no build of the mirror or its trash.
    pub elsewhere: Vec<ImageRef>,
    /// Why images that the layout does not know are not tied to a build, `IMAGE: WHY`.
    pub misfits: Vec<String>,
    /// The builds of the mirror that only the previous pins protected.
    pub released: BTreeSet<BuildId>,
    /// Whether the pinned images changed, or would change.
    pub changed: bool,
}

/// Returns the image pins that are in force, by name.
pub fn image_pins(session: &Session<'_>) -> Result<Vec<PinsReport>, ImagesError> {
    let pins = session.mirror().pins()?;
    let scene = Scene::of(session)?;
    Ok(pins.iter().map(|(name, images)| scene.report(name, images)).collect())
}

/// Sets the images of a file as pins, replacing those under this name.
///
/// # Errors
///
/// A layout without a grammar of images is an error, and so is a text that cannot be the name of a file.
pub fn pin_images(
    session: &Session<'_>,
    name: &str,
    pins: &Pins,
    mode: Mode,
) -> Result<PinsReport, ImagesError> {
    let mirror = session.mirror();
    if !grammar(mirror)?.ties() {
        let layout = mirror.layout().name();
        mirror.warnings().add(format!(
            "the layout `{layout}` ties no image to a build, so that pins keep tags in registries and protect no build"
        ));
    }
    put(session, name, &pins.images, mode)
}

/// Removes the pins of that name.
pub fn unpin_images(session: &Session<'_>, name: &str, mode: Mode) -> Result<PinsReport, ImagesError> {
    if !session.mirror().pins()?.contains_key(name) {
        let known = session.mirror().pins()?.into_keys().collect();
        return Err(ImagesError::NoPins { name: name.to_owned(), known });
    }
    put(session, name, &[], mode)
}

fn put(
    session: &Session<'_>,
    name: &str,
    images: &[ImageRef],
    mode: Mode,
) -> Result<PinsReport, ImagesError> {
    let name = pins_name(name).ok_or_else(|| ImagesError::PinsName(name.to_owned()))?;
    let lock = if mode == Mode::Real { Some(session.begin()?) } else { None };
    let before = session.mirror().pins()?;
    let scene = Scene::of(session)?;
    let mut report = scene.report(name, images);
    report.changed = before.get(name).map_or(&[][..], Vec::as_slice) != images;
    let mut after = before.clone();
    after.remove(name);
    if !images.is_empty() {
        after.insert(name.to_owned(), images.to_vec());
    }
    let protected = |pins: &PinsInForce| -> BTreeSet<BuildId> {
        pinned(session.mirror(), scene.builds.clone(), pins).into_keys().collect()
    };
    report.released = protected(&before).difference(&protected(&after)).cloned().collect();
    if let Some(lock) = lock.filter(|_| report.changed) {
        lock.note(lock.now(), name, &Payload::Pinned { pins: images.to_vec() })?;
    }
    Ok(report)
}

/// Returns the name of a file of pins, which is one line without `/`.
fn pins_name(text: &str) -> Option<&str> {
    let name = RelPath::root().child(text).ok()?;
    (name.as_str() == text && name.names().count() == 1).then_some(text)
}

/// The builds to which pins can be tied.
struct Scene<'a> {
    images: Images<'a>,
    builds: Vec<BuildId>,
    here: Ties<'a>,
    trashed: Ties<'a>,
}

impl<'a> Scene<'a> {
    fn of(session: &Session<'a>) -> Result<Self, ImagesError> {
        let mirror = session.mirror();
        let images = grammar(mirror)?;
        let builds: Vec<BuildId> = survey(mirror, session.now())?.census.builds().map(|(id, _)| id).collect();
        let waiting = mirror.trash()?.waiting.into_iter().map(|trashed| trashed.ticket);
        let trashed = waiting.filter(|ticket| ticket.what == TicketKind::Build).map(|ticket| ticket.id);
        let (here, trashed) = (Ties::of(images, builds.iter().cloned()), Ties::of(images, trashed));
        Ok(Self { images, builds, here, trashed })
    }

    /// Returns the effect of pinned images.
    fn report(&self, name: &str, pins: &[ImageRef]) -> PinsReport {
        let mut report = PinsReport { name: name.to_owned(), images: pins.len(), ..PinsReport::default() };
        for image in pins {
            let placed = match self.images.place(image) {
                Ok(placed) => placed,
                Err(misfit) => {
                    report.misfits.push(format!("{image}: {misfit}"));
                    continue;
                }
            };
            let (here, trashed) = (self.here.tied(&placed), self.trashed.tied(&placed));
            if here.is_empty() && trashed.is_empty() {
                report.elsewhere.push(image.clone());
            }
            report.builds.extend(here.into_iter().cloned());
            report.trashed.extend(trashed.into_iter().cloned());
        }
        report
    }
}
