//! Numbers over time, drawn in a terminal or as an SVG file.

use crate::model::Stamp;
use crate::render::paint::{bytes, count};
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
    /// Builds that a brake or freeze withholds.
    pub withheld: u64,
}

/// Blocks of an eighth each.
const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Returns a chart of builds and one of bytes for a terminal of that many columns.
pub fn chart(series: &[Series], columns: usize) -> String {
    let columns = columns.clamp(20, 200).min(series.len().max(1));
    let builds = draw("builds", series, columns, |point| point.builds, |most| most.to_string());
    let size = draw("bytes", series, columns, |point| point.bytes, bytes);
    let ends = match (series.first(), series.last()) {
        (Some(first), Some(last)) => format!("{} to {}\n", first.at.iso(), last.at.iso()),
        _ => String::new(),
    };
    let braked = series.iter().find(|point| point.withheld > 0).map(|first| {
        let last = series.last().map_or(0, |last| last.withheld);
        format!(
            "a brake or freeze withholds builds since {}; {} at the end\n",
            first.at.iso(),
            count(last, "build")
        )
    });
    format!("{builds}\n{size}\n{ends}{}", braked.unwrap_or_default())
}

const HEIGHT: u64 = 8;

fn draw(
    name: &str,
    series: &[Series],
    columns: usize,
    value: impl Fn(&Series) -> u64,
    shown: impl Fn(u64) -> String,
) -> String {
    let most = series.iter().map(&value).max().unwrap_or(0).max(1);
    let last = series.last().map_or(0, &value);
    let picked: Vec<u64> =
        (0..columns).filter_map(|at| series.get(at * series.len() / columns.max(1))).map(&value).collect();
    let mut text = format!("{name}: at most {}, {} at the end\n", shown(most), shown(last));
    for row in (0..HEIGHT).rev() {
        let line: String = picked
            .iter()
            .map(|value| {
                let eighths = u128::from(*value) * u128::from(HEIGHT * 8) / u128::from(most);
                let part = eighths.saturating_sub(u128::from(row * 8)).min(8);
                BLOCKS.get(usize::try_from(part).unwrap_or(8)).copied().unwrap_or('█')
            })
            .collect();
        text += format!("  {line}").trim_end();
        text.push('\n');
    }
    text
}

/// Returns both charts as an SVG document.
pub fn svg(series: &[Series], title: &str) -> String {
    let title = title.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let builds = panel(series, 40, "builds", |point| point.builds, |most| most.to_string());
    let size = panel(series, 290, "bytes", |point| point.bytes, bytes);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 900 540\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <title>{title}</title>\n<rect width=\"900\" height=\"540\" fill=\"white\"/>\n\
         <text x=\"450\" y=\"22\" text-anchor=\"middle\">{title}</text>\n{builds}{size}</svg>\n"
    )
}

fn panel(
    series: &[Series],
    top: u32,
    name: &str,
    value: impl Fn(&Series) -> u64,
    shown: impl Fn(u64) -> String,
) -> String {
    let most = series.iter().map(&value).max().unwrap_or(0).max(1);
    let wide = series.len().saturating_sub(1).max(1);
    let points: Vec<String> = (series.iter().enumerate())
        .map(|(at, point)| {
            let up = u128::from(value(point)) * 180 / u128::from(most);
            format!("{},{}", 120 + at * 740 / wide, u128::from(top) + 200 - up)
        })
        .collect();
    let day = |point: Option<&Series>| point.map(|point| point.at.spell("%Y-%m-%d")).unwrap_or_default();
    let (first, last, base) = (day(series.first()), day(series.last()), top + 200);
    format!(
        "<line x1=\"120\" y1=\"{base}\" x2=\"860\" y2=\"{base}\" stroke=\"black\"/>\n\
         <line x1=\"120\" y1=\"{}\" x2=\"860\" y2=\"{}\" stroke=\"#ddd\"/>\n\
         <text x=\"112\" y=\"{}\" text-anchor=\"end\">{}</text>\n<text x=\"112\" y=\"{base}\" text-anchor=\"end\">0</text>\n\
         <text x=\"20\" y=\"{}\">{name}</text>\n<text x=\"120\" y=\"{}\">{first}</text>\n\
         <text x=\"860\" y=\"{}\" text-anchor=\"end\">{last}</text>\n\
         <polyline fill=\"none\" stroke=\"#1f6feb\" stroke-width=\"2\" points=\"{}\"/>\n",
        top + 20,
        top + 20,
        top + 24,
        shown(most),
        top + 110,
        base + 18,
        base + 18,
        points.join(" ")
    )
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
            withheld: 0,
        };
        (0..).zip(values).map(point).collect()
    }

    #[test]
    fn the_chart_rises_where_the_numbers_do() {
        let text = chart(&series(&[0, 4, 8]), 80);
        let rows: Vec<&str> = text.lines().skip(1).take(8).collect();
        assert_eq!(rows.first(), Some(&"    █"));
        assert_eq!(rows.last(), Some(&"   ██"));
        assert!(text.starts_with("builds: at most 8, 8 at the end"), "{text}");
        assert!(text.ends_with("1970-01-01T00:00:00Z to 1970-01-03T00:00:00Z\n"), "{text}");
    }

    #[test]
    fn the_drawing_holds_its_title_and_every_point() {
        let text = svg(&series(&[0, 4, 8]), "a < b");
        assert!(text.contains("<title>a &lt; b</title>"));
        assert!(text.contains("120,240 490,150 860,60"), "{text}");
        assert!(!svg(&[], "none").is_empty());
    }
}
