//! Why a path has no place, and the nearest path that has one.
//!
//! The nearest is found by laying the path's names beside each rule, with names that are missing, too many or
//! other than the rule wants; what the least is wrong with wins, and of equals what the layout names first.

use super::field::likeness;
use super::grammar::{Class, Layout};
use super::template::{Part, Template, Values};
use super::tree::Tree;
use serde::Serialize;

/// Why a path has no place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stray {
    /// The rule that it breaks; stable.
    pub rule: String,
    /// The name that does not fit.
    pub found: String,
    /// What would.
    pub expected: String,
    /// The nearest path that has a place; names in angle brackets stand for any value, `*` for any text.
    pub nearest: Option<String>,
    /// All of that in a sentence.
    pub why: String,
}

/// What a missing name weighs, one that is another, and one too many: what the path says is kept where it can be.
const MISSING: u32 = 300;
const OTHER: u32 = 320;
const EXTRA: u32 = 350;

/// How many names of a path are looked at.
const NAMES: usize = 12;

/// A way to put names right, and how much was wrong with them.
type Mended = (u32, Vec<String>);

impl Stray {
    /// Says that the name at `at` does not fit.
    pub(super) fn new(rule: String, names: &[&str], at: usize, expected: String) -> Self {
        let found = names.get(at).copied().unwrap_or_default().to_owned();
        let why = format!("`{found}` does not fit; wanted there: {expected}");
        Self { rule, found, expected, nearest: None, why }
    }

    /// Notes the nearest path; where every name fits alone, but not all together, the name at `at` gives way.
    pub(super) fn near(mut self, names: &[&str], at: usize, nearest: Vec<String>, parts: &[&Part]) -> Self {
        let mut nearest = nearest;
        if nearest.iter().map(String::as_str).eq(names.iter().copied()) {
            let found = names.get(at).copied().unwrap_or_default();
            match (nearest.get_mut(at), parts.first()) {
                (Some(name), Some(part)) => *name = part.nearest(found),
                _ => nearest.truncate(at),
            }
        }
        self.nearest = (!nearest.is_empty()).then(|| nearest.join("/"));
        self
    }
}

impl Layout {
    /// Says why a path outside the builds has no place, by the classes that it fits longest.
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
        Stray::new(rule, names, fitted, expected).near(names, fitted, nearest, &parts)
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
        let inside: Vec<Mended> = (0..=names.len())
            .map(|at| mend_inside(&self.0.tree, names.get(at..).unwrap_or_default()))
            .collect();
        let mut best: Mended = (u32::MAX, Vec::new());
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
                let mut path = table.trace(parts, count.unwrap_or(names.len()));
                path.extend(
                    count.and_then(|at| inside.get(at)).map(|(_, rest)| rest.clone()).unwrap_or_default(),
                );
                best = (cost, path);
            }
        }
        best.1
    }

    /// Returns where a build belongs whose name is right, but not the directories between home and build.
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
            let rest = mend_inside(&self.0.tree, names.get(at + 1..).unwrap_or_default()).1;
            Some(path.split('/').map(str::to_owned).chain(rest).collect())
        })
    }
}

/// Returns the nearest path in a tree.
pub(super) fn mend_inside(tree: &Tree, names: &[&str]) -> Mended {
    let names = names.get(..NAMES).unwrap_or(names);
    let mut best: Mended = (u32::MAX, Vec::new());
    for rule in tree.templates() {
        let table = Table::new(rule, names, |_, part, name| weight(part, name));
        let all = rule.parts.len();
        let led = (0..=all).map(|at| (table.cost(at, names.len()), at, names.len()));
        // Below `**` anything may lie.
        let open = (0..names.len()).filter(|_| rule.open).map(|count| (table.cost(all, count), all, count));
        let Some((cost, parts, count)) = led.chain(open).min_by_key(|(cost, ..)| *cost) else { continue };
        if cost < best.0 {
            let mut path = table.trace(parts, count);
            path.extend(names.iter().skip(count).map(|name| (*name).to_owned()));
            best = (cost, path);
        }
    }
    if best.0 == u32::MAX {
        (u32::try_from(names.len()).unwrap_or_default() * EXTRA, Vec::new())
    } else {
        best
    }
}

