//! Measurements as a page with figures: those of the shared-memory sockets for co-located machines that came before (latency and
//! bandwidth by size, bandwidth of memory, several pairs), drawn anew with this machine's figures.

use std::path::Path;

use pogson_view::report::{Card, Chart, ReportBuilder, Table};
use pogson_wire_bench::plan::{Kind, Place, What};
use pogson_wire_bench::report::{Report, Row};

use super::rows::size;
use crate::failure::Failure;

const NAMES: [(Kind, &str); 4] =
    [(Kind::Tcp, "TCP"), (Kind::Unix, "Unix socket"), (Kind::Ring, "ring"), (Kind::Sleeping, "ring, never looking")];

/// Writes the page.
pub fn write(report: &Report, path: &Path) -> Result<(), Failure> {
    let mut page = ReportBuilder::new("Connections within this machine", "TCP, Unix sockets and rings in turn")
        .cards(cards(report))
        .footer(&format!("Medians of {} turns by pogson {}.", report.rounds, env!("CARGO_PKG_VERSION")));
    let latency = |place| move |row: &&Row| row.cell.what == What::Latency && row.cell.place == place;
    let hot = |place| {
        move |row: &&Row| {
            let cell = &row.cell;
            cell.what == What::Throughput && cell.place == place && cell.around == 0 && cell.pairs == 1
        }
    };
    let sizes = |row: &Row| row.cell.size as f64;
    let figures: [(&str, &str, Option<Chart>); 7] = [
        (
            "Latency",
            "A message and its answer, each end on a processor of its own.",
            chart(report, "Two processors", "us", latency(Place::Cross), sizes, |row, kind| value(row, kind, 1.0)),
        ),
        (
            "",
            "The same with both ends on one processor.",
            chart(report, "One processor", "us", latency(Place::Same), sizes, |row, kind| value(row, kind, 1.0)),
        ),
        (
            "Throughput",
            "Messages one way, each end on a processor of its own: bytes by time.",
            chart(report, "By time", "MB/s", hot(Place::Cross), sizes, |row, kind| value(row, kind, 1e-6)),
        ),
        (
            "",
            "The same by processor time of the busier end.",
            chart(report, "By processor time", "MB/s", hot(Place::Cross), sizes, |row, kind| {
                row.by.get(&kind).map(|figures| figures.cpu.median * 1e-6)
            }),
        ),
        (
            "Memory",
            "Buffers that no cache holds; the machine copies twice at the rate in the card above.",
            chart(
                report,
                "Cold buffers",
                "MB/s",
                |row| row.cell.around > 0,
                sizes,
                |row, kind| value(row, kind, 1e-6),
            ),
        ),
        (
            "Pairs",
            "Pairs of processes at once, messages of 64 kB, wherever the system puts them: the sum of their rates.",
            chart(
                report,
                "Pairs",
                "MB/s",
                |row| row.cell.what == What::Throughput && row.cell.place == Place::Free,
                |row| row.cell.pairs as f64,
                |row, kind| value(row, kind, 1e-6),
            ),
        ),
        (
            "Connections",
            "Time from connect to close by messages of 64 bytes on each connection (drawn at one more than there are).",
            chart(
                report,
                "Connections",
                "us",
                |row| row.cell.what == What::Connect,
                |row| f64::from(row.cell.messages + 1),
                |row, kind| value(row, kind, 1.0),
            ),
        ),
    ];
    for (heading, caption, chart) in figures {
        let Some(chart) = chart else { continue };
        if !heading.is_empty() {
            page = page.section(heading);
        }
        page = page.chart(chart, caption);
    }
    page = page.section("All figures").folded_table("Table", table(report));
    page.write(path).map_err(Failure::from)
}

fn cards(report: &Report) -> Vec<Card> {
    let mut cards = Vec::new();
    if let Some(ns) = report.cache_line_ns {
        cards.push(Card::new("Cache line", &format!("{ns:.0} ns")).note("to the other processor and back"));
    }
    cards.push(
        Card::new("Two copies", &format!("{:.1} GB/s", report.two_copies_bytes_s / 1e9)).note("from memory to memory"),
    );
    cards
}

fn value(row: &Row, kind: Kind, factor: f64) -> Option<f64> {
    row.by.get(&kind).map(|figures| figures.value.median * factor)
}

/// A chart of the rows that are meant, on logarithmic axes; none without rows.
fn chart(
    report: &Report,
    title: &str,
    unit: &str,
    meant: impl Fn(&&Row) -> bool,
    x: impl Fn(&Row) -> f64,
    y: impl Fn(&Row, Kind) -> Option<f64>,
) -> Option<Chart> {
    let rows: Vec<&Row> = report.rows.iter().filter(meant).collect();
    let across = match rows.first()?.cell {
        ref cell if cell.what == What::Connect => "messages, and one",
        ref cell if cell.place == Place::Free => "pairs",
        _ => "bytes of a message",
    };
    let mut chart = Chart::new(title, across, unit).logarithmic().logarithmic_x();
    for (kind, name) in NAMES {
        let points: Vec<(f64, f64)> = rows.iter().filter_map(|row| Some((x(row), y(row, kind)?))).collect();
        if !points.is_empty() {
            chart = chart.line(name, &points);
        }
    }
    Some(chart)
}

fn table(report: &Report) -> Table {
    let mut table = Table::new(
        "Medians, and ratios of the ring's to the other's",
        &["", "message", "TCP", "Unix", "ring", "ring/TCP", "ring/Unix"],
    );
    for row in &report.rows {
        let cell = &row.cell;
        let place = format!("{:?}", cell.place).to_lowercase();
        let what = match cell.what {
            What::Latency => format!("latency, us, {place}"),
            What::Throughput if cell.around > 0 => "throughput, MB/s, cold".into(),
            What::Throughput => format!("throughput, MB/s, {place}, {} pairs", cell.pairs),
            What::Connect => format!("connection of {} messages, us", cell.messages),
        };
        let factor = if cell.what == What::Throughput { 1e-6 } else { 1.0 };
        let figure = |kind| value(row, kind, factor).map_or_else(String::new, |value| format!("{value:.2}"));
        let ratio = |to| {
            let found = row.ratios.iter().find(|ratio| ratio.of == Kind::Ring && ratio.to == to);
            found.map_or_else(String::new, |ratio| format!("{:.3}", ratio.value.median))
        };
        table.push([
            what,
            size(cell.size),
            figure(Kind::Tcp),
            figure(Kind::Unix),
            figure(Kind::Ring),
            ratio(Kind::Tcp),
            ratio(Kind::Unix),
        ]);
    }
    table
}
