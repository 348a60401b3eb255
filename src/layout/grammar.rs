//! A layout that was parsed and checked: its streams, its tree, its aliases, and the mapping from a build to its
//! path.

use super::NoPlace;
use super::declared::{Declared, NameByHand};
use super::field::{Field, FieldKind};
use super::markers::Markers;
use super::rules::{AliasPattern, BranchRule, BundleRule, ImagesRule};
use super::template::{Template, Values};
use super::tree::Tree;
use crate::model::{BuildId, BuildName, RelPath, Stamp, Stream, Version};
use std::sync::Arc;

/// The grammar of the paths of one mirror; cheap to clone.
#[derive(Debug, Clone)]
pub struct Layout(
    pub(super) Arc<Grammar>,
    pub(super) Arc<[Declared]>,
    /// The directories that no stream can have, each with the key of the mirror's settings that names it.
    pub(super) Arc<[(RelPath, &'static str)]>,
    /// Names beside builds that the mirror's settings know.
    pub(super) Arc<[NameByHand]>,
);

/// The contents of a layout file, with every pattern compiled.
#[derive(Debug)]
pub(super) struct Grammar {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) text: String,
    pub(super) policy: Option<String>,
    pub(super) classes: Vec<Class>,
    pub(super) tree: Tree,
    pub(super) markers: Markers,
    pub(super) aliases: Vec<AliasPattern>,
    pub(super) legacy: Vec<LegacyRule>,
    pub(super) beside: Tree,
    pub(super) declared: Vec<(Template, String)>,
    pub(super) branches: Vec<BranchRule>,
    pub(super) bundles: Vec<BundleRule>,
    pub(super) images: Option<ImagesRule>,
}

/// One class of the grammar: streams of one pattern and their builds.
#[derive(Debug)]
pub(super) struct Class {
    pub(super) shown: String,
    pub(super) stream: Template,
    pub(super) build: Template,
    pub(super) home: Template,
    pub(super) path: Template,
    pub(super) respin: Option<String>,
}

impl Class {
    /// Returns the version fields that distinguish the builds of one stream.
    pub(super) fn versions(&self) -> impl Iterator<Item = &str> {
        let is_version = |field: &&Field| {
            let known = self.stream.field_names().any(|of_stream| of_stream.name == field.name);
            matches!(field.kind, FieldKind::Version(..)) && !known
        };
        self.build.field_names().filter(is_version).map(Field::name)
    }
}

/// A legacy alias: the path of the link and the directory to which it points.
#[derive(Debug)]
pub(super) struct LegacyRule {
    pub(super) alias: Template,
    pub(super) target: Template,
}

/// The legacy alias of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegacyAlias {
    /// The path of the link.
    pub path: RelPath,
    /// Its target.
    pub target: RelPath,
}

/// When a build was made, as far as its name states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// At that instant, with that respin.
    At(Stamp, u64),
    /// Its name has no time.
    Unnamed,
    /// Its name has an impossible time.
    Impossible(String),
}

impl Layout {
    /// Returns its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns its description, one sentence.
    pub fn title(&self) -> &str {
        &self.0.title
    }

    /// Returns the YAML from which it was parsed.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Returns the shipped policy that suits it.
    pub fn default_policy(&self) -> Option<&str> {
        self.0.policy.as_deref()
    }

    /// Returns the files of a build that have a meaning.
    pub fn markers(&self) -> &Markers {
        &self.0.markers
    }

    /// Returns whether a file in a build is a label or hold, so that it may change after the build was published.
    pub fn is_said(&self, path: &RelPath) -> bool {
        let markers = &self.0.markers;
        markers.labels.iter().any(|(at, ..)| at == path) || markers.hold.as_ref() == Some(path)
    }

    /// Returns the patterns of its streams, as the layout file writes them.
    pub fn stream_shapes(&self) -> impl Iterator<Item = &str> {
        let mut last = "";
        let shapes = self.0.classes.iter().map(|class| &*class.shown);
        shapes.filter(move |shape| std::mem::replace(&mut last, shape) != *shape)
    }

    /// Returns the path of a build; every build has exactly one.
    pub fn build_path(&self, id: &BuildId) -> Result<RelPath, NoPlace> {
        let (class, values) = self.class_of(id)?;
        let path = class.path.write(&values).map_err(|why| self.no_build_name(id, &why))?;
        let path = path.parse().map_err(|error| self.no_build_name(id, &format!("{error}")))?;
        if let Some(key) = self.reserved(&path) {
            let why = format!("`{path}` is below `{key}.path` of mirror.yaml, where public files are");
            return Err(NoPlace { layout: self.0.name.clone(), thing: format!("a build `{id}`"), why });
        }
        Ok(path)
    }

    /// Returns the directory of the aliases of a stream, and of its builds unless the layout has another for them.
    pub fn stream_path(&self, stream: &Stream) -> Result<RelPath, NoPlace> {
        let (class, values) = self.stream_class(stream)?;
        let path = class.home.write(&values).map_err(|why| self.no_stream(stream, why))?;
        path.parse().map_err(|error| self.no_stream(stream, format!("{error}")))
    }

