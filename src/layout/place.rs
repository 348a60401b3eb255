//! The classification of paths: every path has exactly one place.

use super::grammar::{Class, Layout};
use super::stray::Stray;
use super::suggest::mend_inside;
use super::template::Values;
use super::tree::Found;
use crate::model::{BuildId, RelPath, Stream, is_sums};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// The place of a path in a layout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "place", rename_all = "kebab-case")]
pub enum Place {
    /// The root of the mirror.
    Root,
    /// A directory above streams or builds.
    Above,
    /// The directory of a stream.
    Stream {
        /// The stream.
        stream: Stream,
    },
    /// The directory of a build.
    Build {
        /// The ID of the build.
        build: BuildId,
    },
    /// A path that is allowed inside a build.
    Inside {
        /// The ID of the build.
        build: BuildId,
        /// The rule that allows it.
        artifact: Artifact,
        /// Its path in the build.
        rest: RelPath,
    },
    /// An alias of a stream, or a legacy alias.
    Alias {
        /// The stream of its builds; nothing for a legacy alias.
        stream: Option<Stream>,
        /// Its name.
        name: String,
        /// Whether it is the legacy alias of a directory.
        legacy: bool,
    },
    /// A path that is allowed beside the builds of a stream.
    Beside {
        /// The stream.
        stream: Stream,
        /// The rule that allows it.
        rule: String,
    },
    /// A path that is left alone.
    Declared {
        /// Its description.
        why: String,
    },
    /// A path of the own area.
    Own,
    /// A path without a place.
    Stray(Stray),
}

/// The rule that allows a path inside a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Artifact {
    /// The rule, as the layout writes it; `directory` for a directory above allowed paths.
    pub rule: String,
    /// The values of the rule's fields.
    pub fields: BTreeMap<String, String>,
    /// Whether a file is allowed there.
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

/// The relation of a path to one class.
enum Standing {
    /// Above its streams or between its stream and its builds.
    Way,
    /// The stream's own directory.
    Stream(Stream),
    /// A build.
    Build(BuildId),
    /// Below a build.
    Inside(BuildId, usize, Values),
    /// Not of this class: this many names matched.
    Not(usize),
}

impl Layout {
    /// Returns the place of a path.
    pub fn place(&self, path: &RelPath) -> Place {
        let mut place = self.placed(path);
        if let Place::Stray(stray) = &mut place {
            // Names that match one by one need not match together; then the next mistake is corrected too.
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
        if let Some(key) = self.reserved(path) {
            return Place::Declared { why: format!("the public files of `{key}` in mirror.yaml") };
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

    /// Returns the place of a path that is above a build, is one or is in one; or the classes that match the longest
    /// part of it.
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

    /// Returns the place of a path below a build.
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
