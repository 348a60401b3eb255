//! Bundles: builds that are made of the builds to which an alias points in several streams.

use super::Layout;
use super::bundled::{Bundled, Made};
use super::grammar::Class;
use super::loading::Loading;
use super::rules::BundleRule;
use super::schema::{BundleFile, BundledFile};
use super::template::{Part, Template, Values};
use super::tree::{Found, Tree};
use crate::model::{BuildName, Stream, is_sums};

/// An MD5, to check whether one can be the name of a build.
const AN_MD5: &str = "d41d8cd98f00b204e9800998ecf8427e";

/// How the builds of one stream are made of those of other streams.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// The stream of the bundle.
    pub stream: Stream,
    /// The alias that resolves to the current bundle.
    pub link: String,
    /// The alias in the stream of each member.
    pub alias: String,
    /// How each file is made, in the order of the layout.
    pub files: Vec<Bundled>,
    layout: Layout,
    /// The index of the bundle in the layout.
    rule: usize,
    values: Values,
}

impl Bundle {
    /// Returns the values by which a stream differs from the other members, which determine their order; nothing if
    /// it is not a member.
    pub fn member(&self, stream: &Stream) -> Option<Vec<String>> {
        let rule = self.layout.0.bundles.get(self.rule)?;
        let (class, values) = self.layout.stream_class(stream).ok()?;
        let differs = |(name, value): (&String, &String)| self.values.get(name).is_some_and(|is| is != value);
        if !self.layout.is_class(rule.members, class)
            || values.iter().any(differs)
            || rule.except.iter().any(|pattern| pattern.matches(stream.as_str()))
        {
            return None;
        }
        let own = class.stream.field_names().filter(|field| !self.values.contains_key(field.name()));
        Some(own.filter_map(|field| values.get(field.name()).cloned()).collect())
    }

    /// Returns the files that each member must have.
    pub fn needs(&self) -> impl Iterator<Item = &str> {
        let own = self.files.iter().filter(|file| !matches!(file.made, Made::Md5 { .. }));
        own.map(|file| &*file.file)
    }
}

impl Layout {
    /// Returns how the builds of a stream are made of others; nothing if they are not.
    pub fn bundle(&self, stream: &Stream) -> Option<Bundle> {
        let (class, values) = self.stream_class(stream).ok()?;
        let rule = self.0.bundles.iter().position(|rule| self.is_class(rule.stream, class))?;
        let BundleRule { link, alias, files, .. } = self.0.bundles.get(rule)?;
        Some(Bundle {
            stream: stream.clone(),
            link: link.clone(),
            alias: alias.write(&values).ok()?,
            files: files.clone(),
            layout: self.clone(),
            rule,
            values,
        })
    }

    /// Returns the bundle of which the target of an alias in a stream is a member.
    pub fn bundle_of(&self, member: &Stream, alias: &str) -> Option<Bundle> {
        let (class, values) = self.stream_class(member).ok()?;
        let is_of = |rule: &&BundleRule| self.is_class(rule.members, class);
        self.0.bundles.iter().filter(is_of).find_map(|rule| {
            let mut values = values.clone();
            if rule.alias.matches(std::iter::once(alias), &mut values) == 0 {
                return None;
            }
            let stream: Stream = self.0.classes.get(rule.stream)?.stream.write(&values).ok()?.parse().ok()?;
            self.bundle(&stream).filter(|bundle| bundle.member(member).is_some() && bundle.alias == alias)
        })
    }

    /// Returns the patterns of the streams that have bundles, as the layout file writes them.
    pub fn bundle_shapes(&self) -> impl Iterator<Item = &str> {
        self.0.bundles.iter().filter_map(|rule| Some(&*self.0.classes.get(rule.stream)?.shown))
    }

    /// Returns whether an alias in streams of a class is the link of a bundle.
    pub(super) fn is_bundle_link(&self, class: &Class, name: &str) -> bool {
        self.0.bundles.iter().any(|rule| rule.link == name && self.is_class(rule.stream, class))
    }

    fn is_class(&self, index: usize, class: &Class) -> bool {
        self.0.classes.get(index).is_some_and(|of| std::ptr::eq(of, class))
    }
}

