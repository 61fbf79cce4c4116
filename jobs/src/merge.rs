//! Presence is evidence, absence needs a complete sweep: what an unfinished one may change.

use std::collections::{HashMap, HashSet};

use heat::event::Event;

/// Brings events into the order in which sources keep them, each opening once.
pub fn sort(events: &mut Vec<Event>) {
    events.sort_by(|a, b| (&a.key, &a.id).cmp(&(&b.key, &b.id)));
    events.dedup_by(|a, b| a.id == b.id);
}

/// The last good events with what an unfinished sweep saw: it adds and worsens, and takes nothing away.
///
/// What it added or worsened is flagged as partial. An event that was seen without its host does not stand beside the
/// same problem with its hosts known, and gives way once they are.
pub fn with_seen(last: &[Event], seen: Vec<Event>) -> Vec<Event> {
    let hosts_known: HashSet<String> = last
        .iter()
        .chain(&seen)
        .filter(|event| !event.host_pending)
        .map(|event| problem(event).to_owned())
        .collect();
    let mut worse = HashMap::new();
    let mut merged: Vec<Event> = last
        .iter()
        .filter(|event| !event.host_pending || !hosts_known.contains(problem(event)))
        .cloned()
        .collect();
    let known: HashMap<String, usize> =
        merged.iter().enumerate().map(|(index, event)| (event.id.clone(), index)).collect();
    for mut event in seen {
        if event.host_pending && hosts_known.contains(problem(&event)) {
            worse.insert(problem(&event).to_owned(), event.severity);
            continue;
        }
        event.partial = true;
        match known.get(&event.id) {
            Some(&index) if event.severity > merged[index].severity => {
                event.opdata = std::mem::take(&mut merged[index].opdata);
                merged[index] = event;
            }
            Some(_) => {}
            None => merged.push(event),
        }
    }
    for event in &mut merged {
        if let Some(&severity) = worse.get(problem(event))
            && severity > event.severity
        {
            event.severity = severity;
            event.partial = true;
        }
    }
    sort(&mut merged);
    merged
}

/// The part of an opening's id that names the problem whatever its hosts: all before the last colon, since a host's own
/// colons are escaped.
fn problem(event: &Event) -> &str {
    event.id.rsplit_once(':').map_or(&event.id, |(problem, _)| problem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use heat::event::{event_key, opening_id};
    use heat::severity::Severity;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    fn event(number: u8, host: &str, severity: u8) -> Event {
        Event {
            id: opening_id("z", &number.to_string(), host),
            key: event_key("z", &number.to_string(), host),
            host: host.into(),
            severity: Severity::ALL[usize::from(severity)],
            host_pending: host.is_empty(),
            ..Event::default()
        }
    }

    fn events(pending: bool) -> impl Strategy<Value = Vec<Event>> {
        let hosts = if pending { vec!["a", "b", ""] } else { vec!["a", "b"] };
        let one = (0_u8..8, prop::sample::select(hosts), 0_u8..6);
        prop::collection::vec(one, 0..20).prop_map(|all| {
            let mut events: Vec<_> = all.into_iter().map(|(n, host, s)| event(n, host, s)).collect();
            sort(&mut events);
            events
        })
    }

    proptest! {
        #[test]
        fn nothing_goes_away_nothing_gets_milder_and_all_that_was_seen_is_there(
            last in events(false), seen in events(false),
        ) {
            let merged = with_seen(&last, seen.clone());
            let severity: BTreeMap<_, _> = merged.iter().map(|e| (e.id.clone(), e.severity)).collect();
            for event in last.iter().chain(&seen) {
                prop_assert!(severity[&event.id] >= event.severity);
            }
            let ids: BTreeSet<_> = last.iter().chain(&seen).map(|e| &e.id).collect();
            prop_assert_eq!(merged.len(), ids.len(), "and nothing else is");
        }

        #[test]
        fn a_problem_never_stands_twice_with_its_host_and_without(last in events(true), seen in events(true)) {
            let merged = with_seen(&last, seen.clone());
            let problems = |pending| merged.iter().filter(move |e| e.host_pending == pending).map(problem);
            let with: BTreeSet<_> = problems(false).collect();
            prop_assert!(problems(true).all(|p| !with.contains(p)));
            let all: BTreeSet<_> = merged.iter().map(problem).collect();
            prop_assert!(last.iter().chain(&seen).all(|e| all.contains(problem(e))), "and none is lost");
        }
    }

    #[test]
    fn what_was_seen_again_as_it_was_is_not_flagged() {
        let last = [event(1, "a", 3), event(2, "a", 3)];
        let merged = with_seen(&last, vec![event(1, "a", 3), event(2, "a", 4), event(3, "a", 1)]);
        assert_eq!(merged.iter().map(|e| e.partial).collect::<Vec<_>>(), [false, true, true]);
    }
}
