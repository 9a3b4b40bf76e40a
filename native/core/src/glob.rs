//! Patterns for node names.

use std::{iter::Peekable, str::Chars};

/// A pattern in which `*` stands for any characters or none, and `?` for one. All others stand for
/// themselves, and letters for their own case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(Box<str>);

impl Glob {
    /// Every text is a pattern.
    pub fn new(pattern: &str) -> Self {
        Self(pattern.into())
    }

    /// Whether the whole text matches.
    ///
    /// Where it does not go on, the last `*` takes one more character: no `*` before it could do
    /// better. So the work is bounded by the product of both lengths.
    pub fn matches(&self, text: &str) -> bool {
        let (mut pattern, mut text) = (self.0.chars().peekable(), text.chars());
        let mut last_star: Option<(Peekable<Chars<'_>>, Chars<'_>)> = None;
        loop {
            if pattern.next_if_eq(&'*').is_some() {
                last_star = Some((pattern.clone(), text.clone()));
                continue;
            }
            match (text.next(), pattern.next()) {
                (None, None) => return true,
                (Some(c), Some(p)) if p == '?' || p == c => {}
                _ => {
                    let Some((after, rest)) = &mut last_star else { return false };
                    if rest.next().is_none() {
                        return false;
                    }
                    (pattern, text) = (after.clone(), rest.clone());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same, in the plainest way.
    fn matches(pattern: &[char], text: &[char]) -> bool {
        match pattern {
            [] => text.is_empty(),
            ['*', rest @ ..] => (0..=text.len()).any(|n| matches(rest, &text[n..])),
            ['?', rest @ ..] => !text.is_empty() && matches(rest, &text[1..]),
            [c, rest @ ..] => text.first() == Some(c) && matches(rest, &text[1..]),
        }
    }

    #[test]
    fn a_pattern_matches_the_whole_name_or_nothing() {
        let cases = [
            ("*", "any@host", true),
            ("app-*@10.0.*", "app-1@10.0.0.7", true),
            ("app-*@10.0.*", "app@10.0.0.7", false),
            ("app-*@10.0.*", "app-1@10.1.0.7", false),
            ("web-?@*", "web-1@x", true),
            ("web-?@*", "web-12@x", false),
            ("web-?@*", "web-@x", false),
            ("app@host", "app@hos", false),
            ("app@host", "app@host1", false),
            ("App@host", "app@host", false),
            ("?@ö?", "a@öt", true),
            ("", "", true),
            ("", "a", false),
            ("**a**", "bab", true),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(Glob::new(pattern).matches(text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_pattern_made_to_take_long_does_not() {
        let pattern = Glob::new(&"*a".repeat(127));
        assert!(pattern.matches(&"a".repeat(255)));
        assert!(!pattern.matches(&("a".repeat(254) + "b")));
        assert!(!pattern.matches(&("a".repeat(126) + &"b".repeat(129))));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]
        #[test]
        fn it_matches_what_the_plainest_reading_matches(pattern in "[ab*?ö]{0,8}", text in "[abö]{0,10}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            let expected = matches(&chars(&pattern), &chars(&text));
            prop_assert_eq!(Glob::new(&pattern).matches(&text), expected);
        }
    }
}
