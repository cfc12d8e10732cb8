//! `pogson gate agent`.

use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::time::Duration;

use pogson_gate_agent::format::LineFormat;
use pogson_gate_agent::load::Source;
use pogson_gate_agent::rules::{Rule, Rules};
use pogson_gate_agent::run::{self, Event, Settings};
use pogson_report::{Key, Name, orca};

use crate::failure::Failure;
use crate::output::Output;

/// Report for a server that does not do so itself
///
/// Follows the access logs of nginx, Apache or another server, through their rotations, and tells a gate what they say, until told to
/// stop: requests and failures per second, what requests take, how many came from a cache. Fields that are read from nginx's formats:
/// request_time, upstream_response_time, upstream_cache_status (and X-Cache), request, request_uri, uri, status, http_pogson_class; from
/// Apache's: %D, %T, %r, %U, %s, %{X-Cache}o, %{cache-status}e, %{Pogson-Class}i.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
In patterns for --class and --product, ? stands for a character other than /, * for any number of them, ** for any number of any, and $
for the path's end; without $ a path's beginning is enough. The first that matches counts.

Examples:
  pogson gate agent --log /var/log/nginx/access.log --format '$remote_addr \"$request\" $status $request_time $upstream_cache_status'
         --report-to http://gate:8081/reports --name tiles-1 --key /etc/pogson/tiles-1.key --status http://127.0.0.1/stub_status
  pogson gate agent --log /var/log/apache2/access.log --format '%h %l %u %t \"%r\" %>s %b %D' --class /tiles/=1 --class '/cutout$=2'
         --report-to http://gate:8081/reports --name tiles-2 --key tiles-2.key --unit apache2
  pogson gate agent --log access.json --format json --field request_time=took --once --json")]
pub struct Args {
    /// An access log; may be given several times
    #[arg(long, value_name = "FILE", required = true)]
    log: Vec<PathBuf>,
    /// How its lines are written: nginx's log_format or Apache's LogFormat (what stands between their quotes), combined, common or json
    #[arg(long, value_name = "FORMAT", default_value = "combined", value_parser = LineFormat::parse)]
    format: LineFormat,
    /// With --format json: the key that holds request_time, upstream_response_time, cache_status, request, path, status or class; a dot
    /// leads into an object
    #[arg(long, value_name = "FIELD=KEY")]
    field: Vec<String>,
    /// Read what the logs hold already, too
    #[arg(long)]
    from_start: bool,
    /// Read what the logs hold, print the report, send nothing
    #[arg(long, conflicts_with_all = ["report_to", "name", "key"])]
    once: bool,
    /// The gate's address for reports; may be given several times
    #[arg(long, value_name = "URL", required_unless_present = "once")]
    report_to: Vec<String>,
    /// The server's name, as the gate has it
    #[arg(long, value_name = "NAME", required_unless_present = "once")]
    name: Option<Name>,
    /// The key that the gate has, too
    #[arg(long, value_name = "FILE", required_unless_present = "once")]
    key: Option<PathBuf>,
    /// Seconds between reports
    #[arg(long, value_name = "S", default_value_t = 0.5, value_parser = interval)]
    every: f64,
    /// The server's own status page: nginx's stub_status or Apache's server-status?auto
    #[arg(long, value_name = "URL")]
    status: Option<String>,
    #[command(flatten)]
    source: SourceArgs,
    /// A pattern of paths and the number of their class, for requests whose line does not say it
    #[arg(long, value_name = "PATTERN=N")]
    class: Vec<Rule>,
    /// A pattern of paths and the number of their product, by which costs are learned [default: all are 0]
    #[arg(long, value_name = "PATTERN=N")]
    product: Vec<Rule>,
}

/// Whose use of the processor is told.
#[derive(clap::Args, Debug)]
#[group(multiple = false)]
struct SourceArgs {
    /// Tell the use of the processor by this process and its children
    #[arg(long, value_name = "N")]
    pid: Option<u32>,
    /// The same, of the process whose number this file holds
    #[arg(long, value_name = "FILE")]
    pid_file: Option<PathBuf>,
    /// The same, of this unit of systemd, and its use of memory
    #[arg(long, value_name = "NAME")]
    unit: Option<String>,
}

impl SourceArgs {
    fn source(self) -> Source {
        let pid = self.pid.map(Source::Pid).or(self.pid_file.map(Source::PidFile));
        pid.or(self.unit.map(Source::Unit)).unwrap_or(Source::Nothing)
    }
}

fn interval(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.01..=3600.0).contains(seconds));
    seconds.ok_or_else(|| "seconds from 0.01 to 3600 are wanted".into())
}

/// Reports until it is interrupted.
///
/// # Errors
/// A format or key that is of no use, a log that cannot be read, an address that is none.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let mut format = args.format;
    for field in &args.field {
        let (name, key) = field
            .split_once('=')
            .ok_or_else(|| Failure::usage(format!("--field {field}: write FIELD=KEY, for example request_time=took")))?;
        if !matches!(format, LineFormat::Json(_)) {
            return Err(Failure::usage("--field names keys of JSON; it goes with --format json"));
        }
        format.rename(name, key).map_err(|error| Failure::usage(format!("--field {field}: {error}")))?;
    }
    if !format.has_time() {
        out.warn("the format does not say how long requests take ($request_time, %D): reports will hold no work and no costs");
    }
    let (name, key) = match (args.name, &args.key) {
        (Some(name), Some(path)) => (name, Key::read(path)?),
        // Nothing is signed or sent then.
        _ => ("once".parse().map_err(|error| Failure::failed(format!("{error}")))?, Key::new(&[0; 16])?),
    };
    let settings = Settings {
        logs: args.log,
        format,
        from_start: args.from_start || args.once,
        report_to: args.report_to,
        name,
        key,
        every: Duration::from_secs_f64(args.every),
        status: args.status,
        source: args.source.source(),
        classes: Rules(args.class),
        products: Rules(args.product),
    };
    if args.once {
        let report = run::once(&settings, |event| say(out, &event))?;
        return out.line(orca::write_body(&report));
    }
    out.note(format!("reporting as {} each {} s; end with Ctrl-C", settings.name, args.every));
    let (send, events) = channel();
    std::thread::scope(|scope| {
        scope.spawn(|| events.into_iter().for_each(|event| say(out, &event)));
        // Nobody listens any more only when this program ends.
        let tell = move |event| drop(send.send(event));
        Ok(run::run(settings, &out.interrupt_flag(), tell)?)
    })
}

fn say(out: &Output, event: &Event) {
    match event {
        Event::Arrives(url) => out.note(format!("{url}: reports arrive")),
        Event::Fails(error) => out.warn(error),
        Event::Unread(line) => {
            out.warn(format!("this line is not of the format, nor may others be; they are left out (--format): {line}"));
        }
        Event::Trouble(trouble) => out.warn(trouble),
    }
}
