//! How long: `14d`, `48h`, `6mo`.
//!
//! Minutes, hours, days and weeks are exact seconds. Months and years are calendar units in the policy's zone: they
//! end with the same day of a later month, or its last day where there is no such day, and last through the end of
//! that day, so that an older build never outlives a younger one under the same rule.

use crate::model::Stamp;
use chrono::{Datelike, Days, LocalResult, Months, NaiveDate, NaiveDateTime, TimeDelta, TimeZone};
use chrono_tz::Tz;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A length of time, in one unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    count: u32,
    unit: Unit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

/// Each unit as it is written, with its seconds; calendar units have a seconds' estimate for comparing.
const UNITS: [(&str, Unit, i64); 6] = [
    ("m", Unit::Minute, 60),
    ("h", Unit::Hour, 3600),
    ("d", Unit::Day, 86_400),
    ("w", Unit::Week, 604_800),
    ("mo", Unit::Month, 2_629_746),
    ("y", Unit::Year, 31_556_952),
];

/// Says why a text is no length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a length of time; a whole number and one of `m`, `h`, `d`, `w`, `mo`, `y` is accepted, such as `14d`"
)]
pub struct SpanError(String);

impl Span {
    /// Returns a span of that many hours.
    pub const fn hours(count: u32) -> Self {
        Self { count, unit: Unit::Hour }
    }

    /// Returns a span of that many days.
    pub const fn days(count: u32) -> Self {
        Self { count, unit: Unit::Day }
    }

    /// Returns whether it is no time at all.
    pub fn is_zero(self) -> bool {
        self.count == 0
    }

    /// Returns about how many seconds it has: exactly for exact units, on average for months and years.
    pub fn seconds(self) -> i64 {
        i64::from(self.count) * UNITS.iter().find(|(_, unit, _)| *unit == self.unit).map_or(0, |unit| unit.2)
    }

    /// Returns the last instant that lies within this span after `basis`; the end of time when it lies beyond.
    pub fn after(self, basis: Stamp, zone: Tz) -> Stamp {
        let months = match self.unit {
            Unit::Month => Some(self.count),
            Unit::Year => self.count.checked_mul(12),
            _ => return basis.checked_add(self.seconds()).unwrap_or(Stamp::MAX),
        };
        let day = basis.instant().with_timezone(&zone).date_naive();
        let last = months.and_then(|months| day.checked_add_months(Months::new(months)));
        let next = last.and_then(|last| last.checked_add_days(Days::new(1)));
        next.and_then(|next| start_of(next, zone)?.checked_add(-1)).unwrap_or(Stamp::MAX)
    }

    /// Returns the first instant that lies within this span before `end`: months and years begin with the same day of an earlier month,
    /// or its last day where there is no such day. Nothing where it lies before the start of time.
    pub fn before(self, end: Stamp, zone: Tz) -> Option<Stamp> {
        let months = match self.unit {
            Unit::Month => self.count,
            Unit::Year => self.count.checked_mul(12)?,
            _ => return end.checked_add(-self.seconds()),
        };
        let day = end.instant().with_timezone(&zone).date_naive();
        start_of(day.checked_sub_months(Months::new(months))?, zone)
    }
}

impl Span {
    /// Returns the last instant of the protection that begins at `from`, while it lasts at `now`.
    ///
    /// A span of no time protects nothing, not even the instant itself.
    pub fn protects(self, from: Stamp, zone: Tz, now: Stamp) -> Option<Stamp> {
        Some(self.after(from, zone)).filter(|until| now <= *until && !self.is_zero())
    }
}

