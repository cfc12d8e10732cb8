//! What one line of an access log says.

use serde_json::Value;

use crate::format::{Field, LineFormat, Part, Parts, Unit};

/// Longest time that a request may be said to have taken, seconds.
const LONGEST_S: f64 = 1e6;

/// What a line says of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// How long it took, seconds.
    pub took_s: Option<f64>,
    /// Whether it came from a cache.
    pub hit: Option<bool>,
    /// The status of the answer.
    pub status: Option<u16>,
    /// The target's path without its query; empty if the line does not say it.
    pub path: String,
    /// The class that the gate gave it.
    pub class: Option<u64>,
}

impl LineFormat {
    /// Reads a line, without its end. `None`: it is not written in this format.
    #[must_use]
    pub fn read(&self, line: &[u8]) -> Option<Line> {
        match self {
            Self::Text(parts) => text(parts, line),
            Self::Json(keys) => json(keys, line),
        }
    }
}

/// Times by their sources: what the server says of itself goes before what it says of those behind it.
#[derive(Default)]
struct Reading {
    line: Line,
    upstream_s: Option<f64>,
}

impl Reading {
    fn field(&mut self, field: Field, value: &[u8]) {
        let text = std::str::from_utf8(value).unwrap_or_default();
        let line = &mut self.line;
        match field {
            Field::RequestTime(unit) => line.took_s = line.took_s.or_else(|| time(text, unit)),
            Field::UpstreamTime => self.upstream_s = times(text),
            Field::CacheStatus => line.hit = line.hit.or_else(|| hit(text)),
            Field::Request => {
                let mut words = text.split(' ');
                if let (Some(_), Some(target)) = (words.next(), words.next()) {
                    line.path = path(target).into();
                }
            }
            Field::Path => line.path = path(text).into(),
            Field::Status => line.status = text.parse().ok(),
            Field::Class => line.class = text.parse().ok(),
            Field::Bracketed | Field::Other => {}
        }
    }

    fn end(mut self) -> Line {
        self.line.took_s = self.line.took_s.or(self.upstream_s);
        self.line
    }
}

fn text(parts: &Parts, line: &[u8]) -> Option<Line> {
    let mut reading = Reading::default();
    let mut rest = line;
    let mut parts = parts.0.iter().peekable();
    while let Some(part) = parts.next() {
        match part {
            Part::Text(text) => rest = rest.strip_prefix(text.as_slice())?,
            Part::Field(field) => {
                let own = own_length(*field, rest);
                let length = match parts.peek() {
                    Some(Part::Text(next)) => own + ends_before(&rest[own..], next)?,
                    _ => rest.len(),
                };
                reading.field(*field, &rest[..length]);
                rest = &rest[length..];
            }
        }
    }
    rest.is_empty().then(|| reading.end())
}

/// Bytes that belong to a field by its own form, though they may hold what ends other fields.
fn own_length(field: Field, rest: &[u8]) -> usize {
    match field {
        Field::Bracketed if rest.first() == Some(&b'[') => {
            rest.iter().position(|byte| *byte == b']').map_or(0, |at| at + 1)
        }
        // `0.001, 0.002 : 0.003`: a server after another, and after an internal redirect.
        Field::UpstreamTime => {
            let word =
                |rest: &[u8]| rest.iter().take_while(|byte| byte.is_ascii_digit() || b".-".contains(byte)).count();
            let mut length = word(rest);
            loop {
                let separator = [b", ".as_slice(), b" : "].into_iter().find(|text| rest[length..].starts_with(text));
                let Some(separator) = separator else { return length };
                let next = word(&rest[length + separator.len()..]);
                if next == 0 {
                    return length;
                }
                length += separator.len() + next;
            }
        }
        _ => 0,
    }
}

/// Bytes before the first `next`; a quote behind a backslash does not count.
fn ends_before(rest: &[u8], next: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + rest[from..].windows(next.len()).position(|window| window == next)?;
        let slashes = rest[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
        if next[0] != b'"' || slashes % 2 == 0 {
            return Some(at);
        }
        from = at + 1;
    }
}