impl Loading<'_> {
    /// Parses the bundles of the layout.
    pub(super) fn bundles(
        &mut self,
        raw: &[BundleFile],
        classes: &[Class],
        (tree, beside): (&Tree, &Tree),
    ) -> Vec<BundleRule> {
        let mut rules: Vec<BundleRule> = Vec::new();
        for (index, raw) in raw.iter().enumerate() {
            let at = format!("bundles[{index}]");
            let stream = self.shape(&format!("{at}.stream"), &raw.stream, classes);
            let members = self.shape(&format!("{at}.members"), &raw.members, classes);
            let alias = self.template(&format!("{at}.alias"), &raw.alias);
            if alias.parts.len() != 1 || alias.open {
                self.problem(&format!("{at}.alias"), format!("`{}` is not one name without `/`", raw.alias));
            }
            let files = self.bundled(&at, &raw.files, (tree, beside));
            let mut except = Vec::new();
            for text in raw.except.iter().flat_map(crate::model::OneOrMany::as_slice) {
                match glob::Pattern::new(text) {
                    Ok(pattern) => except.push(pattern),
                    Err(error) => self.problem(&format!("{at}.except"), format!("`{text}`: {error}")),
                }
            }
            let (Some(stream), Some(members)) = (stream, members) else { continue };
            if rules.iter().any(|before| before.stream == stream) {
                self.problem(&format!("{at}.stream"), format!("a second bundle of `{}`", raw.stream));
            }
            if stream == members {
                self.problem(&format!("{at}.members"), "a bundle cannot be made of its own stream");
            }
            self.link(&at, raw, classes.get(stream));
            if let (Some(stream), Some(members)) = (classes.get(stream), classes.get(members)) {
                self.bound(&at, stream, members, &alias);
            }
            rules.push(BundleRule { stream, members, alias, link: raw.link.clone(), files, except });
        }
        rules
    }

    /// Returns the class with that pattern.
    fn shape(&mut self, at: &str, text: &str, classes: &[Class]) -> Option<usize> {
        let found = classes.iter().position(|class| class.shown == text);
        if found.is_none() {
            let known: Vec<String> = classes.iter().map(|class| format!("`{}`", class.shown)).collect();
            let known = known.join(", ");
            self.problem(at, format!("`{text}` is not one of the streams; {known} are"));
        }
        found
    }

    /// Checks that a bundle's stream and alias determine its members, and that the members with the alias determine
    /// the bundle.
    fn bound(&mut self, at: &str, stream: &Class, members: &Class, alias: &Template) {
        let has = |of: &Template, name: &str| of.field_names().any(|field| field.name() == name);
        let unsaid = alias.field_names().find(|field| !has(&stream.stream, field.name()));
        if let Some(name) = unsaid.map(|field| field.name().to_owned()) {
            let why = format!("`{{{name}}}` is not part of `{}`, so the alias is not known", stream.shown);
            self.problem(&format!("{at}.alias"), why);
        }
        let unsaid = stream
            .stream
            .field_names()
            .find(|field| !has(&members.stream, field.name()) && !has(alias, field.name()));
        if let Some(name) = unsaid.map(|field| field.name().to_owned()) {
            let why = format!(
                "`{{{name}}}` is part of neither the members nor the alias, so a member has many bundles"
            );
            self.problem(&format!("{at}.stream"), why);
        }
        if members.stream.field_names().all(|field| has(&stream.stream, field.name())) {
            let why = format!(
                "every field of `{}` is part of the bundle's stream, so there is one member",
                members.shown
            );
            self.problem(&format!("{at}.members"), why);
        }
        let by_md5 = match stream.build.parts.as_slice() {
            [Part::Whole(field)] => field.fits(AN_MD5),
            _ => false,
        };
        if !by_md5 {
            let why = format!(
                "an MD5 cannot be the name of a build of `{}`; a field with `matches: \"[0-9a-f]{{32}}\"` can",
                stream.shown
            );
            self.problem(&format!("{at}.stream"), why);
        }
    }

    fn link(&mut self, at: &str, raw: &BundleFile, class: Option<&Class>) {
        let at = format!("{at}.link");
        let name = &raw.link;
        if name.parse::<BuildName>().is_err() {
            return self.problem(&at, format!("`{name}` is not one name without `/`, such as `bundle`"));
        }
        let next = class.and_then(|class| class.path.parts.get(class.home.parts.len()));
        if next.is_some_and(|part| part.matches(name, &mut Values::new())) {
            self.problem(
                &at,
                format!("builds can be at `{name}`; another name is accepted, such as `bundle`"),
            );
        }
        if raw.files.iter().any(|file| file.file == *name) {
            self.problem(&at, format!("`{name}` is the name of a file of the bundle"));
        }
    }

    fn bundled(&mut self, at: &str, raw: &[BundledFile], (tree, beside): (&Tree, &Tree)) -> Vec<Bundled> {
        let mut files: Vec<Bundled> = Vec::new();
        for (index, raw) in raw.iter().enumerate() {
            let at = format!("{at}.files[{index}]");
            let BundledFile { file, after, header, md5_of } = raw;
            if file.parse::<BuildName>().is_err() || is_sums(file) {
                self.problem(
                    &format!("{at}.file"),
                    format!("`{file}` cannot be a file at the top of a build"),
                );
            }
            if files.iter().any(|before| before.file == *file) {
                self.problem(&format!("{at}.file"), format!("a second file `{file}`"));
            }
            for (key, rules) in [("tree", tree), ("beside", beside)] {
                if !matches!(rules.find(&[file], &Values::new()), Found::Rule(..)) {
                    self.problem(&format!("{at}.file"), format!("`{file}` is not in `{key}`; add it there"));
                }
            }
            let made = match (md5_of, header, after) {
                (Some(of), false, None) => Made::Md5 { of: of.clone() },
                (None, true, None) => Made::Table,
                (None, false, after) => Made::Joined { after: after.clone().unwrap_or_default() },
                _ => {
                    self.problem(&at, "at most one of `after`, `header` and `md5_of` is accepted");
                    continue;
                }
            };
            files.push(Bundled { file: file.clone(), made });
        }
        for (index, raw) in raw.iter().enumerate() {
            let Some(of) = &raw.md5_of else { continue };
            let is_joined = |file: &&Bundled| !matches!(file.made, Made::Md5 { .. });
            if !files.iter().filter(is_joined).any(|file| file.file == *of) {
                let why = format!("`{of}` is not a joined file of the bundle");
                self.problem(&format!("{at}.files[{index}].md5_of"), why);
            }
        }
        if raw.iter().filter(|file| file.md5_of.is_some()).count() != 1 {
            self.problem(&format!("{at}.files"), "exactly one file has `md5_of`: it names the build");
        }
        files
    }
}
