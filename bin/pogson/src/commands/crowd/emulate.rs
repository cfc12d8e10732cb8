//! `pogson crowd emulate`: thousands of volunteers' hosts against a project server.

use std::path::PathBuf;

use pogson_volunteers::clock::{Clock, Pretended, Wall};
use pogson_volunteers::habits::Habits;
use pogson_volunteers::output::Form;
use pogson_volunteers::profile::Kinds;
use pogson_volunteers::tally::Percentiles;
use pogson_volunteers::{Accounts, EmulateError, Pace, Plan, Summary, emulate};

use crate::failure::Failure;
use crate::output::Output;

/// Speak to a project as thousands of BOINC clients do, for load, tests and simulations
///
/// Hosts are drawn from the seed and send what real clients send, each request on a connection of its own. With --rate requests come
/// at times that depend on no answer (open loop), and are timed from when they were due. With --natural hosts ask when they have
/// something to report or to want; --virtual then lets their clock run as fast as the server answers. Outputs are a function of the
/// work unit's name, so that honest hosts agree.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson crowd emulate http://127.0.0.1:8080/pogs/ --hosts 12000 --rate 1000 --seconds 600 --warm 60 --create 500 --json
  pogson crowd emulate http://127.0.0.1:8080/pogs/ --hosts 200 --rate 50 --seconds 60 --accounts keys.txt --error 0.03 --wrong 0.003 \\
      --lost-reply 0.05 --record acknowledged.txt
  pogson crowd emulate http://127.0.0.1:8080/pogs/ --hosts 500 --natural --virtual 1800000000 --clock-file clock --seconds 2592000 \\
      --create 300 --error 0.034 --silent 0.01 --wrong 0.003")]
