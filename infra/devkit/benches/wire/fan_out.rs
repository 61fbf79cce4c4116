//! One full snapshot to every client.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::ensure;
use heat::packed::Packed;

use crate::clients::{Crowd, Talk, on_one_thread};
use crate::heat::{Desk, Replica, document};
use crate::load::{family, memory, processor_ms};
use crate::peers::{Nginx, PlainTcp};
use crate::report::{Report, Spread};

const LIVE: &str = "/api/v1/live";
const MIB: f64 = 1_048_576.0;

struct Case {
    what: &'static str,
    length: usize,
    clients: usize,
    deflate: bool,
    /// Of the ratio to plain TCP, if it is compared with that, and to nchan.
    targets: [&'static str; 2],
}

const CASES: [Case; 5] = [
    Case {
        what: "64 KiB x 1000",
        length: 64 << 10,
        clients: 1000,
        deflate: false,
        targets: ["<= 1.45", "<= 1.0"],
    },
    Case { what: "1 MiB x 1000", length: 1 << 20, clients: 1000, deflate: false, targets: ["<= 1.1", ""] },
    Case { what: "1 MiB x 100, deflate", length: 1 << 20, clients: 100, deflate: true, targets: ["", ""] },
    Case {
        what: "1 MiB x 1000, deflate",
        length: 1 << 20,
        clients: 1000,
        deflate: true,
        targets: ["", "<= 0.35"],
    },
    Case {
        what: "1 MiB x 5000, deflate",
        length: 1 << 20,
        clients: 5000,
        deflate: true,
        targets: ["", "<= 0.35"],
    },
];

/// Somebody who sends one message to all.
enum Server {
    Heat(Box<Desk>, Box<Replica>, Packed),
    Plain(Box<PlainTcp>),
    Nchan(Box<Nginx>, reqwest::Client, Vec<u8>),
}

impl Server {
    const fn name(&self) -> &'static str {
        match self {
            Self::Heat(..) => "heat",
            Self::Plain(_) => "plain TCP",
            Self::Nchan(..) => "nchan",
        }
    }

    fn address(&self) -> SocketAddr {
        match self {
            Self::Heat(_, replica, _) => replica.address,
            Self::Plain(plain) => plain.address,
            Self::Nchan(nginx, ..) => nginx.address,
        }
    }

    fn pids(&self) -> Vec<u32> {
        match self {
            Self::Heat(_, replica, _) => vec![replica.process.pid()],
            Self::Plain(plain) => vec![plain.process.pid()],
            Self::Nchan(nginx, ..) => family(nginx.process.pid()),
        }
    }

    async fn publish(&mut self) -> anyhow::Result<()> {
        match self {
            Self::Heat(desk, _, body) => desk.publish(body).await,
            Self::Plain(plain) => plain.publish().await,
            Self::Nchan(nginx, client, body) => {
                let url = format!("http://{}/pub", nginx.address);
                let answer = client.post(url).body(body.clone()).send().await?;
                ensure!(answer.status().is_success(), "nchan: {}", answer.status());
                Ok(())
            }
        }
    }
}

/// What was measured of one server.
struct Runner {
    server: Server,
    crowd: Crowd,
    times: Vec<f64>,
    processor_ms: f64,
}

impl Runner {
    async fn round(&mut self) -> anyhow::Result<f64> {
        let pids = self.server.pids();
        let before = processor_ms(&pids);
        self.crowd.expect_one_each();
        let start = Instant::now();
        // nchan answers once it has told everybody; the clients are counted meanwhile.
        let (published, last) = tokio::join!(self.server.publish(), self.crowd.last());
        published?;
        let took = last?.duration_since(start).as_secs_f64() * 1000.0;
        tokio::time::sleep(Duration::from_millis(50)).await;
        self.processor_ms += processor_ms(&pids) - before;
        Ok(took)
    }
}

pub(crate) async fn compare(report: &mut Report, rounds: usize) -> anyhow::Result<()> {
    for case in &CASES {
        on_one_thread(compare_one(report, case, rounds)).await?;
    }
    Ok(())
}

async fn heat(json: &[u8]) -> anyhow::Result<Server> {
    let mut desk = Desk::open().await?;
    let packed = Packed::new(json)?;
    desk.publish(&packed).await?;
    let replica = desk.replica().await?;
    Ok(Server::Heat(Box::new(desk), Box::new(replica), packed))
}

