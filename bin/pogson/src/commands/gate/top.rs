//! `pogson gate top`.

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use pogson_gate::control::{Order, tell};
use pogson_gate::seen::{PoolState, Seen, State};
use pogson_gate::served::ServerState;

use crate::failure::Failure;
use crate::output::Output;

/// Clears the screen and goes to its beginning.
const CLEAR: &str = "\x1b[H\x1b[2J";
/// Time for a gate to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Contexts that are shown.
const SHOWN: usize = 8;

/// Watch a running gate: servers, queues, hits, reports
///
/// On a terminal it shows the figures anew until Ctrl-C; else it prints them once.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson gate top --socket gate.sock
  pogson gate top --url http://127.0.0.1:8081/
  pogson gate top --socket gate.sock --json")]
pub struct Args {
    /// The gate's admin address: http:// and admin.address of its configuration
    #[arg(long, value_name = "URL", conflicts_with = "socket", required_unless_present = "socket")]
    url: Option<String>,
    /// The gate's control socket: admin.socket of its configuration
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Seconds between two looks
    #[arg(long, value_name = "S", default_value_t = 1.0)]
    interval: f64,
}

/// Shows it.
///
/// # Errors
/// No gate answers.
pub fn run(args: &Args, out: &Output) -> Result<(), Failure> {
    if !(0.05..=86_400.0).contains(&args.interval) {
        return Err(Failure::usage(format!("--interval {}: it is 0.05 to 86400 seconds", args.interval)));
    }
    if out.is_json() {
        return out.object(&ask(args)?);
    }
    let live = io::stdout().is_terminal();
    loop {
        let lines = lines(&ask(args)?);
        // In one piece, so that the screen does not flicker.
        out.line(format!("{}{}", if live { CLEAR } else { "" }, lines.join("\n")))?;
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

fn ask(args: &Args) -> Result<State, Failure> {
    if let Some(path) = &args.socket {
        let told = tell(path, &Order::State).map_err(|error| Failure::failed(error.to_string()))?;
        let older = || Failure::failed(format!("{}: the gate there is older and does not tell this", path.display()));
        return told.state.ok_or_else(older);
    }
    let url = args.url.as_deref().unwrap_or_default();
    let url = format!("{}/state", url.trim_end_matches('/').trim_end_matches("/state"));
    let text = pogson_report::get(&url, PATIENCE).map_err(|error| Failure::failed(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| Failure::failed(format!("{url}: this is no gate's state: {error}")))
}

fn lines(state: &State) -> Vec<String> {
    let now = state.history.last().copied().unwrap_or_default();
    let mut lines = vec![
        format!(
            "version {}, up {:.0} s{}: {:.0} requests/s, {:.0} refused/s, hits {}, {} connections",
            state.version,
            state.uptime_s,
            if state.drains { ", ending" } else { "" },
            now.requests,
            now.refused,
            percent(now.hit_rate),
            state.connections,
        ),
        format!(
            "in all {} requests, {} refused, {} cut short, {} malformed, {} lines of the log lost",
            state.requests, state.refused, state.cut, state.malformed, state.log_lines_lost
        ),
    ];
    for pool in &state.pools {
        lines.extend(of_pool(pool));
    }
    if !state.contexts.is_empty() {
        lines.push(String::new());
        lines.push("contexts asked for most".into());
        lines.extend(state.contexts.iter().take(SHOWN).map(|(name, count)| format!("{count:>12}  {name}")));
    }
    lines
}

fn of_pool(pool: &PoolState) -> Vec<String> {
    let [high, medium, low] = pool.waiting;
    let mut lines = vec![
        String::new(),
        format!("{} ({}): {} bindings; waiting {high} high, {medium} medium, {low} low", pool.name, pool.policy, pool.table),
        format!(
            "{:20} {:10} {:>6} {:>6} {:>6} {:>8} {:>6} {:>9} {:>7} {:>6} {:>8} {:>8}",
            "server", "state", "active", "limit", "waits", "work s", "slow", "requests", "5xx", "hits", "first ms", "report s"
        ),
    ];
    for Seen { server, requests, errors, hit_rate, first_ms, report, .. } in &pool.servers {
        let ServerState { name, state, active, limit, waiting, work_s, slowness, .. } = server;
        let limit = if *limit == u32::MAX { "-".to_string() } else { limit.to_string() };
        let first = first_ms.map_or("-".into(), |time| format!("{time:.1}"));
        let age = report.as_ref().map_or("-".into(), |report| format!("{:.1}", report.age_ms as f64 / 1000.0));
        lines.push(format!(
            "{name:20} {state:10} {active:>6} {limit:>6} {waiting:>6} {work_s:>8.3} {slowness:>6.2} {requests:>9} {errors:>7} {:>6} {first:>8} {age:>8}",
            percent(*hit_rate)
        ));
    }
    for class in pool.classes.iter().filter(|class| !class.refused.is_empty()) {
        let refused: Vec<String> = class.refused.iter().map(|(why, count)| format!("{why} {count}")).collect();
        lines.push(format!("class {}: {} requests, refused: {}", class.name, class.requests, refused.join(", ")));
    }
    lines
}

fn percent(share: Option<f64>) -> String {
    share.map_or("-".into(), |share| format!("{:.1}%", share * 100.0))
}
