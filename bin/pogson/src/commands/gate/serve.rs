//! `pogson gate serve`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pogson_gate::config::{Config, ListenAddress};
use pogson_gate::serve::{Gate, Lines};
use signal_hook::consts::{SIGHUP, SIGUSR1};

use crate::failure::Failure;
use crate::output::Output;

/// How often it looks for signals.
const LOOK: Duration = Duration::from_millis(50);
/// Least time between two words about the access log.
const TELLS: Duration = Duration::from_secs(10);

/// Serve what a configuration says until told to stop
///
/// SIGTERM and SIGINT end it after what is under way, for which there is `times.drain`; a second signal ends it at once. SIGHUP reads the
/// configuration again: if that is right, requests that come from then on are served by it; if not, the old one is served on. SIGUSR1 opens
/// the access log anew, for those who have moved its file away. With --take-over it takes the place of the gate that has the same control socket, and no connection is refused meanwhile.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson gate serve --config gate.toml
  pogson gate serve --config gate.toml --workers 4 --listen 127.0.0.1:8080
  pogson gate serve --config gate.toml --take-over
  kill -HUP PID
  mv access.log access.log.1 && kill -USR1 PID")]
pub struct Args {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Threads that carry requests [default: the configuration's, or as many as there are processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
    /// Address to listen at in place of the configuration's; it has one listener then
    #[arg(long, value_name = "ADDR")]
    listen: Option<ListenAddress>,
    /// Take the place of the gate that is running, which admin.socket of the configuration leads to
    #[arg(long)]
    take_over: bool,
}

/// Serves.
///
/// # Errors
/// A configuration that is wrong (exit 3), an address that cannot be listened on.
pub fn run(args: &Args, out: &Output) -> Result<(), Failure> {
    let config = read(args, out)?;
    let reload = Arc::new(AtomicBool::new(false));
    let reopen = Arc::new(AtomicBool::new(false));
    for (signal, flag) in [(SIGHUP, &reload), (SIGUSR1, &reopen)] {
        signal_hook::flag::register(signal, flag.clone())
            .map_err(|error| Failure::failed(format!("signals cannot be watched: {error}")))?;
    }
    let unix = config.listen.iter().filter(|listen| matches!(listen.address, ListenAddress::Unix(_)));
    let unix: Vec<String> = unix.map(|listen| listen.address.to_string()).collect();
    let started = if args.take_over { Gate::take_over(config) } else { Gate::start(config) };
    let gate = started.map_err(|error| Failure::failed(error.to_string()))?;
    for address in gate.addresses().iter().map(ToString::to_string).chain(unix) {
        out.note(format!("listening on {address}"));
    }
    if let Some(address) = gate.admin_address() {
        out.note(format!("reports, metrics and the live page are at http://{address}/"));
    }
    let interrupted = out.interrupt_flag();
    let mut watch = LogWatch::default();
    out.ends_by_itself();
    while !interrupted.load(Ordering::Relaxed) && !gate.drains() {
        thread::sleep(LOOK);
        if reload.swap(false, Ordering::Relaxed) {
            let result = read(args, out).and_then(|config| gate.reload(config).map_err(|why| Failure::failed(why.to_string())));
            match result {
                Ok(()) => out.note(format!("{} is served as it is now", args.config.display())),
                Err(error) => out.warn(format!("the old configuration is served on: {error}")),
            }
        }
        if reopen.swap(false, Ordering::Relaxed)
            && let Err(why) = gate.reopen_log()
        {
            out.warn(format!("the access log goes on in its old file: {why}"));
        }
        watch.looks(gate.lines(), out);
    }
    out.note("no more connections are accepted; what is under way ends");
    let lines = gate.finish().map_err(|error| Failure::failed(error.to_string()))?;
    watch.tells(lines, out);
    Ok(())
}

/// Says when lines of the access log are lost, and when no more are.
#[derive(Default)]
struct LogWatch {
    told: Lines,
    /// When that was, while lines are lost.
    at: Option<Instant>,
}

impl LogWatch {
    fn looks(&mut self, now: Lines, out: &Output) {
        match self.at {
            Some(at) if at.elapsed() < TELLS => {}
            _ if now.lost > self.told.lost => self.tells(now, out),
            // Without requests there is nothing to be lost or written.
            Some(_) if now.written > self.told.written => {
                out.warn(format!("the access log is written again; {} lines of it were lost in all", now.lost));
                self.at = None;
            }
            _ => {}
        }
    }

    fn tells(&mut self, now: Lines, out: &Output) {
        let lost = now.lost - self.told.lost;
        if lost > 0 {
            out.warn(format!("{lost} lines of the access log were not written: the disk is full or too slow"));
            (self.told, self.at) = (now, Some(Instant::now()));
        }
    }
}

fn read(args: &Args, out: &Output) -> Result<Config, Failure> {
    let path: &Path = &args.config;
    let read = Config::read_with_doubts(path);
    let (mut config, doubts) = read.map_err(|error| Failure::bad_input(error.to_string()))?;
    for doubt in doubts {
        out.warn(doubt);
    }
    if let Some(workers) = args.workers {
        config.workers = usize::from(workers);
    }
    if let Some(address) = &args.listen {
        let [listen] = config.listen.as_mut_slice() else {
            let count = config.listen.len();
            return Err(Failure::usage(format!("--listen: {} has {count} listeners, not one", path.display())));
        };
        listen.address = address.clone();
    }
    Ok(config)
}
