//! What happens in the demonstration: an opening day, and scenarios that change it by hand or by the clock.
//!
//! Every scenario works on the simulated Zabbix and Juggler through the same interface as the tests do.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use crate::sim::zabbix::UNREACHABLE;
use crate::sim::{Fault, Juggler, Raise, RawEvent, Rule, Startrek, Zabbix};
use crate::world::{Device, Host, Kind, Rng, World};

/// A story that the demonstration can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// Hardly anything is wrong.
    QuietDay,
    /// A rack goes dark, device by device, within 20 seconds.
    RackPowerLoss,
    /// The proxy of a data centre stops talking: nothing opens or closes there, and nothing is known.
    ProxyDies,
    /// Zabbix stops answering.
    SourceGoesSilent,
    /// A few links go down and up without end.
    Flapping,
    /// Twenty thousand problems at once.
    #[serde(rename = "storm-20000")]
    Storm,
    /// The opening day again.
    Reset,
}

impl Scenario {
    /// All of them, in the order of the page.
    pub const ALL: [Self; 7] = [
        Self::QuietDay,
        Self::RackPowerLoss,
        Self::ProxyDies,
        Self::SourceGoesSilent,
        Self::Flapping,
        Self::Storm,
        Self::Reset,
    ];

    /// As it is written on the command line and in the address.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::QuietDay => "quiet-day",
            Self::RackPowerLoss => "rack-power-loss",
            Self::ProxyDies => "proxy-dies",
            Self::SourceGoesSilent => "source-goes-silent",
            Self::Flapping => "flapping",
            Self::Storm => "storm-20000",
            Self::Reset => "reset",
        }
    }

    /// The scenario of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scenario| scenario.name() == name)
    }

    /// As a button says it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::QuietDay => "Quiet day",
            Self::RackPowerLoss => "Rack loses power",
            Self::ProxyDies => "Proxy dies",
            Self::SourceGoesSilent => "Source goes silent",
            Self::Flapping => "Flapping links",
            Self::Storm => "Storm of 20,000",
            Self::Reset => "Reset",
        }
    }

    /// What it does, and what is to be seen on the map.
    #[must_use]
    pub fn what(self) -> &'static str {
        match self {
            Self::QuietDay => {
                "Everything is resolved but three small problems. The map turns grey: calm racks carry no colour."
            }
            Self::RackPowerLoss => {
                "Every device of one rack, its switch and power strips too, becomes unreachable within 20 seconds. \
                 One cell turns to disaster and gets a bold frame: a rack incident, which counts once."
            }
            Self::ProxyDies => {
                "The Zabbix proxy of VLA has been silent for five minutes. Its racks are hatched: no data is not \
                 the same as no problems."
            }
            Self::SourceGoesSilent => {
                "Zabbix answers every call with 502. Its last known problems stay on the map; the source's chip \
                 turns late after 3 intervals, and stale after two minutes."
            }
            Self::Flapping => {
                "Eight uplinks go down and up every few seconds. The change feed groups them, and a comment made on \
                 one of them is still there when it comes back."
            }
            Self::Storm => {
                "Twenty thousand problems over all racks in one second. The map stays usable; the next refresh \
                 carries them all."
            }
            Self::Reset => {
                "Stops every scenario, removes every fault, and begins the opening day again: about fifty problems, \
                 and a rack that loses power after a minute."
            }
        }
    }
}

/// The systems that a scenario acts on.
#[derive(Debug, Clone)]
pub struct Stage {
    /// What there is.
    pub world: Arc<World>,
    /// The simulated Zabbix, which has the world's hosts.
    pub zabbix: Arc<Zabbix>,
    /// The simulated Juggler.
    pub juggler: Arc<Juggler>,
    /// The simulated Startrek.
    pub startrek: Arc<Startrek>,
    /// How long after the opening a rack loses power by itself; `None`: never.
    pub power_loss_after: Option<Duration>,
}

/// Host names that no inventory knows.
const STRANGERS: [&str; 5] =
    ["lb-ext-01.cdn.example.net", "камера-вход-3", "sas9-0001.sas.example.net", "printer-floor2", "twin-01"];

