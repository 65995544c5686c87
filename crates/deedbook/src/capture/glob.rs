//! Patterns with `*`.

/// A text in which `*` stands for any run of characters, the empty one too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glob(String);

impl Glob {
    pub(super) fn new(pattern: String) -> Self {
        Self(pattern)
    }

    /// Whether all of `text` matches. The time is at most the product of the lengths.
    pub(super) fn matches(&self, text: &str) -> bool {
        let Some((head, rest)) = self.0.split_once('*') else { return self.0 == text };
        let Some(mut text) = text.strip_prefix(head) else { return false };
        let mut parts = rest.split('*').collect::<Vec<_>>();
        let tail = parts.pop().unwrap_or_default();
        // Between two stars the first place that fits is as good as any later one.
        for part in parts {
            match text.split_once(part) {
                Some((_, after)) => text = after,
                None => return false,
            }
        }
        text.ends_with(tail)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn stars_stand_for_any_run() {
        let check = |pattern: &str, text: &str, expected: bool| {
            assert_eq!(Glob::new(pattern.to_owned()).matches(text), expected, "{pattern} {text}");
        };
        check("*", "", true);
        check("", "", true);
        check("", "x", false);
        check("/a/*", "/a/b/c", true);
        check("/a/*", "/a", false);
        check("*/health", "/api/health", true);
        check("a*a", "a", false);
        check("a*a", "aa", true);
        check("a*b*c", "a-b-b-c", true);
        check("a*b*c", "a-c-b", false);
        check("a*ab", "aab", true);
        check("*b*b", "b", false);
    }

    /// The meaning, spelled out: slow and plain.
    fn matches_plainly(pattern: &[char], text: &[char]) -> bool {
        match pattern {
            [] => text.is_empty(),
            ['*', rest @ ..] => (0..=text.len()).any(|skipped| matches_plainly(rest, &text[skipped..])),
            [letter, rest @ ..] => text.first() == Some(letter) && matches_plainly(rest, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn it_matches_as_its_meaning(pattern in "[ab*]{0,8}", text in "[ab]{0,8}") {
            let letters = |text: &str| text.chars().collect::<Vec<_>>();
            let expected = matches_plainly(&letters(&pattern), &letters(&text));
            prop_assert_eq!(Glob::new(pattern).matches(&text), expected);
        }
    }
}