fn json(keys: &[(Field, String)], line: &[u8]) -> Option<Line> {
    let object: Value = serde_json::from_slice(line).ok().filter(Value::is_object)?;
    let mut reading = Reading::default();
    for (field, key) in keys {
        let value = object.get(key).or_else(|| key.split('.').try_fold(&object, |value, key| value.get(key)));
        match value {
            Some(Value::String(text)) if !text.is_empty() => reading.field(*field, text.as_bytes()),
            Some(Value::Number(number)) => reading.field(*field, number.to_string().as_bytes()),
            _ => {}
        }
    }
    Some(reading.end())
}

fn time(text: &str, unit: Unit) -> Option<f64> {
    let value: f64 = text.parse().ok()?;
    let seconds = match unit {
        Unit::Seconds => value,
        Unit::Milliseconds => value / 1e3,
        Unit::Microseconds => value / 1e6,
    };
    (0.0..=LONGEST_S).contains(&seconds).then_some(seconds)
}

/// The sum of a list of times; `None` if none of them is one.
fn times(text: &str) -> Option<f64> {
    let all = text.split([',', ':']).filter_map(|word| time(word.trim(), Unit::Seconds));
    all.reduce(|sum, time| sum + time)
}

/// nginx's words, those of Apache and Squid, and what is usual in X-Cache.
fn hit(text: &str) -> Option<bool> {
    let text = text.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    match () {
        () if has(&["miss", "expired", "bypass", "pass", "invalidated"]) => Some(false),
        () if has(&["hit", "stale", "updating", "revalidated"]) => Some(true),
        () => None,
    }
}

