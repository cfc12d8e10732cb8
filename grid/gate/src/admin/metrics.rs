//! Figures in the text form that Prometheus reads (exposition format 0.0.4).

use std::fmt::{Display, Write};
use std::sync::PoisonError;

use crate::books::{self, BOUNDS_S, REFUSALS, Row, Sum, TOKENS, Times};
use crate::desk::{Choice, RESULTS, SaidState};
use crate::reports::now_ms;
use crate::serve::Hub;
use crate::served::ServerState;

/// Names of levels.
const LEVELS: [&str; 3] = ["high", "medium", "low"];
/// Hundreds of statuses.
const STATUSES: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// A text that grows.
struct Text(String);

impl Text {
    /// A family of figures begins.
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Text has always room.
        let _ = writeln!(self.0, "# HELP pogson_gate_{name} {help}\n# TYPE pogson_gate_{name} {kind}");
    }

    fn figure(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let _ = write!(self.0, "pogson_gate_{name}");
        for (at, (label, text)) in labels.iter().enumerate() {
            let _ = write!(self.0, "{}{label}=\"", if at == 0 { '{' } else { ',' });
            for letter in text.chars() {
                match letter {
                    '\\' => self.0.push_str("\\\\"),
                    '"' => self.0.push_str("\\\""),
                    '\n' => self.0.push_str("\\n"),
                    plain => self.0.push(plain),
                }
            }
            self.0.push('"');
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.figure(name, &[], value);
    }

    fn times(&mut self, name: &str, pool: &str, times: &Times) {
        let (bucket, mut count) = (format!("{name}_bucket"), 0);
        for (at, of_class) in times.counts.iter().enumerate() {
            count += of_class;
            let bound = BOUNDS_S.get(at).map_or("+Inf".to_string(), ToString::to_string);
            self.figure(&bucket, &[("pool", pool), ("le", &bound)], count);
        }
        self.figure(&format!("{name}_sum"), &[("pool", pool)], times.sum_s);
        self.figure(&format!("{name}_count"), &[("pool", pool)], count);
    }
}

