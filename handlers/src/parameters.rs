//! The parameters of a request: those a route knows, each once, in UTF-8. Whatever else stands in a query is a mistake that
//! would go unseen if it were passed over.

use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::form_urlencoded;

use crate::problem::Problem;

/// A query, read.
#[derive(Debug)]
pub(crate) struct Parameters<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Parameters<'a> {
    /// Of a query in which each of these names may stand once.
    pub(crate) fn once(query: &'a str, known: &[&str]) -> Result<Self, Problem> {
        let read = Self::many(query, known)?;
        for (at, (name, _)) in read.0.iter().enumerate() {
            if read.0[..at].iter().any(|(before, _)| before == name) {
                return Err(Problem::Invalid(format!("{name} is given twice; say it once")));
            }
        }
        Ok(read)
    }

    /// Of a query in which each of these names may stand any number of times.
    pub(crate) fn many(query: &'a str, known: &[&str]) -> Result<Self, Problem> {
        // What separates parameters is ASCII, so that the whole is UTF-8 if its parts are.
        if percent_decode_str(query).decode_utf8().is_err() {
            return Err(Problem::Invalid("the query is not percent-encoded UTF-8".to_owned()));
        }
        let read: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
        if let Some((name, _)) = read.iter().find(|(name, _)| !known.contains(&&**name)) {
            let expected = match known {
                [others @ .., last] if !others.is_empty() => format!("{} or {last}", others.join(", ")),
                known => known.concat(),
            };
            return Err(Problem::Invalid(format!("unknown parameter {name}, expected {expected}")));
        }
        Ok(Self(read))
    }

    /// The value of a name, if it is given.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// The values of a name.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// A whole number from 1 to `most`.
    pub(crate) fn number<T>(&self, name: &str, most: T) -> Result<Option<T>, Problem>
    where
        T: Copy + Display + From<u8> + FromStr + PartialOrd,
    {
        let read = |text: &str| {
            let read = text.parse().ok().filter(|number| *number >= T::from(1) && *number <= most);
            read.ok_or_else(|| Problem::Invalid(format!("{name} = {text}: it is a number from 1 to {most}")))
        };
        self.get(name).map(read).transpose()
    }

    /// `limit`: how long a page may be, `page` unless asked otherwise, `most` at most.
    pub(crate) fn limit(&self, page: usize, most: usize) -> Result<usize, Problem> {
        Ok(self.number("limit", most)?.unwrap_or(page))
    }

    /// `cursor`: what the page goes on behind, as [`cursor`] wrote it.
    pub(crate) fn cursor<T: DeserializeOwned>(&self) -> Result<Option<T>, Problem> {
        let read = |text: &str| {
            let json = URL_SAFE_NO_PAD.decode(text).ok();
            json.and_then(|json| serde_json::from_slice(&json).ok()).ok_or_else(not_ours)
        };
        self.get("cursor").map(read).transpose()
    }

    /// `cursor`, where it is the id that the page goes on behind.
    pub(crate) fn id_cursor(&self) -> Result<Option<i64>, Problem> {
        match self.cursor()? {
            Some(id) if id < 1 => Err(not_ours()),
            id => Ok(id),
        }
    }
}

fn not_ours() -> Problem {
    Problem::Invalid("cursor is none that Heat gave; take it from `next` of the page before".to_owned())
}

/// A cursor behind this entry.
pub(crate) fn cursor(place: &impl Serialize) -> Result<String, Problem> {
    let json = serde_json::to_vec(place).context("cannot write a cursor")?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}

/// Cuts a page to its length; with more behind it, a cursor of its last entry.
pub(crate) fn cut<T, P: Serialize>(
    entries: &mut Vec<T>,
    length: usize,
    place: impl FnOnce(&T) -> P,
) -> Result<Option<String>, Problem> {
    let more = entries.len() > length;
    entries.truncate(length);
    entries.last().filter(|_| more).map(|last| cursor(&place(last))).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused<T: std::fmt::Debug>(answer: Result<T, Problem>) -> String {
        match answer {
            Err(Problem::Invalid(detail)) => detail,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_known_name_is_read_and_any_other_told_what_is_known() {
        let read = Parameters::once("q=a+b%2B&limit=7", &["q", "limit"]).unwrap();
        assert_eq!((read.get("q"), read.limit(5, 9).unwrap()), (Some("a b+"), 7));
        assert_eq!(Parameters::once("", &["limit"]).unwrap().limit(5, 9).unwrap(), 5);
        assert_eq!(
            refused(Parameters::once("x=1", &["a", "b", "c"])),
            "unknown parameter x, expected a, b or c"
        );
        assert_eq!(refused(Parameters::once("x=1", &["a"])), "unknown parameter x, expected a");
        assert!(refused(read.number("limit", 6_usize)).contains("from 1 to 6"));
    }

    #[test]
    fn nothing_is_passed_over_in_silence() {
        assert!(refused(Parameters::once("q=a&q=b", &["q"])).contains("twice"));
        for broken in ["q=%FF", "%FF=q", "q=%E2%82&limit=1"] {
            assert!(refused(Parameters::once(broken, &["q", "limit"])).contains("UTF-8"), "{broken}");
        }
        let many = Parameters::many("id=a&id=b", &["id"]).unwrap();
        assert_eq!(many.all("id").collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn a_cursor_is_taken_back_only_if_heat_gave_it() {
        let of = |text: &str| {
            let query = format!("cursor={text}");
            Parameters::once(&query, &["cursor"]).unwrap().id_cursor()
        };
        assert_eq!(of("NDI").unwrap(), Some(42));
        for bad in ["", "42", "LTE", "MA", "e30"] {
            assert!(refused(of(bad)).contains("none that Heat gave"), "{bad}");
        }
    }

    #[test]
    fn a_page_names_the_next_one_only_if_there_is_one() {
        let cut_to = |length| {
            let mut entries = vec![7_i64, 8, 9];
            (cut(&mut entries, length, |last| *last).unwrap(), entries.len())
        };
        assert_eq!(cut_to(3), (None, 3));
        assert_eq!(cut_to(2), (Some(URL_SAFE_NO_PAD.encode("8")), 2));
    }

    #[test]
    fn a_cursor_reads_back_as_it_was_written() {
        let place = (i64::MIN, "a&b=c+%FF \"я\u{1f525}".to_owned());
        let query = format!("cursor={}", cursor(&place).unwrap());
        assert_eq!(Parameters::once(&query, &["cursor"]).unwrap().cursor().unwrap(), Some(place));
    }
}
