//! All simulators, their world and their scenarios as one thing, and the page `/demo/` that plays them.
//!
//! | request | does |
//! |---|---|
//! | `GET /demo/` | the page |
//! | `GET /demo/api/state` | what there is: problems, checks, the running scenario, the faults |
//! | `POST /demo/api/scenario/NAME` | plays a scenario in place of the running one |
//! | `POST /demo/api/fault` `{"system":"zabbix","fault":{"status":503},"method":"problem.get","after":1,"times":1}` | switches a fault on (see [`super::Fault`], [`super::Rule`]) |
//! | `DELETE /demo/api/fault` | switches all faults off |
//! | `POST /demo/api/fire` `{"host","trigger","severity"}` | raises a problem in Zabbix |
//! | `POST /demo/api/resolve` `{"host","trigger"?}` | resolves it; all of the host's without a trigger |
//! | `GET /demo/api/startrek` | every issue with its comments |
//! | `POST /demo/api/startrek/transition` `{"key","transition","resolution"?}` | takes an issue through the workflow as a person does: `start_progress`, `stop_progress`, `close` with a resolution, `reopen` |
//! | `POST /demo/api/startrek/comment` `{"key","text"}` | writes a comment as a person does |
//! | `POST /demo/api/startrek/move` `{"key","queue"}` | moves an issue to another queue |
//! | `DELETE /demo/api/startrek` | forgets all issues |
//! | `GET /demo/startrek/`, `/demo/startrek/NETOPS-42` | the issues as people see them, with buttons |
//!
//! Errors are `{"error": "…"}` with a status of 400 to 404.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue, LOCATION, X_CONTENT_TYPE_OPTIONS};
use hyper::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_util::task::AbortOnDropHandle;

use super::fault::{Fault, Rule, lock};
use super::http::{self, Answer, Request, Server, Site};
use super::juggler::{Juggler, Options as JugglerOptions};
use super::startrek::{Options as StartrekOptions, Startrek};
use super::zabbix::{Options as ZabbixOptions, Zabbix};
use crate::scenario::{Scenario, Stage};
use crate::world::World;

const PAGE: &str = include_str!("../../demo/index.html");
const STYLE: &str = include_str!("../../demo/demo.css");
const SCRIPT: &str = include_str!("../../demo/demo.js");

/// The page runs its own script and style, talks to its own server, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// How a [`Simulation`] starts.
#[derive(Debug, Clone)]
pub struct Options {
    /// What is monitored; [`World::demo`] if `None`.
    pub world: Option<Arc<World>>,
    /// The simulated Zabbix.
    pub zabbix: ZabbixOptions,
    /// The simulated Juggler.
    pub juggler: JugglerOptions,
    /// The simulated Startrek.
    pub startrek: StartrekOptions,
    /// Where the control endpoint and the page listen; port 0 takes a free one.
    pub control: SocketAddr,
    /// Where the page's link to the map leads.
    pub map_url: String,
    /// How long after the opening a rack loses power by itself; `None`: never.
    pub power_loss_after: Option<Duration>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            world: None,
            zabbix: ZabbixOptions::default(),
            juggler: JugglerOptions::default(),
            startrek: StartrekOptions::default(),
            control: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            map_url: "/".to_owned(),
            power_loss_after: Some(Duration::from_mins(1)),
        }
    }
}

/// A simulated Zabbix and Juggler over one world, a Startrek for their tickets, their scenarios, and the server of the
/// control endpoint and the page. Everything stops when it is dropped.
#[derive(Debug)]
pub struct Simulation {
    control: Arc<Control>,
    server: Server,
}

