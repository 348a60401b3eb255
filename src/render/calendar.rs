//! Calendars as SVG: a cell for each day, a column for each week, coloured by the style of the page.
//!
//! Nothing but dates, numbers and classes of the program is drawn; what a caller tells of a day must be escaped.

use crate::model::Stamp;
use std::fmt::Write;

/// The side of a cell, and from one cell to the next.
const CELL: i64 = 11;
const STEP: i64 = 14;

/// What is left of the cells, and above.
const LEFT: i64 = 28;
const TOP: i64 = 16;

/// Returns the day of an instant, counted from 1970.
pub(super) fn day_of(at: Stamp) -> i64 {
    at.unix().div_euclid(86_400)
}

/// Returns the first day of so many weeks that end with the week of `last`.
pub(super) fn first_of(last: i64, weeks: i64) -> i64 {
    // Weeks begin on Monday; day 0 was a Thursday.
    last - (last + 3).rem_euclid(7) - (weeks - 1) * 7
}

/// Returns a calendar from a Monday on; `cell` gives the class of a day and what is told of it.
pub(super) fn calendar(
    label: &str,
    first: i64,
    last: i64,
    cell: impl Fn(i64) -> (&'static str, String),
) -> String {
    let weeks = (last - first) / 7 + 1;
    let (wide, high) = (weeks * STEP + LEFT + 2, 7 * STEP + TOP);
    let mut svg = format!(
        "<svg class=\"calendar\" viewBox=\"0 0 {wide} {high}\" role=\"img\" aria-label=\"{label}\">\n"
    );
    for (row, name) in [(0, "Mon"), (2, "Wed"), (4, "Fri")] {
        writeln!(svg, "<text x=\"0\" y=\"{}\">{name}</text>", TOP + row * STEP + 9).ok();
    }
    let mut month = String::new();
    for at in first..=last {
        let (column, row) = ((at - first) / 7, (at - first) % 7);
        let stamp = Stamp::from_unix(at * 86_400).unwrap_or_default();
        let (x, y) = (LEFT + column * STEP, TOP + row * STEP);
        if row == 0 && month != stamp.spell("%b") {
            month = stamp.spell("%b");
            writeln!(svg, "<text x=\"{x}\" y=\"10\">{month}</text>").ok();
        }
        let (class, told) = cell(at);
        let date = stamp.spell("%Y-%m-%d");
        writeln!(
            svg,
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{CELL}\" height=\"{CELL}\" rx=\"2\"><title>{date}: {told}</title></rect>"
        )
        .ok();
    }
    svg + "</svg>"
}
