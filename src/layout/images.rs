//! Container images that come with builds: which files of a build list them, and how a reference is tied to its
//! build.
//!
//! The registry is not part of the grammar, so a copy in another registry has the same fields. A field that both the
//! reference and the path of the build have ties one to the other; a layout without such a field ties nothing.

use super::Layout;
use super::field::Field;
use super::loading::Loading;
use super::reference::{Misfit, Reference};
use super::rules::ImagesRule;
use super::sample::sample_values;
use super::schema::ImagesFile;
use super::template::{Part, Template, Values, expand};
use super::tree::{Found, Tree};
use crate::model::{BuildId, ImageRef, RelPath};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

/// The grammar of the images of a layout.
#[derive(Debug, Clone, Copy)]
pub struct Images<'a> {
    layout: &'a Layout,
    rule: &'a ImagesRule,
}

/// The fields of a reference, by the first template that it matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PlacedImage {
    /// The template, as the layout writes it.
    pub template: String,
    /// The values of the fields of the template.
    pub fields: BTreeMap<String, String>,
}

/// Why a reference matches no template, by the nearest template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ImageMisfit {
    /// The nearest template, as the layout writes it.
    pub template: String,
    /// The field whose value is invalid; `null` if other text of the reference is.
    pub field: Option<String>,
    /// The invalid text.
    pub found: String,
    /// What is accepted there.
    pub expected: String,
}

/// The relation of a reference to a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageTie {
    /// Fields of the build's name are in the reference, and all fields that both have are equal.
    Tied,
    /// No field of the build's name is in the reference, and nothing differs.
    Free,
    /// A field has another value in the path of the build.
    Other(ForeignField),
}

/// A field that has another value in the path of the build than in the reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ForeignField {
    /// The name of the field.
    pub field: String,
    /// Its value in the reference.
    pub found: String,
    /// Its value in the path of the build.
    pub expected: String,
}

impl fmt::Display for ImageMisfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.field {
            Some(field) => write!(f, "`{field}` is `{}`", self.found)?,
            None => write!(f, "`{}` does not fit", self.found)?,
        }
        write!(f, "; expected {}", self.expected)
    }
}

impl fmt::Display for ForeignField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, found, expected } = self;
        write!(f, "`{field}` is `{found}`; `{expected}` in the path of the build")
    }
}

impl Layout {
    /// Returns the grammar of the images that come with the builds; nothing if the layout has none.
    pub fn images(&self) -> Option<Images<'_>> {
        Some(Images { layout: self, rule: self.0.images.as_ref()? })
    }
}

