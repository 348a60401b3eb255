//! The verb `images`: the lists of images of a build, the fields of a reference, pins, and the deletion of images of
//! deleted builds.

use super::answer::{Sorted, Version};
use super::args::{ImagesPruneArgs, ImagesVerb, PinsArgs};
use super::context::Context;
use super::exit::{Exit, Outcome, Usage};
use super::prune::digest;
use super::surveyed::looked_to_show;
use super::{naming, read, say};
use crate::model::{BuildId, Class, Classify, ErrorKind, ImageRef, shown};
use crate::ops::Mode;
use crate::ops::images::{
    ImageListReport, ImagePlace, ImagePruneReport, PinsReport, image_lists, image_pins, pin_images,
    place_image, prune_images, unpin_images,
};
use crate::record::Pins;
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
        ImagesVerb::Pins(args) => pins(setting, args),
        ImagesVerb::Prune(args) => prune(setting, args),
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
    let census = looked_to_show(&mirror)?.0.census;
    let place = place_image(&mirror, &census, &image)?;
    if setting.json {
        say::json(&Sorted(ImagePlaceAnswer { images: Version, place: &place }));
    } else {
        say::out(&render::image_place(&place, mirror.layout().name()));
        if let Some(why) = &place.impossible {
            say::note(&format!("warning: {}", shown(why)));
        }
        if place.placed.is_some() && place.builds.is_empty() {
            say::note("its fields tie it to no build of the mirror");
        }
    }
    Ok(if place.misfit.is_some() { Exit::Failed } else { Exit::Done })
}

/// The answer of `images pins`.
#[derive(Serialize, JsonSchema)]
pub(super) struct ImagePinsAnswer<'a> {
    images: Version,
    /// Whether nothing was changed.
    dry_run: bool,
    /// The pins that were changed; without a file and `--remove`, those that are in force, sorted by name.
    pins: &'a [PinsReport],
}

/// The answer of `images prune`.
#[derive(Serialize, JsonSchema)]
pub(super) struct ImagePruneAnswer<'a> {
    images: Version,
    /// Whether nothing was changed.
    dry_run: bool,
    #[serde(flatten)]
    report: &'a ImagePruneReport,
}

fn pins(setting: &Context, args: &PinsArgs) -> Outcome<Exit> {
    let mirror = setting.open()?;
    let session = setting.session(&mirror);
    let mode = Mode::of(args.dry_run);
    let report = match (&args.file, &args.remove) {
        (None, None) => {
            list_pins(setting, &image_pins(&session)?);
            return Ok(Exit::Done);
        }
        (Some(file), _) => {
            let name = args.name.clone().or_else(|| Some(file.file_name()?.to_str()?.to_owned()));
            let name =
                name.ok_or_else(|| Usage("the file has no name; `--name NAME` gives one".to_owned()))?;
            let text = read::text("file of pins", file)?;
            let pins = Pins::parse(&text, &name)
                .map_err(|problems| UnfitPins(problems.iter().map(ToString::to_string).collect()))?;
            pin_images(&session, &name, &pins, mode)?
        }
        (None, Some(name)) => unpin_images(&session, name, mode)?,
    };
    if setting.json {
        let pins = std::slice::from_ref(&report);
        say::json(&Sorted(ImagePinsAnswer { images: Version, dry_run: args.dry_run, pins }));
    } else {
        say::out(&render::image_pins(&report, args.dry_run));
    }
    Ok(if report.misfits.is_empty() { Exit::Done } else { Exit::Findings })
}

fn list_pins(setting: &Context, pins: &[PinsReport]) {
    if setting.json {
        say::json(&Sorted(ImagePinsAnswer { images: Version, dry_run: false, pins }));
        return;
    }
    if pins.is_empty() {
        say::note("no image pins are in force");
    }
    say::out(&render::image_pins_list(pins));
}

fn prune(setting: &Context, args: &ImagesPruneArgs) -> Outcome<Exit> {
    let accepted = args.accept.as_deref().map(|text| digest("images prune --dry-run", text)).transpose()?;
    let mirror = setting.open()?;
    let report = prune_images(&setting.session(&mirror), accepted, Mode::of(args.dry_run))?;
    if setting.json {
        say::json(&Sorted(ImagePruneAnswer { images: Version, dry_run: args.dry_run, report: &report }));
    } else {
        say::out(&render::image_prune(&report, args.dry_run));
    }
    report.failures.iter().for_each(|failure| say::note(&format!("failed: {failure}")));
    report.hints.iter().for_each(|hint| say::hint(hint));
    if let (Some(why), Some(plan)) = (&report.withheld, report.plan) {
        say::note(&format!(
            "withheld: {why}; `mirrorkeep images prune --accept sha256:{plan}` deletes what is shown"
        ));
    }
    Ok(match (&report.failures[..], &report.withheld) {
        ([], None) => Exit::Done,
        ([], Some(_)) => Exit::Withheld,
        _ => Exit::Failed,
    })
}

/// Reports a problem of a file of pins.
#[derive(Debug, thiserror::Error)]
#[error("the file of pins cannot be used:\n  {}", .0.join("\n  "))]
struct UnfitPins(Vec<String>);

impl Classify for UnfitPins {
    fn class(&self) -> Class {
        ErrorKind::Usage.into()
    }
}
