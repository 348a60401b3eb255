//! Path templates: names with `{field}`s in them, matched and written.

use super::field::Field;
use regex::Regex;
use std::collections::BTreeMap;

/// Returns in one line why a regular expression cannot be used.
pub(super) fn unfit(error: &regex::Error) -> String {
    let text = error.to_string();
    let why = text.lines().last().unwrap_or_default().trim();
    why.trim_start_matches("error: ").to_owned()
}

/// The values of fields, by name.
pub(super) type Values = BTreeMap<String, String>;

/// A path template, one [`Part`] for each name of the path.
#[derive(Debug, Clone, Default)]
pub(super) struct Template {
    pub(super) parts: Vec<Part>,
    /// Whether any path is allowed below.
    pub(super) open: bool,
}

/// The template of one name.
#[derive(Debug, Clone)]
pub(super) enum Part {
    /// Exactly this text.
    Literal(String),
    /// Whatever matches a pattern with `*` or `?`.
    Glob(glob::Pattern),
    /// One field as a whole.
    Whole(Field),
    /// Alternating text and fields.
    Mixed(Mixed),
}

/// Alternating text and fields, with the regular expression that splits them.
#[derive(Debug, Clone)]
pub(super) struct Mixed {
    pieces: Vec<Piece>,
    regex: Regex,
}

/// A piece of a name.
#[derive(Debug, Clone)]
pub(super) enum Piece {
    /// Exactly this text, except for `*` and `?`.
    Text(String),
    /// A field, or a range of its characters.
    Field(Field, Option<(usize, usize)>),
}

impl Template {
    /// Parses a template; `fields` has the values that each field accepts.
    pub(super) fn parse(text: &str, fields: &BTreeMap<String, Field>) -> Result<Self, String> {
        let mut template = Self::default();
        for name in text.split('/') {
            if template.open {
                return Err("`**` must be last".to_owned());
            }
            if name == "**" {
                template.open = true;
            } else {
                template.parts.push(Part::parse(name, fields)?);
            }
        }
        Ok(template)
    }

    /// Matches the names of a path against the parts, as far as both go; returns how many matched.
    pub(super) fn matches<'a>(&self, names: impl Iterator<Item = &'a str>, values: &mut Values) -> usize {
        self.parts.iter().zip(names).take_while(|(part, name)| part.matches(name, values)).count()
    }

    /// Matches a whole path.
    pub(super) fn matches_all(&self, path: &str) -> Option<Values> {
        let mut values = Values::new();
        let names = path.split('/').filter(|name| !name.is_empty());
        let count = names.clone().count();
        (count == self.parts.len() && self.matches(names, &mut values) == count).then_some(values)
    }

    /// Writes the path with these values; fails with the name of a field whose value is missing or invalid.
    pub(super) fn write(&self, values: &Values) -> Result<String, String> {
        let names: Result<Vec<String>, String> = self.parts.iter().map(|part| part.write(values)).collect();
        Ok(names?.join("/"))
    }

    /// Returns the names of the fields in it.
    pub(super) fn field_names(&self) -> impl Iterator<Item = &Field> {
        self.parts.iter().flat_map(Part::fields)
    }
}

impl Part {
    fn parse(name: &str, fields: &BTreeMap<String, Field>) -> Result<Self, String> {
        if name.is_empty() {
            return Err("an empty name between two `/`".to_owned());
        }
        if !name.contains(['{', '}']) {
            if name.contains(['*', '?']) {
                let pattern = glob::Pattern::new(name).map_err(|error| format!("`{name}`: {error}"))?;
                return Ok(Self::Glob(pattern));
            }
            return Ok(Self::Literal(name.to_owned()));
        }
        let pieces = Piece::all(name, fields)?;
        if let [Piece::Field(field, None)] = pieces.as_slice() {
            return Ok(Self::Whole(field.clone()));
        }
        let source: String = pieces.iter().map(|piece| format!("({})", piece.source())).collect();
        let regex =
            Regex::new(&format!("^{source}$")).map_err(|error| format!("`{name}`: {}", unfit(&error)))?;
        Ok(Self::Mixed(Mixed { pieces, regex }))
    }

