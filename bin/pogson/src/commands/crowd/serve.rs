//! `pogson crowd serve`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use pogson_crowd::engine::{Clock, SystemClock};
use pogson_crowd::project::Project;
use pogson_crowd::serve::{Roles, Server};
use pogson_site::{Comparison, Galaxies, GalaxyPages, Settings};
use tracing_subscriber::EnvFilter;

use crate::failure::Failure;
use crate::output::Output;

/// Serve a project until it is told to stop
///
/// One process does all: pages, scheduler, uploads and downloads, validation, assimilation, deletion. SIGTERM and SIGINT end it
/// after what was begun; it can be killed at any moment, and goes on where it was.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson crowd serve pogs
  pogson crowd serve pogs --listen 0.0.0.0:8080 --log-json
  pogson crowd serve pogs --metrics 127.0.0.1:9464
  pogson crowd serve pogs --process two --listen 127.0.0.1:8082
  RUST_LOG=debug pogson crowd serve pogs")]
pub struct Args {
    /// The project's folder
    dir: PathBuf,
    /// Address to listen at [default: pogson.toml's, or host and port of the project's address]
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// Address to serve metrics at, as /metrics, for Prometheus and its like; not the public's [default: pogson.toml's, or nowhere]
    #[arg(long, value_name = "HOST:PORT")]
    metrics: Option<String>,
    /// Name of this process, where several serve one PostgreSQL database; letters and digits [default: pogson.toml's, or main]
    #[arg(long, value_name = "NAME")]
    process: Option<String>,
    /// Write logs as JSON, one object on a line
    #[arg(long)]
    log_json: bool,
    /// How outputs of galaxies are compared
    #[arg(long, value_enum, default_value_t = Compare::Exact)]
    compare: Compare,
    /// Galaxies: CPU seconds up to which a unit packs areas; one area at least
    #[arg(long, value_name = "S", default_value_t = 0.0)]
    target_seconds: f64,
    /// File that holds the time, seconds of Unix time, instead of the machine's clock: for simulations
    #[arg(long, value_name = "FILE")]
    clock_file: Option<PathBuf>,
}

/// How outputs of galaxies are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Compare {
    /// Byte by byte
    Exact,
    /// Numbers within 1e-4 of each other, as theSkyNet POGS did
    Tolerant,
}

/// Time that a file shows.
struct FileClock(PathBuf);

impl Clock for FileClock {
    fn now(&self) -> i64 {
        let text = std::fs::read_to_string(&self.0).unwrap_or_default();
        let time: Option<f64> = text.trim().parse().ok();
        time.map_or_else(|| SystemClock.now(), |time| time as i64)
    }
}

/// Serves.
///
/// # Errors
/// A folder that is none, an address in use, a database that cannot be opened.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    log(args.log_json);
    end_with_threads();
    let mut project = Project::open(&args.dir)?;
    if let Some(name) = args.process {
        if project.config.database.url.is_empty() && name != project.config.server.process {
            return Err(Failure::usage(format!("--process {name}: several processes need PostgreSQL (init --database)")));
        }
        project.config.server.process = name;
    }
    if let Some(address) = args.metrics {
        project.config.server.metrics = address;
    }
    let galaxies = Galaxies::new(&project.dir, Settings { target_seconds: args.target_seconds, ..Settings::default() });
    let mut roles = Roles::default();
    let app = Settings::default().app;
    roles.generators.push(Box::new(galaxies.generator()));
    roles.sections.push(Arc::new(GalaxyPages::new(galaxies.clone())));
    let comparison = if args.compare == Compare::Exact { Comparison::Exact } else { Comparison::Tolerant };
    roles.validators.insert(app.clone(), Arc::new(galaxies.validator(comparison)));
    roles.refitters.insert(app.clone(), Box::new(galaxies.refitter()));
    roles.keepers.push(Box::new(galaxies.keeper(project.settings().keep)));
    roles.assimilators.insert(app, Box::new(galaxies.assimilator()));
    roles.add_programs(&project).map_err(|error| Failure::bad_input(error.to_string()))?;
    let clock: Arc<dyn Clock> = match args.clock_file {
        Some(file) => Arc::new(FileClock(file)),
        None => Arc::new(SystemClock),
    };
    let url = project.address.to_string();
    let seed = SystemClock.now().unsigned_abs() ^ u64::from(std::process::id());
    let server = Server::start(project, roles, args.listen.as_deref(), clock, seed)?;
    if let Some(address) = server.address() {
        out.note(format!("{url} is served at {address}; end with Ctrl-C"));
    }
    if let Some(address) = server.metrics_address() {
        out.note(format!("metrics are at http://{address}/metrics"));
    }
    let stop = server.stopper();
    let interrupted = out.interrupt_flag();
    std::thread::spawn(move || {
        while !interrupted.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(100));
        }
        stop();
    });
    Ok(server.run()?)
}

/// A server that lost one of its threads to a fault would answer no more: it ends, and what started it starts it again; nothing that
/// was acknowledged is lost by that. Handlers of single requests are spared.
fn end_with_threads() {
    std::panic::set_hook(Box::new(|fault| {
        use std::io::Write;
        // Nobody may be there to read it.
        let _ = writeln!(std::io::stderr(), "{fault}");
        let name = std::thread::current().name().unwrap_or("").to_owned();
        if !name.starts_with("tokio") && name != "command" {
            std::process::abort();
        }
    }));
}

fn log(json: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    // A log that cannot be written, as on a full disk, must not end the thread that writes it.
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).log_internal_errors(false);
    // Another part of the program may have begun a log before.
    let _ = if json { log.json().try_init() } else { log.with_ansi(false).try_init() };
}
