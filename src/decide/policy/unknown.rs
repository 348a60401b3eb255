//! Every problem with the form of a file, not just the first.
//!
//! Reading stops at the first thing that does not fit. A person who mends a file wants all of them, so the file is
//! compared with its schema key by key, and its rules are read one by one.

use super::schema::{BrakesFile, DefaultsFile, FamilyFile, MirroredFile, PressureFile, RuleFile, TestFile};
use crate::model::{Document, Problem, by_place};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Returns a problem for each key of a file that its schema does not have.
fn keys_of(document: &Document, schema: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    walk(document, schema, schema, "", &mut problems);
    problems
}

/// What was read of a file, and what is wrong with it so far.
pub(in crate::decide) type Raw<T> = (T, Vec<Problem>);

/// Reads a file as its schema says. Unknown keys are left out, so that what the rest means is checked too; what cannot be read
/// at all is read piece by piece by `pieces`, which gets the first problem and those with keys.
pub(in crate::decide) fn read<T: DeserializeOwned>(
    document: &Document,
    schema: &Value,
    pieces: impl FnOnce(&Document, Vec<Problem>, Vec<Problem>) -> Vec<Problem>,
) -> Result<Raw<T>, Vec<Problem>> {
    let unknown = keys_of(document, schema);
    match document.read() {
        Ok(raw) => Ok((raw, unknown)),
        Err(first) => match document.read_without(unknown.iter().map(|problem| problem.path.as_str())) {
            Some(raw) => Ok((raw, unknown)),
            None => Err(by_place(pieces(document, first, unknown))),
        },
    }
}

fn walk(document: &Document, root: &Value, schema: &Value, path: &str, problems: &mut Vec<Problem>) {
    let schema = resolve(root, schema);
    let is_number = |kind: &Value| matches!(kind.as_str(), Some("integer" | "number"));
    let kinds = schema.get("type");
    let numeric = kinds
        .is_some_and(|kind| is_number(kind) || kind.as_array().is_some_and(|all| all.iter().any(is_number)));
    if let Some(odd) = document.odd_number(path).filter(|_| numeric) {
        let message = format!(
            "`{odd}` is not a decimal number; digits without a leading zero are accepted, such as `10`"
        );
        problems.push(document.problem(path, message));
    }
    // Only one of them has keys; an alternative may have alternatives itself, as a range that need not be given.
    for alternative in schema.get("anyOf").and_then(Value::as_array).into_iter().flatten() {
        walk(document, root, alternative, path, problems);
    }
    if let Some(items) = schema.get("items") {
        for index in 0..document.items(path).unwrap_or(0) {
            walk(document, root, items, &format!("{path}[{index}]"), problems);
        }
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    let rest = schema.get("additionalProperties");
    for key in document.keys(path) {
        let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match (properties.and_then(|known| known.get(&key)), rest) {
            (Some(known), _) => walk(document, root, known, &below, problems),
            (None, Some(Value::Object(_))) => {
                walk(document, root, rest.unwrap_or(&Value::Null), &below, problems);
            }
            (None, Some(Value::Bool(false))) => {
                let known: Vec<&str> =
                    properties.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
                let nested: Vec<String> = properties
                    .into_iter()
                    .flatten()
                    .flat_map(|(name, of)| {
                        // An entry that need not be given has its keys in an alternative.
                        let of = resolve(root, of);
                        let others = of.get("anyOf").and_then(Value::as_array).into_iter().flatten();
                        let all = std::iter::once(of).chain(others.map(|one| resolve(root, one)));
                        let keys = all
                            .filter_map(|of| of.get("properties")?.as_object())
                            .flat_map(|keys| keys.keys());
                        keys.map(|key| format!("{name}.{key}")).collect::<Vec<_>>()
                    })
                    .collect();
                problems.push(document.problem(&below, unknown(&key, &known, &nested)));
            }
            _ => {}
        }
    }
}

/// Returns a message of the reader without the names of its types.
fn plain(message: &str) -> String {
    let Some((before, rest)) = message.split_once("invalid type: ") else { return message.to_owned() };
    let Some((found, expected)) = rest.split_once(", expected ") else { return message.to_owned() };
    let found = match found {
        "map" => "a mapping",
        "sequence" => "a list",
        "unit value" => "nothing",
        _ => found
            .trim_start_matches("integer ")
            .trim_start_matches("floating point ")
            .trim_start_matches("boolean "),
    };
    let expected = match expected {
        "a sequence" => "a list, such as `[…]`",
        "a map" => "a mapping, such as `{…}`",
        "a string" => "a text",
        "a boolean" => "`true`",
        "u32" | "usize" | "u64" => "a whole number",
        "f64" => "a number",
        other => other,
    };
    format!("{before}{found} is not accepted here; expected {expected}")
}

/// Returns what is wrong with a key that is not one of `known`; `nested` are the keys one level below them, such as
/// `defaults.floor`.
fn unknown(key: &str, known: &[&str], nested: &[String]) -> String {
    let distance = |name: &str| strsim::damerau_levenshtein(name, key);
    // `family` is three letters from `families`.
    let is_near = |name: &str| {
        distance(name) <= 2
            || distance(name) == 3 && key.get(..4).is_some_and(|start| name.starts_with(start))
    };
    let near = known.iter().copied().min_by_key(|name| distance(name)).filter(|name| is_near(name));
    let is_below = |name: &&String| {
        let last = name.rsplit('.').next().unwrap_or_default();
        last == key || last.ends_with(&format!("_{key}"))
    };
    let meant = near.or_else(|| nested.iter().find(is_below).map(String::as_str));
    let meant = meant.map(|name| format!(" (`{name}`?)")).unwrap_or_default();
    let list: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    format!("unknown key `{key}`{meant}; accepted: {}", list.join(", "))
}

/// Follows references, and a `null` alternative to what stands beside it.
fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let mut schema = schema;
    while let Some(name) = schema.get("$ref").and_then(Value::as_str) {
        let pointer = name.strip_prefix('#').unwrap_or_default();
        match root.pointer(pointer) {
            Some(found) => schema = found,
            None => return schema,
        }
    }
    schema
}

