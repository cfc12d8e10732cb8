//! What can be seen of a gate: reports of servers and what follows from them, figures, logs.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pogson_gate::config::Config;
use pogson_gate::control::{Order, tell};
use pogson_gate::seen::State;
use pogson_gate::serve::Gate;
use pogson_report::{Key, MARK_HEADER, Report, Sender, Signed};

/// A server that says its name, with further fields.
struct Back {
    address: SocketAddr,
    fields: Arc<Mutex<String>>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Back {
    fn start(name: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (fields, requests) = (Arc::<Mutex<String>>::default(), Arc::<Mutex<Vec<String>>>::default());
        let (said, seen) = (fields.clone(), requests.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (said, seen) = (said.clone(), seen.clone());
                thread::spawn(move || answer(&stream, name, &said, &seen));
            }
        });
        Self { address, fields, requests }
    }

    fn entry(&self, name: &str) -> String {
        format!("[[pool.server]]\nname = \"{name}\"\naddress = \"http://{}\"\nslow_start = \"0s\"\n", self.address)
    }

    fn says(&self, fields: impl Into<String>) {
        *self.fields.lock().expect("fields") = fields.into();
    }

    fn count(&self) -> usize {
        self.requests.lock().expect("requests").len()
    }
}

fn answer(stream: &TcpStream, name: &str, said: &Mutex<String>, seen: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(stream).lines();
    let mut stream = stream;
    loop {
        let mut head = String::new();
        loop {
            match lines.next() {
                Some(Ok(line)) if line.is_empty() => break,
                Some(Ok(line)) => head.push_str(&(line + "\n")),
                _ => return,
            }
        }
        let status = if head.contains("/missing") { 404 } else { 200 };
        seen.lock().expect("requests").push(head);
        let fields = said.lock().expect("fields").clone();
        let text = format!("HTTP/1.1 {status} X\r\n{fields}Content-Length: {}\r\n\r\n{name}", name.len());
        if stream.write_all(text.as_bytes()).is_err() {
            return;
        }
    }
}

struct World {
    folder: tempfile::TempDir,
    gate: Gate,
    key: Key,
}

impl World {
    /// - `more`: text of the configuration before the pool; `LOG` in it is the path of a log.
    fn new(more: &str, pool: &str, servers: &[String]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("key"), "0123456789abcdef0123\n").expect("a key");
        fs::write(folder.path().join("token"), "a word that is long enough\n").expect("a word");
        let config = Self::config(folder.path(), more, pool, servers);
        let gate = Gate::start(config).expect("a gate");
        Self { folder, gate, key: Key::new(b"0123456789abcdef0123").expect("a key") }
    }

    fn config(folder: &Path, more: &str, pool: &str, servers: &[String]) -> Config {
        let text = format!(
            "workers = 2\n{more}[[listen]]\naddress = \"127.0.0.1:0\"\n\
             [admin]\naddress = \"127.0.0.1:0\"\nsocket = \"gate.sock\"\ntoken_file = \"token\"\n\
             [[pool]]\nreports = {{ key_file = \"key\", stale_after = \"1s\" }}\n{pool}{}",
            servers.concat(),
        );
        let path = folder.join("gate.toml");
        fs::write(&path, text).expect("a file");
        Config::read(&path).unwrap_or_else(|why| panic!("{why}"))
    }

    fn get(&self, path: &str) -> (u16, String) {
        ask(self.gate.addresses()[0], &format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))
    }

    fn admin(&self) -> SocketAddr {
        self.gate.admin_address().expect("an address")
    }

    fn page(&self, path: &str) -> (u16, String) {
        let host = self.admin();
        ask(host, &format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"))
    }

    fn state(&self) -> State {
        let (status, text) = self.page("/state");
        assert_eq!(status, 200);
        serde_json::from_str(&text).expect("a state")
    }

    fn sender(&self, name: &str) -> Sender {
        Sender::new(name.parse().expect("a name"), self.key.clone())
    }

    fn push(&self, push: &Signed) -> u16 {
        let text = format!(
            "POST /reports HTTP/1.1\r\nHost: gate\r\n{MARK_HEADER}: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
            push.mark,
            push.payload.len(),
            push.payload
        );
        ask(self.admin(), &text).0
    }
}

