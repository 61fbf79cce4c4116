//! A TCP proxy for outages: it can cut, and it can delay.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};

/// What the wire does at the moment.
#[derive(Debug, Clone, Copy)]
struct Weather {
    cut: bool,
    delay: Duration,
}

/// A wire between clients and a server that a test can cut and slow down. Dropping it cuts it for good.
#[derive(Debug)]
pub struct Proxy {
    addr: SocketAddr,
    /// The tasks hold receivers only, and end when this is dropped.
    weather: watch::Sender<Weather>,
}

impl Proxy {
    /// Listens on a free port of 127.0.0.1 and passes every connection on to `target` (`host:port`).
    ///
    /// # Errors
    /// If no port can be bound.
    pub async fn start(target: impl Into<String>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let addr = listener.local_addr()?;
        let (weather, forecast) = watch::channel(Weather { cut: false, delay: Duration::ZERO });
        tokio::spawn(accept(listener, target.into(), forecast));
        Ok(Self { addr, weather })
    }

    /// Where clients connect.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Closes every connection, and each new one at once, until [`Proxy::restore`].
    pub fn cut(&self) {
        self.weather.send_modify(|weather| weather.cut = true);
    }

    /// Lets new connections through again.
    pub fn restore(&self) {
        self.weather.send_modify(|weather| weather.cut = false);
    }

    /// From now on every byte arrives this much later, in both directions; what is under way keeps its time.
    /// A delay of hours is a black hole: connections stand, and nothing comes.
    pub fn delay(&self, delay: Duration) {
        self.weather.send_modify(|weather| weather.delay = delay);
    }
}

async fn accept(listener: TcpListener, target: String, mut weather: watch::Receiver<Weather>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            gone = weather.changed() => {
                if gone.is_err() {
                    return;
                }
                continue;
            }
        };
        match accepted {
            Ok((client, _)) => drop(tokio::spawn(connection(client, target.clone(), weather.clone()))),
            // Out of file descriptors, for one: wait instead of spinning.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn connection(client: TcpStream, target: String, mut weather: watch::Receiver<Weather>) {
    if weather.borrow().cut {
        return;
    }
    // As through a real wire, a dead server is seen as a connection that ends.
    let Ok(server) = TcpStream::connect(target).await else { return };
    for end in [&client, &server] {
        // Only a matter of speed.
        let _ = end.set_nodelay(true);
    }
    let (up, down) = (weather.clone(), weather.clone());
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        _ = async { tokio::join!(carry(from_client, to_server, up), carry(from_server, to_client, down)) } => {}
        _ = weather.wait_for(|weather| weather.cut) => {}
    }
}

/// One direction. Reading does not wait for the delay of what was read before: a slow wire is not a narrow one.
async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    weather: watch::Receiver<Weather>,
) {
    let (sender, mut under_way) = mpsc::channel::<(Instant, Vec<u8>)>(256);
    let read = async move {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            // An error ends this direction just as the end of the stream does.
            let Ok(length @ 1..) = from.read(&mut buffer).await else { return };
            let due = Instant::now() + weather.borrow().delay;
            if sender.send((due, buffer[..length].to_vec())).await.is_err() {
                return;
            }
        }
    };
    let write = async {
        while let Some((due, bytes)) = under_way.recv().await {
            sleep_until(due).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
        // The other side may already be gone.
        let _ = to.shutdown().await;
    };
    tokio::join!(read, write);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that returns each byte it gets.
    async fn echo() -> anyhow::Result<String> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let addr = listener.local_addr()?.to_string();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.into_split();
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
        Ok(addr)
    }

    async fn ask(stream: &mut TcpStream) -> std::io::Result<u8> {
        stream.write_all(&[7]).await?;
        stream.read_u8().await
    }

    #[tokio::test]
    async fn a_cut_ends_connections_and_refuses_new_ones_until_it_is_mended() -> anyhow::Result<()> {
        let proxy = Proxy::start(echo().await?).await?;
        let mut before = TcpStream::connect(proxy.addr()).await?;
        assert_eq!(ask(&mut before).await?, 7);

        proxy.cut();
        assert!(before.read_u8().await.is_err());
        let mut meanwhile = TcpStream::connect(proxy.addr()).await?;
        assert!(ask(&mut meanwhile).await.is_err());

        proxy.restore();
        let mut after = TcpStream::connect(proxy.addr()).await?;
        assert_eq!(ask(&mut after).await?, 7);
        drop(proxy);
        assert!(ask(&mut after).await.is_err());
        Ok(())
    }

    #[tokio::test]
    async fn a_delay_holds_every_answer_back() -> anyhow::Result<()> {
        let proxy = Proxy::start(echo().await?).await?;
        let mut stream = TcpStream::connect(proxy.addr()).await?;
        proxy.delay(Duration::from_millis(100));
        let start = Instant::now();
        assert_eq!(ask(&mut stream).await?, 7);
        // A lower bound: the byte passes the proxy twice. How much longer it takes is the machine's affair.
        assert!(start.elapsed() >= Duration::from_millis(200));
        Ok(())
    }
}