async fn compare_one(report: &mut Report, case: &Case, rounds: usize) -> anyhow::Result<()> {
    let json = document(case.length);
    let payload = if case.deflate { Packed::new(&json)?.message().to_vec() } else { json.clone() };
    let plain = PlainTcp::start(&payload).await?;
    let nginx = Nginx::nchan().await?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let mut runners = Vec::new();
    for mut server in
        [heat(&json).await?, Server::Plain(Box::new(plain)), Server::Nchan(Box::new(nginx), client, json)]
    {
        let talk = match &server {
            Server::Heat(..) => Talk::WebSocket { path: LIVE, deflate: case.deflate },
            Server::Plain(_) => Talk::Plain(payload.len()),
            Server::Nchan(..) => Talk::WebSocket { path: "/sub", deflate: case.deflate },
        };
        let crowd = Crowd::connect(server.address(), talk, case.clients, 0).await?;
        if let Server::Heat(..) = server {
            // What each is shown at once.
            crowd.had_one_each().await?;
        } else {
            server.publish().await?;
            crowd.had_one_each().await?;
        }
        runners.push(Runner { server, crowd, times: Vec::new(), processor_ms: 0.0 });
    }
    let generator = processor_ms(&[std::process::id()]);
    for round in 0..=rounds {
        for runner in &mut runners {
            let took = runner.round().await?;
            // The first one warms up.
            if round > 0 {
                runner.times.push(took);
            } else {
                runner.processor_ms = 0.0;
            }
        }
    }
    let generator = (processor_ms(&[std::process::id()]) - generator) / (rounds + 1) as f64 / 3.0;
    for runner in &runners {
        let processor = runner.processor_ms / rounds as f64;
        let (_, peak) = memory(&runner.server.pids());
        let more = format!("{processor:.0} ms of processor, peak {:.0} MiB", peak / MIB);
        let spread = Spread::of(runner.times.clone());
        report.add(case.what, runner.server.name(), "ms to the last client", spread, &more);
    }
    let [heat, plain, nchan] = &runners[..] else { return Ok(()) };
    report.ratio(case.what, &heat.times, &plain.times, "plain TCP", case.targets[0]);
    report.ratio(case.what, &heat.times, &nchan.times, "nchan", case.targets[1]);
    let (kib, name) = (payload.len() / 1024, "generator");
    let more = format!("of processor an update; {kib} KiB a client on the wire");
    report.add(case.what, name, "ms", Spread::of(vec![generator]), &more);
    Ok(())
}

pub(crate) async fn idle(report: &mut Report) -> anyhow::Result<()> {
    const CLIENTS: usize = 5000;
    on_one_thread(async {
        let server = heat(&document(1000)).await?;
        let (before, _) = memory(&server.pids());
        let talk = Talk::WebSocket { path: LIVE, deflate: true };
        let crowd = Crowd::connect(server.address(), talk, CLIENTS, 0).await?;
        crowd.had_one_each().await?;
        let (after, _) = memory(&server.pids());
        let each = (after - before) / CLIENTS as f64 / 1000.0;
        report.add("5000 idle clients", "heat", "kB a client", Spread::of(vec![each]), "<= 12");
        Ok(())
    })
    .await
}

pub(crate) async fn stalled(report: &mut Report, rounds: usize) -> anyhow::Result<()> {
    const READERS: usize = 700;
    on_one_thread(async {
        let json = document(1 << 20);
        let talk = Talk::WebSocket { path: LIVE, deflate: true };
        let mut runners = Vec::new();
        for others in [0, 300] {
            let server = heat(&json).await?;
            let crowd = Crowd::connect(server.address(), talk, READERS, others).await?;
            crowd.had_one_each().await?;
            runners.push(Runner { server, crowd, times: Vec::new(), processor_ms: 0.0 });
        }
        for _ in 0..rounds {
            for runner in &mut runners {
                let took = runner.round().await?;
                runner.times.push(took);
            }
        }
        for (runner, whose) in runners.iter().zip(["heat, 700", "heat, +300"]) {
            let (_, peak) = memory(&runner.server.pids());
            let more = format!("peak {:.0} MiB", peak / MIB);
            let spread = Spread::of(runner.times.clone());
            report.add("300 of 1000 read nothing", whose, "ms to the last reader", spread, &more);
        }
        if let [alone, beside] = &runners[..] {
            report.ratio("300 of 1000 read nothing", &beside.times, &alone.times, "alone", "~ 1");
        }
        Ok(())
    })
    .await
}

pub(crate) async fn storm(report: &mut Report, rounds: usize) -> anyhow::Result<()> {
    const CLIENTS: usize = 1000;
    on_one_thread(async {
        let server = heat(&document(1 << 20)).await?;
        let talk = Talk::WebSocket { path: LIVE, deflate: true };
        let mut times = Vec::new();
        for _ in 0..rounds {
            let start = Instant::now();
            let crowd = Crowd::connect(server.address(), talk, CLIENTS, 0).await?;
            crowd.had_one_each().await?;
            times.push(start.elapsed().as_secs_f64() * 1000.0);
        }
        let spread = Spread::of(times);
        report.add("1000 browsers come at once", "heat", "ms to the last picture", spread, "<= 2000");
        Ok(())
    })
    .await
}
