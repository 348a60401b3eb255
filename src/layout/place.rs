//! What a path is: every path has exactly one place.

use super::field::nearest as like;
use super::grammar::{Class, Layout};
use super::template::{Part, Values};
use super::tree::Found;
use crate::word::{BuildId, RelPath, SUMS_NAME, Stream};
use serde::Serialize;
use std::collections::BTreeMap;

/// What a path is in a layout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "place", rename_all = "kebab-case")]
pub enum Place {
    /// The root of the mirror.
    Root,
    /// A directory that leads to streams or builds.
    Above,
    /// The directory of a stream.
    Stream {
        /// Which stream.
        stream: Stream,
    },
    /// The directory of a build.
    Build {
        /// Which build.
        build: BuildId,
    },
    /// Something that may lie inside a build.
    Inside {
        /// Which build.
        build: BuildId,
        /// By which rule.
        artifact: Artifact,
        /// Its path in the build.
        rest: RelPath,
    },
    /// An alias of a stream, or a legacy name.
    Alias {
        /// The stream whose builds it names; nothing for a legacy name.
        stream: Option<Stream>,
        /// Its name.
        name: String,
        /// Whether it is the legacy name of a directory.
        legacy: bool,
    },
    /// Something that may lie beside the builds of a stream.
    Beside {
        /// Beside which stream's builds.
        stream: Stream,
        /// By which rule.
        rule: String,
    },
    /// Something that is left alone.
    Declared {
        /// What it is.
        why: String,
    },
    /// What mirrorkeep keeps for itself.
    Own,
    /// Something that has no place.
    Stray(Stray),
}

/// By which rule something lies inside a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Artifact {
    /// The rule, as the layout writes it; `directory` for what only leads to places.
    pub rule: String,
    /// The values of the rule's fields.
    pub fields: BTreeMap<String, String>,
    /// Whether a file may lie there.
    pub leaf: bool,
}

/// Why a path has no place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stray {
    /// The rule that it breaks; stable.
    pub rule: String,
    /// The name that does not fit.
    pub found: String,
    /// What would.
    pub expected: String,
    /// The nearest path that has a place; names in angle brackets stand for any value.
    pub nearest: Option<String>,
    /// All of that in a sentence.
    pub why: String,
}

impl Place {
    /// Returns the one-word name of the kind of place.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Above => "above",
            Self::Stream { .. } => "stream",
            Self::Build { .. } => "build",
            Self::Inside { .. } => "inside",
            Self::Alias { .. } => "alias",
            Self::Beside { .. } => "beside",
            Self::Declared { .. } => "declared",
            Self::Own => "own",
            Self::Stray(_) => "stray",
        }
    }
}

/// How a path stands to one class.
enum Standing {
    /// Above its streams or between its stream and its builds.
    Way,
    /// The stream's own directory.
    Stream(Stream),
    /// A build.
    Build(BuildId),
    /// Below a build.
    Inside(BuildId, usize),
    /// Not of this class: so many names fitted.
    Not(usize),
}

impl Layout {
    /// Returns what a path is.
    pub fn place(&self, path: &RelPath) -> Place {
        if path.is_root() {
            return Place::Root;
        }
        if path.is_own() {
            return Place::Own;
        }
        let names: Vec<&str> = path.names().collect();
        let mut way = false;
        let mut stream = None;
        let mut best: Vec<(usize, &Class)> = Vec::new();
        for class in &self.0.classes {
            match class.standing(&names) {
                Standing::Build(build) => return Place::Build { build },
                Standing::Inside(build, depth) => return self.inside(build, &names, depth),
                Standing::Stream(found) => stream = stream.or(Some(found)),
                Standing::Way => way = true,
                Standing::Not(fitted) => match best.first() {
                    Some((longest, _)) if *longest > fitted => {}
                    Some((longest, _)) if *longest == fitted => best.push((fitted, class)),
                    _ => best = vec![(fitted, class)],
                },
            }
        }
        if let Some(stream) = stream {
            return Place::Stream { stream };
        }
        if way {
            return Place::Above;
        }
        if let Some(place) = self.beside(&names).or_else(|| self.apart(path, &names)) {
            return place;
        }
        Place::Stray(Self::stray(&names, &best))
    }

    /// Returns the place of something below a build.
    fn inside(&self, build: BuildId, names: &[&str], depth: usize) -> Place {
        let below = names.get(depth..).unwrap_or_default();
        let rest: RelPath = below.join("/").parse().unwrap_or_default();
        if below == [SUMS_NAME] {
            let artifact = Artifact { rule: SUMS_NAME.to_owned(), fields: BTreeMap::new(), leaf: true };
            return Place::Inside { build, artifact, rest };
        }
        match self.0.tree.find(below) {
            Found::Rule(rule, fields) => {
                let artifact = Artifact { rule: rule.to_owned(), fields, leaf: true };
                Place::Inside { build, artifact, rest }
            }
            Found::Way => {
                let artifact =
                    Artifact { rule: "directory".to_owned(), fields: BTreeMap::new(), leaf: false };
                Place::Inside { build, artifact, rest }
            }
            Found::Nowhere { fitted, expected, nearest, field } => {
                let rule = match (&field, fitted) {
                    (Some(field), _) => format!("unknown-{field}"),
                    (None, 0) => "unknown-direction".to_owned(),
                    (None, _) => "unknown-artifact".to_owned(),
                };
                Place::Stray(stray(rule, names, depth + fitted, expected, nearest))
            }
        }
    }