/// Returns how much is wrong with a name where that part stands; a word misspelt is nearer than another word.
fn weight(part: &Part, name: &str) -> u32 {
    if part.matches(name, &mut Values::new()) {
        return 0;
    }
    let near = part.nearest(name);
    if near.starts_with('<') { OTHER } else { OTHER - OTHER * likeness(&near, name) / 100 }
}

/// The least that is wrong when the first names are laid beside the first parts.
struct Table<'a> {
    template: &'a Template,
    names: &'a [&'a str],
    rows: Vec<Vec<u32>>,
    weights: Vec<Vec<u32>>,
}

impl<'a> Table<'a> {
    fn new(template: &'a Template, names: &'a [&'a str], weigh: impl Fn(usize, &Part, &str) -> u32) -> Self {
        let weights: Vec<Vec<u32>> = (template.parts.iter().enumerate())
            .map(|(at, part)| {
                let weighed = names.iter().map(|name| weigh(at, part, name));
                weighed.map(|weight| if weight == 0 { 0 } else { weight + early(at) }).collect()
            })
            .collect();
        let mut table = Self { template, names, rows: Vec::new(), weights };
        for parts in 0..=template.parts.len() {
            let mut row: Vec<u32> = Vec::new();
            for count in 0..=names.len() {
                let left = row.last().map(|cost| cost + EXTRA);
                // Of two ways that cost the same, the one that keeps the first names is nearer.
                let up = parts.checked_sub(1).map(|above| table.cost(above, count) + MISSING + early(above));
                let both = parts.checked_sub(1).zip(count.checked_sub(1));
                let both =
                    both.map(|(above, before)| table.cost(above, before) + table.weight(above, before));
                row.push([left, up, both].into_iter().flatten().min().unwrap_or_default());
            }
            table.rows.push(row);
        }
        table
    }

    fn cost(&self, parts: usize, count: usize) -> u32 {
        self.rows.get(parts).and_then(|row| row.get(count)).copied().unwrap_or(u32::MAX / 4)
    }

    fn weight(&self, part: usize, name: usize) -> u32 {
        self.weights.get(part).and_then(|row| row.get(name)).copied().unwrap_or(OTHER)
    }

    /// Returns the names that the first parts ask for, kept where they fit.
    fn trace(&self, mut parts: usize, mut count: usize) -> Vec<String> {
        let mut path = Vec::new();
        while parts > 0 {
            let cost = self.cost(parts, count);
            let Some(part) = self.template.parts.get(parts - 1) else { break };
            let name = count.checked_sub(1).and_then(|at| self.names.get(at)).copied();
            let weight = self.weight(parts - 1, count.saturating_sub(1));
            let put = name.filter(|_| cost == self.cost(parts - 1, count - 1) + weight);
            let added = cost == self.cost(parts - 1, count) + MISSING + early(parts - 1);
            match (put, name) {
                (Some(name), _) if weight == 0 => path.push(name.to_owned()),
                // Rather a name is added than one replaced.
                (Some(name), _) if !added => path.push(part.nearest(name)),
                (None, Some(_)) if !added => {
                    count -= 1;
                    continue;
                }
                _ => {
                    path.push(part.nearest(""));
                    parts -= 1;
                    continue;
                }
            }
            (parts, count) = (parts - 1, count - 1);
        }
        path.reverse();
        path
    }
}

/// Returns what is added to the weight of a change, more for the first parts.
fn early(part: usize) -> u32 {
    u32::try_from(NAMES.saturating_sub(part)).unwrap_or_default()
}
