//! ORCA's load report (Open Request Cost Aggregation, `xds.data.orca.v3.OrcaLoadReport`) as text and as JSON.
//!
//! As a header it is `endpoint-load-metrics: TEXT cpu_utilization=0.3, named_metrics.queue_length=5` or
//! `endpoint-load-metrics: JSON {"cpu_utilization": 0.3, "named_metrics": {"queue_length": 5}}`; a body is that JSON alone. Both `=` and
//! `:` stand between name and value, for implementations differ. Names of JSON may be written as protobuf's JSON writes them
//! (`cpuUtilization`). Fields that ORCA does not have are left aside. `BIN`, protobuf's own form, is not read.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::mark::{Malformed, beginning};
use crate::report::Report;
use crate::{LARGEST_BODY, LARGEST_HEADER, names};

/// Metrics with names, in the order in which they came.
type Metrics = Vec<(String, f64)>;

/// The fields of ORCA that are read here.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Orca {
    #[serde(alias = "cpuUtilization")]
    pub(crate) cpu_utilization: Option<f64>,
    #[serde(alias = "memUtilization")]
    pub(crate) mem_utilization: Option<f64>,
    #[serde(alias = "applicationUtilization")]
    pub(crate) application_utilization: Option<f64>,
    #[serde(alias = "rpsFractional")]
    pub(crate) rps_fractional: Option<f64>,
    /// The older, whole number of requests per second.
    pub(crate) rps: Option<f64>,
    pub(crate) eps: Option<f64>,
    #[serde(alias = "namedMetrics", deserialize_with = "metrics")]
    pub(crate) named_metrics: Metrics,
    #[serde(alias = "requestCost", deserialize_with = "metrics")]
    pub(crate) request_cost: Metrics,
    #[serde(deserialize_with = "metrics")]
    pub(crate) utilization: Metrics,
}

/// Reads the body of a push: ORCA's JSON.
///
/// # Errors
/// [`Malformed`] says what is wrong with it.
pub fn read_body(bytes: &[u8]) -> Result<Report, Malformed> {
    within("body", bytes, LARGEST_BODY)?;
    json(bytes)
}

/// Reads the value of a header `endpoint-load-metrics`.
///
/// # Errors
/// [`Malformed`] says what is wrong with it.
pub fn read_header(bytes: &[u8]) -> Result<Report, Malformed> {
    within("header", bytes, LARGEST_HEADER)?;
    match bytes.split_at_checked(5) {
        Some((b"TEXT ", text)) => self::text(text),
        Some((b"JSON ", json)) => self::json(json),
        _ => Err(Malformed::Form { reason: format!("'{}' begins with neither TEXT nor JSON", beginning(bytes)) }),
    }
}

/// Reads whichever of both it is: JSON begins with a brace.
pub(crate) fn read(bytes: &[u8]) -> Result<Report, Malformed> {
    if bytes.trim_ascii_start().first() == Some(&b'{') { read_body(bytes) } else { read_header(bytes) }
}

/// The body of a push, at most 65536 bytes; classes with the fewest requests are left out where there are too many.
#[must_use]
pub fn write_body(report: &Report) -> String {
    let orca = names::to_orca(report);
    let mut body = String::from("{");
    for (name, value) in fields(&orca) {
        let _ = write!(body, "\"{name}\":{value},");
    }
    body.push_str("\"named_metrics\":{");
    let empty = body.len();
    for (name, value) in orca.named_metrics.iter().filter(|(name, _)| is_plain(name)) {
        let before = body.len();
        let comma = if before == empty { "" } else { "," };
        let _ = write!(body, "{comma}\"{name}\":{value}");
        if body.len() + 2 > LARGEST_BODY {
            body.truncate(before);
            break;
        }
    }
    body.push_str("}}");
    body
}

