//! Measures all cells, all means in turn.

use std::collections::BTreeMap;

use tempfile::TempDir;

use crate::command::Loaded;
use crate::error::BenchError;
use crate::floor;
use crate::job::{Address, Job};
use crate::pair::{Both, Pair};
use crate::plan::{Cell, Kind, Place, Plan, What};
use crate::report::{Figures, Quartiles, Ratio, Report, Row};

pub use crate::command::Launch;

/// Bytes of a middle buffer that a processor's cache holds, as a ring's piece.
const MIDDLE: usize = 64 << 10;

/// What is left between two ends and the controller.
struct Stage<'a> {
    launch: &'a Launch,
    folder: TempDir,
    /// Begun as they are needed.
    plain: Vec<Pair>,
    ring: Vec<Pair>,
    sleeping: Vec<Pair>,
}

/// Measures. `tell` hears of each measurement that was made, and says whether to go on.
///
/// # Errors
/// Ends that do not start or go away, no daemon, and [`BenchError::Interrupted`].
pub fn run(plan: &Plan, launch: &Launch, mut tell: impl FnMut() -> bool) -> Result<Report, BenchError> {
    let folder = tempfile::Builder::new().prefix("pogson-bench").tempdir().map_err(BenchError::Folder)?;
    let mut stage = Stage { launch, folder, plain: Vec::new(), ring: Vec::new(), sleeping: Vec::new() };
    let (mut rows, mut lines) = (Vec::new(), Vec::new());
    for cell in &plan.cells {
        let mut turns: BTreeMap<Kind, Vec<Turn>> = BTreeMap::new();
        for round in 0..plan.rounds as usize {
            if cell.what == What::Latency && cell.place == Place::Cross {
                // Among the turns, for where the system's host runs the processors may change.
                lines.extend(floor::cache_line_ns(plan.cpus));
            }
            // Each turn begins with another means, so that none is always measured after the same.
            for at in 0..cell.kinds.len() {
                let kind = cell.kinds[(at + round) % cell.kinds.len()];
                turns.entry(kind).or_default().push(stage.measure(plan, cell, kind)?);
                if !tell() {
                    return Err(BenchError::Interrupted);
                }
            }
        }
        rows.push(row(cell, &turns));
    }
    Ok(Report {
        cache_line_ns: (!lines.is_empty()).then(|| Quartiles::of(lines).median),
        two_copies_bytes_s: Quartiles::of(
            (0..5).map(|_| floor::two_copies(MIDDLE, crate::plan::COLD, MIDDLE)).collect(),
        )
        .median,
        rounds: plan.rounds,
        rows,
    })
}

/// One measurement.
#[derive(Clone, Copy)]
struct Turn {
    value: f64,
    cpu: f64,
    joined: f64,
}

impl Stage<'_> {
    fn measure(&mut self, plan: &Plan, cell: &Cell, kind: Kind) -> Result<Turn, BenchError> {
        let by_ring = matches!(kind, Kind::Ring | Kind::Sleeping);
        let before = if by_ring { self.bytes_by_ring()? } else { 0 };
        let (served_on, called_on) = cell.processors(plan.cpus);
        let job = |number: usize| Job {
            address: match kind {
                Kind::Unix => Address::Unix(self.folder.path().join(format!("{number}.sock"))),
                _ => Address::Tcp(0),
            },
            work: cell.work(),
            ms: plan.ms,
            cpu: called_on,
        };
        let jobs: Vec<Job> = (0..cell.pairs).map(job).collect();
        let pairs = self.pairs(kind, cell.pairs)?;
        let mut begun = Vec::new();
        for (pair, job) in pairs.iter_mut().zip(&jobs) {
            begun.push(pair.begin(job, served_on)?);
        }
        let mut all = Vec::new();
        for (pair, begun) in pairs.iter_mut().zip(&begun) {
            all.push(pair.end(begun)?);
        }
        let mut turn = turn(cell.what, &all);
        if by_ring {
            let sent: u64 = all.iter().map(|both| both.called.bytes).sum();
            // Both directions count, and what warmed the connection up.
            let ways = if cell.what == What::Throughput { 1 } else { 2 };
            turn.joined = ((self.bytes_by_ring()? - before) as f64 / (ways * sent).max(1) as f64).min(1.0);
        }
        Ok(turn)
    }

    fn pairs(&mut self, kind: Kind, count: usize) -> Result<&mut [Pair], BenchError> {
        let (pairs, loaded) = match kind {
            Kind::Tcp | Kind::Unix => (&mut self.plain, Loaded::Nothing),
            Kind::Ring => (&mut self.ring, Loaded::Library),
            Kind::Sleeping => (&mut self.sleeping, Loaded::SleepingLibrary),
        };
        while pairs.len() < count {
            pairs.push(Pair::start(self.launch, loaded)?);
        }
        Ok(&mut pairs[..count])
    }

    fn bytes_by_ring(&self) -> Result<u64, BenchError> {
        Ok(pogson_wire::report::ask(&self.launch.socket, false)?.bytes_ring)
    }
}

fn turn(what: What, all: &[Both]) -> Turn {
    let count: u64 = all.iter().map(|both| both.called.count).sum();
    let bytes: u64 = all.iter().map(|both| both.called.bytes).sum();
    let wall = all.iter().map(|both| both.called.wall_ns).max().unwrap_or(1) as f64;
    let busy = |both: &Both| both.called.cpu_ns + both.served.cpu_ns;
    let each = |total: u64| total as f64 / count.max(1) as f64;
    let (value, cpu) = match what {
        What::Latency => {
            (all.first().map_or(0.0, |both| both.called.median_ns) / 1e3, each(all.iter().map(busy).sum()))
        }
        What::Connect => (wall / 1e3 / count.max(1) as f64, each(all.iter().map(busy).sum())),
        What::Throughput => {
            let busier: u64 = all.iter().map(|both| both.called.cpu_ns.max(both.served.cpu_ns)).sum();
            (bytes as f64 / wall * 1e9, bytes as f64 / busier.max(1) as f64 * 1e9)
        }
    };
    Turn { value, cpu, joined: 1.0 }
}

fn row(cell: &Cell, turns: &BTreeMap<Kind, Vec<Turn>>) -> Row {
    let by = turns.iter().map(|(kind, turns)| {
        let quartiles = |which: fn(&Turn) -> f64| Quartiles::of(turns.iter().map(which).collect());
        (*kind, Figures { value: quartiles(|turn| turn.value), cpu: quartiles(|turn| turn.cpu) })
    });
    let mut ratios = Vec::new();
    for of in [Kind::Ring, Kind::Sleeping] {
        for to in [Kind::Tcp, Kind::Unix] {
            let (Some(ours), Some(theirs)) = (turns.get(&of), turns.get(&to)) else { continue };
            let quartiles = |which: fn(&Turn) -> f64| {
                Quartiles::of(ours.iter().zip(theirs).map(|(ours, theirs)| which(ours) / which(theirs)).collect())
            };
            ratios.push(Ratio { of, to, value: quartiles(|turn| turn.value), cpu: quartiles(|turn| turn.cpu) });
        }
    }
    let joined = turns.values().flatten().map(|turn| turn.joined).fold(1.0, f64::min);
    Row { cell: cell.clone(), by: by.collect(), ratios, joined }
}