    /// Returns the place of an alias or of something that may lie beside builds.
    fn beside(&self, names: &[&str]) -> Option<Place> {
        for class in &self.0.classes {
            let mut values = Values::new();
            let depth = class.home.parts.len();
            if names.len() <= depth || class.home.matches(names.iter().copied(), &mut values) < depth {
                continue;
            }
            let below = names.get(depth..).unwrap_or_default();
            let stream: Option<Stream> = class.stream.write(&values).ok().and_then(|text| text.parse().ok());
            if let [name] = below
                && (self.0.aliases.iter().any(|alias| alias.name == *name)
                    || self.0.by_hand.iter().any(|by| by == name))
            {
                return Some(Place::Alias { stream, name: (*name).to_owned(), legacy: false });
            }
            // What lies below an alias is what lies in the build that it names.
            if let [name, inside @ ..] = below
                && self.0.aliases.iter().any(|alias| alias.name == *name)
                && !matches!(self.0.tree.find(inside), Found::Nowhere { .. })
            {
                return Some(Place::Alias { stream, name: (*name).to_owned(), legacy: false });
            }
            let Some(stream) = stream else { continue };
            match self.0.beside.find(below) {
                Found::Rule(rule, _) => return Some(Place::Beside { stream, rule: rule.to_owned() }),
                Found::Way => return Some(Place::Beside { stream, rule: "directory".to_owned() }),
                Found::Nowhere { .. } => {}
            }
        }
        None
    }

    /// Returns the place of a declared tree or of a legacy name.
    fn apart(&self, path: &RelPath, names: &[&str]) -> Option<Place> {
        for (template, why) in &self.0.declared {
            let fitted = template.matches(names.iter().copied(), &mut Values::new());
            let parts = template.parts.len();
            if fitted == parts && (names.len() == parts || template.open) {
                return Some(Place::Declared { why: why.clone() });
            }
            if fitted == names.len() {
                return Some(Place::Above);
            }
        }
        let legacy = self.0.legacy.iter().any(|rule| rule.alias.matches_all(path.as_str()).is_some());
        let name = path.name().to_owned();
        legacy.then_some(Place::Alias { stream: None, name, legacy: true })
    }

    /// Says why a path outside the builds has no place, by the classes that it fits longest.
    fn stray(names: &[&str], best: &[(usize, &Class)]) -> Stray {
        let fitted = best.first().map_or(0, |(fitted, _)| *fitted);
        let parts: Vec<(&Part, bool)> = best
            .iter()
            .filter_map(|(fitted, class)| {
                // The last part of a class' path names the build.
                Some((class.path.parts.get(*fitted)?, *fitted + 1 == class.path.parts.len()))
            })
            .collect();
        let found = names.get(fitted).copied().unwrap_or_default();
        let mut expected: Vec<String> = parts.iter().map(|(part, _)| part.expected()).collect();
        expected.dedup();
        let rule = match parts.as_slice() {
            _ if fitted == 0 => "unknown-class".to_owned(),
            parts if parts.iter().any(|(_, names_build)| *names_build) => "build-name".to_owned(),
            [(part, _), ..] => match part.fields().first() {
                Some(field) => format!("unknown-{}", field.name),
                None => "unknown-class".to_owned(),
            },
            [] => "too-deep".to_owned(),
        };
        let words: Vec<String> = parts.iter().map(|(part, _)| part.nearest(found)).collect();
        let nearest = like(words.iter().map(String::as_str), found).or_else(|| words.first().cloned());
        let expected = if expected.is_empty() { "nothing below".to_owned() } else { expected.join(", ") };
        stray(rule, names, fitted, expected, nearest)
    }
}

impl Class {
    fn standing(&self, names: &[&str]) -> Standing {
        let mut values = Values::new();
        let fitted = self.path.matches(names.iter().copied(), &mut values);
        let depth = self.path.parts.len();
        if fitted == depth {
            let id = self.stream.write(&values).ok().zip(self.build.write(&values).ok());
            let id =
                id.and_then(|(stream, name)| Some(BuildId::new(stream.parse().ok()?, name.parse().ok()?)));
            return match id {
                Some(id) if names.len() == depth => Standing::Build(id),
                Some(id) => Standing::Inside(id, depth),
                None => Standing::Not(fitted),
            };
        }
        if fitted < names.len() {
            return Standing::Not(fitted);
        }
        let is_home = self.home.parts.len() == names.len();
        match self.stream.write(&values).ok().filter(|_| is_home).and_then(|text| text.parse().ok()) {
            Some(stream) => Standing::Stream(stream),
            None => Standing::Way,
        }
    }
}

/// Says that the name at `at` does not fit.
fn stray(rule: String, names: &[&str], at: usize, expected: String, nearest: Option<String>) -> Stray {
    let found = names.get(at).copied().unwrap_or_default().to_owned();
    let nearest = nearest.map(|near| {
        let before = names.iter().take(at).copied();
        let after = names.iter().skip(at + 1).copied();
        before.chain([near.as_str()]).chain(after).collect::<Vec<_>>().join("/")
    });
    let why = format!("`{found}` does not fit; {expected} is wanted there");
    Stray { rule, found, expected, nearest, why }
}
