//! Numbers over time, drawn in a terminal or as an SVG file.

use crate::model::Stamp;
use crate::render::paint::{bytes, count};
use crate::render::plot::{Plot, Unit, plot};
use schemars::JsonSchema;
use serde::Serialize;

/// How many builds and bytes there are at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Series {
    /// The instant.
    pub at: Stamp,
    /// The number of builds.
    pub builds: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Builds that were deleted since the previous instant.
    pub pruned: u64,
    /// How many of them expire only because the policy was edited: prune withholds them until a person accepts that
    /// (`policy_change: defer`), and the simulation deletes them.
    pub deferred: u64,
    /// Builds that a brake or freeze withholds.
    pub withheld: u64,
}

/// Blocks of an eighth each.
const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Returns a chart of builds and one of bytes for a terminal of that many columns.
pub fn chart(series: &[Series], columns: usize) -> String {
    let builds = draw("builds", series, columns, |point| point.builds, Unit::Count);
    let size = draw("bytes", series, columns, |point| point.bytes, Unit::Bytes);
    let braked = told(series);
    let braked = if braked.is_empty() { braked } else { format!("\n{braked}\n") };
    format!("{builds}\n{size}{braked}")
}

/// Returns since when a brake or freeze withholds builds, and what an edit of the policy deletes; nothing where neither does.
pub(super) fn told(series: &[Series]) -> String {
    let mut said = Vec::new();
    if let Some(first) = series.iter().find(|point| point.withheld > 0) {
        let last = count(series.last().map_or(0, |last| last.withheld), "build");
        said.push(format!("a brake or freeze withholds builds since {}; {last} at the end", first.at.iso()));
    }
    let deferred: u64 = series.iter().map(|point| point.deferred).sum();
    if deferred > 0 {
        said.push(format!(
            "{} of the {} that the simulation deletes {} only because the policy was edited: `mirrorkeep prune` withholds {} until \
             a person accepts the plan (policy_change: defer)",
            deferred,
            count(series.iter().map(|point| point.pruned).sum(), "build"),
            if deferred == 1 { "expires" } else { "expire" },
            if deferred == 1 { "it" } else { "them" },
        ));
    }
    said.join("\n")
}

const HEIGHT: u64 = 8;

/// Returns one chart: numbers on the left, dates below.
fn draw(name: &str, series: &[Series], columns: usize, value: impl Fn(&Series) -> u64, unit: Unit) -> String {
    let most = series.iter().map(&value).max().unwrap_or(0);
    let last = series.last().map_or(0, &value);
    // The axis ends at a round number.
    let top = unit.ticks(most).last().copied().unwrap_or(1).max(1);
    let numbers = [HEIGHT, HEIGHT / 2, 0].map(|row| unit.shown(part(top, row, HEIGHT)));
    let wide = numbers.iter().map(|number| number.chars().count()).max().unwrap_or_default();
    let columns = columns.clamp(20, 200).saturating_sub(wide + 4).max(10).min(series.len().max(1));
    let picked: Vec<&Series> =
        (0..columns).filter_map(|at| series.get(at * series.len() / columns.max(1))).collect();
    let mut text = format!("{name}: at most {}, {} at the end\n", exact(unit, most), exact(unit, last));
    for row in (0..HEIGHT).rev() {
        let number = match row + 1 {
            HEIGHT => numbers.first(),
            row if row == HEIGHT / 2 => numbers.get(1).filter(|half| *half != "0"),
            _ => None,
        };
        let (number, mark) = number.map_or(("", '│'), |number| (number.as_str(), '┤'));
        let line: String = picked
            .iter()
            .map(|point| {
                let eighths = u128::from(value(point)) * u128::from(HEIGHT * 8) / u128::from(top);
                let part = eighths.saturating_sub(u128::from(row * 8)).min(8);
                BLOCKS.get(usize::try_from(part).unwrap_or(8)).copied().unwrap_or('█')
            })
            .collect();
        text += format!("  {number:>wide$} {mark}{line}").trim_end();
        text.push('\n');
    }
    let zero = numbers.last().map_or("0", String::as_str);
    text += &format!("  {zero:>wide$} └{}\n", "─".repeat(picked.len()));
    text + &below(&picked, wide + 4)
}

/// Returns a part of a number.
fn part(whole: u64, of: u64, parts: u64) -> u64 {
    u64::try_from(u128::from(whole) * u128::from(of) / u128::from(parts.max(1))).unwrap_or(whole)
}

/// Returns a number with all that is known of it.
fn exact(unit: Unit, value: u64) -> String {
    match unit {
        Unit::Count => value.to_string(),
        Unit::Bytes => bytes(value),
    }
}

