//! The way from a problem to its hosts: a cached map of triggers. `problem.get` names only the trigger, and lists problems
//! of disabled triggers and hosts too; `trigger.get` with `monitored` knows both.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use heat::event::Event;
use serde_json::json;
use tokio::time::timeout;

use super::api::{Api, CallError};
use super::wire;
use crate::upstream::http::FetchError;

/// Triggers that are read anew at one time.
const SLICE: usize = 1_000;

/// Triggers of one request, at most; and at least, when Zabbix falls over larger ones.
const BATCH: usize = 5_000;
const SMALLEST_BATCH: usize = 250;

/// How much of a sweep may go into triggers: a storm on a slow Zabbix shows its problems without hosts first.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is known of a trigger.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Trigger {
    /// Enabled, on enabled hosts.
    Monitored {
        /// Technical names, none twice, in order.
        hosts: Vec<String>,
        /// The triggers it depends on directly.
        above: Vec<u64>,
    },
    /// Zabbix does not return it: it or a host of it is disabled, or not to be seen by this user.
    Hidden,
    /// Only remembered from an earlier run; good enough until Zabbix is asked.
    Remembered { hosts: Vec<String> },
}

/// Where a problem belongs.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Belongs<'a> {
    /// To these hosts, at least one.
    Hosts(&'a [String]),
    /// To something that is disabled.
    Nowhere,
    /// Not known yet.
    Pending,
}

/// The map.
#[derive(Debug)]
pub(super) struct Triggers {
    known: HashMap<u64, Trigger>,
    /// Grows whenever Zabbix tells something else of a trigger than before.
    version: u64,
    /// All that Zabbix has told, the longest unasked first.
    queue: VecDeque<u64>,
    batch: usize,
    /// How long it takes to read all of them anew.
    round: Duration,
    refreshed: Instant,
}

impl Triggers {
    pub(super) fn new(round: Duration) -> Self {
        Self {
            known: HashMap::new(),
            version: 0,
            queue: VecDeque::new(),
            batch: BATCH,
            round,
            refreshed: Instant::now(),
        }
    }

    /// Takes hosts over from events of an earlier run, so that they keep their names while `trigger.get` fails.
    pub(super) fn remember(&mut self, events: &[Event]) {
        for event in events.iter().filter(|event| !event.host.is_empty()) {
            let Some(id) = event.reference.get("triggerid").and_then(|id| id.parse().ok()) else { continue };
            let trigger = self.known.entry(id).or_insert_with(|| Trigger::Remembered { hosts: Vec::new() });
            if let Trigger::Remembered { hosts } = trigger
                && !hosts.contains(&event.host)
            {
                hosts.push(event.host.clone());
            }
        }
    }

    /// The same as long as the same problems would get the same hosts.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    pub(super) fn belongs(&self, trigger: u64) -> Belongs<'_> {
        match self.known.get(&trigger) {
            Some(Trigger::Monitored { hosts, .. } | Trigger::Remembered { hosts }) if !hosts.is_empty() => {
                Belongs::Hosts(hosts)
            }
            Some(Trigger::Hidden) => Belongs::Nowhere,
            _ => Belongs::Pending,
        }
    }

    /// Asks Zabbix for those of `triggers` it has not told yet, and for the triggers these depend on, whole. On an error
    /// what was learnt until then is kept.
    pub(super) async fn learn(
        &mut self,
        api: &mut Api,
        triggers: impl Iterator<Item = u64>,
    ) -> Result<(), CallError> {
        let started = Instant::now();
        let mut wanted = self.untold(triggers);
        while !wanted.is_empty() {
            for batch in wanted.chunks(self.batch) {
                self.ask(api, batch, PATIENCE.saturating_sub(started.elapsed())).await?;
            }
            let above = wanted.iter().flat_map(|id| self.above(*id)).copied().collect::<Vec<_>>();
            wanted = self.untold(above.into_iter());
        }
        Ok(())
    }

    /// Asks anew for the slice that has not been asked for longest, when it is its time; what no problem needs any more
    /// is forgotten instead.
    pub(super) async fn refresh(&mut self, api: &mut Api, active: &HashSet<u64>) -> Result<(), CallError> {
        let slice = SLICE.min(self.queue.len()).min(self.batch);
        if slice == 0 {
            self.refreshed = Instant::now();
            return Ok(());
        }
        // The lengths are far below 2^32.
        let share = u32::try_from(self.queue.len().div_ceil(slice)).unwrap_or(u32::MAX);
        if self.refreshed.elapsed() < self.round / share {
            return Ok(());
        }
        self.refreshed = Instant::now();
        let needed = self.with_ancestors(active);
        let mut due = Vec::with_capacity(slice);
        for id in self.queue.drain(..slice) {
            if needed.contains(&id) {
                due.push(id);
            } else {
                self.known.remove(&id);
            }
        }
        if due.is_empty() {
            return Ok(());
        }
        let asked = self.ask(api, &due, PATIENCE).await;
        if asked.is_err() {
            self.queue.extend(due);
        }
        asked
    }

    /// Those of `active` that depend on another trigger of `active`, directly or through others.
    pub(super) fn dependent(&self, active: &HashSet<u64>) -> HashSet<u64> {
        let mut dependent = HashSet::new();
        let (mut seen, mut next) = (HashSet::new(), Vec::new());
        for &trigger in active {
            seen.clear();
            seen.insert(trigger);
            next.clear();
            next.extend_from_slice(self.above(trigger));
            while let Some(above) = next.pop() {
                if !seen.insert(above) {
                    continue;
                }
                if active.contains(&above) {
                    dependent.insert(trigger);
                    break;
                }
                next.extend_from_slice(self.above(above));
            }
        }
        dependent
    }

    fn with_ancestors(&self, active: &HashSet<u64>) -> HashSet<u64> {
        let mut all = active.clone();
        let mut next: Vec<u64> = active.iter().flat_map(|id| self.above(*id)).copied().collect();
        while let Some(id) = next.pop() {
            if all.insert(id) {
                next.extend_from_slice(self.above(id));
            }
        }
        all
    }

    fn above(&self, trigger: u64) -> &[u64] {
        if let Some(Trigger::Monitored { above, .. }) = self.known.get(&trigger) { above } else { &[] }
    }

    fn untold(&self, triggers: impl Iterator<Item = u64>) -> Vec<u64> {
        let told = |id: &u64| matches!(self.known.get(id), Some(Trigger::Monitored { .. } | Trigger::Hidden));
        let mut untold: Vec<u64> = triggers.filter(|id| !told(id)).collect();
        untold.sort_unstable();
        untold.dedup();
        untold
    }

    async fn ask(&mut self, api: &mut Api, ids: &[u64], patience: Duration) -> Result<(), CallError> {
        let ids_as_text: Vec<String> = ids.iter().map(u64::to_string).collect();
        let params = json!({
            "triggerids": ids_as_text,
            "output": ["triggerid"],
            "selectHosts": ["host"],
            "selectDependencies": ["triggerid"],
            "monitored": true,
        });
        let answer = timeout(patience, api.get::<Vec<wire::Trigger>>("trigger.get", &params))
            .await
            .unwrap_or(Err(FetchError::Timeout(PATIENCE).into()));
        if answer.as_ref().is_err_and(CallError::is_too_much) {
            self.batch = (self.batch / 2).max(SMALLEST_BATCH);
        }
        let mut told: HashMap<u64, Trigger> =
            answer?.into_iter().map(|trigger| (trigger.triggerid, monitored(trigger))).collect();
        for &id in ids {
            let now = told.remove(&id).unwrap_or(Trigger::Hidden);
            if self.known.get(&id) != Some(&now) {
                self.version += 1;
                self.known.insert(id, now);
            }
            self.queue.push_back(id);
        }
        Ok(())
    }
}

