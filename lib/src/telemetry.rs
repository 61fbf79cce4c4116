//! Logs and metrics that both binaries share.
//!
//! Logs go to standard error: JSON, one object a line, or text where a person watches. Metrics are a typed registry that
//! is handed to who needs it, never a global, and are served in Prometheus' text form on a listener of their own.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, Response, StatusCode, header};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// How the process tells of itself.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Telemetry")]
pub struct TelemetryArgs {
    /// What is logged, in the form of tracing's filters, such as info or heat=debug
    #[arg(long, env = "HEAT_LOG", default_value = "info")]
    log: String,
    /// Address of the Prometheus metrics and the process' own health; off if not set
    #[arg(long, env = "HEAT_METRICS_LISTEN")]
    pub metrics_listen: Option<SocketAddr>,
}

impl TelemetryArgs {
    /// Starts logging. Called once, first thing.
    ///
    /// # Errors
    /// If the filter cannot be read, or logging was started before.
    pub fn start(&self) -> anyhow::Result<()> {
        let filter = EnvFilter::try_new(&self.log)
            .map_err(|error| crate::config::ConfigError::invalid("HEAT_LOG", &self.log, error.to_string()))?;
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
        let started = if std::io::stderr().is_terminal() {
            log.with_target(false).try_init()
        } else {
            log.json().flatten_event(true).try_init()
        };
        started.map_err(anyhow::Error::from_boxed)
    }
}

/// Serves `/metrics` and `/healthz` until `stop`.
pub async fn serve_metrics(listener: TcpListener, registry: Arc<Registry>, stop: CancellationToken) {
    crate::serve::serve(listener, stop, move |request: Request<hyper::body::Incoming>| {
        let registry = Arc::clone(&registry);
        async move { metrics_reply(request.method(), request.uri().path(), &registry) }
    })
    .await;
}

fn metrics_reply(method: &Method, path: &str, registry: &Registry) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    match (method, path) {
        (&Method::GET, "/metrics") => {
            let mut text = String::new();
            if prometheus_client::encoding::text::encode(&mut text, registry).is_err() {
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                return response;
            }
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
            *response.body_mut() = Full::new(text.into());
        }
        (&Method::GET, "/healthz") => *response.body_mut() = Full::new("ok\n".into()),
        (_, "/metrics" | "/healthz") => *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED,
        _ => *response.status_mut() = StatusCode::NOT_FOUND,
    }
    response
}
