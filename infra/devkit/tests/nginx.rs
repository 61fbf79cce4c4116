//! The nginx configuration of production, in front of replicas that only repeat what reached them.

#![expect(clippy::expect_used, reason = "a helper of tests fails as a test does")]

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use heat_devkit::backends::{Nginx, Site};
use http_body_util::Full;
use hyper::{Request, Response, StatusCode, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// A replica that answers with the request it saw, and counts.
struct Replica {
    addr: SocketAddr,
    seen: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Replica {
    async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (addr, seen) = (listener.local_addr()?, Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let count = Arc::clone(&count);
                connections.spawn(async move {
                    let answer = service_fn(move |request| {
                        count.fetch_add(1, Ordering::Relaxed);
                        std::future::ready(Ok::<_, std::convert::Infallible>(mirror(request)))
                    });
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), answer)
                        .with_upgrades()
                        .await
                });
            }
        });
        Ok(Self { addr, seen, task })
    }

    fn seen(&self) -> usize {
        self.seen.load(Ordering::Relaxed)
    }
}

fn mirror(mut request: Request<Incoming>) -> Response<Full<Bytes>> {
    let mut answer = Response::builder();
    if request.headers().contains_key("upgrade") {
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let mut wire = TokioIo::new(upgrade.await?);
            wire.write_all(b"snapshot").await?;
            anyhow::Ok(())
        });
        answer = answer
            .status(StatusCode::SWITCHING_PROTOCOLS)
            .header("upgrade", "websocket")
            .header("connection", "upgrade");
        return answer.body(Full::default()).expect("a valid answer");
    }
    if request.uri().path() == "/plain" {
        answer = answer.header("content-security-policy", "default-src 'none'; img-src 'self'");
    }
    let headers: serde_json::Map<String, Value> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), json!(String::from_utf8_lossy(value.as_bytes()))))
        .collect();
    let seen =
        json!({"method": request.method().as_str(), "uri": request.uri().to_string(), "headers": headers});
    answer.body(Full::from(seen.to_string())).expect("a valid answer")
}

/// A page as the build leaves it.
fn build_page(dir: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(dir.join("assets"))?;
    fs::write(dir.join("index.html"), "<!doctype html><title>Heat</title>")?;
    fs::write(dir.join("version.json"), "{\"version\":\"1\"}")?;
    fs::write(dir.join("assets/main-4f2a.js"), "export {}")?;
    // nginx passes the stored bytes on as they are, so they need not be gzip.
    fs::write(dir.join("assets/main-4f2a.js.gz"), "compressed")?;
    Ok(())
}

struct Stand {
    nginx: Nginx,
    replicas: Vec<Replica>,
    http: Client,
    _page: tempfile::TempDir,
}

impl Stand {
    async fn start() -> anyhow::Result<Self> {
        Self::with(&[]).await
    }

    /// With these files instead of the usual ones.
    async fn with(files: &[(&str, &str)]) -> anyhow::Result<Self> {
        let page = tempfile::tempdir()?;
        build_page(page.path())?;
        let replicas = vec![Replica::start().await?, Replica::start().await?];
        let site = Site {
            replicas: replicas.iter().map(|r| r.addr).collect(),
            page: page.path().to_owned(),
            demo: None,
        };
        let nginx = Nginx::start_with(&site, files).await?;
        Ok(Self { nginx, replicas, http: Client::builder().no_proxy().no_gzip().build()?, _page: page })
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.nginx.url())
    }

    async fn get(&self, path: &str) -> anyhow::Result<reqwest::Response> {
        Ok(self.http.get(self.url(path)).send().await?)
    }

    /// One request as it stands, without the tidying that clients do, and all of the answer's head.
    async fn raw(&self, head: &str) -> anyhow::Result<String> {
        let addr = self.nginx.url().replace("http://", "");
        let mut wire = TcpStream::connect(&addr).await?;
        wire.write_all(format!("{head}\r\nHost: {addr}\r\nConnection: close\r\n\r\n").as_bytes()).await?;
        let mut answer = Vec::new();
        let end = wire.read_to_end(&mut answer).await;
        // Of a request that it refuses nginx leaves a part unread, and then the connection ends in a reset.
        if answer.is_empty() {
            end?;
        }
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

fn header<'a>(answer: &'a reqwest::Response, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().expect("ASCII"))
}

