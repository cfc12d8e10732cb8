//! Programs that are begun by `pogson wire run`, and the daemon that they ask.

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// A folder for the socket and the library.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        Place(tempfile::tempdir().expect("a temporary folder"))
    }

    fn socket(&self) -> PathBuf {
        self.0.path().join("wire.sock")
    }

    fn command(&self, what: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pogson"));
        command.args(["wire", what]).env("XDG_CACHE_HOME", self.0.path()).env_remove("LD_PRELOAD");
        if what != "check" {
            command.arg("--socket").arg(self.socket());
        }
        command
    }

    fn output(&self, what: &str, args: &[&str]) -> Output {
        self.command(what).args(args).output().expect("the program starts")
    }

    /// The daemon, once it answers.
    fn daemon(&self, args: &[&str]) -> Daemon {
        let daemon =
            Daemon(self.command("serve").args(args).stderr(Stdio::piped()).spawn().expect("the program starts"));
        let end = Instant::now() + Duration::from_secs(60);
        while !self.output("stats", &[]).status.success() {
            assert!(Instant::now() < end, "no daemon answers");
            std::thread::sleep(Duration::from_millis(10));
        }
        daemon
    }
}

struct Daemon(Child);

impl Daemon {
    fn end(&mut self) -> Option<i32> {
        let pid = Pid::from_child(&self.0);
        kill_process(pid, Signal::TERM).expect("it lives");
        self.0.wait().expect("it ends").code()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by the test's own doing.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|fault| panic!("{fault}: {output:?}"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_program_gets_library_and_socket_and_its_exit_code_is_kept() {
    let place = Place::new();
    let script = "echo \"$LD_PRELOAD\"; echo \"$POGSON_WIRE_SOCKET\"; echo \"$1\"; exit 7";
    let mut command = place.command("run");
    let run = command.args(["--", "sh", "-c", script, "sh", "--json"]).output().expect("the program starts");
    assert_eq!(run.status.code(), Some(7), "{run:?}");
    let lines: Vec<String> = text(&run.stdout).lines().map(Into::into).collect();
    assert!(Path::new(&lines[0]).starts_with(place.0.path()) && Path::new(&lines[0]).is_file(), "{lines:?}");
    assert_eq!(lines[1..], [place.socket().display().to_string(), "--json".into()]);
    // What is loaded already stays, and the library comes once.
    let before = format!("{}:{}", lines[0], lines[0]);
    let run = command.env("LD_PRELOAD", &before).output().expect("the program starts");
    assert_eq!(text(&run.stdout).lines().next(), Some(lines[0].as_str()));
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let place = Place::new();
    for name in ["no-such-program-anywhere", "./no-such-program", "/etc/passwd"] {
        for what in ["run", "check"] {
            let output = place.output(what, &["--", name]);
            assert_eq!(output.status.code(), Some(3), "{output:?}");
            assert!(text(&output.stderr).contains(&format!("{name}: there is no such program")), "{output:?}");
        }
    }
    assert_eq!(place.output("run", &[]).status.code(), Some(2));
}

#[test]
fn the_daemon_ends_when_told_and_takes_its_socket_along() {
    let place = Place::new();
    let mut daemon = place.daemon(&[]);
    let second = place.output("serve", &[]);
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second.stderr).contains("another daemon serves here"), "{second:?}");
    assert_eq!(daemon.end(), Some(0));
    assert!(!place.socket().exists());
    let stats = place.output("stats", &[]);
    assert_eq!(stats.status.code(), Some(1));
    assert!(text(&stats.stderr).contains("no daemon answers here"), "{stats:?}");
    // One that was killed leaves its socket, which the next one replaces.
    let mut killed = place.daemon(&[]);
    killed.0.kill().expect("it lives");
    killed.0.wait().expect("it ends");
    assert!(place.socket().exists());
    assert_eq!(place.daemon(&[]).end(), Some(0));
}

#[test]
fn policy_that_makes_no_sense_is_refused() {
    let place = Place::new();
    let wrong = [
        ["--allow-user", "root"],
        ["--allow-user", "root:no-such-user-anywhere"],
        ["--no-port", "80-70"],
        ["--only-port", "http"],
        ["--slots", "257"],
        ["--ring-bytes", "100000"],
    ];
    for args in wrong {
        let output = place.output("serve", &args);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(text(&output.stderr).contains(args[1]), "{output:?}");
    }
}

