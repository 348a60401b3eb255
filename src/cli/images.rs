//! The verb `images`: the lists of images of a build, and what a reference says.

use super::answer::{Sorted, Version};
use super::args::ImagesVerb;
use super::context::Context;
use super::exit::{Exit, Outcome, Usage};
use super::surveyed::looked_to_show;
use super::{naming, say};
use crate::model::{BuildId, ImageRef};
use crate::ops::images::{ImageListReport, ImagePlace, image_lists, place_image};
use crate::render;
use schemars::JsonSchema;
use serde::Serialize;

/// The answer of `images list`.
#[derive(Serialize, JsonSchema)]
pub(super) struct ImageListsAnswer<'a> {
    images: Version,
    /// The ID of the build.
    id: &'a BuildId,
    /// The lists of the build, sorted by path.
    lists: &'a [ImageListReport],
    /// The number of lists that cannot be read and of references with a problem.
    problems: usize,
}

/// The answer of `images place`.
#[derive(Serialize, JsonSchema)]
pub(super) struct ImagePlaceAnswer<'a> {
    images: Version,
    #[serde(flatten)]
    place: &'a ImagePlace,
}

pub(super) fn images(setting: &Context, verb: &ImagesVerb) -> Outcome<Exit> {
    match verb {
        ImagesVerb::List { id } => list(setting, id),
        ImagesVerb::Place { reference } => place(setting, reference),
    }
}

fn list(setting: &Context, id: &str) -> Outcome<Exit> {
    let mirror = setting.open()?;
    let id = naming::build(&mirror, id)?;
    let lists = image_lists(&mirror, &id)?;
    let problems = lists.iter().map(ImageListReport::problems).sum();
    if setting.json {
        say::json(&Sorted(ImageListsAnswer { images: Version, id: &id, lists: &lists, problems }));
    } else {
        say::out(&render::image_lists(&lists, say::paint()));
        let images = lists.iter().map(|list| list.images.len() as u64).sum();
        say::note(&format!(
            "{} in {}, {}",
            say::count(images, "image"),
            say::count(lists.len() as u64, "list"),
            say::count(problems as u64, "problem"),
        ));
    }
    Ok(if problems > 0 { Exit::Findings } else { Exit::Done })
}

fn place(setting: &Context, reference: &str) -> Outcome<Exit> {
    let image: ImageRef = reference.parse().map_err(|error| Usage(format!("{error}")))?;
    let mirror = setting.open()?;
    let (census, _) = looked_to_show(&mirror)?;
    let place = place_image(&mirror, &census, &image)?;
    if setting.json {
        say::json(&Sorted(ImagePlaceAnswer { images: Version, place: &place }));
    } else {
        say::out(&render::image_place(&place, mirror.layout().name()));
        if place.placed.is_some() && place.builds.is_empty() {
            say::note("its fields tie it to no build of the mirror");
        }
    }
    Ok(if place.misfit.is_some() { Exit::Failed } else { Exit::Done })
}
