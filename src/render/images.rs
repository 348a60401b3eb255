//! Lists of images and references, as text for people.

use crate::decide::image_prune::TagKept;
use crate::model::shown;
use crate::ops::images::{
    ImageListReport, ImagePlace, ImagePruneReport, PinsReport, TagFate, TagReport, TiedBuild,
};
use crate::render::{Paint, count};
use std::collections::BTreeMap;

/// Shows the lists of images of a build with every reference.
pub fn image_lists(lists: &[ImageListReport], paint: Paint) -> String {
    let mut text = String::new();
    for list in lists {
        text.push_str(&format!("{}: ", paint.bold(&shown(list.path.as_str()))));
        match &list.problem {
            Some(why) => text.push_str(&format!("{}: {}\n", paint.red("cannot be read"), shown(why))),
            None => text.push_str(&format!("{}\n", count(list.images.len() as u64, "image"))),
        }
        for image in &list.images {
            let named = image.reference.as_ref().map_or_else(|| image.text.clone(), ToString::to_string);
            text.push_str(&format!("  {}", shown(&named)));
            if !image.fields.is_empty() {
                text.push_str(&format!("  {}", shown(&fields(&image.fields))));
            }
            text.push('\n');
            if let Some(problem) = &image.problem {
                let why = format!("line {}: {}", image.line, problem.why);
                text.push_str(&format!("    {}  {}\n", paint.red("problem"), shown(&why)));
            }
        }
    }
    text
}

/// Shows the fields of a reference.
pub fn image_place(place: &ImagePlace, layout: &str) -> String {
    let mut lines = Vec::new();
    if let Some(misfit) = &place.misfit {
        lines.push(format!("{}: does not fit the layout `{layout}`: {misfit}", place.reference));
        lines.push(format!("nearest: {}", misfit.template));
    }
    if let Some(placed) = &place.placed {
        lines.push(format!("{}: fits `{}`", place.reference, placed.template));
        let widest = placed.fields.keys().map(String::len).max().unwrap_or_default().max("build".len());
        lines.extend(placed.fields.iter().map(|(field, value)| format!("{field:<widest$}  {value}")));
        lines.extend(place.builds.iter().map(|build| format!("{:<widest$}  {}", "build", tied(build))));
    }
    lines.iter().map(|line| format!("{}\n", shown(line))).collect()
}

fn tied(build: &TiedBuild) -> String {
    let named = |paths: &[crate::model::RelPath]| {
        paths.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    let listed = match build.lists.as_slice() {
        [] => "in none of its lists".to_owned(),
        lists => format!("in {}", named(lists)),
    };
    let unread = match build.unread.as_slice() {
        [] => String::new(),
        unread => format!("; cannot read {}", named(unread)),
    };
    format!("{} ({listed}{unread})", build.id)
}

fn fields(fields: &BTreeMap<String, String>) -> String {
    fields.iter().map(|(field, value)| format!("{field}={value}")).collect::<Vec<_>>().join(" ")
}

/// Shows the effect of setting pins.
pub fn image_pins(report: &PinsReport, dry_run: bool) -> String {
    let name = &report.name;
    let did = match (report.changed, report.images, dry_run) {
        (false, ..) => format!("the pins {name} are unchanged"),
        (true, 0, false) => format!("removed the pins {name}"),
        (true, 0, true) => format!("would remove the pins {name}"),
        (true, images, false) => format!("set the pins {name}: {}", count(images as u64, "image")),
        (true, images, true) => format!("would set the pins {name}: {}", count(images as u64, "image")),
    };
    let mut lines = vec![did];
    lines.extend(report.builds.iter().map(|id| format!("  protects {id}")));
    let trashed = report.trashed.iter();
    lines.extend(trashed.map(|id| format!("  in the trash  {id}; `mirrorkeep restore {id}` restores it")));
    lines.extend(report.released.iter().map(|id| format!("  pinned no more  {id}")));
    lines.extend(report.elsewhere.iter().map(|image| format!("  of no build here  {image}")));
    lines.extend(report.misfits.iter().map(|why| format!("  unknown form  {why}")));
    lines.iter().map(|line| format!("{}\n", shown(line))).collect()
}

/// Shows the pins in force.
pub fn image_pins_list(pins: &[PinsReport]) -> String {
    let line = |one: &PinsReport| {
        let images = count(one.images as u64, "image");
        let builds = count(one.builds.len() as u64, "build");
        format!("{}  {images}, {builds} protected\n", shown(&one.name))
    };
    pins.iter().map(line).collect()
}

/// Shows the tags of repositories and what happens to them.
pub fn image_prune(report: &ImagePruneReport, dry_run: bool) -> String {
    let mut lines = Vec::new();
    let mut stays: BTreeMap<&str, usize> = BTreeMap::new();
    for repository in &report.repositories {
        for tag in &repository.tags {
            match tag.fate {
                TagFate::Stays => *stays.entry(tag.why.map_or("", kept)).or_default() += 1,
                fate => lines.push(going(&repository.repository, tag, fate, dry_run)),
            }
        }
    }
    for (why, tags) in stays {
        let stay = if tags == 1 { "stays" } else { "stay" };
        lines.push(format!("{} {stay}: {why}", count(tags as u64, "tag")));
    }
    lines.iter().map(|line| format!("{}\n", shown(line))).collect()
}

fn going(repository: &str, tag: &TagReport, fate: TagFate, dry_run: bool) -> String {
    let did = match (fate, dry_run) {
        (TagFate::Deleted, _) => "deleted",
        (_, true) => "would delete",
        _ => "not deleted",
    };
    let builds: Vec<String> = tag.builds.iter().map(ToString::to_string).collect();
    format!("{did} {repository}:{} (sha256:{}), of {}", tag.tag, tag.digest, builds.join(", "))
}

/// Returns why a tag stays.
fn kept(why: TagKept) -> &'static str {
    match why {
        TagKept::Build => "the build is here",
        TagKept::Listed => "a list of a build has it",
        TagKept::Pinned => "it is pinned",
        TagKept::Unknown => "of no build that is known",
        TagKept::OtherTag => "a tag that stays has the same digest",
        TagKept::Index => "an index that stays has the digest",
        TagKept::Stated => "a promotion or a list states the digest",
    }
}