/// The value of a header `endpoint-load-metrics`, of `room` bytes at most ([`LARGEST_HEADER`] are read); what matters least is left out
/// where there is no room for it.
#[must_use]
pub fn write_header(report: &Report, room: usize) -> String {
    let orca = names::to_orca(report);
    let mut header = String::from("TEXT ");
    let named = orca.named_metrics.iter().filter(|(name, _)| is_plain(name));
    let all = fields(&orca).map(|(name, value)| (("", name), value));
    for ((prefix, name), value) in all.chain(named.map(|(name, value)| (("named_metrics.", name.as_str()), *value))) {
        let before = header.len();
        let comma = if before == "TEXT ".len() { "" } else { ", " };
        let _ = write!(header, "{comma}{prefix}{name}={value}");
        if header.len() > room.min(LARGEST_HEADER) {
            header.truncate(before);
            break;
        }
    }
    header
}

fn fields(orca: &Orca) -> impl Iterator<Item = (&'static str, f64)> {
    let all = [
        ("application_utilization", orca.application_utilization),
        ("cpu_utilization", orca.cpu_utilization),
        ("mem_utilization", orca.mem_utilization),
        ("rps_fractional", orca.rps_fractional),
        ("eps", orca.eps),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value?)))
}

fn within(what: &'static str, bytes: &[u8], most: usize) -> Result<(), Malformed> {
    if bytes.len() > most { Err(Malformed::TooLarge { what, bytes: bytes.len(), most }) } else { Ok(()) }
}

/// Whether a metric's name can be written in both forms as it is.
fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
    (1..=128).contains(&name.len()) && name.bytes().all(plain)
}

fn json(bytes: &[u8]) -> Result<Report, Malformed> {
    // An array would be taken for the fields in their order, which ORCA does not have.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(Malformed::Form { reason: format!("'{}' is not a JSON object", beginning(bytes)) });
    }
    let orca: Orca = serde_json::from_slice(bytes).map_err(|error| Malformed::Form { reason: error.to_string() })?;
    report(orca)
}

fn text(bytes: &[u8]) -> Result<Report, Malformed> {
    let wrong = |reason: &str| Malformed::Form { reason: reason.to_owned() };
    let text = std::str::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8"))?;
    let mut orca = Orca::default();
    let mut names = BTreeSet::new();
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let (name, value) = entry
            .split_once(['=', ':'])
            .ok_or_else(|| wrong(&format!("'{}' is not NAME=VALUE", beginning(entry.as_bytes()))))?;
        let (name, value) = (name.trim(), value.trim());
        let value: f64 = value
            .parse()
            .ok()
            .filter(|value: &f64| value.is_finite())
            .ok_or_else(|| wrong(&format!("'{}' is no number", beginning(entry.as_bytes()))))?;
        if !names.insert(name) {
            return Err(Malformed::Twice { name: beginning(name.as_bytes()) });
        }
        match name.split_once('.') {
            Some(("named_metrics", name)) => orca.named_metrics.push((name.to_owned(), value)),
            Some(("request_cost", name)) => orca.request_cost.push((name.to_owned(), value)),
            Some(("utilization", name)) => orca.utilization.push((name.to_owned(), value)),
            _ => match name {
                "application_utilization" => orca.application_utilization = Some(value),
                "cpu_utilization" => orca.cpu_utilization = Some(value),
                "mem_utilization" => orca.mem_utilization = Some(value),
                "rps_fractional" => orca.rps_fractional = Some(value),
                "rps" => orca.rps = Some(value),
                "eps" => orca.eps = Some(value),
                _ => {}
            },
        }
    }
    report(orca)
}

/// The agreed names may also stand among request costs and utilisations; named metrics go first.
fn report(mut orca: Orca) -> Result<Report, Malformed> {
    orca.rps_fractional = orca.rps_fractional.or(orca.rps);
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let more = std::mem::take(&mut orca.request_cost).into_iter().chain(std::mem::take(&mut orca.utilization));
    let all = std::mem::take(&mut orca.named_metrics).into_iter().chain(more);
    orca.named_metrics = all.filter(|(name, _)| is_plain(name) && seen.insert(name.clone())).collect();
    names::from_orca(orca)
}

