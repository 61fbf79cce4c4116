//! `GET /api/v1/live`: the picture, pushed.
//!
//! tungstenite reads, and keeps ping, pong and close; a snapshot is one shared frame written straight to the stream. The
//! two never interleave: tungstenite is flushed first, and nothing else writes until the frame is out.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use hyper::Request;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::upgrade::downcast;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::{Message, Role, WebSocketConfig};

use crate::app::App;
use crate::handshake::Handshake;
use crate::metrics::SocketEnd;
use crate::problem::Problem;
use crate::reply::Reply;

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
    /// A message of a kind that is not taken.
    Policy = 1008,
    /// The server restarts; connect again, and reach another replica.
    Restart = 1012,
}

/// Accepts a handshake and leaves a task behind that serves the socket.
pub(crate) fn accept(app: &Arc<App>, request: Request<Incoming>) -> Result<Reply, Problem> {
    let handshake = Handshake::read(request.headers())?;
    let permit = Arc::clone(&app.room).try_acquire_owned().map_err(|_| {
        Problem::not_now("this replica has as many WebSockets as it may; try again, another may have room")
    })?;
    let deflate = handshake.deflate();
    let reply = handshake.into_reply()?;
    let app = Arc::clone(app);
    let socket = {
        let app = Arc::clone(&app);
        async move {
            let _permit = permit;
            let stream = match hyper::upgrade::on(request).await {
                Ok(upgraded) => downcast::<TokioIo<TcpStream>>(upgraded),
                Err(error) => return tracing::debug!(%error, "the client left during the handshake"),
            };
            let Ok(parts) = stream else {
                return tracing::error!("an upgraded connection is no TCP stream; this is a defect");
            };
            let stream = parts.io.into_inner();
            if let Err(error) = socket2::SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER) {
                tracing::debug!(%error, "SO_SNDBUF");
            }
            let config = WebSocketConfig::default()
                .read_buffer_size(READ_BUFFER)
                .write_buffer_size(0)
                .max_message_size(Some(READ_BUFFER))
                .max_frame_size(Some(READ_BUFFER));
            let read = parts.read_buf.to_vec();
            let socket = WebSocketStream::from_partially_read(stream, read, Role::Server, Some(config)).await;
            app.metrics.sockets.inc();
            let end = serve(&app, socket, deflate).await;
            app.metrics.sockets.dec();
            app.metrics.socket_ended(end);
        }
    };
    app.tasks.spawn(socket);
    Ok(reply)
}

/// Serves one socket to its end.
async fn serve(app: &App, mut socket: WebSocketStream<TcpStream>, deflate: bool) -> SocketEnd {
    let mut frames = app.feed.subscribe();
    let mut sent = None;
    let mut ping = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = true;
    loop {
        tokio::select! {
            () = app.stop.cancelled() => {
                close(socket, Code::Restart, "this replica is going away; connect again").await;
                return SocketEnd::Stopped;
            }
            // The sender lives as long as the app does.
            _ = frames.changed() => {
                let Some(frame) = frames.borrow_and_update().clone() else { continue };
                let bytes = match frame.bytes(deflate).await {
                    Ok(bytes) => bytes,
                    Err(error) => {
                        tracing::error!(error = format!("{error:#}"), revision = frame.revision, "cannot send a snapshot");
                        continue;
                    }
                };
                match timeout(WRITE_WITHIN, write(&mut socket, &bytes)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return SocketEnd::Gone,
                    Err(_) => return SocketEnd::Slow,
                }
                app.metrics.sent(bytes.len(), sent.map_or(0, |last: u64| frame.number - last - 1));
                sent = Some(frame.number);
            }
            _ = ping.tick() => {
                if !heard {
                    return SocketEnd::Silent;
                }
                heard = false;
                match timeout(WRITE_WITHIN, socket.send(Message::Ping(Bytes::new()))).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return SocketEnd::Gone,
                    Err(_) => return SocketEnd::Slow,
                }
            }
            message = socket.next() => match message {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => heard = true,
                Some(Ok(Message::Close(_))) => {
                    // tungstenite answers while it is read to the end.
                    let _ = timeout(CLOSE_WITHIN, async { while let Some(Ok(_)) = socket.next().await {} }).await;
                    return SocketEnd::Gone;
                }
                // A client that negotiated compression uses it for its messages too, and tungstenite knows none.
                Some(
                    Ok(Message::Text(_) | Message::Binary(_) | Message::Frame(_))
                    | Err(Error::Capacity(_) | Error::Utf8(_) | Error::Protocol(ProtocolError::NonZeroReservedBits)),
                ) => {
                    close(socket, Code::Policy, "this socket takes no messages").await;
                    return SocketEnd::Refused;
                }
                Some(Err(_)) | None => return SocketEnd::Gone,
            },
        }
    }
}

async fn write(socket: &mut WebSocketStream<TcpStream>, frame: &[u8]) -> Result<(), Error> {
    socket.flush().await?;
    Ok(socket.get_mut().write_all(frame).await?)
}

/// Says why, and lets the other side read it: bytes that lie unread when a connection is closed take the words along.
async fn close(mut socket: WebSocketStream<TcpStream>, code: Code, reason: &'static str) {
    let farewell = async {
        socket.flush().await?;
        let mut stream = socket.into_inner();
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
