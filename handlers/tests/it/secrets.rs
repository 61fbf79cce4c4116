//! What a replica must never say: its passwords, and the tokens that are shown to it.

use heat_devkit::backends::Redis;
use heat_devkit::eventually;
use heat_devkit::process::{Program, free_port};
use reqwest::Method;
use serde_json::json;

use crate::stage::PATIENCE;

const MARKS: [&str; 3] = ["planted-redis-password", "planted-postgres-password", "planted0token"];

/// Everything that was emitted, each piece with where it was found.
struct Heard(Vec<(String, String)>);

impl Heard {
    fn must_not_hold_secrets(&self) {
        for (place, text) in &self.0 {
            for mark in MARKS {
                assert!(!text.contains(mark), "{mark} in {place}: {text}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_any_log_answer_metric_or_process_list() {
    let redis = Redis::start().await.unwrap();
    let files = tempfile::tempdir().unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    // Once with stores that cannot be reached, once with stores that do not let in whoever comes with this password.
    // None of the ports that tests beside this one are given.
    let nobody = 1;
    let redis_port = redis.url().rsplit(':').next().unwrap().trim_matches('/').to_owned();
    let mut heard = Heard(Vec::new());
    for port in [nobody.to_string(), redis_port] {
        let (listen, metrics) = (free_port().unwrap(), free_port().unwrap());
        let log = files.path().join(format!("{port}.log"));
        let process = Program::new("heat-api", env!("CARGO_BIN_EXE_heat-api"))
            .env("HEAT_REDIS_URL", format!("redis://:{}@127.0.0.1:{port}", MARKS[0]))
            .env("HEAT_DATABASE_URL", format!("postgres://heat:{}@127.0.0.1:{nobody}/heat", MARKS[1]))
            .env("HEAT_LISTEN", format!("127.0.0.1:{listen}"))
            .env("HEAT_METRICS_LISTEN", format!("127.0.0.1:{metrics}"))
            .env("HEAT_AUTH", "off")
            .env("HEAT_LOG", "debug")
            .log(&log)
            .spawn()
            .unwrap();
        eventually("health", PATIENCE, async || {
            http.get(format!("http://127.0.0.1:{listen}/healthz")).send().await.ok()
        })
        .await
        .unwrap();
        let token = format!("heat_{}", MARKS[2].repeat(3));
        for (method, path) in [
            (Method::GET, "/status"),
            (Method::GET, "/readyz"),
            (Method::GET, "/openapi.json"),
            (Method::GET, "/api/v1/snapshot"),
            (Method::GET, "/api/v1/me"),
            (Method::GET, "/api/v1/tickets"),
            (Method::POST, "/api/v1/events/zabbix:1:a/comments"),
            (Method::GET, "/screen/TOKEN"),
        ] {
            for tokens in [false, true] {
                let url = format!("http://127.0.0.1:{listen}{}", path.replace("TOKEN", &token));
                let mut request = http.request(method.clone(), url);
                if method == Method::POST {
                    request = request.json(&json!({ "text": "x" }));
                }
                if tokens {
                    request = request.bearer_auth(&token).header("cookie", format!("heat_screen={token}"));
                }
                let answer = request.send().await.unwrap();
                let headers = format!("{:?}", answer.headers());
                heard.0.push((format!("{method} {path}"), headers + &answer.text().await.unwrap()));
            }
        }
        let metrics = http.get(format!("http://127.0.0.1:{metrics}/metrics")).send().await.unwrap();
        heard.0.push(("/metrics".into(), metrics.text().await.unwrap()));
        let line = std::fs::read(format!("/proc/{}/cmdline", process.pid())).unwrap();
        heard.0.push(("the process list".into(), String::from_utf8_lossy(&line).into_owned()));
        let said = eventually("the replica to complain", PATIENCE, async || {
            std::fs::read_to_string(&log).ok().filter(|log| log.contains("WARN") && log.contains("Redis"))
        })
        .await
        .unwrap();
        heard.0.push(("the log".into(), said));
    }
    heard.must_not_hold_secrets();
}
