//! Lists of images and references as people read them.

use crate::model::shown;
use crate::ops::images::{ImageListReport, ImagePlace, TiedBuild};
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

/// Shows what a reference says.
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
