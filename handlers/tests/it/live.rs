//! The socket: what browsers, other programs and bad clients see of it.

use std::time::Duration;

use flate2::{Decompress, FlushDecompress};
use futures_util::{SinkExt, StreamExt};
use heat::packed::Packed;
use heat_devkit::eventually;
use reqwest::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::stage::{FIRST, PATIENCE, Replica, Stage, answer, event};

const DEFLATE: &str = "permessage-deflate; client_max_window_bits";

type Standard = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A client that knows no compression.
async fn connect(replica: &Replica) -> Standard {
    connect_async(format!("ws://{}/api/v1/live", replica.addr)).await.unwrap().0
}

async fn next(socket: &mut Standard) -> Message {
    timeout(PATIENCE, socket.next()).await.expect("in time").expect("a message").unwrap()
}

/// A client of the bare wire.
struct Raw {
    wire: TcpStream,
    head: String,
}

impl Raw {
    async fn connect(replica: &Replica, extensions: &str) -> Self {
        Self::handshake(TcpStream::connect(replica.addr).await.unwrap(), extensions).await
    }

    async fn handshake(mut wire: TcpStream, extensions: &str) -> Self {
        let request = format!(
            "GET /api/v1/live HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Extensions: {extensions}\r\n\r\n"
        );
        wire.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(timeout(PATIENCE, wire.read_u8()).await.expect("in time").unwrap());
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        assert!(head.starts_with("http/1.1 101"), "{head}");
        Self { wire, head }
    }

    /// The first byte and the payload of the next frame that is no ping.
    async fn frame(&mut self) -> (u8, Vec<u8>) {
        let frame = async {
            loop {
                let first = self.wire.read_u8().await?;
                let length = match self.wire.read_u8().await? {
                    126 => u64::from(self.wire.read_u16().await?),
                    127 => self.wire.read_u64().await?,
                    short => u64::from(short),
                };
                let mut payload = vec![0; usize::try_from(length).unwrap()];
                self.wire.read_exact(&mut payload).await?;
                if first & 0x0f != 9 {
                    return std::io::Result::Ok((first, payload));
                }
            }
        };
        timeout(PATIENCE, frame).await.expect("in time").unwrap()
    }

    /// The next message, which must be compressed.
    async fn inflated(&mut self) -> Vec<u8> {
        let (first, mut payload) = self.frame().await;
        assert_eq!(first, 0xc1, "one whole compressed text message");
        payload.extend_from_slice(&[0, 0, 0xff, 0xff]);
        let mut json = Vec::with_capacity(64 << 20);
        Decompress::new(false).decompress_vec(&payload, &mut json, FlushDecompress::Sync).unwrap();
        json
    }
}

#[tokio::test]
async fn a_client_is_sent_the_current_snapshot_at_once_and_then_every_change() {
    let stage = Stage::without_postgres().await;
    let json = stage.publish(FIRST, (0..300).map(|n| event(n, "a")).collect()).await;
    let replica = stage.replica().await;
    let mut plain = connect(&replica).await;
    let mut deflate = Raw::connect(&replica, DEFLATE).await;
    let agreed = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    assert!(deflate.head.contains(agreed), "{}", deflate.head);
    assert_eq!(next(&mut plain).await.into_data(), json);
    assert_eq!(deflate.inflated().await, json);

    for revision in FIRST + 1..FIRST + 4 {
        let json = stage.publish(revision, vec![event(1, "a")]).await;
        assert_eq!(next(&mut plain).await.into_data(), json);
        assert_eq!(deflate.inflated().await, json);
    }
}

#[tokio::test]
async fn a_client_that_connects_before_anything_is_published_is_sent_the_first_snapshot() {
    let stage = Stage::without_postgres().await;
    let replica = stage.replica().await;
    let mut socket = connect(&replica).await;
    let json = stage.publish(FIRST, vec![]).await;
    assert_eq!(next(&mut socket).await.into_data(), json);
}

#[tokio::test]
async fn a_client_that_asks_for_a_smaller_window_gets_plain_text() {
    let stage = Stage::without_postgres().await;
    let json = stage.publish(FIRST, vec![event(1, "a")]).await;
    let replica = stage.replica().await;
    let mut small = Raw::connect(&replica, "permessage-deflate; server_max_window_bits=12").await;
    assert!(!small.head.contains("sec-websocket-extensions"));
    assert_eq!(small.frame().await, (0x81, json));
}

