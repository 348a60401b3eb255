//! The aliases beside the builds of a stream, and the conditions on a build to which one points.

use super::field::{Field, likeness};
use super::grammar::Class;
use super::loading::Loading;
use super::rules::{AliasPattern, Wanted};
use super::schema::AliasFile;
use super::template::Values;
use super::{Layout, NoPlace};
use crate::model::{Label, OneOrMany, Outcome, Stream};
use std::collections::{BTreeMap, BTreeSet};

/// An alias that follows the newest build of a stream that meets a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AliasRule {
    /// Its name in the stream's directory.
    pub name: String,
    /// The condition on the build.
    pub when: Condition,
    /// Whether nothing of the stream may be deleted while the alias is missing, dangles or loops.
    pub required: bool,
}

/// The condition on a build to which an alias points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// One of these results.
    pub results: Vec<Outcome>,
    /// All of these labels, each with one of its values.
    pub labels: BTreeMap<String, OneOrMany>,
}

/// Who moves an alias beside the builds of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MovedBy {
    /// A rule of the layout, after each build.
    Rule,
    /// A person, or a promotion.
    Hand,
}

impl Condition {
    /// Returns whether a build with that result and those labels meets the condition.
    pub fn is_met<'a>(&self, result: Outcome, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        let said = |(key, values): (&String, &OneOrMany)| label(key).is_some_and(|value| values.has(value));
        self.results.contains(&result) && self.labels.iter().all(said)
    }
}

impl Layout {
    /// Returns the aliases that follow the builds of a stream and depend on the labels in `said`.
    ///
    /// Without those that are set by hand, and those whose path would not identify their stream.
    pub fn aliases_of(&self, stream: &Stream, said: &BTreeSet<Label>) -> Result<Vec<AliasRule>, NoPlace> {
        let (class, values) = self.stream_class(stream)?;
        let mut rules = Vec::new();
        for pattern in &self.0.aliases {
            if !pattern.by_hand && pattern.is_for(class, Some(stream)) && pattern.says_its_stream(class) {
                pattern.rules(&values, said, &mut rules);
            }
        }
        Ok(rules)
    }

    /// Returns who moves an alias beside the builds of a stream; nothing if the layout does not know the name there.
    pub fn moved_by(&self, stream: &Stream, name: &str) -> Result<Option<MovedBy>, NoPlace> {
        let (class, values) = self.stream_class(stream)?;
        let fits = |pattern: &&AliasPattern| {
            pattern.is_for(class, Some(stream))
                && pattern.name.matches(std::iter::once(name), &mut values.clone()) == 1
        };
        let known = self.0.aliases.iter().filter(fits);
        let known = known.map(|pattern| if pattern.by_hand { MovedBy::Hand } else { MovedBy::Rule });
        let by_hand = self.is_bundle_link(class, name)
            || self.3.iter().any(|known| known.is_for(stream.as_str(), name));
        Ok(known.min().or(by_hand.then_some(MovedBy::Hand)))
    }

    /// Returns the numbers of the entries of `aliases` that are known in a stream; none for a stream without a place.
    pub fn alias_entries(&self, stream: &Stream) -> BTreeSet<usize> {
        let Ok((class, _)) = self.stream_class(stream) else { return BTreeSet::new() };
        let all = self.0.aliases.iter().enumerate();
        all.filter(|(_, pattern)| pattern.is_for(class, Some(stream))).map(|(index, _)| index).collect()
    }

    /// Returns the streams of an entry of `aliases`, as the layout file writes them; none if it is known in all.
    pub fn alias_streams(&self, index: usize) -> Vec<String> {
        let streams = self.0.aliases.get(index).map(|pattern| &pattern.streams);
        streams.into_iter().flatten().map(|pattern| pattern.as_str().to_owned()).collect()
    }

    /// Returns the name beside the builds of a stream that is most similar to one that the layout does not know
    /// there; `own` are names of the mirror itself.
    pub fn nearest_alias(&self, stream: &Stream, name: &str, own: Vec<String>) -> Option<String> {
        let (class, values) = self.stream_class(stream).ok()?;
        let fits = |pattern: &&AliasPattern| pattern.is_for(class, Some(stream));
        let ruled = self.0.aliases.iter().filter(fits).filter_map(|pattern| pattern.name.write(&values).ok());
        let by_hand = self.3.iter().filter(|known| known.is_for(stream.as_str(), &known.name));
        let all = ruled.chain(by_hand.map(|known| known.name.clone())).chain(own);
        let like = |known: &String| (likeness(known, name), std::cmp::Reverse(known.clone()));
        all.filter(|known| likeness(known, name) > 0).max_by_key(like)
    }

    /// Returns whether a name may exist beside the builds of the streams of a class.
    pub(super) fn is_alias(&self, class: &Class, name: &str, values: &Values) -> Option<Values> {
        if self.is_bundle_link(class, name) {
            return Some(values.clone());
        }
        if self.3.iter().any(|known| known.name == name) {
            let stream = class.stream.write(values).unwrap_or_else(|_| class.shown.clone());
            if self.3.iter().any(|known| known.is_for(&stream, name)) {
                return Some(values.clone());
            }
        }
        self.0.aliases.iter().find_map(|pattern| {
            let mut values = values.clone();
            if pattern.name.matches(std::iter::once(name), &mut values) == 0 {
                return None;
            }
            let stream = class.stream.write(&values).ok().and_then(|text| text.parse().ok());
            pattern.is_for(class, stream.as_ref()).then_some(values)
        })
    }
}

