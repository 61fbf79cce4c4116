//! Which names RackCode allows.

use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

/// What may stand between the letters and digits of a name, one at a time, with a blank on either side or both.
const SEPARATORS: [char; 6] = ['.', '_', '~', '+', '%', '-'];

/// A letter of any script: Unicode's general category L, to which combining marks and numerals do not belong.
pub(super) fn is_letter(character: char) -> bool {
    character.is_ascii_alphabetic()
        || (!character.is_ascii() && character.general_category_group() == GeneralCategoryGroup::Letter)
}

/// Whether people may call a tag or a predicate so.
pub(super) fn is_name(text: &str) -> bool {
    let first = |c: char| is_letter(c) || c.is_ascii_digit() || c == '-';
    let body = |c: char| is_letter(c) || c.is_ascii_digit() || c == ':';
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    // The last character may be followed by one of these.
    while !matches!(rest, "" | "%" | "+") {
        let unit = rest.strip_prefix(' ').unwrap_or(rest);
        let unit = match unit.strip_prefix(SEPARATORS) {
            Some(after) => after.strip_prefix(' ').unwrap_or(after),
            None => unit,
        };
        let Some(after) = unit.strip_prefix(body) else { return false };
        rest = after;
    }
    true
}

/// Whether a tag that is computed may be called so.
pub(super) fn is_automatic(text: &str) -> bool {
    text.strip_prefix('$').is_some_and(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_single_separators_between_letters_and_digits() {
        for name in "dc1|hall 7|a - b|a -b|a+ b|x.y_z~1|75%|c+|-x|-|7|team:net|x:|x::|ВЛА|名古屋|ª".split('|')
        {
            assert!(is_name(name), "{name}");
        }
        let wrong = "| a|a |a  b|a..b|a._b|a.|a +|c++|:a|~a|_a|+|a/b|a(b)|$a|e\u{301}|a\u{663}|a\u{a0}b|a\n|\u{1f525}|Ⅷ";
        for name in wrong.split('|') {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn an_automatic_name_is_a_dollar_and_a_name() {
        for name in ["$typeid_4", "$cn_web 1", "$8021Q_tpl_3", "$-"] {
            assert!(is_automatic(name), "{name}");
        }
        for name in ["$", "$$a", "a", "$ a", "$cn_", "$cn_-x", "$cn_a__b", "$cn_db/1"] {
            assert!(!is_automatic(name), "{name}");
        }
    }
}
