//! The builds for which a stage gives a tag: the fields of the fixed tags, read backwards.
//!
//! A tag is of a build if a stage would give exactly this tag to one of its images; `{tag}` stands for any tag that the
//! grammar of the layout ties to the build. Whether a build still is here counts in every stream, whether it was deleted only
//! in the streams of the stage.

use super::images::{CarriedImages, fill};
use super::stage::{Pipeline, Stage};
use crate::layout::{Images, Ties};
use crate::model::registry::{Address, Repository};
use crate::model::{BuildId, ImageRef};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A repository to which stages carry images, with every name under which the lists of builds have it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TargetNames(pub BTreeMap<Repository, BTreeSet<String>>);

/// What a tag says of builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagOf<'a> {
    /// It is of these builds, which are here.
    Here(BTreeSet<&'a BuildId>),
    /// It is of these builds, which were deleted.
    Swept(BTreeSet<&'a BuildId>),
    /// It is of no build that is known.
    Unknown,
}

/// The builds of many tags.
#[derive(Debug)]
pub struct TagIndex<'a> {
    images: Images<'a>,
    here: Side<'a>,
    swept: Side<'a>,
}

/// Builds by their tags.
#[derive(Debug)]
struct Side<'a> {
    /// Tags that say all, each with its targets.
    exact: HashMap<String, BTreeMap<Address, BTreeSet<&'a BuildId>>>,
    /// By their target, the tags with a tag of a list in them.
    listed: BTreeMap<Address, Vec<Listed<'a>>>,
    ties: Ties<'a>,
}

/// A form of tags with a tag of a list in it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Listed<'a> {
    before: String,
    after: String,
    /// The build, or the builds of which it can be by their streams.
    builds: Of<'a>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Of<'a> {
    Build(&'a BuildId),
    Tied(BTreeSet<&'a BuildId>),
}

impl TargetNames {
    /// Returns the repositories of every target of every stage for images that lists name, `REPOSITORY` without its registry.
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
    /// Notes the tags of builds that are here, and of those that were deleted.
    pub fn of(
        pipeline: &Pipeline,
        images: Images<'a>,
        here: &'a BTreeSet<BuildId>,
        swept: &'a BTreeSet<BuildId>,
    ) -> Self {
        Self {
            images,
            here: Side::of(pipeline, images, here, |_, _| true),
            swept: Side::of(pipeline, images, swept, |stage, id| stage.is_in(&id.stream)),
        }
    }

    /// Returns of which builds a tag in a repository is.
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
        builds: &'a BTreeSet<BuildId>,
        counts: impl Fn(&Stage, &BuildId) -> bool,
    ) -> Self {
        let ties = Ties::of(images, builds.iter().cloned());
        let mut side = Self { exact: HashMap::new(), listed: BTreeMap::new(), ties };
        for stage in &pipeline.stages {
            let own: Vec<&BuildId> = builds.iter().filter(|id| counts(stage, id)).collect();
            for carried in &stage.images {
                let fixed = carried.tags.iter().filter(|tag| CarriedImages::is_fixed(tag));
                for (to, template) in fixed.flat_map(|tag| carried.to.iter().map(move |to| (to, tag))) {
                    side.add(to, template, &stage.name, &own);
                }
            }
        }
        side
    }

    fn add(&mut self, to: &Address, template: &str, stage: &str, builds: &[&'a BuildId]) {
        let Some((before, after)) = template.split_once("{tag}") else {
            for id in builds {
                let tag = fill(template, stage, id, None);
                self.exact.entry(tag).or_default().entry(to.clone()).or_default().insert(id);
            }
            return;
        };
        // A form that no one inverts is of no build, so that its tags stay.
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
            let form = |builds| Listed { before: before.clone(), after: after.clone(), builds };
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
        found.extend(exact.flat_map(|(_, ids)| ids));
        for listed in self.listed.iter().filter(|(to, _)| is_its(to)).flat_map(|(_, all)| all) {
            let Some(inner) = tag.strip_prefix(&*listed.before) else { continue };
            let Some(inner) = inner.strip_suffix(&*listed.after).filter(|inner| !inner.is_empty()) else {
                continue;
            };
            match &listed.builds {
                Of::Build(id) => drop(found.insert(*id)),
                Of::Tied(ids) => {
                    for name in names.iter().map(String::as_str).chain([repository.name()]) {
                        let Ok(image) = format!("x.example/{name}:{inner}").parse::<ImageRef>() else {
                            continue;
                        };
                        let Ok(placed) = images.place(&image) else { continue };
                        let tied = self.ties.tied(&placed);
                        found.extend(tied.into_iter().filter_map(|id| ids.get(id)));
                    }
                }
            }
        }
        found
    }
}
