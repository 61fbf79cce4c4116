//! A subject as templates see it: the variables, and what has to be an object of its own.

use std::fmt;
use std::sync::Arc;

use minijinja::context;
use minijinja::value::{Object, ObjectRepr, Value};

use super::language::Language;
use super::subject::{IncidentView, Member, Standing, Subject, TicketView, is_web};
use crate::comment::Comment;
use crate::event::Tag;
use crate::inventory::Device;

/// An address that a template may make a link of. Text never becomes one: what looks like an address in an alert was
/// chosen by whoever caused it.
#[derive(Debug)]
pub(super) struct Link(pub(super) String);

impl Object for Link {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Link {
    fn value(url: Option<&str>) -> Value {
        match url.filter(|url| is_web(url)) {
            Some(url) => Value::from_object(Self(url.to_owned())),
            None => Value::from(()),
        }
    }
}

/// Labels by name. One that the event does not have is `none` and no error, for events of one kind differ in them.
#[derive(Debug)]
struct Labels(Vec<Tag>);

impl Object for Labels {
    // Not a map, or `"x" in event.tags` would find everything.
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
    fn get_value(self: &Arc<Self>, name: &Value) -> Option<Value> {
        let name = name.as_str()?;
        let of_name = self.0.iter().filter(|tag| tag.tag == name);
        let values: Vec<_> = of_name.map(|tag| tag.value.as_str()).collect();
        Some(if values.is_empty() { Value::from(()) } else { Value::from(values.join(", ")) })
    }
}

/// The variables of every template, by name.
pub(super) fn variables(subject: &Subject, language: Language) -> [(&'static str, Value); 10] {
    let members: Vec<Value> = subject.members.iter().map(|m| member(m, language)).collect();
    let worst = subject.worst().and_then(|worst| subject.members.iter().position(|m| std::ptr::eq(m, worst)));
    let mut racks: Vec<&Standing> = Vec::new();
    for standing in subject.members.iter().filter_map(|member| member.standing.as_ref()) {
        if racks.iter().all(|known| known.rack.id != standing.rack.id) {
            racks.push(standing);
        }
    }
    let everywhere = subject.members.iter().all(|member| member.standing.is_some());
    let common = racks.first().filter(|_| everywhere && racks.len() == 1);
    [
        ("event", worst.and_then(|index| members.get(index).cloned()).into()),
        ("rack", common.map(|standing| rack(standing, language)).into()),
        ("racks", racks.iter().map(|standing| rack(standing, language)).collect()),
        ("members", Value::from(members)),
        ("now", subject.now.to_string().into()),
        ("zone", subject.zone.name().into()),
        ("language", language.to_string().into()),
        ("operator", subject.operator.clone().into()),
        ("ticket", subject.ticket.as_ref().map(ticket).into()),
        ("incident", subject.incident.as_ref().map(incident).into()),
    ]
}

fn member(member: &Member, language: Language) -> Value {
    let standing = member.standing.as_ref();
    let place = match standing {
        Some(standing) => language.place(standing, &standing.units),
        None => language.unplaced(member.unplaced).to_owned(),
    };
    context! {
        host => &member.host,
        severity => u64::from(member.severity.level()),
        name => &member.name,
        text => &member.text,
        opdata => &member.opdata,
        tags => Value::from_object(Labels(member.tags.clone())),
        tag_list => member.tags.iter().map(|t| context! { tag => t.tag.as_str(), value => t.value.as_str() }).collect::<Value>(),
        since => member.since.to_string(),
        source => &member.source,
        url => Link::value(member.url.as_deref()),
        comments => member.comments.iter().map(comment).collect::<Value>(),
        device => Value::from(member.device.as_ref().map(device)),
        rack => Value::from(standing.map(|standing| rack(standing, language))),
        place => place,
        units => standing.map(|standing| standing.units.clone()).unwrap_or_default(),
    }
}

fn comment(comment: &Comment) -> Value {
    context! { author => &comment.author, at => comment.at.to_string(), text => &comment.text }
}

fn device(device: &Device) -> Value {
    context! {
        name => &device.name,
        label => &device.label,
        type => &device.kind,
        hw => &device.hw,
        fqdn => &device.fqdn,
        asset_no => &device.asset_no,
        serial => &device.serial,
        tags => &device.tags,
    }
}

fn rack(standing: &Standing, language: Language) -> Value {
    context! {
        place => language.place(standing, ""),
        name => &standing.rack.name,
        row => &standing.row,
        locations => &standing.locations,
        location => standing.locations.last().cloned().unwrap_or_default(),
        height => u64::from(standing.rack.height),
        asset_no => &standing.rack.asset_no,
        comment => &standing.rack.comment,
        tags => &standing.rack.tags,
    }
}

fn ticket(ticket: &TicketView) -> Value {
    context! { key => &ticket.key, url => Link::value(Some(&ticket.url)) }
}

fn incident(incident: &IncidentView) -> Value {
    context! {
        key => &incident.key,
        reason => &incident.reason,
        since => incident.since.to_string(),
        members => u64::from(incident.members),
    }
}
