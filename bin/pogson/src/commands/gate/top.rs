//! `pogson gate top`.

mod screen;
mod table;

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use pogson_gate::control::{Order, tell};
use pogson_gate::seen::State;

use crate::failure::Failure;
use crate::output::Output;
use screen::Screen;
use table::Sort;

/// Time for a gate to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Watch a running gate: servers, queues, hits, reports
///
/// On a terminal it shows the figures anew until q or Ctrl-C; else, and with --once, it prints them once. Keys: n, l, w, r, e, h, f sort the
/// servers by name, load, waiting, requests, errors, hits, time to the first byte; the same again turns the order round; space holds the
/// screen still; q ends. A gate that goes away is waited for.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson gate top --socket gate.sock
  pogson gate top --url http://127.0.0.1:8081/ --sort load
  pogson gate top --url http://gate:8081/ --token-file admin.token
  pogson gate top --socket gate.sock --once
  pogson gate top --socket gate.sock --json")]
pub struct Args {
    /// The gate's admin address: http:// and admin.address of its configuration
    #[arg(long, value_name = "URL", conflicts_with = "socket", required_unless_present = "socket")]
    url: Option<String>,
    /// The gate's control socket: admin.socket of its configuration
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// File of the secret word that the gate asks for on other machines: admin.token_file of its configuration
    #[arg(long, value_name = "FILE", conflicts_with = "socket")]
    token_file: Option<PathBuf>,
    /// Seconds between two looks
    #[arg(long, value_name = "S", default_value_t = 1.0)]
    interval: f64,
    /// How servers are sorted
    #[arg(long, value_enum, default_value = "file")]
    sort: Sort,
    /// Print the figures once, on a terminal too
    #[arg(long)]
    once: bool,
}

/// Shows it.
///
/// # Errors
/// No gate answers at the beginning; a secret word that cannot be read (exit 3).
pub fn run(args: &Args, out: &Output) -> Result<(), Failure> {
    if !(0.05..=86_400.0).contains(&args.interval) {
        return Err(Failure::usage(format!("--interval {}: it is 0.05 to 86400 seconds", args.interval)));
    }
    let word = match &args.token_file {
        Some(path) => Some(std::fs::read_to_string(path).map_err(|error| Failure::io(path, &error))?),
        None => None,
    };
    let ask = || ask(args, word.as_deref().map(str::trim_end));
    let mut state = ask()?;
    if out.is_json() {
        return out.object(&state);
    }
    if args.once || !io::stdout().is_terminal() {
        return out.line(table::lines(&state, args.sort, false).join("\n"));
    }
    let screen = Screen::new();
    let (mut sort, mut turned, mut still) = (args.sort, false, false);
    let (mut trouble, mut asked) = (None, Instant::now());
    loop {
        let mut lines = table::lines(&state, sort, turned);
        let note = trouble.clone().or_else(|| still.then(|| "held still; space goes on".to_string()));
        if let Some(note) = note {
            lines.insert(0, note);
        }
        out.line(screen.fitted(lines))?;
        loop {
            // Ctrl-C is how one leaves this, not a failure.
            if out.go_on().is_err() {
                return Ok(());
            }
            match screen.key() {
                Some(b'q' | b'Q') => return Ok(()),
                Some(b' ') => still = !still,
                Some(key) => match Sort::of_key(key) {
                    Some(by) if by == sort => turned = !turned,
                    Some(by) => (sort, turned) = (by, false),
                    None => continue,
                },
                None if still || asked.elapsed().as_secs_f64() < args.interval => continue,
                None => {
                    asked = Instant::now();
                    match ask() {
                        Ok(now) => (state, trouble) = (now, None),
                        // The first words are what narrow terminals show.
                        Err(why) => trouble = Some(format!("trying again, what follows is old: {why}")),
                    }
                }
            }
            break;
        }
    }
}

fn ask(args: &Args, word: Option<&str>) -> Result<State, Failure> {
    if let Some(path) = &args.socket {
        let told = tell(path, &Order::State).map_err(|error| Failure::failed(error.to_string()))?;
        let older = || Failure::failed(format!("{}: the gate there is older and does not tell this", path.display()));
        return told.state.ok_or_else(older);
    }
    let url = args.url.as_deref().unwrap_or_default();
    let url = format!("{}/state", url.trim_end_matches('/').trim_end_matches("/state"));
    let text =
        pogson_report::get_as(&url, word, PATIENCE).map_err(|error| Failure::failed(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| Failure::failed(format!("{url}: this is no gate's state: {error}")))
}
