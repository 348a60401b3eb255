//! The mapping of git branches to streams.

use super::field::{Field, FieldKind};
use super::template::{Template, Values};
use super::{Layout, NoPlace};
use crate::model::{BuildName, Stream};
use std::collections::{BTreeMap, BTreeSet};

/// The stream of a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchPlace {
    /// The stream.
    pub stream: Stream,
    /// The build's name, if the layout does not name it by its time.
    pub build: Option<BuildName>,
}

impl Layout {
    /// Returns the stream of a git branch or tag; `given` has the fields that the branch does not.
    ///
    /// The branch may be named as git and build servers name it, such as `refs/heads/main` or `origin/main`.
    pub fn branch(&self, branch: &str, given: &BTreeMap<String, String>) -> Result<BranchPlace, NoPlace> {
        let branch = short_name(branch);
        let refuse = |why: String| NoPlace {
            layout: self.name().to_owned(),
            thing: format!("the branch `{}`", branch.escape_debug()),
            why,
        };
        // What git says of a checkout without a branch, as build servers make them.
        if branch == "HEAD" {
            return Err(refuse(
                "it is no branch, and the checkout has none; give the name of the branch".to_owned(),
            ));
        }
        for rule in &self.0.branches {
            let Some(mut values) = rule.branch.matches_all(branch) else { continue };
            for (name, value) in given {
                values.entry(name.clone()).or_insert_with(|| value.clone());
            }
            let takes =
                |stream: &&Template, name: &str| stream.field_names().any(|field| field.name() == name);
            let unused = |stream: &&Template| given.keys().any(|name| !takes(stream, name));
            let fields: BTreeSet<&str> = rule
                .streams
                .iter()
                .flat_map(Template::field_names)
                .map(Field::name)
                .filter(|name| given.contains_key(*name) || !values.contains_key(*name))
                .collect();
            if let Some(name) = given.keys().find(|name| !fields.contains(name.as_str())) {
                let all: Vec<String> = fields.iter().map(|name| format!("`{name}`")).collect();
                let all = if all.is_empty() { "no fields".to_owned() } else { all.join(", ") };
                return Err(refuse(format!("its stream has no field `{name}`; it takes {all}")));
            }
            let mut refused = "no form of its stream has all fields that are given".to_owned();
            // The longest form applies: an optional part is present if all its fields are given.
            let found = rule.streams.iter().rev().filter(|stream| !unused(stream)).find_map(|stream| {
                let found = self.stream_of(stream, &values);
                found.map_err(|why| refused = why).ok()
            });
            let stream = found.ok_or_else(|| refuse(refused))?;
            let build = rule.build.as_ref().map(|build| build.write(&values)).transpose().map_err(refuse)?;
            let build =
                build.map(|name| name.parse()).transpose().map_err(|error| refuse(format!("{error}")))?;
            return Ok(BranchPlace { stream, build });
        }
        if self.0.branches.is_empty() {
            return Err(refuse("it maps no branches; give the stream with --stream".to_owned()));
        }
        let shapes: Vec<String> = self.0.branches.iter().map(|rule| format!("`{}`", rule.shown)).collect();
        let words = |field: &Field| match &field.kind {
            FieldKind::OneOf(words) => {
                let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
                Some(format!("; {} is {}", field.name(), words.join(" or ")))
            }
            _ => None,
        };
        let fields = self.0.branches.iter().flat_map(|rule| rule.branch.field_names());
        let words: BTreeSet<String> = fields.filter_map(words).collect();
        let words = words.into_iter().collect::<String>();
        Err(refuse(format!("branches and tags of the forms {} are mapped{words}", shapes.join(", "))))
    }

    /// Returns the stream of a template with these values.
    fn stream_of(&self, stream: &Template, values: &Values) -> Result<Stream, String> {
        let mut values = values.clone();
        // A field that accepts one word only need not be given.
        for field in stream.field_names() {
            if let FieldKind::OneOf(words) = &field.kind
                && let [only] = words.as_slice()
            {
                values.entry(field.name.clone()).or_insert_with(|| only.clone());
            }
        }
        let stream: Stream = stream.write(&values)?.parse().map_err(|error| format!("{error}"))?;
        self.stream_class(&stream).map_err(|error| error.why)?;
        Ok(stream)
    }
}

/// Returns the name of a branch or tag without the namespace of its reference and without its remote.
///
/// The forms are those of `git help revisions`; of remotes without a namespace only `origin`, the default of `git
/// clone`, is known.
fn short_name(reference: &str) -> &str {
    let local = ["refs/heads/", "heads/", "refs/tags/", "tags/"];
    if let Some(name) = local.iter().find_map(|space| reference.strip_prefix(space)) {
        return name;
    }
    let remote = ["refs/remotes/", "remotes/"].iter().find_map(|space| reference.strip_prefix(space));
    match remote.and_then(|name| name.split_once('/')) {
        Some((_, name)) => name,
        None => reference.strip_prefix("origin/").unwrap_or(reference),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_shortened_to_the_branch() {
        for (reference, branch) in [
            ("main", "main"),
            ("origin/master", "master"),
            ("origin/feature/x", "feature/x"),
            ("refs/heads/feature/x", "feature/x"),
            ("heads/main", "main"),
            ("refs/tags/v2.1", "v2.1"),
            ("refs/remotes/upstream/main", "main"),
            ("remotes/origin/main", "main"),
            ("feature/origin/x", "feature/origin/x"),
            ("origin", "origin"),
            ("", ""),
        ] {
            assert_eq!(short_name(reference), branch, "{reference}");
        }
    }
}