/// The problems that reading a file piece by piece finds, beside the unknown keys.
pub(in crate::decide) struct Pieces<'d> {
    document: &'d Document,
    found: Vec<Problem>,
}

impl<'d> Pieces<'d> {
    /// Begins with the unknown keys.
    pub(in crate::decide) fn beside(document: &'d Document, unknown: Vec<Problem>) -> Self {
        Self { document, found: unknown }
    }

    /// Reads what is at a path; returns whether that has a problem.
    pub(in crate::decide) fn take<T: DeserializeOwned>(&mut self, at: &str) -> bool {
        let problems = self.document.read_at::<T>(at).err().into_iter().flatten();
        let before = self.found.len();
        // Unknown keys are known already, with a better message.
        self.found.extend(problems.filter(|problem| !problem.message.contains("unknown field")));
        self.found.len() > before
    }

    /// Reads what is at a path, if anything is; returns whether that has a problem.
    pub(in crate::decide) fn take_any<T: DeserializeOwned>(&mut self, at: &str) -> bool {
        self.document.has(at) && self.take::<T>(at)
    }

    /// Returns the problems, or `first` if there is none, without the names of types.
    pub(in crate::decide) fn end(self, first: Vec<Problem>) -> Vec<Problem> {
        let mut all = if self.found.is_empty() { first } else { self.found };
        for problem in &mut all {
            problem.message = plain(&problem.message);
        }
        all
    }
}

/// Returns every problem that reading the parts one by one finds, beside the unknown keys.
pub(super) fn pieces(document: &Document, first: Vec<Problem>, unknown: Vec<Problem>) -> Vec<Problem> {
    let mut pieces = Pieces::beside(document, unknown);
    let rules = |pieces: &mut Pieces<'_>, at: &str| {
        let indices = 0..document.items(at).unwrap_or(0);
        indices.filter(|index| pieces.take::<RuleFile>(&format!("{at}[{index}]"))).count() > 0
    };
    for index in 0..document.items("families").unwrap_or(0) {
        let at = format!("families[{index}]");
        let mut lists: Vec<String> =
            ["keep", "failed", "partial", "empty"].map(|lane| format!("{at}.{lane}")).into();
        lists.extend(
            document.keys(&format!("{at}.parts")).iter().map(|part| format!("{at}.parts.{part}.keep")),
        );
        let any = lists.iter().filter(|list| rules(&mut pieces, list)).count() > 0;
        if !any {
            pieces.take::<FamilyFile>(&at);
        }
    }
    let any = ["failed", "partial", "empty"]
        .iter()
        .filter(|lane| rules(&mut pieces, &format!("defaults.{lane}")))
        .count()
        > 0;
    if !any {
        pieces.take_any::<DefaultsFile>("defaults");
    }
    pieces.take_any::<BrakesFile>("brakes");
    pieces.take_any::<MirroredFile>("mirrored");
    pieces.take_any::<PressureFile>("pressure");
    for index in 0..document.items("tests").unwrap_or(0) {
        pieces.take::<TestFile>(&format!("tests[{index}]"));
    }
    pieces.end(first)
}