fn ask(address: SocketAddr, text: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a limit");
    stream.write_all(text.as_bytes()).expect("it goes");
    let mut all = Vec::new();
    stream.read_to_end(&mut all).expect("an answer");
    let all = String::from_utf8_lossy(&all).into_owned();
    let (head, body) = all.split_once("\r\n\r\n").expect("a head");
    (head[9..12].parse().expect("a status"), body.to_owned())
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_millis() as u64
}

fn busy(seconds: f64) -> Report {
    Report { queue_length: Some(50), active: Some(4), queue_s: Some(seconds), cpu: Some(0.9), ..Report::default() }
}

/// Figures of a page of metrics, by name and labels.
fn figures(text: &str) -> HashMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').expect("a figure");
            (name.to_string(), value.parse().expect("a number"))
        })
        .collect()
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < Duration::from_secs(30), "{what} did not come");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_server_that_reports_work_of_others_gets_no_requests_until_that_is_done_or_old() {
    let (one, two) = (Back::start("one"), Back::start("two"));
    let world = World::new("", "policy = \"least-work\"\n", &[one.entry("one"), two.entry("two")]);
    let sender = world.sender("one");
    for _ in 0..5 {
        assert_eq!(world.push(&sender.push(&busy(60.0), now_ms())), 204);
    }
    let bodies: Vec<String> = (0..10).map(|at| world.get(&format!("/{at}")).1).collect();
    assert_eq!(bodies, ["two"; 10]);
    let seen = &world.state().pools[0].servers;
    assert!(seen[0].server.work_s > 10.0, "{}", seen[0].server.work_s);
    let report = seen[0].report.clone().expect("a report");
    assert_eq!((report.queue, report.cpu, report.taken, report.lost), (Some(50), Some(0.9), 5, 0));
    assert!(seen[1].report.is_none());
    // Nothing follows: what it told of is over, or nobody knows.
    until("forgetting", || world.state().pools[0].servers[0].server.work_s < 0.1);
    until("a request", || (0..5).any(|at| world.get(&format!("/{at}")).1 == "one"));
    world.gate.finish().expect("an end");
}

#[test]
fn forged_replayed_reordered_and_malformed_reports_change_nothing_and_are_counted() {
    let (one, two) = (Back::start("one"), Back::start("two"));
    let world = World::new("", "policy = \"least-work\"\n", &[one.entry("one"), two.entry("two")]);
    let sender = world.sender("one");
    let idle = Report { queue_length: Some(0), queue_s: Some(0.0), ..Report::default() };
    assert_eq!(world.push(&sender.push(&idle, now_ms())), 204);
    let late = sender.push(&busy(60.0), now_ms());
    let newest = sender.push(&idle, now_ms());
    assert_eq!(world.push(&newest), 204);
    assert_eq!(world.push(&newest), 409);
    assert_eq!(world.push(&late), 204, "it is authentic, and older than the newest");
    assert_eq!(world.push(&sender.push(&busy(60.0), now_ms() - 120_000)), 409);
    let forger = Sender::new("one".parse().expect("a name"), Key::new(&[7; 20]).expect("a key"));
    assert_eq!(world.push(&forger.push(&busy(60.0), now_ms())), 401);
    assert_eq!(world.push(&world.sender("three").push(&busy(60.0), now_ms())), 401);
    let mut changed = sender.push(&idle, now_ms());
    changed.payload = changed.payload.replace('0', "9");
    assert_eq!(world.push(&changed), 401);
    let host = "Host: gate\r\nConnection: close\r\n";
    assert_eq!(ask(world.admin(), &format!("POST /reports HTTP/1.1\r\n{host}Content-Length: 2\r\n\r\n{{}}")).0, 400);
    assert_eq!(ask(world.admin(), &format!("POST /reports HTTP/1.1\r\n{host}Content-Length: 70000\r\n\r\n")).0, 413);
    assert_eq!(ask(world.admin(), &format!("GET /reports HTTP/1.1\r\n{host}\r\n")).0, 405);
    let of = figures(&world.page("/metrics").1);
    let count = |pool: &str, result: &str| {
        let name = format!("pogson_gate_reports_total{{pool=\"{pool}\",result=\"{result}\"}}");
        of.get(&name).copied().unwrap_or_else(|| panic!("{name}"))
    };
    assert_eq!(count("main", "taken"), 2.0);
    assert_eq!(count("main", "reordered"), 1.0);
    assert_eq!(count("main", "replayed"), 1.0);
    assert_eq!(count("main", "too-old"), 1.0);
    assert_eq!(count("main", "forged"), 2.0);
    assert_eq!(count("-", "unknown-sender"), 1.0);
    assert_eq!(count("-", "malformed"), 1.0);
    assert!(world.state().pools[0].servers[0].server.work_s < 0.1);
    // One that was changed on its way and one that was too old count as lost when the next one comes.
    assert_eq!(world.push(&sender.push(&idle, now_ms())), 204);
    assert_eq!(world.state().pools[0].servers[0].report.clone().expect("a report").lost, 2);
    world.gate.finish().expect("an end");
}