/// The path of a target without its query; of an absolute one, what stands behind the host.
fn path(target: &str) -> &str {
    let target = match target.split_once("://") {
        Some((scheme, rest)) if scheme.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
            rest.find('/').map_or("/", |at| &rest[at..])
        }
        _ => target,
    };
    target.split(['?', '#']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(format: &str, line: &str) -> Option<Line> {
        LineFormat::parse(format).expect(format).read(line.as_bytes())
    }

    const TIMED: &str =
        r#"$remote_addr [$time_local] "$request" $status $request_time $upstream_response_time $upstream_cache_status"#;

    /// Lines of a real nginx (1.22) and of the examples in Apache's and nginx's manuals.
    #[test]
    fn lines_of_servers_are_read() {
        let combined = r#"192.168.1.186 - - [06/Aug/2018:09:57:51 +0800] "GET /Public/a.css?x=1 HTTP/1.1" 200 442 "http://www.example.com/?a=\"b\"" "Mozilla/5.0 (Windows NT 6.1)""#;
        let expected = Line { status: Some(200), path: "/Public/a.css".into(), ..Line::default() };
        assert_eq!(read("combined", combined), Some(expected.clone()));
        let apache = r#"%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\""#;
        assert_eq!(read(apache, combined), Some(expected));
        let common = r#"127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326"#;
        assert_eq!(read("common", common).map(|line| line.path), Some("/apache_pb.gif".into()));

        let timed = r#"::1 [22/Nov/2026:17:00:00 +0000] "GET /tiles/1 HTTP/1.1" 502 0.250 0.100, 0.150 : 0.001 MISS"#;
        let line = read(TIMED, timed).unwrap();
        assert_eq!((line.took_s, line.hit, line.status), (Some(0.25), Some(false), Some(502)));
        let cached = r#"::1 [22/Nov/2026:17:00:00 +0000] "GET http://sky/t HTTP/1.1" 200 0.001 - HIT"#;
        let line = read(TIMED, cached).unwrap();
        assert_eq!((line.took_s, line.hit, line.path.as_str()), (Some(0.001), Some(true), "/t"));
    }

    #[test]
    fn times_have_the_unit_of_their_directive() {
        let took = |format: &str, line: &str| read(format, line).unwrap().took_s;
        assert_eq!(took("%s %D", "200 2500"), Some(0.0025));
        assert_eq!(took("%s %T", "200 2"), Some(2.0));
        assert_eq!(took("%s %{ms}T", "200 25"), Some(0.025));
        assert_eq!(took("%400,501{us}T|", "25|"), Some(0.000_025));
        assert_eq!(took("$status ${request_time}s", "200 0.25s"), Some(0.25));
        assert_eq!(took("$status $upstream_response_time", "200 0.1, -, 0.2"), Some(0.1 + 0.2));
        for wrong in ["nan", "inf", "-1", "1e300", "-", ""] {
            assert_eq!(took("$status $request_time", &format!("200 {wrong}")), None, "{wrong}");
        }
    }

    #[test]
    fn words_of_caches_are_understood() {
        let said = |word: &str| hit(word);
        for word in ["HIT", "STALE", "UPDATING", "REVALIDATED", "cache hit", "TCP_MEM_HIT/200", "Hit from cloudfront"] {
            assert_eq!(said(word), Some(true), "{word}");
        }
        for word in ["MISS", "EXPIRED", "BYPASS", "TCP_MISS/200", "cache miss: attempting entity save", "pass"] {
            assert_eq!(said(word), Some(false), "{word}");
        }
        assert_eq!((said("-"), said("")), (None, None));
    }

    #[test]
    fn json_lines_are_read_by_the_names_of_fields() {
        let line = r#"{"request":"GET /a?b HTTP/2.0","status":"200","request_time":0.5,"upstream_cache_status":"HIT","class":7}"#;
        let expected =
            Line { took_s: Some(0.5), hit: Some(true), status: Some(200), path: "/a".into(), class: Some(7) };
        assert_eq!(read("json", line), Some(expected));
        let mut format = LineFormat::parse("json").unwrap();
        format.rename("request_time", "took.seconds").unwrap();
        format.rename("path", "url").unwrap();
        let line = format.read(br#"{"url":"/x","took":{"seconds":"1.5"},"request_time":9}"#).unwrap();
        assert_eq!((line.took_s, line.path.as_str()), (Some(1.5), "/x"));
        assert_eq!(format.read(b"[1]"), None);
        // The same as nginx writes it from a format, with its escape=json.
        let nginx = r#"{"u":"$request_uri","t":$request_time}"#;
        let line = read(nginx, r#"{"u":"/a\"b","t":0.25}"#).unwrap();
        assert_eq!((line.path.as_str(), line.took_s), ("/a\\\"b", Some(0.25)));
    }

    #[test]
    fn the_class_is_that_which_the_gate_gave() {
        assert_eq!(read("$status $http_pogson_class", "200 18446744073709551615").unwrap().class, Some(u64::MAX));
        assert_eq!(read("%s %{Pogson-Class}i", "200 -").unwrap().class, None);
    }

    #[test]
    fn lines_of_another_format_are_not_read() {
        assert_eq!(read("combined", "nonsense"), None);
        assert_eq!(read("combined", ""), None);
        assert_eq!(read("$status!", "200! more"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_line_or_none(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            for format in ["combined", "json", TIMED, "%t %T %s"] {
                let _ = LineFormat::parse(format).expect(format).read(&bytes);
            }
        }

        #[test]
        fn what_was_written_is_read(status in 100_u16..600, took in 0_u32..10_000_000, path in "/[a-z0-9/.]{0,20}", agent in "[ !#-\\[\\]-~]{0,20}") {
            let took_s = f64::from(took) / 1000.0;
            let line = format!(r#"GET {path}?q=1 HTTP/1.1 "{agent}" {status} {took_s:.3} -"#);
            let read = read(r#"$request "$http_user_agent" $status $request_time $upstream_response_time"#, &line).unwrap();
            prop_assert_eq!(read, Line { took_s: Some(took_s), status: Some(status), path, ..Line::default() });
        }
    }
}
