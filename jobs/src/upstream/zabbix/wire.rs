//! What Zabbix writes: the JSON shapes of its API, read leniently.
//!
//! Zabbix writes nearly every scalar as a string, and some as a number; which is which changes between versions. Both are
//! taken everywhere. Rows borrow their text from the body: 20,000 problems are seven megabytes.

use std::borrow::Cow;
use std::fmt;

use heat::severity::Severity;
use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::upstream::http::{self, BodyError};

/// Why a body is not the result that was asked for.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// No JSON, or of another shape.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The API says no. The texts are Zabbix' own, in the language of its user.
    #[error("says: {message} {data}")]
    Refused {
        /// JSON-RPC's code, or 1 where the frontend could not even start.
        code: i64,
        /// The kind of error.
        message: String,
        /// What was wrong.
        data: String,
    },
}

/// An active problem as `problem.get` lists it.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
pub struct Problem<'a> {
    /// Its identity; grows with time.
    #[serde(deserialize_with = "id")]
    pub eventid: u64,
    /// Its trigger.
    #[serde(deserialize_with = "id")]
    pub objectid: u64,
    /// When it began, Unix seconds.
    #[serde(default, deserialize_with = "number")]
    pub clock: u64,
    /// What is wrong, macros resolved.
    #[serde(borrow, default, deserialize_with = "text")]
    pub name: Cow<'a, str>,
    /// How bad; may have been changed by hand. What is none of the six is not classified.
    #[serde(default, deserialize_with = "severity")]
    pub severity: Severity,
    /// Somebody acknowledged it in Zabbix.
    #[serde(default, deserialize_with = "flag")]
    pub acknowledged: bool,
    /// Suppressed by a maintenance, or by hand.
    #[serde(default, deserialize_with = "flag")]
    pub suppressed: bool,
    /// The problem of which this one is a symptom, 0 for none. From 6.4.
    #[serde(default, deserialize_with = "number")]
    pub cause_eventid: u64,
    /// Labels of trigger, item, template and host together.
    #[serde(borrow, default, deserialize_with = "list")]
    pub tags: Vec<Tag<'a>>,
}

/// A label.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
pub struct Tag<'a> {
    /// Its name.
    #[serde(borrow, default, deserialize_with = "text")]
    pub tag: Cow<'a, str>,
    /// Its value.
    #[serde(borrow, default, deserialize_with = "text")]
    pub value: Cow<'a, str>,
}

/// What a problem's trigger is for here: a way to its hosts and to the triggers it depends on.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Trigger {
    #[serde(deserialize_with = "id")]
    pub(super) triggerid: u64,
    #[serde(default, deserialize_with = "list")]
    pub(super) hosts: Vec<HostName>,
    #[serde(default, deserialize_with = "list")]
    pub(super) dependencies: Vec<TriggerId>,
}

#[derive(Debug, serde::Deserialize)]
pub(super) struct HostName {
    #[serde(default, deserialize_with = "text_owned")]
    pub(super) host: String,
}

#[derive(Debug, serde::Deserialize)]
pub(super) struct TriggerId {
    #[serde(deserialize_with = "id")]
    pub(super) triggerid: u64,
}

/// A host and what watches it. 6.0 writes `proxy_hostid`, 7.0 the other three.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Host {
    /// The technical name.
    #[serde(default, rename = "host", deserialize_with = "text_owned")]
    pub(super) name: String,
    #[serde(default, deserialize_with = "number")]
    pub(super) status: u64,
    #[serde(default, deserialize_with = "number")]
    pub(super) proxy_hostid: u64,
    #[serde(default, deserialize_with = "number")]
    pub(super) monitored_by: u64,
    #[serde(default, deserialize_with = "number")]
    pub(super) proxyid: u64,
    #[serde(default, deserialize_with = "number")]
    pub(super) assigned_proxyid: u64,
}

#[derive(Debug, serde::Deserialize)]
pub(super) struct Proxy {
    #[serde(deserialize_with = "id")]
    pub(super) proxyid: u64,
    #[serde(default, deserialize_with = "text_owned", alias = "host")]
    pub(super) name: String,
    /// Unix seconds of the server's clock; 0 = never.
    #[serde(default, deserialize_with = "number")]
    pub(super) lastaccess: u64,
}

#[derive(Debug, serde::Deserialize)]
pub(super) struct OperationalData {
    #[serde(deserialize_with = "id")]
    pub(super) eventid: u64,
    #[serde(default, deserialize_with = "text_owned")]
    pub(super) opdata: String,
}

/// The answer of `countOutput`, a string that is a number.
#[derive(Debug, serde::Deserialize)]
#[serde(transparent)]
pub(super) struct Count(#[serde(deserialize_with = "id")] pub(super) u64);

#[derive(serde::Deserialize)]
struct Envelope<T> {
    result: Option<T>,
    error: Option<Refusal>,
}

#[derive(serde::Deserialize)]
struct Refusal {
    #[serde(default)]
    code: i64,
    #[serde(default, deserialize_with = "text_owned")]
    message: String,
    #[serde(default, deserialize_with = "text_owned")]
    data: String,
}

/// The problems of one page, borrowing from its body; a row without ids or with nested garbage fails the page, an odd
/// scalar does not.
///
/// ```
/// let body = br#"{"jsonrpc":"2.0","result":[{"eventid":"18446744073709551615","objectid":7,"severity":"9"}],"id":1}"#;
/// let problems = heat_jobs::upstream::zabbix::parse_problems(body)?;
/// assert_eq!((problems[0].eventid, problems[0].objectid, problems[0].severity.level()), (u64::MAX, 7, 0));
/// # Ok::<(), heat_jobs::upstream::zabbix::AnswerError>(())
/// ```
pub fn parse_problems(body: &[u8]) -> Result<Vec<Problem<'_>>, AnswerError> {
    result(body)
}