#[tokio::test]
async fn an_encoded_key_reaches_the_replica_as_it_was_sent() -> anyhow::Result<()> {
    let stand = Stand::start().await?;
    for key in [
        "zabbix%3A30117%3Asrv-00001",
        "a%2Fb",
        "a%2F%2Fb",
        "100%25",
        "what%3F",
        "%D0%A1%D1%82%D0%BE%D0%B9%D0%BA%D0%B0",
        "a%2E%2E%2Fb",
        "p+q%2Bs",
    ] {
        let uri = format!("/api/v1/events/{key}/comments?limit=3");
        let answer = stand.raw(&format!("GET {uri} HTTP/1.1")).await?;
        assert!(answer.contains(&format!("\"uri\":\"{uri}\"")), "{uri}: {answer}");
    }
    Ok(())
}

#[tokio::test]
async fn nobody_outside_says_who_they_are() -> anyhow::Result<()> {
    let stand = Stand::start().await?;
    let names = [
        "authorization",
        "forwarded",
        "x-forwarded-user",
        "x-forwarded-groups",
        "x-forwarded-email",
        "x-forwarded-preferred-username",
        "x-forwarded-access-token",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-forwarded-port",
        "x-forwarded-prefix",
        "x-forwarded-server",
        "x-forwarded-uri",
        "x-real-ip",
        "x-request-id",
    ];
    let mut request = stand.http.get(stand.url("/api/v1/me"));
    for name in names {
        request = request.header(name, "mallory");
    }
    let seen: Value = serde_json::from_str(&request.send().await?.text().await?)?;
    let believed: Vec<&str> = names.into_iter().filter(|name| seen["headers"][name] == "mallory").collect();
    assert!(believed.is_empty(), "{believed:?}");
    assert_eq!(seen["headers"]["x-forwarded-for"], "127.0.0.1");
    assert_eq!(seen["headers"]["x-request-id"].as_str().map(str::len), Some(32));
    Ok(())
}

