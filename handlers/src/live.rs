//! `GET /api/v1/live`: the picture, pushed.
//!
//! tungstenite reads, and keeps ping, pong and close; a snapshot is one shared frame written straight to the stream. The
//! two never interleave: tungstenite is flushed first, and nothing else writes until the frame is out.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::upgrade::downcast;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::{Message, Role, WebSocketConfig};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::feed::Frame;
use crate::handshake::Handshake;
use crate::metrics::{Metrics, SocketEnd};
use crate::problem::Problem;
use crate::reply::Reply;
use crate::service::Asked;
use crate::tenure::{self, Over};

/// A client that has not taken a frame by then is too slow to be shown anything of use.
const WRITE_WITHIN: Duration = Duration::from_secs(10);

/// Well below the minute after which proxies think a connection dead.
const PING_EVERY: Duration = Duration::from_secs(20);

/// How long the other side may take to part.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// Clients have nothing to say, and the default buffer alone would cost 128 KiB a socket.
const READ_BUFFER: usize = 4 << 10;

/// What the kernel keeps for a client that does not read; left alone, it grows to megabytes.
const SEND_BUFFER: usize = 256 << 10;

/// RFC 6455, 7.4.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Code {
    /// A message of a kind that is not taken, or a token that is none any more.
    Policy = 1008,
    /// The server restarts; connect again, and reach another replica.
    Restart = 1012,
}

/// Accepts a handshake and leaves a task behind that serves the socket.
pub(crate) fn accept(app: &Arc<App>, asked: Asked) -> Result<Reply, Problem> {
    let (caller, request) = (asked.caller()?.clone(), asked.request);
    let handshake = Handshake::read(request.headers())?;
    let permit = Arc::clone(&app.room).try_acquire_owned().map_err(|_| {
        Problem::not_now("this replica has as many WebSockets as it may; try again, another may have room")
    })?;
    let deflate = handshake.deflate();
    let reply = handshake.into_reply()?;
    let app = Arc::clone(app);
    let tasks = app.tasks.clone();
    tasks.spawn(async move {
        let _permit = permit;
        let upgraded = match hyper::upgrade::on(request).await {
            Ok(upgraded) => upgraded,
            Err(error) => return tracing::debug!(%error, "the client left during the handshake"),
        };
        let (stream, read) = match downcast::<TokioIo<TcpStream>>(upgraded) {
            // Copied out, so that hyper's read buffer does not live as long as the socket.
            Ok(parts) => (parts.io.into_inner(), parts.read_buf.to_vec()),
            Err(_) => return tracing::error!("an upgraded connection is no TCP stream; this is a defect"),
        };
        if let Err(error) = SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER) {
            tracing::debug!(%error, "SO_SNDBUF");
        }
        let socket = Socket::new(stream, read, deflate, Arc::clone(&app.metrics)).await;
        app.metrics.sockets.inc();
        // On the heap: in the socket's task it would be as large for those who may stay.
        let over = Box::pin(tenure::over(&app, &caller));
        let end = socket.serve(app.feed.subscribe(), over, &app.stop).await;
        app.metrics.sockets.dec();
        app.metrics.socket_ended(end);
    });
    Ok(reply)
}

