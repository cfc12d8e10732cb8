//! `pogson wire bench`.

mod page;
mod rows;

use std::io;
use std::path::PathBuf;
use std::thread;

use clap::ValueEnum;
use pogson_wire::policy::Policy;
use pogson_wire::serve::Daemon;
use pogson_wire_bench::end;
use pogson_wire_bench::plan::{self, Plan, What};
use pogson_wire_bench::run::{self as measure, Launch};

use crate::failure::Failure;
use crate::output::Output;
use crate::progress::Unit;

/// Time TCP, Unix sockets and rings on this machine, in turn
///
/// Two processes send each other messages of several sizes: on one processor, on two, in several pairs at once, with buffers that no
/// cache holds, on fresh connections. What is compared is measured in turn, so that what else the machine does meets all alike; the
/// figures are medians, and ratios are taken turn by turn. It has a daemon of its own.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Latencies are of a message and its answer, with the processor time of both ends for them; rates are of bytes by time, and by processor
time of the busier end. \"sleeping\" is a ring whose ends never look before they sleep (POGSON_WIRE_SPIN_US=0).

Examples:
  pogson wire bench
  pogson wire bench --quick
  pogson wire bench --only latency --rounds 21
  pogson wire bench --report wire.html
  pogson wire bench --json > wire.json")]
pub struct Args {
    /// A few sizes and three turns: half a minute instead of five
    #[arg(long)]
    quick: bool,
    /// Measure only this; may be given several times
    #[arg(long, value_enum, value_name = "WHAT")]
    only: Vec<Only>,
    /// Turns, in each of which all is measured once [default: 9; 3 with --quick]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: Option<u32>,
    /// Milliseconds of each measurement [default: 150; 60 with --quick]
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(5..=60_000))]
    ms: Option<u64>,
    /// The two processors for the ends [default: the first two that this process may use]
    #[arg(long, value_name = "A,B", value_parser = processors)]
    cpus: Option<(usize, usize)>,
    /// Write a page with figures of latency, throughput, cold buffers and pairs by size
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
}

/// What is measured.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Only {
    /// A message and its answer
    Latency,
    /// Messages one way
    Throughput,
    /// Connections
    Connect,
}

fn processors(text: &str) -> Result<(usize, usize), String> {
    let parse = || {
        let (first, second) = text.split_once(',')?;
        Some((first.trim().parse().ok()?, second.trim().parse().ok()?))
    };
    let (first, second): (usize, usize) =
        parse().ok_or_else(|| format!("{text:?} is not two numbers of processors, as 0,1"))?;
    if first > 1023 || second > 1023 {
        return Err(format!("{text:?}: processors go from 0 to 1023"));
    }
    Ok((first, second))
}

/// Measures.
///
/// # Errors
/// Ends or a daemon that cannot be begun, processors that are not there, Ctrl-C.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let mut plan = Plan::new(args.quick, args.cpus.unwrap_or_else(plan::processors));
    plan.rounds = args.rounds.unwrap_or(plan.rounds);
    plan.ms = args.ms.unwrap_or(plan.ms);
    if !args.only.is_empty() {
        plan.keep(|cell| {
            args.only.contains(&match cell.what {
                What::Latency => Only::Latency,
                What::Throughput => Only::Throughput,
                What::Connect => Only::Connect,
            })
        });
    }
    let folder = tempfile::tempdir().map_err(|error| Failure::io(&std::env::temp_dir(), &error))?;
    let socket = folder.path().join("wire.sock");
    let daemon = Daemon::bind(&socket, Policy::default())?;
    let stopper = daemon.stopper();
    let serving = thread::spawn(move || daemon.run());
    let launch = Launch {
        program: std::env::current_exe().map_err(|error| Failure::failed(format!("where this program lies: {error}")))?,
        arguments: vec!["wire".into(), "bench-end".into()],
        library: pogson_wire_library::unpack()?,
        socket,
    };
    let turns: usize = plan.cells.iter().map(|cell| cell.kinds.len()).sum();
    let bar = out.progress("measuring", (turns * plan.rounds as usize) as u64, Unit::Measurements);
    let measured = measure::run(&plan, &launch, || {
        bar.add(1);
        out.go_on().is_ok()
    });
    drop(bar);
    stopper.stop();
    // The daemon's own failure shows in the measurements.
    let _ = serving.join();
    let report = measured?;
    if let Some(path) = &args.report {
        page::write(&report, path)?;
        out.note(format!("wrote {}", path.display()));
    }
    if out.is_json() {
        return out.object(&report);
    }
    for line in rows::lines(&report) {
        out.line(line)?;
    }
    Ok(())
}

/// One end of the measured connections; `pogson wire bench` begins it.
#[derive(clap::Args, Debug)]
pub struct EndArgs {}

/// Does what standard input says.
///
/// # Errors
/// Standard input or output ends in the middle.
pub fn end(_: EndArgs) -> Result<(), Failure> {
    end::run(io::stdin().lock(), io::stdout().lock())
        .map_err(|error| Failure::failed(format!("an end of a measurement cannot go on: {error}")))
}
