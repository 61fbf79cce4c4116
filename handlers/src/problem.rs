//! What can be wrong with a request, and how the caller is told: RFC 9457, `application/problem+json`.

use heat::cache::CacheError;
use heat::comment::TextRefused;
use heat::db::DbError;
use heat::filter::FilterError;
use heat::note::NoPlace;
use heat::ticket::DraftRefused;
use heat::view::ViewRefused;
use hyper::header::{
    ALLOW, CONTENT_TYPE, ETAG, HeaderValue, RETRY_AFTER, SEC_WEBSOCKET_VERSION, UPGRADE, WWW_AUTHENTICATE,
};
use hyper::{HeaderMap, StatusCode};
use serde::Serialize;

use crate::reply::{self, Reply};

/// How long a caller waits before it tries again what a store could not do, in seconds.
const RETRY_AFTER_S: u64 = 5;

/// Why a request is not answered as asked. The words say what to do about it.
#[derive(Debug)]
pub(crate) enum Problem {
    /// The request cannot be understood.
    Invalid(String),
    /// A member of the request is in a language, and cannot be understood.
    Syntax {
        /// JSON Pointer (RFC 6901) to the member; a query counts as an object.
        pointer: &'static str,
        /// What was expected.
        detail: String,
        /// The characters (Unicode code points) before the mistake, where it has a place.
        position: Option<usize>,
    },
    /// Nobody is logged in.
    Unauthorized,
    /// The token is none, or none any more.
    WrongToken,
    /// The caller may not.
    Forbidden(String),
    /// There is no such thing.
    NotFound(String),
    /// The path takes other methods, these.
    MethodNotAllowed(&'static str),
    /// The request does not fit what is; `more` are members of the answer that say what is.
    Conflict {
        /// For the caller.
        detail: String,
        /// An object, or null.
        more: serde_json::Value,
    },
    /// The request does not say which version it is about.
    PreconditionRequired,
    /// It is about another version than this, which is the current one.
    PreconditionFailed(String),
    /// The same idempotency key came with another request.
    OtherRequest,
    /// The caller is to wait a second.
    TooMany(&'static str),
    /// The body did not come.
    TooSlow,
    /// The body is over [`reply::LONGEST_BODY`].
    TooLarge,
    /// The body is something else than JSON.
    UnsupportedMediaType,
    /// The request is no WebSocket handshake that this server speaks.
    UpgradeRequired(&'static str),
    /// A store is away, or there is nothing yet; nothing was half done.
    Unavailable {
        /// For the caller.
        detail: String,
        /// For the log.
        cause: Option<anyhow::Error>,
    },
    /// A defect.
    Internal(anyhow::Error),
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: &'a str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<usize>,
    #[serde(flatten)]
    more: &'a serde_json::Value,
}

impl Problem {
    /// Something is not there yet, or full.
    pub(crate) fn not_now(detail: impl Into<String>) -> Self {
        Self::Unavailable { detail: detail.into(), cause: None }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Invalid(_) | Self::Syntax { .. } => StatusCode::BAD_REQUEST,
            Self::Unauthorized | Self::WrongToken => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict { .. } => StatusCode::CONFLICT,
            Self::PreconditionRequired => StatusCode::PRECONDITION_REQUIRED,
            Self::PreconditionFailed(_) => StatusCode::PRECONDITION_FAILED,
            Self::OtherRequest => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::UpgradeRequired(_) => StatusCode::UPGRADE_REQUIRED,
            Self::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn detail(&self) -> &str {
        match self {
            Self::Invalid(detail)
            | Self::Syntax { detail, .. }
            | Self::Forbidden(detail)
            | Self::NotFound(detail)
            | Self::Conflict { detail, .. }
            | Self::Unavailable { detail, .. } => detail,
            Self::UpgradeRequired(detail) | Self::TooMany(detail) => detail,
            Self::WrongToken => {
                "there is no such token, or it was revoked or is over; `heat-updater token list` tells"
            }
            Self::Unauthorized => {
                "nobody is logged in; log in through the site's front door, or send a token"
            }
            Self::MethodNotAllowed(_) => {
                "this path does not take this method; the Allow header names those it takes"
            }
            Self::PreconditionRequired => {
                "say which version you saw: send its ETag in If-Match, so that nobody's change is lost"
            }
            Self::PreconditionFailed(_) => {
                "somebody has changed it since you saw it; read it again and look at what is new"
            }
            Self::OtherRequest => {
                "this Idempotency-Key came with another body before; choose a new key for a new request"
            }
            Self::TooSlow => "the body did not come in time; send it at once",
            Self::TooLarge => "the body is too long; send at most 65536 bytes",
            Self::UnsupportedMediaType => "the body is not JSON; send it with Content-Type: application/json",
            Self::Internal(_) => "a defect in Heat; the log tells more under this request_id",
        }
    }

    fn headers(&self, headers: &mut HeaderMap) {
        match self {
            Self::Unauthorized => drop(headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            Self::WrongToken => {
                let told = HeaderValue::from_static("Bearer error=\"invalid_token\"");
                headers.insert(WWW_AUTHENTICATE, told);
            }
            Self::TooMany(_) => drop(headers.insert(RETRY_AFTER, HeaderValue::from_static("1"))),
            Self::MethodNotAllowed(allow) => drop(headers.insert(ALLOW, HeaderValue::from_static(allow))),
            Self::PreconditionFailed(tag) => {
                if let Ok(tag) = HeaderValue::try_from(tag) {
                    headers.insert(ETAG, tag);
                }
            }
            Self::Unavailable { .. } => drop(headers.insert(RETRY_AFTER, RETRY_AFTER_S.into())),
            Self::UpgradeRequired(_) => {
                headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
                headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
            }
            _ => {}
        }
    }

    /// The answer. The one place where failures are logged, each once.
    pub(crate) fn into_reply(self, route: &str, request_id: &str) -> Reply {
        let status = self.status();
        match &self {
            Self::Internal(error) => {
                tracing::error!(route, request_id, error = format!("{error:#}"), "request failed");
            }
            Self::Unavailable { detail, cause: Some(cause) } => {
                tracing::warn!(route, request_id, error = format!("{cause:#}"), "{detail}");
            }
            _ => tracing::debug!(route, request_id, status = status.as_u16(), "{}", self.detail()),
        }
        let (pointer, position) = match self {
            Self::Syntax { pointer, position, .. } => (Some(pointer), position),
            _ => (None, None),
        };
        let document = Document {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            detail: self.detail(),
            request_id,
            more: match &self {
                Self::Conflict { more, .. } => more,
                _ => &serde_json::Value::Null,
            },
            pointer,
            position,
        };
        let mut reply = reply::json(status, &document).unwrap_or_default();
        reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        self.headers(reply.headers_mut());
        reply
    }
}

impl From<CacheError> for Problem {
    fn from(error: CacheError) -> Self {
        Self::Unavailable { detail: "Redis does not answer; try again".to_owned(), cause: Some(error.into()) }
    }
}

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        if error.is_outage() {
            let detail = "the comments database does not answer; nothing was written, try again".to_owned();
            Self::Unavailable { detail, cause: Some(error.into()) }
        } else {
            Self::Internal(error.into())
        }
    }
}

impl From<FilterError> for Problem {
    fn from(error: FilterError) -> Self {
        let detail = format!("filter, at character {}: {error}", error.position + 1);
        Self::Syntax { pointer: "/filter", detail, position: Some(error.position) }
    }
}

impl From<ViewRefused> for Problem {
    fn from(refused: ViewRefused) -> Self {
        let (pointer, position) = (refused.pointer(), refused.position());
        Self::Syntax { pointer, detail: refused.to_string(), position }
    }
}

impl From<TextRefused> for Problem {
    fn from(refused: TextRefused) -> Self {
        Self::Invalid(refused.to_string())
    }
}

impl From<NoPlace> for Problem {
    fn from(error: NoPlace) -> Self {
        Self::Invalid(error.to_string())
    }
}

impl From<DraftRefused> for Problem {
    fn from(refused: DraftRefused) -> Self {
        Self::Invalid(refused.to_string())
    }
}

impl From<anyhow::Error> for Problem {
    fn from(error: anyhow::Error) -> Self {
        Self::Internal(error)
    }
}