#[test]
fn reports_in_replies_count_and_neither_come_from_clients_nor_go_to_them() {
    let (one, two) = (Back::start("one"), Back::start("two"));
    let world = World::new("", "policy = \"round-robin\"\n", &[one.entry("one"), two.entry("two")]);
    let sender = world.sender("one");
    let header = sender.header(&busy(60.0), 2000, now_ms());
    one.says(format!("pogson-report: {}\r\nendpoint-load-metrics: {}\r\n", header.mark, header.payload));
    // Not signed, where there is a key: it speaks of its own reply alone.
    two.says("endpoint-load-metrics: TEXT named_metrics.queue_seconds=60, named_metrics.request_hit=1\r\n");
    let address = world.gate.addresses()[0];
    for _ in 0..4 {
        let mut stream = TcpStream::connect(address).expect("a connection");
        let text = "GET /x HTTP/1.1\r\nHost: a\r\nPogson-Report: v=1\r\nEndpoint-Load-Metrics: TEXT cpu_utilization=0\r\nConnection: close\r\n\r\n";
        stream.write_all(text.as_bytes()).expect("it goes");
        let mut reply = String::new();
        stream.read_to_string(&mut reply).expect("a reply");
        let lower = reply.to_ascii_lowercase();
        assert!(!lower.contains("pogson-report") && !lower.contains("endpoint-load"), "{reply}");
    }
    for back in [&one, &two] {
        let seen = back.requests.lock().expect("requests").join("\n").to_ascii_lowercase();
        assert!(!seen.contains("pogson-report") && !seen.contains("endpoint-load"), "{seen}");
    }
    let state = world.state();
    let servers = &state.pools[0].servers;
    assert!(servers[0].server.work_s > 5.0, "{:?}", servers[0]);
    assert!(servers[1].server.work_s < 1.0 && servers[1].report.is_none(), "{:?}", servers[1]);
    assert_eq!(servers[1].hit_rate, Some(1.0));
    let count = |word: &str| state.pools[0].reports.iter().find(|(other, _)| other == word).map(|(_, count)| *count);
    assert_eq!((count("taken"), count("replayed"), count("of-one-answer")), (Some(1), Some(1), Some(2)));
    world.gate.finish().expect("an end");
}

