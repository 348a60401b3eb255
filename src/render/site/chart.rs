//! Charts of a stream, as SVG that the style of the page colours: numbers and dates only.

use crate::model::{Outcome, Stamp};
use crate::ops::site::BuildFacts;
use crate::render::calendar::{calendar as draw, day_of, first_of};
use crate::render::paint::bytes;
use std::collections::BTreeMap;
use std::fmt::Write;

/// How many weeks a calendar has.
const WEEKS: i64 = 26;

/// How many builds a chart of sizes has.
const SIZED: usize = 40;

/// Returns a calendar with a cell for each day of the half year before the newest build; nothing without a dated build. A build
/// that is dated in the future has no day yet.
pub(super) fn calendar(builds: &[BuildFacts], today: Stamp) -> String {
    // The clocks of two machines can be on both sides of midnight.
    let last = day_of(today) + 1;
    let dated = || {
        let all =
            builds.iter().filter_map(|build| Some((day_of(build.census.created?), build.census.result)));
        all.filter(move |(day, _)| *day <= last)
    };
    let Some(last) = dated().map(|(day, _)| day).max() else { return String::new() };
    let mut results: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
    for (day, result) in dated() {
        let (good, other) = results.entry(day).or_default();
        if result == Outcome::Success { *good += 1 } else { *other += 1 }
    }
    draw("Results by day", first_of(last, WEEKS), last, |day| match results.get(&day) {
        None => ("empty", "no build".to_owned()),
        Some((0, other)) => ("fail", format!("{other} without success")),
        Some((good, 0)) => ("success", format!("{good} success")),
        Some((good, other)) => ("success", format!("{good} success, {other} without")),
    })
}

/// Returns how many builds a chart of sizes has.
pub(super) fn drawn(builds: &[BuildFacts], today: Stamp) -> usize {
    sized(builds, today).len()
}

/// Returns the times and sizes of the last builds, oldest first.
fn sized(builds: &[BuildFacts], today: Stamp) -> Vec<(Stamp, u64)> {
    let known = builds.iter().filter_map(|build| Some((build.census.created?, build.census.bytes?)));
    let mut known: Vec<(Stamp, u64)> =
        known.filter(|(created, _)| day_of(*created) <= day_of(today) + 1).take(SIZED).collect();
    known.reverse();
    known
}

/// Returns a chart of the sizes of the last builds, oldest first; nothing where none is known.
pub(super) fn sizes(builds: &[BuildFacts], today: Stamp) -> String {
    let known = sized(builds, today);
    let most = known.iter().map(|(_, bytes)| *bytes).max().unwrap_or_default();
    let (Some((first, _)), Some((last, _)), true) = (known.first(), known.last(), most > 0) else {
        return String::new();
    };
    let (left, wide, high) = (62, 330, 100);
    let step = wide / i64::try_from(known.len()).unwrap_or(1).max(8);
    let mut svg = format!(
        "<svg class=\"sizes\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"Size of the last builds\">\n",
        left + wide,
        high + 24
    );
    for (y, value) in [(4, most), (4 + high / 2, most / 2), (4 + high, 0)] {
        writeln!(svg, "<line class=\"axis\" x1=\"{left}\" y1=\"{y}\" x2=\"{}\" y2=\"{y}\"/>", left + wide)
            .ok();
        writeln!(svg, "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>", left - 6, y + 4, bytes(value))
            .ok();
    }
    for (at, (created, size)) in (0i64..).zip(&known) {
        let tall = i64::try_from(u128::from(*size) * 100 / u128::from(most)).unwrap_or(high).max(1);
        let (x, date) = (left + at * step + 1, created.spell("%Y-%m-%d %H:%M"));
        writeln!(
            svg,
            "<rect class=\"bar\" x=\"{x}\" y=\"{}\" width=\"{}\" height=\"{tall}\" rx=\"1\"><title>{date}: {}</title></rect>",
            4 + high - tall,
            (step - 2).max(1),
            bytes(*size)
        )
        .ok();
    }
    let y = high + 18;
    writeln!(svg, "<text x=\"{left}\" y=\"{y}\">{}</text>", first.spell("%Y-%m-%d")).ok();
    if known.len() > 1 {
        writeln!(
            svg,
            "<text x=\"{}\" y=\"{y}\" text-anchor=\"end\">{}</text>",
            left + wide,
            last.spell("%Y-%m-%d")
        )
        .ok();
    }
    svg + "</svg>"
}
