//! An instant in UTC, to the second.
//!
//! A stamp names a build on disk in the compact form `20181205T060000Z`; in JSON it is `2018-12-05T06:00:00Z`. Both
//! are parsed strictly: 30 February, a leap second, local time or a missing `Z` are errors, never guessed, since a
//! guess would decide what is deleted.

use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, Datelike, NaiveDateTime, Timelike, Utc};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt::{self, Write};
use std::str::FromStr;

/// The spelling in a path, as the StarlingX spec has it.
const COMPACT: &str = "%Y%m%dT%H%M%SZ";

/// How far an instant may be in the future, in seconds, unless a policy sets it: clocks of several machines differ.
pub const CLOCK_SKEW: i64 = 3600;

/// A UTC instant to the second, from year 1970 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Stamp(DateTime<Utc>);

/// Why a text is not a stamp.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StampError {
    /// The text has another shape.
    #[error("`{0}` is not a stamp; UTC such as `20181205T060000Z` or `2018-12-05T06:00:00Z` is accepted")]
    Shape(String),
    /// The shape is right, but the instant does not exist.
    #[error("`{0}` is an impossible date or time")]
    Impossible(String),
}

impl Stamp {
    /// The last instant that a stamp can represent.
    pub const MAX: Self = Self(match DateTime::from_timestamp_secs(253_402_300_799) {
        Some(last) => last,
        None => DateTime::UNIX_EPOCH,
    });

    /// Returns the stamp that many seconds after the start of 1970, or nothing outside the years 1970 to 9999.
    pub fn from_unix(seconds: i64) -> Option<Self> {
        let instant = DateTime::from_timestamp(seconds, 0)?;
        (0..=253_402_300_799).contains(&seconds).then_some(Self(instant))
    }

    /// Returns the seconds since the start of 1970.
    pub fn unix(self) -> i64 {
        self.0.timestamp()
    }

    /// Returns the instant as a chrono type, for calendar arithmetic.
    pub fn instant(self) -> DateTime<Utc> {
        self.0
    }

    /// Returns the stamp of that instant, with its fraction of a second cut off.
    pub fn from_instant(instant: DateTime<Utc>) -> Option<Self> {
        Self::from_unix(instant.timestamp())
    }

    /// Returns the form in JSON, `2018-12-05T06:00:00Z`.
    pub fn iso(self) -> String {
        self.text(["-", ":"])
    }

    /// Returns the digits with separators for the date and for the time.
    ///
    /// Padded numbers by format strings take most of the time in which a plan of many builds is written.
    fn text(self, [date, time]: [&str; 2]) -> String {
        let ((year, month, day), (hour, minute, second)) = self.fields();
        let year = u32::try_from(year).unwrap_or_default();
        let mut text = String::with_capacity(20);
        let mut two = |separator: &str, number: u32| {
            let digit = |number: u32| char::from_digit(number % 10, 10).unwrap_or('0');
            text.push_str(separator);
            text.push(digit(number / 10));
            text.push(digit(number));
        };
        two("", year / 100);
        two("", year);
        two(date, month);
        two(date, day);
        two("T", hour);
        two(time, minute);
        two(time, second);
        text.push('Z');
        text
    }

    /// Returns year, month and day, and hour, minute and second. A plan of many builds writes many stamps, and reading
    /// a format string for each takes longer than judging the build.
    fn fields(self) -> ((i32, u32, u32), (u32, u32, u32)) {
        let (day, time) = (self.0.date_naive(), self.0.time());
        ((day.year(), day.month(), day.day()), (time.hour(), time.minute(), time.second()))
    }

    /// Returns the stamp `seconds` later, or earlier when negative; nothing outside the years 1970 to 9999.
    pub fn checked_add(self, seconds: i64) -> Option<Self> {
        Self::from_unix(self.unix().checked_add(seconds)?)
    }

    /// Returns the number of seconds from `earlier` to this stamp; negative if `earlier` is later.
    pub fn since(self, earlier: Self) -> i64 {
        self.unix() - earlier.unix()
    }

    /// Writes the stamp by a chrono format string, such as a layout's `%Y%m%d`; nothing if that is not a valid
    /// format.
    pub fn spell(self, format: &str) -> String {
        let mut text = String::new();
        match write!(text, "{}", self.0.format(format)) {
            Ok(()) => text,
            Err(_) => String::new(),
        }
    }

    /// Returns whether stamps that are written in `format` can be parsed again.
    pub fn can_read(format: &str) -> bool {
        let known = !StrftimeItems::new(format).any(|item| item == Item::Error);
        known && Self::read(&Self::default().spell(format), format).is_ok()
    }

