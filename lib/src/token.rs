//! Tokens, by which programs and screens on walls come in: how they look, and what of them is kept.

use std::fmt::Write;

use sha2::{Digest as _, Sha256};

use crate::config::Secret;

/// What every token begins with, so that scanners for leaked secrets know it.
pub const MARK: &str = "heat_";

/// The random part: 256 bits in lower-case hexadecimal.
const DIGITS: usize = 64;

/// The longest name, in characters.
const LONGEST_NAME: usize = 63;

/// The longest path of a screen, in bytes.
const LONGEST_PATH: usize = 2000;

/// What is kept of a token. It has as many random bits as the digest, so that salt would add nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Of what somebody presents as a token; none if it does not look like one.
    pub fn of(presented: &str) -> Option<Self> {
        let random = presented.strip_prefix(MARK)?;
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let looks_right = random.len() == DIGITS && random.bytes().all(is_digit);
        looks_right.then(|| Self(Sha256::digest(presented).into()))
    }

    /// As it is kept.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A token out of 256 bits that nobody can guess.
pub fn token(random: [u8; 32]) -> Secret {
    let mut text = String::with_capacity(MARK.len() + DIGITS);
    text.push_str(MARK);
    for byte in random {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Secret::new(text)
}

/// A name or a path that no token can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefused {
    /// The name.
    #[error(
        "a token's name has 1 to {LONGEST_NAME} of the characters a-z, 0-9, `.`, `_` and `-`, and begins with a letter or a digit"
    )]
    Name,
    /// The path.
    #[error(
        "a screen's path is one on Heat itself, such as /?kiosk=1: it begins with one slash, has no blank, backslash or \
         control character, only ASCII, and at most {LONGEST_PATH} of them"
    )]
    Path,
}

/// The name, if a token may have it.
pub fn accepted_name(name: &str) -> Result<&str, TokenRefused> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let fits = (1..=LONGEST_NAME).contains(&name.len())
        && name.bytes().all(|byte| is_plain(byte) || matches!(byte, b'.' | b'_' | b'-'))
        && name.bytes().next().is_some_and(is_plain);
    if fits { Ok(name) } else { Err(TokenRefused::Name) }
}

/// The path, if a screen may be sent there: a browser must take it for one on this very server.
pub fn accepted_path(path: &str) -> Result<&str, TokenRefused> {
    let fits = path.len() <= LONGEST_PATH
        && path.starts_with('/')
        && !path.starts_with("//")
        && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if fits { Ok(path) } else { Err(TokenRefused::Path) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_token_looks_like_one_and_two_have_two_digests(one: [u8; 32], other: [u8; 32]) {
            let digest = |random| Digest::of(token(random).reveal()).unwrap();
            prop_assert_eq!(digest(one) == digest(other), one == other);
        }

        #[test]
        fn a_path_that_is_accepted_leads_to_the_server_it_stands_on(path in "[/\\\\a-z?:@ .\t%]{0,8}") {
            let base = url::Url::parse("https://heat.example.net/").unwrap();
            if accepted_path(&path).is_ok() {
                prop_assert_eq!(base.join(&path).unwrap().origin(), base.origin());
            }
        }
    }

    #[test]
    fn what_is_no_token_has_no_digest() {
        let whole = token([7; 32]).reveal().to_owned();
        assert!(Digest::of(&whole).is_some());
        let upper = format!("{MARK}{}", "A".repeat(DIGITS));
        for wrong in ["", "heat_", &whole[1..], &whole[..68], &format!("{whole}0"), &upper] {
            assert_eq!(Digest::of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_digest_is_sha_256_of_the_whole_token() {
        // printf %s heat_000…0 | sha256sum
        let digest = Digest::of(token([0; 32]).reveal()).unwrap();
        let mut hex = String::new();
        for byte in digest.bytes() {
            write!(hex, "{byte:02x}").unwrap();
        }
        assert_eq!(hex, "794ff8290e57c2386522b8a00d0baa8b025fc0b8f4a347fad4ca02c92cbeedd1");
    }

    #[test]
    fn names_and_paths_are_checked() {
        assert_eq!(accepted_name("grafana-2.eu"), Ok("grafana-2.eu"));
        for wrong in ["", "-x", "Wall", "a b", "a:b", "ж", &"x".repeat(64)] {
            assert_eq!(accepted_name(wrong), Err(TokenRefused::Name), "{wrong}");
        }
        assert_eq!(accepted_path("/?kiosk=1&view=3"), Ok("/?kiosk=1&view=3"));
        for wrong in ["", "x", "//evil.example", "/\\evil.example", "/a b", "/\n", "https://evil.example"] {
            assert_eq!(accepted_path(wrong), Err(TokenRefused::Path), "{wrong}");
        }
    }
}
