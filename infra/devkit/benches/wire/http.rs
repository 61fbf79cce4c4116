//! The picture by REST, and the start.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, ensure};
use heat::packed::Packed;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::heat::{Desk, document};
use crate::peers::Nginx;
use crate::report::{Report, Spread};

/// 250 kB on the wire, about.
const DOCUMENT: usize = 1_650_000;

/// Requests a second by wrk, from 64 connections.
fn wrk(url: &str, headers: &[String]) -> anyhow::Result<f64> {
    let mut wrk = Command::new("wrk");
    wrk.args(["-t1", "-c64", "-d4s"]);
    for header in headers {
        wrk.args(["-H", header]);
    }
    let output = wrk.arg(url).output().context("wrk is missing: apt-get install wrk")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(!text.contains("Non-2xx"), "{text}");
    let line = text.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
    Ok(line.context(text.to_string())?.trim().parse()?)
}

pub(crate) async fn rest(report: &mut Report, rounds: usize) -> anyhow::Result<()> {
    let mut desk = Desk::open().await?;
    let packed = Packed::new(&document(DOCUMENT))?;
    desk.publish(&packed).await?;
    let replica = desk.replica().await?;
    let nginx = Nginx::file(packed.gzip()).await?;
    let (ours, theirs) =
        (format!("http://{}/api/v1/snapshot", replica.address), format!("http://{}/snapshot", nginx.address));
    let client = reqwest::Client::builder().no_gzip().no_proxy().build()?;
    let tag = async |url: &str| {
        let answer = client.get(url).header("Accept-Encoding", "gzip").send().await?;
        anyhow::Ok(answer.headers().get("etag").context("no ETag")?.to_str()?.to_owned())
    };
    let (our_tag, their_tag) = (tag(&ours).await?, tag(&theirs).await?);
    let kib = packed.gzip().len() / 1024;
    for (what, target, known) in [
        (format!("GET snapshot, {kib} KiB gzip"), ">= 0.7", false),
        ("GET snapshot, 304".to_owned(), ">= 0.8", true),
    ] {
        let (mut heat, mut peer) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            heat.push(wrk(&ours, &headers(&our_tag, known))?);
            peer.push(wrk(&theirs, &headers(&their_tag, known))?);
        }
        report.add(&what, "heat", "requests/s", Spread::of(heat.clone()), "");
        report.add(&what, "nginx", "requests/s", Spread::of(peer.clone()), "");
        report.ratio(&what, &heat, &peer, "nginx", target);
    }
    Ok(())
}

fn headers(tag: &str, known: bool) -> Vec<String> {
    let mut headers = vec!["Accept-Encoding: gzip".to_owned()];
    headers.extend(known.then(|| format!("If-None-Match: {tag}")));
    headers
}

pub(crate) async fn start(report: &mut Report, rounds: usize) -> anyhow::Result<()> {
    let mut desk = Desk::open().await?;
    desk.publish(&Packed::new(&document(DOCUMENT))?).await?;
    let mut times = Vec::new();
    for _ in 0..rounds {
        let (program, address) = desk.program()?;
        let start = Instant::now();
        let _process = program.spawn()?;
        let request =
            format!("GET /api/v1/snapshot HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        loop {
            ensure!(start.elapsed().as_secs() < 30, "heat-api does not start");
            let ask = async {
                let mut wire = TcpStream::connect(address).await?;
                wire.write_all(request.as_bytes()).await?;
                let mut head = [0; 12];
                wire.read_exact(&mut head).await?;
                anyhow::Ok(head == *b"HTTP/1.1 200")
            };
            if ask.await.unwrap_or(false) {
                break;
            }
            tokio::task::yield_now().await;
        }
        times.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    report.add("start to the first byte", "heat", "ms", Spread::of(times), "<= 150");
    Ok(())
}
