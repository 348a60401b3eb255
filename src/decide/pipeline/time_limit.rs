//! Time limits of commands: `90s`, `30m`, `2h`.

use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// The form of a time limit, for editors.
const FORM: &str = "^[0-9]+[smh]$";

/// The maximum time limit, in seconds: a day.
const LONGEST: u64 = 86_400;

/// The time limit of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::decide) struct TimeLimit(pub(in crate::decide) Duration);

impl TimeLimit {
    fn read(text: &str) -> Option<Self> {
        let (count, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        if count.is_empty() || !count.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let scale = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return None,
        };
        let seconds = count.parse::<u64>().ok()?.checked_mul(scale)?;
        (1..=LONGEST).contains(&seconds).then(|| Self(Duration::from_secs(seconds)))
    }
}

impl<'de> Deserialize<'de> for TimeLimit {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text;
        impl serde::de::Visitor<'_> for Text {
            type Value = TimeLimit;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time limit with its unit, such as `30m`")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<TimeLimit, E> {
                TimeLimit::read(text).ok_or_else(|| {
                    E::custom(format!(
                        "`{}` is not a time limit; a whole number and one of `s`, `m`, `h`, at most 24 hours, is accepted, \
                         such as `30m`",
                        text.escape_debug()
                    ))
                })
            }
        }
        from.deserialize_any(Text)
    }
}

impl schemars::JsonSchema for TimeLimit {
    fn schema_name() -> Cow<'static, str> {
        "TimeLimit".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": FORM,
            "description": "A time limit: a whole number and one of `s`, `m`, `h`, such as `30m`."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_limit_has_a_unit_and_an_end() {
        for (text, seconds) in [("1s", 1), ("90s", 90), ("30m", 1800), ("24h", 86_400)] {
            assert_eq!(TimeLimit::read(text), Some(TimeLimit(Duration::from_secs(seconds))), "{text}");
        }
        for text in [
            "",
            "s",
            "30",
            "0s",
            "25h",
            "-1s",
            "+1s",
            "1d",
            "1.5h",
            "1 s",
            "1sec",
            "99999999999999999999h",
            "1é",
        ] {
            assert_eq!(TimeLimit::read(text), None, "{text}");
        }
    }
}
