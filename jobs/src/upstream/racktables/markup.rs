//! The markup in RackTables' dictionary, and how to read through it.
//!
//! A value may be a wiki link (`[[Dell PowerEdge R640 | https://…]]`), hold a blade chassis' layout (`%L2,8H%`), and
//! say how to group a long list: `Vendor%GPASS%Model` is shown as `Vendor Model`, `Group%GSKIP%Model` as `Model`.

/// What RackTables itself would show for a dictionary value.
///
/// The order is RackTables' own: link, layout, `%GPASS%`, `%GSKIP%`, blanks. Text that merely resembles markup stays.
pub(super) fn cleaned(value: &str) -> String {
    let mut text = without_layout(without_link(value.trim()));
    if let Some(at) = text.rfind("%GPASS%") {
        text.replace_range(at..at + "%GPASS%".len(), " ");
    }
    if let Some(at) = text.rfind("%GSKIP%") {
        text.replace_range(..at + "%GSKIP%".len(), "");
    }
    text.trim().to_owned()
}

/// The text of `[[text | url]]`; anything else as it is.
fn without_link(value: &str) -> &str {
    let Some(inside) = value.strip_prefix("[[").and_then(|rest| rest.strip_suffix("]]")) else {
        return value;
    };
    inside.split_once('|').map_or(inside, |(text, _)| text).trim()
}

/// Removes every `%L<rows>,<columns>%`, with or without `H` or `V` before the last `%`.
fn without_layout(value: &str) -> String {
    let mut kept = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.find("%L") {
        let (before, from) = rest.split_at(at);
        kept.push_str(before);
        if let Some(length) = layout_length(from) {
            rest = &from[length..];
        } else {
            kept.push_str("%L");
            rest = &from["%L".len()..];
        }
    }
    kept.push_str(rest);
    kept
}

/// How many bytes of `text`, which begins with `%L`, are a layout.
fn layout_length(text: &str) -> Option<usize> {
    let after_rows = digits(text.strip_prefix("%L")?)?.strip_prefix(',')?;
    let after_columns = digits(after_rows)?;
    let after = after_columns.strip_prefix(['H', 'V']).unwrap_or(after_columns).strip_prefix('%')?;
    Some(text.len() - after.len())
}

/// What follows at least one digit.
fn digits(text: &str) -> Option<&str> {
    let after = text.trim_start_matches(|c: char| c.is_ascii_digit());
    (after.len() < text.len()).then_some(after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_kind_of_markup_is_read_through() {
        for (value, shown) in [
            ("Server", "Server"),
            (" Dell%GPASS%PowerEdge R640 ", "Dell PowerEdge R640"),
            ("noname/unknown%GSKIP%Whitebox 2U", "Whitebox 2U"),
            ("[[Juniper%GPASS%QFX5100 | http://juniper.example/qfx]]", "Juniper QFX5100"),
            ("[[Cisco%GPASS%Catalyst 2960%L1,2H%|http://cisco.example/2960]]", "Cisco Catalyst 2960"),
            ("[[only a text]]", "only a text"),
            ("HP%GPASS%BladeSystem c7000%L2,8V%", "HP BladeSystem c7000"),
            ("HP%GPASS%c3000%L2,4%", "HP c3000"),
            ("%L10,20H%", ""),
            ("Sun%GPASS%a%GPASS%b", "Sun%GPASS%a b"),
            ("a%GSKIP%b%GSKIP%c", "c"),
            ("a%GSKIP%b%GPASS%c", "b c"),
            ("50%Load %L, %L2%, %L2,% and %L2,8X%", "50%Load %L, %L2%, %L2,% and %L2,8X%"),
            ("%L%L2,8%", "%L"),
            ("Стойка%GPASS%Ё-42", "Стойка Ё-42"),
            ("[[", "[["),
            ("", ""),
        ] {
            assert_eq!(cleaned(value), shown, "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn text_without_markup_is_only_trimmed(text in "[^%\\[\\]]{0,40}") {
            prop_assert_eq!(cleaned(&text), text.trim());
        }

        #[test]
        fn whatever_the_pieces_no_layout_and_no_outer_blanks_survive(
            pieces in prop::collection::vec(
                prop::sample::select(vec![
                    "%GPASS%", "%GSKIP%", "%L2,8H%", "%L1,1%", "%L", "%", "[[", "]]", "|", " ", "2,8", "Dell", "ы",
                ]),
                0..12,
            ),
        ) {
            let shown = cleaned(&pieces.concat());
            prop_assert_eq!(shown.trim(), &shown);
            prop_assert!(!shown.contains("%GSKIP%"), "{}", shown);
        }

        #[test]
        fn vendor_and_model_come_out_in_that_order(vendor in "[A-Za-z]{1,8}", model in "[A-Za-z0-9]{1,8}") {
            let shown = cleaned(&format!("[[{vendor}%GPASS%{model}%L2,8H% | http://x.example/{model}]]"));
            prop_assert_eq!(shown, format!("{vendor} {model}"));
        }
    }
}
