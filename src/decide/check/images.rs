//! Lists of container images: whether they can be read, and whether their references are those of the build.
//!
//! A list has one finding of each kind, which names the first references; `images list` prints all of them.

use crate::decide::check::{Code, Finding, SeenBuild};
use crate::decide::images::{ImageProblem, ImageProblemKind, judge as judge_list};
use crate::layout::{Images, Layout};
use crate::record::ImageList;

/// Judges every list of a build.
pub(super) fn judge(seen: &SeenBuild, layout: &Layout, findings: &mut Vec<Finding>) {
    let Some(images) = layout.images() else { return };
    for list in &seen.images {
        let at = seen.path.join(&list.path);
        let read = list.bytes.as_ref().map_err(Clone::clone);
        let read = read.and_then(|bytes| ImageList::parse(bytes).map_err(|error| error.to_string()));
        match read {
            Ok(list) => judge_references(images, seen, &at.to_string(), list, findings),
            Err(why) => {
                let expected = "a text file with one reference a line";
                findings.push(Finding::new(Code::ImagesForm, at, why, expected));
            }
        }
    }
}

fn judge_references(
    images: Images<'_>,
    seen: &SeenBuild,
    at: &str,
    list: ImageList,
    findings: &mut Vec<Finding>,
) {
    let (mut unfit, mut foreign) = (Vec::new(), Vec::new());
    for image in judge_list(images, &seen.id, list) {
        let Some(problem) = image.problem else { continue };
        match problem.kind {
            ImageProblemKind::NotReference | ImageProblemKind::Misfit => unfit.push((image.line, problem)),
            ImageProblemKind::OtherBuild => foreign.push((image.line, problem)),
        }
    }
    for (code, problems) in [(Code::ImageUnfit, unfit), (Code::ImageOtherBuild, foreign)] {
        if let Some((_, first)) = problems.first() {
            let expected = match &first.field {
                Some(field) if code == Code::ImageOtherBuild => {
                    format!("`{field}` is `{}`, as in the path of the build", first.expected)
                }
                Some(field) => format!("`{field}` is {}", first.expected),
                None => first.expected.clone(),
            };
            let found = told(&problems);
            findings.push(Finding::new(code, at, found, expected).of(&seen.id));
        }
    }
}

/// Returns the first of the problems, and how many there are.
fn told(problems: &[(usize, ImageProblem)]) -> String {
    let Some((line, first)) = problems.first() else { return String::new() };
    let what = match &first.field {
        Some(field) => format!("`{field}` is `{}`", first.found),
        None if first.kind == ImageProblemKind::NotReference => first.why.clone(),
        None => format!("`{}`", first.found),
    };
    match problems.len() - 1 {
        0 => format!("line {line}: {what}"),
        more => format!("line {line}: {what}; and {more} more"),
    }
}
