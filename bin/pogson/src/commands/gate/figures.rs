//! The measures of the paper of context-based dispatching, as figures.

use std::fs;
use std::path::Path;

use pogson_dispatch::policy::Settings;
use pogson_dispatch::simulate::{self as simulation, Arrivals, Outcome, Scenario};
use pogson_view::report::{Chart, ReportBuilder, Table};
use rayon::prelude::*;
use serde::Serialize;

use crate::failure::Failure;
use crate::output::Output;
use crate::progress::Unit;

/// The paper's classes.
const CLASSES: usize = 20;
/// Its limits.
const LARD: (u32, u32) = (55, 65);
/// T_load where it is not what changes, seconds: 57 mean service times of 9 ms, as the paper's 600 s are of its example's 10.5 s.
const T_LOAD_S: f64 = 0.5;
/// Feedback where that is not what changes, seconds.
const FRESH_S: f64 = 0.05;
const CONTEXTS: [usize; 7] = [100, 250, 500, 750, 1000, 1500, 2000];
const FEEDBACKS_S: [f64; 8] = [0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0];
const T_LOADS_S: [f64; 4] = [0.1, 0.5, 1.0, 3.0];
/// Seconds that clients think: 6000 of them ask for 500 to 3000 answers a second at most.
const THINKS_S: [f64; 6] = [12.0, 8.0, 6.0, 4.0, 3.0, 2.0];
const POLICIES: [&str; 4] = ["round-robin", "lard", "context", "pogson"];

/// A point of a curve.
#[derive(Clone, Serialize)]
struct Point {
    /// What is drawn together.
    group: &'static str,
    curve: String,
    x: f64,
    throughput: f64,
    hit_rate: f64,
    mean_ms: f64,
    refused: f64,
    table: f64,
    /// Of each level, the highest first.
    levels: Vec<LevelPoint>,
}

#[derive(Clone, Serialize)]
struct LevelPoint {
    refused: f64,
    mean_ms: f64,
    p50_ms: f64,
    p99_ms: f64,
    jitter_ms: f64,
}

/// A run that a point is of.
struct Cell {
    group: &'static str,
    curve: String,
    x: f64,
    world: Scenario,
    policy: &'static str,
    settings: Settings,
}

impl Cell {
    fn point(&self, outcome: &Outcome) -> Point {
        let levels = outcome.levels.iter().map(|level| LevelPoint {
            refused: level.refused,
            mean_ms: level.mean_ms,
            p50_ms: level.p50_ms,
            p99_ms: level.p99_ms,
            jitter_ms: level.p99_ms - level.p50_ms,
        });
        Point {
            group: self.group,
            curve: self.curve.clone(),
            x: self.x,
            throughput: outcome.throughput,
            hit_rate: outcome.hit_rate,
            mean_ms: outcome.mean_ms,
            refused: outcome.refused,
            table: outcome.table,
            levels: levels.collect(),
        }
    }
}

/// All runs: by number of contexts, by feedback, by how much is asked.
fn cells() -> Option<Vec<Cell>> {
    let settings = Settings { t_low: LARD.0, t_high: LARD.1, classes: CLASSES, t_load_s: T_LOAD_S, ..Settings::default() };
    let (paper, queues) = (Scenario::by_name("paper-1000")?, Scenario::by_name("saturated-500")?);
    let paper = Scenario { feedback_s: FRESH_S, ..paper };
    let mut cells = Vec::new();
    for policy in POLICIES {
        for contexts in CONTEXTS {
            let world = Scenario { contexts, ..paper.clone() };
            let (curve, x, settings) = (policy.into(), contexts as f64, settings.clone());
            cells.push(Cell { group: "contexts", curve, x, world, policy, settings });
        }
    }
    for x in FEEDBACKS_S {
        let world = Scenario { feedback_s: x, ..queues.clone() };
        for t_load_s in T_LOADS_S {
            let settings = Settings { t_load_s, ..settings.clone() };
            let (curve, world) = (format!("T_load {t_load_s} s"), world.clone());
            cells.push(Cell { group: "feedback", curve, x, world, policy: "context", settings });
        }
        cells.push(Cell { group: "feedback", curve: "lard".into(), x, world, policy: "lard", settings: settings.clone() });
    }
    for think_s in THINKS_S {
        let clients = 6000;
        let world = Scenario { arrivals: Arrivals::Clients { clients, think_s }, ..paper.clone() };
        let (curve, settings) = ("context".into(), settings.clone());
        let x = clients as f64 / think_s;
        cells.push(Cell { group: "asked", curve, x, world, policy: "context", settings });
    }
    Some(cells)
}

/// Runs all and writes the figures into `folder`, which must be new or empty.
///
/// # Errors
/// A folder that holds something, or cannot be written; Ctrl-C.
pub(super) fn run(folder: &Path, seed: u64, seeds: u64, out: &Output) -> Result<(), Failure> {
    let io = |error: &std::io::Error| Failure::io(folder, error);
    fs::create_dir_all(folder).map_err(|error| io(&error))?;
    if fs::read_dir(folder).map_err(|error| io(&error))?.next().is_some() {
        return Err(Failure::failed(format!("{}: it is not empty; name a new folder for the figures", folder.display())));
    }
    let cells = cells().ok_or_else(|| Failure::failed("a scenario of the paper is missing"))?;
    let bar = out.progress("simulating", cells.len() as u64, Unit::Runs);
    let points = cells.par_iter().map(|cell| {
        let runs = (0..seeds).map(|more| {
            out.go_on()?;
            let outcome = simulation::run(&cell.world, cell.policy, &cell.settings, seed.wrapping_add(more));
            outcome.ok_or_else(|| Failure::failed(format!("there is no policy {}", cell.policy)))
        });
        let runs = runs.collect::<Result<Vec<_>, Failure>>()?;
        bar.add(1);
        Ok(cell.point(&Outcome::mean(&runs)))
    });
    let points = points.collect::<Result<Vec<_>, Failure>>()?;
    drop(bar);
    write(folder, &points)?;
    if out.is_json() {
        return out.object(&points);
    }
    for line in crossings(&points) {
        out.line(line)?;
    }
    out.note(format!("wrote {}", folder.join("index.html").display()));
    Ok(())
}

