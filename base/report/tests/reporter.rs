//! A reporter against a receiver over TCP.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use pogson_report::sender::now_ms;
use pogson_report::{Counts, Key, Ledger, PushError, Report, Reporter, Sender, Signed, Target, Verdict, Work, get};

const SOON: Duration = Duration::from_secs(20);

fn sender() -> Sender {
    Sender::new("a".parse().expect("it is a name"), key())
}

fn key() -> Key {
    Key::new(b"0123456789abcdef").expect("it is long enough")
}

fn ledger() -> Ledger {
    let mut ledger = Ledger::default();
    ledger.know("a".parse().expect("it is a name"), key());
    ledger
}

fn target(listener: &TcpListener, limit: Duration) -> Target {
    let address = listener.local_addr().expect("it is bound");
    Target::new(&format!("http://{address}/reports"), limit).expect("it is an address")
}

fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("a port is free")
}

/// The next request of a connection; `None` at its end.
fn request(stream: &mut BufReader<TcpStream>) -> Option<Signed> {
    let (mut mark, mut length, mut line) = (String::new(), 0, String::new());
    stream.read_line(&mut line).ok().filter(|bytes| *bytes > 0)?;
    assert_eq!(line, "POST /reports HTTP/1.1\r\n");
    loop {
        line.clear();
        stream.read_line(&mut line).ok()?;
        match line.trim_end().split_once(": ") {
            Some(("pogson-report", value)) => mark = value.to_owned(),
            Some(("Content-Length", value)) => length = value.parse().expect("it is a number"),
            Some(_) => {}
            None => break,
        }
    }
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).ok()?;
    Some(Signed { mark, payload: String::from_utf8(payload).expect("it is text") })
}

/// Answers each connection in turn with the next of `answers` to each request, and sends on what came.
fn receiver(listener: TcpListener, answers: Vec<&'static str>) -> Receiver<Signed> {
    let (send, receive) = channel();
    std::thread::spawn(move || {
        let mut answers = answers.into_iter().cycle();
        for stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream);
            while let Some(signed) = request(&mut reader) {
                let answer = answers.next().unwrap_or_default();
                if send.send(signed).is_err() || reader.get_mut().write_all(answer.as_bytes()).is_err() {
                    break;
                }
                if answer.is_empty() {
                    break;
                }
            }
        }
    });
    receive
}

const TAKEN: &str = "HTTP/1.1 204 No Content\r\n\r\n";

