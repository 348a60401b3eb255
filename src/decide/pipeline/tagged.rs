//! The builds for which a stage gives a tag: the fields of the fixed tags, matched backwards.
//!
//! A tag belongs to a build if a stage would give exactly this tag to one of its images; `{tag}` matches any tag that
//! the grammar of the layout ties to the build. Existing builds are considered in every stream, deleted ones only in
//! the streams of the stage, and only where the journal states that a stage carried an image of the build.

use super::images::{CarriedImages, fill, of_stage};
use super::stage::{Pipeline, Stage};
use crate::layout::{Images, PlacedImage, Ties};
use crate::model::registry::{Address, Image, Repository};
use crate::model::{BuildId, ImageRef};
use crate::record::Promotion;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// A repository to which stages carry images, with every name under which the lists of builds have it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TargetNames(pub BTreeMap<Repository, BTreeSet<String>>);

/// What stages gave to the images of each build, as promotions state it, whether they came to their end or not.
#[derive(Debug, Clone, Default)]
pub struct GivenImages(BTreeMap<BuildId, Given>);

/// What stages gave to the images of a build.
#[derive(Debug, Clone, Default)]
struct Given {
    /// The moving tags.
    moving: BTreeSet<Image>,
    /// The last names of all repositories of its lists.
    names: BTreeSet<String>,
}

/// The builds of a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagOf<'a> {
    /// It belongs to these existing builds.
    Here(BTreeSet<&'a BuildId>),
    /// It belongs to these deleted builds.
    Swept(BTreeSet<&'a BuildId>),
    /// It belongs to no known build.
    Unknown,
}

/// The builds of many tags.
#[derive(Debug)]
pub struct TagIndex<'a> {
    images: Images<'a>,
    here: Side<'a>,
    swept: Side<'a>,
}

/// The builds of a complete tag, with the entries that give it.
type Owners<'a> = BTreeSet<(Arc<Entry>, &'a BuildId)>;

/// Builds by their tags.
#[derive(Debug)]
struct Side<'a> {
    /// Complete tags, each with its targets.
    exact: HashMap<String, BTreeMap<Address, Owners<'a>>>,
    /// By their target, the tags that contain a tag of a list.
    listed: BTreeMap<Address, Vec<Listed<'a>>>,
    ties: Ties<'a>,
    /// What stages gave; without it every tag that one could give counts.
    given: Option<&'a GivenImages>,
}

/// Images that a stage carries.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    stage: String,
    /// Its moving tags.
    moving: Vec<String>,
    /// Whether it carries only some images.
    is_part: bool,
}

/// A form of tags that contains a tag of a list.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Listed<'a> {
    before: String,
    after: String,
    entry: Arc<Entry>,
    /// The values that fields of the image's reference have.
    only: BTreeMap<String, String>,
    /// The build, or the builds that are possible by their streams.
    builds: Of<'a>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Of<'a> {
    Build(&'a BuildId),
    Tied(BTreeSet<&'a BuildId>),
}

impl GivenImages {
    /// Returns what these promotions state.
    pub fn of<'p>(promotions: impl IntoIterator<Item = &'p Promotion>) -> Self {
        let mut all = Self::default();
        for part in promotions.into_iter().flat_map(Promotion::parts) {
            let Some(id) = &part.build else { continue };
            let given = all.0.entry(id.clone()).or_default();
            given.moving.extend(part.tags.iter().filter(|one| !one.is_lost()).map(|one| one.image.clone()));
            given.names.extend(part.images.iter().map(|name| last_name(name).to_owned()));
        }
        all
    }
}

impl TargetNames {
    /// Returns the repositories of every target of every stage for images in lists, `REPOSITORY` without its
    /// registry.
    pub fn of<'n>(pipeline: &Pipeline, listed: impl IntoIterator<Item = &'n str> + Clone) -> Self {
        let mut all = Self::default();
        for to in targets(pipeline) {
            for name in listed.clone() {
                let Ok(repository) = to.repository(last_name(name)) else { continue };
                all.0.entry(repository).or_default().insert(name.to_owned());
            }
        }
        all
    }
}

/// Returns the last name of a repository.
fn last_name(repository: &str) -> &str {
    repository.rsplit('/').next().unwrap_or_default()
}

/// Returns every target of every stage.
fn targets(pipeline: &Pipeline) -> BTreeSet<&Address> {
    pipeline.stages.iter().flat_map(|stage| &stage.images).flat_map(|carried| &carried.to).collect()
}

