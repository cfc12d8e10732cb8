//! `pogson gate simulate`.

use pogson_dispatch::policy::{self, Settings};
use pogson_dispatch::simulate::{self as simulation, Outcome, Scenario};
use rayon::prelude::*;
use serde::Serialize;

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
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
#[command(after_help = "\
The same seed gives the same figures on every machine.

Examples:
  pogson gate simulate --scenario saturated-1000 --policy pogson --json
  pogson gate simulate --scenario flash --policy all --seeds 5
  pogson gate simulate --scenario saturated-1000 --policy lard --t-low 55
  pogson gate simulate --scenario open --gates 4 --learned
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
    /// Runs, each with the seed after the last one's; figures are their means
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
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

/// Settings of policies.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Policies")]
struct Policies {
    /// lard, lard-r: requests under way below which a server has room
    #[arg(long, value_name = "N", default_value_t = Settings::default().t_low)]
    t_low: u32,
    /// lard, lard-r: requests under way above which it has too many
    #[arg(long, value_name = "N", default_value_t = Settings::default().t_high)]
    t_high: u32,
    /// lard-r: seconds without a change after which a context's set of servers shrinks
    #[arg(long, value_name = "S", default_value_t = Settings::default().shrinks_after_s, value_parser = positive)]
    shrinks_after: f64,
    /// bounded-load: most load of a server by the mean
    #[arg(long, value_name = "X", default_value_t = Settings::default().bound, value_parser = positive)]
    bound: f64,
    /// context: classes of the bind table, K
    #[arg(long, value_name = "K", default_value_t = Settings::default().classes as u32, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    classes: u32,
    /// context: seconds of work by which a server may be behind the least loaded, T_load
    #[arg(long, value_name = "S", default_value_t = Settings::default().t_load_s, value_parser = positive)]
    t_load: f64,
    /// prefix-load: weight of load against having the context
    #[arg(long, value_name = "X", default_value_t = Settings::default().beta, value_parser = positive)]
    beta: f64,
    /// pogson: price of a miss without pressure, in misses
    #[arg(long, value_name = "X", default_value_t = Settings::default().price, value_parser = positive)]
    price: f64,
}

/// Names of policies, and `all`.
fn policies() -> Vec<&'static str> {
    policy::NAMES.into_iter().chain(["all"]).collect()
}

/// A number above zero, at most a billion.
fn positive(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| format!("{text:?} is not a number"))?;
    if number > 0.0 && number <= 1e9 { Ok(number) } else { Err(format!("{text} is not above 0 and at most 1e9")) }
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
        world.gates = self.gates as usize;
        world.knows = !self.learned;
        world.by_address |= self.by_address;
    }
}

impl Policies {
    fn settings(&self) -> Settings {
        Settings {
            bound: self.bound,
            t_low: self.t_low,
            t_high: self.t_high,
            shrinks_after_s: self.shrinks_after,
            classes: self.classes as usize,
            t_load_s: self.t_load,
            beta: self.beta,
            price: self.price,
        }
    }
}

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
    let mut world = Scenario::by_name(&args.scenario)
        .ok_or_else(|| Failure::usage(format!("--scenario {}: there is no such scenario", args.scenario)))?;
    args.world.change(&mut world);
    let settings = args.policies.settings();
    let chosen: Vec<_> =
        policy::NAMES.into_iter().filter(|name| args.policy == "all" || args.policy == *name).collect();
    let bar = out.progress("simulating", chosen.len() as u64 * args.seeds, Unit::Runs);
    let rows = chosen.par_iter().map(|name| {
        let outcomes = (0..args.seeds).into_par_iter().map(|more| {
            out.go_on()?;
            let seed = args.seed.wrapping_add(more);
            let outcome = simulation::run(&world, name, &settings, seed)
                .ok_or_else(|| Failure::usage(format!("--policy {name}: there is no such policy")))?;
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
        return out.object(&Runs { scenario, seed: args.seed, seeds: args.seeds, gates, learned, figures });
    }
    out.line(format!("{:14}{:>11}{:>10}{:>11}{:>11}{:>11}", "policy", "answers/s", "hits", "mean ms", "p50 ms", "p99 ms"))?;
    for row in rows {
        let Row { policy, throughput, hit_rate, mean_ms, p50_ms, p99_ms, .. } = row;
        out.line(format!("{policy:14}{throughput:11.1}{hit_rate:10.3}{mean_ms:11.2}{p50_ms:11.2}{p99_ms:11.2}"))?;
    }
    Ok(())
}
