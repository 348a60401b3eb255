//! The types of events, and selections of them.

use crate::record::EventKind;
use std::fmt;
use std::str::FromStr;

/// The prefix of a type.
const PREFIX: &str = "mirrorkeep.";

/// The suffix of a type.
const VERSION: &str = ".v1";

/// Returns the short name of the type of an event, such as `build.published`.
pub fn type_name(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Initialised => "mirror.initialised",
        EventKind::Configured => "mirror.configured",
        EventKind::Published => "build.published",
        EventKind::Confirmed => "build.confirmed",
        EventKind::Aliased => "alias.moved",
        EventKind::Unaliased => "alias.removed",
        EventKind::Materialized => "alias.materialized",
        EventKind::Labelled => "build.labelled",
        EventKind::Held => "build.held",
        EventKind::Unheld => "build.unheld",
        EventKind::Pruned => "build.pruned",
        EventKind::Trimmed => "build.trimmed",
        EventKind::Restored => "build.restored",
        EventKind::Swept => "build.swept",
        EventKind::Adopted => "build.adopted",
        EventKind::Lost => "build.lost",
        EventKind::Promoted => "stage.promoted",
        EventKind::Demoted => "stage.demoted",
        EventKind::Waived => "stage.waived",
        EventKind::Unwaived => "stage.unwaived",
        EventKind::Pinned => "images.pinned",
        EventKind::Untagged => "images.untagged",
        EventKind::Requested => "run.requested",
        EventKind::Unrequested => "run.unrequested",
        EventKind::Started => "run.started",
        EventKind::Ended => "run.ended",
        EventKind::Released => "release.applied",
        EventKind::Branched => "stream.branched",
        EventKind::Retiring => "stream.retiring",
        EventKind::Retired => "stream.retired",
        EventKind::Unretired => "stream.unretired",
        EventKind::Recovered => "journal.recovered",
    }
}

/// Returns the type of an event, such as `mirrorkeep.build.published.v1`.
pub fn type_of(kind: EventKind) -> String {
    format!("{PREFIX}{}{VERSION}", type_name(kind))
}

/// A selection of types: one, such as `build.published`, or all of a group, such as `build.*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice(String);

/// Why a text is not a selection of types.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a type of events; {accepted}, or a group such as `build.*`", accepted = known())]
pub struct ChoiceError(String);

impl Choice {
    /// Returns whether events of a kind are selected.
    pub fn has(&self, kind: EventKind) -> bool {
        let name = type_name(kind);
        match self.0.strip_suffix('*') {
            Some(group) => name.starts_with(group),
            None => name == self.0,
        }
    }
}

impl FromStr for Choice {
    type Err = ChoiceError;

    fn from_str(text: &str) -> Result<Self, ChoiceError> {
        let short = text.strip_prefix(PREFIX).map_or(text, |rest| rest.strip_suffix(VERSION).unwrap_or(rest));
        let choice = Self(short.to_owned());
        let whole_group = short.strip_suffix('*').is_none_or(|group| group.ends_with('.'));
        if whole_group && EventKind::ALL.iter().any(|kind| choice.has(*kind)) {
            Ok(choice)
        } else {
            Err(ChoiceError(text.chars().take(80).flat_map(char::escape_debug).collect()))
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn known() -> String {
    let mut names: Vec<String> =
        EventKind::ALL.iter().map(|kind| format!("`{}`", type_name(*kind))).collect();
    names.sort();
    format!("the types are {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_kind_has_a_type_of_its_own() {
        let names: BTreeSet<&str> = EventKind::ALL.into_iter().map(type_name).collect();
        assert_eq!(names.len(), EventKind::ALL.len());
        assert_eq!(type_of(EventKind::Promoted), "mirrorkeep.stage.promoted.v1");
        for kind in EventKind::ALL {
            assert!(type_name(kind).parse::<Choice>().unwrap().has(kind));
            assert!(type_of(kind).parse::<Choice>().unwrap().has(kind));
        }
    }

    #[test]
    fn a_choice_is_a_type_or_a_group() {
        let builds: Choice = "build.*".parse().unwrap();
        assert!(builds.has(EventKind::Published) && !builds.has(EventKind::Promoted));
        for text in ["", "*", "bu*", "build", "build.", "published", "build.published.v2", "\u{1b}.*"] {
            let error = text.parse::<Choice>().unwrap_err().to_string();
            assert!(error.contains("`stage.promoted`") && !error.contains('\u{1b}'), "{error}");
        }
    }
}
