//! From the YAML of a layout to its meaning, every problem reported at once with its place.

use super::branch::BranchRule;
use super::field::{Field, FieldKind, time_shape};
use super::grammar::{AliasRule, Class, Condition, Grammar, Layout, LegacyRule, Markers, ResultMarker};
use super::schema::{AliasFile, FieldFile, LayoutFile, MarkersFile, StreamFile};
use super::template::Template;
use super::{LayoutError, tree::Tree};
use crate::word::{BuildName, Document, Label, Outcome, Problem, RelPath, Stamp};
use regex::Regex;
use std::{collections::BTreeMap, sync::Arc};

impl Layout {
    /// Reads a layout; `file` is its name in messages.
    pub fn load(text: &str, file: &str) -> Result<Self, LayoutError> {
        let document = Document::parse(text, file).map_err(LayoutError)?;
        let raw: LayoutFile = document.read().map_err(LayoutError)?;
        let mut loading = Loading { document: &document, problems: Vec::new(), fields: BTreeMap::new() };
        let grammar = loading.grammar(raw, text);
        if loading.problems.is_empty() {
            Ok(Self(Arc::new(grammar)))
        } else {
            Err(LayoutError(loading.problems))
        }
    }

    /// Returns the JSON schema of a layout file, by which editors complete and check it.
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(LayoutFile).to_value()
    }
}

struct Loading<'a> {
    document: &'a Document,
    problems: Vec<Problem>,
    fields: BTreeMap<String, Field>,
}