    /// Returns whether a name matches, and records the values of its fields; a field that has a value already must
    /// have the same.
    pub(super) fn matches(&self, name: &str, values: &mut Values) -> bool {
        match self {
            Self::Literal(text) => text == name,
            Self::Glob(pattern) => pattern.matches(name),
            Self::Whole(field) => {
                field.fits(name) && bind(values, &field.name, name) && agrees(field, values)
            }
            Self::Mixed(mixed) => mixed.matches(name, values),
        }
    }

    pub(super) fn write(&self, values: &Values) -> Result<String, String> {
        match self {
            Self::Literal(text) => Ok(text.clone()),
            Self::Glob(pattern) => Err(format!("`{pattern}` stands for many names")),
            Self::Whole(field) => value(values, field),
            Self::Mixed(mixed) => mixed.pieces.iter().map(|piece| piece.write(values)).collect(),
        }
    }

    pub(super) fn fields(&self) -> Vec<&Field> {
        match self {
            Self::Literal(_) | Self::Glob(_) => Vec::new(),
            Self::Whole(field) => vec![field],
            Self::Mixed(mixed) => mixed
                .pieces
                .iter()
                .filter_map(|piece| match piece {
                    Piece::Field(field, _) => Some(field),
                    Piece::Text(_) => None,
                })
                .collect(),
        }
    }

    /// Returns the description of what is accepted here, for messages.
    pub(super) fn expected(&self) -> String {
        match self {
            Self::Literal(text) => format!("`{text}`"),
            Self::Glob(pattern) => format!("`{pattern}`"),
            Self::Whole(field) => field.expected(),
            Self::Mixed(mixed) => format!("`{}`", mixed.shown(&Values::new())),
        }
    }

    /// Returns what `name` most likely means, if the fields in `known` have their values.
    pub(super) fn nearest(&self, name: &str, known: &Values) -> String {
        match self {
            Self::Literal(text) => text.clone(),
            Self::Glob(pattern) => pattern.as_str().to_owned(),
            Self::Whole(field) => value(known, field).unwrap_or_else(|_| field.nearest(name)),
            Self::Mixed(mixed) => mixed.shown(known),
        }
    }
}

impl Mixed {
    /// Returns its pieces.
    pub(super) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    fn matches(&self, name: &str, values: &mut Values) -> bool {
        let Some(found) = self.regex.captures(name) else { return false };
        // Each piece is one group, but a field's own expression may have groups, too.
        let mut group = 1;
        for piece in &self.pieces {
            let text = found.get(group).map_or("", |found| found.as_str());
            group += 1 + piece.groups();
            let fits = match piece {
                Piece::Text(_) => true,
                Piece::Field(field, None) => field.fits(text) && bind(values, &field.name, text),
                Piece::Field(field, Some(range)) => bind(values, &format!("{} {range:?}", field.name), text),
            };
            if !fits {
                return false;
            }
        }
        self.pieces.iter().all(|piece| match piece {
            Piece::Text(_) => true,
            Piece::Field(field, _) => agrees(field, values),
        })
    }

    fn shown(&self, known: &Values) -> String {
        self.pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.clone(),
                Piece::Field(..) => piece.write(known).unwrap_or_else(|_| piece.stand_in()),
            })
            .collect()
    }
}

impl Piece {
    /// Parses text with fields in braces.
    pub(super) fn all(name: &str, fields: &BTreeMap<String, Field>) -> Result<Vec<Self>, String> {
        let mut pieces = Vec::new();
        let mut rest = name;
        while let Some((text, after)) = rest.split_once('{') {
            if !text.is_empty() {
                pieces.push(Self::Text(text.to_owned()));
            }
            let (inner, tail) =
                after.split_once('}').ok_or_else(|| format!("`{name}`: `{{` without `}}`"))?;
            pieces.push(Self::parse(inner, fields)?);
            rest = tail;
        }
        if rest.contains('}') {
            return Err(format!("`{name}`: `}}` without `{{`"));
        }
        if !rest.is_empty() {
            pieces.push(Self::Text(rest.to_owned()));
        }
        Ok(pieces)
    }