    /// Returns the name of a build of that instant in a stream.
    pub fn build_name(&self, stream: &Stream, stamp: Stamp) -> Result<BuildName, NoPlace> {
        let (class, mut values) = self.stream_class(stream)?;
        let thing = || format!("a build of `{stream}` by its time alone");
        let wanted = |why: String| NoPlace { layout: self.0.name.clone(), thing: thing(), why };
        for field in class.build.field_names() {
            if let super::field::FieldKind::Time(form, _) = &field.kind {
                values.insert(field.name.clone(), stamp.spell(form));
            } else if Some(&field.name) == class.respin.as_ref() {
                values.insert(field.name.clone(), "0".to_owned());
            }
        }
        let name =
            class.build.write(&values).map_err(|why| wanted(format!("{why}; give it with --build")))?;
        name.parse().map_err(|error| wanted(format!("{error}")))
    }

    /// Returns when a build was made, as far as its name states it.
    pub fn created(&self, id: &BuildId) -> Created {
        let Ok((class, values)) = self.class_of(id) else { return Created::Unnamed };
        let respin = class.respin.as_ref().and_then(|field| values.get(field));
        let seq = match respin.map(|text| text.parse()).transpose() {
            Ok(seq) => seq.unwrap_or_default(),
            Err(error) => return Created::Impossible(format!("its respin is not a number: {error}")),
        };
        let times = class.build.field_names().filter_map(|field| field.time(values.get(&field.name)?));
        match times.into_iter().next() {
            None => Created::Unnamed,
            Some(Ok(stamp)) => Created::At(stamp, seq),
            Some(Err(error)) => Created::Impossible(error.to_string()),
        }
    }

    /// Returns the versions in the name of a build, which order its stream; none if time orders it.
    pub fn versions(&self, id: &BuildId) -> Vec<Version> {
        // Most layouts have none, and a mirror has many builds.
        if self.0.classes.iter().all(|class| class.versions().next().is_none()) {
            return Vec::new();
        }
        let Ok((class, values)) = self.class_of(id) else { return Vec::new() };
        class.versions().filter_map(|field| values.get(field)).map(|text| Version::new(text)).collect()
    }

    /// Returns the legacy aliases of the directories of a stream.
    pub fn legacy(&self, stream: &Stream) -> Vec<LegacyAlias> {
        let Ok(home) = self.stream_path(stream) else { return Vec::new() };
        let dirs: Vec<RelPath> = std::iter::once(home.clone()).chain(home.ancestors()).collect();
        let named = self.0.legacy.iter().filter_map(|rule| {
            let (target, values) =
                dirs.iter().find_map(|dir| Some((dir.clone(), rule.target.matches_all(dir.as_str())?)))?;
            Some(LegacyAlias { path: rule.alias.write(&values).ok()?.parse().ok()?, target })
        });
        named.collect()
    }

    /// Returns the error that the name of a build is invalid.
    pub fn no_build_name(&self, id: &BuildId, why: &str) -> NoPlace {
        NoPlace { layout: self.0.name.clone(), thing: format!("the build `{id}`"), why: why.to_owned() }
    }

    fn no_stream(&self, stream: &Stream, why: String) -> NoPlace {
        NoPlace { layout: self.0.name.clone(), thing: format!("the stream `{stream}`"), why }
    }

    /// Returns the class of a stream and the values of its fields.
    pub(super) fn stream_class(&self, stream: &Stream) -> Result<(&Class, Values), NoPlace> {
        let fits = |class| -> Option<(&Class, Values)> {
            let class: &Class = class;
            Some((class, class.stream.matches_all(stream.as_str())?))
        };
        self.0.classes.iter().find_map(fits).ok_or_else(|| {
            let shapes: Vec<String> = self.stream_shapes().map(|shape| format!("`{shape}`")).collect();
            let detail = self.what_differs(stream);
            self.no_stream(stream, format!("{detail}; the streams are {}", shapes.join(", ")))
        })
    }

    /// Returns the class of a build's stream that also matches its name.
    pub(super) fn class_of(&self, id: &BuildId) -> Result<(&Class, Values), NoPlace> {
        let mut wanted: Option<String> = None;
        for class in &self.0.classes {
            let Some(mut values) = class.stream.matches_all(id.stream.as_str()) else { continue };
            if class.build.matches(std::iter::once(id.name.as_str()), &mut values) == 1 {
                return Ok((class, values));
            }
            let expected = class.build.parts.first().map(super::template::Part::expected).unwrap_or_default();
            wanted.get_or_insert(expected);
        }
        match wanted {
            Some(expected) => {
                let why = format!("`{}` is not a valid build name there; expected {expected}", id.name);
                Err(self.no_build_name(id, &why))
            }
            None => self.stream_class(&id.stream).and_then(|_| Err(self.no_build_name(id, "no class fits"))),
        }
    }

    /// Returns the first name of a stream that does not match any class that matched so far.
    fn what_differs(&self, stream: &Stream) -> String {
        let names: Vec<&str> = stream.as_path().names().collect();
        let fitted = |class: &Class| class.stream.matches(names.iter().copied(), &mut Values::new());
        let Some(count) = self.0.classes.iter().map(fitted).max() else {
            return "the layout has no streams".to_owned();
        };
        let mut expected: Vec<String> = Vec::new();
        for class in self.0.classes.iter().filter(|class| fitted(class) == count) {
            let part = class.stream.parts.get(count).map(super::template::Part::expected);
            if let Some(part) = part.filter(|part| !expected.contains(part)) {
                expected.push(part);
            }
        }
        let expected = expected.join(", or ");
        match names.get(count) {
            Some(name) if expected.is_empty() => format!("`{name}` is one name too many"),
            Some(name) => format!("`{name}` does not fit; expected {expected}"),
            None if expected.is_empty() => "no class fits".to_owned(),
            None => format!("it is too short; expected next: {expected}"),
        }
    }
}
