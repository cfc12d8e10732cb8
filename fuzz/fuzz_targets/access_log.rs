//! Any bytes as a format, a line of it, rules for paths, and a status page.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pogson_gate_agent::format::LineFormat;
use pogson_gate_agent::rules::{Rule, Rules};
use pogson_gate_agent::status;

const KNOWN: [&str; 5] = [
    "combined",
    "json",
    r#"$request_time $upstream_response_time $upstream_cache_status "$request" ${status}x$http_pogson_class"#,
    "%t %D %{ms}T %>s %r",
    r#"{"u":"$request_uri","t":$request_time}"#,
];

fuzz_target!(|bytes: &[u8]| {
    for format in KNOWN.iter().filter_map(|text| LineFormat::parse(text).ok()) {
        if let Some(line) = format.read(bytes) {
            assert!(line.took_s.is_none_or(|took_s| (0.0..=1e6).contains(&took_s)));
        }
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = status::parse(text);
    // The first line as a format or a rule, the rest as what is read by it.
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    for format in [LineFormat::parse(first), LineFormat::nginx(first), LineFormat::apache(first)].into_iter().flatten() {
        let _ = format.read(rest.as_bytes());
    }
    if let Ok(rule) = first.parse::<Rule>() {
        let _ = Rules(vec![rule]).number(rest);
    }
});