    fn parse(inner: &str, fields: &BTreeMap<String, Field>) -> Result<Self, String> {
        let (name, range) = inner.split_once(':').map_or((inner, None), |(name, range)| (name, Some(range)));
        let field = fields.get(name).ok_or_else(|| {
            let known: Vec<String> = fields.keys().map(|name| format!("`{name}`")).collect();
            if known.is_empty() {
                return format!("`{{{name}}}` is not a field that can be used");
            }
            format!("`{{{name}}}` is not a field of this layout; {} are", known.join(", "))
        })?;
        let range = range.map(|range| {
            let ends = range.split_once('-').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
            ends.filter(|(a, b)| a < b).ok_or_else(|| format!("`{range}` is not a range such as `0-2`"))
        });
        Ok(Self::Field(field.clone(), range.transpose()?))
    }

    /// Returns its regular expression as part of a longer one.
    pub(super) fn source(&self) -> String {
        match self {
            // As elsewhere, `*` and `?` match characters of one name.
            Self::Text(text) => regex::escape(text).replace("\\*", "[^/]*").replace("\\?", "[^/]"),
            Self::Field(field, None) => field.source(),
            Self::Field(_, Some((from, to))) => format!("[^/]{{{}}}", to - from),
        }
    }

    /// Returns how many groups its expression has itself.
    fn groups(&self) -> usize {
        Regex::new(&self.source()).map_or(0, |regex| regex.captures_len() - 1)
    }

    /// Returns the text, or the name of the field in angle brackets.
    pub(super) fn stand_in(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Field(field, None) => format!("<{}>", field.name),
            Self::Field(field, Some((from, to))) => format!("<{}:{from}-{to}>", field.name),
        }
    }

    /// Writes it with these values.
    pub(super) fn write(&self, values: &Values) -> Result<String, String> {
        match self {
            Self::Text(text) if text.contains(['*', '?']) => Err(format!("`{text}` stands for many names")),
            Self::Text(text) => Ok(text.clone()),
            Self::Field(field, None) => value(values, field),
            Self::Field(field, Some((from, to))) => {
                let whole = value(values, field)?;
                whole
                    .get(*from..*to)
                    .map(str::to_owned)
                    .ok_or_else(|| format!("`{whole}` is too short for {}", field.name))
            }
        }
    }
}

/// Returns every text that a template with optional parts in `[…]` represents, the shortest first.
pub(super) fn expand(text: &str) -> Vec<String> {
    let Some((before, rest)) = text.split_once('[') else { return vec![text.to_owned()] };
    let Some((inner, after)) = rest.split_once(']') else { return vec![text.to_owned()] };
    let tails = expand(after);
    let without = tails.iter().map(|tail| format!("{before}{tail}"));
    let with = tails.iter().map(|tail| format!("{before}{inner}{tail}"));
    without.chain(with).collect()
}

fn value(values: &Values, field: &Field) -> Result<String, String> {
    let value = values
        .get(&field.name)
        .ok_or_else(|| format!("{} is not given; expected {}", field.name, field.expected()))?;
    if field.fits(value) {
        return Ok(value.clone());
    }
    Err(format!("`{value}` is not a valid {} here; expected {}", field.name, field.expected()))
}

/// Returns whether the ranges of a field agree with the field itself, once that is known.
pub(super) fn agrees(field: &Field, values: &Values) -> bool {
    let Some(whole) = values.get(&field.name) else { return true };
    let prefix = format!("{} (", field.name);
    let ranges = values.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&prefix));
    ranges.into_iter().all(|(key, part)| {
        let ends = key.trim_start_matches(&prefix).trim_end_matches(')');
        let ends = ends.split_once(", ").and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
        ends.is_some_and(|(from, to): (usize, usize)| whole.get(from..to) == Some(part))
    })
}

/// Records the value of a field, or returns whether it equals the present one.
pub(super) fn bind(values: &mut Values, name: &str, value: &str) -> bool {
    if let Some(known) = values.get(name) {
        return known == value;
    }
    values.insert(name.to_owned(), value.to_owned());
    true
}
