//! Times as people type them: an instant, a day, or a span from now.

use super::exit::{Outcome, Usage};
use crate::decide::policy::{Span, start_of};
use crate::model::Stamp;
use chrono::NaiveDate;

/// What an option for a time accepts.
const ACCEPTED: &str =
    "a time like `20190131T060000Z`, a day like `2019-01-31` or `tomorrow`, or a span like `7d` is accepted";

/// Parses the start of a range: an instant, the first second of a day in UTC, or a span before now, of which months and years begin
/// with a day.
pub(super) fn past(option: &str, text: &str, now: Stamp) -> Outcome<Stamp> {
    let first = day(text, now).and_then(|day| start_of(day, chrono_tz::UTC));
    read(option, text, first, |span| span.before(now, chrono_tz::UTC))
}

/// Parses the end of a range: an instant, the last second of a day in UTC, or a span from now, of which months and years end with a
/// day, as in a policy.
pub(super) fn future(option: &str, text: &str, now: Stamp) -> Outcome<Stamp> {
    let last = day(text, now).and_then(|day| start_of(day.succ_opt()?, chrono_tz::UTC)?.checked_add(-1));
    read(option, text, last, |span| Some(span.after(now, chrono_tz::UTC)))
}

fn day(text: &str, now: Stamp) -> Option<NaiveDate> {
    let today = || Some(now.instant().date_naive());
    match text {
        "yesterday" => return today()?.pred_opt(),
        "today" => return today(),
        "tomorrow" => return today()?.succ_opt(),
        _ => {}
    }
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| text.len() == 10)
}

fn read(
    option: &str,
    text: &str,
    day: Option<Stamp>,
    span: impl FnOnce(Span) -> Option<Stamp>,
) -> Outcome<Stamp> {
    let span = || span(text.parse().ok()?);
    let found = day.or_else(|| text.parse().ok()).or_else(span);
    Ok(found.ok_or_else(|| Usage(format!("{option}: `{text}` is not a time; {ACCEPTED}")))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_days_and_spans_are_read() {
        let now: Stamp = "20190131T120000Z".parse().unwrap();
        let cases = [
            ("20181205T060000Z", "2018-12-05T06:00:00Z", "2018-12-05T06:00:00Z"),
            ("2019-01-31", "2019-01-31T00:00:00Z", "2019-01-31T23:59:59Z"),
            ("7d", "2019-01-24T12:00:00Z", "2019-02-07T12:00:00Z"),
            ("today", "2019-01-31T00:00:00Z", "2019-01-31T23:59:59Z"),
            ("yesterday", "2019-01-30T00:00:00Z", "2019-01-30T23:59:59Z"),
            ("tomorrow", "2019-02-01T00:00:00Z", "2019-02-01T23:59:59Z"),
            ("36h", "2019-01-30T00:00:00Z", "2019-02-02T00:00:00Z"),
            ("1mo", "2018-12-31T00:00:00Z", "2019-02-28T23:59:59Z"),
            ("2y", "2017-01-31T00:00:00Z", "2021-01-31T23:59:59Z"),
        ];
        for (text, before, after) in cases {
            assert_eq!(past("--since", text, now).unwrap().iso(), before);
            assert_eq!(future("--until", text, now).unwrap().iso(), after);
        }
        for text in ["", "Tomorrow", "monday", "2019-02-30", "-3d", "7"] {
            assert!(past("--since", text, now).is_err(), "{text}");
        }
    }
}
