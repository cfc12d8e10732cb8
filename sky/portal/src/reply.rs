//! What HTTP makes of an answer: validators, ranges, how long it keeps.

use axum::body::{Body, Bytes};
use axum::http::header::{
    ACCEPT_RANGES, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, RANGE, RETRY_AFTER,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;

/// What stays the same as long as a data set's content does.
#[derive(Debug, Clone)]
pub(crate) struct Validators {
    /// A strong entity tag, quotes included.
    pub(crate) etag: String,
    /// As an HTTP date.
    pub(crate) modified: String,
    /// Whether the address names the content's version, so that what is there never changes.
    pub(crate) immutable: bool,
}

/// How long an answer without a version in its address is used unasked, seconds.
const SHORT_S: u32 = 3600;

impl Validators {
    fn write(&self, headers: &mut HeaderMap) {
        put(headers, ETAG, &self.etag);
        put(headers, LAST_MODIFIED, &self.modified);
        let keep = if self.immutable {
            "public, immutable, max-age=31536000".to_owned()
        } else {
            format!("public, max-age={SHORT_S}")
        };
        put(headers, CACHE_CONTROL, &keep);
    }

    /// Whether the client has this already (RFC 9110, section 13.2.2).
    pub(crate) fn are_known(&self, headers: &HeaderMap) -> bool {
        if headers.contains_key(IF_NONE_MATCH) {
            let lists = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
            return lists.flat_map(|list| list.split(',')).any(|tag| {
                let tag = tag.trim();
                tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.etag
            });
        }
        let since =
            headers.get(IF_MODIFIED_SINCE).and_then(|value| httpdate::parse_http_date(value.to_str().ok()?).ok());
        match (since, httpdate::parse_http_date(&self.modified)) {
            (Some(since), Ok(modified)) => modified <= since,
            _ => false,
        }
    }
}

/// Sets a header; text that no header can hold is left out.
pub(crate) fn put(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}

/// A response of some bytes, open to pages of every origin.
pub(crate) fn plain(status: StatusCode, media_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

/// A sentence for people.
pub(crate) fn sentence(status: StatusCode, text: &str) -> Response {
    let mut response = plain(status, "text/plain; charset=utf-8", format!("{text}\n"));
    let keep = if status == StatusCode::NOT_FOUND { "public, max-age=3600" } else { "no-store" };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(keep));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// 304, without a body.
pub(crate) fn not_modified(validators: &Validators) -> Response {
    let mut response = plain(StatusCode::NOT_MODIFIED, "text/plain", Body::empty());
    response.headers_mut().remove(CONTENT_TYPE);
    validators.write(response.headers_mut());
    response
}

/// The bytes, or the part of them that is asked for.
pub(crate) fn whole_or_part(
    request: &HeaderMap,
    media_type: &'static str,
    body: Bytes,
    validators: &Validators,
) -> Response {
    let length = body.len() as u64;
    let mut response = match wanted(request, length, validators) {
        Wanted::Whole => plain(StatusCode::OK, media_type, body),
        Wanted::Part(first, last) => {
            let part = body.slice(first as usize..last as usize + 1);
            let mut response = plain(StatusCode::PARTIAL_CONTENT, media_type, part);
            put(response.headers_mut(), CONTENT_RANGE, &format!("bytes {first}-{last}/{length}"));
            response
        }
        Wanted::Nothing => {
            let mut response =
                sentence(StatusCode::RANGE_NOT_SATISFIABLE, &format!("there are {length} bytes; ask for some of them"));
            put(response.headers_mut(), CONTENT_RANGE, &format!("bytes */{length}"));
            return response;
        }
    };
    validators.write(response.headers_mut());
    response.headers_mut().insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    response
}

#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Whole,
    /// First and last byte.
    Part(u64, u64),
    /// None of the bytes that there are.
    Nothing,
}

/// Which bytes a request asks for. Several ranges, and what is no range of bytes, get the whole (RFC 9110, section 14.2).
fn wanted(request: &HeaderMap, length: u64, validators: &Validators) -> Wanted {
    let Some(text) = request.get(RANGE).and_then(|value| value.to_str().ok()) else { return Wanted::Whole };
    if let Some(condition) = request.get(IF_RANGE)
        && condition.as_bytes() != validators.etag.as_bytes()
        && condition.as_bytes() != validators.modified.as_bytes()
    {
        return Wanted::Whole;
    }
    let number = |text: &str| if text.bytes().all(|b| b.is_ascii_digit()) { text.parse::<u64>().ok() } else { None };
    let Some((unit, range)) = text.split_once('=') else { return Wanted::Whole };
    let range = range.trim();
    let Some((from, to)) = range.split_once('-').filter(|_| unit.trim().eq_ignore_ascii_case("bytes")) else {
        return Wanted::Whole;
    };
    match (number(from), number(to)) {
        (None, Some(0)) if from.is_empty() => Wanted::Nothing,
        (None, Some(_)) if from.is_empty() && length == 0 => Wanted::Nothing,
        (None, Some(last)) if from.is_empty() => Wanted::Part(length - last.min(length), length - 1),
        (Some(first), None) if to.is_empty() => {
            if first < length {
                Wanted::Part(first, length - 1)
            } else {
                Wanted::Nothing
            }
        }
        (Some(first), Some(last)) if first > last => Wanted::Whole,
        (Some(first), Some(_)) if first >= length => Wanted::Nothing,
        (Some(first), Some(last)) => Wanted::Part(first, last.min(length - 1)),
        _ => Wanted::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn validators() -> Validators {
        Validators { etag: "\"a-b\"".into(), modified: "Sun, 22 Nov 2026 17:00:00 GMT".into(), immutable: false }
    }

    fn asked(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            put(&mut headers, name.clone(), value);
        }
        headers
    }

    #[test]
    fn ranges_are_read_as_rfc_9110_has_them() {
        for (range, length, found) in [
            ("bytes=0-499", 10_000, Wanted::Part(0, 499)),
            ("bytes=500-999", 10_000, Wanted::Part(500, 999)),
            ("bytes=-500", 10_000, Wanted::Part(9500, 9999)),
            ("bytes=9500-", 10_000, Wanted::Part(9500, 9999)),
            ("bytes=-20000", 10_000, Wanted::Part(0, 9999)),
            ("bytes=9999-20000", 10_000, Wanted::Part(9999, 9999)),
            ("bytes=10000-", 10_000, Wanted::Nothing),
            ("bytes=-0", 10_000, Wanted::Nothing),
            ("bytes=0-0,-1", 10_000, Wanted::Whole),
            ("bytes=5-4", 10_000, Wanted::Whole),
            ("lines=1-2", 10_000, Wanted::Whole),
            ("bytes=+1-2", 10_000, Wanted::Whole),
            ("bytes=", 10_000, Wanted::Whole),
            ("bytes=0-", 0, Wanted::Nothing),
        ] {
            assert_eq!(wanted(&asked(&[(RANGE, range)]), length, &validators()), found, "{range}");
        }
    }

    #[test]
    fn a_range_of_another_version_gets_the_whole() {
        let with = |tag: &str| wanted(&asked(&[(RANGE, "bytes=0-1"), (IF_RANGE, tag)]), 9, &validators());
        assert_eq!(with("\"a-b\""), Wanted::Part(0, 1));
        assert_eq!(with("W/\"a-b\""), Wanted::Whole);
        assert_eq!(with("\"old\""), Wanted::Whole);
    }

    #[test]
    fn a_tag_in_a_list_is_known_and_outranks_the_date() {
        let known = |pairs: &[(HeaderName, &str)]| validators().are_known(&asked(pairs));
        assert!(known(&[(IF_NONE_MATCH, "\"x\", W/\"a-b\"")]) && known(&[(IF_NONE_MATCH, "*")]));
        let later = "Sun, 22 Nov 2026 17:00:01 GMT";
        assert!(known(&[(IF_MODIFIED_SINCE, later)]));
        assert!(!known(&[(IF_NONE_MATCH, "\"x\""), (IF_MODIFIED_SINCE, later)]));
        assert!(!known(&[(IF_MODIFIED_SINCE, "Sun, 22 Nov 2026 16:59:59 GMT")]) && !known(&[]));
    }

    proptest! {
        #[test]
        fn a_part_lies_within_the_whole(range in "(bytes)?=?[0-9,-]{0,40}", length in 0u64..50) {
            if let Wanted::Part(first, last) = wanted(&asked(&[(RANGE, &range)]), length, &validators()) {
                prop_assert!(first <= last && last < length);
            }
        }
    }
}
