//! What `pogson gate top` shows, as lines.

use std::cmp::Ordering;

use pogson_gate::seen::{PoolState, Seen, State};
use pogson_gate::served::ServerState;

/// Contexts that are shown.
const SHOWN: usize = 8;
/// Characters of a name that are shown.
const NAME: usize = 24;

/// How servers are sorted; figures with the most first.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// As the configuration has them
    File,
    /// By name
    Name,
    /// By predicted work
    Load,
    /// By requests that wait
    Waiting,
    /// By requests so far
    Requests,
    /// By replies with a status from 500 on
    Errors,
    /// By the share of hits
    Hits,
    /// By the mean time to the head of a reply
    First,
}

impl Sort {
    /// What a key stands for.
    pub(super) fn of_key(key: u8) -> Option<Self> {
        Some(match key.to_ascii_lowercase() {
            b'n' => Self::Name,
            b'l' => Self::Load,
            b'w' => Self::Waiting,
            b'r' => Self::Requests,
            b'e' => Self::Errors,
            b'h' => Self::Hits,
            b'f' => Self::First,
            _ => return None,
        })
    }

    fn of(self, a: &Seen, b: &Seen) -> Ordering {
        let share = |seen: &Seen| seen.hit_rate.unwrap_or(-1.0);
        let first = |seen: &Seen| seen.first_ms.unwrap_or(-1.0);
        match self {
            Self::File => Ordering::Equal,
            Self::Name => a.server.name.cmp(&b.server.name),
            Self::Load => b.server.work_s.total_cmp(&a.server.work_s).then(b.server.active.cmp(&a.server.active)),
            Self::Waiting => b.server.waiting.cmp(&a.server.waiting),
            Self::Requests => b.requests.cmp(&a.requests),
            Self::Errors => b.errors.cmp(&a.errors),
            Self::Hits => share(b).total_cmp(&share(a)),
            Self::First => first(b).total_cmp(&first(a)),
        }
    }
}

/// All of it.
///
/// - `turned`: the order of servers is the other way round.
pub(super) fn lines(state: &State, sort: Sort, turned: bool) -> Vec<String> {
    let now = state.history.last().copied().unwrap_or_default();
    let mut lines = vec![
        format!(
            "{:.0} requests/s, {:.0} turned away/s, hits {}, {} connections; up {:.0} s{}, version {}",
            now.requests,
            now.refused,
            percent(now.hit_rate),
            state.connections,
            state.uptime_s,
            if state.drains { ", ending" } else { "" },
            state.version,
        ),
        format!(
            "in all {} requests, {} turned away, {} cut short, {} malformed, {} lines of the log lost",
            state.requests, state.refused, state.cut, state.malformed, state.log_lines_lost
        ),
    ];
    for pool in &state.pools {
        lines.extend(of_pool(pool, sort, turned));
    }
    if !state.contexts.is_empty() {
        lines.push(String::new());
        lines.push(format!("{:>12}  contexts asked for most, and where they are cached", "requests"));
        for (name, count) in state.contexts.iter().take(SHOWN) {
            let all = state.pools.iter().flat_map(|pool| &pool.bindings);
            let holders: Vec<&str> =
                all.filter(|(other, _)| other == name).flat_map(|(_, names)| names.iter().map(String::as_str)).collect();
            lines.push(format!("{count:>12}  {}  {}", plain(name), plain(&holders.join(", "))));
        }
    }
    lines
}

fn of_pool(pool: &PoolState, sort: Sort, turned: bool) -> Vec<String> {
    let [high, medium, low] = pool.waiting;
    let hedges = match pool.hedges {
        [0, _] => String::new(),
        [asked, won] => format!("; hedged {asked}, won {won}"),
    };
    let mut servers: Vec<&Seen> = pool.servers.iter().collect();
    servers.sort_by(|a, b| sort.of(a, b));
    if turned {
        servers.reverse();
    }
    let longest = servers.iter().map(|seen| seen.server.name.chars().count()).max().unwrap_or(0);
    let width = longest.clamp(6, NAME);
    let mut lines = vec![
        String::new(),
        format!("{} ({}): {} bindings; waiting {high} high, {medium} medium, {low} low{hedges}", plain(&pool.name), pool.policy, pool.table),
        // What matters most comes first: narrow terminals cut lines off.
        format!(
            "{:width$} {:10} {:>6} {:>6} {:>6} {:>8} {:>6} {:>9} {:>7} {:>8} {:>6} {:>8}",
            "server", "state", "active", "limit", "waits", "work s", "hits", "requests", "5xx", "first ms", "slow", "report s"
        ),
    ];
    for Seen { server, requests, errors, hit_rate, first_ms, report, .. } in servers {
        let ServerState { name, state, active, limit, waiting, work_s, slowness, .. } = server;
        let name: String = plain(name).chars().take(NAME).collect();
        let limit = if *limit == u32::MAX { "-".to_string() } else { limit.to_string() };
        let first = first_ms.map_or("-".into(), |time| format!("{time:.1}"));
        let age = report.as_ref().map_or("-".into(), |report| format!("{:.1}", report.age_ms as f64 / 1000.0));
        lines.push(format!(
            "{name:width$} {state:10} {active:>6} {limit:>6} {waiting:>6} {work_s:>8.3} {:>6} {requests:>9} {errors:>7} {first:>8} {slowness:>6.2} {age:>8}",
            percent(*hit_rate)
        ));
    }
    for class in pool.classes.iter().filter(|class| !class.refused.is_empty()) {
        let refused: Vec<String> = class.refused.iter().map(|(why, count)| format!("{why} {count}")).collect();
        let name = plain(&class.name);
        lines.push(format!("class {name}: {} requests, turned away: {}", class.requests, refused.join(", ")));
    }
    lines
}

/// What is no command to the terminal, and turns no line round.
fn plain(text: &str) -> String {
    let turns = |letter| matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|letter| if letter.is_control() || turns(letter) { '?' } else { letter }).collect()
}

fn percent(share: Option<f64>) -> String {
    share.map_or("-".into(), |share| format!("{:.1}%", share * 100.0))
}
