//! What operators see of a server that runs: metrics, alerts, units that the server does again.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod fresh;
mod served;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pogson_crowd::account::key_hash;
use pogson_crowd::export::{Format, Which, export};
use pogson_crowd::role::{Again, Fact, Facts, Keeper, Outputs, Refitter, RoleError};
use pogson_crowd::serve::Roles;
use served::{Served, fill, project, wait};

/// Takes messages as a webhook does.
fn listen() -> (String, Arc<Mutex<Vec<serde_json::Value>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let taken = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&taken);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
            let mut text = Vec::new();
            let mut piece = [0; 4096];
            let body = loop {
                let whole = String::from_utf8_lossy(&text).into_owned();
                if let Some((_, body)) = whole.split_once("\r\n\r\n")
                    && let Ok(body) = serde_json::from_str(body)
                {
                    break body;
                }
                let count = stream.read(&mut piece).unwrap();
                text.extend(&piece[..count]);
            };
            into.lock().unwrap().push(body);
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
        }
    });
    (url, taken)
}

/// Knows the right answer, but for units called `gone`.
struct Right;

impl Refitter for Right {
    fn refit(&mut self, _: &dyn Facts, again: &Again) -> Result<Outputs, RoleError> {
        assert_eq!((again.command_line.as_str(), again.outputs), ("--twice", 1));
        if again.unit.name == "gone" {
            return Err(RoleError::Permanent("its inputs are gone".to_owned()));
        }
        Ok(vec![again.unit.opaque.clone().into_bytes()])
    }
}

struct Housekeeper;

impl Keeper for Housekeeper {
    fn keep(&mut self, facts: &dyn Facts, now: i64) -> Result<Vec<Fact>, RoleError> {
        assert_eq!(facts.get("kept")?, None);
        Ok(vec![Fact::new("kept", now.to_string())])
    }
}

#[test]
fn a_unit_that_the_server_finds_differently_costs_its_hosts_their_record_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let database = fresh::Fresh::make();
    let (url, messages) = listen();
    let project = project(folder.path(), database.as_ref().map(|fresh| fresh.words.as_str()), |config| {
        config.server.metrics = "127.0.0.1:0".to_owned();
        config.scheduler.refit_share = 1.0;
        config.alerts.url = url;
        config.alerts.every_seconds = 0.1;
        config.alerts.queue_empty_minutes = 1.0;
        config.alerts.disk_free_gb = 1e-6;
    });
    let mut roles = Roles::default();
    roles.refitters.insert("count".to_owned(), Box::new(Right));
    roles.keepers.push(Box::new(Housekeeper));
    let mut served = Served::start(project, roles);
    served.engine.act(|desk| fill(desk, 0)).unwrap();
    served.units(&["good", "gone", "bad", "last"], 1);
    let (mut host, mut sequence) = (0, 0);
    for name in ["good", "gone", "bad"] {
        let (task, certificate, mine) = served.ask(1, host, sequence).unwrap();
        host = mine;
        assert_eq!(task, format!("{name}_0"));
        let output: &[u8] = if name == "bad" { b"wrong" } else { b"right" };
        served.give(1, host, sequence + 1, (&task, &certificate), output);
        sequence += 2;
        wait("the unit is done again", || served.number("select count(*) from units where refit > 1") == sequence / 2);
        let trust = served.number("select max(consecutive_valid) from host_versions");
        assert_eq!(trust, if name == "bad" { 0 } else { sequence / 2 }, "after {name}");
    }
    // Credit is not taken back by a machine.
    assert_eq!(served.number("select count(*) from results where granted > 0"), 3);
    assert_eq!(served.number("select cast(sum(refit) as bigint) from units"), 2 + 4 + 3);
    wait("files go when the units were done again", || served.number("select count(*) from outputs") == 0);
    let (_, certificate, _) = served.ask(1, host, sequence).unwrap();
    served.give(1, host, sequence + 1, ("last_0", &certificate), b"right");
    wait("the alert is told", || {
        messages.lock().unwrap().iter().any(|one| one["alert"] == "refit-differs" && one["state"] == "firing")
    });
    // Nothing waits any more.
    wait("the queue is looked at", || {
        served.clock.0.fetch_add(20, std::sync::atomic::Ordering::Relaxed);
        messages.lock().unwrap().iter().any(|one| one["alert"] == "queue-empty")
    });
    served.units(&["more"], 1);
    wait("it is resolved", || {
        messages.lock().unwrap().iter().any(|one| one["alert"] == "queue-empty" && one["state"] == "resolved")
    });
    let text = served.metrics();
    for line in [
        "pogson_results_over_total{outcome=\"success\"} 4",
        "pogson_results_judged_total{validity=\"valid\"} 4",
        "pogson_credit_total 212",
        "pogson_refits_total{found=\"differs\"} 1",
        "pogson_refits_total{found=\"impossible\"} 1",
        "pogson_refits_total{found=\"same\"} 2",
        "pogson_results_now{state=\"unsent\"} 1",
        "pogson_results_now{state=\"in_progress\"} 0",
        "pogson_uploads_total{answer=\"done\"} 4",
        "pogson_upload_bytes_total 20",
        "pogson_rpcs_total{answer=\"work\"} 4",
        "pogson_active{who=\"hosts\"} 1",
        "pogson_stage_running{stage=\"send\"} 1",
        "pogson_spool_sync_seconds_count",
        "pogson_commit_seconds_count",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("key1"), "no authenticators");
    assert_eq!(messages.lock().unwrap()[0]["project"], "Ops");
    // The public does not get them.
    let public = ureq::get(format!("{}metrics", served.url)).call();
    assert!(matches!(public, Err(ureq::Error::StatusCode(404))), "{public:?}");
    let facts = pogson_crowd::serve::FactReader::new(served.project.database_to_read().unwrap());
    let told = facts.get("server/refit/bad").unwrap().unwrap();
    assert!(told.contains("\"host\":1") && told.contains("differ from byte 0"), "{told}");
    assert_eq!(facts.get("kept").unwrap().unwrap(), "1800000000");
    exported(&served, folder.path());
    served.end();
    assert_eq!(served.problems(), Vec::<String>::new());
}

