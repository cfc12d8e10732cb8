//! What a reply tells of the work that it was.

use pogson_dispatch::servers::Answer;

use crate::field::Known;
use crate::reply::Reply;

/// Whether the context was cached, and how long the server worked, as far as it says so: by `Cache-Status` (RFC 9211) or what servers
/// said before it, and by `Server-Timing`'s metric `work` or `total`.
pub(crate) fn answer(reply: &Reply) -> Answer {
    let text = |value| std::str::from_utf8(value).unwrap_or_default();
    // The cache nearest to the origin speaks first.
    let status = reply.all(Known::CacheStatus).map(text).next();
    let hit = match status {
        Some(status) => {
            let first = status.split(',').next().unwrap_or_default();
            let mut parameters = first.split(';').skip(1).map(str::trim);
            parameters.find_map(|parameter| match parameter.split('=').next() {
                Some("hit") => Some(true),
                Some("fwd") => Some(false),
                _ => None,
            })
        }
        None => reply.all(Known::XCache).next().and_then(|value| {
            let is = |word: &str| text(value).get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
            (is("hit") || is("stale") || is("miss") || is("expired") || is("updating"))
                .then(|| is("hit") || is("stale") || is("updating"))
        }),
    };
    let metrics = reply.all(Known::ServerTiming).map(text).flat_map(|list| list.split(','));
    let service_s = metrics.filter_map(milliseconds).next().map(|milliseconds| milliseconds / 1000.0);
    Answer { hit, service_s }
}

/// Whether a reply goes on for as long as something happens.
pub(crate) fn is_event_stream(reply: &Reply) -> bool {
    let mut kinds = reply.fields().filter(|one| one.name.eq_ignore_ascii_case("content-type"));
    kinds.any(|one| one.value.get(..17).is_some_and(|kind| kind.eq_ignore_ascii_case(b"text/event-stream")))
}

/// Duration of a metric that is about the whole work.
fn milliseconds(metric: &str) -> Option<f64> {
    let mut parts = metric.split(';').map(str::trim);
    if !matches!(parts.next(), Some("work" | "total")) {
        return None;
    }
    let duration = parts.find_map(|part| part.strip_prefix("dur="))?;
    duration.parse().ok().filter(|time: &f64| time.is_finite() && *time >= 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fields: &str) -> (Option<bool>, Option<f64>) {
        let text = format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
        let answer = answer(&Reply::parse(text.as_bytes()).expect("a reply").expect("whole").0);
        (answer.hit, answer.service_s)
    }

    #[test]
    fn hits_and_times_are_found_however_they_are_said() {
        assert_eq!(
            of("Cache-Status: pogson; hit\r\nServer-Timing: db;dur=1, work;dur=12.5\r\n"),
            (Some(true), Some(0.0125))
        );
        assert_eq!(of("Cache-Status: a; fwd=uri-miss; stored, b; hit\r\n"), (Some(false), None));
        assert_eq!(of("X-Cache: HIT from here\r\n"), (Some(true), None));
        assert_eq!(of("X-Cache-Status: MISS\r\nServer-Timing: total;desc=x;dur=nan\r\n"), (Some(false), None));
        assert_eq!(of("X-Cache-Status: -\r\n"), (None, None));
        assert_eq!(of(""), (None, None));
    }
}