/// The points of a curve, x and what `y` says of each.
fn curve(points: &[Point], group: &str, name: &str, y: impl Fn(&Point) -> f64) -> Vec<(f64, f64)> {
    let own = points.iter().filter(|point| point.group == group && point.curve == name);
    own.map(|point| (point.x, y(point))).collect()
}

/// A chart of all curves of a group.
fn chart(points: &[Point], group: &str, chart: Chart, y: impl Fn(&Point) -> f64) -> Chart {
    let mut names: Vec<&str> = Vec::new();
    for point in points.iter().filter(|point| point.group == group) {
        if !names.contains(&point.curve.as_str()) {
            names.push(&point.curve);
        }
    }
    names.into_iter().fold(chart, |chart, name| chart.line(name, &curve(points, group, name, &y)))
}

/// A chart of the levels of context-based dispatching.
fn by_level(points: &[Point], chart: Chart, y: impl Fn(&LevelPoint) -> f64) -> Chart {
    super::simulate::LEVELS.into_iter().enumerate().fold(chart, |chart, (at, name)| {
        let of = |point: &Point| point.levels.get(at).map_or(f64::NAN, &y);
        chart.line(name, &curve(points, "asked", "context", of))
    })
}

/// The feedback up to which context-based dispatching does more than LARD, for each T_load.
fn crossings(points: &[Point]) -> Vec<String> {
    let lard = curve(points, "feedback", "lard", |point| point.throughput);
    let mut lines = Vec::new();
    for t_load_s in T_LOADS_S {
        let own = curve(points, "feedback", &format!("T_load {t_load_s} s"), |point| point.throughput);
        let more = own.iter().zip(&lard).take_while(|(own, lard)| own.1 > lard.1).last();
        let until = more.map_or("none here".into(), |((x, _), _)| format!("up to {x} s old"));
        lines.push(format!("T_load {t_load_s} s: more than LARD with feedback {until}"));
    }
    lines
}

fn write(folder: &Path, points: &[Point]) -> Result<(), Failure> {
    let high = |point: &Point| point.levels.first().map_or(f64::NAN, |level| level.mean_ms);
    let x = "contexts";
    let charts = [
        (
            "throughput",
            "Answers a second by number of contexts",
            chart(points, "contexts", Chart::new("Throughput", x, "answers/s"), |point| point.throughput),
        ),
        (
            "hit-rate",
            "Share of answers from caches",
            chart(points, "contexts", Chart::new("Hit rate", x, "share of answers"), |point| point.hit_rate),
        ),
        (
            "response-time",
            "Mean time from request to answer of the high level",
            chart(points, "contexts", Chart::new("Response time", x, "ms").logarithmic(), high),
        ),
        (
            "freshness",
            "Answers a second of 500 contexts with full queues, by the seconds between reports; LARD needs none",
            chart(
                points,
                "feedback",
                Chart::new("Feedback", "seconds between reports", "answers/s").logarithmic_x(),
                |point| point.throughput,
            ),
        ),
        (
            "refused-by-level",
            "Context-based dispatching: share of requests that are not let in, by what is asked for",
            by_level(points, Chart::new("Refused", "requests asked for a second", "share"), |level| level.refused),
        ),
        (
            "response-by-level",
            "Context-based dispatching: mean time to an answer",
            by_level(points, Chart::new("Response time by level", "requests asked for a second", "ms"), |level| {
                level.mean_ms
            }),
        ),
        (
            "tables",
            "Entries of the dispatcher's table",
            chart(points, "contexts", Chart::new("Tables", x, "entries"), |point| point.table),
        ),
    ];
    let mut page = ReportBuilder::new("The gate by simulation", "the measures of the paper of context-based dispatching");
    for (name, caption, chart) in charts {
        let path = folder.join(format!("{name}.svg"));
        fs::write(&path, chart.svg_file()).map_err(|error| Failure::io(&path, &error))?;
        page = page.chart(chart, caption);
    }
    page = page.section("Figures").table(table(points));
    let path = folder.join("figures.json");
    let text = serde_json::to_string_pretty(points)
        .map_err(|error| Failure::failed(format!("the points cannot be written as JSON: {error}")))?;
    fs::write(&path, text + "\n").map_err(|error| Failure::io(&path, &error))?;
    page.write(&folder.join("index.html")).map_err(Failure::from)
}

/// What 500 and 1000 contexts come to.
fn table(points: &[Point]) -> Table {
    let heads = ["policy", "contexts", "answers/s", "hits", "high: mean ms", "jitter ms", "refused", "table"];
    let mut table = Table::new("Paper's clients and admission; jitter is p99 - p50 of the high level", &heads);
    let own = |point: &&Point| point.group == "contexts" && (point.x == 500.0 || point.x == 1000.0);
    for point in points.iter().filter(own) {
        let Some(high) = point.levels.first() else { continue };
        table.push([
            point.curve.clone(),
            format!("{}", point.x),
            format!("{:.0}", point.throughput),
            format!("{:.3}", point.hit_rate),
            format!("{:.0}", high.mean_ms),
            format!("{:.0}", high.jitter_ms),
            format!("{:.3}", high.refused),
            format!("{:.0}", point.table),
        ]);
    }
    table
}
