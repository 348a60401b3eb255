//! What may lie in a directory, as a list of path rules.

use super::field::{Field, nearest};
use super::template::{Part, Template, Values};
use std::collections::BTreeMap;

/// A list of path rules; the first that fits wins.
#[derive(Debug, Default)]
pub(super) struct Tree {
    rules: Vec<(String, Template)>,
}

/// How a path stands to a tree.
pub(super) enum Found<'a> {
    /// A rule gives it a place.
    Rule(&'a str, Values),
    /// It leads to places.
    Way,
    /// No rule goes there: how many names fitted, what was found after them and what would have been accepted.
    Nowhere { fitted: usize, expected: String, nearest: Option<String>, field: Option<String> },
}

impl Tree {
    pub(super) fn push(&mut self, text: &str, fields: &BTreeMap<String, Field>) -> Result<(), String> {
        let template = Template::parse(text, fields)?;
        self.rules.push((text.to_owned(), template));
        Ok(())
    }

    /// Finds the place of the path with these names.
    pub(super) fn find(&self, names: &[&str]) -> Found<'_> {
        let mut way = false;
        let mut best: Vec<(usize, &Template)> = Vec::new();
        for (text, template) in &self.rules {
            let mut values = Values::new();
            let fitted = template.matches(names.iter().copied(), &mut values);
            let parts = template.parts.len();
            if fitted == parts
                && (names.len() == parts && !template.open || template.open && names.len() > parts)
            {
                return Found::Rule(text, values);
            }
            // `x/**` allows the directory `x` itself as well.
            way |= fitted == names.len() && (fitted < parts || template.open);
            match best.first() {
                Some((longest, _)) if *longest > fitted => {}
                Some((longest, _)) if *longest == fitted => best.push((fitted, template)),
                _ => best = vec![(fitted, template)],
            }
        }
        if way { Found::Way } else { Self::nowhere(names, &best) }
    }

    fn nowhere<'a>(names: &[&str], best: &[(usize, &Template)]) -> Found<'a> {
        let fitted = best.first().map_or(0, |(fitted, _)| *fitted);
        let parts: Vec<&Part> =
            best.iter().filter_map(|(fitted, template)| template.parts.get(*fitted)).collect();
        let mut expected: Vec<String> = parts.iter().map(|part| part.expected()).collect();
        expected.dedup();
        let found = names.get(fitted).copied().unwrap_or_default();
        let words: Vec<String> = parts.iter().map(|part| part.nearest(found)).collect();
        let field = parts.iter().find_map(|part| part.fields().first().map(|field| field.name.clone()));
        let nearest = nearest(words.iter().map(String::as_str), found).or_else(|| words.first().cloned());
        let expected = if expected.is_empty() { "nothing below".to_owned() } else { expected.join(", ") };
        Found::Nowhere { fitted, expected, nearest, field }
    }
}
