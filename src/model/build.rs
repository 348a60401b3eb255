//! Streams and builds: their names.
//!
//! A [`Stream`] is a series of builds, a [`BuildName`] one build in it, a [`BuildId`] both. They are only names: the
//! layout decides whether there is a place for them, and at which path.

use crate::model::{PathError, RelPath};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// The builds of one branch and distribution, such as `master/debian`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stream(RelPath);

/// The name of one build in its stream, such as `20181205T060000Z` or `2018.10.b3`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BuildName(String);

/// One build of one stream, such as `master/centos/20181205T060000Z`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BuildId {
    /// The stream.
    pub stream: Stream,
    /// The name of the build in it.
    pub name: BuildName,
}

/// Why a text is not the name of a stream or build.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text is not a path in normal form.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The text is empty where a stream is expected.
    #[error("a stream has at least one name, such as `master/centos`")]
    NoStream,
    /// A build's name with a slash or without a letter.
    #[error("`{0}` is not the name of a build; expected one name without `/`, such as `20181205T060000Z`")]
    NotOneName(String),
    /// A build without its stream.
    #[error(
        "`{0}` does not name a build; expected stream and build, such as `master/centos/20181205T060000Z`"
    )]
    NoBuild(String),
}

impl Stream {
    /// Returns the stream as a path, which is how people and policies write it.
    pub fn as_path(&self) -> &RelPath {
        &self.0
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl BuildName {
    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl BuildId {
    /// Returns the ID of that build in that stream.
    pub fn new(stream: Stream, name: BuildName) -> Self {
        Self { stream, name }
    }

    /// Returns stream and name as one path: where records and holds are stored, in every layout.
    pub fn as_path(&self) -> RelPath {
        self.stream.0.child(&self.name.0).unwrap_or_default()
    }
}

impl FromStr for Stream {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let path: RelPath = text.parse()?;
        if path.is_root() { Err(NameError::NoStream) } else { Ok(Self(path)) }
    }
}

impl FromStr for BuildName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let path: RelPath = text.parse()?;
        if path.depth() == 1 {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::NotOneName(text.to_owned()))
        }
    }
}

impl FromStr for BuildId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let text = text.strip_suffix('/').unwrap_or(text);
        let path: RelPath = text.parse()?;
        match path.parent() {
            Some(above) if !above.is_root() => {
                Ok(Self { stream: Stream(above), name: BuildName(path.name().to_owned()) })
            }
            _ => Err(NameError::NoBuild(text.to_owned())),
        }
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for BuildName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for BuildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.stream, self.name)
    }
}

/// Lets a type that prints and parses be written to JSON and YAML as its text, which a JSON schema describes in a
/// sentence.
macro_rules! as_text {
    ($($name:ident: $description:literal),+) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "minLength": 1, "description": $description })
            }
        }
    )+};
}

as_text!(
    Stream: "A stream: the builds of one branch and distribution, such as `master/debian`.",
    BuildName: "The name of a build in its stream, such as `20181205T060000Z`.",
    BuildId: "The ID of a build: its stream and its name, such as `master/debian/20181205T060000Z`."
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_its_stream_and_its_last_name() {
        let id: BuildId = "master/centos/20181205T060000Z".parse().unwrap();
        assert_eq!(id.stream.as_str(), "master/centos");
        assert_eq!(id.name.as_str(), "20181205T060000Z");
        assert_eq!(id.to_string(), "master/centos/20181205T060000Z");
        assert_eq!("master/centos/20181205T060000Z/".parse::<BuildId>().unwrap(), id);
    }

    #[test]
    fn what_names_no_build_says_what_would() {
        let error = "20181205T060000Z".parse::<BuildId>().unwrap_err().to_string();
        assert!(error.contains("master/centos/20181205T060000Z"), "{error}");
        assert!("a/b".parse::<BuildName>().is_err());
        assert!("".parse::<BuildName>().is_err());
        assert!("".parse::<Stream>().is_err());
        assert!("../x".parse::<Stream>().is_err());
    }
}
