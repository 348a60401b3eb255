//! Numbers over time as SVG, with axes that have numbers and dates.
//!
//! Nothing but numbers, dates and words of the program is in a drawing, so that a page can take it as it is. The style of
//! the page colours it.

use crate::model::Stamp;
use crate::render::paint::bytes;
use std::fmt::Write;

/// What the values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Things.
    Count,
    /// Bytes.
    Bytes,
}

/// What is drawn.
pub(super) struct Plot<'a> {
    /// What it shows, for those who cannot see it.
    pub(super) label: &'a str,
    /// The values, in the order of time.
    pub(super) points: &'a [(Stamp, u64)],
    /// What they are.
    pub(super) unit: Unit,
    /// A value that they must not pass, with its name.
    pub(super) limit: Option<(u64, &'a str)>,
}

/// How many numbers an axis has at most.
const TICKS: u64 = 6;

/// The sides of the drawing, and the margins of what is drawn in it.
const WIDE: u64 = 720;
const HIGH: u64 = 250;
const LEFT: u64 = 78;
const RIGHT: u64 = 14;
const TOP: u64 = 14;
const BOTTOM: u64 = 28;

/// How many days there can be from one date to the next.
const DAYS: [i64; 13] = [1, 2, 7, 14, 28, 56, 91, 182, 365, 730, 1825, 3650, 36500];

impl Unit {
    /// Returns a value as an axis has it.
    pub(super) fn shown(self, value: u64) -> String {
        match self {
            Self::Count => indicatif::HumanCount(value).to_string(),
            Self::Bytes if value == 0 => "0".to_owned(),
            Self::Bytes => bytes(value).replace(".00 ", " "),
        }
    }

    /// Returns the round numbers from zero to the first that is not less than `most`.
    pub(super) fn ticks(self, most: u64) -> Vec<u64> {
        let step = self.steps().find(|step| most.div_ceil(*step) < TICKS).unwrap_or(u64::MAX);
        (0..=most.div_ceil(step).max(1)).map(|nth| nth.saturating_mul(step)).collect()
    }

    fn steps(self) -> Box<dyn Iterator<Item = u64>> {
        let (base, times): (u64, &[u64]) = match self {
            Self::Count => (10, &[1, 2, 5]),
            Self::Bytes => (1024, &[1, 2, 5, 10, 20, 50, 100, 200, 500]),
        };
        let powers = std::iter::successors(Some(1_u64), move |power| power.checked_mul(base));
        Box::new(
            powers.flat_map(move |power| times.iter().filter_map(move |times| power.checked_mul(*times))),
        )
    }
}

/// Returns the drawing; nothing without values.
pub(super) fn plot(plot: &Plot<'_>) -> String {
    let (Some((first, _)), Some((last, _))) = (plot.points.first(), plot.points.last()) else {
        return String::new();
    };
    let values = plot.points.iter().map(|(_, value)| *value);
    let most = values.chain(plot.limit.map(|(limit, _)| limit)).max().unwrap_or_default();
    let ticks = plot.unit.ticks(most);
    let top = ticks.last().copied().unwrap_or(1).max(1);
    let length = last.since(*first).max(1).unsigned_abs();
    let (base, right) = (HIGH - BOTTOM, WIDE - RIGHT);
    let y = |value: u64| scaled(value, top, base - TOP).map_or(TOP, |up| base - up);
    let x = |at: Stamp| {
        let along = at.since(*first).max(0).unsigned_abs();
        LEFT + scaled(along, length, right - LEFT).unwrap_or_default()
    };
    let label = plot.label;
    let mut svg =
        format!("<svg class=\"plot\" viewBox=\"0 0 {WIDE} {HIGH}\" role=\"img\" aria-label=\"{label}\">\n");
    for tick in &ticks {
        let (y, shown) = (y(*tick), plot.unit.shown(*tick));
        writeln!(svg, "<line class=\"axis\" x1=\"{LEFT}\" y1=\"{y}\" x2=\"{right}\" y2=\"{y}\"/>").ok();
        writeln!(svg, "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{shown}</text>", LEFT - 8, y + 4).ok();
    }
    for date in dates(*first, *last) {
        let x = x(date);
        writeln!(svg, "<line class=\"axis\" x1=\"{x}\" y1=\"{base}\" x2=\"{x}\" y2=\"{}\"/>", base + 5).ok();
        // A date at an edge stays within the drawing.
        let anchor = if x + 34 > right { "end" } else { "middle" };
        let day = date.spell("%Y-%m-%d");
        writeln!(svg, "<text x=\"{x}\" y=\"{}\" text-anchor=\"{anchor}\">{day}</text>", HIGH - 8).ok();
    }
    let points: Vec<String> =
        plot.points.iter().map(|(at, value)| format!("{},{}", x(*at), y(*value))).collect();
    let (start, end) = (x(*first), x(*last));
    writeln!(svg, "<polygon class=\"area\" points=\"{start},{base} {} {end},{base}\"/>", points.join(" "))
        .ok();
    writeln!(svg, "<polyline class=\"line\" points=\"{}\"/>", points.join(" ")).ok();
    if let Some((limit, name)) = plot.limit {
        let y = y(limit);
        writeln!(svg, "<line class=\"limit\" x1=\"{LEFT}\" y1=\"{y}\" x2=\"{right}\" y2=\"{y}\"/>").ok();
        let shown = plot.unit.shown(limit);
        let above = if y > TOP + 14 { y - 5 } else { y + 14 };
        writeln!(svg, "<text class=\"limit\" x=\"{}\" y=\"{above}\">{name}: {shown}</text>", LEFT + 6).ok();
    }
    svg + "</svg>"
}