    /// Parses a UTC stamp that was written in `format`; parts of the time that the format lacks are zero.
    ///
    /// The text must be exactly what the stamp prints as, so that every instant has one spelling.
    pub fn read(text: &str, format: &str) -> Result<Self, StampError> {
        let day_only =
            || chrono::NaiveDate::parse_from_str(text, format).ok().and_then(|day| day.and_hms_opt(0, 0, 0));
        let naive = NaiveDateTime::parse_from_str(text, format).ok().or_else(day_only);
        let shaped = || {
            let model = Self(DateTime::UNIX_EPOCH).spell(format);
            model.len() == text.len()
                && model
                    .bytes()
                    .zip(text.bytes())
                    .all(|(a, b)| if a.is_ascii_digit() { b.is_ascii_digit() } else { a == b })
        };
        let Some(naive) = naive else {
            let text = text.escape_debug().to_string();
            return Err(if shaped() { StampError::Impossible(text) } else { StampError::Shape(text) });
        };
        let stamp = Self::from_unix(naive.and_utc().timestamp());
        stamp
            .filter(|stamp| stamp.spell(format) == text)
            .ok_or_else(|| StampError::Impossible(text.escape_debug().to_string()))
    }
}

impl FromStr for Stamp {
    type Err = StampError;

    fn from_str(text: &str) -> Result<Self, StampError> {
        if !text.contains('-') {
            return Self::read(text, COMPACT);
        }
        let instant = DateTime::parse_from_rfc3339(text);
        let stamp = instant.ok().and_then(|instant| {
            (instant.timestamp_subsec_nanos() == 0).then(|| Self::from_unix(instant.timestamp()))?
        });
        stamp.ok_or_else(|| {
            let text = text.escape_debug().to_string();
            let shaped =
                text.len() >= 20 && text.is_ascii() && text.chars().take(4).all(|c| c.is_ascii_digit());
            if shaped { StampError::Impossible(text) } else { StampError::Shape(text) }
        })
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(["", ""]))
    }
}

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.iso())
    }
}

impl JsonSchema for Stamp {
    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "date-time",
            "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$",
            "description": "An instant in UTC, to the second.",
        })
    }
}

impl<'de> Deserialize<'de> for Stamp {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text;
        impl serde::de::Visitor<'_> for Text {
            type Value = Stamp;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Stamp, E> {
                text.parse().map_err(E::custom)
            }
        }
        from.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn case(text: &str, expected: Result<&str, &str>) {
        match (text.parse::<Stamp>(), expected) {
            (Ok(stamp), Ok(iso)) => assert_eq!(stamp.iso(), iso),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (got, _) => panic!("`{text}` gave {got:?}"),
        }
    }

    #[test]
    fn both_spellings_are_read_and_nothing_near_them() {
        case("20181205T060000Z", Ok("2018-12-05T06:00:00Z"));
        case("2018-12-05T06:00:00Z", Ok("2018-12-05T06:00:00Z"));
        case("2018-12-05T07:00:00+01:00", Ok("2018-12-05T06:00:00Z"));
        case("20240229T000000Z", Ok("2024-02-29T00:00:00Z"));
        case("20230229T000000Z", Err("impossible"));
        case("20180230T000000Z", Err("impossible"));
        case("20181205T240000Z", Err("impossible"));
        case("20181205T235960Z", Err("impossible"));
        case("20181205T060000", Err("not a stamp"));
        case("20181205t060000z", Err("not a stamp"));
        case(" 0181205T060000Z", Err("not a stamp"));
        case("20181110", Err("not a stamp"));
        case("2018.10.b3", Err("not a stamp"));
        case("19691231T235959Z", Err("impossible"));
        case("2018-12-05T06:00:00.5Z", Err("impossible"));
        case("", Err("not a stamp"));
        case("2018-13-05T06:00:00Z", Err("impossible"));
        case("a-stamp-that-is-twenty-or-more", Err("not a stamp"));
        case("2018-12-05", Err("not a stamp"));
    }

    #[test]
    fn a_form_is_good_when_what_it_writes_can_be_read() {
        for (form, good) in [("%Y%m%d", true), ("%Y%m%dT%H%M%SZ", true), ("%Y", false), ("%H%M", false)] {
            assert_eq!(Stamp::can_read(form), good, "{form}");
        }
        for wrong in ["%Q", "%Y%m%d%", "%Y%m%d%!"] {
            assert!(!Stamp::can_read(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_fraction_of_a_second_is_cut_off() {
        let instant = DateTime::from_timestamp(1_543_989_600, 999_999_999).unwrap();
        assert_eq!(Stamp::from_instant(instant).unwrap().iso(), "2018-12-05T06:00:00Z");
    }

    #[test]
    fn a_layout_may_spell_a_day_only() {
        assert_eq!(Stamp::read("20181110", "%Y%m%d").unwrap().iso(), "2018-11-10T00:00:00Z");
        assert!(Stamp::read("2018111", "%Y%m%d").is_err());
        assert!(Stamp::read("20181131", "%Y%m%d").is_err());
    }

    proptest! {
        #[test]
        fn a_stamp_prints_back_the_same(seconds in 0i64..253_402_300_800) {
            let stamp = Stamp::from_unix(seconds).unwrap();
            prop_assert_eq!(stamp.to_string().parse::<Stamp>().unwrap(), stamp);
            prop_assert_eq!(stamp.iso().parse::<Stamp>().unwrap(), stamp);
        }

        #[test]
        fn stamps_sort_as_they_read(a in 0i64..253_402_300_800, b in 0i64..253_402_300_800) {
            let (a, b) = (Stamp::from_unix(a).unwrap(), Stamp::from_unix(b).unwrap());
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,24}") {
            drop(text.parse::<Stamp>());
        }
    }
}