#[test]
fn what_is_pushed_is_what_the_counts_say_and_the_ledger_takes_it() {
    let listener = listener();
    let target = target(&listener, SOON);
    let received = receiver(listener, vec![TAKEN, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"]);
    let counts = Counts::new(Some(10));
    let _waiting = counts.queue(Work { class: 3, ..Work::default() });
    let (own, every) = (counts.clone(), Duration::from_millis(5));
    let reporter = Reporter::start(sender(), target, every, move || own.report(), |_| {}).expect("a thread begins");
    let mut ledger = ledger();
    for turn in 1..=20 {
        let signed = received.recv_timeout(SOON).expect("reports go on");
        let verdict = ledger.take(signed.mark.as_bytes(), signed.payload.as_bytes(), now_ms());
        assert!(matches!(verdict, Verdict::Fresh(_)), "{verdict:?}");
        let said = ledger.latest("a").expect("it was taken");
        assert_eq!((said.mark.sequence, said.lost), (turn, 0));
        assert_eq!((said.report.queue_length, said.report.queue_limit), (Some(1), Some(10)));
        assert_eq!(said.report.classes[&3].queued, 1);
    }
    assert!(reporter.standing().sent >= 19 && reporter.standing().error.is_none());
}

#[test]
fn a_connection_that_ended_meanwhile_is_made_anew() {
    let listener = listener();
    let mut target = target(&listener, SOON);
    let serve = std::thread::spawn(move || {
        for _ in 0..3 {
            let (stream, _) = listener.accept().expect("a connection comes");
            let mut reader = BufReader::new(stream);
            request(&mut reader).expect("a request comes");
            reader.get_mut().write_all(TAKEN.as_bytes()).expect("it is answered");
        }
    });
    let sender = sender();
    for _ in 0..3 {
        target.push(&sender.push(&Report::default(), 1)).expect("it is taken");
    }
    serve.join().expect("all three came");
}

#[test]
fn a_refusal_says_why_and_reports_go_on() {
    let listener = listener();
    let target = target(&listener, SOON);
    let refused = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 20\r\n\r\nnobody of that name\n";
    let received = receiver(listener, vec![refused, refused, TAKEN]);
    let (send, told) = channel();
    let told_of = move |error: Option<&PushError>| send.send(error.map(ToString::to_string)).unwrap_or_default();
    let every = Duration::from_millis(1);
    let reporter = Reporter::start(sender(), target, every, Report::default, told_of).expect("a thread begins");
    let first = told.recv_timeout(SOON).expect("it is told").expect("it is an error");
    assert!(first.ends_with("answered with status 401: nobody of that name"), "{first}");
    assert_eq!(told.recv_timeout(SOON), Ok(None), "two refusals are told once, then that all is well");
    drop(reporter);
    assert!(received.try_iter().count() >= 3);
}

/// A receiver that takes connections and says nothing, one that trickles, one that is not there.
#[test]
fn a_push_ends_in_time_whatever_the_other_side_does() {
    let limit = Duration::from_millis(200);
    let silent = listener();
    let mut to_silent = target(&silent, limit);
    let signed = sender().push(&Report::default(), 1);
    let late = to_silent.push(&signed).expect_err("nobody answers").to_string();
    assert!(late.ends_with("no answer in time"), "{late}");

    let trickling = listener();
    let mut to_trickling = target(&trickling, limit);
    std::thread::spawn(move || {
        let (mut stream, _) = trickling.accept().expect("a connection comes");
        while stream.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    assert!(to_trickling.push(&signed).is_err());

    let gone = listener();
    let mut to_nobody = target(&gone, limit);
    drop(gone);
    assert!(matches!(to_nobody.push(&signed), Err(PushError::Unreachable { .. })));
}

#[test]
fn failures_do_not_pile_up_and_the_newest_report_comes_through() {
    let listener = listener();
    let target = target(&listener, SOON);
    // The first two connections end without an answer.
    let received = receiver(listener, vec!["", "", TAKEN]);
    let mut turn = 0;
    let read = move || {
        turn += 1;
        Report { queue_length: Some(turn), ..Report::default() }
    };
    let every = Duration::from_millis(5);
    let reporter = Reporter::start(sender(), target, every, read, |_| {}).expect("a thread begins");
    let mut ledger = ledger();
    let mut last = 0;
    for _ in 0..3 {
        let signed = received.recv_timeout(SOON).expect("reports go on");
        ledger.take(signed.mark.as_bytes(), signed.payload.as_bytes(), now_ms());
        let said = ledger.latest("a").expect("it was taken");
        assert!(said.report.queue_length > Some(last), "each is newer than the one that failed");
        last = said.mark.sequence;
    }
    drop(reporter);
}

#[test]
fn a_page_is_fetched_whole() {
    let listener = listener();
    let url = format!("http://{}/status?auto", listener.local_addr().expect("it is bound"));
    let serve = std::thread::spawn(move || {
        for answer in ["HTTP/1.1 200 OK\r\n\r\nBusy: 3\n", "HTTP/1.1 404 Not Found\r\n\r\n", "nonsense"] {
            let (mut stream, _) = listener.accept().expect("a connection comes");
            let mut request = [0; 1000];
            let count = stream.read(&mut request).expect("a request comes");
            assert!(request[..count].starts_with(b"GET /status?auto HTTP/1.0\r\n"));
            stream.write_all(answer.as_bytes()).expect("it is answered");
        }
    });
    assert_eq!(get(&url, SOON), Ok("Busy: 3\n".to_owned()));
    assert!(matches!(get(&url, SOON), Err(PushError::Refused { status: 404, .. })));
    assert!(matches!(get(&url, SOON), Err(PushError::Unreachable { .. })));
    serve.join().expect("all came");
}