#[test]
fn figures_are_those_of_what_was_asked() {
    let (one, two) = (Back::start("one"), Back::start("two"));
    one.says("Cache-Status: here; hit\r\n");
    two.says("Cache-Status: here; fwd=miss\r\n");
    let classes = "[[class]]\nname = \"tiles\"\npath = \"/tiles/\"\nlevel = \"high\"\n";
    let routes = "[[route]]\npath = \"/gone\"\nrespond = { status = 410, body = \"gone\" }\n[[route]]\nprefix = \"/\"\npool = \"main\"\n";
    let world = World::new(
        "",
        "policy = \"round-robin\"\n",
        &[one.entry("one"), two.entry("two"), classes.into(), routes.into()],
    );
    for at in 0..20 {
        assert_eq!(world.get(&format!("/tiles/{at}")).0, 200);
    }
    for _ in 0..6 {
        assert_eq!(world.get("/missing").0, 404);
    }
    assert_eq!(world.get("/gone").0, 410);
    assert_eq!(ask(world.gate.addresses()[0], "nonsense\r\n\r\n").0, 400);
    let text = world.page("/metrics").1;
    let of = figures(&text);
    let sum = |name: &str, labels: &[&str]| -> f64 {
        let these = of.iter().filter(|(figure, _)| {
            figure.split('{').next() == Some(&format!("pogson_gate_{name}"))
                && labels.iter().all(|label| figure.contains(label))
        });
        these.map(|(_, value)| value).sum()
    };
    assert_eq!(sum("requests_total", &[]), 27.0);
    assert_eq!(sum("requests_total", &["class=\"tiles\"", "code=\"2xx\""]), 20.0);
    assert_eq!(sum("requests_total", &["class=\"other\"", "code=\"4xx\""]), 6.0);
    assert_eq!(sum("requests_total", &["pool=\"-\"", "code=\"4xx\""]), 1.0);
    assert_eq!(sum("requests_total", &["server=\"one\""]), one.count() as f64);
    assert_eq!(sum("hits_total", &[]), one.count() as f64);
    assert_eq!(sum("misses_total", &[]), two.count() as f64);
    assert_eq!(sum("sent_bytes_total", &["pool=\"main\""]), 26.0 * 3.0);
    assert_eq!(sum("request_seconds_count", &["pool=\"main\""]), 26.0);
    assert_eq!(sum("request_seconds_bucket", &["pool=\"main\"", "le=\"+Inf\""]), 26.0);
    assert_eq!(sum("first_byte_seconds_count", &["pool=\"main\""]), 26.0);
    assert_eq!(sum("choices_total", &[]), 26.0);
    assert_eq!(sum("malformed_total", &[]), 1.0);
    assert_eq!(sum("connections_total", &[]), 28.0);
    let names: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    let mut once = names.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(names.len(), once.len(), "each family is told once");
    let state = world.state();
    assert_eq!((state.requests, state.malformed, state.cut), (27, 1, 0));
    assert_eq!(state.contexts.first().map(|(_, count)| *count), Some(6), "{:?}", state.contexts);
    let by_socket = tell(&world.folder.path().join("gate.sock"), &Order::State).expect("a state").state.expect("it");
    assert_eq!((by_socket.requests, by_socket.pools.len()), (27, 1));
    world.gate.finish().expect("an end");
}

#[test]
fn what_is_turned_away_is_told_by_level_and_reason() {
    let gone = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let server = format!("[[pool.server]]\nname = \"gone\"\naddress = \"http://{gone}\"\nweight = 0.0\n");
    let world = World::new("", "", &[server]);
    for _ in 0..3 {
        assert_eq!(world.get("/x").0, 503);
    }
    let of = figures(&world.page("/metrics").1);
    let name = "pogson_gate_refused_total{pool=\"main\",level=\"medium\",reason=\"no-server\"}";
    assert_eq!(of.get(name), Some(&3.0), "{of:?}");
    assert_eq!(world.state().pools[0].classes[0].refused, [("no-server".to_string(), 3)]);
    world.gate.finish().expect("an end");
}

