//! The images that a stage carries: their sources, targets and tags.

use crate::layout::Images;
use crate::model::registry::{Address, Image, Reference, Repository};
use crate::model::{BuildId, Digest, ImageRef, Stream};
use std::collections::BTreeMap;

/// The fields of a tag, and whether each of them makes it fixed.
const FIELDS: [(&str, bool); 4] =
    [("{build}", true), ("{tag}", true), ("{stage}", false), ("{stream}", false)];

/// Images that a stage carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarriedImages {
    /// The registry of a build's images.
    pub from: Address,
    /// The target registries.
    pub to: Vec<Address>,
    /// The tags that they get there; at least one is fixed.
    pub tags: Vec<String>,
    /// The required values of fields of their references; all images without any.
    pub only: BTreeMap<String, String>,
}

/// An image of a build, with every target reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImagePlaces {
    /// Its source.
    pub source: Image,
    /// The digest in the list of the build.
    pub digest: Option<Digest>,
    /// The references with a fixed tag, which names this build forever.
    pub fixed: Vec<Image>,
    /// The references with a moving tag of the stage.
    pub moving: Vec<Image>,
}

impl ImagePlaces {
    /// Returns each moving tag with the fixed tag of its repository, if that has one.
    pub fn with_fixed(&self) -> impl Iterator<Item = (&Image, &Image)> {
        self.moving.iter().filter_map(|target| {
            let fixed = self.fixed.iter().find(|fixed| fixed.repository == target.repository)?;
            Some((target, fixed))
        })
    }
}

impl CarriedImages {
    /// Returns whether a tag names one build forever.
    pub fn is_fixed(tag: &str) -> bool {
        FIELDS.iter().any(|(field, fixed)| *fixed && tag.contains(field))
    }

    /// Returns whether an image is carried, by the fields of its reference; `grammar` is that of the layout.
    pub fn takes(&self, grammar: Option<Images<'_>>, image: &ImageRef) -> bool {
        let placed = || grammar.and_then(|grammar| grammar.place(image).ok());
        self.only.is_empty()
            || placed().is_some_and(|placed| {
                self.only.iter().all(|(field, value)| placed.fields.get(field) == Some(value))
            })
    }

    /// Returns whether the repository is a target of images.
    fn goes_to(&self, image: &Image) -> bool {
        let name = image.repository.name().rsplit('/').next().unwrap_or_default();
        self.to.iter().any(|to| to.repository(name).as_ref() == Ok(&image.repository))
    }

    /// Returns the repositories that can have an image which a target lost: of the source, and of the other targets.
    pub fn elsewhere(&self, image: &Image) -> Vec<Repository> {
        if !self.goes_to(image) {
            return Vec::new();
        }
        let name = image.repository.name().rsplit('/').next().unwrap_or_default();
        let all = [&self.from].into_iter().chain(&self.to).filter_map(|at| at.repository(name).ok());
        all.filter(|other| *other != image.repository).collect()
    }

    /// Returns whether an image has a moving tag of the stage in a stream, in a target.
    pub(super) fn gives(&self, stage: &str, stream: &Stream, image: &Image) -> bool {
        let Reference::Tag(tag) = &image.reference else { return false };
        let mut moving = self.tags.iter().filter(|tag| !Self::is_fixed(tag));
        self.goes_to(image) && moving.any(|template| of_stage(template, stage, stream) == *tag)
    }

    /// Returns why a text cannot be a tag of carried images.
    pub(super) fn refuses(tag: &str) -> Option<String> {
        let plain = FIELDS.iter().fold(tag.to_owned(), |text, (field, _)| text.replace(field, "x"));
        let known = FIELDS.map(|(field, _)| format!("`{field}`")).join(", ");
        match format!("x.example/x:{plain}").parse::<ImageRef>() {
            Ok(_) => None,
            Err(_) => Some(format!(
                "`{tag}` is not a tag; 1 to 128 letters, digits, `_`, `.` and `-` are accepted, with {known} as fields"
            )),
        }
    }

    /// Returns every target reference of each of these images of a build, including images that are not carried.
    ///
    /// # Errors
    ///
    /// An error names a reference that cannot be looked up in the source, or a tag that no registry accepts.
    pub fn places(&self, stage: &str, id: &BuildId, images: &[ImageRef]) -> Result<Vec<ImagePlaces>, String> {
        let mut all: Vec<ImagePlaces> = Vec::new();
        for image in images {
            let one = self.place(stage, id, image).map_err(|why| format!("`{image}`: {why}"))?;
            if !all.contains(&one) {
                all.push(one);
            }
        }
        Ok(all)
    }

