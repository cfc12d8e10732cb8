//! `pogson crowd wu`, `results`, `cancel`, `revalidate`, `drain` and `stage`.

use std::path::PathBuf;
use std::time::Duration;

use pogson_crowd::admin::{Command, WhoseWork};
use pogson_crowd::engine::PlacedFile;
use pogson_crowd::life::Limits;
use pogson_crowd::project::Project;
use pogson_crowd::role::{InputFile, MICRO, NewUnit, OutputFile};
use serde_json::json;

use super::way::{ask, show};
use crate::failure::Failure;
use crate::output::Output;

/// Work units
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson crowd wu create pogs --app primes --name primes_7 --flops 1e12 --input range=range_7.txt --output out
  pogson crowd wu create pogs --app primes --name p --count 1000 --batch test --flops 1e9 --output out
  pogson crowd wu show pogs primes_7")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
#[allow(clippy::large_enum_variant, reason = "one is made in a process's life")]
enum What {
    /// Make a work unit, or many
    #[command(after_help = "Examples:\n  pogson crowd wu create pogs --app primes --name primes_7 --flops 1e12 --input range=range_7.txt --output out")]
    Create(CreateArgs),
    /// Show a work unit and its results
    #[command(after_help = "Examples:\n  pogson crowd wu show pogs primes_7")]
    Show {
        /// The project's folder
        dir: PathBuf,
        /// The unit's name
        name: String,
    },
}

#[derive(clap::Args, Debug)]
struct CreateArgs {
    /// The project's folder
    dir: PathBuf,
    /// Application
    #[arg(long)]
    app: String,
    /// Name; with --count the beginning of the names
    #[arg(long)]
    name: String,
    /// How many: NAME_1 and so on [default: one, NAME]
    #[arg(long, value_name = "N")]
    count: Option<usize>,
    /// Number of the first of them
    #[arg(long, value_name = "N", default_value_t = 1, requires = "count")]
    first: usize,
    /// Batch
    #[arg(long, default_value = "", hide_default_value = true)]
    batch: String,
    /// Input: the name that the application opens, and the file
    #[arg(long, value_name = "NAME=FILE")]
    input: Vec<String>,
    /// Inputs are copied into the task's folder, for programs that know nothing of BOINC's links
    #[arg(long)]
    copy: bool,
    /// Clients keep the inputs for tasks to come
    #[arg(long)]
    sticky: bool,
    /// Output: the name that the application writes
    #[arg(long, value_name = "NAME", required = true)]
    output: Vec<String>,
    /// Bytes of an output at most
    #[arg(long, value_name = "BYTES", default_value_t = 10_000_000)]
    most: u64,
    /// Clients compress outputs
    #[arg(long)]
    gzip: bool,
    /// Floating-point operations
    #[arg(long)]
    flops: f64,
    /// Operations after which clients end it [default: 50 times --flops]
    #[arg(long)]
    flops_bound: Option<f64>,
    /// Bytes of memory
    #[arg(long, default_value_t = 1e8)]
    memory: f64,
    /// Bytes of disk
    #[arg(long, default_value_t = 1e8)]
    disk: f64,
    /// Days that a host has
    #[arg(long, value_name = "DAYS", default_value_t = 7.0)]
    delay: f64,
    /// Results that are compared
    #[arg(long, default_value_t = 2)]
    quorum: usize,
    /// Credit of a valid result, cobblestones [default: by its operations]
    #[arg(long)]
    credit: Option<f64>,
    /// Higher goes first
    #[arg(long, default_value_t = 0, allow_hyphen_values = true)]
    priority: i64,
    /// Command line
    #[arg(long, value_name = "WORDS", default_value = "", hide_default_value = true, allow_hyphen_values = true)]
    command_line: String,
    /// Text for the project's own programs
    #[arg(long, default_value = "", hide_default_value = true)]
    opaque: String,
    /// The only computer that may have it
    #[arg(long)]
    host: Option<i64>,
    /// The only user who may have it
    #[arg(long)]
    user: Option<i64>,
}

/// Show a result
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  pogson crowd results pogs primes_7_0")]
pub struct ResultsArgs {
    /// The project's folder
    dir: PathBuf,
    /// Its name
    name: String,
}

/// Cancel work: what waits is not sent, what is out is ended
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  pogson crowd cancel pogs primes_7 primes_8\n  pogson crowd cancel pogs --batch test")]
pub struct WhichArgs {
    /// The project's folder
    dir: PathBuf,
    /// Names of units
    #[arg(required_unless_present = "batch")]
    units: Vec<String>,
    /// All units of a batch
    #[arg(long, conflicts_with = "units")]
    batch: Option<String>,
}

/// Compare results again that were found to differ, as far as their outputs are still here
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  pogson crowd revalidate pogs primes_7")]
pub struct RevalidateArgs {
    #[command(flatten)]
    which: WhichArgs,
}