/// One client.
struct Socket<S> {
    wire: WebSocketStream<S>,
    deflate: bool,
    /// The number of the frame it was sent last.
    sent: Option<u64>,
    metrics: Arc<Metrics>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// After the handshake; `read` is what came behind it.
    async fn new(stream: S, read: Vec<u8>, deflate: bool, metrics: Arc<Metrics>) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_message_size(Some(READ_BUFFER))
            .max_frame_size(Some(READ_BUFFER));
        let wire = WebSocketStream::from_partially_read(stream, read, Role::Server, Some(config)).await;
        Self { wire, deflate, sent: None, metrics }
    }

    /// Sends every frame the client keeps up with, until one of the two sides ends it.
    async fn serve(
        mut self,
        mut frames: watch::Receiver<Option<Arc<Frame>>>,
        mut over: impl Future<Output = Over> + Unpin,
        stop: &CancellationToken,
    ) -> SocketEnd {
        let mut ping = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = true;
        loop {
            let went_wrong = tokio::select! {
                () = stop.cancelled() => {
                    self.close(Code::Restart, "this replica is going away; connect again").await;
                    return SocketEnd::Stopped;
                }
                why = &mut over => match why {
                    Over::Aged => {
                        self.close(Code::Restart, "connect again, with the rights you have now").await;
                        return SocketEnd::Aged;
                    }
                    Over::Revoked => {
                        self.close(Code::Policy, "the token was revoked or is over").await;
                        return SocketEnd::Revoked;
                    }
                },
                // Nobody sends any more only when the replica ends, and then it stops too.
                Ok(()) = frames.changed() => {
                    let frame = frames.borrow_and_update().clone();
                    match frame {
                        Some(frame) => self.show(&frame).await,
                        None => Ok(()),
                    }
                }
                _ = ping.tick() => {
                    if !heard {
                        return SocketEnd::Silent;
                    }
                    heard = false;
                    in_time(self.wire.send(Message::Ping(Bytes::new()))).await
                }
                message = self.wire.next() => match message {
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {
                        heard = true;
                        Ok(())
                    }
                    Some(Ok(Message::Close(_))) => {
                        // tungstenite answers while it is read to the end.
                        let rest = async { while let Some(Ok(_)) = self.wire.next().await {} };
                        let _ = timeout(CLOSE_WITHIN, rest).await;
                        Err(SocketEnd::Gone)
                    }
                    // A client that negotiated compression uses it for its messages too, and tungstenite knows none.
                    Some(
                        Ok(Message::Text(_) | Message::Binary(_) | Message::Frame(_))
                        | Err(Error::Capacity(_) | Error::Utf8(_) | Error::Protocol(ProtocolError::NonZeroReservedBits)),
                    ) => {
                        self.close(Code::Policy, "this socket takes no messages").await;
                        return SocketEnd::Refused;
                    }
                    Some(Err(_)) | None => Err(SocketEnd::Gone),
                },
            };
            if let Err(end) = went_wrong {
                return end;
            }
        }
    }

    /// Writes a frame that all sockets share.
    async fn show(&mut self, frame: &Frame) -> Result<(), SocketEnd> {
        let bytes = match frame.bytes(self.deflate).await {
            Ok(bytes) => bytes,
            Err(error) => {
                tracing::error!(
                    error = format!("{error:#}"),
                    revision = frame.revision,
                    "cannot send a snapshot"
                );
                return Ok(());
            }
        };
        let write = async {
            self.wire.flush().await?;
            Ok(self.wire.get_mut().write_all(&bytes).await?)
        };
        in_time(write).await?;
        let skipped = self.sent.map_or(0, |last| frame.number.saturating_sub(last + 1));
        self.metrics.sent(bytes.len(), skipped);
        self.sent = Some(frame.number);
        Ok(())
    }

    /// Says why, and lets the other side read it: what lies unread when a connection is closed takes the words along.
    async fn close(mut self, code: Code, reason: &'static str) {
        let farewell = async {
            self.wire.flush().await?;
            let mut stream = self.wire.into_inner();
            let mut frame = vec![0x88, u8::try_from(2 + reason.len()).unwrap_or(2)];
            frame.extend_from_slice(&(code as u16).to_be_bytes());
            frame.extend_from_slice(reason.as_bytes());
            stream.write_all(&frame).await?;
            stream.shutdown().await?;
            // On the heap: on the stack it would be part of every socket's task.
            let mut rest = vec![0; 1024];
            while stream.read(&mut rest).await? > 0 {}
            Ok::<_, Error>(())
        };
        // Whoever does not part in time is left.
        let _ = timeout(CLOSE_WITHIN, farewell).await;
    }
}