/// Kinds of trouble: the trigger, its severity, its `scope` and `component`, its operational data.
const TROUBLES: [(&str, u8, &str, &str, &str); 10] = [
    ("Raid array is degraded", 4, "availability", "storage", "1 of 12 disks failed"),
    ("Service nginx is down", 4, "availability", "application", "process count 0"),
    ("CPU temperature is too high", 3, "performance", "hardware", "91 °C"),
    ("High memory utilization", 3, "performance", "memory", "97 %"),
    ("Disk /var is nearly full", 2, "capacity", "storage", "92 % used"),
    ("Disk /home заполнен почти целиком", 2, "capacity", "storage", "94 % занято"),
    ("Interface errors on eth0", 2, "performance", "network", "112 per second"),
    ("Certificate expires in 14 days", 2, "notice", "security", "14d"),
    ("Host has been restarted", 1, "notice", "os", "uptime 4m"),
    ("Last backup is older than a day", 1, "notice", "backup", "2d 4h 46m"),
];

const AVAILABILITY: (&str, &str) = ("scope", "availability");

impl Stage {
    /// The opening day: about 50 problems of all ages and severities, some acknowledged or suppressed in Zabbix, a
    /// rack in maintenance, a few hosts that no inventory knows, and some checks in Juggler.
    pub fn open(&self) {
        self.clear();
        let now = chrono::Utc::now().timestamp();
        let mut random = Rng(20_261_123);
        let hosts: Vec<Host> = self.ordinary_hosts();
        for number in 0..40u64 {
            let host = random.pick(&hosts);
            let (trigger, severity, scope, component, opdata) =
                TROUBLES[usize::try_from(number % 10).unwrap_or(0)];
            // From half a minute to a few weeks old, most of them young.
            let age = 30 + random.below(1 << (8 + number % 14));
            let raise = Raise::new(&host.host, trigger)
                .severity(severity)
                .tag("scope", scope)
                .tag("component", component)
                .opdata(opdata)
                .at(now - i64::try_from(age).unwrap_or(0));
            let event = self.zabbix.raise(&raise);
            match number {
                3 => self.zabbix.acknowledge(event, "ivanova", "Диск заказан, приедет в четверг"),
                11 => self.zabbix.acknowledge(event, "petrov", "Known, rolling restart in progress"),
                14 | 22 => self.zabbix.acknowledge(event, "ivanova", ""),
                27 => self.zabbix.suppress(event, now + 6 * 3_600),
                30 => self.zabbix.set_severity(event, 5),
                _ => {}
            }
        }
        for (number, host) in STRANGERS.into_iter().enumerate() {
            let (trigger, severity, scope, _, opdata) = TROUBLES[number * 2];
            let raise = Raise::new(host, trigger).severity(severity).tag("scope", scope).opdata(opdata);
            self.zabbix.raise(&raise.at(now - 1_000 * (1 + i64::try_from(number).unwrap_or(0))));
        }
        self.unclassified(&hosts, now);
        self.maintain_a_rack(now);
        self.fill_juggler(&hosts, now);
    }

    /// One problem of severity 0, one over two hosts, and a hypervisor whose machines fell with it.
    fn unclassified(&self, hosts: &[Host], now: i64) {
        if let [first, second, ..] = hosts {
            self.zabbix.raise(
                &Raise::new(&first.host, "Inlet temperature is unusual")
                    .severity(0)
                    .opdata("38 °C")
                    .at(now - 5_400),
            );
            let split = Raise::new(&first.host, "BGP session is down").and_host(&second.host);
            self.zabbix.raise(&split.severity(3).tag(AVAILABILITY.0, AVAILABILITY.1).at(now - 700));
        }
        let fallen = self.world.devices.iter().find(|device| {
            device.kind == Kind::Server
                && self.world.devices.iter().any(|vm| vm.container_id == Some(device.id))
        });
        let Some(hypervisor) = fallen else { return };
        let machines = self.world.devices.iter().filter(|vm| vm.container_id == Some(hypervisor.id));
        for device in machines.chain([hypervisor]) {
            self.lose(device, now - 240);
        }
    }

    fn lose(&self, device: &Device, since: i64) {
        if device.kind == Kind::PatchPanel {
            return;
        }
        let Some(host) = self.world.host_of(device.id).filter(|host| !host.is_empty()) else { return };
        self.zabbix.raise(
            &Raise::new(&host, UNREACHABLE)
                .severity(5)
                .tag(AVAILABILITY.0, AVAILABILITY.1)
                .tag("component", "network")
                .opdata("no answer for 20s")
                .at(since),
        );
    }