impl AliasPattern {
    /// Returns whether it is known in a stream; without one, in streams of the class.
    fn is_for(&self, class: &Class, stream: Option<&Stream>) -> bool {
        let text = stream.map_or(class.shown.as_str(), Stream::as_str);
        self.streams.is_empty() || self.streams.iter().any(|pattern| pattern.matches(text))
    }

    /// Returns whether its path distinguishes the streams of the class, so that no two of them move it.
    fn says_its_stream(&self, class: &Class) -> bool {
        let said: BTreeSet<&str> =
            class.home.field_names().chain(self.name.field_names()).map(Field::name).collect();
        class.stream.field_names().all(|field| said.contains(field.name()))
    }

    /// Adds the rule, or one for each value of the labels for which it makes an alias.
    fn rules(&self, values: &Values, said: &BTreeSet<Label>, rules: &mut Vec<AliasRule>) {
        let mut found = vec![(values.clone(), BTreeMap::new())];
        for (key, wanted) in &self.labels {
            let mut next = Vec::new();
            for (values, labels) in found {
                let mut add = |values: Values, words: OneOrMany| {
                    let mut labels: BTreeMap<String, OneOrMany> = labels.clone();
                    labels.insert(key.clone(), words);
                    next.push((values, labels));
                };
                match wanted {
                    Wanted::Words(words) => add(values, words.clone()),
                    Wanted::Each(field) => {
                        let fitting = |label: &&Label| label.key() == key && field.fits(label.value());
                        for label in said.iter().filter(fitting) {
                            let mut values = values.clone();
                            values.insert(field.name.clone(), label.value().to_owned());
                            add(values, OneOrMany::from(label.value()));
                        }
                    }
                }
            }
            found = next;
        }
        for (values, labels) in found {
            // A value may have characters that a name cannot, such as a slash.
            let name =
                self.name.write(&values).ok().filter(|name| name.parse::<crate::model::BuildName>().is_ok());
            let when = Condition { results: self.results.clone(), labels };
            rules.extend(name.map(|name| AliasRule { name, when, required: self.required }));
        }
    }
}

impl Loading<'_> {
    /// Checks that each alias can have its name in some stream.
    pub(super) fn named(&mut self, aliases: &[AliasPattern], classes: &[Class]) {
        for (index, alias) in aliases.iter().enumerate().filter(|(_, alias)| !alias.by_hand) {
            let each = |field: &Field| {
                alias
                    .labels
                    .iter()
                    .any(|(_, wanted)| matches!(wanted, Wanted::Each(each) if each.name == field.name))
            };
            let said = |class: &Class, field: &Field| {
                class.stream.field_names().any(|known| known.name == field.name)
            };
            let unsaid = alias.name.field_names().find(|field| {
                !each(field) && !classes.is_empty() && !classes.iter().any(|class| said(class, field))
            });
            if let Some(field) = unsaid {
                let why = format!("`{{{}}}` has no value: neither a stream nor a label has it", field.name);
                self.problem(&format!("aliases[{index}].name"), why);
            }
        }
    }

    /// Parses an alias of the layout.
    pub(super) fn alias(&mut self, index: usize, raw: &AliasFile) -> AliasPattern {
        let at = format!("aliases[{index}]");
        let name = self.template(&format!("{at}.name"), &raw.name);
        if name.parts.len() > 1 || name.open {
            self.problem(&format!("{at}.name"), format!("`{}` is not one name without `/`", raw.name));
        }
        let mut results = Vec::new();
        for (i, text) in raw.results.iter().flatten().enumerate() {
            match text.parse() {
                Ok(outcome) => results.push(outcome),
                Err(error) => self.problem(&format!("{at}.results[{i}]"), format!("{error}")),
            }
        }
        if raw.results.is_none() {
            results.push(Outcome::Success);
        }
        let mut labels = Vec::new();
        for (key, words) in &raw.labels {
            let field = match words.as_slice() {
                [word] => word.strip_prefix('{').and_then(|word| word.strip_suffix('}')),
                _ => None,
            };
            let wanted = match field.map(|field| self.known(&format!("{at}.labels.{key}"), field)) {
                None => Wanted::Words(words.clone()),
                Some(None) => continue,
                Some(Some(field)) => Wanted::Each(field),
            };
            labels.push((key.clone(), wanted));
        }
        let mut streams = Vec::new();
        for text in raw.streams.iter().flat_map(crate::model::OneOrMany::as_slice) {
            match glob::Pattern::new(text) {
                Ok(pattern) => streams.push(pattern),
                Err(error) => self.problem(&format!("{at}.streams"), format!("`{text}`: {error}")),
            }
        }
        AliasPattern { name, streams, results, labels, required: raw.required, by_hand: raw.by_hand }
    }
}
