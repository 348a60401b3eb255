//! Calendar periods: which hour, day, week, month, quarter or year an instant lies in.
//!
//! A key is a typed tuple in the policy's zone. Weeks are ISO weeks with their own year, so that the days around
//! New Year fall into one week; keys of different kinds never compare equal.

use crate::model::Stamp;
use chrono::{Datelike, Timelike};
use chrono_tz::Tz;
use std::fmt;

/// A kind of period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Period {
    /// Hours by the clock.
    Hourly,
    /// Calendar days.
    Daily,
    /// ISO weeks, from Monday.
    Weekly,
    /// Calendar months.
    Monthly,
    /// Three months from January, April, July or October.
    Quarterly,
    /// Calendar years.
    Yearly,
}

/// One period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PeriodKey {
    /// Year, month, day and hour.
    Hour(i32, u32, u32, u32),
    /// Year, month and day.
    Day(i32, u32, u32),
    /// ISO year and week.
    Week(i32, u32),
    /// Year and month.
    Month(i32, u32),
    /// Year and quarter.
    Quarter(i32, u32),
    /// The year.
    Year(i32),
}

impl Period {
    /// Every kind, the shortest first.
    pub const ALL: [Self; 6] =
        [Self::Hourly, Self::Daily, Self::Weekly, Self::Monthly, Self::Quarterly, Self::Yearly];

    /// Returns the word that a policy uses.
    pub fn word(self) -> &'static str {
        match self {
            Self::Hourly => "hourly",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Quarterly => "quarterly",
            Self::Yearly => "yearly",
        }
    }

    /// Returns the period of this kind in which an instant lies.
    pub fn of(self, at: Stamp, zone: Tz) -> PeriodKey {
        let local = at.instant().with_timezone(&zone);
        let (year, month, day) = (local.year(), local.month(), local.day());
        match self {
            Self::Hourly => PeriodKey::Hour(year, month, day, local.hour()),
            Self::Daily => PeriodKey::Day(year, month, day),
            Self::Weekly => PeriodKey::Week(local.iso_week().year(), local.iso_week().week()),
            Self::Monthly => PeriodKey::Month(year, month),
            Self::Quarterly => PeriodKey::Quarter(year, month.div_ceil(3)),
            Self::Yearly => PeriodKey::Year(year),
        }
    }
}

impl fmt::Display for PeriodKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hour(year, month, day, hour) => write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}"),
            Self::Day(year, month, day) => write!(f, "{year:04}-{month:02}-{day:02}"),
            Self::Week(year, week) => write!(f, "{year:04}-W{week:02}"),
            Self::Month(year, month) => write!(f, "{year:04}-{month:02}"),
            Self::Quarter(year, quarter) => write!(f, "{year:04}-Q{quarter}"),
            Self::Year(year) => write!(f, "{year:04}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Walks every day from 1970 to 2100 with a calendar of our own and compares each key.
    #[test]
    fn every_day_of_1970_to_2100_has_the_right_keys() {
        let leap = |y: i32| (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
        let (mut year, mut month, mut day) = (1970, 1u32, 1u32);
        // 1 January 1970 was a Thursday.
        let mut weekday = 3u32;
        // The week that holds the year's first Thursday is its first.
        let (mut iso_year, mut week) = (1970, 1u32);
        let mut number = 0i64;
        while year <= 2100 {
            for (second, hour) in [(0, 0), (43_199, 11), (86_399, 23)] {
                let at = Stamp::from_unix(number * 86_400 + second).unwrap();
                assert_eq!(Period::Hourly.of(at, Tz::UTC), PeriodKey::Hour(year, month, day, hour));
                assert_eq!(Period::Daily.of(at, Tz::UTC), PeriodKey::Day(year, month, day));
                assert_eq!(Period::Weekly.of(at, Tz::UTC), PeriodKey::Week(iso_year, week), "{at}");
                assert_eq!(Period::Monthly.of(at, Tz::UTC), PeriodKey::Month(year, month));
                assert_eq!(Period::Quarterly.of(at, Tz::UTC), PeriodKey::Quarter(year, (month - 1) / 3 + 1));
                assert_eq!(Period::Yearly.of(at, Tz::UTC), PeriodKey::Year(year));
            }
            let length = match month {
                2 => 28 + u32::from(leap(year)),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            number += 1;
            day += 1;
            if day > length {
                (day, month) = (1, month + 1);
            }
            if month > 12 {
                (month, year) = (1, year + 1);
            }
            weekday = (weekday + 1) % 7;
            if weekday == 0 {
                // This Monday's week belongs to the year in which its Thursday lies.
                let thursday_next_year = month == 12 && day + 3 > 31;
                let thursday_year = if thursday_next_year { year + 1 } else { year };
                (iso_year, week) =
                    if thursday_year == iso_year { (iso_year, week + 1) } else { (thursday_year, 1) };
            }
        }
        assert_eq!(number, 47_847);
    }

    #[test]
    fn the_zone_decides_the_day() {
        let at: Stamp = "2026-12-31T23:30:00Z".parse().unwrap();
        assert_eq!(Period::Yearly.of(at, Tz::UTC).to_string(), "2026");
        assert_eq!(Period::Yearly.of(at, chrono_tz::Europe::Berlin).to_string(), "2027");
        assert_eq!(Period::Weekly.of(at, chrono_tz::Europe::Berlin).to_string(), "2026-W53");
    }
}
