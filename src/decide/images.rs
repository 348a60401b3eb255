//! Checking a list of images against its build: the fields of each reference, and its problems.

use crate::layout::{ImageTie, Images};
use crate::model::{BuildId, ImageRef};
use crate::record::{ImageLine, ImageList};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// A line of a list with its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ListedImage {
    /// The number of the line, from 1.
    pub line: usize,
    /// The text of the line.
    pub text: String,
    /// The reference with every part; `null` if the line is not a reference.
    pub reference: Option<ImageRef>,
    /// The template of the layout that it matches; `null` if it matches none.
    pub template: Option<String>,
    /// The values of the fields of the template.
    pub fields: BTreeMap<String, String>,
    /// Its problem; `null` if there is none.
    pub problem: Option<ImageProblem>,
}

/// The problem of a reference in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ImageProblem {
    /// The kind of the problem.
    pub kind: ImageProblemKind,
    /// The field whose value is wrong; `null` if other text is.
    pub field: Option<String>,
    /// The value in the reference, or the text that does not match.
    pub found: String,
    /// What is accepted, or the value in the path of the build.
    pub expected: String,
    /// The problem in a sentence.
    pub why: String,
}

/// The kinds of problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ImageProblemKind {
    /// The line is not a reference.
    NotReference,
    /// It matches no template of the layout.
    Misfit,
    /// It belongs to another build.
    OtherBuild,
}

/// Returns the check of each line of a list of a build.
pub fn judge(images: Images<'_>, build: &BuildId, list: ImageList) -> Vec<ListedImage> {
    list.lines.into_iter().map(|line| judged(images, build, line)).collect()
}

fn judged(images: Images<'_>, build: &BuildId, line: ImageLine) -> ListedImage {
    let ImageLine { number, text, image } = line;
    let mut judged = ListedImage {
        line: number,
        text,
        reference: None,
        template: None,
        fields: BTreeMap::new(),
        problem: None,
    };
    let image = match image {
        Ok(image) => image,
        Err(error) => {
            judged.problem = Some(ImageProblem {
                kind: ImageProblemKind::NotReference,
                field: None,
                found: judged.text.clone(),
                expected: "`[REGISTRY/]REPOSITORY:TAG`".to_owned(),
                why: error.to_string(),
            });
            return judged;
        }
    };
    match images.place(&image) {
        Err(misfit) => {
            judged.problem = Some(ImageProblem {
                kind: ImageProblemKind::Misfit,
                why: misfit.to_string(),
                field: misfit.field,
                found: misfit.found,
                expected: misfit.expected,
            });
        }
        Ok(placed) => {
            if let ImageTie::Other(foreign) = images.tie(&placed, build) {
                judged.problem = Some(ImageProblem {
                    kind: ImageProblemKind::OtherBuild,
                    why: foreign.to_string(),
                    field: Some(foreign.field),
                    found: foreign.found,
                    expected: foreign.expected,
                });
            }
            (judged.template, judged.fields) = (Some(placed.template), placed.fields);
        }
    }
    judged.reference = Some(image);
    judged
}
