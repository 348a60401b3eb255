//! From the YAML of a layout to the grammar, with every problem reported at once with its place.

use super::LayoutError;
use super::field::{Field, FieldKind, time_shape};
use super::grammar::{Class, Grammar, Layout, LegacyRule};
use super::loading::Loading;
use super::overlap::overlaps;
use super::rules::BranchRule;
use super::schema::{FieldFile, LayoutFile, StreamFile};
use super::template::{Template, expand, unfit};
use super::tree::Tree;
use crate::model::{Document, Stamp, by_place, check_line};
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

impl Layout {
    /// Parses a layout; `file` is its name in messages.
    pub fn load(text: &str, file: &str) -> Result<Self, LayoutError> {
        let document = Document::parse(text, file).map_err(LayoutError)?;
        let raw: LayoutFile = document.read().map_err(LayoutError)?;
        let mut loading = Loading { document: &document, problems: Vec::new(), fields: BTreeMap::new() };
        let grammar = loading.grammar(raw, text);
        if loading.problems.is_empty() {
            Ok(Self(Arc::new(grammar), Arc::default(), Arc::default(), Arc::default()))
        } else {
            Err(LayoutError(by_place(loading.problems)))
        }
    }

    /// Returns the JSON schema of a layout file, for completion and checks in editors.
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(LayoutFile).to_value()
    }
}