impl Simulation {
    /// Starts everything on the opening day ([`Stage::open`]).
    ///
    /// # Errors
    /// When an address cannot be listened on.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let world = options.world.unwrap_or_else(|| Arc::new(World::demo()));
        let zabbix = Arc::new(Zabbix::start(options.zabbix).await?);
        zabbix.load(&world);
        let juggler = Arc::new(Juggler::start(options.juggler).await?);
        let startrek = Arc::new(Startrek::start(options.startrek).await?);
        let power_loss_after = options.power_loss_after;
        let stage = Stage { world, zabbix, juggler, startrek, power_loss_after };
        let control = Arc::new(Control { stage, map_url: options.map_url, running: Mutex::new(None) });
        // Before the first poll, so that nobody sees the world without its problems.
        control.stage.open();
        control.play(Scenario::Reset);
        let server = Server::start(options.control, Arc::new(Door(Arc::clone(&control)))).await?;
        Ok(Self { control, server })
    }

    /// The simulated Zabbix' frontend, for `HEAT_ZABBIX_URL`.
    #[must_use]
    pub fn zabbix_url(&self) -> String {
        self.control.stage.zabbix.url()
    }

    /// Its API token, for `HEAT_ZABBIX_TOKEN`.
    #[must_use]
    pub fn zabbix_token(&self) -> &str {
        self.control.stage.zabbix.token()
    }

    /// The simulated Juggler's base, for `HEAT_JUGGLER_URL`.
    #[must_use]
    pub fn juggler_url(&self) -> String {
        self.control.stage.juggler.url()
    }

    /// Its token, for `HEAT_JUGGLER_TOKEN`.
    #[must_use]
    pub fn juggler_token(&self) -> &str {
        self.control.stage.juggler.token()
    }

    /// The simulated Startrek's API, for `HEAT_STARTREK_URL`; the simulator itself tells its token and organisation.
    #[must_use]
    pub fn startrek_url(&self) -> String {
        self.control.stage.startrek.url()
    }

    /// Where the control endpoint and the page are.
    #[must_use]
    pub fn control_addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// What is monitored.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.control.stage.world
    }

    /// The simulated Zabbix itself.
    #[must_use]
    pub fn zabbix(&self) -> &Zabbix {
        &self.control.stage.zabbix
    }

    /// The simulated Juggler itself.
    #[must_use]
    pub fn juggler(&self) -> &Juggler {
        &self.control.stage.juggler
    }

    /// The simulated Startrek itself.
    #[must_use]
    pub fn startrek(&self) -> &Startrek {
        &self.control.stage.startrek
    }

    /// Plays a scenario in place of the running one, as the button does.
    pub fn play(&self, scenario: Scenario) {
        self.control.play(scenario);
    }
}

#[derive(Debug)]
struct Running {
    scenario: Scenario,
    since: Instant,
    task: AbortOnDropHandle<()>,
}

#[derive(Debug)]
struct Control {
    stage: Stage,
    map_url: String,
    running: Mutex<Option<Running>>,
}

impl Control {
    fn play(&self, scenario: Scenario) {
        let stage = self.stage.clone();
        let mut running = lock(&self.running);
        // The one before has ended when the new one begins.
        *running = None;
        let task = AbortOnDropHandle::new(tokio::spawn(async move { stage.play(scenario).await }));
        *running = Some(Running { scenario, since: Instant::now(), task });
    }

    fn state(&self) -> Value {
        let (running, power_loss_in_s) = match &*lock(&self.running) {
            None => (Value::Null, None),
            Some(running) => {
                let since = running.since.elapsed();
                let left = self.stage.power_loss_after.and_then(|after| after.checked_sub(since));
                let value = json!({
                    "name": running.scenario.name(), "title": running.scenario.title(),
                    "for_s": since.as_secs(), "ended": running.task.is_finished(),
                });
                (value, left.filter(|_| running.scenario == Scenario::Reset).map(|left| left.as_secs()))
            }
        };
        let Stage { zabbix, juggler, startrek, .. } = &self.stage;
        let scenarios: Vec<Value> = Scenario::ALL
            .iter()
            .map(|scenario| json!({"name": scenario.name(), "title": scenario.title(), "what": scenario.what()}))
            .collect();
        let counts = zabbix.counts();
        let issues = startrek.issues();
        let open = issues.iter().filter(|issue| issue.resolution.is_none()).count();
        json!({
            "map_url": self.map_url,
            "scenarios": scenarios,
            "running": running,
            "power_loss_in_s": power_loss_in_s,
            "zabbix": {
                "url": zabbix.url(), "problems": counts.iter().sum::<usize>(), "by_severity": counts,
                "by_centre": self.stage.by_centre(), "hosts": zabbix.host_count(), "asked": zabbix.asked_count(),
                "faults": zabbix.faults(),
            },
            "juggler": {
                "url": juggler.url(), "problems": juggler.bad_count(), "asked": juggler.asked_count(),
                "faults": juggler.faults(),
            },
            "startrek": {
                "url": startrek.url(), "issues": issues.len(), "open": open, "asked": startrek.asked_count(),
                "faults": startrek.faults(),
            },
        })
    }
}

