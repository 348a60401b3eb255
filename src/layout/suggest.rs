//! Correcting a path: the nearest one that a rule allows.
//!
//! The names of the path are aligned with the parts of each rule, where names can be missing, extra or different; the
//! alignment with the least errors wins, and of equals the one that the layout names first.

use super::field::likeness;
use super::template::{Part, Template, Values};
use super::tree::Tree;

/// The weights of a missing name, a different one and an extra one: what the path has is kept if possible.
const MISSING: u32 = 300;
const OTHER: u32 = 320;
const EXTRA: u32 = 350;

/// The number of names of a path that are examined.
pub(super) const NAMES: usize = 12;

/// A correction of names, and its weight.
pub(super) type Suggestion = (u32, Vec<String>);

/// Returns the nearest path in a tree.
pub(super) fn mend_inside(tree: &Tree, names: &[&str], known: &Values) -> Suggestion {
    let names = names.get(..NAMES).unwrap_or(names);
    let mut best: Suggestion = (u32::MAX, Vec::new());
    for rule in tree.templates() {
        let table = Table::new(rule, names, |_, part, name| weight(part, name));
        let all = rule.parts.len();
        let led = (0..=all).map(|at| (table.cost(at, names.len()), at, names.len()));
        // Below `**` every path is allowed.
        let open = (0..names.len()).filter(|_| rule.open).map(|count| (table.cost(all, count), all, count));
        let Some((cost, parts, count)) = led.chain(open).min_by_key(|(cost, ..)| *cost) else { continue };
        if cost < best.0 {
            let mut path = table.trace(parts, count, known);
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

/// Returns the weight of a name at that part; a misspelt word is nearer than another word.
pub(super) fn weight(part: &Part, name: &str) -> u32 {
    if part.matches(name, &mut Values::new()) {
        return 0;
    }
    let near = part.nearest(name, &Values::new());
    if near.starts_with('<') { OTHER } else { OTHER - OTHER * likeness(&near, name) / 100 }
}

/// The least weight of aligning the first names with the first parts.
pub(super) struct Table<'a> {
    template: &'a Template,
    names: &'a [&'a str],
    rows: Vec<Vec<u32>>,
    weights: Vec<Vec<u32>>,
}

impl<'a> Table<'a> {
    /// Aligns the names with the parts; `weigh` returns the weight of a name at a part.
    pub(super) fn new(
        template: &'a Template,
        names: &'a [&'a str],
        weigh: impl Fn(usize, &Part, &str) -> u32,
    ) -> Self {
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
                // Of two alignments with the same weight, the one that keeps the first names is nearer.
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

    /// Returns the weight of that many names aligned with that many parts.
    pub(super) fn cost(&self, parts: usize, count: usize) -> u32 {
        self.rows.get(parts).and_then(|row| row.get(count)).copied().unwrap_or(u32::MAX / 4)
    }

    fn weight(&self, part: usize, name: usize) -> u32 {
        self.weights.get(part).and_then(|row| row.get(name)).copied().unwrap_or(OTHER)
    }

    /// Returns the names for the first parts, kept if they match.
    pub(super) fn trace(&self, mut parts: usize, mut count: usize, known: &Values) -> Vec<String> {
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
                // Adding a name is preferred to replacing one.
                (Some(name), _) if !added => path.push(part.nearest(name, known)),
                (None, Some(_)) if !added => {
                    count -= 1;
                    continue;
                }
                _ => {
                    path.push(part.nearest("", known));
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