impl<'a> TagIndex<'a> {
    /// Adds the tags of existing and of deleted builds, and what stages gave to the latter.
    pub fn of(
        pipeline: &Pipeline,
        images: Images<'a>,
        here: &'a BTreeSet<BuildId>,
        (swept, given): (&'a BTreeSet<BuildId>, &'a GivenImages),
    ) -> Self {
        let is_in = |stage: &Stage, id: &BuildId| stage.is_in(&id.stream);
        Self {
            images,
            here: Side::of(pipeline, images, (here, None), |_, _| true),
            swept: Side::of(pipeline, images, (swept, Some(given)), is_in),
        }
    }

    /// Returns the builds of a tag in a repository.
    pub fn builds(&self, repository: &Repository, names: &BTreeSet<String>, tag: &str) -> TagOf<'a> {
        let here = self.here.builds(self.images, repository, names, tag);
        if !here.is_empty() {
            return TagOf::Here(here);
        }
        let swept = self.swept.builds(self.images, repository, names, tag);
        if swept.is_empty() { TagOf::Unknown } else { TagOf::Swept(swept) }
    }
}

impl<'a> Side<'a> {
    fn of(
        pipeline: &Pipeline,
        images: Images<'a>,
        (builds, given): (&'a BTreeSet<BuildId>, Option<&'a GivenImages>),
        counts: impl Fn(&Stage, &BuildId) -> bool,
    ) -> Self {
        let ties = Ties::of(images, builds.iter().cloned());
        let mut side = Self { exact: HashMap::new(), listed: BTreeMap::new(), ties, given };
        for stage in &pipeline.stages {
            let own: Vec<&BuildId> = builds.iter().filter(|id| counts(stage, id)).collect();
            for carried in &stage.images {
                let (fixed, moving): (Vec<&String>, Vec<&String>) =
                    carried.tags.iter().partition(|tag| CarriedImages::is_fixed(tag));
                let entry = Arc::new(Entry {
                    stage: stage.name.clone(),
                    moving: moving.into_iter().cloned().collect(),
                    is_part: !carried.only.is_empty(),
                });
                for template in fixed {
                    carried.to.iter().for_each(|to| side.add((to, template), &entry, &carried.only, &own));
                }
            }
        }
        side
    }

    fn add(
        &mut self,
        (to, template): (&Address, &str),
        entry: &Arc<Entry>,
        only: &BTreeMap<String, String>,
        builds: &[&'a BuildId],
    ) {
        let stage = &entry.stage;
        let Some((before, after)) = template.split_once("{tag}") else {
            for id in builds {
                let tag = fill(template, stage, id, None);
                let of_target = self.exact.entry(tag).or_default().entry(to.clone()).or_default();
                of_target.insert((Arc::clone(entry), id));
            }
            return;
        };
        // A form that cannot be inverted belongs to no build, so its tags stay.
        if after.contains("{tag}") {
            return;
        }
        let mut forms: BTreeMap<(String, String), BTreeSet<&'a BuildId>> = BTreeMap::new();
        for id in builds {
            let form = [before, after].map(|part| fill(part, stage, id, None));
            forms.entry(form.into()).or_default().insert(id);
        }
        let of_build = template.contains("{build}");
        let listed = self.listed.entry(to.clone()).or_default();
        for ((before, after), ids) in forms {
            let (before, after) = (&before, &after);
            let form = |builds| {
                let (before, after, only, entry) =
                    (before.clone(), after.clone(), only.clone(), Arc::clone(entry));
                Listed { before, after, entry, only, builds }
            };
            if of_build {
                listed.extend(ids.into_iter().map(|id| form(Of::Build(id))));
            } else {
                listed.push(form(Of::Tied(ids)));
            }
        }
    }

    fn builds(
        &self,
        images: Images<'_>,
        repository: &Repository,
        names: &BTreeSet<String>,
        tag: &str,
    ) -> BTreeSet<&'a BuildId> {
        let mut found = BTreeSet::new();
        let is_its = |to: &Address| to.repository(last_name(repository.name())).as_ref() == Ok(repository);
        let exact = self.exact.get(tag).into_iter().flatten().filter(|(to, _)| is_its(to));
        let exact = exact.flat_map(|(_, all)| all).filter(|(entry, id)| {
            // Which image it is of is known by the moving tags alone.
            (!entry.is_part || !entry.moving.is_empty() || self.given.is_none())
                && self.gave(entry, id, repository)
        });
        found.extend(exact.map(|(_, id)| *id));
        for listed in self.listed.iter().filter(|(to, _)| is_its(to)).flat_map(|(_, all)| all) {
            let Some(inner) = tag.strip_prefix(&*listed.before) else { continue };
            let Some(inner) = inner.strip_suffix(&*listed.after).filter(|inner| !inner.is_empty()) else {
                continue;
            };
            let placed = || {
                let names = names.iter().map(String::as_str).chain([repository.name()]);
                let image = |name| format!("x.example/{name}:{inner}").parse::<ImageRef>().ok();
                let placed = names.filter_map(image).filter_map(|image| images.place(&image).ok());
                let is_its = |placed: &PlacedImage| {
                    listed.only.iter().all(|(field, value)| placed.fields.get(field) == Some(value))
                };
                placed.filter(is_its)
            };
            let gave = |id: &BuildId| self.gave(&listed.entry, id, repository);
            match &listed.builds {
                Of::Build(id) if listed.only.is_empty() || placed().next().is_some() => {
                    found.extend(Some(*id).filter(|id| gave(id)));
                }
                Of::Build(_) => {}
                Of::Tied(ids) => {
                    for placed in placed() {
                        let tied = self.ties.tied(&placed);
                        found.extend(tied.into_iter().filter_map(|id| ids.get(id)).filter(|id| gave(id)));
                    }
                }
            }
        }
        found
    }