/// Send no new work, and wait until nothing is out
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  pogson crowd drain pogs\n  pogson crowd drain pogs --no-wait\n  pogson crowd drain pogs --undo")]
pub struct DrainArgs {
    /// The project's folder
    dir: PathBuf,
    /// Do not wait
    #[arg(long)]
    no_wait: bool,
    /// Send work again
    #[arg(long, conflicts_with = "no_wait")]
    undo: bool,
}

/// Stop or start one stage of a project that is served
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  pogson crowd stage pogs validate off\n  pogson crowd stage pogs validate on")]
pub struct StageArgs {
    /// The project's folder
    dir: PathBuf,
    /// send, validate, assimilate, delete, purge or generate
    stage: String,
    /// on or off
    #[arg(value_parser = ["on", "off"])]
    state: String,
}

impl WhichArgs {
    fn which(self) -> (PathBuf, WhoseWork) {
        let which = match self.batch {
            Some(batch) => WhoseWork::Batch(batch),
            None => WhoseWork::Units(self.units),
        };
        (self.dir, which)
    }
}

/// Units made in one transaction.
const AT_ONCE: usize = 5000;

/// Units.
///
/// # Errors
/// What the server says.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    match args.what {
        What::Show { dir, name } => show(&ask(&dir, Command::UnitShow { name })?, out),
        What::Create(args) => create(args, out),
    }
}

fn create(args: CreateArgs, out: &Output) -> Result<(), Failure> {
    let project = Project::open(&args.dir)?;
    let mut files = Vec::new();
    let mut inputs = Vec::new();
    for input in &args.input {
        let (open_name, path) = input
            .split_once('=')
            .ok_or_else(|| Failure::usage(format!("--input {input}: write NAME=FILE")))?;
        let path = PathBuf::from(path);
        let name = path.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned());
        let placed = project.place(&name, &path)?;
        files.push(PlacedFile {
            name: name.clone(),
            bytes: i64::try_from(placed.bytes).unwrap_or(i64::MAX),
            md5: placed.md5,
            sticky: args.sticky,
            signature: None,
        });
        inputs.push(InputFile { file: name, open_name: open_name.to_owned(), copy: args.copy });
    }
    let quorum = args.quorum;
    let unit = |name: String| NewUnit {
        app: args.app.clone(),
        name,
        batch: args.batch.clone(),
        priority: args.priority,
        flops: args.flops,
        flops_bound: args.flops_bound.unwrap_or(args.flops * 50.0),
        memory: args.memory,
        disk: args.disk,
        delay: (args.delay * 86_400.0).clamp(1.0, 1e10) as i64,
        command_line: args.command_line.clone(),
        inputs: inputs.clone(),
        outputs: args
            .output
            .iter()
            .map(|name| OutputFile { open_name: name.clone(), most: args.most, gzip: args.gzip })
            .collect(),
        limits: Limits { quorum, target: quorum, ..Limits::default() },
        credit: args.credit.map_or(0, |credit| (credit.clamp(0.0, 1e12) * MICRO as f64) as i64),
        opaque: args.opaque.clone(),
        host: args.host,
        user: args.user,
    };
    let names: Vec<String> = match args.count {
        None => vec![args.name.clone()],
        Some(count) => (args.first..args.first.saturating_add(count)).map(|n| format!("{}_{n}", args.name)).collect(),
    };
    for names in names.chunks(AT_ONCE) {
        let units = names.iter().cloned().map(unit).collect();
        ask(&args.dir, Command::Supply { files: files.clone(), units, facts: Vec::new() })?;
    }
    show(&json!({ "units": names.len() }), out)
}

/// Results.
///
/// # Errors
/// What the server says.
pub fn results(args: ResultsArgs, out: &Output) -> Result<(), Failure> {
    show(&ask(&args.dir, Command::ResultShow { name: args.name })?, out)
}

/// Cancels.
///
/// # Errors
/// What the server says.
pub fn cancel(args: WhichArgs, out: &Output) -> Result<(), Failure> {
    let (dir, which) = args.which();
    show(&ask(&dir, Command::Cancel(which))?, out)
}

/// Compares again.
///
/// # Errors
/// What the server says.
pub fn revalidate(args: RevalidateArgs, out: &Output) -> Result<(), Failure> {
    let (dir, which) = args.which.which();
    show(&ask(&dir, Command::Revalidate(which))?, out)
}

/// Drains.
///
/// # Errors
/// What the server says; an interruption, after which the project still sends nothing.
pub fn drain(args: DrainArgs, out: &Output) -> Result<(), Failure> {
    ask(&args.dir, Command::Drain { on: !args.undo })?;
    loop {
        let said = ask(&args.dir, Command::Status)?;
        let still = ["results_in_progress", "to_validate", "to_assimilate"].map(|key| said[key].as_i64().unwrap_or(0));
        if args.undo || args.no_wait || still.iter().all(|count| *count == 0) {
            return show(&said, out);
        }
        out.go_on()?;
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// Stops and starts stages.
///
/// # Errors
/// What the server says.
pub fn stage(args: StageArgs, out: &Output) -> Result<(), Failure> {
    show(&ask(&args.dir, Command::Stage { name: args.stage, on: args.state == "on" })?, out)
}
