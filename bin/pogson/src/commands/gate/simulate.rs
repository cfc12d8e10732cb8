//! `pogson gate simulate`.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use pogson_dispatch::policy;
use pogson_dispatch::simulate::{self as simulation, Arrivals, Level, Outcome, Scenario};
use pogson_dispatch::trace::Recorder;
use rayon::prelude::*;
use serde::Serialize;

use super::figures;
use super::settings::{Policies, policies, positive};
use crate::failure::Failure;
use crate::output::Output;
use crate::progress::Unit;

/// Try ways to dispatch in simulated worlds
///
/// Eight servers that answer one request after the other, each with a cache of what was used last, and a dispatcher before them. The
/// scenarios:
///   saturated-1000, saturated-500: 509 requests are always under way, for so many contexts
///   open: 560 requests a second; flash: 700, of which one new context takes 30 % for a while
///   slow: 600, and one server takes four times as long for a while
///   cutouts: 5000 blocks of storage, each cut out at 200 addresses
///   away: open, with one server away for a while, which comes back with an empty cache
///   paper-1000, paper-500: 6000 clients of three levels, no more connections than the paper's admission lets in
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
#[command(after_help = "\
The same seed gives the same figures on every machine.

Examples:
  pogson gate simulate --scenario saturated-1000 --policy pogson --json
  pogson gate simulate --scenario flash --policy all --seeds 5
  pogson gate simulate --scenario saturated-1000 --policy lard --t-low 55
  pogson gate simulate --scenario open --gates 4 --learned
  pogson gate simulate --scenario away --slow-start 10 --trace away.trace
  pogson gate simulate --figures figures/
  pogson gate simulate --scenario saturated-500 --policy context --feedback 0.05 --t-load 0.3")]
pub struct Args {
    /// What is asked, and of whom
    #[arg(long, value_name = "NAME", default_value = "saturated-1000", value_parser = simulation::NAMES)]
    scenario: String,
    /// Who decides, or all in turn
    #[arg(long, value_name = "NAME", default_value = "pogson", value_parser = policies())]
    policy: String,
    /// Seed of the random numbers
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Runs, each with the seed after the last one's; figures are their means [default: 1; 3 with --figures]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: Option<u64>,
    /// Write what the first dispatcher is told and decides, for `pogson gate replay`
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Write figures of throughput, hit rates and response times by policy, contexts, feedback and level into a new folder; only
    /// --seed and --seeds count beside it
    #[arg(long, value_name = "DIR", conflicts_with_all = ["scenario", "policy", "trace"])]
    figures: Option<PathBuf>,
    #[command(flatten)]
    world: World,
    #[command(flatten)]
    policies: Policies,
}

/// What is other than the scenario says.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "The world")]
struct World {
    /// Servers [default: 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    servers: Option<u32>,
    /// Contexts that fit into each server's cache [default: 100; cutouts: 400]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    cache: Option<u32>,
    /// Contexts that are asked for
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    contexts: Option<u32>,
    /// Requests in all, of which the first tenth is not counted [default: 60000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(10..=100_000_000))]
    requests: Option<u32>,
    /// Seconds between the servers' reports [default: 0.5]
    #[arg(long, value_name = "S", value_parser = positive)]
    feedback: Option<f64>,
    /// Requests that a server's queue takes at most [default: all]
    #[arg(long, value_name = "N")]
    queue: Option<u32>,
    /// Seconds in which the share of a server that comes back rises [default: at once]
    #[arg(long, value_name = "S", value_parser = positive)]
    slow_start: Option<f64>,
    /// Mean of the seconds for which a client thinks before it asks again (of the paper's scenarios) [default: 2]
    #[arg(long, value_name = "S", value_parser = positive)]
    think: Option<f64>,
    /// Dispatchers side by side, which see each other's load by the servers' reports alone
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    gates: u32,
    /// Costs and sizes of caches are learned from answers, not given
    #[arg(long)]
    learned: bool,
    /// The dispatcher knows the address alone, not the context (of cutouts)
    #[arg(long)]
    by_address: bool,
}

impl World {
    fn change(&self, world: &mut Scenario) {
        let set = |value: Option<u32>, place: &mut usize| *place = value.map_or(*place, |value| value as usize);
        set(self.servers, &mut world.servers);
        set(self.cache, &mut world.cache);
        set(self.contexts, &mut world.contexts);
        set(self.requests, &mut world.requests);
        world.warm_up = world.requests / 10;
        world.feedback_s = self.feedback.unwrap_or(world.feedback_s);
        world.queue = self.queue.or(world.queue);
        world.slow_start_s = self.slow_start.unwrap_or(world.slow_start_s);
        if let (Arrivals::Clients { think_s, .. }, Some(think)) = (&mut world.arrivals, self.think) {
            *think_s = think;
        }
        world.gates = self.gates as usize;
        world.knows = !self.learned;
        world.by_address |= self.by_address;
    }
}

/// Names of the levels, the highest first.
pub(super) const LEVELS: [&str; 3] = ["high", "middle", "low"];

/// Figures of a policy.
#[derive(Serialize)]
struct Row {
    policy: &'static str,
    throughput: f64,
    hit_rate: f64,
    mean_ms: f64,
    p50_ms: f64,
    p99_ms: f64,
    jitter_ms: f64,
    /// Share of requests that were not answered.
    refused: f64,
    /// Entries of the dispatcher's table.
    table: f64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    levels: Vec<LevelRow>,
}

/// Figures of a level.
#[derive(Serialize)]
struct LevelRow {
    level: &'static str,
    throughput: f64,
    mean_ms: f64,
    p50_ms: f64,
    p99_ms: f64,
    jitter_ms: f64,
    refused: f64,
}