/// Returns the first instant of a day in a zone; where clocks skip midnight that is the first one after it.
pub fn start_of(day: NaiveDate, zone: Tz) -> Option<Stamp> {
    let midnight: NaiveDateTime = day.and_hms_opt(0, 0, 0)?;
    (day.year() < 10_000).then_some(())?;
    (0..=96).find_map(|quarter| {
        match zone.from_local_datetime(&(midnight + TimeDelta::minutes(15 * quarter))) {
            LocalResult::Single(instant) | LocalResult::Ambiguous(instant, _) => {
                Stamp::from_unix(instant.timestamp())
            }
            LocalResult::None => None,
        }
    })
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (count, unit) = text.split_at(digits);
        let unit = UNITS.iter().find(|(name, ..)| *name == unit).map(|(_, unit, _)| *unit);
        match (count.parse(), unit) {
            (Ok(count), Some(unit)) => Ok(Self { count, unit }),
            _ => Err(SpanError(text.escape_debug().to_string())),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS.iter().find(|(_, unit, _)| *unit == self.unit).map_or("", |unit| unit.0);
        write!(f, "{}{unit}", self.count)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text;
        impl serde::de::Visitor<'_> for Text {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a length with its unit, such as `14d`")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Span, E> {
                text.parse().map_err(E::custom)
            }
        }
        from.deserialize_any(Text)
    }
}

impl schemars::JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[0-9]+(m|h|d|w|mo|y)$",
            "description": "A length of time: a whole number and m, h, d, w (exact) or mo, y (calendar)."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn case(span: &str, basis: &str, zone: Tz, expected: &str) {
        let span: Span = span.parse().unwrap();
        assert_eq!(span.after(basis.parse().unwrap(), zone).iso(), expected);
    }

    #[test]
    fn exact_units_are_seconds_and_calendar_units_last_through_their_day() {
        let berlin = chrono_tz::Europe::Berlin;
        case("14d", "2026-06-01T02:30:00Z", Tz::UTC, "2026-06-15T02:30:00Z");
        case("90m", "2026-06-01T02:30:00Z", Tz::UTC, "2026-06-01T04:00:00Z");
        case("2w", "2026-03-20T00:00:00Z", berlin, "2026-04-03T00:00:00Z");
        case("1mo", "2026-01-31T02:30:00Z", Tz::UTC, "2026-02-28T23:59:59Z");
        case("1y", "2024-02-29T12:00:00Z", Tz::UTC, "2025-02-28T23:59:59Z");
        case("1mo", "2026-05-31T22:30:00Z", berlin, "2026-07-01T21:59:59Z");
        case("1mo", "2026-02-28T23:30:00Z", berlin, "2026-04-01T21:59:59Z");
        // In Cairo clocks skipped midnight on 29 April 2023 (a day starts at 01:00).
        case("1mo", "2023-03-27T12:00:00Z", chrono_tz::Africa::Cairo, "2023-04-27T21:59:59Z");
        case("4000000000y", "2026-01-01T00:00:00Z", Tz::UTC, "9999-12-31T23:59:59Z");
        case("4000000000w", "2026-01-01T00:00:00Z", Tz::UTC, "9999-12-31T23:59:59Z");
    }

    #[test]
    fn nothing_near_a_span_is_one() {
        for text in ["", "14", "d", "14 d", "1d12h", "-1d", "1.5d", "14D", "1min", "99999999999d"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_older_build_never_outlives_a_younger_one(
            a in 0i64..4_000_000_000, gap in 0i64..10_000_000, count in 0u32..40, unit in 0usize..6, zone in 0usize..500,
        ) {
            let zone = chrono_tz::TZ_VARIANTS[zone % chrono_tz::TZ_VARIANTS.len()];
            let span: Span = format!("{count}{}", UNITS[unit].0).parse().unwrap();
            let (old, young) = (Stamp::from_unix(a).unwrap(), Stamp::from_unix(a + gap).unwrap());
            prop_assert!(span.after(old, zone) <= span.after(young, zone));
            prop_assert!(span.after(old, zone) >= old);
        }

        #[test]
        fn a_span_prints_back_the_same(count in any::<u32>(), unit in 0usize..6) {
            let span = Span { count, unit: UNITS[unit].1 };
            prop_assert_eq!(span.to_string().parse::<Span>().unwrap(), span);
        }
    }
}
