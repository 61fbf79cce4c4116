//! The WebSocket handshake, the server's side of it: RFC 6455, 4.2, and permessage-deflate, RFC 7692.

use hyper::header::{
    CONNECTION, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::{HeaderMap, StatusCode, header::HeaderValue};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::problem::Problem;
use crate::reply::{self, Reply};

/// A handshake that is accepted.
#[derive(Debug)]
pub(crate) struct Handshake {
    accept: String,
    extension: Option<&'static str>,
}

impl Handshake {
    /// Reads a request's headers.
    ///
    /// # Errors
    /// [`Problem::UpgradeRequired`] if this is no handshake or one of another version, [`Problem::Invalid`] if its key
    /// is none.
    pub(crate) fn read(headers: &HeaderMap) -> Result<Self, Problem> {
        let asks = |header, token: &str| list(headers, header).any(|item| item.eq_ignore_ascii_case(token));
        if !asks(CONNECTION, "upgrade") || !asks(UPGRADE, "websocket") {
            let detail = "this is a WebSocket; connect with a client for it, or read /api/v1/snapshot";
            return Err(Problem::UpgradeRequired(detail));
        }
        if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
            return Err(Problem::UpgradeRequired("this server speaks version 13 of the WebSocket protocol"));
        }
        // Sixteen bytes in base64.
        let key = headers.get(SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes).filter(|key| {
            let is_base64 = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
            key.len() == 24 && key.ends_with(b"==") && key[..22].iter().all(is_base64)
        });
        let key =
            key.ok_or_else(|| Problem::Invalid("Sec-WebSocket-Key is not 16 bytes in base64".to_owned()))?;
        let extension = list(headers, SEC_WEBSOCKET_EXTENSIONS).find_map(agreed);
        Ok(Self { accept: derive_accept_key(key), extension })
    }

    /// Whether messages are compressed.
    pub(crate) fn deflate(&self) -> bool {
        self.extension.is_some()
    }

    /// 101.
    pub(crate) fn into_reply(self) -> Result<Reply, Problem> {
        let mut reply = reply::empty(StatusCode::SWITCHING_PROTOCOLS);
        let headers = reply.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        let accept = HeaderValue::try_from(self.accept).map_err(anyhow::Error::from)?;
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        if let Some(extension) = self.extension {
            headers.insert(SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_static(extension));
        }
        Ok(reply)
    }
}

/// The items of a header that is a comma-separated list, over all its lines.
fn list(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

/// The answer to one offer of an extension, if it can be taken: each message compressed on its own, within the whole
/// window of 32 KiB, for that is how the updater compressed it.
fn agreed(offer: &str) -> Option<&'static str> {
    let mut parts = offer.split(';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case("permessage-deflate") {
        return None;
    }
    let mut seen = Vec::new();
    for part in parts {
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim().trim_matches('"'))),
            None => (part, None),
        };
        let usable = match (name, value) {
            (
                "server_no_context_takeover" | "client_no_context_takeover" | "client_max_window_bits",
                None,
            ) => true,
            ("client_max_window_bits", Some(bits)) => {
                matches!(bits, "8" | "9" | "10" | "11" | "12" | "13" | "14" | "15")
            }
            ("server_max_window_bits", Some(bits)) => bits == "15",
            _ => false,
        };
        if !usable || seen.contains(&name) {
            return None;
        }
        seen.push(name);
    }
    // An offer that limits the window is accepted by saying so.
    Some(if seen.contains(&"server_max_window_bits") {
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15"
    } else {
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handshake(change: &[(&'static str, &'static str)]) -> Result<Handshake, Problem> {
        let mut headers = HeaderMap::new();
        // The example of RFC 6455, 1.3.
        for (name, value) in [
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "WebSocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ]
        .iter()
        .chain(change)
        {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        Handshake::read(&headers)
    }

    #[test]
    fn the_key_is_answered_as_the_standard_says() {
        let reply = handshake(&[]).unwrap().into_reply().unwrap();
        assert_eq!(reply.headers()[SEC_WEBSOCKET_ACCEPT], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert!(reply.headers().get(SEC_WEBSOCKET_EXTENSIONS).is_none());
    }

    #[test]
    fn what_is_no_handshake_is_refused() {
        for change in [("connection", "close"), ("upgrade", "h2c"), ("sec-websocket-version", "8")] {
            assert!(matches!(handshake(&[change]), Err(Problem::UpgradeRequired(_))), "{change:?}");
        }
        for key in ["", "short", "dGhlIHNhbXBsZSBub25jZQ!!", "dGhlIHNhbXBsZSBub25jZQ==="] {
            assert!(matches!(handshake(&[("sec-websocket-key", key)]), Err(Problem::Invalid(_))), "{key}");
        }
    }

    #[test]
    fn compression_is_agreed_on_only_as_the_stored_bytes_are_compressed() {
        let taken = |offer| handshake(&[("sec-websocket-extensions", offer)]).unwrap().extension;
        let plain = Some("permessage-deflate; server_no_context_takeover; client_no_context_takeover");
        assert_eq!(taken("permessage-deflate; client_max_window_bits"), plain);
        assert_eq!(taken("x-webkit, permessage-deflate;server_no_context_takeover"), plain);
        assert_eq!(taken("permessage-deflate; server_max_window_bits=10, permessage-deflate"), plain);
        assert!(
            taken("permessage-deflate; server_max_window_bits=15")
                .unwrap()
                .ends_with("server_max_window_bits=15")
        );
        for refused in [
            "",
            "permessage-bzip2",
            "permessage-deflate; server_max_window_bits=14",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; client_max_window_bits=16",
            "permessage-deflate; shrink",
            "permessage-deflate; client_max_window_bits; client_max_window_bits=9",
        ] {
            assert_eq!(taken(refused), None, "{refused}");
        }
    }
}
