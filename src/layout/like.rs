//! What a layout lacks for a stream that is to be like another one, as text that can be pasted.
//!
//! Each proposal is tried before it is made: the layout with it can be used, has a place for the new stream, and has the old one
//! where it was.

use super::Layout;
use super::field::{Field, FieldKind};
use super::grammar::Class;
use super::template::{Part, Values};
use crate::model::{BuildId, BuildName, Stream};
use serde_yaml::{Mapping, Value};

/// What is missing in a layout file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addition {
    /// The place in the file.
    pub place: String,
    /// Why it is needed.
    pub why: String,
    /// The text to write there; empty if none is known.
    pub add: String,
}

impl Layout {
    /// Returns what is missing for a stream that is like another one; nothing if it has a place.
    pub fn lacks(&self, old: &Stream, new: &Stream) -> Option<Addition> {
        let why = match self.stream_path(new) {
            Ok(_) => return None,
            Err(error) => error.to_string(),
        };
        let found = self.proposals(old, new).into_iter().find(|one| self.serves(one, old, new));
        let (place, add) = match found {
            Some(Proposal { place, add, .. }) => (place, add),
            None => ("docs/layout-grammar.md explains the file".to_owned(), String::new()),
        };
        Some(Addition { place, why, add })
    }

    /// Returns the name that a build has in another stream: with the fields of that stream, where its name has some.
    pub fn name_in(&self, id: &BuildId, stream: &Stream) -> Option<BuildName> {
        let (class, mut values) = self.class_of(id).ok()?;
        // Another class of the same streams may leave out parts of the name.
        let (class, of_stream) = match class.stream.matches_all(stream.as_str()) {
            Some(of_stream) => (class, of_stream),
            None => self.stream_class(stream).ok()?,
        };
        values.extend(of_stream);
        class.build.write(&values).ok()?.parse().ok()
    }

    /// Returns whether a layout with a proposal has a place for the new stream, and the old one where it was.
    fn serves(&self, one: &Proposal, old: &Stream, new: &Stream) -> bool {
        let text = serde_yaml::to_string(&one.file).unwrap_or_default();
        Self::load(&text, "layout.yaml").is_ok_and(|layout| {
            layout.stream_path(new).is_ok() && layout.stream_path(old).ok() == self.stream_path(old).ok()
        })
    }

    /// Returns what could be written, the smallest change first.
    fn proposals(&self, old: &Stream, new: &Stream) -> Vec<Proposal> {
        let Ok(file) = serde_yaml::from_str::<Value>(self.text()) else { return Vec::new() };
        let Ok((class, _)) = self.stream_class(old) else { return Vec::new() };
        let others = self.0.classes.iter().filter(|other| !std::ptr::eq(*other, class));
        let with_value = std::iter::once(class).chain(others).filter_map(|class| wider(&file, class, new));
        with_value.chain(entries(&file, class, old, new)).collect()
    }
}

/// A layout file with something more.
struct Proposal {
    file: Value,
    place: String,
    add: String,
}

/// Returns a layout in which one field has one more value.
fn wider(file: &Value, class: &Class, new: &Stream) -> Option<Proposal> {
    let names: Vec<&str> = new.as_path().names().collect();
    if names.len() != class.stream.parts.len() {
        return None;
    }
    let mut values = Values::new();
    let mut unfit =
        class.stream.parts.iter().zip(names).filter(|(part, name)| !part.matches(name, &mut values));
    let ((part, value), None) = (unfit.next()?, unfit.next()) else { return None };
    let Part::Whole(field) = part else { return None };
    let mut file = file.clone();
    let keys = file.get_mut("fields")?.get_mut(field.name())?.as_mapping_mut()?;
    accept(keys, field, value)?;
    let entry: Mapping = [(Value::from(field.name()), Value::Mapping(keys.clone()))].into_iter().collect();
    Some(Proposal {
        place: format!("`fields`, instead of `{}`", field.name()),
        add: indented(&entry.into()),
        file,
    })
}

/// Makes a field accept a value.
fn accept(keys: &mut Mapping, field: &Field, value: &str) -> Option<()> {
    if let Some(except) = keys.get_mut("except").and_then(Value::as_sequence_mut) {
        except.retain(|word| word.as_str() != Some(value));
    }
    let (key, source) = match &field.kind {
        FieldKind::OneOf(_) => {
            keys.get_mut("one_of")?.as_sequence_mut()?.push(value.into());
            return Some(());
        }
        FieldKind::Matches(regex, source) if !regex.is_match(value) => ("matches", source),
        FieldKind::Version(regex, source) if !regex.is_match(value) => ("version", source),
        // It was among the exceptions.
        FieldKind::Matches(..) | FieldKind::Version(..) => return Some(()),
        FieldKind::Time(..) => return None,
    };
    keys.insert(key.into(), format!("{source}|{}", regex::escape(value)).into());
    Some(())
}

/// Returns layouts with one more entry of `streams`: that of the old stream with other names, or the new stream alone.
fn entries(file: &Value, class: &Class, old: &Stream, new: &Stream) -> Vec<Proposal> {
    let all = file.get("streams").and_then(Value::as_sequence);
    let is_its = |entry: &&Value| entry.get("stream").and_then(Value::as_str) == Some(&*class.shown);
    let Some(entry) = all.into_iter().flatten().find(is_its).and_then(Value::as_mapping) else {
        return Vec::new();
    };
    let mut renamed = entry.clone();
    let pairs: Vec<(&str, &str)> = old.as_path().names().zip(new.as_path().names()).collect();
    for key in ["stream", "home", "path"] {
        let Some(text) = renamed.get(key).and_then(Value::as_str) else { continue };
        let rename = |name: &str| {
            let pair = pairs.iter().find(|(was, is)| *was == name && was != is);
            pair.map_or(name, |(_, is)| *is).to_owned()
        };
        let text = text.split('/').map(rename).collect::<Vec<_>>().join("/");
        renamed.insert(key.into(), text.into());
    }
    let mut plain = Mapping::new();
    plain.insert("stream".into(), new.as_str().into());
    plain.extend(
        ["build", "respin"].into_iter().filter_map(|key| Some((key.into(), entry.get(key)?.clone()))),
    );
    [renamed, plain].into_iter().filter_map(|entry| first(file, entry)).collect()
}

