//! Text in columns of a given total width. Widths are those of a terminal: a CJK character takes two cells.
//!
//! A crate for tables wraps long cells over several lines; a log is read one line per entry, so columns are cut.

use std::borrow::Cow;

use anstyle::Style;
use terminal_size::{Width, terminal_size};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The width assumed where no terminal tells its own.
const WIDTH_DEFAULT: usize = 100;

/// Cells between two columns.
const GAP: &str = "  ";

/// A text of one line, already safe, and how it is shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// A cell in the ordinary style.
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self::styled(text, Style::new())
    }

    /// A cell in `style`.
    pub(crate) fn styled(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style }
    }
}

/// How far a column may grow before its cells are cut.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Growth {
    /// As wide as its widest cell.
    Whole,
    /// At most this share, in per cent, of the width of the terminal.
    Share(usize),
    /// Whatever the others leave; for the last column.
    Rest,
}

/// Where the text of a column stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    /// At the left.
    Left,
    /// At the right; for numbers.
    Right,
}

/// The width of the terminal in cells.
pub(crate) fn terminal_width() -> usize {
    terminal_size().map_or(WIDTH_DEFAULT, |(Width(width), _)| usize::from(width).max(40))
}

/// The widths of columns that show `rows` within `total` cells.
pub(crate) fn widths(rows: &[Vec<Cell>], growth: &[Growth], total: usize) -> Vec<usize> {
    let natural = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.text.width()).max();
    let mut left = total;
    let mut widths = Vec::with_capacity(growth.len());
    for (column, growth) in growth.iter().enumerate() {
        let natural = natural(column).unwrap_or(0);
        let width = match growth {
            Growth::Whole => natural,
            Growth::Share(share) => natural.min(total * share / 100),
            Growth::Rest => natural.min(left),
        };
        left = left.saturating_sub(width + GAP.len());
        widths.push(width);
    }
    widths
}

/// One line: cells cut and filled to `widths`, without blanks at its end.
pub(crate) fn line(row: &[Cell], widths: &[usize], align: &[Align]) -> String {
    let mut out = String::new();
    let last = row.iter().zip(widths).rposition(|(cell, width)| !cell.text.is_empty() && *width > 0);
    for (index, (cell, width)) in row.iter().zip(widths).enumerate().take(last.map_or(0, |last| last + 1)) {
        let text = cut(&cell.text, *width);
        let fill = " ".repeat(width.saturating_sub(text.width()));
        let right = align.get(index) == Some(&Align::Right);
        if index > 0 {
            out.push_str(GAP);
        }
        if right {
            out.push_str(&fill);
        }
        out.push_str(&format!("{}{text}{}", cell.style.render(), cell.style.render_reset()));
        if !right && Some(index) != last {
            out.push_str(&fill);
        }
    }
    out
}

/// `text` in at most `width` cells; what is cut ends in an ellipsis.
pub(crate) fn cut(text: &str, width: usize) -> Cow<'_, str> {
    if text.width() <= width {
        return Cow::Borrowed(text);
    }
    let (mut used, mut end) = (0, 0);
    for (index, character) in text.char_indices() {
        used += character.width().unwrap_or(0);
        if used + 1 > width {
            break;
        }
        end = index + character.len_utf8();
    }
    Cow::Owned(if width == 0 { String::new() } else { format!("{}…", &text[..end]) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_by_cells_and_not_by_characters() {
        for (text, width, expected) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("日本語", 6, "日本語"),
            ("日本語", 5, "日本…"),
            ("日本", 2, "…"),
            ("a", 0, ""),
        ] {
            assert_eq!(cut(text, width), expected);
        }
    }

    #[test]
    fn columns_fit_into_the_width() {
        let row = |cells: &[&str]| cells.iter().map(|text| Cell::plain(*text)).collect::<Vec<_>>();
        let rows = [row(&["1", "short", "some long text"]), row(&["12345", "a longer one", ""])];
        let widths = widths(&rows, &[Growth::Whole, Growth::Share(30), Growth::Rest], 24);
        assert_eq!(widths, [5, 7, 8]);
        let align = [Align::Right];
        assert_eq!(line(&rows[0], &widths, &align), "    1  short    some lo…");
        assert_eq!(line(&rows[1], &widths, &align), "12345  a long…");
    }
}