impl LevelRow {
    fn of((name, level): (&'static str, &Level)) -> Self {
        LevelRow {
            level: name,
            throughput: level.throughput,
            mean_ms: level.mean_ms,
            p50_ms: level.p50_ms,
            p99_ms: level.p99_ms,
            jitter_ms: level.p99_ms - level.p50_ms,
            refused: level.refused,
        }
    }
}

impl Row {
    fn of(policy: &'static str, outcome: &Outcome) -> Self {
        Row {
            policy,
            throughput: outcome.throughput,
            hit_rate: outcome.hit_rate,
            mean_ms: outcome.mean_ms,
            p50_ms: outcome.p50_ms,
            p99_ms: outcome.p99_ms,
            jitter_ms: outcome.p99_ms - outcome.p50_ms,
            refused: outcome.refused,
            table: outcome.table,
            levels: LEVELS.into_iter().zip(&outcome.levels).map(LevelRow::of).collect(),
        }
    }
}

/// What was run.
#[derive(Serialize)]
struct Runs<'a> {
    scenario: &'a str,
    seed: u64,
    seeds: u64,
    gates: u32,
    learned: bool,
    #[serde(flatten)]
    figures: Figures,
}

/// One policy's figures stand in the object itself.
#[derive(Serialize)]
#[serde(untagged)]
enum Figures {
    One(Row),
    All { policies: Vec<Row> },
}

/// Simulates.
///
/// # Errors
/// Ctrl-C.
pub fn run(args: &Args, out: &Output) -> Result<(), Failure> {
    if let Some(folder) = &args.figures {
        return figures::run(folder, args.seed, args.seeds.unwrap_or(3), out);
    }
    let seeds = args.seeds.unwrap_or(1);
    let mut world = Scenario::by_name(&args.scenario)
        .ok_or_else(|| Failure::usage(format!("--scenario {}: there is no such scenario", args.scenario)))?;
    args.world.change(&mut world);
    if args.trace.is_some() && (seeds > 1 || args.policy == "all") {
        return Err(Failure::usage("--trace is of one run: give one --policy and leave --seeds out"));
    }
    let settings = args.policies.settings();
    let chosen: Vec<_> =
        policy::NAMES.into_iter().filter(|name| args.policy == "all" || args.policy == *name).collect();
    let bar = out.progress("simulating", chosen.len() as u64 * seeds, Unit::Runs);
    let rows = chosen.par_iter().map(|name| {
        let outcomes = (0..seeds).into_par_iter().map(|more| {
            out.go_on()?;
            let seed = args.seed.wrapping_add(more);
            let outcome = match &args.trace {
                Some(path) => traced(args, &world, path)?,
                None => simulation::run(&world, name, &settings, seed)
                    .ok_or_else(|| Failure::usage(format!("--policy {name}: there is no such policy")))?,
            };
            bar.add(1);
            Ok(outcome)
        });
        Ok(Row::of(name, &Outcome::mean(&outcomes.collect::<Result<Vec<_>, Failure>>()?)))
    });
    let mut rows = rows.collect::<Result<Vec<_>, Failure>>()?;
    drop(bar);
    if out.is_json() {
        let figures = match rows.pop() {
            Some(one) if args.policy != "all" => Figures::One(one),
            last => Figures::All { policies: rows.into_iter().chain(last).collect() },
        };
        let (scenario, world) = (&args.scenario, &args.world);
        let (gates, learned) = (world.gates, world.learned);
        return out.object(&Runs { scenario, seed: args.seed, seeds, gates, learned, figures });
    }
    table(&rows, out)
}

/// Writes the rows for people.
fn table(rows: &[Row], out: &Output) -> Result<(), Failure> {
    let heads = ["answers/s", "hits", "mean ms", "p50 ms", "p99 ms", "refused", "table"];
    let heads: String = heads.iter().map(|head| format!("{head:>11}")).collect();
    out.line(format!("{:14}{heads}", "policy"))?;
    for row in rows {
        let Row { policy, throughput, hit_rate, mean_ms, p50_ms, p99_ms, refused, table, .. } = row;
        let figures = format!("{throughput:11.1}{hit_rate:11.3}{mean_ms:11.2}{p50_ms:11.2}{p99_ms:11.2}{refused:11.3}");
        out.line(format!("{policy:14}{figures}{table:11.0}"))?;
        for level in &row.levels {
            let LevelRow { level, throughput, mean_ms, p50_ms, p99_ms, refused, .. } = level;
            out.line(format!(
                "  {level:12}{throughput:11.1}{:11}{mean_ms:11.2}{p50_ms:11.2}{p99_ms:11.2}{refused:11.3}",
                ""
            ))?;
        }
    }
    Ok(())
}

/// Runs a policy once and writes its trace to `path`.
fn traced(args: &Args, world: &Scenario, path: &Path) -> Result<Outcome, Failure> {
    let settings = args.policies.settings();
    let failure = |error: &io::Error| Failure::io(path, error);
    let file = File::create_new(path).map_err(|error| failure(&error))?;
    let setup = world.setup(&args.policy, &settings, args.seed);
    let recorder = Recorder::new(BufWriter::new(file), &setup).map_err(|error| failure(&error))?;
    let outcome = simulation::run_traced(world, &args.policy, &settings, args.seed, recorder.listener());
    recorder.end().map_err(|error| failure(&error))?;
    outcome.ok_or_else(|| Failure::usage(format!("--policy {}: there is no such policy", args.policy)))
}