#[tokio::test]
async fn a_socket_passes_to_a_replica_and_back() -> anyhow::Result<()> {
    let stand = Stand::start().await?;
    let addr = stand.nginx.url().replace("http://", "");
    let mut wire = TcpStream::connect(&addr).await?;
    let head = format!(
        "GET /api/v1/live HTTP/1.1\r\nHost: {addr}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    );
    wire.write_all(head.as_bytes()).await?;
    let mut answer = String::new();
    wire.read_to_string(&mut answer).await?;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    assert!(answer.ends_with("\r\n\r\nsnapshot"), "{answer}");
    Ok(())
}

#[tokio::test]
async fn readers_do_not_notice_a_dead_replica_and_writers_are_not_sent_twice() -> anyhow::Result<()> {
    let stand = Stand::start().await?;
    stand.replicas[0].task.abort();
    for _ in 0..20 {
        assert_eq!(stand.get("/api/v1/snapshot").await?.status(), StatusCode::OK);
    }
    let before = stand.replicas[1].seen();
    let answer = stand.http.post(stand.url("/api/v1/comments")).body("{}").send().await?;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(stand.replicas[1].seen(), before + 1);
    Ok(())
}

#[tokio::test]
async fn without_any_replica_the_api_says_so_and_the_page_still_comes() -> anyhow::Result<()> {
    let stand = Stand::start().await?;
    stand.replicas.iter().for_each(|replica| replica.task.abort());
    let answer = stand.get("/api/v1/snapshot").await?;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(header(&answer, "content-type"), "application/problem+json");
    assert_eq!(header(&answer, "retry-after"), "2");
    let problem: Value = serde_json::from_str(&answer.text().await?)?;
    assert_eq!(problem["status"], 503);
    assert_eq!(stand.get("/").await?.text().await?, "<!doctype html><title>Heat</title>");
    Ok(())
}

#[tokio::test]
async fn a_body_far_too_large_is_refused_in_the_api_s_own_form() -> anyhow::Result<()> {
    let stand = Stand::start().await?;
    let answer = stand.http.post(stand.url("/api/v1/comments")).body(vec![b'x'; 300_000]).send().await?;
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(header(&answer, "content-type"), "application/problem+json");
    assert_eq!(stand.replicas.iter().map(Replica::seen).sum::<usize>(), 0);
    Ok(())
}

#[tokio::test]
async fn what_nginx_refuses_itself_is_explained_in_the_api_s_own_form() -> anyhow::Result<()> {
    let stand = Stand::start().await?;
    let long = "a".repeat(9_000);
    let large = "a".repeat(40_000);
    for (status, request) in [
        (414, format!("GET /api/v1/events?filter={long} HTTP/1.1")),
        (400, format!("GET /api/v1/me HTTP/1.1\r\nCookie: {large}")),
        (400, "what is this".to_owned()),
        (405, "TRACE /api/v1/me HTTP/1.1".to_owned()),
        (405, "POST / HTTP/1.1".to_owned()),
    ] {
        let start: String = request.chars().take(30).collect();
        let answer = stand.raw(&request).await?;
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let head = head.to_lowercase();
        assert!(head.starts_with(&format!("http/1.1 {status} ")), "{start}: {head}");
        assert!(head.contains("\r\ncontent-type: application/problem+json\r\n"), "{start}: {head}");
        assert!(head.contains("\r\nx-content-type-options: nosniff"), "{start}: {head}");
        let problem: Value = serde_json::from_str(body)?;
        assert_eq!(problem["status"], status, "{start}");
        assert_eq!(problem["request_id"].as_str().map(str::len), Some(32), "{start}");
    }
    assert_eq!(stand.replicas.iter().map(Replica::seen).sum::<usize>(), 0);
    Ok(())
}

#[tokio::test]
async fn that_nginx_lives_is_told_to_whoever_asks() -> anyhow::Result<()> {
    let stand = Stand::start().await?;
    stand.replicas.iter().for_each(|replica| replica.task.abort());
    let answer = stand.get("/alive").await?;
    assert_eq!((answer.status(), header(&answer, "content-type")), (StatusCode::OK, "text/plain"));
    assert_eq!(answer.text().await?, "ok\n");
    Ok(())
}

#[tokio::test]
async fn a_flood_of_writes_is_slowed_and_reading_is_not() -> anyhow::Result<()> {
    let stand = Stand::start().await?;
    let mut refused = 0;
    for _ in 0..250 {
        let answer = stand.http.request(Method::POST, stand.url("/api/v1/comments")).send().await?;
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            assert_eq!(header(&answer, "retry-after"), "1");
            refused += 1;
        }
    }
    assert!(refused > 0);
    assert_eq!(stand.get("/api/v1/snapshot").await?.status(), StatusCode::OK);
    Ok(())
}

