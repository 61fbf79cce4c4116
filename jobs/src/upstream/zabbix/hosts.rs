//! Which hosts Zabbix watches, and which of them are behind a proxy that has gone silent: their problems neither open nor
//! close, and nothing else tells.

use std::collections::{BTreeSet, HashSet};
use std::time::{Duration, Instant};

use heat::time::Timestamp;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::api::{Api, CallError, Version};
use super::wire;
use crate::upstream::http::FetchError;

/// How often hosts and proxies are read.
const EVERY: Duration = Duration::from_mins(1);

/// A proxy that has not been heard of for so long is silent; it reports every few seconds.
const SILENT_AFTER: Duration = Duration::from_mins(2);

/// How much of a sweep may go into each of the two: its events wait meanwhile.
const PATIENCE: Duration = Duration::from_secs(10);

/// `monitored_by` of a host behind a proxy, and behind a group of them.
const BY_PROXY: u64 = 1;
const BY_PROXY_GROUP: u64 = 2;

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) watched: Option<BTreeSet<String>>,
    pub(super) silent: Option<BTreeSet<String>>,
}

/// When it was read, and what went wrong with it.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    tried: Option<Instant>,
    remark: Option<String>,
}

impl Hosts {
    /// What is wrong since it was last tried.
    pub(super) fn remark(&self) -> Option<&str> {
        self.remark.as_deref()
    }

    /// Reads both once a minute. A failure is a remark and never more: events do not wait for this.
    pub(super) async fn read(&mut self, api: &mut Api, groups: &[String]) -> Result<Read, CallError> {
        if self.tried.is_some_and(|tried| tried.elapsed() < EVERY) {
            return Ok(Read::default());
        }
        self.tried = Some(Instant::now());
        self.remark = None;
        let mut read = Read::default();
        let hosts = match soon(hosts(api, groups)).await {
            Ok(hosts) => hosts,
            Err(error) => return self.remarked(api, "host.get", error, read),
        };
        let watched = |host: &&wire::Host| host.status == 0 && !host.name.is_empty();
        read.watched = Some(hosts.iter().filter(watched).map(|host| host.name.clone()).collect());
        // Where no proxies are, the right to read them need not be there either.
        if hosts.iter().all(|host| behind(host).is_none()) {
            read.silent = Some(BTreeSet::new());
            return Ok(read);
        }
        match soon(silent_proxies(api)).await {
            Ok(silent) => {
                let is_silent =
                    |host: &&wire::Host| behind(host).is_some_and(|proxy| silent.contains(&proxy));
                read.silent = Some(
                    hosts.iter().filter(watched).filter(is_silent).map(|host| host.name.clone()).collect(),
                );
                Ok(read)
            }
            Err(error) => self.remarked(api, "proxy.get", error, read),
        }
    }

    fn remarked(&mut self, api: &Api, method: &str, error: CallError, read: Read) -> Result<Read, CallError> {
        if error.is_rejected_token() {
            return Err(error);
        }
        self.remark = Some(format!("hosts without data cannot be told: {}", api.explain(method, &error)));
        Ok(read)
    }
}

async fn soon<T>(call: impl Future<Output = Result<T, CallError>>) -> Result<T, CallError> {
    timeout(PATIENCE, call).await.unwrap_or(Err(FetchError::Timeout(PATIENCE).into()))
}

async fn hosts(api: &mut Api, groups: &[String]) -> Result<Vec<wire::Host>, CallError> {
    let output: &[&str] = if api.version().await? >= Version::PROXY_GROUPS {
        &["host", "status", "monitored_by", "proxyid", "assigned_proxyid"]
    } else {
        &["host", "status", "proxy_hostid"]
    };
    let mut params = json!({"output": output, "filter": {"status": "0"}});
    if !groups.is_empty() {
        params["groupids"] = Value::from(groups);
    }
    api.get("host.get", &params).await
}

/// The proxies that are silent, by the clock of the server itself, and 0 for the missing proxy of a group without any.
async fn silent_proxies(api: &mut Api) -> Result<HashSet<u64>, CallError> {
    let name = if api.version().await? >= Version::PROXY_GROUPS { "name" } else { "host" };
    let params = json!({"output": ["proxyid", name, "lastaccess"]});
    let (proxies, date) = api.get_dated::<Vec<wire::Proxy>>("proxy.get", &params).await?;
    let now = date.unwrap_or_else(Timestamp::now);
    let silent: Vec<&wire::Proxy> = proxies.iter().filter(|proxy| is_silent(proxy, now)).collect();
    for proxy in &silent {
        tracing::debug!(proxy = proxy.name, lastaccess = proxy.lastaccess, "proxy is silent");
    }
    Ok(silent.iter().map(|proxy| proxy.proxyid).chain([0]).collect())
}

fn is_silent(proxy: &wire::Proxy, now: Timestamp) -> bool {
    let last = Timestamp::from_unix(i64::try_from(proxy.lastaccess).unwrap_or(i64::MAX));
    now.since(last) >= SILENT_AFTER
}

/// The proxy that has to ask this host, if it is not the server itself; 0 is a group that has none to give.
fn behind(host: &wire::Host) -> Option<u64> {
    match host.monitored_by {
        BY_PROXY => Some(host.proxyid),
        BY_PROXY_GROUP => Some(host.assigned_proxyid),
        _ => (host.proxy_hostid != 0).then_some(host.proxy_hostid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_name_a_proxy_are_read() {
        let proxy = |row: &str| behind(&serde_json::from_str(row).unwrap());
        assert_eq!(proxy(r#"{"host":"a","proxy_hostid":"0"}"#), None);
        assert_eq!(proxy(r#"{"host":"a","proxy_hostid":"12"}"#), Some(12));
        assert_eq!(proxy(r#"{"host":"a","monitored_by":"0","proxyid":"0","assigned_proxyid":"0"}"#), None);
        assert_eq!(
            proxy(r#"{"host":"a","monitored_by":"1","proxyid":"12","assigned_proxyid":"0"}"#),
            Some(12)
        );
        assert_eq!(
            proxy(r#"{"host":"a","monitored_by":"2","proxyid":"0","assigned_proxyid":"13"}"#),
            Some(13)
        );
        assert_eq!(proxy(r#"{"host":"a","monitored_by":2,"assigned_proxyid":0}"#), Some(0));
    }

    #[test]
    fn a_proxy_is_silent_after_two_minutes_of_the_servers_clock_and_when_it_never_spoke() {
        let now = Timestamp::from_unix(1_767_193_200);
        let silent =
            |lastaccess| is_silent(&wire::Proxy { proxyid: 1, name: String::new(), lastaccess }, now);
        assert!(silent(0) && silent(1_767_193_080));
        assert!(!silent(1_767_193_081) && !silent(1_767_193_300) && !silent(u64::MAX));
    }
}