pub struct Args {
    /// The project's address
    url: String,
    #[command(flatten)]
    who: WhoArgs,
    #[command(flatten)]
    when: WhenArgs,
    #[command(flatten)]
    faults: FaultArgs,
    /// Bytes of each output
    #[arg(long, value_name = "N", default_value_t = 4000)]
    output_bytes: usize,
    /// Outputs that nothing compresses, instead of digits
    #[arg(long)]
    noise: bool,
    /// Download files, and check MD5s and signatures
    #[arg(long)]
    downloads: bool,
    /// Write down every upload and report that the server acknowledged
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

/// Whose hosts, and which.
#[derive(clap::Args, Debug)]
struct WhoArgs {
    /// Hosts
    #[arg(long, value_name = "N", default_value_t = 100)]
    hosts: usize,
    /// Seed of all draws
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// File with a key in each line (its last word); hosts are dealt out to them
    #[arg(long, value_name = "FILE", conflicts_with = "create")]
    accounts: Option<PathBuf>,
    /// Look so many accounts up, and make those that do not exist
    #[arg(long, value_name = "N", default_value_t = 10)]
    create: usize,
    /// Domain of the accounts' addresses
    #[arg(long, value_name = "NAME", default_value = "volunteers.example")]
    domain: String,
    /// Addresses 127.x.y.z that hosts come from; 0 for the machine's own
    #[arg(long, value_name = "N", default_value_t = 0)]
    addresses: u32,
    /// All platforms; else Linux on x86-64 alone
    #[arg(long)]
    mixed: bool,
    /// Share of hosts with a graphics processor that asks for work
    #[arg(long, value_name = "F", default_value_t = 0.0, value_parser = share)]
    gpus: f64,
    /// Those hosts want no work for their processors
    #[arg(long)]
    gpu_only: bool,
    /// Processors of each host [default: as many as --tasks, or 1 to 16 with --natural]
    #[arg(long, value_name = "N")]
    processors: Option<u32>,
    /// Share of hosts that agreed on wrong answers
    #[arg(long, value_name = "F", default_value_t = 0.0, value_parser = share)]
    collude: f64,
    /// Share of hosts that are never seen again once they got work
    #[arg(long, value_name = "F", default_value_t = 0.0, value_parser = share)]
    leave: f64,
}

/// When they ask.
#[derive(clap::Args, Debug)]
struct WhenArgs {
    /// Scheduler requests a second, from all hosts together
    #[arg(long, value_name = "R", default_value_t = 10.0)]
    rate: f64,
    /// Tasks that a host keeps
    #[arg(long, value_name = "N", default_value_t = 1)]
    tasks: u32,
    /// Ask as clients do by themselves, instead of --rate
    #[arg(long, conflicts_with_all = ["rate", "tasks"])]
    natural: bool,
    /// Seconds over which hosts first appear
    #[arg(long, value_name = "S", default_value_t = 3600.0, requires = "natural")]
    spread: f64,
    /// Seconds of work that a host keeps for each processor
    #[arg(long, value_name = "S", default_value_t = 8640.0, requires = "natural")]
    buffer: f64,
    /// A clock of the hosts' own that begins at this Unix time, and stands still while requests are on their way
    #[arg(long = "virtual", value_name = "TIME", requires = "natural")]
    pretended: Option<f64>,
    /// Seconds that the clock goes at least; what falls into them happens at once
    #[arg(long, value_name = "S", default_value_t = 1.0, requires = "pretended")]
    tick: f64,
    /// File that shows the clock, for a server that lives by it
    #[arg(long, value_name = "FILE", requires = "pretended")]
    clock_file: Option<PathBuf>,
    /// Seconds
    #[arg(long, value_name = "S", default_value_t = 60.0)]
    seconds: f64,
    /// Seconds after these in which hosts send and report what they have, and want nothing new
    #[arg(long, value_name = "S", default_value_t = 0.0)]
    drain: f64,
    /// Seconds at the beginning that are not timed
    #[arg(long, value_name = "S", default_value_t = 0.0)]
    warm: f64,
    /// Seconds before what failed is tried again, least and most; they double
    #[arg(long, value_name = "S,S", default_value = "1,3", value_parser = pair)]
    retry: (f64, f64),
    /// Seconds that a request may take
    #[arg(long, value_name = "S", default_value_t = 60.0)]
    patience: f64,
    /// Requests on their way at once, at most
    #[arg(long, value_name = "N", default_value_t = 4000)]
    at_once: usize,
}

/// What goes wrong, as shares of tasks, requests or uploads.
#[derive(clap::Args, Debug)]
struct FaultArgs {
    /// Tasks that fail
    #[arg(long, value_name = "F", default_value_t = 0.0, value_parser = share)]
    error: f64,
    /// Tasks that are never heard of again
    #[arg(long, value_name = "F", default_value_t = 0.0, value_parser = share)]
    silent: f64,
    /// Tasks whose output has one digit altered
    #[arg(long, value_name = "F", default_value_t = 0.0, value_parser = share)]
    wrong: f64,
    /// Tasks that come after their deadline
    #[arg(long, value_name = "F", default_value_t = 0.0, value_parser = share)]
    late: f64,
    /// Tasks that the user ends
    #[arg(long, value_name = "F", default_value_t = 0.0, value_parser = share)]
    abort: f64,
    /// Scheduler replies that are lost
    #[arg(long, value_name = "F", default_value_t = 0.0, value_parser = share)]
    lost_reply: f64,
    /// Uploads whose reply is lost
    #[arg(long, value_name = "F", default_value_t = 0.0, value_parser = share)]
    lost_upload: f64,
    /// Uploads whose connection ends in the middle
    #[arg(long, value_name = "F", default_value_t = 0.0, value_parser = share)]
    cut_upload: f64,
    /// Reports that are made once more after they were acknowledged
    #[arg(long, value_name = "F", default_value_t = 0.0, value_parser = share)]
    duplicate: f64,
    /// Requests that carry a message of a running task
    #[arg(long, value_name = "F", default_value_t = 0.0, value_parser = share)]
    trickle: f64,
}

fn share(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|share| (0.0..=1.0).contains(share)).ok_or_else(|| "give a share between 0 and 1".to_owned())
}

fn pair(text: &str) -> Result<(f64, f64), String> {
    let numbers = text.split_once(',').and_then(|(a, b)| Some((a.trim().parse().ok()?, b.trim().parse().ok()?)));
    numbers.filter(|(a, b): &(f64, f64)| *a > 0.0 && a <= b).ok_or_else(|| "give two numbers of seconds, as 1,3".to_owned())
}

impl From<EmulateError> for Failure {
    fn from(error: EmulateError) -> Failure {
        match error {
            EmulateError::Url { .. } | EmulateError::NoAccount => Failure::usage(error.to_string()),
            _ => Failure::failed(error.to_string()),
        }
    }
}

