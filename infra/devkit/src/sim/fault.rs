//! Faults that can be switched on in a simulated upstream, and the record of what it was asked.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::world::Rng;

/// One way for an upstream to misbehave.
///
/// In JSON a fault without a value is its name (`"html"`), one with a value an object (`{"status":503}`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The HTTP status, with the body that goes with it: Zabbix' 412 and 500 are empty, 502 to 504 are a reverse
    /// proxy's page, Juggler's 4xx are its error object and its 500 is plain text, Startrek's 4xx are its error object
    /// and its 5xx a proxy's page.
    Status(u16),
    /// 429, with `Retry-After` in seconds; 0 leaves the header out.
    TooMany(u64),
    /// The right answer after so many milliseconds. Startrek does at once what it is asked and is late to say so.
    Slow(u64),
    /// 200 with an HTML page, as a captive portal or a login page of a proxy sends it.
    Html,
    /// 200 with the first half of the JSON, as a complete HTTP body.
    CutJson,
    /// The connection breaks in the middle of the body.
    CutBody,
    /// The connection closes without an answer.
    Reset,
    /// 200 with so many bytes of valid JSON that say nothing.
    Huge(u64),
    /// Valid JSON whose fields have other types than they should.
    WrongTypes,
    /// A valid answer that holds nothing.
    Empty,
    /// Zabbix: the session is over (`Session terminated, re-login, please.`).
    SessionDeath,
    /// The credential is not known. Zabbix: `Not authorized.`; Juggler and Startrek: 401.
    TokenRefused,
    /// Zabbix: the token was known once (`API token expired.`).
    TokenExpired,
    /// Zabbix: the user's role forbids the method; Juggler and Startrek: 403.
    Forbidden,
    /// Zabbix: its database is away (6.0 answers with code 1, 7.0 with -32603).
    DatabaseDown,
    /// Zabbix: PHP's memory limit, reached by any answer of more rows than this: 500 and an empty body.
    MemoryLimit(usize),
    /// Juggler: `total` is another number in every answer.
    DriftingTotal,
    /// Juggler: every page but the first begins with the last event of the page before.
    RepeatedEvents,
    /// Zabbix and Startrek: the request is carried out, and the connection closes without an answer.
    CommitThenDrop,
    /// Startrek: a creation that is answered 409 hides the issue from `_findByUnique` for so many milliseconds.
    UniqueLag(u64),
    /// Startrek: just before the request somebody moves the issue it names to another queue.
    Moved,
}

impl Fault {
    /// [`Fault::Slow`] for a duration.
    #[must_use]
    pub fn slow(by: Duration) -> Self {
        Self::Slow(u64::try_from(by.as_millis()).unwrap_or(u64::MAX))
    }
}

/// When a fault strikes.
///
/// ```
/// use heat_devkit::sim::{Fault, Rule};
/// // The second page of a sweep fails, once.
/// let rule = Rule::new(Fault::Status(500)).on("problem.get").after(1).times(1);
/// # assert_eq!(rule.after, 1);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What happens.
    pub fault: Fault,
    /// Only in requests for this (Zabbix' method, Juggler's path, Startrek's operation); every request without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// So many matching requests are spared first.
    #[serde(default)]
    pub after: u32,
    /// Of the others so many in a hundred are struck, by chance; all without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// So many are struck then; until cleared without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
}

impl Rule {
    /// Strikes every request until cleared.
    #[must_use]
    pub fn new(fault: Fault) -> Self {
        Self { fault, method: None, after: 0, percent: None, times: None }
    }

    /// Strikes requests for `method` only.
    #[must_use]
    pub fn on(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    /// Spares the next `count` matching requests.
    #[must_use]
    pub fn after(mut self, count: u32) -> Self {
        self.after = count;
        self
    }

    /// Strikes so many in a hundred, by chance: the same ones in every run that asks in the same order.
    #[must_use]
    pub fn percent(mut self, percent: u8) -> Self {
        self.percent = Some(percent);
        self
    }

    /// Ends after it has struck `count` times.
    #[must_use]
    pub fn times(mut self, count: u32) -> Self {
        self.times = Some(count);
        self
    }
}

impl From<Fault> for Rule {
    fn from(fault: Fault) -> Self {
        Self::new(fault)
    }
}

/// The rules in force. One that has struck as often as it should is gone.
#[derive(Debug)]
pub(crate) struct Faults {
    rules: Mutex<Vec<Rule>>,
    dice: Mutex<Rng>,
}

impl Default for Faults {
    fn default() -> Self {
        Self::seeded(1)
    }
}

impl Faults {
    /// None, with chances that fall as `seed` has it.
    pub(crate) fn seeded(seed: u64) -> Self {
        Self { rules: Mutex::default(), dice: Mutex::new(Rng(seed)) }
    }

    pub(crate) fn add(&self, rule: Rule) {
        lock(&self.rules).push(rule);
    }

    pub(crate) fn clear(&self) {
        lock(&self.rules).clear();
    }

    pub(crate) fn rules(&self) -> Vec<Rule> {
        lock(&self.rules).clone()
    }