fn monitored(trigger: wire::Trigger) -> Trigger {
    let mut hosts: Vec<String> =
        trigger.hosts.into_iter().map(|host| host.host).filter(|host| !host.is_empty()).collect();
    hosts.sort_by_cached_key(|host| host.to_lowercase());
    // An opening's id has the host in lower case, and ids are unique.
    hosts.dedup_by_key(|host| host.to_lowercase());
    Trigger::Monitored {
        hosts,
        above: trigger.dependencies.into_iter().map(|above| above.triggerid).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn triggers(above: &[(u64, &[u64])]) -> Triggers {
        let mut triggers = Triggers::new(Duration::from_mins(2));
        for &(id, above) in above {
            let trigger = Trigger::Monitored { hosts: vec!["h".to_owned()], above: above.to_vec() };
            triggers.known.insert(id, trigger);
        }
        triggers
    }

    #[test]
    fn a_problem_depends_on_one_above_it_even_through_a_quiet_trigger() {
        let triggers = triggers(&[(1, &[2]), (2, &[3]), (3, &[]), (4, &[5]), (5, &[])]);
        assert_eq!(triggers.dependent(&HashSet::from([1, 3, 4])), HashSet::from([1]));
    }

    #[test]
    fn nothing_depends_on_a_disabled_trigger() {
        let mut triggers = triggers(&[(1, &[2])]);
        triggers.known.insert(2, Trigger::Hidden);
        assert_eq!(triggers.dependent(&HashSet::from([1])), HashSet::new());
    }

    #[test]
    fn events_of_an_earlier_run_lend_their_hosts_until_zabbix_is_asked() {
        let event = |host: &str| Event {
            host: host.to_owned(),
            reference: [("triggerid".to_owned(), "7".to_owned())].into(),
            ..Event::default()
        };
        let mut triggers = Triggers::new(Duration::from_mins(2));
        triggers.remember(&[event("a"), event("b"), event("a"), event("")]);
        assert_eq!(triggers.belongs(7), Belongs::Hosts(&["a".to_owned(), "b".to_owned()]));
        assert_eq!(triggers.untold([7].into_iter()), [7]);
    }

    #[test]
    fn hosts_that_differ_in_case_alone_are_one() {
        let host = |host: &str| wire::HostName { host: host.to_owned() };
        let trigger = wire::Trigger {
            triggerid: 1,
            hosts: vec![host("b"), host("A"), host("a"), host("")],
            dependencies: vec![],
        };
        let Trigger::Monitored { hosts, .. } = monitored(trigger) else { panic!("monitored") };
        assert_eq!(hosts, ["A", "b"]);
    }

    proptest! {
        #[test]
        fn cycles_of_dependencies_end_and_the_loop_alone_is_not_dependent(
            edges in proptest::collection::vec((0_u64..8, 0_u64..8), 0..20),
            active in proptest::collection::hash_set(0_u64..8, 0..8),
        ) {
            let mut all: HashMap<u64, Vec<u64>> = HashMap::new();
            for (from, to) in edges {
                all.entry(from).or_default().push(to);
            }
            let list: Vec<(u64, &[u64])> = all.iter().map(|(id, above)| (*id, above.as_slice())).collect();
            let dependent = triggers(&list).dependent(&active);
            prop_assert!(dependent.is_subset(&active));
            if active.len() < 2 {
                prop_assert!(dependent.is_empty());
            }
        }
    }
}