/// Text that does not compress, so that a few frames fill every buffer on the way.
fn noise(length: usize, mut seed: u64) -> Vec<u8> {
    std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        b'!' + u8::try_from((seed >> 33) % 90).unwrap()
    })
    .take(length)
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_late_skips_to_the_newest_and_delays_nobody() {
    let stage = Stage::without_postgres().await;
    let replica = stage.replica().await;
    // Made beforehand, so that little happens between the first write and the late client's reading.
    let published: Vec<_> = (0..6).map(|n| noise(1 << 20, n)).collect();
    let packed: Vec<_> = published.iter().map(|text| Packed::new(text).unwrap()).collect();
    // A small receive buffer: the kernel must not hide that this client does not read.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut late = Raw::handshake(socket.connect(replica.addr).await.unwrap(), DEFLATE).await;
    let mut prompt = Raw::connect(&replica, DEFLATE).await;
    for ((revision, packed), text) in (FIRST..).zip(packed).zip(&published) {
        stage.publish_packed(revision, packed).await;
        assert_eq!(prompt.inflated().await, *text, "revision {revision} reaches the one that reads");
    }
    let mut received = Vec::new();
    while received.last() != published.last() {
        received.push(late.inflated().await);
    }
    assert!(received.len() < published.len(), "it skipped some: {} of {}", received.len(), published.len());
    let places: Vec<_> = received.iter().map(|r| published.iter().position(|p| p == r).unwrap()).collect();
    assert!(places.is_sorted(), "and got the others whole and in order: {places:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_nothing_is_dropped_after_the_write_deadline() {
    let stage = Stage::without_postgres().await;
    let replica = stage.replica().await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let _stuck = Raw::handshake(socket.connect(replica.addr).await.unwrap(), DEFLATE).await;
    let mut prompt = Raw::connect(&replica, DEFLATE).await;
    let text = noise(8 << 20, 1);
    stage.publish_bytes(FIRST, &text).await;
    assert_eq!(prompt.inflated().await, text);
    eventually("one socket to be left", PATIENCE, async || {
        let page = replica.get("/status").await.text().await.ok()?;
        let row = page.split("Browsers on this replica").nth(1)?;
        row.split("</td>").next()?.ends_with(">1").then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn when_the_replica_stops_every_client_is_told_to_connect_again() {
    let stage = Stage::without_postgres().await;
    stage.publish(FIRST, vec![]).await;
    let replica = stage.replica().await;
    let mut sockets = Vec::new();
    for _ in 0..20 {
        let mut socket = connect(&replica).await;
        next(&mut socket).await;
        sockets.push(socket);
    }
    let stopped = tokio::spawn(replica.stopped());
    for mut socket in sockets {
        let Message::Close(Some(close)) = next(&mut socket).await else { panic!("a close frame") };
        assert_eq!(close.code, CloseCode::Restart);
    }
    timeout(PATIENCE, stopped).await.expect("it ends once all have parted").unwrap();
}

#[tokio::test]
async fn a_client_that_sends_a_message_is_told_that_none_is_taken() {
    let stage = Stage::without_postgres().await;
    stage.publish(FIRST, vec![]).await;
    let replica = stage.replica().await;
    let long = "x".repeat(100_000);
    for message in [Message::text("hello"), Message::binary(vec![1, 2]), Message::text(long)] {
        let mut socket = connect(&replica).await;
        next(&mut socket).await;
        // The server may part before it has read all of a long message.
        let _ = socket.send(message).await;
        let closed = async {
            while let Some(message) = socket.next().await {
                if let Ok(Message::Close(Some(close))) = message {
                    return close.code;
                }
            }
            panic!("no close frame")
        };
        assert_eq!(timeout(PATIENCE, closed).await.expect("in time"), CloseCode::Policy);
    }
    // A compressed one, as a browser would send it: FIN, RSV1, text; masked with zeros.
    let mut raw = Raw::connect(&replica, DEFLATE).await;
    raw.inflated().await;
    raw.wire.write_all(&[0xc1, 0x83, 0, 0, 0, 0, 0x4a, 0x04, 0x00]).await.unwrap();
    let (first, payload) = raw.frame().await;
    assert_eq!((first, &payload[..2]), (0x88, &1008_u16.to_be_bytes()[..]));
}

#[tokio::test]
async fn a_client_that_pings_is_answered_and_one_that_parts_is_let_go() {
    let stage = Stage::without_postgres().await;
    stage.publish(FIRST, vec![]).await;
    let replica = stage.replica().await;
    let mut socket = connect(&replica).await;
    next(&mut socket).await;
    socket.send(Message::Ping(vec![7].into())).await.unwrap();
    assert_eq!(next(&mut socket).await, Message::Pong(vec![7].into()));
    socket.close(None).await.unwrap();
    let parted = async { while let Some(Ok(_)) = socket.next().await {} };
    timeout(PATIENCE, parted).await.expect("the server closes the connection");
}

#[tokio::test]
async fn what_is_no_handshake_or_comes_from_another_site_is_refused() {
    let stage = Stage::without_postgres().await;
    let replica = stage.replica().await;
    let response = replica.get("/api/v1/live").await;
    assert_eq!(response.headers()["sec-websocket-version"], "13");
    answer(response, StatusCode::UPGRADE_REQUIRED).await;

    let from = |origin: &str| {
        let request = replica.request(reqwest::Method::GET, "/api/v1/live").header("origin", origin);
        let request = request.header("connection", "upgrade").header("upgrade", "websocket");
        request
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .send()
    };
    answer(from("https://evil.example").await.unwrap(), StatusCode::FORBIDDEN).await;
    assert_eq!(from("http://127.0.0.1:8080").await.unwrap().status(), StatusCode::SWITCHING_PROTOCOLS);
}

#[tokio::test]
async fn whoever_is_logged_in_is_told_to_connect_again_after_a_while_and_others_may_stay() {
    let stage = Stage::without_postgres().await;
    stage.publish(FIRST, vec![]).await;
    let args = ["--auth", "proxy", "--public-url", "https://heat.example.net", "--anonymous", "viewer"];
    let replica = stage.replica_with(&[&args[..], &["--socket-max-age", "1"]].concat()).await;
    let open = async |user: Option<&str>| {
        let mut request = format!("ws://{}/api/v1/live", replica.addr).into_client_request().unwrap();
        request.headers_mut().insert("origin", "https://heat.example.net".parse().unwrap());
        if let Some(user) = user {
            request.headers_mut().insert("x-forwarded-user", user.parse().unwrap());
        }
        let mut socket = connect_async(request).await.unwrap().0;
        next(&mut socket).await;
        socket
    };
    let mut anybody = open(None).await;
    for _ in 0..2 {
        let mut ann = open(Some("ann")).await;
        let Message::Close(Some(close)) = next(&mut ann).await else { panic!("a close frame") };
        assert_eq!(close.code, CloseCode::Restart);
    }
    let json = stage.publish(FIRST + 1, vec![event(1, "a")]).await;
    assert_eq!(next(&mut anybody).await.into_data(), json);
}

#[tokio::test]
async fn a_full_replica_sends_further_clients_elsewhere() {
    let stage = Stage::without_postgres().await;
    stage.publish(FIRST, vec![]).await;
    let replica = stage.replica_with(&["--auth", "off", "--sockets", "1"]).await;
    let mut first = connect(&replica).await;
    next(&mut first).await;
    let refused = connect_async(format!("ws://{}/api/v1/live", replica.addr)).await;
    let Err(tokio_tungstenite::tungstenite::Error::Http(response)) = refused else {
        panic!("a plain refusal")
    };
    assert_eq!(response.status(), 503);
    drop(first);
    eventually("room", PATIENCE, async || {
        connect_async(format!("ws://{}/api/v1/live", replica.addr)).await.ok()
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn where_redis_hides_its_settings_changes_are_polled() {
    let redis = heat_devkit::backends::Redis::with_args(&["--rename-command", "CONFIG", ""]).await.unwrap();
    let stage = Stage::on_redis(redis).await;
    stage.publish(FIRST, vec![]).await;
    let replica = stage.replica().await;
    let mut socket = connect(&replica).await;
    next(&mut socket).await;
    let json = stage.publish(FIRST + 1, vec![event(1, "a")]).await;
    let message = timeout(Duration::from_secs(10), next(&mut socket)).await.expect("the poll finds it");
    assert_eq!(message.into_data(), json);
    let readiness = replica.json("/readyz", StatusCode::OK).await;
    assert!(readiness["degraded"].to_string().contains("notify-keyspace-events"), "{readiness}");
}
