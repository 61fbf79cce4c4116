//! Which template suits the events: what its front matter says under `match`.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};

use super::subject::{Member, Subject};
use crate::pattern::like;
use crate::severity::Severity;

/// What events a template is for. A condition left out is no condition.
///
/// Names are patterns without regard to case: `*` stands for any characters, `?` for one. A list of them asks for any.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Match {
    /// The source's configured name.
    #[serde(deserialize_with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub source: Vec<String>,
    /// At least as bad as this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// What the problem is called.
    #[serde(deserialize_with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub name: Vec<String>,
    /// The source's tags: all of these names, each with a value that fits. `"*"` fits a tag without a value too.
    #[serde(deserialize_with = "lists_by_name", skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, Vec<String>>,
    /// A location around the rack, at any level.
    #[serde(deserialize_with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub location: Vec<String>,
    /// A RackTables tag of the device or of its rack.
    #[serde(deserialize_with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub racktables_tags: Vec<String>,
    /// Whether the events belong to a rack incident.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incident: Option<bool>,
}

impl Match {
    /// How well it fits: how much it asks for, then how many events in a thousand fulfil all of it. `None` if no event
    /// does.
    pub(super) fn fit(&self, subject: &Subject) -> Option<(usize, usize)> {
        if self.incident.is_some_and(|asked| asked != subject.incident.is_some()) {
            return None;
        }
        let fitting = subject.members.iter().filter(|member| self.fits(member)).count();
        let share = (fitting * 1000).checked_div(subject.members.len())?;
        (fitting > 0).then_some((self.conditions(), share))
    }

    fn conditions(&self) -> usize {
        let lists = [&self.source, &self.name, &self.location, &self.racktables_tags];
        lists.into_iter().filter(|list| !list.is_empty()).count()
            + self.tags.len()
            + usize::from(self.severity.is_some())
            + usize::from(self.incident.is_some())
    }

    fn fits(&self, member: &Member) -> bool {
        let standing = member.standing.as_ref();
        let around = || standing.into_iter().flat_map(|standing| &standing.locations);
        let marks = || {
            let of_device = member.device.iter().flat_map(|device| &device.tags);
            of_device.chain(standing.into_iter().flat_map(|standing| &standing.rack.tags))
        };
        self.severity.is_none_or(|least| member.severity >= least)
            && any(&self.source, [&member.source])
            && any(&self.name, [&member.name])
            && any(&self.location, around())
            && any(&self.racktables_tags, marks())
            && self.tags.iter().all(|(name, values)| {
                let of_name = member.tags.iter().filter(|tag| tag.tag == *name);
                any(values, of_name.map(|tag| &tag.value))
            })
    }
}

/// Whether a pattern fits one of the texts; no patterns, no condition.
fn any(patterns: &[String], texts: impl IntoIterator<Item: AsRef<str>>) -> bool {
    let fits = |text: &str| patterns.iter().any(|pattern| like(text, pattern));
    patterns.is_empty() || texts.into_iter().any(|text| fits(text.as_ref()))
}

/// For serde: a text or a list of texts.
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    OneOrMany::deserialize(deserializer).map(|many| many.0)
}

/// For serde: texts or lists of texts by name.
fn lists_by_name<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Vec<String>>, D::Error> {
    let lists = BTreeMap::<String, OneOrMany>::deserialize(deserializer)?;
    Ok(lists.into_iter().map(|(name, many)| (name, many.0)).collect())
}

struct OneOrMany(Vec<String>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;
        impl<'de> de::Visitor<'de> for Texts {
            type Value = OneOrMany;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text in quotes or a list of them")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany(vec![text.to_owned()]))
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<OneOrMany, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = list.next_element()? {
                    texts.push(text);
                }
                Ok(OneOrMany(texts))
            }
        }
        deserializer.deserialize_any(Texts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Tag;
    use crate::inventory::{Device, Rack};
    use crate::template::subject::{IncidentView, Standing};
    use crate::time::Timestamp;

    fn member() -> Member {
        Member {
            source: "zabbix".into(),
            severity: Severity::High,
            name: "PDU A: no input power".into(),
            tags: vec![
                Tag { tag: "component".into(), value: "power".into() },
                Tag { tag: "netops".into(), ..Tag::default() },
            ],
            device: Some(Device { tags: vec!["prod".into()], ..Device::default() }),
            standing: Some(Standing {
                rack: Rack { tags: vec!["gpu".into()], ..Rack::default() },
                locations: vec!["Europe".into(), "SAS".into()],
                ..Standing::default()
            }),
            ..Member::default()
        }
    }

    fn fit(conditions: serde_json::Value, subject: &Subject) -> Option<(usize, usize)> {
        serde_json::from_value::<Match>(conditions).unwrap().fit(subject)
    }

    #[test]
    fn every_condition_must_be_met_by_one_and_the_same_event() {
        let calm = Member { severity: Severity::Warning, ..Member::default() };
        let subject = Subject::new(vec![member(), calm], Timestamp::default());
        for (conditions, expected) in [
            (serde_json::json!({}), Some((0, 1000))),
            (serde_json::json!({"source": "zab*"}), Some((1, 500))),
            (serde_json::json!({"source": ["juggler", "ZABBIX"]}), Some((1, 500))),
            (serde_json::json!({"severity": "warning"}), Some((1, 1000))),
            (serde_json::json!({"severity": "disaster"}), None),
            (serde_json::json!({"name": "*input power"}), Some((1, 500))),
            (serde_json::json!({"tags": {"component": "power", "netops": "*"}}), Some((2, 500))),
            (serde_json::json!({"tags": {"component": ["disk", "cpu"]}}), None),
            (serde_json::json!({"tags": {"absent": "*"}}), None),
            (serde_json::json!({"location": "sas", "racktables_tags": ["gpu", "lab"]}), Some((2, 500))),
            (serde_json::json!({"racktables_tags": "prod", "location": "VLA"}), None),
            (serde_json::json!({"incident": true}), None),
            (serde_json::json!({"incident": false}), Some((1, 1000))),
        ] {
            assert_eq!(fit(conditions.clone(), &subject), expected, "{conditions}");
        }
    }

    #[test]
    fn an_incident_is_a_condition_of_the_whole() {
        let mut subject = Subject::new(vec![member()], Timestamp::default());
        subject.incident = Some(IncidentView::default());
        assert_eq!(fit(serde_json::json!({"incident": true}), &subject), Some((1, 1000)));
        assert_eq!(fit(serde_json::json!({"incident": false}), &subject), None);
    }
}