impl Loading<'_> {
    fn grammar(&mut self, raw: LayoutFile, text: &str) -> Grammar {
        if raw.layout != 1 {
            self.problem("layout", format!("version {} is not known; 1 is accepted", raw.layout));
        }
        for (name, field) in &raw.fields {
            self.field(name, field);
        }
        if raw.streams.is_empty() {
            self.problem("streams", "no stream; expected at least one");
        }
        let mut classes = Vec::new();
        let mut entries = Vec::new();
        for (index, stream) in raw.streams.iter().enumerate() {
            classes.extend(self.classes(&format!("streams[{index}]"), stream));
            entries.resize(classes.len(), index);
        }
        for (class, why) in overlaps(&classes) {
            self.problem(&format!("streams[{}]", entries.get(class).copied().unwrap_or_default()), why);
        }
        self.versions(&classes);
        let tree = self.tree("tree", &raw.tree);
        let beside = self.tree("beside", &raw.beside);
        let markers = self.markers(&raw.markers, raw.created.as_ref(), &tree);
        let aliases: Vec<_> =
            raw.aliases.iter().enumerate().map(|(index, alias)| self.alias(index, alias)).collect();
        self.named(&aliases, &classes);
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
            let streams = expand(&rule.stream);
            let streams =
                streams.iter().map(|stream| self.template(&format!("{at}.stream"), stream)).collect();
            let build = rule.build.as_ref().map(|build| self.template(&format!("{at}.build"), build));
            branches.push(BranchRule { shown: rule.branch.clone(), branch, streams, build });
        }
        let bundles = self.bundles(&raw.bundles, &classes, (&tree, &beside));
        let images = raw.images.as_ref().map(|images| self.images(images, &tree));
        let LayoutFile { name, title, policy, .. } = raw;
        for (at, text) in [("name", &name), ("title", &title)] {
            if let Err(error) = check_line(text) {
                self.problem(at, error.to_string());
            }
        }
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
            legacy,
            beside,
            declared,
            branches,
            bundles,
            images,
        }
    }

    /// Finds versions that order nothing.
    fn versions(&mut self, classes: &[Class]) {
        let versions = self.fields.values().filter(|field| matches!(field.kind, FieldKind::Version(..)));
        let idle = versions
            .filter(|field| !classes.iter().any(|class| class.versions().any(|name| name == field.name)));
        for name in idle.map(|field| field.name.clone()).collect::<Vec<_>>() {
            let why = "no name of a build has it beyond those of its stream, so it orders nothing; write `matches` for `version`";
            self.problem(&format!("fields.{name}"), format!("`{{{name}}}`: {why}"));
        }
    }

    fn field(&mut self, name: &str, raw: &FieldFile) {
        let at = format!("fields.{name}");
        let pattern = |source: &str| Regex::new(&format!("^(?:{source})$"));
        let kind = match (&raw.one_of, &raw.matches, &raw.version, &raw.time) {
            (Some(words), None, None, None) if words.is_empty() => {
                return self.problem(&at, "`one_of` is empty; expected at least one word");
            }
            (Some(words), None, None, None) => FieldKind::OneOf(words.clone()),
            (None, Some(source), None, None) => match pattern(source) {
                Ok(regex) => FieldKind::Matches(regex, source.clone()),
                Err(error) => return self.problem(&format!("{at}.matches"), unfit(&error)),
            },
            (None, None, None, Some(form)) if !Stamp::can_read(form) => {
                let wanted = "expected a form that has the day, such as `%Y%m%dT%H%M%SZ`";
                return self
                    .problem(&format!("{at}.time"), format!("`{form}` cannot be read back; {wanted}"));
            }
            (None, None, Some(source), None) => match pattern(source) {
                Ok(regex) => FieldKind::Version(regex, source.clone()),
                Err(error) => return self.problem(&format!("{at}.version"), unfit(&error)),
            },
            (None, None, None, Some(form)) => match Regex::new(&format!("^{}$", time_shape(form))) {
                Ok(regex) => FieldKind::Time(form.clone(), regex),
                Err(error) => return self.problem(&format!("{at}.time"), error.to_string()),
            },
            _ => {
                return self
                    .problem(&at, "expected exactly one of `one_of`, `matches`, `version` and `time`");
            }
        };
        let (except, examples) = (raw.except.clone(), raw.examples.clone());
        let field = Field { name: name.to_owned(), kind, except, examples };
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

    /// Returns the classes of an entry: one for each combination of its optional parts.
    fn classes(&mut self, at: &str, raw: &StreamFile) -> Vec<Class> {
        let mut classes = Vec::new();
        let mut named = raw.respin.is_none();
        for (stream, build) in pairs(&expand(&raw.stream), &expand(&raw.build)) {
            let homes = raw.home.as_ref().map_or_else(|| vec![stream.clone()], |home| expand(home));
            let mut wrong = None;
            let before = classes.len();
            for home in &homes {
                let below = if home == "." { build.clone() } else { format!("{home}/{build}") };
                for path in raw.path.as_ref().map_or_else(|| vec![below], |path| expand(path)) {
                    let class = self.class(at, raw, [stream, build, home, &path]);
                    // An optional part is present in the path if it is present in stream and build.
                    match both_ways(&class) {
                        None => classes.push(class),
                        Some(why) => wrong = wrong.or(Some(why)),
                    }
                }
            }
            named |= classes.iter().skip(before).any(|class| class.respin.is_some());
            if classes.len() == before && self.problems.is_empty() {
                self.problem(at, wrong.unwrap_or_default());
            }
        }
        if let Some(respin) = raw.respin.as_ref().filter(|_| !named) {
            self.problem(
                &format!("{at}.respin"),
                format!("`{{{respin}}}` is not a part of the build's name"),
            );
        }
        classes
    }

    fn class(&mut self, at: &str, raw: &StreamFile, [stream, build, home, path]: [&str; 4]) -> Class {
        let mut class = Class {
            shown: stream.to_owned(),
            stream: self.template(&format!("{at}.stream"), stream),
            build: self.template(&format!("{at}.build"), build),
            home: match &raw.home {
                _ if home == "." => Template::default(),
                Some(_) => self.template(&format!("{at}.home"), home),
                None => Template::parse(home, &self.fields).unwrap_or_default(),
            },
            path: match raw.path {
                Some(_) => self.template(&format!("{at}.path"), path),
                // A problem in it is reported for the entries that it is made of.
                None => Template::parse(path, &self.fields).unwrap_or_default(),
            },
            respin: raw.respin.clone(),
        };
        if class.build.parts.len() > 1 || class.build.open {
            self.problem(&format!("{at}.build"), "the name of a build is one name without `/`");
        }
        // It may be an optional part of the name.
        let respin = class.respin.take();
        class.respin = respin.filter(|respin| class.build.field_names().any(|field| field.name() == respin));
        class
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
}

/// Returns all pairs of the two.
fn pairs<'a>(first: &'a [String], second: &'a [String]) -> Vec<(&'a String, &'a String)> {
    first.iter().flat_map(|a| second.iter().map(move |b| (a, b))).collect()
}

/// Returns why a path does not determine stream and build, or has other fields.
fn both_ways(class: &Class) -> Option<String> {
    let names = |templates: &[&Template]| -> BTreeSet<String> {
        let fields = templates.iter().flat_map(|template| template.field_names());
        fields.map(|field| field.name.clone()).collect()
    };
    let (ids, path) = (names(&[&class.stream, &class.build]), names(&[&class.path]));
    let home = names(&[&class.home]);
    if let Some(field) = ids.difference(&path).next() {
        return Some(format!("`{{{field}}}` is part of the build's id, but not of its path"));
    }
    if let Some(field) = path.difference(&ids).next() {
        return Some(format!("`{{{field}}}` is part of the path, but neither of stream nor build"));
    }
    let beyond = home.difference(&names(&[&class.stream])).next().cloned();
    beyond.map(|field| format!("`{{{field}}}` is part of the home, but not of the stream"))
}
