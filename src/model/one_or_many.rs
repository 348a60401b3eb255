//! One word, or a list where several are accepted.
//!
//! In YAML and JSON both `green` and `[yellow, green]` are accepted; one word is written back without brackets.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// The accepted words; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneOrMany(Vec<String>);

impl OneOrMany {
    /// Returns whether the word is one of them.
    pub fn has(&self, word: &str) -> bool {
        self.0.iter().any(|known| known == word)
    }

    /// Returns them as they were written.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

impl From<&str> for OneOrMany {
    fn from(word: &str) -> Self {
        Self(vec![word.to_owned()])
    }
}

impl Serialize for OneOrMany {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => to.serialize_str(one),
            all => all.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(OneOrMore)
    }
}

struct OneOrMore;

impl<'de> Visitor<'de> for OneOrMore {
    type Value = OneOrMany;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a word or a list of words")
    }

    fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<OneOrMany, E> {
        Ok(OneOrMany::from(word))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<OneOrMany, A::Error> {
        let mut words = Vec::new();
        while let Some(word) = list.next_element()? {
            words.push(word);
        }
        if words.is_empty() {
            return Err(serde::de::Error::custom("the list is empty; expected at least one word"));
        }
        Ok(OneOrMany(words))
    }
}

impl JsonSchema for OneOrMany {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Words".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "string" },
                { "type": "array", "items": { "type": "string" }, "minItems": 1 },
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(yaml: &str, expected: Result<&[&str], &str>) {
        match (serde_yaml::from_str::<OneOrMany>(yaml), expected) {
            (Ok(words), Ok(expected)) => {
                assert_eq!(words.as_slice(), expected);
                let again = serde_yaml::to_string(&words).unwrap();
                assert_eq!(serde_yaml::from_str::<OneOrMany>(&again).unwrap(), words);
            }
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (got, _) => panic!("`{yaml}` gave {got:?}"),
        }
    }

    #[test]
    fn a_word_and_a_list_are_read_and_nothing_else() {
        case("green", Ok(&["green"]));
        case("[yellow, green]", Ok(&["yellow", "green"]));
        case("[]", Err("at least one"));
        case("7", Err("a word or a list of words"));
        case("[a, [b]]", Err("string"));
        case("{a: b}", Err("a word or a list of words"));
    }
}
