//! Text in columns of a given total width. Widths are those of a terminal: a CJK character takes two cells.
//!
//! A crate for tables wraps long cells over several lines; a log is read one line per entry, so columns are cut.

use std::borrow::Cow;

use anstyle::Style;
use terminal_size::terminal_size;
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
    cut: Cut,
}

/// Where a text gives way when it does not fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Cut {
    /// In the middle: ids and paths differ at their ends.
    #[default]
    Middle,
    /// At the end: a sentence is read from its beginning.
    End,
}

impl Cell {
    /// A cell in the ordinary style.
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self::styled(text, Style::new())
    }

    /// A cell in `style`.
    pub(crate) fn styled(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style, cut: Cut::Middle }
    }

    /// A cell with a sentence.
    pub(crate) fn prose(text: impl Into<String>) -> Self {
        Self { cut: Cut::End, ..Self::plain(text) }
    }
}

/// Whether a column may be cut where the terminal is too narrow for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    /// As wide as its widest cell.
    Whole,
    /// All such columns are cut to one width at which the line fits; narrower ones stay whole.
    Fair,
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
    terminal_size().map_or(WIDTH_DEFAULT, |(width, _)| usize::from(width.0).max(40))
}

/// The widths of columns that show `rows` within `total` cells.
pub(crate) fn widths(rows: &[Vec<Cell>], columns: &[Width], total: usize) -> Vec<usize> {
    let widest = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.text.width()).max();
    let natural: Vec<usize> = (0..columns.len()).map(|column| widest(column).unwrap_or(0)).collect();
    let cut_to = |limit: usize| -> Vec<usize> {
        let cut =
            |(natural, column): (&usize, &Width)| if *column == Width::Fair { limit.min(*natural) } else { *natural };
        natural.iter().zip(columns).map(cut).collect()
    };
    let gaps = GAP.len() * columns.len().saturating_sub(1);
    let fits = |limit: usize| cut_to(limit).iter().sum::<usize>() + gaps <= total;
    cut_to((1..=total).rev().find(|limit| fits(*limit)).unwrap_or(1))
}

/// One line: cells cut and filled to `widths`, without blanks at its end.
pub(crate) fn line(row: &[Cell], widths: &[usize], align: &[Align]) -> String {
    let mut out = String::new();
    let last = row.iter().zip(widths).rposition(|(cell, width)| !cell.text.is_empty() && *width > 0);
    for (index, (cell, width)) in row.iter().zip(widths).enumerate().take(last.map_or(0, |last| last + 1)) {
        let text = cut(&cell.text, *width, cell.cut);
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

/// `text` in at most `width` cells, an ellipsis for what is cut.
pub(crate) fn cut(text: &str, width: usize, at: Cut) -> Cow<'_, str> {
    if text.width() <= width {
        return Cow::Borrowed(text);
    }
    let Some(room) = width.checked_sub(1) else { return Cow::Borrowed("") };
    let tail_room = if at == Cut::Middle { room / 2 } else { 0 };
    let head = fitting(text.chars(), room - tail_room);
    let tail: String = fitting(text.chars().rev(), tail_room).chars().rev().collect();
    Cow::Owned(format!("{head}…{tail}"))
}

/// The first of `characters` that fit into `room` cells.
fn fitting(characters: impl Iterator<Item = char>, room: usize) -> String {
    let mut used = 0;
    characters
        .take_while(|character| {
            used += character.width().unwrap_or(0);
            used <= room
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_by_cells_and_not_by_characters() {
        for (text, width, expected) in [
            ("abc", 3, "abc"),
            ("abcdef", 4, "ab…f"),
            ("日本語", 6, "日本語"),
            ("日本語です", 5, "日…す"),
            ("日本", 2, "…"),
            ("a", 0, ""),
        ] {
            assert_eq!(cut(text, width, Cut::Middle), expected);
        }
        assert_eq!(cut("abcdef", 4, Cut::End), "abc…");
    }

    #[test]
    fn columns_fit_into_the_width() {
        let row = |cells: &[&str]| cells.iter().map(|text| Cell::plain(*text)).collect::<Vec<_>>();
        let rows = [row(&["1", "short", "some long text"]), row(&["12345", "a longer one", ""])];
        let widths = widths(&rows, &[Width::Whole, Width::Fair, Width::Fair], 26);
        assert_eq!(widths, [5, 8, 8]);
        let align = [Align::Right];
        assert_eq!(line(&rows[0], &widths, &align), "    1  short     some…ext");
        assert_eq!(line(&rows[1], &widths, &align), "12345  a lo…one");
    }
}