    /// What strikes a request for these methods (several in a batch). Counts it.
    pub(crate) fn striking(&self, methods: &[&str]) -> Vec<Fault> {
        let mut rules = lock(&self.rules);
        let mut dice = lock(&self.dice);
        let mut striking = Vec::new();
        rules.retain_mut(|rule| {
            let wanted = rule.method.as_deref();
            if wanted.is_some_and(|wanted| !methods.iter().any(|method| method.eq_ignore_ascii_case(wanted)))
            {
                return true;
            }
            if rule.after > 0 {
                rule.after -= 1;
                return true;
            }
            if rule.percent.is_some_and(|percent| dice.below(100) >= u64::from(percent)) {
                return true;
            }
            striking.push(rule.fault.clone());
            if let Some(left) = &mut rule.times {
                *left = left.saturating_sub(1);
                return *left > 0;
            }
            true
        });
        striking
    }
}

/// One request that a simulator has had.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Zabbix' method, Juggler's path, or Startrek's operation.
    pub method: String,
    /// Its parameters.
    pub params: Value,
    /// When it arrived.
    pub at: Instant,
    /// How long the answer took to make; `None` while it is being made.
    pub took: Option<Duration>,
    /// How many requests were being answered, this one included.
    pub concurrent: u64,
}

/// How many requests a simulator remembers.
const REMEMBERED: usize = 4_096;

/// What a simulator was asked, the latest requests.
#[derive(Debug, Default)]
pub(crate) struct Record {
    asked: Mutex<VecDeque<(u64, Asked)>>,
    next: AtomicU64,
    concurrent: AtomicU64,
    peak: AtomicU64,
}

impl Record {
    /// Notes a request; what is returned is to live until it is answered.
    pub(crate) fn begin(&self, calls: Vec<(String, Value)>) -> InFlight<'_> {
        let concurrent = self.concurrent.fetch_add(1, Ordering::Relaxed) + 1;
        self.peak.fetch_max(concurrent, Ordering::Relaxed);
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let at = Instant::now();
        let mut asked = lock(&self.asked);
        for (method, params) in calls {
            if asked.len() == REMEMBERED {
                asked.pop_front();
            }
            asked.push_back((number, Asked { method, params, at, took: None, concurrent }));
        }
        InFlight { record: self, number, at }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        lock(&self.asked).iter().map(|(_, asked)| asked.clone()).collect()
    }

    pub(crate) fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }

    pub(crate) fn count(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }

    pub(crate) fn forget(&self) {
        lock(&self.asked).clear();
        self.peak.store(self.concurrent.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// A request being answered.
#[derive(Debug)]
pub(crate) struct InFlight<'a> {
    record: &'a Record,
    number: u64,
    at: Instant,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.record.concurrent.fetch_sub(1, Ordering::Relaxed);
        let took = self.at.elapsed();
        for (number, asked) in lock(&self.record.asked).iter_mut().rev() {
            if *number == self.number {
                asked.took = Some(took);
            } else if *number < self.number {
                break;
            }
        }
    }
}

/// A panic in one test must not hide behind a second one about the lock.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_spares_then_strikes_then_is_gone() {
        let faults = Faults::default();
        faults.add(Rule::new(Fault::Html).on("problem.get").after(1).times(2));
        let struck: Vec<bool> = ["problem.get", "host.get", "Problem.Get", "problem.get", "problem.get"]
            .iter()
            .map(|method| !faults.striking(&[method]).is_empty())
            .collect();
        assert_eq!(struck, [false, false, true, true, false]);
        assert!(faults.rules().is_empty());
    }

    #[test]
    fn a_chance_strikes_about_so_often_and_in_every_run_the_same_requests() {
        let struck = |seed: u64| {
            let faults = Faults::seeded(seed);
            faults.add(Rule::new(Fault::Html).percent(30));
            (0..1_000).map(|_| !faults.striking(&["create"]).is_empty()).collect::<Vec<bool>>()
        };
        let first = struck(1);
        let count = first.iter().filter(|struck| **struck).count();
        assert!((240..=360).contains(&count), "{count}");
        assert_eq!(first, struck(1));
        assert_ne!(first, struck(2));
    }

    #[test]
    fn never_and_always_are_chances_too() {
        let faults = Faults::default();
        faults.add(Rule::new(Fault::Html).percent(0));
        faults.add(Rule::new(Fault::Reset).percent(100).times(2));
        let struck: Vec<Vec<Fault>> = (0..3).map(|_| faults.striking(&["create"])).collect();
        assert_eq!(struck, [vec![Fault::Reset], vec![Fault::Reset], vec![]]);
    }

    #[test]
    fn a_rule_is_written_the_way_a_person_types_it() {
        let rule: Rule = serde_json::from_str(r#"{"fault":{"status":503},"times":1}"#).unwrap();
        assert_eq!(rule, Rule::new(Fault::Status(503)).times(1));
        let rule: Rule = serde_json::from_str(r#"{"fault":"cut_json","method":"problem.get"}"#).unwrap();
        assert_eq!(rule, Rule::new(Fault::CutJson).on("problem.get"));
        let rule: Rule = serde_json::from_str(r#"{"fault":"commit_then_drop","percent":30}"#).unwrap();
        assert_eq!(rule, Rule::new(Fault::CommitThenDrop).percent(30));
    }

    #[test]
    fn the_record_tells_how_long_an_answer_took_and_how_many_were_made_at_once() {
        let record = Record::default();
        let first = record.begin(vec![("a".to_owned(), Value::Null)]);
        drop(record.begin(vec![("b".to_owned(), Value::Null)]));
        let asked = record.asked();
        assert_eq!((asked[0].took, asked[1].took.is_some()), (None, true));
        assert_eq!((asked[0].concurrent, asked[1].concurrent), (1, 2));
        drop(first);
        assert!(record.asked()[0].took.is_some());
        assert_eq!(record.peak(), 2);
    }
}