    /// Returns the fixed tags that an image has in the targets, as one of a build; those without its own tag only if it is
    /// known to be one of that build.
    pub fn copies(&self, stage: &str, id: &BuildId, image: &ImageRef, is_tied: bool) -> Vec<Image> {
        let name = image.repository.rsplit('/').next().unwrap_or_default();
        let is_its = |template: &&String| {
            if template.contains("{tag}") { image.tag.is_some() } else { is_tied }
        };
        let fixed = self.tags.iter().filter(|tag| Self::is_fixed(tag)).filter(is_its);
        let tags: Vec<String> = fixed.map(|tag| fill(tag, stage, id, image.tag.as_deref())).collect();
        let to = self.to.iter().filter_map(|to| to.repository(name).ok());
        to.flat_map(|to| tags.iter().filter_map(|tag| to.tagged(tag).ok()).collect::<Vec<_>>()).collect()
    }

    fn place(&self, stage: &str, id: &BuildId, image: &ImageRef) -> Result<ImagePlaces, String> {
        let name = image.repository.rsplit('/').next().unwrap_or_default();
        let source = self.from.repository(name).map_err(|error| error.to_string())?;
        let source = match (&image.tag, image.digest) {
            (Some(tag), _) => source.tagged(tag).map_err(|error| error.to_string())?,
            (None, Some(digest)) => source.at(digest),
            (None, None) => return Err("it has neither a tag nor a digest".to_owned()),
        };
        let mut places = ImagePlaces { source, digest: image.digest, fixed: Vec::new(), moving: Vec::new() };
        for to in &self.to {
            let repository = to.repository(name).map_err(|error| error.to_string())?;
            for template in &self.tags {
                if image.tag.is_none() && template.contains("{tag}") {
                    return Err(format!("it has no tag for `{template}`"));
                }
                let tag = fill(template, stage, id, image.tag.as_deref());
                let target = repository.tagged(&tag).map_err(|error| error.to_string())?;
                let of_kind = if Self::is_fixed(template) { &mut places.fixed } else { &mut places.moving };
                of_kind.push(target);
            }
        }
        Ok(places)
    }
}

/// Returns a tag with its placeholders replaced.
pub(super) fn fill(template: &str, stage: &str, id: &BuildId, listed: Option<&str>) -> String {
    of_stage(template, stage, &id.stream)
        .replace("{build}", id.name.as_str())
        .replace("{tag}", listed.unwrap_or_default())
}

/// Returns a tag with the placeholders replaced that are the same for every build.
pub(super) fn of_stage(template: &str, stage: &str, stream: &Stream) -> String {
    template.replace("{stage}", stage).replace("{stream}", &stream.as_str().replace('/', "-"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::pipeline::Pipeline;

    fn carried() -> CarriedImages {
        let text = "pipeline: 1
stages:
  - name: tested
    streams: '**'
    carry: [{images: {from: q.example/ci, to: [q.example/pub, r.example], tag: ['{build}', '{stream}-{stage}']}}]
";
        Pipeline::load(text, "p.yaml").unwrap().stages.remove(0).images.remove(0)
    }

    fn places(images: &[&str]) -> Result<Vec<ImagePlaces>, String> {
        let images: Vec<ImageRef> = images.iter().map(|image| image.parse().unwrap()).collect();
        carried().places("tested", &"main/debian/20260601T000000Z".parse().unwrap(), &images)
    }

    #[test]
    fn an_image_gets_its_fixed_and_its_moving_tag_in_every_target() {
        let found = places(&["docker.io/org/nova:v1", "other.example/nova:v1"]).unwrap();
        let [one] = &found[..] else { panic!("{found:?}") };
        assert_eq!(one.source.to_string(), "q.example/ci/nova:v1");
        let shown = |images: &[Image]| images.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            shown(&one.fixed),
            ["q.example/pub/nova:20260601T000000Z", "r.example/nova:20260601T000000Z"]
        );
        assert_eq!(
            shown(&one.moving),
            ["q.example/pub/nova:main-debian-tested", "r.example/nova:main-debian-tested"]
        );
    }

    #[test]
    fn an_image_by_digest_has_no_tag_to_repeat() {
        let by_digest = format!("org/nova@sha256:{}", Digest::of(b"a"));
        assert_eq!(
            places(&[&by_digest]).unwrap()[0].source.to_string(),
            format!("q.example/ci/nova@sha256:{}", Digest::of(b"a"))
        );
        let mut carried = carried();
        carried.tags = vec!["{tag}".to_owned()];
        let id = "main/debian/20260601T000000Z".parse().unwrap();
        let why = carried.places("tested", &id, &[by_digest.parse().unwrap()]).unwrap_err();
        assert!(why.ends_with("it has no tag for `{tag}`"), "{why}");
    }
}
