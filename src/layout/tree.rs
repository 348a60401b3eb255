//! The paths that are allowed in a directory, as a list of path rules.

use super::field::Field;
use super::template::{Part, Template, Values};
use std::collections::BTreeMap;

/// A list of path rules; the first that matches wins.
#[derive(Debug, Default)]
pub(super) struct Tree {
    rules: Vec<(String, Template)>,
}

/// The relation of a path to a tree.
pub(super) enum Found<'a> {
    /// A rule allows it.
    Rule(&'a str, Values),
    /// It is above allowed paths.
    Way,
    /// No rule allows it: how many names matched, and what would have been accepted after them.
    Nowhere { fitted: usize, expected: String, parts: Vec<&'a Part> },
}

impl Tree {
    pub(super) fn push(&mut self, text: &str, fields: &BTreeMap<String, Field>) -> Result<(), String> {
        let template = Template::parse(text, fields)?;
        self.rules.push((text.to_owned(), template));
        Ok(())
    }

    /// Returns the rules.
    pub(super) fn templates(&self) -> impl Iterator<Item = &Template> {
        self.rules.iter().map(|(_, template)| template)
    }

    /// Finds the place of the path with these names; fields that have a value in `known` must have the same here.
    pub(super) fn find(&self, names: &[&str], known: &Values) -> Found<'_> {
        let mut way = false;
        let mut best: Vec<(usize, &Template)> = Vec::new();
        for (text, template) in &self.rules {
            let mut values = Values::new();
            // Most rules differ from a path in their first word; the values are only needed after it.
            let fitted = match (template.parts.first(), names.first()) {
                (Some(Part::Literal(word)), Some(name)) if word != name => 0,
                _ => {
                    values.clone_from(known);
                    template.matches(names.iter().copied(), &mut values)
                }
            };
            let parts = template.parts.len();
            if fitted == parts
                && (names.len() == parts && !template.open || template.open && names.len() > parts)
            {
                values.retain(|field, _| template.field_names().any(|used| used.name() == field));
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
        if way { Found::Way } else { Self::nowhere(&best) }
    }

    fn nowhere<'a>(best: &[(usize, &'a Template)]) -> Found<'a> {
        let fitted = best.first().map_or(0, |(fitted, _)| *fitted);
        let parts: Vec<&Part> =
            best.iter().filter_map(|(fitted, template)| template.parts.get(*fitted)).collect();
        let mut expected: Vec<String> = Vec::new();
        for part in &parts {
            let part = part.expected();
            if !expected.contains(&part) {
                expected.push(part);
            }
        }
        let expected = if expected.is_empty() { "nothing below".to_owned() } else { expected.join(", ") };
        Found::Nowhere { fitted, expected, parts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the relation of a path to these rules: the rule, `a way`, or how many names matched and what was
    /// expected.
    fn found(rules: &[&str], path: &str) -> String {
        let mut tree = Tree::default();
        for rule in rules {
            tree.push(rule, &BTreeMap::new()).unwrap();
        }
        let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
        match tree.find(&names, &Values::new()) {
            Found::Rule(rule, _) => format!("by {rule}"),
            Found::Way => "a way".to_owned(),
            Found::Nowhere { fitted, expected, .. } => format!("{fitted} fit, then {expected}"),
        }
    }

    #[test]
    fn a_directory_on_the_way_to_a_file_is_a_way_and_nothing_lies_below_a_file() {
        let rules = ["a/b", "a/c/d"];
        for (path, expected) in [
            ("", "a way"),
            ("a", "a way"),
            ("a/b", "by a/b"),
            ("a/b/x", "2 fit, then nothing below"),
            ("a/c", "a way"),
            ("a/c/d", "by a/c/d"),
            ("a/c/x", "2 fit, then `d`"),
            ("a/x", "1 fit, then `b`, `c`"),
            ("x", "0 fit, then `a`"),
        ] {
            assert_eq!(found(&rules, path), expected, "{path}");
        }
    }

    #[test]
    fn what_may_hold_anything_is_a_way_itself_and_the_first_rule_wins() {
        let rules = ["a/**", "a/b", "c/*"];
        for (path, expected) in [
            ("a", "a way"),
            ("a/b", "by a/**"),
            ("a/b/c", "by a/**"),
            ("c", "a way"),
            ("c/x", "by c/*"),
            ("c/x/y", "2 fit, then nothing below"),
        ] {
            assert_eq!(found(&rules, path), expected, "{path}");
        }
    }
}
