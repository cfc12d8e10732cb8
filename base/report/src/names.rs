//! The agreed names of a report's figures among ORCA's named metrics.

use crate::mark::Malformed;
use crate::orca::Orca;
use crate::report::Report;

/// Largest whole number that every double below also is.
const LARGEST_COUNT: f64 = 9_007_199_254_740_992.0;

/// The figures as ORCA's, in the order in which they matter: where room is short the last ones are left out.
pub(crate) fn to_orca(report: &Report) -> Orca {
    let mut named: Vec<(String, f64)> = Vec::new();
    let count = |value: Option<u64>| value.map(|value| value as f64);
    let plain = [
        ("queue_length", count(report.queue_length)),
        ("queue_limit", count(report.queue_limit)),
        ("queue_seconds", report.queue_s),
        ("active_requests", count(report.active)),
        ("request_seconds", report.request_s),
        ("request_hit", report.request_hit.map(|hit| f64::from(u8::from(hit)))),
        ("dropped_requests", count(report.dropped)),
        ("connections", count(report.connections)),
        ("hit_rate", report.hit_rate),
        ("cache_bytes", count(report.cache_bytes)),
        ("cache_limit_bytes", count(report.cache_limit_bytes)),
    ];
    named.extend(plain.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    let mut classes: Vec<_> = report.classes.iter().collect();
    classes.sort_by_key(|(class, counts)| (std::cmp::Reverse(counts.queued.saturating_add(counts.active)), **class));
    for (class, counts) in classes {
        for (kind, value) in [("queued", counts.queued), ("active", counts.active)] {
            if value > 0 {
                named.push((format!("{kind}.{class}"), value as f64));
            }
        }
    }
    for (product, cost) in &report.costs {
        for (kind, value) in [("cost_hit_seconds", cost.hit_s), ("cost_miss_seconds", cost.miss_s)] {
            named.extend(value.map(|value| (format!("{kind}.{product}"), value)));
        }
    }
    named.extend(report.others.iter().map(|(name, value)| (name.clone(), *value)));
    Orca {
        cpu_utilization: report.cpu,
        mem_utilization: report.memory,
        application_utilization: report.utilization,
        rps_fractional: report.requests_per_s,
        eps: report.errors_per_s,
        named_metrics: named,
        ..Orca::default()
    }
}

/// The figures that an ORCA report holds.
pub(crate) fn from_orca(orca: Orca) -> Result<Report, Malformed> {
    let mut report = Report {
        cpu: orca.cpu_utilization.map(|value| amount("cpu_utilization", value)).transpose()?,
        memory: orca.mem_utilization.map(|value| fraction("mem_utilization", value)).transpose()?,
        utilization: orca.application_utilization.map(|value| amount("application_utilization", value)).transpose()?,
        requests_per_s: orca.rps_fractional.map(|value| amount("rps_fractional", value)).transpose()?,
        errors_per_s: orca.eps.map(|value| amount("eps", value)).transpose()?,
        ..Report::default()
    };
    for (name, value) in orca.named_metrics {
        named(&mut report, name, value)?;
    }
    Ok(report)
}

fn named(report: &mut Report, name: String, value: f64) -> Result<(), Malformed> {
    match name.as_str() {
        "queue_length" => report.queue_length = Some(count(&name, value)?),
        "queue_limit" => report.queue_limit = Some(count(&name, value)?),
        "queue_seconds" => report.queue_s = Some(amount(&name, value)?),
        "active_requests" => report.active = Some(count(&name, value)?),
        "request_seconds" => report.request_s = Some(amount(&name, value)?),
        "request_hit" => report.request_hit = Some(fraction(&name, value)? >= 0.5),
        "dropped_requests" => report.dropped = Some(count(&name, value)?),
        "connections" => report.connections = Some(count(&name, value)?),
        "hit_rate" => report.hit_rate = Some(fraction(&name, value)?),
        "cache_bytes" => report.cache_bytes = Some(count(&name, value)?),
        "cache_limit_bytes" => report.cache_limit_bytes = Some(count(&name, value)?),
        _ => match name.split_once('.') {
            Some(("queued", class)) => {
                report.classes.entry(number(&name, class)?).or_default().queued = count(&name, value)?;
            }
            Some(("active", class)) => {
                report.classes.entry(number(&name, class)?).or_default().active = count(&name, value)?;
            }
            Some(("cost_hit_seconds", product)) => {
                report.costs.entry(number(&name, product)?).or_default().hit_s = Some(amount(&name, value)?);
            }
            Some(("cost_miss_seconds", product)) => {
                report.costs.entry(number(&name, product)?).or_default().miss_s = Some(amount(&name, value)?);
            }
            _ => {
                report.others.insert(name, value);
            }
        },
    }
    Ok(())
}

fn amount(name: &str, value: f64) -> Result<f64, Malformed> {
    // Adding 0 makes -0 a plain 0.
    if value.is_finite() && value >= 0.0 { Ok(value + 0.0) } else { Err(Malformed::Value { name: name.into(), value }) }
}

fn fraction(name: &str, value: f64) -> Result<f64, Malformed> {
    amount(name, value)
        .and_then(|value| if value <= 1.0 { Ok(value) } else { Err(Malformed::Value { name: name.into(), value }) })
}

fn count(name: &str, value: f64) -> Result<u64, Malformed> {
    let value = amount(name, value)?;
    if value.fract() == 0.0 && value <= LARGEST_COUNT {
        Ok(value as u64)
    } else {
        Err(Malformed::Value { name: name.into(), value })
    }
}

fn number<N: std::str::FromStr>(name: &str, digits: &str) -> Result<N, Malformed> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    digits.parse().ok().filter(|_| plain).ok_or_else(|| Malformed::Number { name: name.into() })
}
