//! Why a path has no place, and the nearest valid path.

use super::grammar::{Class, Layout};
use super::suggest::{NAMES, Suggestion, Table, mend_inside, weight};
use super::template::{Part, Values};
use schemars::JsonSchema;
use serde::Serialize;

/// Why a path has no place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Stray {
    /// The broken rule; stable.
    pub rule: String,
    /// The name that does not match.
    pub found: String,
    /// What is accepted there.
    pub expected: String,
    /// The nearest valid path; names in angle brackets stand for any value, `*` for any text.
    pub nearest: Option<String>,
    /// All of that in one sentence.
    pub why: String,
}

impl Stray {
    /// Reports that the name at `at` does not match.
    pub(super) fn new(rule: String, names: &[&str], at: usize, expected: String) -> Self {
        let found = names.get(at).copied().unwrap_or_default().to_owned();
        let why = format!("`{found}` does not fit; expected there: {expected}");
        Self { rule, found, expected, nearest: None, why }
    }

    /// Adds the nearest path; if every name matches alone, but not all together, the name at `at` is replaced.
    pub(super) fn near(
        mut self,
        names: &[&str],
        at: usize,
        mut nearest: Vec<String>,
        parts: &[&Part],
        known: &Values,
    ) -> Self {
        if nearest.iter().map(String::as_str).eq(names.iter().copied()) {
            let found = names.get(at).copied().unwrap_or_default();
            let fits = |part: &&&Part| part.matches(found, &mut Values::new());
            match (nearest.get_mut(at), parts.iter().find(fits).or(parts.first())) {
                (Some(name), Some(part)) => *name = part.nearest(found, known),
                _ => nearest.truncate(at),
            }
        }
        self.nearest = (!nearest.is_empty()).then(|| nearest.join("/"));
        self
    }
}

impl Layout {
    /// Reports why a path outside the builds has no place, by the classes that match the longest part of it.
    pub(super) fn stray(&self, names: &[&str], best: &[(usize, &Class)]) -> Stray {
        let fitted = best.first().map_or(0, |(fitted, _)| *fitted);
        let parts: Vec<(&Part, bool)> = best
            .iter()
            .filter_map(|(fitted, class)| {
                // The last part of a class' path names the build.
                Some((class.path.parts.get(*fitted)?, *fitted + 1 == class.path.parts.len()))
            })
            .collect();
        let mut expected: Vec<String> = Vec::new();
        for (part, _) in &parts {
            let part = part.expected();
            if !expected.contains(&part) {
                expected.push(part);
            }
        }
        let misfiled = self.0.classes.iter().find_map(|class| self.misfiled(class, names));
        let branch = self.raw_branch(names);
        let rule = match parts.as_slice() {
            _ if misfiled.is_some() => "misfiled".to_owned(),
            _ if branch.is_some() => "raw-branch".to_owned(),
            _ if fitted == 0 => "unknown-class".to_owned(),
            parts if parts.iter().any(|(_, names_build)| *names_build) => "build-name".to_owned(),
            [(part, _), ..] => match part.fields().first() {
                Some(field) => format!("unknown-{}", field.name),
                None => "unknown-class".to_owned(),
            },
            [] => "too-deep".to_owned(),
        };
        let expected = if expected.is_empty() { "nothing below".to_owned() } else { expected.join(", ") };
        let parts: Vec<&Part> = parts.into_iter().map(|(part, _)| part).collect();
        let nearest = misfiled.unwrap_or_else(|| {
            let mapped = branch.unwrap_or_default();
            let mapped: Vec<&str> = mapped.iter().map(String::as_str).collect();
            self.nearest(if mapped.is_empty() { names } else { &mapped })
        });
        let mut known = Values::new();
        if let [(_, class), ..] = best {
            class.path.matches(names.iter().copied(), &mut known);
        }
        Stray::new(rule, names, fitted, expected).near(names, fitted, nearest, &parts, &known)
    }

    /// Returns the path with the git branch that it starts with replaced by what the branch is mapped to.
    fn raw_branch(&self, names: &[&str]) -> Option<Vec<String>> {
        self.0.branches.iter().find_map(|rule| {
            let depth = rule.branch.parts.len();
            let mut values = Values::new();
            if depth < 2 || rule.branch.matches(names.iter().copied(), &mut values) < depth {
                return None;
            }
            let known = |part: &&Part| part.fields().iter().all(|field| values.contains_key(field.name()));
            let stream = rule.streams.first()?.parts.iter().take_while(known);
            let mapped: Vec<String> = stream.filter_map(|part| part.write(&values).ok()).collect();
            let rest = names.iter().skip(depth).map(|name| (*name).to_owned());
            (!mapped.is_empty()).then(|| mapped.into_iter().chain(rest).collect())
        })
    }

    /// Returns the nearest path outside or inside the builds.
    fn nearest(&self, names: &[&str]) -> Vec<String> {
        let names = names.get(..NAMES).unwrap_or(names);
        let inside: Vec<Suggestion> = (0..=names.len())
            .map(|at| mend_inside(&self.0.tree, names.get(at..).unwrap_or_default(), &Values::new()))
            .collect();
        let mut best: Suggestion = (u32::MAX, Vec::new());
        for class in &self.0.classes {
            let home = class.home.parts.len();
            let weigh = |at: usize, part: &Part, name: &str| {
                let alias = at == home && self.is_alias(class, name, &Values::new()).is_some();
                if alias { 0 } else { weight(part, name) }
            };
            let table = Table::new(&class.path, names, weigh);
            let above = (0..class.path.parts.len()).map(|at| (table.cost(at, names.len()), at, None));
            let below = inside.iter().enumerate().map(|(count, (cost, _))| {
                let parts = class.path.parts.len();
                (table.cost(parts, count).saturating_add(*cost), parts, Some(count))
            });
            let Some((cost, parts, count)) = below.chain(above).min_by_key(|(cost, ..)| *cost) else {
                continue;
            };
            if cost < best.0 {
                let mut path = table.trace(parts, count.unwrap_or(names.len()), &Values::new());
                path.extend(
                    count.and_then(|at| inside.get(at)).map(|(_, rest)| rest.clone()).unwrap_or_default(),
                );
                best = (cost, path);
            }
        }
        best.1
    }

    /// Returns the path of a build whose name is right, but not the directories between home and build.
    fn misfiled(&self, class: &Class, names: &[&str]) -> Option<Vec<String>> {
        let home = class.home.parts.len();
        let mut values = Values::new();
        if class.path.parts.len() < home + 2 || class.home.matches(names.iter().copied(), &mut values) < home
        {
            return None;
        }
        (home..names.len()).find_map(|at| {
            let mut values = values.clone();
            let fits = class.build.matches(names.iter().skip(at).copied().take(1), &mut values) == 1;
            let path = class.path.write(&values).ok().filter(|_| fits)?;
            let rest = mend_inside(&self.0.tree, names.get(at + 1..).unwrap_or_default(), &values).1;
            Some(path.split('/').map(str::to_owned).chain(rest).collect())
        })
    }
}
