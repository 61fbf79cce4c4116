//! What the robot says on a ticket: by the template that the ticket's own names, or in plain words.

use std::collections::BTreeSet;

use heat::cache::Cache;
use heat::db::outbox::{DuePost, MemberOf};
use heat::template::{Member, Set, Subject, TicketView, escaped};
use heat::time::Timestamp;

/// How many events are named one by one in plain words; the rest is counted.
const NAMED: usize = 50;

/// The active templates.
pub struct Words {
    set: Option<Set>,
}

/// A comment, and which openings it speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The comment, in the tracker's markup.
    pub text: String,
    /// The openings that need no further word.
    pub announced: Vec<String>,
}

impl Words {
    /// Of the set that is active now. Where it cannot be had, plain words do.
    pub async fn read(cache: &Cache) -> Self {
        let set = match cache.templates().await {
            Ok(active) => active.and_then(|(_, files)| Set::parse(&files).ok()),
            Err(error) => {
                tracing::warn!(%error, "the robot does without templates");
                None
            }
        };
        Self { set }
    }

    /// The queues that templates send tickets to.
    pub fn queues(&self) -> BTreeSet<String> {
        let queues = self.set.iter().flat_map(Set::tickets).map(|template| template.queue.clone());
        // One that is found per ticket cannot be asked for beforehand.
        queues.filter(|queue| !queue.contains('{')).collect()
    }

    /// The words of a post about these openings of its ticket; none if there is nothing to say after all.
    pub fn of(&self, post: &DuePost, members: &[MemberOf]) -> Option<Said> {
        match post.kind.as_str() {
            "more" => self.more(post, members),
            _ => Some(self.clear(post, members)),
        }
    }

    fn more(&self, post: &DuePost, members: &[MemberOf]) -> Option<Said> {
        let unsaid = |gone: bool| members.iter().filter(move |m| !m.announced && m.removed == gone);
        let came: Vec<Member> = unsaid(false).map(read).collect();
        let went: Vec<Member> = unsaid(true).map(read).collect();
        let mut parts = Vec::new();
        if !came.is_empty() {
            let by_template = self.by_template(post.comment_on_more.as_deref(), post, came.clone());
            parts.push(by_template.unwrap_or_else(|| listed("Also burning:", &came)));
        }
        if !went.is_empty() {
            parts.push(listed("No longer part of this ticket:", &went));
        }
        let announced = unsaid(false).chain(unsaid(true)).map(|m| m.event_id.clone()).collect();
        (!parts.is_empty()).then(|| Said { text: parts.join("\n\n"), announced })
    }

    fn clear(&self, post: &DuePost, members: &[MemberOf]) -> Said {
        let all: Vec<Member> = members.iter().filter(|m| !m.removed).map(read).collect();
        let text = self
            .by_template(post.comment_on_clear.as_deref(), post, all.clone())
            .unwrap_or_else(|| listed("All of it has cleared:", &all));
        Said { text, announced: Vec::new() }
    }

    fn by_template(&self, name: Option<&str>, post: &DuePost, members: Vec<Member>) -> Option<String> {
        let (set, name) = (self.set.as_ref()?, name?);
        let ticket = TicketView { key: post.key.clone(), url: post.url.clone() };
        let operator = (post.author != "heat").then(|| post.author.clone());
        let subject = Subject { ticket: Some(ticket), operator, ..Subject::new(members, Timestamp::now()) };
        match set.comment(name, &subject) {
            Ok(text) => Some(text),
            Err(error) => {
                tracing::warn!(%error, ticket = post.ticket_id, "the robot says it in plain words");
                None
            }
        }
    }
}

/// A member as it was stored; one of another version says nothing but its id.
fn read(member: &MemberOf) -> Member {
    serde_json::from_value(member.member.clone())
        .unwrap_or_else(|_| Member { name: member.event_id.clone(), ..Member::default() })
}

fn listed(heading: &str, members: &[Member]) -> String {
    let line = |member: &Member| format!("* {}: {}", escaped(&member.host), escaped(&member.name));
    let mut lines = vec![heading.to_owned(), String::new()];
    lines.extend(members.iter().take(NAMED).map(line));
    if members.len() > NAMED {
        lines.push(format!("* and {} more", members.len() - NAMED));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn post(kind: &str) -> DuePost {
        DuePost {
            id: 1,
            uuid: "u".into(),
            kind: kind.into(),
            body: None,
            author: "ann".into(),
            attempts: 0,
            maybe_sent: false,
            ticket_id: 7,
            key: "NOC-7".into(),
            url: String::new(),
            comment_on_more: Some("gone".into()),
            comment_on_clear: None,
        }
    }

    fn member(host: &str, removed: bool, announced: bool) -> MemberOf {
        let member = json!({ "host": host, "name": "fell | over @all" });
        MemberOf { event_id: format!("z:1:{host}"), member, removed, announced }
    }

    #[test]
    fn only_what_the_ticket_does_not_know_is_said_and_alert_text_does_no_harm() {
        let words = Words { set: None };
        let members = [member("a", false, true), member("b", false, false), member("c", true, false)];
        let said = words.of(&post("more"), &members).unwrap();
        assert_eq!(said.announced, ["z:1:b", "z:1:c"]);
        assert!(said.text.starts_with("Also burning:\n\n* b: fell"), "{}", said.text);
        assert!(said.text.contains("No longer part of this ticket:\n\n* c:"), "{}", said.text);
        assert!(!said.text.contains("over @all"), "{}", said.text);
    }

    #[test]
    fn what_came_and_went_needs_no_word() {
        let words = Words { set: None };
        assert_eq!(words.of(&post("more"), &[member("a", false, true), member("b", true, true)]), None);
    }

    #[test]
    fn a_long_list_is_counted_to_its_end() {
        let many: Vec<_> = (0..60).map(|n| member(&format!("h{n}"), false, true)).collect();
        let said = Words { set: None }.of(&post("clear"), &many).unwrap();
        assert!(said.text.ends_with("* and 10 more"), "{}", said.text);
        assert_eq!(said.announced, Vec::<String>::new());
    }
}