#[tokio::test]
async fn the_page_is_asked_for_anew_and_its_assets_never_again() -> anyhow::Result<()> {
    let stand = Stand::start().await?;
    for path in ["/", "/index.html", "/version.json"] {
        let answer = stand.get(path).await?;
        assert_eq!(
            (answer.status(), header(&answer, "cache-control")),
            (StatusCode::OK, "no-cache"),
            "{path}"
        );
        let tag = header(&answer, "etag").to_owned();
        let again = stand.http.get(stand.url(path)).header("if-none-match", tag).send().await?;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{path}");
    }
    let asset =
        stand.http.get(stand.url("/assets/main-4f2a.js")).header("accept-encoding", "gzip").send().await?;
    assert_eq!(header(&asset, "cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(header(&asset, "content-encoding"), "gzip");
    assert_eq!(asset.bytes().await?, "compressed");
    let gone = stand.get("/assets/main-0000.js").await?;
    assert_eq!((gone.status(), header(&gone, "cache-control")), (StatusCode::NOT_FOUND, ""));
    assert_eq!(stand.get("/no/such/page").await?.status(), StatusCode::NOT_FOUND);
    Ok(())
}

#[tokio::test]
async fn every_answer_says_what_a_browser_may_do_with_it() -> anyhow::Result<()> {
    let stand = Stand::start().await?;
    for path in ["/", "/assets/main-4f2a.js", "/no/such/page", "/api/v1/me", "/status", "/healthz"] {
        let answer = stand.get(path).await?;
        assert!(header(&answer, "content-security-policy").starts_with("default-src 'none'; "), "{path}");
        assert_eq!(header(&answer, "x-content-type-options"), "nosniff", "{path}");
    }
    assert!(!header(&stand.get("/").await?, "content-security-policy").contains("unsafe"));
    // A page of the API that brings its own policy keeps exactly that.
    let plain = stand.get("/plain").await?;
    let policies: Vec<_> = plain.headers().get_all("content-security-policy").iter().collect();
    assert_eq!(policies, ["default-src 'none'; img-src 'self'"]);
    Ok(())
}

#[tokio::test]
async fn each_request_leaves_one_line_of_json() -> anyhow::Result<()> {
    let stand = Stand::start().await?;
    let seen: Value = serde_json::from_str(&stand.get("/api/v1/me").await?.text().await?)?;
    let line = heat_devkit::eventually("a line in the log", std::time::Duration::from_secs(10), async || {
        serde_json::from_str::<Value>(fs::read_to_string(stand.nginx.access_log()).ok()?.lines().next()?).ok()
    })
    .await?;
    assert_eq!(line["request_id"], seen["headers"]["x-request-id"]);
    assert_eq!((&line["status"], &line["uri"]), (&json!(200), &json!("/api/v1/me")));
    Ok(())
}

/// What the replica was told of its caller; none if the request did not get there.
async fn told(request: reqwest::RequestBuilder) -> anyhow::Result<(StatusCode, Option<Value>)> {
    let answer = request.send().await?;
    let status = answer.status();
    Ok((
        status,
        serde_json::from_str::<Value>(&answer.text().await?).ok().map(|seen| seen["headers"].clone()),
    ))
}

const TOKEN: &str = "heat_00";

#[tokio::test]
async fn a_name_and_a_password_let_in_and_the_name_is_what_the_api_is_told() -> anyhow::Result<()> {
    let identity = include_str!("../../nginx/heat/identity-basic.conf");
    let stand = Stand::with(&[("identity.conf", identity), ("htpasswd", "ann:{PLAIN}right\n")]).await?;
    let ask = |path: &str| stand.http.get(stand.url(path));
    for path in ["/", "/api/v1/me", "/status", "/assets/main-4f2a.js"] {
        let refused = ask(path).send().await?;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(header(&refused, "www-authenticate"), "Basic realm=\"Heat\"");
        assert_eq!(
            ask(path).basic_auth("ann", Some("wrong")).send().await?.status(),
            StatusCode::UNAUTHORIZED
        );
    }
    let by_password =
        ask("/api/v1/me").basic_auth("ann", Some("right")).header("x-forwarded-user", "mallory");
    let (status, headers) = told(by_password).await?;
    let headers = headers.expect("a replica's answer");
    assert_eq!((status, &headers["x-forwarded-user"]), (StatusCode::OK, &json!("ann")));
    assert_eq!(headers.get("authorization"), None, "a password is nothing to the API");

    // A token passes for the API to judge, and gives nobody a name.
    let by_token = ask("/api/v1/me").bearer_auth(TOKEN).header("x-forwarded-user", "mallory");
    let by_cookie = ask("/api/v1/me").header("cookie", format!("a=b; heat_screen={TOKEN}"));
    for (request, authorization) in [(by_token, json!(format!("Bearer {TOKEN}"))), (by_cookie, Value::Null)] {
        let headers = told(request).await?.1.expect("a replica's answer");
        assert_eq!(headers["authorization"], authorization);
        assert_eq!(headers.get("x-forwarded-user"), None);
    }
    assert_eq!(told(ask(&format!("/screen/{TOKEN}"))).await?.0, StatusCode::OK);
    // But nothing makes a password unnecessary that claims to be somebody's.
    let forged = ask("/api/v1/me").basic_auth("ann", Some("wrong"));
    let forged = forged.header("cookie", format!("heat_screen={TOKEN}"));
    assert_eq!(forged.send().await?.status(), StatusCode::UNAUTHORIZED);
    for other in ["Bearer eyJhbGciOi", "Bearer", "Token heat_00"] {
        let request = ask("/api/v1/me").header("authorization", other);
        assert_eq!(request.send().await?.status(), StatusCode::UNAUTHORIZED, "{other}");
    }
    Ok(())
}

/// Stands in for an oauth2-proxy: lets in whoever has its cookie, and sends the others to log in.
async fn oauth2_proxy() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let addr = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = service_fn(|request: Request<Incoming>| {
                let has = |name: &str, value: &str| {
                    request.headers().get(name).is_some_and(|given| given.as_bytes() == value.as_bytes())
                };
                let answer = Response::builder();
                let answer = match request.uri().path() {
                    "/oauth2/auth" if has("cookie", "_oauth2_proxy=ann") => answer
                        .status(StatusCode::ACCEPTED)
                        .header("x-auth-request-email", "ann@example.net")
                        .header("x-auth-request-groups", "staff,noc"),
                    "/oauth2/auth" => answer.status(StatusCode::UNAUTHORIZED),
                    "/oauth2/start" if has("x-auth-request-redirect", "/?rack=1&u=2") => {
                        answer.status(StatusCode::FOUND).header("location", "https://login.example.net/")
                    }
                    _ => answer.status(StatusCode::NOT_FOUND),
                };
                std::future::ready(answer.body(Full::<Bytes>::default()))
            });
            let connection = hyper::server::conn::http1::Builder::new();
            tokio::spawn(connection.serve_connection(TokioIo::new(stream), answer));
        }
    });
    Ok(addr)
}

