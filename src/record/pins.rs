//! Pins of images: a file that maps images of builds to the tags of a release, as other projects keep it.
//!
//! The file is a YAML list, or a mapping whose `images` is one, of entries with `name` and `src_build_tag`, such as
//! StarlingX's `image-tags-bullseye.yaml`. Other keys are skipped. Every invalid entry is reported with its place.

use crate::model::{Document, ImageRef, Problem};

/// The maximum size of a file of pins, in bytes.
pub const PINS_LIMIT: u64 = 4 << 20;

/// The maximum number of entries of a file of pins.
const MOST: usize = 2_000;

/// The images that a file of pins names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pins {
    /// The images under the tags that their builds gave them, in their order.
    pub images: Vec<ImageRef>,
}

impl Pins {
    /// Parses a file of pins; `file` is its name in messages.
    ///
    /// # Errors
    ///
    /// Every invalid entry is reported: an image that is left out would not be kept.
    pub fn parse(text: &str, file: &str) -> Result<Self, Vec<Problem>> {
        let document = Document::parse(text, file)?;
        let list = if document.has("images") { "images" } else { "" };
        let count = match document.items(list) {
            Some(count) if document.has(&format!("{list}[0]")) => count,
            _ => {
                let message = "no list of images; `images: [{name: …, src_build_tag: …}]` is accepted";
                return Err(vec![document.problem(list, message)]);
            }
        };
        if count > MOST {
            let message = format!("{count} images; at most {MOST} are accepted");
            return Err(vec![document.problem(list, message)]);
        }
        let (mut pins, mut problems) = (Self::default(), Vec::new());
        for index in 0..count {
            match pin(&document, &format!("{list}[{index}]")) {
                Ok(image) => pins.images.push(image),
                Err(more) => problems.extend(more),
            }
        }
        if problems.is_empty() { Ok(pins) } else { Err(problems) }
    }
}

/// Returns the image of an entry.
fn pin(document: &Document, at: &str) -> Result<ImageRef, Vec<Problem>> {
    let name_at = format!("{at}.name");
    let tag_at = format!("{at}.src_build_tag");
    let name: String = document.read_at(&name_at)?;
    let tag: String = document.read_at(&tag_at)?;
    let image: Result<ImageRef, _> = format!("{name}:{tag}").parse();
    // A tag with a digest would make the text another image.
    match image {
        Ok(image) if image.tag.as_ref() == Some(&tag) && image.digest.is_none() => Ok(image),
        Ok(_) => Err(vec![document.problem(&tag_at, format!("`{tag}` is not a tag"))]),
        Err(error) => Err(vec![document.problem(at, error.to_string())]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<String>, Vec<String>> {
        let pins = Pins::parse(text, "pins.yaml");
        let pins = pins.map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        Ok(pins.images.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn each_entry_is_an_image_under_the_tag_of_its_build() {
        let text = "images:
- name: docker.io/starlingx/stx-nova
  src_build_tag: master-debian-stable-20250730T041000Z.0
  src_ref: https://opendev.org/starlingx/openstack-armada-app
  tag: stx.11.0-v0.32.1-2
";
        let image = "docker.io/starlingx/stx-nova:master-debian-stable-20250730T041000Z.0";
        assert_eq!(read(text), Ok(vec![image.to_owned()]));
        assert_eq!(read("- {name: q.io/a/b, src_build_tag: v1}\n"), Ok(vec!["q.io/a/b:v1".to_owned()]));
    }

    #[test]
    fn every_entry_that_cannot_be_read_is_named() {
        let text = "images:
- {name: q.io/a, src_build_tag: v1}
- {name: q.io/b}
- {name: q.io/c:v2, src_build_tag: v1}
- {name: 'q.io/Ä', src_build_tag: v1}
- word
";
        let problems = read(text).unwrap_err();
        let starts = [
            "pins.yaml:3:3: images[1].src_build_tag: ",
            "pins.yaml:4:3: images[2]: ",
            "pins.yaml:5:3: images[3]: ",
            "pins.yaml:6:3: images[4].name: ",
        ];
        assert_eq!(problems.len(), starts.len(), "{problems:?}");
        for (problem, start) in problems.iter().zip(starts) {
            assert!(problem.starts_with(start), "{problem}");
        }
    }

    #[test]
    fn what_is_no_file_of_pins_is_refused() {
        for text in
            ["", "images: {}\n", "images: []\n", "a: 1\n", "word\n", "images: 3\n", "- &a {name: x}\n"]
        {
            assert!(Pins::parse(text, "pins.yaml").is_err(), "{text}");
        }
    }
}
