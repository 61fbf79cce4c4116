//! Clients that cost next to nothing: they count bytes, and look no further into a frame than its length.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::timeout;

/// Nothing that is measured takes so long.
const PATIENCE: Duration = Duration::from_mins(1);

/// How a client talks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Talk {
    /// Bytes, so many a message.
    Plain(usize),
    /// WebSocket, this path.
    WebSocket { path: &'static str, deflate: bool },
}

/// What all clients of one server share.
#[derive(Debug, Default)]
struct Count {
    messages: Cell<usize>,
    wanted: Cell<usize>,
    reached: Notify,
    /// When the last one came.
    at: Cell<Option<Instant>>,
    lost: Cell<usize>,
}

/// Connected clients.
pub(crate) struct Crowd {
    count: Rc<Count>,
    readers: JoinSet<()>,
    /// Connections that nobody reads.
    stalled: Vec<TcpStream>,
    pub(crate) size: usize,
}

thread_local! {
    /// One buffer for all: what is read is only counted.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; 256 << 10]);
}

impl Crowd {
    /// Connects `readers` clients, and `stalled` ones that will never read. To be called in a [`LocalSet`].
    pub(crate) async fn connect(
        address: SocketAddr,
        talk: Talk,
        readers: usize,
        stalled: usize,
    ) -> anyhow::Result<Self> {
        let mut crowd =
            Self { count: Rc::default(), readers: JoinSet::new(), stalled: Vec::new(), size: readers };
        // In waves: a listening socket's queue is finite.
        for wave in (0..readers + stalled).collect::<Vec<_>>().chunks(100) {
            let connecting = wave.iter().map(|number| async move {
                let connected = connect(address, talk).await;
                anyhow::Ok((*number, connected?))
            });
            for connected in futures_util::future::try_join_all(connecting).await? {
                let (number, (stream, rest)) = connected;
                if number < readers {
                    crowd.read(stream, rest, talk);
                } else {
                    crowd.stalled.push(stream);
                }
            }
        }
        Ok(crowd)
    }

    fn read(&mut self, stream: TcpStream, rest: Vec<u8>, talk: Talk) {
        let count = Rc::clone(&self.count);
        self.readers.spawn_local(async move {
            let mut meter = Meter::new(talk);
            let outcome = follow(stream, rest, &mut meter, &count).await;
            // Cut off at the end of a measurement, or by the server.
            drop(outcome);
            count.lost.set(count.lost.get() + 1);
        });
    }

    /// From now on messages are counted, until each client has had one.
    pub(crate) fn expect_one_each(&self) {
        self.count.messages.set(0);
        self.count.wanted.set(self.size);
        self.count.at.set(None);
    }

    /// Waits until each client has had its first message.
    pub(crate) async fn had_one_each(&self) -> anyhow::Result<()> {
        let wait = async {
            while self.count.messages.get() < self.size {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let late = || format!("{} of {} had their first message", self.count.messages.get(), self.size);
        timeout(PATIENCE, wait).await.with_context(late)
    }

    /// When the last client had its message.
    pub(crate) async fn last(&self) -> anyhow::Result<Instant> {
        let wait = async {
            loop {
                if let Some(at) = self.count.at.get() {
                    return at;
                }
                self.count.reached.notified().await;
            }
        };
        let late = || {
            format!(
                "{} of {} had it, {} are gone",
                self.count.messages.get(),
                self.size,
                self.count.lost.get()
            )
        };
        timeout(PATIENCE, wait).await.with_context(late)
    }
}

/// Counts one stream's messages by their lengths.
struct Meter {
    talk: Talk,
    /// Bytes of the message that are still to come.
    left: usize,
    /// A header that has come in part.
    header: Vec<u8>,
    is_data: bool,
}

impl Meter {
    fn new(talk: Talk) -> Self {
        let left = if let Talk::Plain(length) = talk { length } else { 0 };
        Self { talk, left, header: Vec::new(), is_data: true }
    }

    /// How many messages end in these bytes, and how many pings want an answer.
    fn take(&mut self, mut bytes: &[u8]) -> (usize, usize) {
        let (mut messages, mut pings) = (0, 0);
        if let Talk::Plain(length) = self.talk {
            while bytes.len() >= self.left {
                bytes = &bytes[self.left..];
                self.left = length;
                messages += 1;
            }
            self.left -= bytes.len();
            return (messages, pings);
        }
        loop {
            if self.left > 0 {
                let taken = self.left.min(bytes.len());
                bytes = &bytes[taken..];
                self.left -= taken;
                if self.left > 0 {
                    return (messages, pings);
                }
                messages += usize::from(self.is_data);
            }
            let Some((first, rest)) = bytes.split_first() else { return (messages, pings) };
            self.header.push(*first);
            bytes = rest;
            // RFC 6455, 5.2; what servers send is not masked.
            let length = match self.header.as_slice() {
                [_, short] if *short < 126 => usize::from(*short),
                [_, 126, a, b] => usize::from(u16::from_be_bytes([*a, *b])),
                [_, 127, long @ ..] if long.len() == 8 => {
                    long.iter().fold(0, |length, byte| length << 8 | usize::from(*byte))
                }
                _ => continue,
            };
            let code = self.header[0] & 0x0f;
            self.is_data = code < 8;
            pings += usize::from(code == 9);
            self.header.clear();
            self.left = length;
            if length == 0 {
                messages += usize::from(self.is_data);
            }
        }
    }
}

async fn follow(
    mut stream: TcpStream,
    rest: Vec<u8>,
    meter: &mut Meter,
    count: &Count,
) -> anyhow::Result<()> {
    let mut came = meter.take(&rest);
    loop {
        if came.0 > 0 {
            count.messages.set(count.messages.get() + came.0);
            if count.at.get().is_none()
                && count.wanted.get() > 0
                && count.messages.get() >= count.wanted.get()
            {
                count.at.set(Some(Instant::now()));
                count.reached.notify_waiters();
                count.reached.notify_one();
            }
        }
        for _ in 0..came.1 {
            // An empty pong under a mask of zeros.
            stream.write_all(&[0x8a, 0x80, 0, 0, 0, 0]).await?;
        }
        stream.readable().await?;
        came = SCRATCH.with_borrow_mut(|scratch| match stream.try_read(scratch) {
            Ok(0) => bail!("the server closed the connection"),
            Ok(length) => Ok(meter.take(&scratch[..length])),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok((0, 0)),
            Err(error) => Err(error.into()),
        })?;
    }
}

/// A connection, and what came behind the handshake.
async fn connect(address: SocketAddr, talk: Talk) -> anyhow::Result<(TcpStream, Vec<u8>)> {
    let mut stream = timeout(PATIENCE, TcpStream::connect(address)).await??;
    let Talk::WebSocket { path, deflate } = talk else { return Ok((stream, Vec::new())) };
    let offer = if deflate {
        "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover; server_no_context_takeover\r\n"
    } else {
        ""
    };
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{offer}\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    loop {
        if let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&answer[..end]).into_owned();
            if !head.starts_with("HTTP/1.1 101") {
                bail!("no handshake: {head}");
            }
            if deflate && !head.to_lowercase().contains("permessage-deflate") {
                bail!("no compression: {head}");
            }
            return Ok((stream, answer.split_off(end + 4)));
        }
        let mut some = [0; 1024];
        match timeout(PATIENCE, stream.read(&mut some)).await?? {
            0 => bail!("closed during the handshake"),
            length => answer.extend_from_slice(&some[..length]),
        }
    }
}

/// Runs what needs [`Crowd`]s.
pub(crate) async fn on_one_thread<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    LocalSet::new().run_until(work).await
}
