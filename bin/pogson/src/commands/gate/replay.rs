//! `pogson gate replay`.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use pogson_dispatch::dispatcher::Setup;
use pogson_dispatch::policy;
use pogson_dispatch::trace::{self, Difference, Event, Figures, Known, Reader, TraceError};
use serde::Serialize;

use super::settings::{Policies, policies};
use crate::failure::Failure;
use crate::output::Output;

/// Replay the trace of a gate, and say what other policies would have done
///
/// A gate (or `pogson gate simulate --trace`) writes what it was told and where it sent each request. Told the same, the same policy
/// decides the same: where it does not, the trace is of another version. What another policy would have done is estimated with servers
/// that have the costs, the caches and the speeds that the trace tells of; so is the trace's own, for comparison.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Decisions that differ are an exit code of 1.

Examples:
  pogson gate replay gate.trace
  pogson gate replay gate.trace --policy lard-r --json
  pogson gate replay gate.trace --policy all
  pogson gate replay gate.trace --policy bounded-load --bound 1.25")]
pub struct Args {
    /// What the gate has written
    trace: PathBuf,
    /// Who might have decided, or all in turn [default: the trace's own]
    #[arg(long, value_name = "NAME", value_parser = policies())]
    policy: Option<String>,
    #[command(flatten)]
    policies: Policies,
}

/// What comes of requests.
#[derive(Serialize)]
struct Row {
    policy: String,
    requests: u64,
    refused: u64,
    hit_rate: f64,
    mean_ms: f64,
    p50_ms: f64,
    p99_ms: f64,
    imbalance: f64,
}

impl Row {
    fn of(policy: &str, figures: &Figures) -> Self {
        let Figures { requests, refused, hit_rate, mean_ms, p50_ms, p99_ms, imbalance } = *figures;
        Row { policy: policy.into(), requests, refused, hit_rate, mean_ms, p50_ms, p99_ms, imbalance }
    }
}

/// A decision that is not the trace's.
#[derive(Serialize)]
struct Different {
    line: u64,
    number: u64,
    traced: Option<usize>,
    here: Option<usize>,
}

/// The result.
#[derive(Serialize)]
struct Replayed {
    trace: PathBuf,
    same: u64,
    different: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_difference: Option<Different>,
    measured: Row,
    estimates: Vec<Row>,
}

/// Replays.
///
/// # Errors
/// A trace that cannot be read; decisions that differ; Ctrl-C.
pub fn run(args: &Args, out: &Output) -> Result<(), Failure> {
    let path = &args.trace;
    let setup = open(path)?.setup().clone();
    let compared = trace::decisions(&setup, events(path, out)?).map_err(|error| failure(path, error, out))?;
    let others = policy::NAMES.into_iter().filter(|name| match &args.policy {
        Some(policy) => (policy == "all" || policy == name) && *name != setup.policy,
        None => false,
    });
    let others = others.map(|name| Setup { policy: name.into(), settings: args.policies.settings(), ..setup.clone() });
    let mut estimates = Vec::new();
    for setup in std::iter::once(setup.clone()).chain(others) {
        estimates.push(Row::of(&setup.policy, &estimate(&setup, path, &compared.known, out)?));
    }
    let first = compared.first.map(|Difference { line, number, traced, here }| Different { line, number, traced, here });
    let measured = Row::of(&setup.policy, &compared.traced);
    let different = compared.different;
    let result = Replayed { trace: path.clone(), same: compared.same, different, first_difference: first, measured, estimates };
    if out.is_json() {
        out.object(&result)?;
    } else {
        table(&result, out)?;
    }
    match (different, result.first_difference) {
        (0, _) | (_, None) => Ok(()),
        (_, Some(first)) => Err(Failure::failed(format!(
            "{}: line {}: request {} is decided otherwise here ({different} in all); was it written by another version?",
            path.display(),
            first.line,
            first.number
        ))),
    }
}

fn open(path: &Path) -> Result<Reader<BufReader<File>>, Failure> {
    let file = File::open(path).map_err(|error| Failure::io(path, &error))?;
    Reader::new(BufReader::new(file)).map_err(|error| match error {
        TraceError::Io(error) => Failure::io(path, &error),
        other => Failure::in_file(path, other),
    })
}

/// The events of a trace; they end early when the program is asked to stop.
fn events(path: &Path, out: &Output) -> Result<impl Iterator<Item = Result<(u64, Event), TraceError>>, Failure> {
    let interrupt = out.interrupt_flag();
    Ok(open(path)?.take_while(move |_| !interrupt.load(std::sync::atomic::Ordering::Relaxed)))
}

fn failure(path: &Path, error: TraceError, out: &Output) -> Failure {
    match (out.go_on(), error) {
        (Err(interrupted), _) => interrupted,
        (Ok(()), TraceError::Io(error)) => Failure::io(path, &error),
        (Ok(()), other) => Failure::in_file(path, other),
    }
}

fn estimate(setup: &Setup, path: &Path, known: &Known, out: &Output) -> Result<Figures, Failure> {
    let figures = trace::estimate(setup, events(path, out)?, known).map_err(|error| failure(path, error, out))?;
    out.go_on()?;
    Ok(figures)
}

/// Writes it for people.
fn table(result: &Replayed, out: &Output) -> Result<(), Failure> {
    out.line(format!("{} decisions are the same, {} are not", result.same, result.different))?;
    let heads = ["answers", "refused", "hits", "mean ms", "p50 ms", "p99 ms", "imbalance"];
    let heads: String = heads.iter().map(|head| format!("{head:>11}")).collect();
    out.line(format!("{:23}{heads}", ""))?;
    let rows = std::iter::once(("measured", &result.measured)).chain(result.estimates.iter().map(|row| ("estimate", row)));
    for (kind, row) in rows {
        let Row { policy, requests, refused, hit_rate, mean_ms, p50_ms, p99_ms, imbalance } = row;
        let figures = format!("{requests:11}{refused:11}{hit_rate:11.3}{mean_ms:11.2}{p50_ms:11.2}{p99_ms:11.2}{imbalance:11.3}");
        out.line(format!("{kind:9}{policy:14}{figures}"))?;
    }
    Ok(())
}
