//! What a path is: every path has exactly one place.

use super::grammar::{Class, Layout};
use super::stray::Stray;
use super::suggest::mend_inside;
use super::template::Values;
use super::tree::Found;
use crate::model::{BuildId, RelPath, Stream, is_sums};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// What a path is in a layout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Artifact {
    /// The rule, as the layout writes it; `directory` for what only leads to places.
    pub rule: String,
    /// The values of the rule's fields.
    pub fields: BTreeMap<String, String>,
    /// Whether a file may lie there.
    pub leaf: bool,
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
    Inside(BuildId, usize, Values),
    /// Not of this class: so many names fitted.
    Not(usize),
}

impl Layout {
    /// Returns what a path is.
    pub fn place(&self, path: &RelPath) -> Place {
        let mut place = self.placed(path);
        if let Place::Stray(stray) = &mut place {
            // Names that fit one by one need not fit together; then what is wrong next is put right, too.
            for _ in 0..3 {
                let near = stray.nearest.as_ref().filter(|near| !near.contains(['<', '*']));
                match near.and_then(|near| near.parse().ok()).map(|near| self.placed(&near)) {
                    Some(Place::Stray(next)) => stray.nearest = next.nearest,
                    _ => break,
                }
            }
        }
        place
    }

    fn placed(&self, path: &RelPath) -> Place {
        if path.is_root() {
            return Place::Root;
        }
        if path.is_own() {
            return Place::Own;
        }
        if self.is_reserved(path) {
            return Place::Declared { why: "the public files of `readers` in mirror.yaml".to_owned() };
        }
        let names: Vec<&str> = path.names().collect();
        match self.among_streams(&names) {
            Ok(place) => place,
            Err(best) => {
                match self.beside(&names).or_else(|| self.apart(&names)).or_else(|| self.kept_apart(&names)) {
                    Some(place) => place,
                    None => Place::Stray(self.stray(&names, &best)),
                }
            }
        }
    }

    /// Returns the place of a path that leads to builds, is one or lies in one; or the classes that it fits longest.
    pub(super) fn among_streams(&self, names: &[&str]) -> Result<Place, Vec<(usize, &Class)>> {
        let mut way = false;
        let mut stream = None;
        let mut best: Vec<(usize, &Class)> = Vec::new();
        for class in &self.0.classes {
            match class.standing(names) {
                Standing::Build(build) => return Ok(Place::Build { build }),
                Standing::Inside(build, depth, values) => {
                    return Ok(self.inside(build, names, depth, &values));
                }
                Standing::Stream(found) => stream = stream.or(Some(found)),
                Standing::Way => way = true,
                Standing::Not(fitted) => match best.first() {
                    Some((longest, _)) if *longest > fitted => {}
                    Some((longest, _)) if *longest == fitted => best.push((fitted, class)),
                    _ => best = vec![(fitted, class)],
                },
            }
        }
        match stream {
            Some(stream) => Ok(Place::Stream { stream }),
            None if way => Ok(Place::Above),
            None => Err(best),
        }
    }

    /// Returns the place of something below a build.
    fn inside(&self, build: BuildId, names: &[&str], depth: usize, values: &Values) -> Place {
        let below = names.get(depth..).unwrap_or_default();
        let rest: RelPath = below.join("/").parse().unwrap_or_default();
        let allowed = |rule: &str, fields: BTreeMap<String, String>, leaf: bool| Artifact {
            rule: rule.to_owned(),
            fields,
            leaf,
        };
        if is_sums(rest.as_str()) {
            return Place::Inside { build, artifact: allowed(rest.name(), BTreeMap::new(), true), rest };
        }
        match self.0.tree.find(below, values) {
            Found::Rule(rule, fields) => Place::Inside { build, artifact: allowed(rule, fields, true), rest },
            Found::Way => {
                Place::Inside { build, artifact: allowed("directory", BTreeMap::new(), false), rest }
            }
            Found::Nowhere { fitted, expected, parts } => {
                let field = parts.iter().find_map(|part| part.fields().first().map(|field| field.name()));
                let rule = match (field, fitted) {
                    (Some(field), _) => format!("unknown-{field}"),
                    (None, 0) => "unknown-direction".to_owned(),
                    (None, _) => "unknown-artifact".to_owned(),
                };
                let at = depth + fitted;
                let mut nearest: Vec<String> =
                    names.iter().take(depth).map(|name| (*name).to_owned()).collect();
                nearest.extend(mend_inside(&self.0.tree, below, values).1);
                Place::Stray(Stray::new(rule, names, at, expected).near(names, at, nearest, &parts, values))
            }
        }
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
                Some(id) => Standing::Inside(id, depth, values),
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