/// Why a request was not carried out.
struct Refusal(StatusCode, String);

impl Refusal {
    fn bad_request(message: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, message.into())
    }
}

#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum System {
    Zabbix,
    Juggler,
    Startrek,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultRequest {
    system: System,
    fault: Fault,
    method: Option<String>,
    #[serde(default)]
    after: u32,
    percent: Option<u8>,
    times: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FireRequest {
    host: String,
    trigger: String,
    #[serde(default = "average")]
    severity: u8,
}

fn average() -> u8 {
    3
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResolveRequest {
    host: String,
    trigger: Option<String>,
}

/// What a person does to an issue.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TransitionRequest {
    key: String,
    transition: String,
    resolution: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CommentRequest {
    key: String,
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MoveRequest {
    key: String,
    queue: String,
}

fn read<T: DeserializeOwned>(request: &Request) -> Result<T, Refusal> {
    serde_json::from_slice(request.body()).map_err(|error| Refusal::bad_request(format!("the body: {error}")))
}

struct Door(Arc<Control>);

impl Site for Door {
    async fn answer(&self, request: Request) -> Option<Answer> {
        let mut answer = self.route(&request).unwrap_or_else(|Refusal(status, message)| {
            http::answer(status, "application/json", json!({ "error": message }).to_string())
        });
        let headers = answer.headers_mut();
        // Startrek's pages have a policy of their own.
        headers.entry(CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(POLICY));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Some(answer)
    }
}

impl Door {
    fn route(&self, request: &Request) -> Result<Answer, Refusal> {
        if http::is_of_another_site(request) {
            return Err(Refusal(StatusCode::FORBIDDEN, "this is for the page itself".to_owned()));
        }
        let path = request.uri().path();
        let json = |value: &Value| Ok(http::answer(StatusCode::OK, "application/json", value.to_string()));
        match (request.method(), path) {
            (&Method::GET, "/" | "/demo") => {
                let mut answer = http::answer(StatusCode::PERMANENT_REDIRECT, "text/plain", "/demo/");
                answer.headers_mut().insert(LOCATION, HeaderValue::from_static("/demo/"));
                Ok(answer)
            }
            (&Method::GET, "/demo/") => Ok(http::answer(StatusCode::OK, "text/html; charset=utf-8", PAGE)),
            (&Method::GET, "/demo/demo.css") => {
                Ok(http::answer(StatusCode::OK, "text/css; charset=utf-8", STYLE))
            }
            (&Method::GET, "/demo/demo.js") => {
                Ok(http::answer(StatusCode::OK, "text/javascript; charset=utf-8", SCRIPT))
            }
            (&Method::GET, "/demo/api/state") => json(&self.0.state()),
            (&Method::POST, "/demo/api/fault") => {
                self.inject(read(request)?);
                json(&self.0.state())
            }
            (&Method::DELETE, "/demo/api/fault") => {
                self.0.stage.mend();
                json(&self.0.state())
            }
            (&Method::POST, "/demo/api/fire") => {
                let FireRequest { host, trigger, severity } = read(request)?;
                if host.is_empty() || trigger.is_empty() || severity > 5 {
                    return Err(Refusal::bad_request(
                        "host and trigger must not be empty, severity is 0 to 5",
                    ));
                }
                let event = self.0.stage.zabbix.fire(&host, &trigger, severity);
                json(&json!({ "eventid": event.to_string() }))
            }
            (&Method::POST, "/demo/api/resolve") => {
                let ResolveRequest { host, trigger } = read(request)?;
                json(&json!({ "resolved": self.resolve(&host, trigger.as_deref()) }))
            }
            (method, path) if path.starts_with("/demo/api/startrek") => self.startrek(method, path, request),
            (&Method::GET, "/demo/startrek") => {
                let mut answer =
                    http::answer(StatusCode::PERMANENT_REDIRECT, "text/plain", "/demo/startrek/");
                answer.headers_mut().insert(LOCATION, HeaderValue::from_static("/demo/startrek/"));
                Ok(answer)
            }
            (_, path) if path.starts_with("/demo/startrek/") => {
                let path = path.strip_prefix("/demo/startrek").unwrap_or(path);
                Ok(self.0.stage.startrek.page(path, request))
            }
            (&Method::POST, path) if path.starts_with("/demo/api/scenario/") => {
                let name = path.trim_start_matches("/demo/api/scenario/");
                let scenario = Scenario::named(name).ok_or_else(|| {
                    let known = Scenario::ALL.map(Scenario::name).join(", ");
                    Refusal(StatusCode::NOT_FOUND, format!("there is no scenario {name}; there are {known}"))
                })?;
                self.0.play(scenario);
                json(&self.0.state())
            }
            _ => Err(Refusal(StatusCode::NOT_FOUND, format!("there is no {} {path}", request.method()))),
        }
    }

    /// What people do in Startrek. Each answer is every issue as it is then.
    fn startrek(&self, method: &Method, path: &str, request: &Request) -> Result<Answer, Refusal> {
        let startrek = &self.0.stage.startrek;
        let done = match (method, path.strip_prefix("/demo/api/startrek").unwrap_or(path)) {
            (&Method::GET, "") => Ok(()),
            (&Method::DELETE, "") => {
                startrek.clear();
                Ok(())
            }
            (&Method::POST, "/transition") => {
                let TransitionRequest { key, transition, resolution } = read(request)?;
                startrek.transition(&key, &transition, resolution.as_deref())
            }
            (&Method::POST, "/comment") => {
                let CommentRequest { key, text } = read(request)?;
                startrek.comment(&key, &text)
            }
            (&Method::POST, "/move") => {
                let MoveRequest { key, queue } = read(request)?;
                startrek.move_to(&key, &queue).map(drop)
            }
            _ => return Err(Refusal(StatusCode::NOT_FOUND, format!("there is no {method} {path}"))),
        };
        done.map_err(|error| Refusal::bad_request(error.to_string()))?;
        Ok(http::answer(
            StatusCode::OK,
            "application/json",
            json!({ "issues": startrek.issues() }).to_string(),
        ))
    }

    fn inject(&self, FaultRequest { system, fault, method, after, percent, times }: FaultRequest) {
        let rule = Rule { fault, method, after, percent, times };
        match system {
            System::Zabbix => self.0.stage.zabbix.inject(rule),
            System::Juggler => self.0.stage.juggler.inject(rule),
            System::Startrek => self.0.stage.startrek.inject(rule),
        }
    }

    fn resolve(&self, host: &str, trigger: Option<&str>) -> usize {
        let zabbix = &self.0.stage.zabbix;
        if let Some(trigger) = trigger {
            return zabbix.resolve(host, trigger);
        }
        let mut problems = zabbix.open_problems();
        problems.retain(|problem| problem.hosts.iter().any(|known| known == host));
        let events: Vec<u64> = problems.iter().map(|problem| problem.event_id).collect();
        zabbix.resolve_events(&events)
    }
}

#[cfg(test)]
mod tests {
    use reqwest::Client;

    use super::*;
    use crate::eventually;
    use crate::world::Size;

    async fn start() -> Simulation {
        let world = Arc::new(World::generate(Size::SMALL, 1));
        Simulation::start(Options { world: Some(world), ..Options::default() }).await.unwrap()
    }

    async fn send(simulation: &Simulation, method: Method, path: &str, body: Value) -> (u16, Value) {
        let url = format!("http://{}/demo/{path}", simulation.control_addr());
        let answer = Client::new().request(method, url).json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    #[tokio::test]
    async fn it_opens_on_a_day_with_problems_and_says_so() {
        let simulation = start().await;
        let (status, state) = send(&simulation, Method::GET, "api/state", Value::Null).await;
        assert_eq!(status, 200);
        assert_eq!(
            state["zabbix"]["problems"].as_u64().unwrap(),
            simulation.zabbix().open_problems().len() as u64
        );
        assert_eq!(state["scenarios"].as_array().unwrap().len(), Scenario::ALL.len());
        assert_eq!(state["running"]["name"], "reset");
        assert!(state["power_loss_in_s"].as_u64().unwrap() <= 60);
    }

    #[tokio::test]
    async fn a_scenario_is_played_by_its_name_and_an_unknown_one_is_refused_with_the_known_ones() {
        let simulation = start().await;
        let (status, state) = send(&simulation, Method::POST, "api/scenario/quiet-day", Value::Null).await;
        assert_eq!((status, &state["running"]["name"]), (200, &json!("quiet-day")));
        eventually("a quiet day", Duration::from_secs(10), async || {
            (simulation.zabbix().open_problems().len() == 3).then_some(())
        })
        .await
        .unwrap();
        let (status, answer) = send(&simulation, Method::POST, "api/scenario/earthquake", Value::Null).await;
        assert!(status == 404 && answer["error"].as_str().unwrap().contains("rack-power-loss"));
    }

    #[tokio::test]
    async fn faults_are_switched_on_one_by_one_and_off_together() {
        let simulation = start().await;
        let body = json!({"system": "zabbix", "fault": {"status": 503}, "method": "problem.get", "times": 2});
        let (status, state) = send(&simulation, Method::POST, "api/fault", body).await;
        assert_eq!((status, &state["zabbix"]["faults"][0]["fault"]), (200, &json!({"status": 503})));
        let body = json!({"system": "juggler", "fault": "drifting_total"});
        assert_eq!(send(&simulation, Method::POST, "api/fault", body).await.0, 200);
        let rule = json!({"fault": "commit_then_drop", "method": "create", "after": 0, "percent": 30});
        let mut body = rule.clone();
        body["system"] = json!("startrek");
        let (_, state) = send(&simulation, Method::POST, "api/fault", body).await;
        assert_eq!(state["startrek"]["faults"], json!([rule]));
        let (_, state) = send(&simulation, Method::DELETE, "api/fault", Value::Null).await;
        for system in ["zabbix", "juggler", "startrek"] {
            assert_eq!(state[system]["faults"], json!([]), "{system}");
        }
        for body in [json!({"system": "zabbix", "fault": "earthquake"}), json!({"fault": "html"}), json!(7)] {
            let (status, answer) = send(&simulation, Method::POST, "api/fault", body).await;
            assert!(status == 400 && answer["error"].is_string());
        }
    }

    #[tokio::test]
    async fn a_problem_is_fired_and_resolved_by_hand() {
        let simulation = start().await;
        let before = simulation.zabbix().open_problems().len();
        let body = json!({"host": "sas1-0001.sas.example.net", "trigger": "Чайник", "severity": 4});
        let (_, answer) = send(&simulation, Method::POST, "api/fire", body).await;
        assert!(answer["eventid"].is_string());
        assert_eq!(simulation.zabbix().open_problems().len(), before + 1);
        let body = json!({"host": "sas1-0001.sas.example.net", "trigger": "Чайник"});
        assert_eq!(send(&simulation, Method::POST, "api/resolve", body).await.1, json!({"resolved": 1}));
    }

    #[tokio::test]
    async fn an_issue_is_closed_commented_moved_and_forgotten_by_hand() {
        let simulation = start().await;
        let key = simulation.startrek().open("NETOPS", "Стойка без питания").unwrap();
        let post = async |path: &str, body: Value| {
            send(&simulation, Method::POST, &format!("api/startrek/{path}"), body).await
        };
        let (status, answer) = post("transition", json!({"key": key, "transition": "close"})).await;
        assert!(status == 400 && answer["error"].as_str().unwrap().contains("resolution"), "{answer}");
        let body = json!({"key": key, "transition": "close", "resolution": "fixed"});
        let (_, answer) = post("transition", body).await;
        assert_eq!(
            (&answer["issues"][0]["status"], &answer["issues"][0]["resolution"]),
            (&json!("closed"), &json!("fixed"))
        );
        let (_, state) = send(&simulation, Method::GET, "api/state", Value::Null).await;
        assert_eq!((&state["startrek"]["issues"], &state["startrek"]["open"]), (&json!(1), &json!(0)));
        let (_, answer) = post("comment", json!({"key": key, "text": "готово"})).await;
        assert_eq!(answer["issues"][0]["comments"], json!([{"author": "ivanov", "text": "готово"}]));
        let (_, answer) = post("move", json!({"key": key, "queue": "DCOPS"})).await;
        assert_eq!(
            (&answer["issues"][0]["key"], &answer["issues"][0]["aliases"]),
            (&json!("DCOPS-1"), &json!(["NETOPS-1"]))
        );
        assert_eq!(send(&simulation, Method::GET, "api/startrek", Value::Null).await.1, answer);
        let (_, answer) = send(&simulation, Method::DELETE, "api/startrek", Value::Null).await;
        assert_eq!(answer, json!({"issues": []}));
    }

    #[tokio::test]
    async fn issues_have_pages_of_which_the_buttons_work() {
        let simulation = start().await;
        let key = simulation.startrek().open("NETOPS", "<script>alert(1)</script>").unwrap();
        let page = format!("http://{}/demo/startrek", simulation.control_addr());
        let list = reqwest::get(&page).await.unwrap();
        assert_eq!(list.url().path(), "/demo/startrek/");
        assert!(list.headers()["content-security-policy"].to_str().unwrap().contains("form-action 'self'"));
        let list = list.text().await.unwrap();
        assert!(list.contains("href=\"NETOPS-1\"") && !list.contains("<script>"), "{list}");
        let pressed = Client::new().post(format!("{page}/{key}")).body("do=close&resolution=fixed");
        let pressed = pressed.send().await.unwrap();
        assert_eq!((pressed.status().as_u16(), pressed.url().path()), (200, "/demo/startrek/NETOPS-1"));
        assert!(pressed.text().await.unwrap().contains("Closed: Fixed"));
        assert_eq!(simulation.startrek().issue(&key).unwrap().status, "closed");
    }

    #[tokio::test]
    async fn the_page_is_whole_and_loads_nothing_that_its_policy_forbids() {
        let simulation = start().await;
        let get = async |path: &str| {
            reqwest::get(format!("http://{}{path}", simulation.control_addr())).await.unwrap()
        };
        let page = get("/").await;
        assert!(page.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
        let page = page.text().await.unwrap();
        for part in ["demo.css", "demo.js"] {
            assert!(page.contains(part));
            assert_eq!(get(&format!("/demo/{part}")).await.status(), 200);
        }
        for inline in [" style=", " onclick=", "<style", "<script>", "http://", "https://"] {
            assert!(!page.contains(inline), "{inline}");
        }
    }

    #[tokio::test]
    async fn another_sites_page_cannot_press_the_buttons() {
        let simulation = start().await;
        let url = format!("http://{}/demo/api/scenario/storm-20000", simulation.control_addr());
        let answer = Client::new().post(url).header("sec-fetch-site", "cross-site").send().await.unwrap();
        assert_eq!(answer.status(), 403);
    }
}
