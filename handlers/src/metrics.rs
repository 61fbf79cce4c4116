//! What the replica counts, `heat_api_*`.

use std::time::Duration;

use heat::cache::CachedSnapshot;
use heat::time::Timestamp;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    route: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    route: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    end: SocketEnd,
}

/// Why a socket was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum SocketEnd {
    /// The client left, or the network did.
    Gone,
    /// A frame was not taken in time.
    Slow,
    /// A ping was not answered.
    Silent,
    /// The client sent a message.
    Refused,
    /// Whoever is logged in is to connect again, with the rights they have by now.
    Aged,
    /// Its token was revoked or is over.
    Revoked,
    /// The replica stops.
    Stopped,
}

/// The counters. Handed out with the app, never global.
#[derive(Debug)]
pub(crate) struct Metrics {
    requests: Family<Answered, Counter>,
    seconds: Family<Asked, Histogram, fn() -> Histogram>,
    /// Sockets that are open now.
    pub(crate) sockets: Gauge,
    ended: Family<Ended, Counter>,
    frames: Counter,
    skipped: Counter,
    bytes: Counter,
    revision: Gauge,
    size: Gauge,
    received: Gauge,
}

impl Metrics {
    /// The counters, entered into `registry`.
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let histogram: fn() -> Histogram = || Histogram::new([0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0]);
        let metrics = Self {
            requests: Family::default(),
            seconds: Family::new_with_constructor(histogram),
            sockets: Gauge::default(),
            ended: Family::default(),
            frames: Counter::default(),
            skipped: Counter::default(),
            bytes: Counter::default(),
            revision: Gauge::default(),
            size: Gauge::default(),
            received: Gauge::default(),
        };
        let of = registry.sub_registry_with_prefix("heat_api");
        of.register("requests", "Requests answered", metrics.requests.clone());
        of.register_with_unit("request", "Time to answer", Unit::Seconds, metrics.seconds.clone());
        of.register("sockets", "WebSockets open now", metrics.sockets.clone());
        of.register("sockets_ended", "WebSockets closed, by why", metrics.ended.clone());
        of.register("frames_sent", "Snapshots written to WebSockets", metrics.frames.clone());
        of.register("frames_skipped", "Snapshots that a WebSocket was too slow for", metrics.skipped.clone());
        of.register_with_unit("sent", "Written to WebSockets", Unit::Bytes, metrics.bytes.clone());
        of.register("revision", "Revision of the latest snapshot", metrics.revision.clone());
        of.register_with_unit(
            "snapshot",
            "Compressed size of the latest snapshot",
            Unit::Bytes,
            metrics.size.clone(),
        );
        let help = "When the latest snapshot came, by this machine's clock, since the Unix epoch";
        of.register_with_unit("snapshot_received_timestamp", help, Unit::Seconds, metrics.received.clone());
        metrics
    }

    /// A request was answered.
    pub(crate) fn answered(&self, route: &'static str, status: u16, took: Duration) {
        self.requests.get_or_create(&Answered { route, status }).inc();
        self.seconds.get_or_create(&Asked { route }).observe(took.as_secs_f64());
    }

    /// A snapshot came.
    pub(crate) fn published(&self, snapshot: &CachedSnapshot) {
        self.revision.set(i64::try_from(snapshot.revision).unwrap_or(i64::MAX));
        self.size.set(i64::try_from(snapshot.body.gzip().len()).unwrap_or(i64::MAX));
        self.received.set(Timestamp::now().unix());
    }

    /// A snapshot was written to a socket that skipped so many before it.
    pub(crate) fn sent(&self, bytes: usize, skipped: u64) {
        self.frames.inc();
        self.skipped.inc_by(skipped);
        self.bytes.inc_by(bytes as u64);
    }

    /// A socket is over.
    pub(crate) fn socket_ended(&self, end: SocketEnd) {
        self.ended.get_or_create(&Ended { end }).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heat_devkit::manual;

    #[test]
    fn the_operators_manual_names_every_metric_of_the_api_and_no_other() {
        let mut registry = Registry::default();
        let metrics = Metrics::new(&mut registry);
        // A family is exported from its first value on.
        metrics.answered("me", 200, Duration::from_millis(1));
        metrics.socket_ended(SocketEnd::Gone);
        let mut scrape = String::new();
        prometheus_client::encoding::text::encode(&mut scrape, &registry).unwrap();
        assert_eq!(manual::documented("heat-api"), manual::exported(&scrape));
    }
}
