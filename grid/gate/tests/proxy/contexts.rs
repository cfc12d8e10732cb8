//! Contexts that are found in bodies, and what becomes of those bodies.

use std::io::BufRead;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use pogson_gate::serve::Gate;

use crate::world::{Client, Got, Taken, gate, server};

const RULES: &str = "[[context]]\nkind = \"body\"\nname = \"target\"\nbody_bytes = 1000\n\
    [[context]]\nkind = \"cone\"\npath = \"/tap/sync\"\n[[context]]\nkind = \"path\"\n";
const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

/// A body as it was framed.
fn body(one: &mut Taken, got: &Got) -> Vec<u8> {
    if let Some(length) = got.field("content-length") {
        assert_eq!(got.field("transfer-encoding"), None);
        return one.bytes(length.parse().expect("a length"));
    }
    let mut body = Vec::new();
    while got.field("transfer-encoding").is_some() {
        let mut line = String::new();
        one.0.read_line(&mut line).expect("a size");
        let length = usize::from_str_radix(line.trim_end(), 16).expect("a size");
        let data = one.bytes(length + 2);
        assert!(data.ends_with(b"\r\n"));
        if length == 0 {
            break;
        }
        body.extend_from_slice(&data[..length]);
    }
    body
}

/// A server that tells each request with its body and replies with its own name.
fn echo(name: &'static str) -> (SocketAddr, Receiver<(Got, Vec<u8>)>) {
    let (tell, told) = channel();
    let address = server(move |mut one| {
        while let Some(got) = one.head() {
            let body = body(&mut one, &got);
            let _ = tell.send((got, body));
            one.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len()));
        }
    });
    (address, told)
}

fn several(pool: &str) -> Gate {
    let servers: Vec<SocketAddr> = ["a", "b", "c", "d"].into_iter().map(|name| echo(name).0).collect();
    gate(&servers, &format!("{RULES}---policy = \"rendezvous\"\n{pool}"))
}

fn post(client: &mut Client, path: &str, fields: &str, body: &str) -> String {
    let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\n{fields}Content-Length: {}\r\n\r\n", body.len());
    String::from_utf8(client.ask(&(head + body)).body).expect("text")
}

#[test]
fn queries_by_get_and_by_post_go_to_one_server() {
    let gate = several("");
    let mut client = Client::of(&gate);
    let mut chosen = Vec::new();
    for ra in (0..360).step_by(24) {
        let circle = format!("CONTAINS(POINT(ra,dec),CIRCLE({ra}.5,-16.17,1))");
        let asked = client.ask(&format!(
            "GET /tap/sync?LANG=ADQL&QUERY=SELECT+*+FROM+gaia+WHERE+1={circle} HTTP/1.1\r\nHost: a\r\n\r\n"
        ));
        let asked = String::from_utf8(asked.body).expect("text");
        let form = format!("QUERY=SELECT%20x%20FROM%20Gaia%20WHERE%201%3D{circle}&LANG=ADQL");
        assert_eq!(post(&mut client, "/tap/sync", FORM, &form), asked);
        let parts = format!(
            "--b\r\nContent-Disposition: form-data; name=\"QUERY\"\r\n\r\nselect * from gaia where 1={circle}\r\n--b--\r\n"
        );
        assert_eq!(post(&mut client, "/tap/sync", "Content-Type: multipart/form-data; boundary=b\r\n", &parts), asked);
        chosen.push(asked);
    }
    chosen.sort();
    chosen.dedup();
    assert!(chosen.len() > 1, "not all of the sky is at one server");
}

#[test]
fn a_field_of_a_body_says_the_context_in_any_form() {
    let gate = several("");
    let mut client = Client::of(&gate);
    for number in 0..12 {
        let form = post(&mut client, "/a", FORM, &format!("x=1&target=NGC+{number}"));
        let json = format!("{{\"x\": [1], \"target\": \"NGC {number}\"}}");
        assert_eq!(post(&mut client, &format!("/{number}"), "Content-Type: application/json\r\n", &json), form);
    }
}

#[test]
fn what_is_too_long_or_no_form_has_the_context_of_its_path() {
    let gate = several("");
    let mut client = Client::of(&gate);
    for path in ["/a", "/b", "/c", "/d", "/e"] {
        let of_path = post(&mut client, path, "", "");
        let late = format!("{}&target=1", "x".repeat(1000));
        assert_eq!(post(&mut client, path, FORM, &late), of_path);
        let late = format!("{{\"x\": \"{}\", \"target\": 1}}", "x".repeat(1000));
        assert_eq!(post(&mut client, path, "Content-Type: application/json\r\n", &late), of_path);
        assert_eq!(post(&mut client, path, "Content-Type: application/json\r\n", "{\"target\": 1"), of_path);
        assert_eq!(post(&mut client, path, "Content-Type: multipart/form-data\r\n", "--x\r\n"), of_path);
    }
}

