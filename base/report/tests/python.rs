//! The program in Python that the book shows, as a sender.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use pogson_report::sender::now_ms;
use pogson_report::{Key, Ledger, Verdict};

/// The first block of Python in the book's page on reports.
fn program() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/gate-reports.md");
    let text = std::fs::read_to_string(page).expect("the book has the page");
    let (_, block) = text.split_once("```python\n").expect("the page has a program");
    block.split("```").next().unwrap_or_default().to_owned()
}

#[test]
fn the_books_program_is_taken_at_its_word() {
    if Command::new("python3").arg("--version").stdout(Stdio::null()).status().is_err() {
        eprintln!("skipped: there is no python3");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let key_file = folder.path().join("key");
    std::fs::write(&key_file, "a key of more than 16 bytes\n").expect("it is written");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!("http://{}/reports", listener.local_addr().expect("it is bound"));
    let mut python = Command::new("python3")
        .args(["-c", &program(), &url, "tiles-1", &key_file.to_string_lossy()])
        .spawn()
        .expect("python3 begins");

    let mut ledger = Ledger::default();
    ledger.know("tiles-1".parse().expect("it is a name"), Key::read(&key_file).expect("it is a key"));
    for turn in 1..=3 {
        let (stream, _) = listener.accept().expect("it connects");
        let mut reader = BufReader::new(stream);
        let (mut mark, mut length, mut line) = (String::new(), 0, String::new());
        loop {
            line.clear();
            reader.read_line(&mut line).expect("a head comes");
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                if line.trim_end().is_empty() {
                    break;
                }
                continue;
            };
            match name.to_ascii_lowercase().as_str() {
                "pogson-report" => mark = value.to_owned(),
                "content-length" => length = value.parse().expect("it is a number"),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("a body comes");
        let verdict = ledger.take(mark.as_bytes(), &body, now_ms());
        assert!(matches!(verdict, Verdict::Fresh(_)), "{verdict:?}: {mark}");
        let said = ledger.latest("tiles-1").expect("it was taken");
        assert_eq!((said.mark.sequence, said.lost), (turn, 0));
        assert_eq!((said.report.queue_length, said.report.queue_limit), (Some(3), Some(100)));
        let answer = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
        reader.get_mut().write_all(answer).expect("it is answered");
    }
    python.kill().expect("it runs still");
    python.wait().expect("it ends");
}