/// Tables while the project is served: what operators get, and what the public does.
fn exported(served: &Served, folder: &std::path::Path) {
    let evil = "Ann, \"the\"\nfirst";
    served
        .engine
        .act(move |desk| {
            desk.load_users([1, 2])?;
            for (id, name) in [(1, evil), (2, "Bob")] {
                if let Some(user) = desk.book.users.edit(id) {
                    user.name = name.to_owned();
                }
            }
            Ok(())
        })
        .unwrap();
    // One of user 2, who does not want to be named.
    let (task, certificate, host) = served.ask(2, 0, 0).unwrap();
    served.give(2, host, 1, (&task, &certificate), b"right");
    let write = |name: &str, format: Format, public: bool| {
        let folder = folder.join(name);
        let mut database = served.project.database_to_read().unwrap();
        let said = export(database.as_mut(), &folder, &Which::ALL, format, public).unwrap();
        let rows = |table: &str| said.iter().find(|(name, ..)| *name == table).unwrap().2;
        assert_eq!((rows("units"), rows("results")), (5, 5));
        assert_eq!((rows("users"), rows("hosts")), if public { (5, 1) } else { (9, 2) });
        move |table: &str| std::fs::read_to_string(folder.join(table)).unwrap()
    };
    let all = write("all", Format::Csv, false);
    let users = all("users.csv");
    assert!(users.starts_with("id,email,name,team_id,created,credit,"), "{users}");
    assert!(users.contains("\n1,1@example.org,\"Ann, \"\"the\"\"\nfirst\",,"), "{users}");
    assert!(users.contains("\n2,2@example.org,Bob,,"));
    for table in ["users.csv", "hosts.csv", "results.csv"] {
        let text = all(table);
        for secret in ["key_hash", "password", "cpid", &key_hash("key1"), "key1"] {
            assert!(!text.contains(secret), "{secret} is in {table}");
        }
    }
    let public = write("public", Format::Jsonl, true);
    let lines = |table: &str| -> Vec<serde_json::Value> {
        public(table).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let users = lines("users.jsonl");
    assert_eq!((users[0]["name"].as_str(), users[0]["credit"].as_f64()), (Some(evil), Some(212.0)));
    assert!(users.iter().all(|user| user["id"] != 2 && user.get("email").is_none()));
    let results = lines("results.jsonl");
    assert_eq!(results.iter().filter(|result| result["user_id"] == 1 && result["host_id"] == 1).count(), 4);
    let other = results.iter().find(|result| result["user_id"].is_null()).unwrap();
    assert!(other["host_id"].is_null() && other["unit_id"] == 5 && other.get("stderr").is_none(), "{other}");
    assert!(lines("hosts.jsonl").iter().all(|host| host.get("domain_name").is_none()));
}