#[test]
fn bodies_go_on_byte_by_byte_as_they_came() {
    let (one, told) = echo("a");
    let gate = gate(&[one], &format!("{RULES}---"));
    let mut client = Client::of(&gate);
    for length in [0, 1, 2, 999, 1000, 1001, 5000, 300_000] {
        let body: Vec<u8> = (0..length).map(|at: u32| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for step in [7, 1000, 400_000] {
            if length / step > 1000 {
                continue;
            }
            for chunked in [false, true] {
                let framing =
                    if chunked { "Transfer-Encoding: chunked".into() } else { format!("Content-Length: {length}") };
                client.send(format!("POST /{length} HTTP/1.1\r\nHost: a\r\n{FORM}{framing}\r\n\r\n"));
                for piece in body.chunks(step as usize) {
                    if chunked {
                        client.send([format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat());
                    } else {
                        client.send(piece);
                    }
                }
                if chunked {
                    client.send("0\r\n\r\n");
                }
                // The next request follows at once.
                client.send("GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
                assert_eq!(client.reply().expect("a reply").body, b"a");
                assert_eq!(client.reply().expect("a reply").body, b"a");
                let (got, whole) = told.recv().expect("a request");
                assert_eq!(got.field("transfer-encoding").is_some(), chunked, "{length} by {step}");
                assert!(whole == body, "{length} by {step}, {chunked}");
                assert_eq!(told.recv().expect("a request").0.line, "GET /next HTTP/1.1");
            }
        }
    }
}

#[test]
fn a_client_that_waits_to_be_told_is_told_once() {
    let (one, told) = echo("a");
    let gate = gate(&[one], &format!("{RULES}---"));
    let mut client = Client::of(&gate);
    client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{FORM}Content-Length: 8\r\nExpect: 100-continue\r\n\r\n"));
    assert_eq!(client.head().expect("a word").status, 100);
    assert!(told.recv_timeout(Duration::from_millis(50)).is_err(), "it goes nowhere before it is known where");
    client.send("target=1");
    assert_eq!(client.reply().expect("a reply").status, 200);
    let (got, body) = told.recv().expect("a request");
    assert_eq!((got.field("expect"), body.as_slice()), (None, &b"target=1"[..]));
}

#[test]
fn who_sends_too_slowly_is_told_and_no_server_hears_of_it() {
    let (one, told) = echo("a");
    let gate = gate(&[one], &format!("times = {{ body_idle = \"100ms\" }}\n{RULES}---"));
    let mut client = Client::of(&gate);
    client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{FORM}Content-Length: 8\r\n\r\ntarg"));
    assert_eq!(client.reply().expect("a reply").status, 408);
    let mut client = Client::of(&gate);
    client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{FORM}Transfer-Encoding: chunked\r\n\r\n5\r\ntarge\n"));
    assert_eq!(client.reply().expect("a reply").status, 400);
    let mut client = Client::of(&gate);
    client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{FORM}Content-Length: 8\r\n\r\ntarg"));
    drop(client);
    assert!(told.recv_timeout(Duration::from_millis(50)).is_err());
}

#[test]
fn an_upload_behind_a_small_field_is_not_waited_for() {
    let (tell, told) = channel();
    let one = server(move |mut one| {
        let got = one.head().expect("a request");
        let length: usize = got.field("content-length").expect("a length").parse().expect("a number");
        tell.send(Vec::new()).expect("someone");
        tell.send(one.bytes(length)).expect("someone");
        one.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    });
    let gate = gate(&[one], &format!("{RULES}---"));
    let mut client = Client::of(&gate);
    let first = "--b\r\nContent-Disposition: form-data; name=\"target\"\r\n\r\nM 17\r\n--b\r\n";
    let rest = format!(
        "Content-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n{}\r\n--b--\r\n",
        "x".repeat(50_000)
    );
    let length = first.len() + rest.len();
    let kind = "Content-Type: multipart/form-data; boundary=b\r\n";
    client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{kind}Content-Length: {length}\r\n\r\n{first}"));
    told.recv_timeout(Duration::from_secs(10)).expect("the head has gone");
    client.send(&rest);
    assert_eq!(client.reply().expect("a reply").status, 200);
    assert_eq!(told.recv().expect("a body"), [first.as_bytes(), rest.as_bytes()].concat());
}

#[test]
fn a_limit_of_the_body_counts_what_was_read_ahead() {
    let (one, _) = echo("a");
    let gate = gate(&[one], &format!("body_limit = 500\n{RULES}---"));
    let mut client = Client::of(&gate);
    let chunk = format!("258\r\n{}\r\n0\r\n\r\n", "x".repeat(600));
    client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{FORM}Transfer-Encoding: chunked\r\n\r\n{chunk}"));
    assert_eq!(client.reply().expect("a reply").status, 413);
}

#[test]
fn a_body_that_was_read_ahead_goes_to_another_server_where_the_first_is_not_there() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").and_then(|one| one.local_addr()).expect("a port");
    let (one, told) = echo("a");
    let gate = gate(&[nobody, one], &format!("{RULES}---policy = \"round-robin\"\n"));
    for number in 0..4 {
        let mut client = Client::of(&gate);
        let form = format!("target={number}");
        assert_eq!(post(&mut client, "/", FORM, &form), "a");
        assert_eq!(told.recv().expect("a request").1, form.as_bytes());
    }
}
