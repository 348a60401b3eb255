//! The images that go along with a stage: where each comes from, and which tags it gets where.

use crate::model::registry::{Address, Image};
use crate::model::{BuildId, Digest, ImageRef};

/// The fields of a tag, and whether one of them makes it fixed.
const FIELDS: [(&str, bool); 4] =
    [("{build}", true), ("{tag}", true), ("{stage}", false), ("{stream}", false)];

/// Images that go along with a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarriedImages {
    /// Where the images of a build are.
    pub from: Address,
    /// Where they go.
    pub to: Vec<Address>,
    /// The tags that they get there; at least one is fixed.
    pub tags: Vec<String>,
}

/// An image of a build, with every place that it gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImagePlaces {
    /// Where it is.
    pub source: Image,
    /// The digest that the list of the build states.
    pub digest: Option<Digest>,
    /// Where it gets a tag that names this build for ever.
    pub fixed: Vec<Image>,
    /// Where it gets a tag that the stage moves.
    pub moving: Vec<Image>,
}

impl CarriedImages {
    /// Returns whether a tag names one build for ever.
    pub fn is_fixed(tag: &str) -> bool {
        FIELDS.iter().any(|(field, fixed)| *fixed && tag.contains(field))
    }

    /// Returns why a text cannot be a tag of images that go along.
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

    /// Returns every place of each image of a build.
    ///
    /// # Errors
    ///
    /// A reference that cannot be looked up in the source, or a tag that no registry accepts, is named.
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

/// Returns a tag with its fields filled in.
pub(super) fn fill(template: &str, stage: &str, id: &BuildId, listed: Option<&str>) -> String {
    template
        .replace("{build}", id.name.as_str())
        .replace("{stage}", stage)
        .replace("{stream}", &id.stream.as_str().replace('/', "-"))
        .replace("{tag}", listed.unwrap_or_default())
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