/// All figures.
pub(super) fn text(hub: &Hub) -> String {
    let sum = books::sum(&hub.books);
    let mut to = Text(String::with_capacity(16 << 10));
    to.family("info", "gauge", "The program.");
    to.figure("info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    to.one("uptime_seconds", "gauge", "Time since the gate began.", hub.watch.uptime_s());
    to.one("open_connections", "gauge", "Connections of clients that are open.", sum.open);
    to.one("connections_total", "counter", "Connections of clients.", sum.connections);
    let help = "Connections that were closed at once, because there were as many as may be.";
    to.one("crowded_connections_total", "counter", help, sum.crowded);
    to.one("malformed_total", "counter", "What came and was no request.", sum.malformed);
    let (written, lost) = hub.log.counts();
    to.one("log_lines_total", "counter", "Lines of the access log that were written.", written);
    to.one("log_lines_lost_total", "counter", "Lines of the access log that were not.", lost);
    to.family("tokens_refused_total", "counter", "Tokens that were not believed.");
    for ((_, word), count) in TOKENS.iter().zip(sum.tokens) {
        to.figure("tokens_refused_total", &[("reason", word)], count);
    }
    rows(&mut to, &sum);
    times(&mut to, &sum);
    pools(&mut to, hub);
    to.0
}

fn rows(to: &mut Text, sum: &Sum) {
    to.family(
        "requests_total",
        "counter",
        "Requests, by the hundreds of their statuses; none: the client left before there was any.",
    );
    for (whose, row) in &sum.rows {
        for (status, count) in STATUSES.iter().zip(row.by_status).filter(|(_, count)| *count > 0) {
            let labels =
                [("pool", &*whose.pool), ("server", &*whose.server), ("class", &*whose.class), ("code", *status)];
            to.figure("requests_total", &labels, count);
        }
    }
    let mut each = |name: &str, help: &str, of: fn(&Row) -> u64| {
        to.family(name, "counter", help);
        for (whose, row) in &sum.rows {
            let labels = [("pool", &*whose.pool), ("server", &*whose.server), ("class", &*whose.class)];
            to.figure(name, &labels, of(row));
        }
    };
    each("hits_total", "Replies from a server's cache, where it says so.", |row| row.hits);
    each("misses_total", "Replies that were not in a server's cache, where it says so.", |row| row.misses);
    each("unexpected_misses_total", "Misses where a hit was expected.", |row| row.unexpected_misses);
    each("retries_total", "Further tries after a server failed.", |row| row.retries);
    each("hedges_total", "Requests that a second server was asked for as well, by the one that replied.", |row| {
        row.hedges[0]
    });
    each("hedges_won_total", "Those to which the second server replied.", |row| row.hedges[1]);
    each("cut_total", "Replies that were cut short, by server or client.", |row| row.cut);
    each("received_bytes_total", "Bytes of the bodies of requests.", |row| row.bytes[0]);
    each("sent_bytes_total", "Bytes of the bodies of replies.", |row| row.bytes[1]);
    to.family("choices_total", "counter", "Why requests went to the servers that they went to.");
    for (whose, row) in sum.rows.iter().filter(|(whose, _)| whose.server != "-") {
        for (choice, count) in Choice::ALL.into_iter().zip(row.choices).filter(|(_, count)| *count > 0) {
            let labels = [
                ("pool", &*whose.pool),
                ("server", &*whose.server),
                ("class", &*whose.class),
                ("reason", choice.word()),
            ];
            to.figure("choices_total", &labels, count);
        }
    }
}

fn times(to: &mut Text, sum: &Sum) {
    let mut pools: Vec<&str> = sum.rows.keys().map(|whose| whose.pool.as_str()).collect();
    pools.dedup();
    let rows: Vec<(&str, Row)> = pools.into_iter().map(|pool| (pool, sum.of(|whose| whose.pool == pool))).collect();
    to.family("refused_total", "counter", "Requests that were turned away.");
    for (pool, row) in rows.iter().filter(|(pool, _)| *pool != "-") {
        for (level, counts) in LEVELS.iter().zip(row.refused) {
            for (why, count) in REFUSALS.iter().zip(counts) {
                to.figure("refused_total", &[("pool", pool), ("level", level), ("reason", why.word())], count);
            }
        }
    }
    type Of = fn(&Row) -> &Times;
    let kinds: [(&str, &str, Of); 3] = [
        ("waited_seconds", "Time that requests waited in the gate for a server.", |row| &row.waited),
        ("first_byte_seconds", "Time from a request to the head of its reply.", |row| &row.first),
        ("request_seconds", "Time from a request to the end of its reply.", |row| &row.whole),
    ];
    for (name, help, of) in kinds {
        to.family(name, "histogram", help);
        for (pool, row) in &rows {
            to.times(name, pool, of(row));
        }
    }
}

fn pools(to: &mut Text, hub: &Hub) {
    let plan = hub.plan();
    let now_ms = now_ms();
    let pools: Vec<_> = plan
        .running
        .pools()
        .map(|(pool, desk)| (&pool.name, desk.figures(), desk.states(&pool.name), desk.said(now_ms), desk.endpoints()))
        .collect();
    to.family("table_entries", "gauge", "Entries of the policy's table.");
    for (pool, (entries, _), ..) in &pools {
        to.figure("table_entries", &[("pool", pool)], entries);
    }
    to.family("waiting", "gauge", "Requests that wait in the gate.");
    for (pool, (_, waiting), ..) in &pools {
        for (level, count) in LEVELS.iter().zip(waiting) {
            to.figure("waiting", &[("pool", pool), ("level", level)], count);
        }
    }
    type Of = fn(&ServerState) -> f64;
    let kinds: [(&str, &str, &str, Of); 9] = [
        ("server_up", "gauge", "Whether a server takes requests.", |server| f64::from(u8::from(server.state == "up"))),
        ("server_active", "gauge", "Requests at a server.", |server| f64::from(server.active)),
        ("server_limit", "gauge", "Requests that may be at a server.", |server| f64::from(server.limit)),
        (
            "server_slow_readers",
            "gauge",
            "Requests at a server whose clients do not take what it has for them.",
            |server| f64::from(server.slow),
        ),
        ("server_waiting", "gauge", "Requests that wait for a server.", |server| server.waiting as f64),
        ("server_work_seconds", "gauge", "Predicted work of a server, that of others included.", |server| {
            server.work_s
        }),
        ("server_slowness", "gauge", "Time that a server's work takes by that of others.", |server| server.slowness),
        ("server_contexts", "gauge", "Contexts that a server is taken to have cached.", |server| {
            server.contexts as f64
        }),
        ("server_ejections_total", "counter", "Times that a server failed too often.", |server| {
            server.ejections as f64
        }),
    ];
    for (name, kind, help, of) in kinds {
        to.family(name, kind, help);
        for (pool, _, servers, ..) in &pools {
            for server in servers {
                to.figure(name, &[("pool", pool), ("server", &server.name)], of(server));
            }
        }
    }
    to.family("reports_total", "counter", "Reports of servers, by what became of them.");
    for (pool, _, _, (_, results), _) in &pools {
        for (word, count) in RESULTS.iter().zip(results) {
            to.figure("reports_total", &[("pool", pool), ("result", word)], count);
        }
    }
    let strangers = *hub.watch.strangers.lock().unwrap_or_else(PoisonError::into_inner);
    for (word, count) in RESULTS.iter().zip(strangers).filter(|(_, count)| *count > 0) {
        to.figure("reports_total", &[("pool", "-"), ("result", word)], count);
    }
    type OfSaid = fn(&SaidState) -> f64;
    let kinds: [(&str, &str, &str, OfSaid); 2] = [
        ("report_age_seconds", "gauge", "Time since a server's last report.", |said| said.age_ms as f64 / 1000.0),
        ("reports_lost_total", "counter", "Signed reports that never came.", |said| said.lost as f64),
    ];
    for (name, kind, help, of) in kinds {
        to.family(name, kind, help);
        for (pool, _, _, (said, _), servers) in &pools {
            for server in servers {
                if let Some(said) = said.get(&server.number) {
                    to.figure(name, &[("pool", pool), ("server", &server.name)], of(said));
                }
            }
        }
    }
}