    /// Returns whether a stage carried an image of a build to a repository: it has a moving tag there, or, if there are
    /// none, a list of the build has its name.
    fn gave(&self, entry: &Entry, id: &BuildId, repository: &Repository) -> bool {
        let Some(given) = self.given else { return true };
        let Some(given) = given.0.get(id) else { return false };
        if entry.moving.is_empty() {
            return given.names.contains(last_name(repository.name()));
        }
        let mut moving = entry.moving.iter().map(|template| of_stage(template, &entry.stage, &id.stream));
        moving.any(|tag| repository.tagged(&tag).is_ok_and(|image| given.moving.contains(&image)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Layout;
    use crate::record::TagMove;
    use serde_json::json;

    const ID: &str = "master/centos/20181205T060000Z";

    /// Returns whether a deleted build has a tag, if a stage gave moving tags to some of its images.
    fn is_swept(carried: &str, given: &[&str], of: (&str, &str)) -> bool {
        let layout = Layout::load(Layout::shipped("starlingx").unwrap(), "l.yaml").unwrap();
        let text = format!(
            "pipeline: 1\nstages:\n  - {{name: tested, streams: '**', carry: [{{images: {carried}}}]}}\n"
        );
        let pipeline = Pipeline::load(&text, "p.yaml").unwrap();
        let promotion: Promotion = serde_json::from_value(json!({
            "name": "tested", "stream": "master/centos", "build": ID, "before": null, "moves": [],
            "images": ["starlingx/stx-nova", "starlingx/stx-glance"], "votes": {}, "waived": [], "lacked": [], "why": null,
            "pipeline": crate::model::Digest::of(b""),
            "tags": given.iter().map(|image| json!({"image": image, "from": null, "to": crate::model::Digest::of(b"")}))
                .collect::<Vec<_>>(),
        }))
        .unwrap();
        assert!(!promotion.tags.iter().any(TagMove::is_lost));
        let (here, swept) = (BTreeSet::new(), BTreeSet::from([ID.parse().unwrap()]));
        let given = GivenImages::of([&promotion]);
        let index = TagIndex::of(&pipeline, layout.images().unwrap(), &here, (&swept, &given));
        let to: Address = "q.example/ci".parse().unwrap();
        let names = BTreeSet::from([format!("starlingx/{}", of.0)]);
        matches!(index.builds(&to.repository(of.0).unwrap(), &names, of.1), TagOf::Swept(_))
    }

    #[test]
    fn a_deleted_build_has_only_tags_that_a_stage_gave() {
        let build = "20181205T060000Z";
        let (nova, glance) = (("stx-nova", build), ("stx-glance", build));
        let given = ["q.example/ci/stx-nova:tested"];
        let all = "{from: q.example/ci, to: [q.example/ci], tag: ['{build}', '{stage}']}";
        assert_eq!([nova, glance].map(|of| is_swept(all, &given, of)), [true, false]);
        assert!(!is_swept(all, &[], nova));
        // A tag of another repository says nothing of this one.
        assert!(!is_swept(all, &["r.example/ci/stx-nova:tested"], nova));
        let part = all.replace("'{stage}']", "'{stage}'], only: {component: nova}");
        assert_eq!([nova, glance].map(|of| is_swept(&part, &given, of)), [true, false]);
        // Without moving tags the names in the lists tell it, but not which of them were carried.
        let fixed = all.replace(", '{stage}'", "");
        assert_eq!([nova, glance].map(|of| is_swept(&fixed, &[], of)), [true, true]);
        assert!(!is_swept(&fixed, &[], ("stx-neutron", build)));
        let fixed = part.replace(", '{stage}'", "");
        assert_eq!([nova, glance].map(|of| is_swept(&fixed, &given, of)), [false, false]);
    }
}