/// A map of names and numbers, in which no name stands twice; `null` is an empty one.
fn metrics<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Metrics, D::Error> {
    struct Read;
    impl<'de> Visitor<'de> for Read {
        type Value = Metrics;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("names and numbers")
        }

        fn visit_unit<E>(self) -> Result<Metrics, E> {
            Ok(Vec::new())
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metrics, A::Error> {
            let (mut metrics, mut names) = (Vec::new(), BTreeSet::new());
            while let Some((name, value)) = map.next_entry::<String, f64>()? {
                if !names.insert(name.clone()) {
                    let name = beginning(name.as_bytes());
                    return Err(serde::de::Error::custom(format!("'{name}' stands there twice")));
                }
                metrics.push((name, value));
            }
            Ok(metrics)
        }
    }
    deserializer.deserialize_any(Read)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::report::{ClassCounts, Cost};

    /// The example of Envoy's tests of its reader, in both of its forms and with both signs between name and value.
    #[test]
    fn the_forms_that_other_programs_send_are_read() {
        let text = "TEXT cpu_utilization:0.7,application_utilization:0.8,mem_utilization:0.9,rps_fractional:1000,eps:2,\
                    named_metrics.foo:123,named_metrics.bar:0.2";
        let json = r#"JSON {"cpu_utilization": 0.7, "application_utilization": 0.8, "mem_utilization": 0.9,
                      "rps_fractional": 1000, "eps": 2, "named_metrics": {"foo": 123,"bar": 0.2}}"#;
        let camel = r#"JSON {"cpuUtilization": 0.7, "applicationUtilization": 0.8, "memUtilization": 0.9,
                       "rpsFractional": 1000, "eps": 2, "namedMetrics": {"foo": 123,"bar": 0.2}, "other": [1]}"#;
        let expected = Report {
            cpu: Some(0.7),
            utilization: Some(0.8),
            memory: Some(0.9),
            requests_per_s: Some(1000.0),
            errors_per_s: Some(2.0),
            others: [("foo".to_owned(), 123.0), ("bar".to_owned(), 0.2)].into(),
            ..Report::default()
        };
        for header in [text.to_owned(), text.replace(':', " = "), json.to_owned(), camel.to_owned()] {
            assert_eq!(read_header(header.as_bytes()).as_ref(), Ok(&expected), "{header}");
        }
        assert_eq!(read_body(&json.as_bytes()[5..]), Ok(expected));
    }

    #[test]
    fn an_array_is_no_report() {
        for text in ["[]", "[ ]\n", "[0.5, 0.25]", "null", ""] {
            assert!(
                read_body(text.as_bytes()).is_err() && read_header(format!("JSON {text}").as_bytes()).is_err(),
                "{text}"
            );
        }
        assert!(read_body(b" \n{}").is_ok());
    }

    #[test]
    fn what_is_not_orca_is_refused_with_the_reason() {
        let cases = [
            ("", "neither TEXT nor JSON"),
            ("BIN CgA=", "neither TEXT nor JSON"),
            ("TEXT cpu_utilization", "not NAME=VALUE"),
            ("TEXT cpu_utilization=nan", "no number"),
            ("TEXT cpu_utilization=inf", "no number"),
            ("TEXT cpu_utilization=\"0.7\"", "no number"),
            ("TEXT cpu_utilization=-1", "at least 0"),
            ("TEXT mem_utilization=1.5", "fractions at most 1"),
            ("TEXT named_metrics.queue_length=1.5", "counts whole"),
            ("TEXT named_metrics.queue_length=1e300", "at most 2^53"),
            ("TEXT named_metrics.queued.x=1", "number of a class"),
            ("TEXT named_metrics.queued.01=1", "number of a class"),
            ("TEXT eps=1, eps=2", "twice"),
            ("JSON {\"eps\":1,\"eps\":2}", "duplicate"),
            ("JSON {\"named_metrics\":{\"a\":1,\"a\":2}}", "twice"),
            ("JSON {\"eps\":1e999}", "out of range"),
            ("JSON {\"eps\":1", "EOF"),
        ];
        for (header, reason) in cases {
            let said = read_header(header.as_bytes()).expect_err(header).to_string();
            assert!(said.contains(reason), "{header}: {said}");
        }
        let long = vec![b' '; LARGEST_BODY + 1];
        assert!(matches!(read_body(&long), Err(Malformed::TooLarge { what: "body", .. })));
    }

    #[test]
    fn what_has_no_room_in_a_header_is_what_matters_least() {
        let classes = (0..1000).map(|class| (class, ClassCounts { queued: class, active: 0 }));
        let report = Report { queue_length: Some(9), cpu: Some(0.5), classes: classes.collect(), ..Report::default() };
        let header = write_header(&report, 300);
        let read = read_header(header.as_bytes()).unwrap();
        assert!(header.len() <= 300 && read.queue_length == Some(9) && read.cpu == Some(0.5));
        let least = *read.classes.keys().min().unwrap();
        assert!(least + read.classes.len() as u64 == 1000, "those with most requests stay: from {least} on");
    }

    pub(crate) fn any_report() -> impl Strategy<Value = Report> {
        let count = || prop::option::of(0_u64..=1 << 53);
        // Of at most 15 digits: the JSON reader may miss the last bit of longer ones.
        let thousandths = |most: u64| (0..=most).prop_map(|value| value as f64 / 1000.0);
        let amount = || prop::option::of(thousandths(1_000_000_000_000_000));
        let fraction = || prop::option::of(thousandths(1000));
        let classes = prop::collection::btree_map(any::<u64>(), (1_u64..1000, 0_u64..1000), 0..20);
        let costs = prop::collection::btree_map(any::<u32>(), (thousandths(100_000), amount()), 0..5);
        let others = prop::collection::btree_map("[a-c][a-z_/-]{0,9}", any::<i32>().prop_map(f64::from), 0..4);
        (
            (count(), count(), amount(), count(), count(), count()),
            (amount(), fraction(), amount(), amount(), amount(), fraction()),
            (count(), count(), classes, costs, amount(), any::<Option<bool>>(), others),
        )
            .prop_map(|(a, b, c)| Report {
                queue_length: a.0,
                queue_limit: a.1,
                queue_s: a.2,
                active: a.3,
                dropped: a.4,
                connections: a.5,
                cpu: b.0,
                memory: b.1,
                utilization: b.2,
                requests_per_s: b.3,
                errors_per_s: b.4,
                hit_rate: b.5,
                cache_bytes: c.0,
                cache_limit_bytes: c.1,
                classes: c
                    .2
                    .into_iter()
                    .map(|(class, (queued, active))| (class, ClassCounts { queued, active }))
                    .collect(),
                costs: c.3.into_iter().map(|(p, (hit, miss_s))| (p, Cost { hit_s: Some(hit), miss_s })).collect(),
                request_s: c.4,
                request_hit: c.5,
                others: c.6,
            })
    }

    proptest! {
        #[test]
        fn a_report_reads_back_as_what_was_written_in_both_forms(report in any_report()) {
            prop_assert_eq!(read_body(write_body(&report).as_bytes()), Ok(report.clone()));
            let header = write_header(&report, LARGEST_HEADER);
            prop_assert_eq!(read_header(header.as_bytes()), Ok(report));
            prop_assert!(header.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300), form in 0_usize..3) {
            let prefix: &[u8] = [b"".as_slice(), b"TEXT ", b"JSON "][form];
            let _ = read(&[prefix, &bytes].concat());
        }

        #[test]
        fn what_is_read_can_be_written_and_read_again(text in "TEXT ([a-z_]{1,9}[=:][0-9.e-]{1,4}, ?){0,5}") {
            if let Ok(report) = read_header(text.as_bytes()) {
                prop_assert_eq!(read_body(write_body(&report).as_bytes()), Ok(report));
            }
        }
    }
}