/// The `result` of an answer, else its error.
pub(super) fn result<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, AnswerError> {
    let envelope: Envelope<T> = http::json(body)?;
    if let Some(Refusal { code, message, data }) = envelope.error {
        let (message, data) = (http::quoted(message.as_bytes()), http::quoted(data.as_bytes()));
        return Err(AnswerError::Refused { code, message, data });
    }
    envelope.result.ok_or_else(|| BodyError::Shape("neither result nor error".to_owned()).into())
}

/// A scalar of any JSON type, for those who read it as text or as a number.
enum Scalar<'a> {
    Text(Cow<'a, str>),
    Number(u64),
    Other,
}

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Scalar<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a number")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Text(Cow::Owned(text.to_owned())))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Number(number))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Text(Cow::Owned(number.to_string())))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Text(Cow::Owned(number.to_string())))
            }
            fn visit_bool<E>(self, flag: bool) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Number(flag.into()))
            }
            fn visit_unit<E>(self) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Other)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Scalar<'de>, A::Error> {
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Scalar::Other)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Scalar<'de>, A::Error> {
                while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Scalar::Other)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

impl Scalar<'_> {
    fn number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
            Self::Other => None,
        }
    }
}

fn text<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'a, str>, D::Error> {
    Ok(match Scalar::deserialize(deserializer)? {
        Scalar::Text(text) => text,
        Scalar::Number(number) => Cow::Owned(number.to_string()),
        Scalar::Other => Cow::Borrowed(""),
    })
}

fn text_owned<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    text(deserializer).map(Cow::into_owned)
}

/// A number without which the row means nothing.
fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Scalar::deserialize(deserializer)?
        .number()
        .ok_or_else(|| de::Error::custom("an id or count is not a number"))
}

/// A number for which 0 will do.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Ok(Scalar::deserialize(deserializer)?.number().unwrap_or(0))
}

fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    number(deserializer).map(|number| number != 0)
}

fn severity<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Severity, D::Error> {
    number(deserializer).map(|level| Severity::try_from(level).unwrap_or_default())
}

/// A list, where PHP may write null for none.
fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_come_as_strings_or_as_numbers_and_oddities_harm_nothing() {
        let body = r#"{"result":[
            {"eventid":9007199254740993,"objectid":"3","clock":1767193200,"ns":"1","name":"Диск \"sda\"","severity":4,
             "acknowledged":true,"suppressed":"1","cause_eventid":"0","tags":[{"tag":"a","value":null},{"tag":1}],"new":{}},
            {"eventid":"8","objectid":"3","clock":"-1","name":null,"severity":[],"acknowledged":{},"tags":null}
        ]}"#;
        let problems = parse_problems(body.as_bytes()).unwrap();
        assert_eq!(problems[0].eventid, 9_007_199_254_740_993);
        assert_eq!((&*problems[0].name, problems[0].severity), ("Диск \"sda\"", Severity::High));
        assert!(problems[0].acknowledged && problems[0].suppressed);
        assert_eq!(problems[0].tags[1].tag, "1");
        assert_eq!(problems[1], Problem { eventid: 8, objectid: 3, ..Problem::default() });
    }

    #[test]
    fn plain_text_is_borrowed_from_the_body() {
        let body = br#"{"result":[{"eventid":"1","objectid":"2","name":"plain"}]}"#;
        assert!(matches!(parse_problems(body).unwrap()[0].name, Cow::Borrowed("plain")));
    }

    #[test]
    fn a_row_without_ids_is_refused() {
        for row in [
            r#"{"eventid":"1"}"#,
            r#"{"eventid":null,"objectid":"1"}"#,
            r#"{"eventid":"x","objectid":"1"}"#,
            "7",
        ] {
            let body = format!(r#"{{"result":[{row}]}}"#);
            let error = parse_problems(body.as_bytes()).unwrap_err();
            assert!(matches!(error, AnswerError::Body(BodyError::Shape(_))), "{row}: {error}");
        }
    }

    #[test]
    fn an_error_is_kept_with_its_code_and_both_texts() {
        let body = br#"{"jsonrpc":"2.0","error":{"code":-32602,"message":"Invalid params.","data":"Not authorized."},"id":1}"#;
        let error = parse_problems(body).unwrap_err();
        assert!(
            matches!(error, AnswerError::Refused { code: -32602, data, .. } if data == "Not authorized.")
        );
    }

    proptest! {
        #[test]
        fn no_body_makes_the_parser_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse_problems(&body);
        }

        #[test]
        fn a_page_cut_anywhere_is_an_error(cut in 0_usize..90) {
            let body = br#"{"jsonrpc":"2.0","result":[{"eventid":"1","objectid":"2","tags":[{"tag":"a"}]}],"id":1}"#;
            prop_assert!(parse_problems(&body[..cut.min(body.len() - 1)]).is_err());
        }
    }
}
