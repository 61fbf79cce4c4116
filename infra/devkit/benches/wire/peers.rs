//! The yardsticks: plain TCP, the limit; nchan, the best peer; nginx serving a file.

use std::cell::RefCell;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, ensure};
use heat_devkit::process::{Process, Program, free_port};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const PATIENCE: Duration = Duration::from_secs(30);

/// Writes the same bytes to every connection, whenever it is told to: nothing can be quicker.
pub(crate) struct PlainTcp {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    control: TcpStream,
}

impl PlainTcp {
    pub(crate) async fn start(payload: &[u8]) -> anyhow::Result<Self> {
        let (address, control) = (local()?, local()?);
        let mut process = Program::new("plain-tcp", std::env::current_exe()?)
            .arg("--plain-tcp")
            .env("BENCH_LISTEN", address.to_string())
            .env("BENCH_CONTROL", control.to_string())
            .spawn()?;
        process.ready_tcp(control, PATIENCE).await?;
        let mut control = TcpStream::connect(control).await?;
        control.set_nodelay(true)?;
        control.write_all(&(payload.len() as u64).to_be_bytes()).await?;
        control.write_all(payload).await?;
        Ok(Self { process, address, control })
    }

    /// One message to all.
    pub(crate) async fn publish(&mut self) -> anyhow::Result<()> {
        Ok(self.control.write_all(b"!").await?)
    }
}

/// The process of [`PlainTcp`]: one thread.
pub(crate) async fn serve_plain_tcp() -> anyhow::Result<()> {
    let listen = async |name: &str| anyhow::Ok(TcpListener::bind(std::env::var(name)?).await?);
    let (clients, control) = (listen("BENCH_LISTEN").await?, listen("BENCH_CONTROL").await?);
    let connected: Rc<RefCell<Vec<TcpStream>>> = Rc::default();
    let accepting = Rc::clone(&connected);
    let accept = async move {
        loop {
            let (stream, _) = clients.accept().await?;
            stream.set_nodelay(true)?;
            accepting.borrow_mut().push(stream);
        }
    };
    let obey = async move {
        loop {
            let (mut control, _) = control.accept().await?;
            let mut length = [0; 8];
            // Whoever only looks whether we listen says nothing.
            if control.read_exact(&mut length).await.is_err() {
                continue;
            }
            let mut payload = vec![0; usize::try_from(u64::from_be_bytes(length))?];
            control.read_exact(&mut payload).await?;
            while control.read_u8().await.is_ok() {
                let mut streams = connected.take();
                let writes = streams.iter_mut().map(|stream| stream.write_all(&payload));
                futures_util::future::join_all(writes).await;
                connected.borrow_mut().append(&mut streams);
            }
            return Ok(());
        }
    };
    tokio::select! {
        ended = accept => ended,
        ended = obey => ended,
    }
}

/// nginx with nchan, or with a file to serve.
pub(crate) struct Nginx {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    home: TempDir,
}

impl Nginx {
    /// Debian's nginx with its module nchan, which keeps one message.
    pub(crate) async fn nchan() -> anyhow::Result<Self> {
        let module = Path::new("/usr/lib/nginx/modules/ngx_nchan_module.so");
        ensure!(module.exists(), "nchan is missing: apt-get install libnginx-mod-nchan");
        let modules = format!("load_module {};", module.display());
        Self::start(
            &modules,
            "location = /pub { nchan_publisher; nchan_channel_id x; nchan_message_buffer_length 1;
                 nchan_deflate_message_for_websocket on; nchan_message_timeout 0; }
             location = /sub { nchan_subscriber websocket; nchan_channel_id x; nchan_subscriber_first_message newest; }",
        )
        .await
    }

    /// The same bytes as files, compressed as Heat's are.
    pub(crate) async fn file(gzip: &[u8]) -> anyhow::Result<Self> {
        let served = Self::start(
            "",
            "location = /snapshot { root files; default_type application/json; add_header Content-Encoding gzip;
                 add_header Cache-Control no-cache; add_header Vary Accept-Encoding; }",
        )
        .await?;
        fs::write(served.home.path().join("files/snapshot"), gzip)?;
        Ok(served)
    }

    async fn start(modules: &str, locations: &str) -> anyhow::Result<Self> {
        let (home, address) = (TempDir::new()?, local()?);
        fs::create_dir_all(home.path().join("files"))?;
        let at = home.path().display();
        let config = format!(
            "{modules} daemon off; user root; worker_processes auto; worker_rlimit_nofile 20000; pid {at}/pid; error_log {at}/error.log;
             events {{ worker_connections 16000; }}
             http {{ access_log off; sendfile on; tcp_nodelay on; open_file_cache max=10; keepalive_requests 1000000000;
                 client_max_body_size 64m; client_body_buffer_size 8m; client_body_temp_path {at}/body;
                 proxy_temp_path {at}/p; fastcgi_temp_path {at}/f; uwsgi_temp_path {at}/u; scgi_temp_path {at}/s;
                 server {{ listen {address} backlog=4096; {locations} }} }}"
        );
        let file = home.path().join("nginx.conf");
        fs::write(&file, config)?;
        let mut process = Program::new("nginx", "/usr/sbin/nginx")
            .arg("-c")
            .arg(&file)
            .arg("-p")
            .arg(home.path())
            .args(["-e", "stderr"])
            .log(home.path().join("nginx.log"))
            .spawn()?;
        process.ready_tcp(address, PATIENCE).await.context("nginx does not start")?;
        Ok(Self { process, address, home })
    }
}

fn local() -> anyhow::Result<SocketAddr> {
    Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?)))
}
