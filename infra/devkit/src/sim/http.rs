//! The HTTP server under every simulator: whole requests in, answers that may also be broken on purpose.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, Limited, StreamBody};
use hyper::body::Frame;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Response, StatusCode, http};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

/// The largest request a simulator reads: far above what Heat sends.
const LARGEST_REQUEST: usize = 64 << 20;

pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;
pub(crate) type Answer = Response<Body>;
pub(crate) type Request = http::Request<Bytes>;

/// What a simulator does with one request.
pub(crate) trait Site: Send + Sync + 'static {
    /// The answer, or `None` to drop the connection without one.
    fn answer(&self, request: Request) -> impl Future<Output = Option<Answer>> + Send;
}

/// A server that stops, its connections with it, when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    addr: SocketAddr,
    _accepting: AbortOnDropHandle<()>,
}

impl Server {
    /// Listens on `addr` (port 0: a free one) and serves `site`.
    pub(crate) async fn start(addr: SocketAddr, site: Arc<impl Site>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(addr).await.with_context(|| format!("cannot listen on {addr}"))?;
        let addr = listener.local_addr()?;
        let accepting = AbortOnDropHandle::new(tokio::spawn(accept(listener, site)));
        Ok(Self { addr, _accepting: accepting })
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }
}

async fn accept(listener: TcpListener, site: Arc<impl Site>) {
    // Owned by this task, so that aborting it ends the connections too.
    let mut connections = JoinSet::new();
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a simulator cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        while connections.try_join_next().is_some() {}
        let _ = stream.set_nodelay(true);
        let site = Arc::clone(&site);
        connections.spawn(async move {
            let service = service_fn(move |request| serve(Arc::clone(&site), request));
            // An error here is a client that went away, or a connection dropped on purpose.
            let _ = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// The connection is to be dropped without an answer.
#[derive(Debug)]
struct Dropped;

impl std::fmt::Display for Dropped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("dropped on purpose")
    }
}

impl std::error::Error for Dropped {}

async fn serve(
    site: Arc<impl Site>,
    request: http::Request<hyper::body::Incoming>,
) -> Result<Answer, Dropped> {
    let (head, body) = request.into_parts();
    match Limited::new(body, LARGEST_REQUEST).collect().await {
        Ok(body) => site.answer(http::Request::from_parts(head, body.to_bytes())).await.ok_or(Dropped),
        Err(_) => Ok(answer(StatusCode::PAYLOAD_TOO_LARGE, "text/plain", "request too large")),
    }
}

/// What a fault makes of a request instead of asking the simulator.
pub(crate) enum Instead {
    /// This answer.
    Answer(Answer),
    /// None at all: the connection closes.
    Nothing,
}

impl Instead {
    pub(crate) fn into_answer(self) -> Option<Answer> {
        match self {
            Self::Answer(answer) => Some(answer),
            Self::Nothing => None,
        }
    }
}

/// An answer with a whole body.
pub(crate) fn answer(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let body = Full::new(body.into()).map_err(|never: Infallible| match never {}).boxed_unsync();
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

/// An answer whose body is `head`, then `bytes` times `filler`, then `tail`, made while it is sent.
pub(crate) fn huge(content_type: &'static str, head: &'static str, bytes: u64, tail: &'static str) -> Answer {
    const CHUNK: u64 = 64 << 10;
    let filler = Bytes::from(vec![b' '; usize::try_from(CHUNK).unwrap_or(0)]);
    let chunks = std::iter::once(Bytes::from_static(head.as_bytes()))
        .chain((0..bytes.div_ceil(CHUNK)).map(move |_| filler.clone()))
        .chain(std::iter::once(Bytes::from_static(tail.as_bytes())))
        .map(|chunk| Ok(Frame::data(chunk)));
    let mut answer = Response::new(StreamBody::new(stream::iter(chunks)).boxed_unsync());
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

/// An answer that promises `body` and breaks the connection after half of it.
pub(crate) fn cut_off(content_type: &'static str, body: &Bytes) -> Answer {
    let half = body.slice(..body.len() / 2);
    let parts = [Ok(Frame::data(half)), Err(io::Error::other("cut off on purpose"))];
    let mut answer = Response::new(StreamBody::new(stream::iter(parts)).boxed_unsync());
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

/// What a reverse proxy in front of a dead backend says.
pub(crate) fn proxy_page(status: StatusCode) -> Answer {
    let reason = status.canonical_reason().unwrap_or("Error");
    let code = status.as_u16();
    let page = format!(
        "<html>\r\n<head><title>{code} {reason}</title></head>\r\n<body>\r\n\
         <center><h1>{code} {reason}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    );
    answer(status, "text/html", page)
}

/// The value of a query parameter, percent-decoded.
pub(crate) fn query_value(uri: &http::Uri, name: &str) -> Option<String> {
    url::form_urlencoded::parse(uri.query()?.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

/// Whether a browser made this request for another site's page, which must not press our buttons.
pub(crate) fn is_of_another_site(request: &Request) -> bool {
    let site = request.headers().get("sec-fetch-site").and_then(|site| site.to_str().ok());
    request.method() != Method::GET && matches!(site, Some("cross-site" | "same-site"))
}

/// Text made safe for HTML.
pub(crate) fn html_escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
