//! Figures as people read them.

use pogson_wire::report::{Connection, Guest, Process, Report, State};

/// Totals, a line each.
pub fn totals(report: &Report) -> Vec<String> {
    let mut lines = vec![
        format!("processes    {}", report.processes),
        format!("connections  {}, of which joined {} (ends of connections)", report.connections, report.upgraded),
        format!("waiting      {}", report.waiting),
        format!("by ring      {}", bytes(report.bytes_ring)),
        format!("by TCP       {}", bytes(report.bytes_tcp)),
        format!("wake-ups     {}", report.wakes),
    ];
    lines.extend(report.refused.iter().map(|(reason, count)| format!("refused      {count}: {reason}")));
    lines.extend(report.guests.iter().map(guest));
    lines
}

/// Another guest in one line.
fn guest(guest: &Guest) -> String {
    let numbers: Vec<String> = guest.users.iter().map(u32::to_string).collect();
    let state = match (guest.open, guest.leaving) {
        _ if guest.fault.is_some() => guest.fault.clone().unwrap_or_default(),
        (_, true) if numbers.is_empty() => "leaving the memory".into(),
        (_, true) => format!("leaving the memory, which these processes have: {}", numbers.join(", ")),
        (false, false) => "not on this node; the memory is not used here".into(),
        (true, false) if !guest.answered => "no daemon there".into(),
        (true, false) => "by memory".into(),
    };
    format!("guest        {}: {} ends of connections; {state}", guest.name, guest.connections)
}

/// A connection in one line.
pub fn connection(end: &Connection) -> String {
    let addresses = if end.local.is_empty() { "?".into() } else { format!("{} - {}", end.local, end.remote) };
    match end.state {
        State::Waiting => {
            let reason = end.reason.as_deref().map(|reason| format!("; {reason}")).unwrap_or_default();
            format!("{addresses}: by TCP; its other end has not come{reason}")
        }
        State::Refused => format!("{addresses}: by TCP; {}", end.reason.as_deref().unwrap_or("refused")),
        State::Paired => {
            let way = |direction: Option<pogson_wire::report::Direction>| match direction {
                Some(direction) if direction.epoch % 2 == 1 => format!("{} by ring", bytes(direction.bytes)),
                Some(direction) => format!("{} by ring before, now by TCP", bytes(direction.bytes)),
                None => "by TCP yet".into(),
            };
            format!("{addresses}: sends {}, receives {}", way(end.sends), way(end.receives))
        }
    }
}

/// Heads of the columns of [`process`].
pub const HEADS: &str = "    PID   USER PROGRAM          JOINED  OF ALL     BY RING      RING/S      BY TCP   WAKES/S";

/// A process in one line.
///
/// - `before`: the same process, and how many seconds ago.
pub fn process(process: &Process, before: Option<(&Process, f64)>) -> String {
    let rate = |value: fn(&Process) -> u64| {
        before.map(|(before, seconds)| value(process).saturating_sub(value(before)) as f64 / seconds)
    };
    let ring = rate(|process| process.bytes_ring).map_or_else(|| "-".into(), |rate| bytes(rate as u64));
    let wakes = rate(|process| process.wakes).map_or_else(|| "-".into(), |rate| format!("{rate:.0}"));
    // The name is the program's own word, which may be anything.
    let name: String = process.program.chars().map(|sign| if sign.is_control() { '?' } else { sign }).collect();
    format!(
        "{:>7} {:>6} {name:<16} {:>6} {:>7} {:>11} {ring:>11} {:>11} {wakes:>9}",
        process.pid,
        process.user,
        process.upgraded,
        process.connections,
        bytes(process.bytes_ring),
        bytes(process.bytes_tcp),
    )
}

/// An amount with its unit: powers of 1000.
pub fn bytes(amount: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    let mut value = amount as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{amount} B") } else { format!("{value:.3} {}", units[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_units_of_a_thousand() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1500), "1.500 kB");
        assert_eq!(bytes(u64::MAX), "18.447 EB");
    }

    #[test]
    fn a_line_of_a_process_stands_under_its_heads() {
        let before = Process { pid: 12, program: "red\x1bis".into(), bytes_ring: 1000, wakes: 10, ..Process::default() };
        let now = Process { bytes_ring: 5000, wakes: 30, connections: 4, upgraded: 3, ..before.clone() };
        let line = process(&now, Some((&before, 2.0)));
        assert_eq!(line.chars().count(), HEADS.chars().count());
        assert!(line.contains("red?is") && line.contains("2.000 kB") && line.ends_with(" 10"), "{line}");
        assert!(process(&now, None).ends_with(" -"));
    }
}
