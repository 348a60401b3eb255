//! Rows in aligned columns.

use crate::model::shown;
use crate::render::paint::Paint;

/// How a column is aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// Returns rows below a header, each column as wide as its widest cell; blanks at the end of a line are left out.
///
/// There is no header if it is `None`.
pub fn table(columns: &[(&str, Align)], rows: &[Vec<String>], header: Option<Paint>) -> String {
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| shown(cell).into_owned()).collect()).collect();
    let widest = |(at, (name, _)): (usize, &(&str, Align))| {
        let cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count());
        cells.chain(header.map(|_| name.len())).max().unwrap_or_default()
    };
    let widths: Vec<usize> = columns.iter().enumerate().map(widest).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let cells = cells.zip(columns).zip(&widths).map(|((cell, (_, align)), width)| match align {
            Align::Left => format!("{cell:<width$}"),
            Align::Right => format!("{cell:>width$}"),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut text = String::new();
    if let Some(paint) = header {
        text += &paint.bold(&line(&mut columns.iter().map(|(name, _)| *name)));
        text.push('\n');
    }
    for row in &rows {
        text += &line(&mut row.iter().map(String::as_str));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let columns = [("NAME", Align::Left), ("BYTES", Align::Right), ("WHY", Align::Left)];
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let rows = [row(["a", "1", ""]), row(["longer", "123456", "b\u{202e}"])];
        let text = table(&columns, &rows, Some(Paint::Plain));
        assert_eq!(text, "NAME     BYTES  WHY\na            1\nlonger  123456  b\\u{202e}\n");
        assert_eq!(table(&columns, &rows[..1], None), "a  1\n");
        assert_eq!(table(&columns, &[], None), "");
    }
}