async fn in_time(write: impl Future<Output = Result<(), Error>>) -> Result<(), SocketEnd> {
    match timeout(WRITE_WITHIN, write).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(SocketEnd::Gone),
        Err(_) => Err(SocketEnd::Slow),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heat::cache::CachedSnapshot;
    use heat::packed::Packed;
    use prometheus_client::registry::Registry;
    use tokio::io::{DuplexStream, duplex};
    use tokio::task::JoinHandle;

    /// A socket over a pipe that holds so many bytes, and its client.
    async fn socket(
        pipe: usize,
    ) -> (watch::Sender<Option<Arc<Frame>>>, WebSocketStream<DuplexStream>, JoinHandle<SocketEnd>) {
        let (ours, theirs) = duplex(pipe);
        let metrics = Arc::new(Metrics::new(&mut Registry::default()));
        let socket = Socket::new(ours, Vec::new(), false, metrics).await;
        let (frames, feed) = watch::channel(None);
        let task = tokio::spawn(async move {
            socket.serve(feed, std::future::pending(), &CancellationToken::new()).await
        });
        (frames, WebSocketStream::from_raw_socket(theirs, Role::Client, None).await, task)
    }

    fn frame(number: u64, json: &[u8]) -> Arc<Frame> {
        let snapshot = CachedSnapshot { revision: number, body: Packed::new(json).unwrap() };
        Arc::new(Frame::new(snapshot, number))
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_answers_pings_stays_and_one_that_does_not_is_dropped_at_the_second() {
        let (_frames, mut client, task) = socket(1 << 20).await;
        for _ in 0..3 {
            assert_eq!(client.next().await.unwrap().unwrap(), Message::Ping(Bytes::new()));
            // Reading on is what sends the answer.
            assert!(timeout(PING_EVERY / 2, client.next()).await.is_err());
        }
        let asked = Instant::now();
        assert_eq!(task.await.unwrap(), SocketEnd::Silent);
        let waited = asked.elapsed();
        assert!(waited > PING_EVERY && waited < 2 * PING_EVERY, "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_no_bytes_is_dropped_after_the_write_deadline() {
        let (frames, _client, task) = socket(100).await;
        let start = Instant::now();
        frames.send_replace(Some(frame(0, &[b' '; 1000])));
        assert_eq!(task.await.unwrap(), SocketEnd::Slow);
        assert_eq!(start.elapsed(), WRITE_WITHIN);
    }

    #[tokio::test(start_paused = true)]
    async fn a_socket_that_is_over_says_whether_to_come_back() {
        for (why, code, end) in
            [(Over::Aged, 1012, SocketEnd::Aged), (Over::Revoked, 1008, SocketEnd::Revoked)]
        {
            let (ours, theirs) = duplex(1 << 10);
            let metrics = Arc::new(Metrics::new(&mut Registry::default()));
            let socket = Socket::new(ours, Vec::new(), false, metrics).await;
            let (_frames, feed) = watch::channel(None);
            let over = Box::pin(async move {
                tokio::time::sleep(PING_EVERY / 2).await;
                why
            });
            let task = tokio::spawn(async move { socket.serve(feed, over, &CancellationToken::new()).await });
            let mut client = WebSocketStream::from_raw_socket(theirs, Role::Client, None).await;
            let Message::Close(Some(close)) = client.next().await.unwrap().unwrap() else {
                panic!("a close frame")
            };
            assert_eq!(u16::from(close.code), code);
            drop(client);
            assert_eq!(task.await.unwrap(), end);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_to_a_ping_never_falls_into_a_frame() {
        let (frames, mut client, _task) = socket(64).await;
        for number in 0..50 {
            let text = format!("{number}:{}", "x".repeat(500));
            client.send(Message::Ping(vec![b'p'; 20].into())).await.unwrap();
            frames.send_replace(Some(frame(number, text.as_bytes())));
            let (mut pong, mut shown) = (false, false);
            while !(pong && shown) {
                match client.next().await.unwrap().unwrap() {
                    Message::Pong(bytes) => pong = bytes.len() == 20,
                    Message::Text(json) => shown = json.as_str() == text,
                    Message::Ping(_) => {}
                    other => panic!("{other:?}"),
                }
            }
        }
    }
}