#[test]
fn the_pages_are_for_this_machine_and_for_those_who_know_the_word() {
    let one = Back::start("one");
    let world = World::new("", "", &[one.entry("one")]);
    let asks = |path: &str, host: &str, more: &str| {
        ask(world.admin(), &format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{more}Connection: close\r\n\r\n"))
    };
    for path in ["/", "/state", "/metrics"] {
        assert_eq!(asks(path, "localhost", "").0, 200);
        assert_eq!(asks(path, "[::1]:80", "").0, 200);
        // A name of elsewhere that was made to lead here.
        assert_eq!(asks(path, "gate.example.org", "").0, 401);
        assert_eq!(asks(path, "gate.example.org", "Authorization: Bearer a word\r\n").0, 401);
        let word = "Authorization: Bearer a word that is long enough\r\n";
        assert_eq!(asks(path, "gate.example.org", word).0, 200);
    }
    assert!(asks("/", "localhost", "").1.starts_with("<!doctype html>"));
    assert_eq!(asks("/other", "localhost", "").0, 404);
    world.gate.finish().expect("an end");
}

#[test]
fn the_log_has_one_line_for_each_request_also_under_load_and_across_rotations() {
    let one = Back::start("one");
    let more = "[log]\naccess = \"access.log\"\nformat = \"json\"\n";
    let world = World::new(more, "", &[one.entry("one")]);
    let (path, address) = (world.folder.path().join("access.log"), world.gate.addresses()[0]);
    let stop = Arc::<AtomicBool>::default();
    let asked = Arc::<AtomicUsize>::default();
    let clients: Vec<_> = (0..4)
        .map(|client| {
            let (stop, asked) = (stop.clone(), asked.clone());
            thread::spawn(move || {
                let mut sent = Vec::new();
                let mut stream = TcpStream::connect(address).expect("a connection");
                let mut reply = BufReader::new(stream.try_clone().expect("a copy"));
                while !stop.load(Ordering::Relaxed) {
                    let path = format!("/{client}/{}", sent.len());
                    let text = format!("GET {path} HTTP/1.1\r\nHost: a\r\nUser-Agent: \"x\\\r\n\r\n");
                    stream.write_all(text.as_bytes()).expect("it goes");
                    let mut line = String::new();
                    while reply.read_line(&mut line).expect("a line") > 2 {
                        line.clear();
                    }
                    let mut body = [0; 3];
                    reply.read_exact(&mut body).expect("a body");
                    sent.push(path);
                    asked.fetch_add(1, Ordering::Relaxed);
                }
                sent
            })
        })
        .collect();
    let goes_on = || {
        let before = asked.load(Ordering::Relaxed);
        until("requests", || asked.load(Ordering::Relaxed) >= before + 20);
    };
    for turn in 0..5 {
        goes_on();
        fs::rename(&path, world.folder.path().join(format!("access.log.{turn}"))).expect("it is moved");
        world.gate.reopen_log().expect("it is opened");
        until("the new file", || path.exists());
    }
    goes_on();
    stop.store(true, Ordering::Relaxed);
    let mut sent: Vec<String> = clients.into_iter().flat_map(|client| client.join().expect("a client")).collect();
    assert_eq!(world.gate.lines().lost, 0);
    let World { folder, gate, .. } = world;
    gate.finish().expect("an end");
    let mut told = Vec::new();
    let mut ids = Vec::new();
    for name in ["access.log", "access.log.0", "access.log.1", "access.log.2", "access.log.3", "access.log.4"] {
        for line in fs::read_to_string(folder.path().join(name)).expect("a log").lines() {
            let line: serde_json::Value = serde_json::from_str(line).expect("an object");
            assert_eq!(
                (&line["status"], &line["server"], &line["reason"]),
                (&200.into(), &"one".into(), &"only-one".into())
            );
            assert_eq!((&line["pool"], &line["bytes"], &line["tries"]), (&"main".into(), &3.into(), &1.into()));
            assert!(line["whole_ms"].as_f64() >= line["first_ms"].as_f64() && line["agent"] == "\"x\\");
            told.push(line["target"].as_str().expect("a target").to_string());
            ids.push(line["id"].as_str().expect("an id").to_string());
        }
    }
    sent.sort_unstable();
    told.sort_unstable();
    assert!(sent.len() > 100, "{}", sent.len());
    assert_eq!(sent, told);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), told.len());
}

#[test]
fn the_combined_log_can_be_read_by_what_reads_those_of_web_servers() {
    let one = Back::start("one");
    let world = World::new("[log]\naccess = \"access.log\"\n", "", &[one.entry("one")]);
    let text =
        "GET /a%20b?c HTTP/1.1\r\nHost: a\r\nReferer: http://r/\r\nUser-Agent: me \"1\"\r\nConnection: close\r\n\r\n";
    assert_eq!(ask(world.gate.addresses()[0], text).0, 200);
    let World { folder, gate, .. } = world;
    gate.finish().expect("an end");
    let log = fs::read_to_string(folder.path().join("access.log")).expect("a log");
    assert!(log.starts_with("127.0.0.1 - - ["), "{log}");
    let rest = log.split_once("] ").expect("a date").1;
    let expected = "\"GET /a%20b?c HTTP/1.1\" 200 3 \"http://r/\" \"me \\x221\\x22\" main one ";
    assert!(rest.starts_with(expected), "{rest}");
    assert!(rest.contains(" other only-one 0.000 "), "{rest}");
    assert_eq!(log.lines().count(), 1);
}
