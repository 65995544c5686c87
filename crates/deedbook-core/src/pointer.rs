//! JSON Pointers (RFC 6901) → the names that lead to a place.

use crate::json::push_segment;

/// The names on the way to the place, unescaped; `None` where `pointer` is none.
pub(crate) fn parse(pointer: &str) -> Option<Vec<String>> {
    if pointer.is_empty() {
        return Some(Vec::new());
    }
    pointer.strip_prefix('/')?.split('/').map(unescaped).collect()
}

/// `pointer` and one name more.
pub(crate) fn below(pointer: &str, name: &str) -> String {
    let mut out = String::with_capacity(pointer.len() + name.len() + 1);
    out.push_str(pointer);
    push_segment(&mut out, name);
    out
}

/// The place in a list that `name` stands for: digits without a leading zero.
pub(crate) fn index(name: &str) -> Option<usize> {
    let digits = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    let plain = name == "0" || !name.starts_with('0');
    (digits && plain).then(|| name.parse().ok()).flatten()
}

fn unescaped(name: &str) -> Option<String> {
    let escapes_well = name.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    // Source: RFC 6901, section 4: first ~1, then ~0, so that ~01 is ~1.
    escapes_well.then(|| name.replace("~1", "/").replace("~0", "~"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone_and_done_again() {
        for (pointer, names) in
            [("", &[][..]), ("/", &[""]), ("/a~1b/m~0n/~01", &["a/b", "m~n", "~1"]), ("/tags/-", &["tags", "-"])]
        {
            assert_eq!(parse(pointer).as_deref(), Some(&names.iter().map(ToString::to_string).collect::<Vec<_>>()[..]));
            assert_eq!(names.iter().fold(String::new(), |path, name| below(&path, name)), pointer);
        }
        assert_eq!([parse("a"), parse("/a~2"), parse("/~")], [None, None, None]);
    }

    #[test]
    fn places_in_lists_are_plain_numbers() {
        assert_eq!(
            ["0", "12", "012", "-", "", "1e3", "99999999999999999999999"].map(index),
            [Some(0), Some(12), None, None, None, None, None]
        );
    }
}