/// Returns the dates below a chart whose first column is at `left`, as many as there is room for.
fn below(picked: &[&Series], left: usize) -> String {
    const DATE: usize = 10;
    let mut line = " ".repeat(left);
    for (at, point) in picked.iter().enumerate().step_by(DATE + 10) {
        // The last one has its own place at the end.
        if at > 0 && at + DATE + 2 + DATE > picked.len() {
            break;
        }
        line += &" ".repeat((left + at).saturating_sub(line.chars().count()));
        line += &point.at.spell("%Y-%m-%d");
    }
    if let Some(last) = picked.last().filter(|_| picked.len() > 1) {
        let end = (left + picked.len()).saturating_sub(DATE);
        let gap = end.saturating_sub(line.chars().count()).max(2);
        line += &format!("{}{}", " ".repeat(gap), last.at.spell("%Y-%m-%d"));
    }
    format!("{}\n", line.trim_end())
}

/// The colours of a drawing that is no part of a page.
const STYLE: &str = "text { fill: #444 } .axis { stroke: #ddd } .line { fill: none; stroke: #1f6feb; stroke-width: 2 } .area { fill: #1f6feb; opacity: .12 }";

/// Returns both charts as an SVG document.
pub fn svg(series: &[Series], title: &str) -> String {
    let title = title.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let (builds, size) = panels(series);
    let placed = |svg: String, y: u32| {
        svg.replacen("<svg ", &format!("<svg x=\"90\" y=\"{y}\" width=\"720\" height=\"250\" "), 1)
    };
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 900 580\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n<rect width=\"900\" height=\"580\" fill=\"white\"/>\n\
         <text x=\"450\" y=\"24\" text-anchor=\"middle\">{title}</text>\n\
         <text x=\"20\" y=\"60\">builds</text>\n{}\n<text x=\"20\" y=\"330\">bytes</text>\n{}\n</svg>\n",
        placed(builds, 40),
        placed(size, 310)
    )
}

/// Returns the drawings of builds and of bytes.
pub(super) fn panels(series: &[Series]) -> (String, String) {
    let points = |value: fn(&Series) -> u64| -> Vec<(Stamp, u64)> {
        series.iter().map(|point| (point.at, value(point))).collect()
    };
    let (builds, size) = (points(|point| point.builds), points(|point| point.bytes));
    let drawn = |label, points: &[(Stamp, u64)], unit| plot(&Plot { label, points, unit, limit: None });
    (drawn("Builds over time", &builds, Unit::Count), drawn("Bytes over time", &size, Unit::Bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(values: &[u64]) -> Vec<Series> {
        let point = |(day, builds): (i64, &u64)| Series {
            at: Stamp::from_unix(day * 86_400).unwrap(),
            builds: *builds,
            bytes: builds * 1024,
            pruned: 0,
            deferred: 0,
            withheld: 0,
        };
        (0..).zip(values).map(point).collect()
    }

    #[test]
    fn the_chart_rises_where_the_numbers_do() {
        let text = chart(&series(&[0, 4, 8]), 80);
        let rows: Vec<&str> = text.lines().take(11).collect();
        assert_eq!(
            rows,
            [
                "builds: at most 8, 8 at the end",
                "  8 ┤  █",
                "    │  █",
                "    │  █",
                "    │  █",
                "  4 ┤ ██",
                "    │ ██",
                "    │ ██",
                "    │ ██",
                "  0 └───",
                "     1970-01-01  1970-01-03",
            ]
        );
        let size = text.split("\n\n").nth(1).unwrap();
        assert!(size.starts_with("bytes: at most 8.00 KiB, 8.00 KiB at the end\n  8 KiB ┤  █\n"), "{size}");
    }

    #[test]
    fn the_dates_below_a_chart_are_where_they_belong_and_never_wider_than_it() {
        let many = series(&(0..150).collect::<Vec<u64>>());
        let text = chart(&many, 80);
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        let dates = text.lines().nth(10).unwrap();
        assert!(dates.trim_start().starts_with("1970-01-01") && dates.ends_with("1970-05-28"), "{dates}");
        assert_eq!(chart(&[], 80).lines().count(), 23);
    }

    #[test]
    fn the_drawing_holds_its_title_and_every_point() {
        let text = svg(&series(&[0, 4, 8]), "a < b");
        assert!(text.contains("<title>a &lt; b</title>"));
        assert!(text.contains("78,222 392,118 706,14"), "{text}");
        assert!(!svg(&[], "none").is_empty());
    }
}