impl Loading<'_> {
    fn problem(&mut self, path: &str, message: impl Into<String>) {
        self.problems.push(self.document.problem(path, message));
    }

    fn grammar(&mut self, raw: LayoutFile, text: &str) -> Grammar {
        if raw.layout != 1 {
            self.problem("layout", format!("version {} is not known; 1 is accepted", raw.layout));
        }
        for (name, field) in &raw.fields {
            self.field(name, field);
        }
        if raw.streams.is_empty() {
            self.problem("streams", "no stream; at least one is wanted");
        }
        let mut classes = Vec::new();
        for (index, stream) in raw.streams.iter().enumerate() {
            classes.extend(self.classes(&format!("streams[{index}]"), stream));
        }
        let tree = self.tree("tree", &raw.tree);
        let beside = self.tree("beside", &raw.beside);
        let markers = self.markers(&raw.markers, &tree);
        let (by_hand, kept): (Vec<_>, Vec<_>) =
            raw.aliases.iter().enumerate().partition(|(_, alias)| alias.by_hand);
        let aliases = kept.into_iter().filter_map(|(index, alias)| self.alias(index, alias)).collect();
        let by_hand = by_hand.into_iter().map(|(_, alias)| alias.name.clone()).collect();
        let mut legacy = Vec::new();
        for (index, rule) in raw.legacy.iter().enumerate() {
            let alias = self.template(&format!("legacy[{index}].alias"), &rule.alias);
            let target = self.template(&format!("legacy[{index}].target"), &rule.target);
            legacy.push(LegacyRule { alias, target });
        }
        let mut declared = Vec::new();
        for (index, tree) in raw.declared.iter().enumerate() {
            declared.push((self.template(&format!("declared[{index}].path"), &tree.path), tree.why.clone()));
        }
        let mut branches = Vec::new();
        for (index, rule) in raw.branches.iter().enumerate() {
            let at = format!("branches[{index}]");
            let branch = self.template(&format!("{at}.branch"), &rule.branch);
            let stream = self.template(&format!("{at}.stream"), &rule.stream);
            let build = rule.build.as_ref().map(|build| self.template(&format!("{at}.build"), build));
            branches.push(BranchRule { shown: rule.branch.clone(), branch, stream, build });
        }
        let LayoutFile { name, title, policy, .. } = raw;
        let text = text.to_owned();
        Grammar {
            name,
            title,
            text,
            policy,
            classes,
            tree,
            markers,
            aliases,
            by_hand,
            legacy,
            beside,
            declared,
            branches,
        }
    }

    fn field(&mut self, name: &str, raw: &FieldFile) {
        let at = format!("fields.{name}");
        let kind = match (&raw.one_of, &raw.matches, &raw.time) {
            (Some(words), None, None) if words.is_empty() => {
                return self.problem(&at, "`one_of` is empty; at least one word is wanted");
            }
            (Some(words), None, None) => FieldKind::OneOf(words.clone()),
            (None, Some(source), None) => match Regex::new(&format!("^(?:{source})$")) {
                Ok(regex) => FieldKind::Matches(regex, source.clone()),
                Err(error) => return self.problem(&format!("{at}.matches"), error.to_string()),
            },
            (None, None, Some(form)) if !Stamp::can_read(form) => {
                let wanted = "a form that tells the day, such as `%Y%m%dT%H%M%SZ`, is wanted";
                return self
                    .problem(&format!("{at}.time"), format!("`{form}` cannot be read back; {wanted}"));
            }
            (None, None, Some(form)) => match Regex::new(&format!("^{}$", time_shape(form))) {
                Ok(regex) => FieldKind::Time(form.clone(), regex),
                Err(error) => return self.problem(&format!("{at}.time"), error.to_string()),
            },
            _ => return self.problem(&at, "exactly one of `one_of`, `matches` and `time` is wanted"),
        };
        let field = Field { name: name.to_owned(), kind, examples: raw.examples.clone() };
        for (index, example) in raw.examples.iter().enumerate() {
            if !field.fits(example) || field.time(example).is_some_and(|time| time.is_err()) {
                self.problem(
                    &format!("{at}.examples[{index}]"),
                    format!("`{example}` does not fit the field"),
                );
            }
        }
        self.fields.insert(name.to_owned(), field);
    }

    fn template(&mut self, at: &str, text: &str) -> Template {
        match Template::parse(text, &self.fields) {
            Ok(template) => template,
            Err(why) => {
                self.problem(at, why);
                Template::default()
            }
        }
    }

    /// Returns the classes of an entry: one for each way in which its optional parts can be there or not.
    fn classes(&mut self, at: &str, raw: &StreamFile) -> Vec<Class> {
        let mut classes = Vec::new();
        for chosen in expand(&raw.stream) {
            let before = self.problems.len();
            let home = raw.home.clone().unwrap_or_else(|| chosen.clone());
            for home in expand(&home) {
                let path = raw.path.clone().unwrap_or_else(|| format!("{home}/{}", raw.build));
                let class = Class {
                    shown: chosen.clone(),
                    stream: self.template(&format!("{at}.stream"), &chosen),
                    build: self.template(&format!("{at}.build"), &raw.build),
                    home: self.template(&format!("{at}.home"), &home),
                    path: self.template(&format!("{at}.path"), &path),
                    respin: raw.respin.clone(),
                };
                if self.problems.len() == before {
                    self.both_ways(at, &class);
                }
                classes.push(class);
            }
        }
        classes
    }

    /// Makes sure that a path says all of stream and build, and the other way round.
    fn both_ways(&mut self, at: &str, class: &Class) {
        let names = |templates: &[&Template]| -> std::collections::BTreeSet<String> {
            let fields = templates.iter().flat_map(|template| template.field_names());
            fields.map(|field| field.name.clone()).collect()
        };
        let (ids, path) = (names(&[&class.stream, &class.build]), names(&[&class.path]));
        for field in ids.difference(&path) {
            self.problem(at, format!("`{{{field}}}` is part of the build's id, but not of its path"));
        }
        for field in path.difference(&ids) {
            self.problem(at, format!("`{{{field}}}` is part of the path, but neither of stream nor build"));
        }
        if class.build.parts.len() != 1 || class.build.open {
            self.problem(&format!("{at}.build"), "the name of a build is one name without `/`");
        }
        if let Some(respin) = &class.respin
            && !names(&[&class.build]).contains(respin)
        {
            self.problem(&format!("{at}.respin"), format!("`{{{respin}}}` is no part of the build's name"));
        }
    }

    fn tree(&mut self, at: &str, rules: &[String]) -> Tree {
        let mut tree = Tree::default();
        for (index, rule) in rules.iter().enumerate() {
            if let Err(why) = tree.push(rule, &self.fields) {
                self.problem(&format!("{at}[{index}]"), why);
            }
        }
        tree
    }

    fn markers(&mut self, raw: &MarkersFile, tree: &Tree) -> Markers {
        let context = raw.context.as_ref().and_then(|path| self.marker("markers.context", path, tree));
        let mut markers = Markers { context, ..Markers::default() };
        for (index, result) in raw.results.iter().enumerate() {
            let at = format!("markers.results[{index}]");
            let marked = [Outcome::Success, Outcome::Fail, Outcome::Empty];
            let Some(outcome) = marked.into_iter().find(|outcome| outcome.as_str() == result.result) else {
                let found = &result.result;
                self.problem(&at, format!("`{found}` has no marker; `success`, `fail` and `empty` have"));
                continue;
            };
            let paths: Vec<RelPath> = (result.paths.iter().enumerate())
                .filter_map(|(i, path)| self.marker(&format!("{at}.paths[{i}]"), path, tree))
                .collect();
            if result.paths.is_empty() {
                self.problem(&at, "`paths` is empty; at least one is wanted");
            }
            let (content, words) = (result.content.clone(), result.words.clone());
            markers.results.push(ResultMarker { outcome, paths, content, words });
        }
        for (index, label) in raw.labels.iter().enumerate() {
            let at = format!("markers.labels[{index}]");
            match label.label.parse::<Label>() {
                Ok(said) => {
                    if let Some(path) = self.marker(&format!("{at}.path"), &label.path, tree) {
                        markers.labels.push((path, said.key().to_owned(), said.value().to_owned()));
                    }
                }
                Err(error) => self.problem(&format!("{at}.label"), error.to_string()),
            }
        }
        markers
    }

    /// Reads the path of a marker, which the tree must have a place for.
    fn marker(&mut self, at: &str, text: &str, tree: &Tree) -> Option<RelPath> {
        let path: RelPath = match text.parse() {
            Ok(path) => path,
            Err(error) => {
                self.problem(at, format!("{error}"));
                return None;
            }
        };
        let names: Vec<&str> = path.names().collect();
        if !matches!(tree.find(&names), super::tree::Found::Rule(..)) {
            self.problem(at, format!("`{text}` has no place in `tree`"));
        }
        Some(path)
    }

    fn alias(&mut self, index: usize, raw: &AliasFile) -> Option<AliasRule> {
        let at = format!("aliases[{index}]");
        if raw.name.parse::<BuildName>().is_err() {
            self.problem(&format!("{at}.name"), format!("`{}` is not one name without `/`", raw.name));
            return None;
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
        let when = Condition { results, labels: raw.labels.clone() };
        Some(AliasRule { name: raw.name.clone(), when, required: raw.required })
    }
}

/// Returns every text that a template with optional parts in `[…]` stands for, the shortest first.
fn expand(text: &str) -> Vec<String> {
    let Some((before, rest)) = text.split_once('[') else { return vec![text.to_owned()] };
    let Some((inner, after)) = rest.split_once(']') else { return vec![text.to_owned()] };
    let tails = expand(after);
    let without = tails.iter().map(|tail| format!("{before}{tail}"));
    let with = tails.iter().map(|tail| format!("{before}{inner}{tail}"));
    without.chain(with).collect()
}
