//! How many bytes a second: `50MiB/s`.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;

/// Each unit as it is written, with its KiB.
const UNITS: [(&str, u64); 3] = [("KiB/s", 1), ("MiB/s", 1 << 10), ("GiB/s", 1 << 20)];

/// A limit of bytes a second, in KiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate(u64);

impl Rate {
    /// Returns how many KiB a second.
    pub fn kib(self) -> u64 {
        self.0
    }

    fn read(text: &str) -> Option<Self> {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let scale = UNITS.iter().find(|(name, _)| *name == unit)?.1;
        // As much as the program of the transfer accepts.
        let kib = number.parse::<u64>().ok()?.checked_mul(scale)?;
        (1..=u64::from(u32::MAX)).contains(&kib).then_some(Self(kib))
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::read(&text).ok_or_else(|| {
            D::Error::custom(format!(
                "`{}` is not a rate; a whole number and one of `KiB/s`, `MiB/s`, `GiB/s` is accepted, such as `50MiB/s`",
                text.escape_debug()
            ))
        })
    }
}

impl JsonSchema for Rate {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Rate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]+(KiB|MiB|GiB)/s$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_has_its_unit() {
        assert_eq!(Rate::read("50MiB/s").map(Rate::kib), Some(51_200));
        assert_eq!(Rate::read("1KiB/s").map(Rate::kib), Some(1));
        for wrong in
            ["", "50", "MiB/s", "0MiB/s", "-1KiB/s", "50MB/s", "99999999999999999999KiB/s", "9999999GiB/s"]
        {
            assert_eq!(Rate::read(wrong), None, "{wrong}");
        }
    }
}
