//! `pogson wire top`.

use std::collections::HashMap;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use pogson_wire::report::{self, Process, Report};

use super::Socket;
use super::table;
use crate::failure::Failure;
use crate::output::Output;

/// Clears the screen and goes to its beginning.
const CLEAR: &str = "\x1b[H\x1b[2J";

/// Watch what processes send by shared memory and by TCP
///
/// On a terminal it shows the figures anew until Ctrl-C; else it prints them once.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson wire top
  pogson wire top --interval 5 --connections
  pogson wire top | grep redis")]
pub struct Args {
    #[command(flatten)]
    socket: Socket,
    /// Seconds between two looks
    #[arg(long, value_name = "S", default_value_t = 1.0)]
    interval: f64,
    /// Each connection, too
    #[arg(long)]
    connections: bool,
}

/// Shows it.
///
/// # Errors
/// No daemon answers.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    if !(0.05..=86_400.0).contains(&args.interval) {
        return Err(Failure::usage(format!("--interval {}: it is 0.05 to 86400 seconds", args.interval)));
    }
    let path = args.socket.path();
    if out.is_json() {
        return out.object(&report::ask(&path, true)?);
    }
    let live = io::stdout().is_terminal();
    let mut before = None;
    loop {
        let seen = (report::ask(&path, true)?, Instant::now());
        let lines = lines(&path, &seen, before.as_ref(), args.connections);
        // In one piece, so that the screen does not flicker.
        out.line(format!("{}{}", if live { CLEAR } else { "" }, lines.join("\n")))?;
        before = Some(seen);
        let until = Instant::now() + Duration::from_secs_f64(args.interval);
        while Instant::now() < until {
            // Ctrl-C is how one leaves this, not a failure.
            if !live || out.go_on().is_err() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}

fn lines(path: &Path, seen: &(Report, Instant), before: Option<&(Report, Instant)>, connections: bool) -> Vec<String> {
    let (report, now) = seen;
    let mut lines = vec![format!("{}, version {}", path.display(), report.version)];
    lines.extend(table::totals(report));
    lines.push(String::new());
    lines.push(table::HEADS.into());
    let past = before.map(|(past, when)| {
        let processes = past.details.iter().flatten();
        let by_session: HashMap<u64, &Process> = processes.map(|process| (process.session, process)).collect();
        (by_session, now.duration_since(*when).as_secs_f64())
    });
    for process in report.details.iter().flatten() {
        let past = past.as_ref().and_then(|(past, seconds)| Some((*past.get(&process.session)?, *seconds)));
        lines.push(table::process(process, past));
        if connections {
            lines.extend(process.ends.iter().map(|end| format!("{:15}{}", "", table::connection(end))));
        }
    }
    lines
}
