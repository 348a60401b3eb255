//! Paths beside the builds: aliases and what is below them, files of the stream, trees that are left alone.

use super::declared::{Declared, NameByHand};
use super::grammar::{Class, Layout};
use super::place::Place;
use super::template::Values;
use super::tree::Found;
use crate::model::{RETENTION_NAME, RETIRED_NAME, RelPath, Stream, is_sums};
use std::sync::Arc;

impl Layout {
    /// Returns the place of an alias, or of a path that is allowed beside builds.
    pub(super) fn beside(&self, names: &[&str]) -> Option<Place> {
        for class in &self.0.classes {
            let mut values = Values::new();
            let depth = class.home.parts.len();
            if names.len() <= depth || class.home.matches(names.iter().copied(), &mut values) < depth {
                continue;
            }
            let (name, inside) = names.get(depth..)?.split_first()?;
            if let Some(values) = self.is_alias(class, name, &values)
                && self.may_be_below_alias(class, inside)
            {
                let stream = class.stream.write(&values).ok().and_then(|text| text.parse().ok());
                return Some(Place::Alias { stream, name: (*name).to_owned(), legacy: false });
            }
            let stream: Option<Stream> = class.stream.write(&values).ok().and_then(|text| text.parse().ok());
            let own = [
                (RETENTION_NAME, "the deadlines of builds, which mirrorkeep writes for consumers"),
                (
                    RETIRED_NAME,
                    "where the builds of a retired stream are, which mirrorkeep writes for readers",
                ),
            ];
            let found = own.iter().find(|(own, _)| names.get(depth..) == Some(&[*own]));
            if let Some((rule, why)) = found.map(|(rule, why)| ((*rule).to_owned(), (*why).to_owned())) {
                return Some(stream.map_or(Place::Declared { why }, |stream| Place::Beside { stream, rule }));
            }
            let Some(stream) = stream else { continue };
            match self.0.beside.find(names.get(depth..)?, &values) {
                Found::Rule(rule, _) => return Some(Place::Beside { stream, rule: rule.to_owned() }),
                Found::Way => return Some(Place::Beside { stream, rule: "directory".to_owned() }),
                Found::Nowhere { .. } => {}
            }
        }
        None
    }

    /// Returns whether a path may be below an alias: it resolves to a build, or to a directory above some.
    fn may_be_below_alias(&self, class: &Class, inside: &[&str]) -> bool {
        let in_build = |names: &[&str]| {
            matches!(names, [name] if is_sums(name))
                || !matches!(self.0.tree.find(names, &Values::new()), Found::Nowhere { .. })
        };
        if inside.is_empty() || in_build(inside) {
            return true;
        }
        let way = class.path.parts.get(class.home.parts.len() + 1..).unwrap_or_default();
        let values = &mut Values::new();
        let fitted = way.iter().zip(inside).take_while(|(part, name)| part.matches(name, values)).count();
        fitted == inside.len() || fitted == way.len() && in_build(inside.get(fitted..).unwrap_or_default())
    }

    /// Returns the place of a declared tree or of a legacy alias, of the directories above it and of what is below
    /// it.
    pub(super) fn apart(&self, names: &[&str]) -> Option<Place> {
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
        for rule in &self.0.legacy {
            let mut values = Values::new();
            let parts = rule.alias.parts.len();
            let fitted = rule.alias.matches(names.iter().copied(), &mut values);
            if fitted == names.len() && fitted < parts {
                return Some(Place::Above);
            }
            let Some(name) = parts.checked_sub(1).and_then(|last| names.get(last)) else { continue };
            if fitted < parts {
                continue;
            }
            let Ok(target) = rule.target.write(&values) else { continue };
            let real: Vec<&str> = target.split('/').chain(names.iter().skip(parts).copied()).collect();
            // Below a legacy alias, the same is allowed as below its directory.
            let fits = match self.among_streams(&real) {
                Ok(place) => !matches!(place, Place::Stray(_)),
                Err(_) => names.len() == parts || self.beside(&real).is_some(),
            };
            if fits {
                return Some(Place::Alias { stream: None, name: (*name).to_owned(), legacy: true });
            }
        }
        None
    }

    /// Returns the layout of a mirror that also keeps this beside its streams.
    #[must_use]
    pub fn leaving_alone(self, declared: Vec<Declared>) -> Self {
        Self(self.0, Arc::from(declared), self.2, self.3)
    }

    /// Returns the layout of a mirror with a directory for public files under a key of its settings: no stream can be
    /// there.
    #[must_use]
    pub fn reserving(self, dir: RelPath, key: &'static str) -> Self {
        let reserved = self.2.iter().cloned().chain([(dir, key)]).collect();
        Self(self.0, self.1, reserved, self.3)
    }

    /// Returns the layout without the directories for public files: where builds would be without them.
    #[must_use]
    pub fn unreserved(&self) -> Self {
        Self(Arc::clone(&self.0), Arc::clone(&self.1), Arc::default(), Arc::clone(&self.3))
    }

    /// Returns the layout of a mirror that also knows these names beside its builds, which a person or a promotion
    /// sets.
    #[must_use]
    pub fn knowing(self, names: Vec<NameByHand>) -> Self {
        Self(self.0, self.1, self.2, Arc::from(names))
    }

    /// Returns the patterns that the mirror's settings declare.
    pub fn declared(&self) -> Vec<String> {
        self.1.iter().map(|declared| declared.shown().to_owned()).collect()
    }

    /// Returns the key of the settings in whose directory for public files a path is.
    pub(super) fn reserved(&self, path: &RelPath) -> Option<&'static str> {
        self.2.iter().find(|(dir, _)| path.is_within(dir)).map(|(_, key)| *key)
    }

    /// Returns whether the mirror's settings declare a path, or a directory above it.
    pub fn is_declared(&self, path: &RelPath) -> bool {
        let names: Vec<&str> = path.names().collect();
        self.reserved(path).is_some() || self.1.iter().any(|declared| declared.fits(&names))
    }

    /// Returns the place of a path that the mirror's settings declare, and of the directories above it.
    pub(super) fn kept_apart(&self, names: &[&str]) -> Option<Place> {
        if names.first() == Some(&"lost+found") {
            return Some(Place::Declared { why: "what a repair of the file system keeps".to_owned() });
        }
        if let Some(declared) = self.1.iter().find(|declared| declared.fits(names)) {
            let why = format!("declared as `{}` in mirror.yaml", declared.shown());
            return Some(Place::Declared { why });
        }
        let leads = self.2.iter().any(|(dir, _)| dir.names().zip(names).all(|(a, b)| a == *b));
        (leads || self.1.iter().any(|declared| declared.is_below(names))).then_some(Place::Above)
    }
}