#[tokio::test]
async fn an_oauth2_proxy_says_who_it_is_and_where_to_log_in() -> anyhow::Result<()> {
    let identity = include_str!("../../nginx/heat/identity-oauth2-proxy.conf");
    let identity = identity.replace("127.0.0.1:4180", &oauth2_proxy().await?.to_string());
    let mut stand = Stand::with(&[("identity.conf", &identity)]).await?;
    stand.http =
        Client::builder().no_proxy().no_gzip().redirect(reqwest::redirect::Policy::none()).build()?;
    let ask = |path: &str| stand.http.get(stand.url(path));
    let page = ask("/?rack=1&u=2").send().await?;
    assert_eq!((page.status(), header(&page, "location")), (StatusCode::FOUND, "https://login.example.net/"));
    let api = ask("/api/v1/me").send().await?;
    assert_eq!(api.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(header(&api, "content-type"), "application/problem+json");

    let logged_in = |path| ask(path).header("cookie", "_oauth2_proxy=ann");
    assert_eq!(logged_in("/").send().await?.status(), StatusCode::OK);
    let headers = told(logged_in("/api/v1/me").header("x-forwarded-groups", "admins")).await?.1;
    let headers = headers.expect("a replica's answer");
    assert_eq!(
        (&headers["x-forwarded-user"], &headers["x-forwarded-groups"]),
        (&json!("ann@example.net"), &json!("staff,noc"))
    );
    let headers = told(ask("/api/v1/me").bearer_auth(TOKEN)).await?.1.expect("a replica's answer");
    assert_eq!(headers["authorization"], json!(format!("Bearer {TOKEN}")));
    assert_eq!(headers.get("x-forwarded-user"), None);
    assert_eq!(told(ask(&format!("/screen/{TOKEN}"))).await?.0, StatusCode::OK);
    Ok(())
}

#[tokio::test]
async fn a_screens_token_stands_in_no_log() -> anyhow::Result<()> {
    let stand = Stand::start().await?;
    assert_eq!(stand.get(&format!("/screen/{TOKEN}")).await?.status(), StatusCode::OK);
    stand.get("/healthz").await?;
    let log = heat_devkit::eventually("the line after", std::time::Duration::from_secs(10), async || {
        fs::read_to_string(stand.nginx.access_log()).ok().filter(|log| log.contains("/healthz"))
    })
    .await?;
    assert!(!log.contains(TOKEN), "{log}");
    Ok(())
}