/// Not a test, but the program that [`a_connection_within_a_program_goes_by_the_ring`] runs: it sends itself five million bytes.
#[test]
#[ignore = "a program for another test"]
fn talk_to_itself() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut near = TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection");
    let (mut far, _) = listener.accept().expect("a connection");
    let mut came = [0; 1000];
    for round in 0..5000_u32 {
        let sent = [(round % 251) as u8; 1000];
        near.write_all(&sent).expect("it is sent");
        far.read_exact(&mut came).expect("it comes");
        assert_eq!(came, sent);
        far.write_all(b"!").expect("it is sent");
        near.read_exact(&mut came[..1]).expect("it comes");
    }
}

#[test]
fn a_connection_within_a_program_goes_by_the_ring() {
    let place = Place::new();
    let _daemon = place.daemon(&[]);
    let program = std::env::current_exe().expect("this program");
    let program = program.to_str().expect("a plain path");
    let run = place.output("run", &["--", program, "--ignored", "--exact", "talk_to_itself"]);
    assert!(run.status.success() && text(&run.stdout).contains("1 passed"), "{run:?}");
    let report = json(&place.output("stats", &["--json"]));
    assert_eq!(report["upgraded"], 2, "{report}");
    assert!(report["bytes_ring"].as_u64() > Some(4_000_000), "{report}");
    let stats = text(&place.output("stats", &[]).stdout);
    assert!(stats.contains("joined 2"), "{stats}");
}

#[test]
fn a_port_that_policy_names_stays_on_tcp() {
    let place = Place::new();
    let _daemon = place.daemon(&["--only-port", "1"]);
    let program = std::env::current_exe().expect("this program");
    let program = program.to_str().expect("a plain path");
    let run = place.output("run", &["--", program, "--ignored", "--exact", "talk_to_itself"]);
    assert!(run.status.success(), "{run:?}");
    let report = json(&place.output("stats", &["--json"]));
    assert_eq!((&report["upgraded"], &report["bytes_ring"]), (&0.into(), &0.into()), "{report}");
    assert_eq!(report["refused"]["policy leaves the port on TCP"], 2, "{report}");
}

#[test]
fn top_prints_once_where_nobody_looks() {
    let place = Place::new();
    let _daemon = place.daemon(&[]);
    let top = place.output("top", &["--connections"]);
    assert!(top.status.success(), "{top:?}");
    let shown = text(&top.stdout);
    assert!(shown.contains("PROGRAM") && !shown.contains('\x1b'), "{shown}");
    assert!(json(&place.output("top", &["--json"]))["details"].is_array());
}

#[test]
fn check_tells_what_a_program_is() {
    let place = Place::new();
    let found = json(&place.output("check", &["--json", "--", "sh"]));
    assert_eq!(found["usable"], cfg!(target_env = "gnu"), "{found}");
    let script = place.0.path().join("script");
    fs::write(&script, "#!/bin/sh\n").expect("a written file");
    fs::set_permissions(&script, Permissions::from_mode(0o755)).expect("a file to run");
    let name = script.to_str().expect("a plain path");
    let said = text(&place.output("check", &["--", name]).stdout);
    assert!(said.contains("run by") && said.contains("can be joined"), "{said}");
    fs::write(&script, "nothing").expect("a written file");
    let found = json(&place.output("check", &["--json", "--", name]));
    assert_eq!(found["usable"], false, "{found}");
}

#[test]
fn bench_measures_rings_that_were_joined() {
    let place = Place::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_pogson"));
    command.args(["wire", "bench", "--quick", "--only", "latency", "--rounds", "1", "--ms", "20", "--json"]);
    let output =
        command.env("XDG_CACHE_HOME", place.0.path()).env_remove("LD_PRELOAD").output().expect("the program starts");
    assert!(output.status.success(), "{output:?}");
    let report = json(&output);
    let rows = report["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 4, "{report}");
    for row in rows {
        assert!(row["joined"].as_f64() > Some(0.5), "{row}");
        for means in ["tcp", "unix", "ring", "sleeping"] {
            assert!(row["by"][means]["value"]["median"].as_f64() > Some(0.0), "{means} in {row}");
        }
        let ratio = &row["ratios"][0];
        assert_eq!((&ratio["of"], &ratio["to"]), (&"ring".into(), &"tcp".into()), "{row}");
    }
}