impl Images<'_> {
    /// Returns whether builds have lists of images.
    pub fn has_lists(&self) -> bool {
        !self.rule.lists.is_empty()
    }

    /// Returns whether a reference can be tied to a build: whether a template has a field of the build's name.
    pub fn ties(&self) -> bool {
        let own = |field: &Field| {
            let mut names = self.layout.0.classes.iter().flat_map(|class| class.build.field_names());
            names.any(|own| own.name() == field.name())
        };
        self.rule.references.iter().any(|reference| reference.field_names().any(own))
    }

    /// Returns whether lists can be directly in a directory of a build.
    pub fn can_hold(&self, dir: &RelPath) -> bool {
        let depth = dir.names().count();
        let leads = |list: &Template| {
            list.parts.len() == depth + 1 && list.matches(dir.names(), &mut Values::new()) == depth
        };
        self.rule.lists.iter().any(leads)
    }

    /// Returns whether lists can be anywhere below a directory of a build.
    pub fn leads(&self, dir: &RelPath) -> bool {
        let depth = dir.names().count();
        let leads = |list: &Template| {
            list.parts.len() > depth && list.matches(dir.names(), &mut Values::new()) == depth
        };
        self.rule.lists.iter().any(leads)
    }

    /// Returns the values of the fields of a path in a build if it is the path of a list of images.
    pub fn list(&self, build: &BuildId, rest: &RelPath) -> Option<BTreeMap<String, String>> {
        let names: Vec<&str> = rest.names().collect();
        let shaped = |list: &&Template| {
            list.parts.len() == names.len()
                && list.matches(names.iter().copied(), &mut Values::new()) == names.len()
        };
        // Most files of a build are not lists, in any build.
        self.rule.lists.iter().find(shaped)?;
        let (_, known) = self.layout.class_of(build).ok()?;
        self.rule.lists.iter().filter(shaped).find_map(|list| {
            let mut values = known.clone();
            let fits = list.matches(names.iter().copied(), &mut values) == names.len();
            values.retain(|name, _| list.field_names().any(|field| field.name() == name));
            fits.then_some(values)
        })
    }

    /// Returns why no reference can have a value in a field.
    pub fn refuses(&self, field: &str, value: &str) -> Option<String> {
        let title = self.layout.name();
        let all = || self.rule.references.iter().flat_map(Reference::field_names);
        let mut own = all().filter(|one| one.name() == field).peekable();
        let Some(expected) = own.peek().map(|one| one.expected()) else {
            let known: BTreeSet<String> = all().map(|one| format!("`{}`", one.name())).collect();
            let known: Vec<String> = known.into_iter().filter(|name| !name.contains(' ')).collect();
            return Some(format!(
                "no reference of the layout `{title}` has a field `{field}`; it has {}",
                known.join(", ")
            ));
        };
        let fits = own.any(|one| one.fits(value));
        (!fits).then(|| format!("`{field}` is never `{value}` in the layout `{title}`; expected {expected}"))
    }

    /// Returns the fields of a reference by the first template that it matches, or why it matches none.
    pub fn place(&self, image: &ImageRef) -> Result<PlacedImage, ImageMisfit> {
        let text = image.without_registry();
        let placed = self.rule.references.iter().find_map(|reference| {
            let mut fields = reference.values(&text)?;
            // A range of characters is stored under a name that no field can have.
            fields.retain(|name, _| !name.contains(' '));
            Some(PlacedImage { template: reference.shown.clone(), fields })
        });
        placed.ok_or_else(|| self.misfit(image, &text))
    }

    fn misfit(&self, image: &ImageRef, text: &str) -> ImageMisfit {
        let all = || self.rule.references.iter();
        let one = all().filter_map(|reference| Some((reference, reference.one_wrong(text)?)));
        let one = one.min_by_key(|(_, misfit)| misfit.distance);
        let left = || {
            let left = all().map(|reference| (reference, reference.misfit_from_left(text)));
            left.min_by_key(|(_, misfit)| misfit.distance)
        };
        let nearest = one.or_else(left).map(|(reference, misfit)| (reference.shown.clone(), misfit));
        let (template, misfit) = nearest.unwrap_or_default();
        let Misfit { field, found, expected, .. } = misfit;
        let expected =
            if image.tag.is_none() { format!("{expected}, since it has no tag") } else { expected };
        ImageMisfit { template, field, found, expected }
    }

    /// Returns which field of a reference has the form of a time and is not valid, such as 31 February, and why.
    pub fn impossible(&self, placed: &PlacedImage) -> Option<(String, String)> {
        let fields = self.rule.references.iter().filter(|one| one.shown == placed.template);
        fields.flat_map(Reference::field_names).find_map(|field| {
            let error = field.time(placed.fields.get(field.name())?)?.err()?;
            Some((field.name().to_owned(), error.to_string()))
        })
    }

    /// Returns the relation of a reference to a build: every field that both have must be equal.
    pub fn tie(&self, placed: &PlacedImage, build: &BuildId) -> ImageTie {
        let Ok((class, values)) = self.layout.class_of(build) else { return ImageTie::Free };
        let is_own = |name: &String| class.build.field_names().any(|field| field.name() == name);
        let common = |own: bool| {
            let fields = placed.fields.iter().filter(move |(name, _)| is_own(name) == own);
            fields.filter_map(|(name, value)| Some((name, value, values.get(name)?)))
        };
        // The name of the build tells most builds apart.
        let mut all = common(true).chain(common(false));
        if let Some((field, found, expected)) = all.find(|(_, found, expected)| found != expected) {
            let (field, found, expected) = (field.clone(), found.clone(), expected.clone());
            return ImageTie::Other(ForeignField { field, found, expected });
        }
        if common(true).next().is_some() { ImageTie::Tied } else { ImageTie::Free }
    }
}

/// Many builds, indexed by the values of the fields of their names, so that those to which a reference is tied are
/// found at once.
#[derive(Debug)]
pub struct Ties<'a> {
    images: Images<'a>,
    builds: HashMap<(String, String), Vec<BuildId>>,
}