/// Returns a layout with an entry before all others of `streams`.
fn first(file: &Value, entry: Mapping) -> Option<Proposal> {
    let mut file = file.clone();
    let add = indented(&vec![Value::Mapping(entry.clone())].into());
    file.get_mut("streams")?.as_sequence_mut()?.insert(0, entry.into());
    Some(Proposal { file, place: "`streams`, at the beginning".to_owned(), add })
}

fn indented(value: &Value) -> String {
    let text = serde_yaml::to_string(value).unwrap_or_default();
    text.lines().map(|line| format!("  {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUT: &str = "layout: 1
name: t
title: A test
fields:
  distro: { one_of: [centos, debian] }
  number: { matches: \"[0-9]+[.][0-9]+\", except: [\"9.9\"], examples: [\"1.0\"] }
  stamp: { time: \"%Y%m%dT%H%M%SZ\" }
streams:
  - { stream: \"release/{number}/{distro}\", build: \"{stamp}\" }
  - { stream: \"apart/{distro}\", build: \"{stamp}\", home: \"x/apart/{distro}\", path: \"x/apart/{distro}/b/{stamp}\" }
tree: [\"**\"]
";

    #[track_caller]
    fn case(old: &str, new: &str, place: &str, add: &str) {
        let layout = Layout::load(LAYOUT, "t.yaml").unwrap();
        let (old, new) = (old.parse().unwrap(), new.parse().unwrap());
        let found = layout.lacks(&old, &new).unwrap();
        assert_eq!((&*found.place, &*found.add), (place, add), "{found:?}");
        if add.is_empty() {
            return;
        }
        // What is printed is pasted as it is.
        let text = match place.split_once("instead of `") {
            Some((_, field)) => {
                let field = field.trim_end_matches('`');
                let lines = LAYOUT.split_inclusive('\n');
                lines.map(|line| if line.starts_with(&format!("  {field}:")) { add } else { line }).collect()
            }
            None => LAYOUT.replace("streams:\n", &format!("streams:\n{add}")),
        };
        let after = Layout::load(&text, "t.yaml").unwrap();
        assert_eq!(after.lacks(&old, &new), None);
        assert_eq!(after.stream_path(&old).unwrap(), layout.stream_path(&old).unwrap());
    }

    #[test]
    fn what_is_printed_gives_the_stream_a_place_once_it_is_pasted() {
        case(
            "release/1.0/debian",
            "release/1.0/fedora",
            "`fields`, instead of `distro`",
            "  distro:\n    one_of:\n    - centos\n    - debian\n    - fedora\n",
        );
        case(
            "release/1.0/debian",
            "release/next/debian",
            "`fields`, instead of `number`",
            "  number:\n    matches: '[0-9]+[.][0-9]+|next'\n    except:\n    - '9.9'\n    examples:\n    - '1.0'\n",
        );
        case(
            "release/1.0/debian",
            "release/9.9/debian",
            "`fields`, instead of `number`",
            "  number:\n    matches: '[0-9]+[.][0-9]+'\n    except: []\n    examples:\n    - '1.0'\n",
        );
        case(
            "release/1.0/debian",
            "stable/1.0/debian",
            "`streams`, at the beginning",
            "  - stream: stable/{number}/{distro}\n    build: '{stamp}'\n",
        );
        case(
            "apart/debian",
            "aside/debian",
            "`streams`, at the beginning",
            "  - stream: aside/{distro}\n    build: '{stamp}'\n    home: x/aside/{distro}\n    path: x/aside/{distro}/b/{stamp}\n",
        );
        case(
            "release/1.0/debian",
            "stable/debian/a/b",
            "`streams`, at the beginning",
            "  - stream: stable/debian/a/b\n    build: '{stamp}'\n",
        );
    }

    #[test]
    fn a_build_is_named_with_the_fields_of_its_new_stream() {
        let of = |layout: &str, id: &str, stream: &str| {
            let layout = Layout::load(Layout::shipped(layout).unwrap(), "t.yaml").unwrap();
            layout.name_in(&id.parse().unwrap(), &stream.parse().unwrap()).map(|name| name.to_string())
        };
        let fedora = of("fedora-compose", "Fedora-40/Fedora-40-20240601.n.0", "Fedora-41");
        assert_eq!(fedora.as_deref(), Some("Fedora-41-20240601.n.0"));
        let same = of("starlingx", "release/2018.10/debian/20181205T060000Z", "release/2019.05/debian");
        assert_eq!(same.as_deref(), Some("20181205T060000Z"));
        assert_eq!(of("starlingx", "release/2018.10/debian/20181205T060000Z", "nowhere"), None);
    }

    #[test]
    fn a_stream_with_a_place_lacks_nothing_and_one_without_any_way_gets_no_text() {
        let layout = Layout::load(LAYOUT, "t.yaml").unwrap();
        assert_eq!(
            layout.lacks(&"release/1.0/debian".parse().unwrap(), &"release/2.0/debian".parse().unwrap()),
            None
        );
        // Neither has a place.
        case("y/z", "y/w", "docs/layout-grammar.md explains the file", "");
    }
}