    /// A rack of IVA under planned work, with four of its devices away.
    fn maintain_a_rack(&self, now: i64) {
        let Some(rack) = self.racks_of("IVA").get(7).copied() else { return };
        let devices: Vec<&Device> = self.world.devices_of_rack(rack).collect();
        let hosts: Vec<String> = devices
            .iter()
            .filter(|device| device.kind != Kind::PatchPanel)
            .filter_map(|device| self.world.host_of(device.id))
            .collect();
        self.zabbix.begin_maintenance("Замена коммутатора", &hosts, now + 4 * 3_600);
        for device in devices.iter().rev().filter(|device| device.container_id.is_none()).take(4) {
            self.lose(device, now - 900);
        }
    }

    fn fill_juggler(&self, hosts: &[Host], now: i64) {
        let mut random = Rng(5);
        let checks = [
            ("bgp_sessions", "CRIT", "2 of 8 down", "xe-0/0/3"),
            ("disk_space", "WARN", "/place: осталось 6 %", ""),
            ("ntp", "INFO", "offset 41 ms", ""),
            ("hw_errors", "WARN", "memory: 3 correctable errors on DIMM A4", ""),
            ("ssh", "CRIT", "connection refused", ""),
            ("coredump", "WARN", "12 за последний час", "searcher"),
        ];
        for (number, (service, status, description, instance)) in
            checks.into_iter().cycle().take(14).enumerate()
        {
            let host = random.pick(hosts);
            let mut event =
                RawEvent::new(&host.host, service, status).description(description).instance(instance);
            #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are far below 2^53")]
            let since = (now - i64::try_from(random.below(20_000)).unwrap_or(0)) as f64;
            event = event.since(since);
            if number == 4 {
                event = event.downtime("5f1d0c2e7a");
            }
            self.juggler.set(event);
        }
        self.juggler
            .set(RawEvent::new("balancer-l7.search", "http_5xx", "CRIT").description("3.2 % за 5 минут"));
        for host in hosts.iter().step_by(40) {
            self.juggler.set(RawEvent::new(&host.host, "ssh", "OK"));
        }
    }

    /// Switches every fault off.
    pub fn mend(&self) {
        self.zabbix.clear_faults();
        self.juggler.clear_faults();
        self.startrek.clear_faults();
    }

    /// Tickets stay: people have opened them, and their keys are known elsewhere.
    fn clear(&self) {
        self.mend();
        self.zabbix.clear();
        self.juggler.clear();
    }

    /// Plays a scenario to its end, which some do not have. It begins with working systems: what an earlier one or
    /// somebody's hand broke is mended first, or there would be nothing to see.
    pub async fn play(&self, scenario: Scenario) {
        self.mend();
        for centre in ["sas", "vla", "iva"] {
            self.zabbix.set_proxy_last_access(&format!("proxy-{centre}"), None);
        }
        match scenario {
            Scenario::QuietDay => self.quiet(),
            Scenario::RackPowerLoss => self.lose_power(None).await,
            Scenario::ProxyDies => {
                let since = chrono::Utc::now().timestamp() - 300;
                self.zabbix.set_proxy_last_access("proxy-vla", Some(since));
            }
            Scenario::SourceGoesSilent => self.zabbix.inject(Rule::new(Fault::Status(502))),
            Scenario::Flapping => self.flap().await,
            Scenario::Storm => {
                self.zabbix.storm(20_000);
            }
            Scenario::Reset => {
                self.open();
                if let Some(after) = self.power_loss_after {
                    sleep(after).await;
                    self.lose_power(None).await;
                }
            }
        }
    }

    fn quiet(&self) {
        self.clear();
        let now = chrono::Utc::now().timestamp();
        for (number, host) in self.ordinary_hosts().iter().step_by(97).take(3).enumerate() {
            let (trigger, severity, scope, _, opdata) = TROUBLES[7 + number];
            let raise = Raise::new(&host.host, trigger).severity(severity).tag("scope", scope).opdata(opdata);
            self.zabbix.raise(&raise.at(now - 3_600));
        }
    }

