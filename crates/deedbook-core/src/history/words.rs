//! Two texts, or two lists, compared: what stayed, what went, what came.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use similar::{Algorithm, DiffOp, capture_diff_slices};
use unicode_segmentation::UnicodeSegmentation;

/// Pairs of words (or of elements of lists) that one difference may compare: 16 million, some fifty milliseconds.
/// What comes after that is compared by common beginning and end alone.
pub const WORK_MAX: usize = 16_000_000;

/// A piece of a text: in JSON `{"same": "…"}`, `{"removed": "…"}` or `{"added": "…"}`. The same and the removed ones
/// make the former text, the same and the added ones the later one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Piece {
    /// In both.
    Same(String),
    /// In the former text only.
    Removed(String),
    /// In the later text only.
    Added(String),
}

/// How much may still be compared.
pub(super) struct Work(usize);

impl Work {
    /// All of [`WORK_MAX`].
    pub(super) fn all() -> Self {
        Self(WORK_MAX)
    }

    /// How `old` becomes `new`.
    pub(super) fn compare<T: Eq + std::hash::Hash>(&mut self, old: &[T], new: &[T]) -> Vec<DiffOp> {
        let start = old.iter().zip(new).take_while(|(a, b)| a == b).count();
        let (old_rest, new_rest) = (&old[start..], &new[start..]);
        let end = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(a, b)| a == b).count();
        let (old_len, new_len) = (old_rest.len() - end, new_rest.len() - end);
        let Some(left) = self.0.checked_sub(old_len.saturating_mul(new_len)) else {
            return by_ends(start, old_len, new_len, end);
        };
        self.0 = left;
        capture_diff_slices(Algorithm::Myers, old, new)
    }

    /// The pieces of two texts, word by word; neighbours of one kind are one piece.
    pub(super) fn pieces(&mut self, old: &str, new: &str) -> Vec<Piece> {
        let old: Vec<&str> = old.split_word_bounds().collect();
        let new: Vec<&str> = new.split_word_bounds().collect();
        let mut pieces = Vec::new();
        for op in self.compare(&old, &new) {
            let (removed, added) = (old[op.old_range()].concat(), new[op.new_range()].concat());
            if matches!(op, DiffOp::Equal { .. }) {
                pieces.push(Piece::Same(removed));
                continue;
            }
            pieces.extend((!removed.is_empty()).then_some(Piece::Removed(removed)));
            pieces.extend((!added.is_empty()).then_some(Piece::Added(added)));
        }
        pieces
    }

    /// How one list becomes another.
    pub(super) fn items(&mut self, old: &[Value], new: &[Value]) -> Vec<DiffOp> {
        self.compare(old, new)
    }
}

fn by_ends(start: usize, old_len: usize, new_len: usize, end: usize) -> Vec<DiffOp> {
    let (old_index, new_index) = (start + old_len, start + new_len);
    let ops = [
        DiffOp::Equal { old_index: 0, new_index: 0, len: start },
        DiffOp::Replace { old_index: start, old_len, new_index: start, new_len },
        DiffOp::Equal { old_index, new_index, len: end },
    ];
    ops.into_iter().filter(|op| !op.old_range().is_empty() || !op.new_range().is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn joined(pieces: &[Piece], keep: fn(&Piece) -> Option<&str>) -> String {
        pieces.iter().filter_map(keep).collect()
    }

    fn old(piece: &Piece) -> Option<&str> {
        match piece {
            Piece::Same(text) | Piece::Removed(text) => Some(text),
            Piece::Added(_) => None,
        }
    }

    fn new(piece: &Piece) -> Option<&str> {
        match piece {
            Piece::Same(text) | Piece::Added(text) => Some(text),
            Piece::Removed(_) => None,
        }
    }

    #[test]
    fn words_stay_whole() {
        let pieces = Work::all().pieces("due on Monday, not later", "due on Tuesday, not later");
        let same = |text: &str| Piece::Same(text.to_owned());
        let expected = [
            same("due on "),
            Piece::Removed("Monday".to_owned()),
            Piece::Added("Tuesday".to_owned()),
            same(", not later"),
        ];
        assert_eq!(pieces, expected);
    }

    #[test]
    fn too_much_work_leaves_the_ends() {
        let text = |middle: &str| format!("begin {} end", format!("{middle} ").repeat(5_000));
        let pieces = Work::all().pieces(&text("a"), &text("b"));
        assert_eq!(pieces.len(), 4);
        assert_eq!((joined(&pieces, old), joined(&pieces, new)), (text("a"), text("b")));
    }

    proptest! {
        #[test]
        fn pieces_make_both_texts(a in "[ab .]{0,40}", b in "[ab .]{0,40}", work in 0..400_usize) {
            let pieces = Work(work).pieces(&a, &b);
            prop_assert_eq!(joined(&pieces, old), a);
            prop_assert_eq!(joined(&pieces, new), b);
        }
    }
}
