//! The pages on which people look at issues and press a button: plain HTML, everything from outside escaped.

use std::fmt::Write as _;

use chrono::DateTime;
use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue, LOCATION, X_CONTENT_TYPE_OPTIONS};
use hyper::{Method, StatusCode};
use serde_json::{Map, Value};

use super::super::fault::lock;
use super::super::http::{self, Answer, Request, html_escaped};
use super::Shared;
use super::state::{Issue, PERSON, RESOLUTIONS, Refusal, STATUSES, State, field_named, person, term_named};

const STYLE: &str = include_str!("../../../demo/startrek.css");

/// Its own style, its own forms, no script.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// How many issues the list shows.
const LISTED: usize = 500;

/// The page at `path` (`/`, `/NETOPS-42`, `/startrek.css`). Its links are relative, so it can be mounted anywhere.
pub(super) fn answer(shared: &Shared, path: &str, request: &Request) -> Answer {
    let key = path.trim_matches('/');
    let mut answer = match (request.method(), key) {
        (&Method::GET, "") => html(StatusCode::OK, list(&lock(&shared.state))),
        (&Method::GET, "startrek.css") => http::answer(StatusCode::OK, "text/css; charset=utf-8", STYLE),
        (&Method::GET, key) => match issue(&lock(&shared.state), key, None) {
            Ok(page) => html(StatusCode::OK, page),
            Err(refusal) => trouble(&refusal),
        },
        (&Method::POST, _) if http::is_of_another_site(request) => {
            trouble(&Refusal::new(403, "This is for the page itself."))
        }
        (&Method::POST, key) => press(shared, key, request),
        _ => trouble(&Refusal::new(405, "This is a page to look at.")),
    };
    let headers = answer.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// A button of an issue's page: a transition, or `comment`.
fn press(shared: &Shared, key: &str, request: &Request) -> Answer {
    let form: Map<String, Value> = url::form_urlencoded::parse(request.body())
        .map(|(name, value)| (name.into_owned(), Value::from(value.into_owned())))
        .collect();
    let button = form.get("do").and_then(Value::as_str).unwrap_or_default();
    let part = |name: &str| form.get(name).map(|value| (name.to_owned(), value.clone()));
    let pressed = shared.change(|state| {
        if button == "comment" {
            state.comment(key, &part("text").into_iter().collect(), PERSON, true)?;
        } else {
            state.execute(key, button, &part("resolution").into_iter().collect(), PERSON)?;
        }
        state.issue(key).map(|issue| issue.key.clone())
    });
    match pressed {
        Ok(key) => {
            let mut answer = http::answer(StatusCode::SEE_OTHER, "text/plain", "");
            if let Ok(to) = HeaderValue::from_str(&key) {
                answer.headers_mut().insert(LOCATION, to);
            }
            answer
        }
        Err(refusal) => match issue(&lock(&shared.state), key, Some(&refusal)) {
            Ok(page) => html(StatusCode::BAD_REQUEST, page),
            Err(refusal) => trouble(&refusal),
        },
    }
}

fn html(status: StatusCode, page: String) -> Answer {
    http::answer(status, "text/html; charset=utf-8", page)
}

fn trouble(refusal: &Refusal) -> Answer {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
    html(status, framed("Startrek", &format!("<p class=\"trouble\">{}</p>", html_escaped(&refusal.words()))))
}

fn framed(title: &str, body: &str) -> String {
    let title = html_escaped(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"dark\">\n<title>{title}</title>\n\
         <link rel=\"stylesheet\" href=\"startrek.css\">\n</head>\n<body>\n\
         <header><a href=\"./\">Startrek</a> <span>simulated: nothing here is real</span></header>\n\
         {body}\n</body>\n</html>\n"
    )
}

fn list(state: &State) -> String {
    let mut rows = String::new();
    for issue in state.issues.iter().rev().take(LISTED) {
        let key = html_escaped(&issue.key);
        let _ = writeln!(
            rows,
            "<tr class=\"{status_class}\"><td><a href=\"{key}\">{key}</a></td><td>{summary}</td><td>{status}</td>\
             <td>{assignee}</td><td class=\"number\">{comments}</td><td>{updated}</td></tr>",
            status_class = html_escaped(&issue.status),
            summary = html_escaped(&issue.summary),
            status = html_escaped(&status(issue)),
            assignee = html_escaped(issue.assignee.as_deref().map(name).unwrap_or_default()),
            comments = issue.comments.len(),
            updated = time(issue.updated_at),
        );
    }
    let body = if rows.is_empty() {
        "<h1>Issues</h1>\n<p>None yet: open a ticket on a problem.</p>".to_owned()
    } else {
        format!(
            "<h1>Issues</h1>\n<table>\n<thead><tr><th>Key</th><th>Summary</th><th>Status</th><th>Assignee</th>\
             <th class=\"number\">Comments</th><th>Updated</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table>"
        )
    };
    framed("Issues", &body)
}

/// An issue with its comments and buttons, and what came of the last one if it was refused.
fn issue(state: &State, key: &str, refused: Option<&Refusal>) -> Result<String, Refusal> {
    let issue = state.issue(key)?;
    let mut body = String::new();
    if let Some(refusal) = refused {
        let _ = writeln!(body, "<p class=\"trouble\">{}</p>", html_escaped(&refusal.words()));
    }
    let _ = writeln!(
        body,
        "<h1><span>{}</span> {}</h1>\n<dl>",
        html_escaped(&issue.key),
        html_escaped(&issue.summary)
    );
    let links: Vec<String> =
        state.links(key)?.iter().map(|seen| format!("{} {}", seen.relationship(), seen.other.key)).collect();
    let values: Vec<String> = issue
        .values
        .iter()
        .map(|(id, value)| {
            let words = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            format!("{}: {words}", field_named(id).map_or(id.as_str(), |field| field.name))
        })
        .collect();
    for (term, words) in [
        ("Status", status(issue)),
        ("Type", issue.kind.clone()),
        ("Priority", issue.priority.clone()),
        ("Author", name(&issue.created_by).to_owned()),
        ("Assignee", issue.assignee.as_deref().map(name).unwrap_or_default().to_owned()),
        ("Followers", issue.followers.iter().map(|login| name(login)).collect::<Vec<_>>().join(", ")),
        ("Tags", issue.tags.join(", ")),
        ("Components", issue.components.join(", ")),
        ("Links", links.join(", ")),
        ("Fields", values.join(", ")),
        ("Earlier keys", issue.aliases.join(", ")),
        ("Created", time(issue.created_at)),
        ("Updated", time(issue.updated_at)),
    ] {
        if !words.is_empty() {
            let _ = writeln!(body, "<dt>{term}</dt><dd>{}</dd>", html_escaped(&words));
        }
    }
    let _ = writeln!(body, "</dl>\n<pre>{}</pre>", html_escaped(&issue.description));
    buttons(&mut body, issue);
    let _ = writeln!(body, "<h2>Comments</h2>");
    for comment in &issue.comments {
        let _ = writeln!(
            body,
            "<article><p><b>{}</b> {}</p><pre>{}</pre></article>",
            html_escaped(name(&comment.author)),
            time(comment.created_at),
            html_escaped(&comment.text)
        );
    }
    let action = html_escaped(&issue.key);
    let _ = writeln!(
        body,
        "<form method=\"post\" action=\"{action}\"><textarea name=\"text\" rows=\"3\" aria-label=\"Comment\" required>\
         </textarea><button name=\"do\" value=\"comment\">Comment</button></form>"
    );
    Ok(framed(&format!("{} {}", issue.key, issue.summary), &body))
}

fn buttons(body: &mut String, issue: &Issue) {
    let action = html_escaped(&issue.key);
    let _ = writeln!(body, "<div class=\"buttons\">");
    for transition in State::transitions(issue) {
        let _ = write!(body, "<form method=\"post\" action=\"{action}\">");
        if transition.resolves() {
            let _ = write!(body, "<select name=\"resolution\" aria-label=\"Resolution\">");
            for term in &RESOLUTIONS {
                let _ = write!(body, "<option value=\"{}\">{}</option>", term.key, html_escaped(term.name));
            }
            let _ = write!(body, "</select> ");
        }
        let _ = writeln!(
            body,
            "<button name=\"do\" value=\"{}\">{}</button></form>",
            transition.id,
            html_escaped(transition.name)
        );
    }
    let _ = writeln!(body, "</div>");
}

fn status(issue: &Issue) -> String {
    let status = term_named(&STATUSES, &issue.status).map_or(issue.status.as_str(), |term| term.name);
    match issue.resolution.as_deref().and_then(|key| term_named(&RESOLUTIONS, key)) {
        Some(resolution) => format!("{status}: {}", resolution.name),
        None => status.to_owned(),
    }
}

fn name(login: &str) -> &str {
    person(login).map_or(login, |(_, _, display)| display)
}

fn time(milliseconds: i64) -> String {
    let at = DateTime::from_timestamp_millis(milliseconds).unwrap_or_default();
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}
