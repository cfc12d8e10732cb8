//! Measurements as lines of text.

use pogson_wire_bench::plan::{Cell, Kind, Place, What};
use pogson_wire_bench::report::{Ratio, Report, Row};

/// The table.
pub fn lines(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(ns) = report.cache_line_ns {
        lines.push(format!("a cache line to the other processor and back: {ns:.0} ns"));
    }
    lines.push(format!("two copies from memory to memory: {:.1} GB/s", report.two_copies_bytes_s / 1e9));
    lines.push(format!("medians of {} turns; ratios of the ring's figure to the other's, with quartiles", report.rounds));
    for what in [What::Latency, What::Throughput, What::Connect] {
        let rows: Vec<&Row> = report.rows.iter().filter(|row| row.cell.what == what).collect();
        if rows.is_empty() {
            continue;
        }
        lines.push(String::new());
        lines.push(match what {
            What::Latency => "A message and its answer: us (processor time of both ends, us)".into(),
            What::Throughput => "Messages one way: MB/s (by processor time of the busier end)".to_owned(),
            What::Connect => "Connections with messages of 64 bytes: us (processor time of both ends, us)".into(),
        });
        lines.push(format!(
            "{:26}{:>18}{:>18}{:>18}{:>18}  {:20} {:20}",
            "", "tcp", "unix", "ring", "sleeping", "ring/tcp", "ring/unix"
        ));
        lines.extend(rows.into_iter().map(line));
    }
    lines
}

fn line(row: &Row) -> String {
    let figure = |kind| {
        row.by.get(&kind).map_or_else(|| "-".into(), |figures| {
            let (value, cpu) = (figures.value.median, figures.cpu.median);
            match row.cell.what {
                What::Throughput => format!("{:.0} ({:.0})", value / 1e6, cpu / 1e6),
                _ => format!("{value:.2} ({:.2})", cpu / 1e3),
            }
        })
    };
    let ratio = |to| {
        let found = row.ratios.iter().find(|ratio| ratio.of == Kind::Ring && ratio.to == to);
        found.map_or_else(|| "-".into(), |ratio: &Ratio| {
            format!("{:.3} ({:.3}-{:.3})", ratio.value.median, ratio.value.low, ratio.value.high)
        })
    };
    let less = if row.cell.what != What::Connect && row.joined < 0.9 {
        format!("  only {:.0} % by the ring", row.joined * 100.0)
    } else {
        String::new()
    };
    format!(
        "{:26}{:>18}{:>18}{:>18}{:>18}  {:20} {:20}{less}",
        name(&row.cell),
        figure(Kind::Tcp),
        figure(Kind::Unix),
        figure(Kind::Ring),
        figure(Kind::Sleeping),
        ratio(Kind::Tcp),
        ratio(Kind::Unix)
    )
}

fn name(cell: &Cell) -> String {
    let place = match cell.place {
        Place::Same => "one processor",
        Place::Cross => "two processors",
        Place::Free => "anywhere",
    };
    match cell.what {
        What::Connect => format!("{} messages", cell.messages),
        _ if cell.around > 0 => format!("{} cold", size(cell.size)),
        _ if cell.pairs > 1 || cell.place == Place::Free => format!("{} {} pairs", size(cell.size), cell.pairs),
        _ => format!("{} {place}", size(cell.size)),
    }
}

/// Bytes as people write them.
pub fn size(bytes: usize) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} kB", bytes >> 10),
        _ => format!("{} MB", bytes >> 20),
    }
}