impl<'a> Ties<'a> {
    /// Indexes the names of builds.
    pub fn of(images: Images<'a>, builds: impl IntoIterator<Item = BuildId>) -> Self {
        let mut ties = Self { images, builds: HashMap::new() };
        for id in builds {
            let Ok((class, values)) = images.layout.class_of(&id) else { continue };
            for field in class.build.field_names() {
                let Some(value) = values.get(field.name()) else { continue };
                let key = (field.name().to_owned(), value.clone());
                ties.builds.entry(key).or_default().push(id.clone());
            }
        }
        ties
    }

    /// Returns the builds to which a reference is tied.
    pub fn tied(&self, placed: &PlacedImage) -> BTreeSet<&BuildId> {
        let keys = placed.fields.iter().map(|(name, value)| (name.clone(), value.clone()));
        let near = keys.filter_map(|key| self.builds.get(&key)).flatten();
        near.filter(|id| self.images.tie(placed, id) == ImageTie::Tied).collect()
    }
}

impl Loading<'_> {
    /// Parses the images of the layout; each list must have a place in the tree.
    pub(super) fn images(&mut self, raw: &ImagesFile, tree: &Tree) -> ImagesRule {
        let (mut lists, mut references) = (Vec::new(), Vec::new());
        for (index, list) in raw.lists.iter().enumerate() {
            let at = format!("images.lists[{index}]");
            for text in expand(list) {
                let template = self.template(&at, &text);
                if template.open {
                    self.problem(&at, format!("`{text}` ends with `**`; the path of one file is accepted"));
                } else if let Some(why) = sample_path(&template).and_then(|sample| outside(&sample, tree)) {
                    self.problem(&at, why);
                }
                lists.push(template);
            }
        }
        if raw.references.is_empty() {
            self.problem("images.references", "no reference; expected at least one");
        }
        for (index, shown) in raw.references.iter().enumerate() {
            let at = format!("images.references[{index}]");
            // The longest form applies.
            for text in expand(shown).iter().rev() {
                let read = Reference::parse(shown, text, &self.fields);
                match read.and_then(|reference| sound(&reference).map(|()| reference)) {
                    Ok(reference) => references.push(reference),
                    Err(why) => self.problem(&at, why),
                }
            }
        }
        ImagesRule { lists, references }
    }
}

/// Returns a path that certainly matches, with its values; nothing if a field has no example.
fn sample_path(template: &Template) -> Option<(String, Values)> {
    let values = sample_values(template.field_names());
    let sample = |part: &Part| match part {
        Part::Glob(pattern) => Ok(pattern.as_str().replace(['*', '?'], "x")),
        part => part.write(&values),
    };
    let names: Result<Vec<String>, String> = template.parts.iter().map(sample).collect();
    Some((names.ok()?.join("/"), values)).filter(|(path, _)| !path.is_empty())
}

/// Returns why a path of a list has no place in the tree.
fn outside((path, values): &(String, Values), tree: &Tree) -> Option<String> {
    let names: Vec<&str> = path.split('/').collect();
    let is_in = matches!(tree.find(&names, values), Found::Rule(..));
    (!is_in).then(|| format!("`{path}` is not in `tree`; add it there"))
}

/// Returns why a template of references can never match.
fn sound(reference: &Reference) -> Result<(), String> {
    let outline = reference.outline();
    let shown = &reference.shown;
    if let Some(sign) = ["*", "?", "@"].iter().find(|sign| outline.contains(**sign)) {
        return Err(format!("`{shown}`: `{sign}` is not accepted; a field stands for text that varies"));
    }
    let (repository, tag) = outline.rsplit_once(':').unwrap_or((&outline, ""));
    if tag.is_empty() || tag.contains('/') {
        return Err(format!(
            "`{shown}` has no tag; `REPOSITORY:TAG` is accepted, such as `{{org}}/{{image}}:{{tag}}`"
        ));
    }
    match repository.split_once('/') {
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => {
            return Err(format!(
                "`{shown}`: `{first}` is a registry, which is not part of a template; remove it"
            ));
        }
        None if repository.contains(':') => return Err(format!("`{shown}` has two `:`; one is accepted")),
        _ => {}
    }
    let Some(sample) = reference.sample() else { return Ok(()) };
    let read: Result<ImageRef, _> = format!("localhost/{sample}").parse();
    read.map(drop).map_err(|error| format!("`{shown}`: {error}"))
}