/// Emulates, and says what came of it.
///
/// # Errors
/// When the project cannot be attached to, or files cannot be read or written.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let plan = plan(&args)?;
    let mut clock: Box<dyn Clock> = match args.when.pretended {
        Some(start) => {
            let file = args.when.clock_file.clone();
            let path = file.clone().unwrap_or_default();
            Box::new(Pretended::new(start, args.when.tick, file).map_err(|e| Failure::io(&path, &e))?)
        }
        None => Box::new(Wall::new()),
    };
    let summary = emulate(&plan, clock.as_mut(), &out.interrupt_flag())?;
    if out.is_json() { out.object(&summary) } else { say(&summary, out) }
}

fn plan(args: &Args) -> Result<Plan, Failure> {
    let (who, when, faults) = (&args.who, &args.when, &args.faults);
    let positive = [("--rate", when.rate), ("--seconds", when.seconds), ("--patience", when.patience)];
    if let Some((name, value)) = positive.iter().find(|(_, value)| !(*value > 0.0 && value.is_finite())) {
        return Err(Failure::usage(format!("{name} {value}: give a number above 0")));
    }
    let accounts = match &who.accounts {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|e| Failure::io(path, &e))?;
            let keys = text.lines().filter_map(|line| line.split_whitespace().last());
            Accounts::Keys(keys.map(str::to_owned).collect())
        }
        None => Accounts::Create { count: who.create, domain: who.domain.clone() },
    };
    let pace = if when.natural {
        Pace::Natural { spread: when.spread, buffer: when.buffer }
    } else {
        Pace::Rate { per_second: when.rate, tasks: when.tasks.max(1) }
    };
    Ok(Plan {
        url: args.url.clone(),
        hosts: who.hosts,
        accounts,
        seed: who.seed,
        pace,
        seconds: when.seconds,
        drain: when.drain,
        warm: when.warm,
        kinds: Kinds {
            mixed: who.mixed,
            gpus: who.gpus,
            gpu_only: who.gpu_only,
            collude: who.collude,
            leave: who.leave,
            processors: who.processors,
        },
        habits: Habits {
            error: faults.error,
            silent: faults.silent,
            wrong: faults.wrong,
            late: faults.late,
            abort: faults.abort,
            lost_reply: faults.lost_reply,
            lost_upload: faults.lost_upload,
            cut_upload: faults.cut_upload,
            duplicate: faults.duplicate,
            trickle: faults.trickle,
        },
        output_bytes: args.output_bytes,
        form: if args.noise { Form::Noise } else { Form::Digits },
        downloads: args.downloads,
        retry: when.retry,
        patience: when.patience,
        addresses: who.addresses,
        record: args.record.clone(),
        at_once: when.at_once.max(1),
    })
}

fn say(summary: &Summary, out: &Output) -> Result<(), Failure> {
    let line = |what: &str, times: &Percentiles| {
        let Percentiles { count, p50_ms, p90_ms, p99_ms, max_ms } = times;
        out.line(format_args!(
            "{what:<8} {count:>9}   p50 {p50_ms:.1} ms   p90 {p90_ms:.1} ms   p99 {p99_ms:.1} ms   most {max_ms:.1} ms"
        ))
    };
    let Summary { seconds, hosts, cpu_seconds, requests, .. } = summary;
    out.line(format_args!("{hosts} hosts, {requests} requests in {seconds:.1} s; {cpu_seconds:.2} s of processor here"))?;
    line("rpcs", &summary.rpc)?;
    line("uploads", &summary.upload)?;
    line("lag", &summary.lag)?;
    for (what, count) in &summary.counts {
        out.line(format_args!("{what:<24} {count:>9}"))?;
    }
    for (what, count) in &summary.errors {
        out.line(format_args!("error: {what:<40} {count:>9}"))?;
    }
    for (text, count) in &summary.messages {
        out.line(format_args!("message: {text:<40} {count:>9}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_pauses_are_checked() {
        assert_eq!(share("0.5"), Ok(0.5));
        assert!(share("1.5").is_err() && share("-0.1").is_err() && share("nan").is_err());
        assert_eq!(pair("0.1,2"), Ok((0.1, 2.0)));
        assert!(pair("3,1").is_err() && pair("1").is_err() && pair("0,1").is_err());
    }
}