    /// Everything in one rack becomes unreachable within 20 seconds: a rack of SAS that is full and calm, or `rack`.
    pub async fn lose_power(&self, rack: Option<u64>) {
        let rack = rack.or_else(|| self.calm_rack()).unwrap_or_else(|| self.calm_rack_id());
        let mut devices: Vec<&Device> = self.world.devices_of_rack(rack).collect();
        // The power strips say it first; what ping finds out comes in no order.
        devices.sort_by_key(|device| (device.kind != Kind::Pdu, Rng(device.id).next()));
        let pause = Duration::from_secs(18) / u32::try_from(devices.len().max(1)).unwrap_or(u32::MAX);
        for device in devices {
            self.lose(device, chrono::Utc::now().timestamp());
            sleep(pause).await;
        }
    }

    async fn flap(&self) {
        const TRIGGER: &str = "Uplink et-0/0/48 is down";
        let switches: Vec<String> = self
            .world
            .devices
            .iter()
            .filter(|device| device.kind == Kind::Switch)
            .step_by(11)
            .take(8)
            .filter_map(|device| self.world.host_of(device.id))
            .collect();
        let mut random = Rng(11);
        loop {
            for switch in &switches {
                if random.below(2) == 0 {
                    let raise = Raise::new(switch, TRIGGER).severity(4).tag("scope", "availability");
                    self.zabbix.raise(&raise.tag("component", "network").opdata("oper: down"));
                } else {
                    self.zabbix.resolve(switch, TRIGGER);
                }
                sleep(Duration::from_millis(700)).await;
            }
        }
    }

    /// Machines and switches that stand in a row of their own, in no order.
    fn ordinary_hosts(&self) -> Vec<Host> {
        let calm = self.calm_rack_id();
        let mut hosts: Vec<Host> = self.world.hosts().collect();
        hosts.retain(|host| {
            let kind = self.world.device(host.device_id).map(|device| device.kind);
            let placed = self.world.rack_of(host.device_id).is_some_and(|rack| rack != calm);
            placed && matches!(kind, Some(Kind::Server | Kind::Switch | Kind::Router))
        });
        hosts.sort_by_key(|host| Rng(host.device_id).next());
        hosts
    }

    fn racks_of(&self, centre: &str) -> Vec<u64> {
        let racks = self.world.racks.iter().map(|rack| rack.id);
        racks.filter(|rack| self.world.centre_of_rack(*rack) == centre).collect()
    }

    /// The rack that loses power first: the fullest of SAS. The opening day leaves it alone.
    fn calm_rack_id(&self) -> u64 {
        let racks = self.racks_of("SAS");
        racks
            .into_iter()
            .max_by_key(|rack| (self.world.devices_of_rack(*rack).count(), u64::MAX - *rack))
            .unwrap_or(0)
    }

    /// The fullest rack, SAS first, in which nothing is unreachable yet.
    fn calm_rack(&self) -> Option<u64> {
        let dark: HashSet<String> = self
            .zabbix
            .open_problems()
            .into_iter()
            .filter(|problem| problem.name.ends_with("is unreachable"))
            .flat_map(|problem| problem.hosts)
            .collect();
        let calm = |rack: &u64| {
            let hosts = self.world.devices_of_rack(*rack).filter_map(|device| self.world.host_of(device.id));
            !hosts.into_iter().any(|host| dark.contains(&host))
        };
        ["SAS", "VLA", "IVA"].into_iter().find_map(|centre| {
            let racks = self.racks_of(centre).into_iter().filter(calm);
            racks.max_by_key(|rack| (self.world.devices_of_rack(*rack).count(), u64::MAX - *rack))
        })
    }

