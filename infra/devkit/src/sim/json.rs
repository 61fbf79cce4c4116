//! JSON as PHP writes it: everything outside ASCII as `\uXXXX`, every `/` as `\/`, scalars as strings.
//!
//! Written by hand because an answer may hold 100,000 rows, and building a tree of values for them first costs
//! a simulator in a debug build seconds.

use std::fmt::Display;
use std::io::Write as _;

/// A JSON text under construction.
#[derive(Debug, Default)]
pub(crate) struct Json(Vec<u8>);

impl Json {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Text that is JSON already.
    pub(crate) fn raw(&mut self, json: &str) {
        self.0.extend_from_slice(json.as_bytes());
    }

    /// The same as bytes.
    pub(crate) fn bytes(&mut self, json: &[u8]) {
        self.0.extend_from_slice(json);
    }

    pub(crate) fn string(&mut self, text: &str) {
        self.0.push(b'"');
        if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\' | b'/')) {
            self.0.extend_from_slice(text.as_bytes());
            self.0.push(b'"');
            return;
        }
        let mut plain_from = 0;
        let bytes = text.as_bytes();
        for (at, character) in text.char_indices() {
            let plain = matches!(character, ' '..='~') && !matches!(character, '"' | '\\' | '/');
            if plain {
                continue;
            }
            self.0.extend_from_slice(&bytes[plain_from..at]);
            plain_from = at + character.len_utf8();
            match character {
                '"' => self.0.extend_from_slice(b"\\\""),
                '\\' => self.0.extend_from_slice(b"\\\\"),
                '/' => self.0.extend_from_slice(b"\\/"),
                '\n' => self.0.extend_from_slice(b"\\n"),
                '\r' => self.0.extend_from_slice(b"\\r"),
                '\t' => self.0.extend_from_slice(b"\\t"),
                other => {
                    for unit in other.encode_utf16(&mut [0; 2]) {
                        let _ = write!(self.0, "\\u{unit:04x}");
                    }
                }
            }
        }
        self.0.extend_from_slice(&bytes[plain_from..]);
        self.0.push(b'"');
    }

    /// A number or an id, as a string.
    pub(crate) fn quoted(&mut self, value: impl Display) {
        let _ = write!(self.0, "\"{value}\"");
    }

    /// `[…]`, an element for each item.
    pub(crate) fn array<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut each: impl FnMut(&mut Self, T),
    ) {
        self.0.push(b'[');
        let mut first = true;
        for item in items {
            if !first {
                self.0.push(b',');
            }
            first = false;
            each(self, item);
        }
        self.0.push(b']');
    }

    /// `{…}`.
    pub(crate) fn object(&mut self, fill: impl FnOnce(&mut Object<'_>)) {
        self.0.push(b'{');
        fill(&mut Object { json: self, first: true });
        self.0.push(b'}');
    }
}

/// A JSON object under construction.
#[derive(Debug)]
pub(crate) struct Object<'a> {
    json: &'a mut Json,
    first: bool,
}

impl Object<'_> {
    /// The next member; its value is to be written to what is returned. Keys are words and ids: nothing to escape.
    pub(crate) fn member(&mut self, key: &str) -> &mut Json {
        if !self.first {
            self.json.0.push(b',');
        }
        self.first = false;
        self.json.0.push(b'"');
        self.json.0.extend_from_slice(key.as_bytes());
        self.json.0.extend_from_slice(b"\":");
        self.json
    }

    pub(crate) fn string(&mut self, key: &str, value: &str) {
        self.member(key).string(value);
    }

    pub(crate) fn quoted(&mut self, key: &str, value: impl Display) {
        self.member(key).quoted(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_as_php_escapes_it_and_reads_back_the_same() {
        let text = "a/b \"Цюрих – ラック\" \\ \u{7f} \u{1} \n 🔥";
        let mut json = Json::default();
        json.string(text);
        let json = String::from_utf8(json.into_bytes()).unwrap();
        assert!(json.is_ascii(), "{json}");
        assert!(json.starts_with(r#""a\/b"#), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }
}
