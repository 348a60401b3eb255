//! A value that may shrink under disk pressure: `14d`, or `{max: 14d, min: 5d}`.

use super::span::{Span, SpanError};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::marker::PhantomData;

/// What is wanted normally, and what it may shrink to when the disk fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Range<T> {
    /// Normally.
    pub max: T,
    /// Under pressure.
    pub min: T,
}

/// Which end of each range counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// What is wanted normally.
    Normal,
    /// What is kept when the disk fills.
    Pressed,
}

impl<T: Copy> Range<T> {
    /// Returns a value that does not shrink.
    pub fn fixed(value: T) -> Self {
        Self { max: value, min: value }
    }

    /// Returns the value at that level.
    pub fn at(self, level: Level) -> T {
        match level {
            Level::Normal => self.max,
            Level::Pressed => self.min,
        }
    }
}

/// What may stand at the end of a range.
pub trait End: Copy {
    /// What is accepted, with an example.
    const SHAPE: &str;
    /// A range of it.
    const RANGE: &str;
    /// Reads it as it is written, or says what is accepted.
    fn read(text: &str) -> Result<Self, String>;
}

impl End for u32 {
    const SHAPE: &str = "a whole number such as `5`";
    const RANGE: &str = "`{max: 10, min: 5}`";

    fn read(text: &str) -> Result<Self, String> {
        let accepted = || {
            format!(
                "`{}` is not a count; a whole number from 0 to {} is accepted",
                text.escape_debug(),
                Self::MAX
            )
        };
        text.parse().map_err(|_| accepted())
    }
}

impl End for Span {
    const SHAPE: &str = "a length with its unit, such as `14d`";
    const RANGE: &str = "`{max: 14d, min: 5d}`";

    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: SpanError| error.to_string())
    }
}

/// One end, as written.
struct One<T>(T);

impl<'de, T: End> Deserialize<'de> for One<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Scalar(PhantomData)).map(Self)
    }
}

struct Scalar<T>(PhantomData<T>);

impl<T: End> Visitor<'_> for Scalar<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::SHAPE)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        T::read(text).map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        Err(E::custom(format!("`{number}` is negative; nothing below 0 is accepted")))
    }

    fn visit_u128<E: Error>(self, number: u128) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }
}

/// The two ends, as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound = "T: End")]
struct Ends<T> {
    max: One<T>,
    min: One<T>,
}

impl<'de, T: End> Deserialize<'de> for Range<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(OneOrBoth(PhantomData))
    }
}

struct OneOrBoth<T>(PhantomData<T>);

impl<'de, T: End> Visitor<'de> for OneOrBoth<T> {
    type Value = Range<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, or a range such as {}", T::SHAPE, T::RANGE)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Range<T>, E> {
        Scalar(PhantomData).visit_str(text).map(Range::fixed)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Range<T>, E> {
        Scalar(PhantomData).visit_u64(number).map(Range::fixed)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Range<T>, E> {
        Scalar(PhantomData).visit_i64(number).map(Range::fixed)
    }

    fn visit_u128<E: Error>(self, number: u128) -> Result<Range<T>, E> {
        Scalar(PhantomData).visit_u128(number).map(Range::fixed)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Range<T>, A::Error> {
        let Ends { max: One(max), min: One(min) } = Ends::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Range { max, min })
    }
}

impl<T: schemars::JsonSchema> schemars::JsonSchema for Range<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Range_of_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let one = generator.subschema_for::<T>();
        schemars::json_schema!({
            "description": "A value, or what it is normally and what it may shrink to when the disk fills.",
            "anyOf": [one, {
                "type": "object",
                "properties": {"max": one, "min": one},
                "required": ["max", "min"],
                "additionalProperties": false
            }]
        })
    }
}
