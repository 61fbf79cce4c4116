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
    let lower = |text| str::chars(text).flat_map(char::to_lowercase);
    let (mut text, mut pattern) = (lower(text), lower(pattern));
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
            (Some(wanted), Some(c)) if wanted == '?' || wanted == c => (text, pattern) = (rest, ahead),
            _ => {
                let Some((after, from)) = &mut star else { return false };
                from.next();
                (text, pattern) = (from.clone(), after.clone());
            }
        }
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
    }
}
