//! What names an event at its source: the values for the source's `link`.

use std::fmt;

use compact_str::CompactString;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Values by name, `{"eventid":"81204","triggerid":"30170"}`, sorted by name and each name once.
///
/// A list, because there are two to four of them and a snapshot has one such list for each event: a tree of two takes half a
/// kilobyte.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reference(Vec<(CompactString, CompactString)>);

impl Reference {
    /// The value of that name.
    ///
    /// ```
    /// let reference = heat::reference::Reference::from([("triggerid", "7"), ("eventid", "81204")]);
    /// assert_eq!(reference.get("triggerid"), Some("7"));
    /// assert_eq!(reference.get("host"), None);
    /// ```
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(has, _)| has == name).map(|(_, value)| value.as_str())
    }

    /// Whether there is no value at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A URL template with its `{names}` filled in; none if a value is missing, or if there is no template.
    pub fn fill(&self, template: &str) -> Option<String> {
        let mut parts = template.split('{');
        let mut url = parts.next().filter(|_| !template.is_empty())?.to_owned();
        for part in parts {
            let (name, rest) = part.split_once('}')?;
            url.extend(utf8_percent_encode(self.get(name)?, NON_ALPHANUMERIC));
            url.push_str(rest);
        }
        Some(url)
    }

    /// Sets a value; one of the same name gives way.
    pub fn set(&mut self, name: impl Into<CompactString>, value: impl Into<CompactString>) {
        let (name, value) = (name.into(), value.into());
        match self.0.binary_search_by(|(has, _)| has.cmp(&name)) {
            Ok(at) => self.0[at].1 = value,
            Err(at) => self.0.insert(at, (name, value)),
        }
    }
}

impl<N: Into<CompactString>, V: Into<CompactString>, const COUNT: usize> From<[(N, V); COUNT]> for Reference {
    fn from(values: [(N, V); COUNT]) -> Self {
        let mut reference = Self(Vec::with_capacity(COUNT));
        for (name, value) in values {
            reference.set(name, value);
        }
        reference
    }
}

impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Values;
        impl<'de> Visitor<'de> for Values {
            type Value = Reference;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("texts by name")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Reference, A::Error> {
                let mut reference = Reference::default();
                while let Some((name, value)) = map.next_entry::<CompactString, CompactString>()? {
                    reference.set(name, value);
                }
                Ok(reference)
            }
        }
        deserializer.deserialize_map(Values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn it_is_written_and_read_as_a_map_is(values in prop::collection::btree_map("[a-z\"]{0,3}", ".{0,30}", 0..5)) {
            let json = serde_json::to_string(&values).unwrap();
            let reference: Reference = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(serde_json::to_string(&reference).unwrap(), json);
            prop_assert!(values.iter().all(|(name, value)| reference.get(name) == Some(value)));
        }

        #[test]
        fn the_order_in_which_values_come_makes_no_difference(
            values in prop::array::uniform3(("[a-c]", "[0-9]")),
        ) {
            let last: BTreeMap<_, _> = values.iter().cloned().collect();
            let reference = Reference::from(values);
            prop_assert_eq!(serde_json::to_string(&reference).unwrap(), serde_json::to_string(&last).unwrap());
        }
    }

    #[test]
    fn a_link_is_filled_in_whole_or_not_at_all() {
        let values = Reference::from([("host", "a b/я"), ("id", "7")]);
        assert_eq!(values.fill("http://z/?e={id}&h={host}#x").unwrap(), "http://z/?e=7&h=a%20b%2F%D1%8F#x");
        assert_eq!(values.fill("http://z/").unwrap(), "http://z/");
        for broken in ["", "http://z/{nothing}", "http://z/{id"] {
            assert_eq!(values.fill(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_value_that_is_no_text_is_refused() {
        assert!(serde_json::from_str::<Reference>(r#"{"eventid":7}"#).is_err());
    }
}
