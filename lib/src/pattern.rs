//! Patterns as people write them in templates and in the configuration: `*` stands for any characters, `?` for one, and
//! case does not matter.

/// Whether the whole text is like the pattern. Nothing is allocated.
///
/// ```
/// use heat::pattern::like;
/// assert!(like("SRV-1 is unreachable", "*is Unreachable"));
/// assert!(!like("srv-1 is unreachable again", "*is unreachable"));
/// ```
pub fn like(text: &str, pattern: &str) -> bool {
    let (mut text, mut pattern) = (text.chars(), pattern.chars());
    // What follows the last star, and the text from where that is looked for next.
    let mut star = None;
    loop {
        let (mut rest, mut ahead) = (text.clone(), pattern.clone());
        match (ahead.next(), rest.next()) {
            (Some('*'), _) => {
                star = Some((ahead.clone(), text.clone()));
                pattern = ahead;
            }
            (None, None) => return true,
            // A star before could only swallow more.
            (Some(_), None) => return false,
            (Some(wanted), Some(c)) if wanted == '?' || is_same(wanted, c) => (text, pattern) = (rest, ahead),
            _ => {
                let Some((after, from)) = &mut star else { return false };
                from.next();
                // Most texts have no place where it could go on; finding that out fast is most of the work.
                if let Some(wanted) = after.clone().next().filter(|wanted| !matches!(wanted, '*' | '?')) {
                    while from.clone().next().is_some_and(|c| !is_same(wanted, c)) {
                        from.next();
                    }
                }
                (text, pattern) = (from.clone(), after.clone());
            }
        }
    }
}

/// Of characters whose small letter is several, which none but the Turkish capital I with a dot is, the first counts.
fn is_same(a: char, b: char) -> bool {
    a == b
        || if a.is_ascii() && b.is_ascii() {
            a.eq_ignore_ascii_case(&b)
        } else {
            a.to_lowercase().next() == b.to_lowercase().next()
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_text_is_like_itself_with_parts_of_it_left_open(
            parts in prop::collection::vec("[a-cA-Cю ]{0,3}", 1..4), lost in "[a-c]{0,3}",
        ) {
            let pattern = parts.join("*");
            prop_assert!(like(&parts.join(&lost), &pattern));
            prop_assert!(like(&parts.concat().to_uppercase(), &parts.concat()));
            let text = parts.concat();
            prop_assert!(like(&text, &"?".repeat(text.chars().count())));
            let longer = format!("{text}!");
            prop_assert!(!like(&longer, &text), "the whole text counts");
        }

        #[test]
        fn it_agrees_with_the_plain_definition(text in "[aAbю*]{0,6}", pattern in "[aBЮ*?]{0,6}") {
            let chars = |text: &str| text.to_lowercase().chars().collect::<Vec<_>>();
            prop_assert_eq!(like(&text, &pattern), plainly_like(&chars(&text), &chars(&pattern)));
        }
    }

    fn plainly_like(text: &[char], pattern: &[char]) -> bool {
        match pattern {
            [] => text.is_empty(),
            ['*', rest @ ..] => (0..=text.len()).any(|swallowed| plainly_like(&text[swallowed..], rest)),
            [wanted, rest @ ..] => match text {
                [c, text @ ..] => (*wanted == '?' || wanted == c) && plainly_like(text, rest),
                [] => false,
            },
        }
    }
}