    /// How many problems are open in each data centre, and outside of them.
    #[must_use]
    pub fn by_centre(&self) -> BTreeMap<String, usize> {
        let centre_of: std::collections::HashMap<String, &str> = self
            .world
            .hosts()
            .filter_map(|host| {
                let centre = self.world.centre_of_rack(self.world.rack_of(host.device_id)?);
                Some((host.host, centre))
            })
            .collect();
        let mut counts = BTreeMap::new();
        for problem in self.zabbix.open_problems() {
            let centre =
                problem.hosts.first().and_then(|host| centre_of.get(host)).copied().unwrap_or_default();
            *counts.entry(if centre.is_empty() { "elsewhere" } else { centre }.to_owned()).or_default() += 1;
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{JugglerOptions, StartrekOptions, ZabbixOptions};
    use crate::world::Size;

    async fn stage(size: Size) -> Stage {
        let world = Arc::new(World::generate(size, 1));
        let zabbix = Arc::new(Zabbix::start(ZabbixOptions::default()).await.unwrap());
        zabbix.load(&world);
        let juggler = Arc::new(Juggler::start(JugglerOptions::default()).await.unwrap());
        let startrek = Arc::new(Startrek::start(StartrekOptions::default()).await.unwrap());
        Stage { world, zabbix, juggler, startrek, power_loss_after: Some(Duration::from_mins(1)) }
    }

    #[test]
    fn every_scenario_is_found_by_its_name() {
        for scenario in Scenario::ALL {
            assert_eq!(Scenario::named(scenario.name()), Some(scenario));
            assert_eq!(serde_json::to_value(scenario).unwrap(), scenario.name());
        }
    }

    #[tokio::test]
    async fn the_opening_day_has_some_of_everything() {
        let stage = stage(Size::DEMO).await;
        stage.open();
        let problems = stage.zabbix.open_problems();
        assert!((45..=65).contains(&problems.len()), "{} problems", problems.len());
        assert!(stage.zabbix.counts().iter().all(|count| *count > 0), "{:?}", stage.zabbix.counts());
        assert!(problems.iter().filter(|problem| problem.acknowledged).count() >= 3);
        assert!(problems.iter().filter(|problem| problem.suppressed).count() >= 4);
        assert!(problems.iter().any(|problem| problem.hosts.len() == 2));
        let centres = stage.by_centre();
        assert_eq!(centres.len(), 4, "{centres:?}");
        assert!(stage.juggler.bad_count() > 10);
        stage.open();
        assert_eq!(stage.zabbix.open_problems().len(), problems.len(), "a second opening is the same");
    }

    #[tokio::test(start_paused = true)]
    async fn a_rack_loses_power_device_by_device_within_20_seconds() {
        let stage = stage(Size::SMALL).await;
        let start = tokio::time::Instant::now();
        stage.play(Scenario::RackPowerLoss).await;
        assert!(start.elapsed() <= Duration::from_secs(20));
        let problems = stage.zabbix.open_problems();
        let racks: HashSet<u64> = stage
            .world
            .hosts()
            .filter(|host| problems.iter().any(|problem| problem.hosts.contains(&host.host)))
            .filter_map(|host| stage.world.rack_of(host.device_id))
            .collect();
        assert_eq!(racks.len(), 1);
        let rack = racks.into_iter().next().unwrap();
        let monitored =
            stage.world.devices_of_rack(rack).filter(|device| device.kind != Kind::PatchPanel).count();
        assert_eq!(problems.len(), monitored);
        assert!(problems.iter().all(|problem| problem.severity == 5));
        assert!(problems[0].name.contains("pdu"), "the power strips first: {}", problems[0].name);
    }

    #[tokio::test(start_paused = true)]
    async fn flapping_opens_and_resolves_without_end() {
        let stage = stage(Size::DEMO).await;
        let mut counts = HashSet::new();
        let playing = stage.play(Scenario::Flapping);
        let watching = async {
            for _ in 0..200 {
                sleep(Duration::from_millis(700)).await;
                counts.insert(stage.zabbix.open_problems().len());
            }
        };
        tokio::select! { () = playing => panic!("it ended"), () = watching => {} }
        assert!(counts.len() > 3, "{counts:?}");
    }

    #[tokio::test]
    async fn a_storm_brings_twenty_thousand_and_a_quiet_day_ends_it() {
        let stage = stage(Size::DEMO).await;
        stage.open();
        stage.play(Scenario::Storm).await;
        assert_eq!(stage.zabbix.open_problems().len(), 20_000);
        stage.play(Scenario::QuietDay).await;
        assert_eq!(stage.zabbix.open_problems().len(), 3);
    }

    #[tokio::test]
    async fn a_scenario_mends_what_the_one_before_broke() {
        let stage = stage(Size::SMALL).await;
        stage.play(Scenario::SourceGoesSilent).await;
        assert_eq!(stage.zabbix.faults().len(), 1);
        stage.play(Scenario::ProxyDies).await;
        assert!(stage.zabbix.faults().is_empty());
    }
}
