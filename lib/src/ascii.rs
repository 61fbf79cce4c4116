//! JSON in ASCII alone.

use std::io::{self, Write};

use serde_json::ser::Formatter;

/// Writes compact JSON in which everything beyond ASCII is `\uXXXX`. Every reader of JSON takes either; but a browser takes
/// a message in ASCII as it stands, while a single letter beyond makes it decode all of it, and keep it at two bytes a
/// letter, which takes longer than to inflate it and to parse it.
pub(crate) struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        // Nearly all is, and this looks at many letters at once.
        while !rest.is_ascii() {
            let at = rest.find(|letter: char| !letter.is_ascii()).unwrap_or(rest.len());
            let (plain, beyond) = rest.split_at(at);
            let (beyond, after) =
                beyond.split_at(beyond.find(|letter: char| letter.is_ascii()).unwrap_or(beyond.len()));
            writer.write_all(plain.as_bytes())?;
            for unit in beyond.encode_utf16() {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = after;
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde_json::Serializer;

    use super::Ascii;

    fn ascii(text: &str) -> String {
        let mut json = Vec::new();
        text.serialize(&mut Serializer::with_formatter(&mut json, Ascii)).unwrap();
        String::from_utf8(json).unwrap()
    }

    #[test]
    fn what_is_beyond_ascii_is_escaped_and_reads_the_same() {
        assert_eq!(ascii("35 °C: «горит» 🔥\n\"x\""), {
            r#""35 \u00b0C: \u00ab\u0433\u043e\u0440\u0438\u0442\u00bb \ud83d\udd25\n\"x\"""#
        });
        for text in ["", "plain", "é", "aé", "éa", "🔥🔥", "\u{7f}\u{80}\u{ffff}\u{10000}"] {
            let json = ascii(text);
            assert!(json.is_ascii(), "{json}");
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