/// Returns `value` of `whole` as a part of `length`, rounded; nothing where it is more than the whole.
fn scaled(value: u64, whole: u64, length: u64) -> Option<u64> {
    let part = (u128::from(value) * u128::from(length) + u128::from(whole) / 2) / u128::from(whole.max(1));
    u64::try_from(part).ok().filter(|part| *part <= length)
}

/// Returns the dates of an axis, from the first day on.
pub(super) fn dates(first: Stamp, last: Stamp) -> Vec<Stamp> {
    let days = last.since(first) / 86_400;
    let step = DAYS.into_iter().find(|step| days / step < 7).unwrap_or(365_000);
    let nth = |nth: i64| first.checked_add(nth * step * 86_400);
    (0..=days / step).map_while(nth).filter(|date| *date <= last).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: i64) -> Stamp {
        Stamp::from_unix(day * 86_400).unwrap()
    }

    #[test]
    fn an_axis_has_round_numbers_up_to_the_most() {
        assert_eq!(Unit::Count.ticks(8), [0, 2, 4, 6, 8]);
        assert_eq!(Unit::Count.ticks(0), [0, 1]);
        assert_eq!(Unit::Count.ticks(5001), [0, 2000, 4000, 6000]);
        let shown: Vec<String> =
            Unit::Bytes.ticks(1700 << 30).into_iter().map(|tick| Unit::Bytes.shown(tick)).collect();
        assert_eq!(shown, ["0", "500 GiB", "1000 GiB", "1.46 TiB", "1.95 TiB"]);
        for most in [0, 1, 7, 1023, 1 << 40, u64::MAX] {
            for unit in [Unit::Count, Unit::Bytes] {
                let ticks = unit.ticks(most);
                assert!(ticks.len() <= 8 && *ticks.last().unwrap() >= most, "{most}: {ticks:?}");
            }
        }
    }

    #[test]
    fn dates_are_few_and_within_the_time() {
        for days in [0, 1, 6, 7, 30, 90, 180, 400, 4000, 40_000] {
            let dates = dates(at(0), at(days));
            assert!((1..=8).contains(&dates.len()) && dates.iter().all(|date| *date <= at(days)), "{days}");
        }
        assert_eq!(dates(at(0), at(2)), [at(0), at(1), at(2)]);
    }

    #[test]
    fn what_is_more_is_higher_and_what_is_later_is_on_the_right() {
        let points = [(at(0), 0), (at(45), 50), (at(90), 100)];
        let drawn = |limit| plot(&Plot { label: "x", points: &points, unit: Unit::Count, limit });
        assert!(drawn(None).contains("points=\"78,222 392,118 706,14\""), "{}", drawn(None));
        let limited = drawn(Some((200, "the limit")));
        assert!(limited.contains("points=\"78,222 392,170 706,118\""), "{limited}");
        assert!(limited.contains("the limit: 200"), "{limited}");
        assert_eq!(plot(&Plot { label: "x", points: &[], unit: Unit::Count, limit: None }), "");
        assert!(
            plot(&Plot { label: "x", points: &[(at(0), 0)], unit: Unit::Bytes, limit: None })
                .contains("</svg>")
        );
    }
}
