//! What a client would rather have, by the weights of its `Accept…` headers (RFC 9110, 12.4.2).

use hyper::HeaderMap;
use hyper::header::HeaderName;

/// The weight of what a header names, 0 for what it refuses; none if it does not name it.
pub(crate) fn weight(headers: &HeaderMap, header: &HeaderName, what: &str) -> Option<f32> {
    let lines = headers.get_all(header).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).find_map(|item| {
        let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
        let weight = || parameters.split(';').find_map(|p| p.trim().strip_prefix("q=")?.trim().parse().ok());
        name.trim().eq_ignore_ascii_case(what).then(|| weight().unwrap_or(1.0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::{ACCEPT, HeaderValue};

    #[test]
    fn what_is_named_has_its_weight_and_1_without_one() {
        let weigh = |value, what| {
            weight(&HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(value))]), &ACCEPT, what)
        };
        let of = |what| weigh("text/html, Text/CSV;header=present;q=0.25 , */*; q=0", what);
        assert_eq!(of("text/csv"), Some(0.25));
        assert_eq!(of("text/html"), Some(1.0));
        assert_eq!(of("*/*"), Some(0.0));
        assert_eq!(of("application/json"), None);
        assert_eq!(weight(&HeaderMap::new(), &ACCEPT, "text/csv"), None);
    }
}
