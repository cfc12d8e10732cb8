//! HTTP/2 behind the gate: servers made of crate `h2`, and servers of frames written by hand that do what that crate never does.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::{HeaderMap, Request, Response};
use pogson_gate::config::Config;
use pogson_gate::serve::Gate;

/// Time after which a test is stuck.
const STUCK: Duration = Duration::from_secs(20);

/// Connections that a server took.
type Count = Arc<AtomicUsize>;

/// Answers by path: `/hints` after Early Hints, `/big` with 3 MB, else with the request as it came and its body.
async fn one(request: Request<RecvStream>, mut respond: SendResponse<Bytes>) -> Result<(), h2::Error> {
    let (head, mut body) = request.into_parts();
    if head.uri.path() == "/hints" {
        let mut hints = Response::new(());
        *hints.status_mut() = http::StatusCode::from_u16(103).expect("a status");
        hints.headers_mut().insert("link", "</a>".parse().expect("a value"));
        respond.send_informational(hints)?;
    }
    let mut text = if head.uri.path() == "/big" {
        big()
    } else {
        format!("{} {} {:?}\n", head.method, head.uri, head.headers).into_bytes()
    };
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        text.extend_from_slice(&data);
    }
    let sums = body.trailers().await?;
    let mut stream = respond.send_response(Response::new(()), false)?;
    let mut rest = Bytes::from(text);
    while !rest.is_empty() {
        stream.reserve_capacity(rest.len());
        match std::future::poll_fn(|context| stream.poll_capacity(context)).await {
            Some(Ok(room)) => stream.send_data(rest.split_to(room.min(rest.len())), false)?,
            _ => return Ok(()),
        }
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "7".parse().expect("a value"));
    trailers.extend(sums.unwrap_or_default());
    stream.send_trailers(trailers)
}

fn big() -> Vec<u8> {
    (0..3_000_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// A server that speaks HTTP/2 from the start.
fn server() -> (SocketAddr, Count) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    listener.set_nonblocking(true).expect("a socket");
    let count = Count::default();
    let counts = count.clone();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        tokio::task::LocalSet::new().block_on(&runtime, async {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            while let Ok((stream, _)) = listener.accept().await {
                counts.fetch_add(1, Ordering::SeqCst);
                tokio::task::spawn_local(async move {
                    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
                    while let Some(Ok((request, respond))) = connection.accept().await {
                        tokio::task::spawn_local(one(request, respond));
                    }
                });
            }
        });
    });
    (address, count)
}

fn frame(kind: u8, flags: u8, stream: u32, rest: &[u8]) -> Vec<u8> {
    [&(rest.len() as u32).to_be_bytes()[1..], &[kind, flags], &stream.to_be_bytes(), rest].concat()
}

/// `:status: 200` (RFC 7541, appendix A).
const OK: &[u8] = &[0x88];
const END: u8 = 5;
const NOT_END: u8 = 4;

/// A connection of a server of frames.
struct Frames(TcpStream);

impl Frames {
    /// Kind, flags, stream and rest of the next frame; `None` when the connection ends.
    fn next(&mut self) -> Option<(u8, u8, u32, Vec<u8>)> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).ok()?;
        let [a, b, c, kind, flags, d, e, f, g] = head;
        let mut rest = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.0.read_exact(&mut rest).ok()?;
        if (kind, flags) == (4, 0) {
            self.send(&frame(4, 1, 0, &[]));
        }
        Some((kind, flags, u32::from_be_bytes([d, e, f, g]), rest))
    }

    /// The stream of the next request; `None` when the connection ends.
    fn request(&mut self) -> Option<u32> {
        loop {
            if let (1, _, stream, _) = self.next()? {
                return Some(stream);
            }
        }
    }

    fn send(&mut self, bytes: &[u8]) {
        // The gate may be gone.
        let _ = self.0.write_all(bytes);
    }
}

/// A server that gives each connection with its number to `serve`, in a thread of its own.
fn frames(serve: impl Fn(Frames, usize) + Send + Sync + Clone + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for (number, stream) in listener.incoming().flatten().enumerate() {
            let serve = serve.clone();
            thread::spawn(move || {
                stream.set_read_timeout(Some(STUCK)).expect("a limit");
                let mut frames = Frames(stream);
                let mut preface = [0; 24];
                frames.0.read_exact(&mut preface).expect("the preface");
                frames.send(&frame(4, 0, 0, &[]));
                serve(frames, number);
            });
        }
    });
    address
}

fn gate_of(servers: &[SocketAddr], keys: &str) -> Gate {
    let servers =
        servers.iter().map(|server| format!("[[pool.server]]\naddress = \"http://{server}\"\nprotocol = \"h2\"\n"));
    let text = format!(
        "workers = 1\n[[listen]]\naddress = \"127.0.0.1:0\"\n[[pool]]\npolicy = \"round-robin\"\n{keys}\n{}",
        servers.collect::<String>()
    );
    Gate::start(Config::parse(&text).expect("a configuration")).expect("a gate")
}

/// All that comes back for a request, which says that the connection is to end.
fn ask(gate: &Gate, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(gate.addresses()[0]).expect("a connection");
    stream.set_read_timeout(Some(STUCK)).expect("a limit");
    // Who is told no before the end of what it sends cannot send the rest.
    let _ = stream.write_all(request);
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    bytes
}

fn text(gate: &Gate, method: &str, path: &str) -> String {
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: sky.example\r\nX-A: 1\r\nTE: trailers\r\nConnection: close, te\r\n\r\n"
    );
    String::from_utf8_lossy(&ask(gate, request.as_bytes())).into_owned()
}

/// The body of a reply in chunks, and what follows it.
fn body(reply: &[u8]) -> (Vec<u8>, String) {
    let at = reply.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
    let (mut chunks, mut body) = (pogson_gate::chunk::Chunks::default(), Vec::new());
    chunks.feed(&reply[at..], |data| body.extend_from_slice(data)).expect("chunks");
    assert!(chunks.done(), "the body has its end");
    (body, format!("{:?}", chunks.trailers().expect("trailers")))
}

#[test]
fn requests_of_http1_go_to_servers_of_http2_and_their_replies_come_back() {
    let gate = gate_of(&[server().0], "");
    let reply = text(&gate, "GET", "/a?b=c");
    assert!(reply.starts_with("HTTP/1.1 200 OK\r\n"), "{reply}");
    assert!(reply.contains("GET http://sky.example/a?b=c {"), "{reply}");
    for field in ["\"x-a\": \"1\"", "\"te\": \"trailers\"", "\"x-forwarded-for\": \"127.0.0.1\"", "\"x-request-id\""] {
        assert!(reply.contains(field), "{field} is missing: {reply}");
    }
    assert!(!reply.contains("\"connection\"") && !reply.contains("\"host\""), "{reply}");
    let reply = text(&gate, "GET", "/hints");
    assert!(reply.starts_with("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n"), "{reply}");
}

#[test]
fn bodies_and_trailers_go_both_ways() {
    let gate = gate_of(&[server().0], "");
    let sized = [
        format!("POST /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", big().len())
            .as_bytes(),
        &big(),
    ]
    .concat();
    let (back, trailers) = body(&ask(&gate, &sized));
    assert!(back.ends_with(&big()), "3 MB go as they were sent");
    assert!(String::from_utf8_lossy(&back[..300]).contains("\"content-length\": \"3000000\""));
    assert!(trailers.contains("x-sum"), "{trailers}");
    let chunked = b"POST /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-B: 2\r\n\r\n";
    let (back, trailers) = body(&ask(&gate, chunked));
    assert!(back.ends_with(b"\nabc") && trailers.contains("x-b"), "{trailers}");
    let request = b"GET /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    assert!(body(&ask(&gate, request)).0 == big(), "3 MB come as they were sent");
    let short = b"POST /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n";
    assert!(ask(&gate, short).starts_with(b"HTTP/1.1 400 "));
}

#[test]
fn requests_share_a_connection() {
    let (server, connections) = server();
    let gate = gate_of(&[server], "");
    thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| assert!(text(&gate, "POST", "/a").starts_with("HTTP/1.1 200 ")));
        }
    });
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[test]
fn what_a_server_did_not_begin_is_sent_again_whatever_it_is() {
    // Each connection takes one request; the next is too late, by the number of the last that counts.
    let leaving = frames(|mut frames, _| {
        if let Some(first) = frames.request() {
            frames.send(&frame(1, END, first, OK));
            frames.request();
            frames.send(&frame(7, 0, 0, &[first.to_be_bytes(), [0; 4]].concat()));
        }
    });
    let gate = gate_of(&[leaving], "");
    for _ in 0..4 {
        assert!(text(&gate, "POST", "/a").starts_with("HTTP/1.1 200 "), "a connection that ends loses no request");
    }
    let refusing = frames(|mut frames, _| {
        while let Some(stream) = frames.request() {
            // REFUSED_STREAM
            frames.send(&frame(3, 0, stream, &7_u32.to_be_bytes()));
        }
    });
    let gate = gate_of(&[refusing, server().0], "");
    for _ in 0..4 {
        assert!(text(&gate, "POST", "/a").starts_with("HTTP/1.1 200 "), "another server takes what one refuses");
    }
    assert!(text(&gate_of(&[refusing], ""), "POST", "/a").starts_with("HTTP/1.1 502 "));
}

#[test]
fn what_a_server_may_have_begun_is_sent_again_only_if_that_changes_nothing() {
    let count = Count::default();
    let asked = count.clone();
    let breaking = frames(move |mut frames, _| {
        if frames.request().is_some() {
            asked.fetch_add(1, Ordering::SeqCst);
        }
    });
    let other = frames(|mut frames, _| {
        while let Some(stream) = frames.request() {
            frames.send(&frame(1, END, stream, OK));
        }
    });
    let gate = gate_of(&[breaking, other], "health.passive = { failures = 0 }");
    let statuses: Vec<bool> = (0..4).map(|_| text(&gate, "GET", "/a").starts_with("HTTP/1.1 200 ")).collect();
    assert_eq!(statuses, [true; 4], "a GET goes to another server");
    assert!(count.load(Ordering::SeqCst) > 0, "the server that breaks was asked");
    let statuses: Vec<bool> = (0..4).map(|_| text(&gate, "POST", "/a").starts_with("HTTP/1.1 200 ")).collect();
    assert!(statuses.contains(&false), "a POST does not: {statuses:?}");
}

#[test]
fn a_reply_that_breaks_is_not_taken_for_a_whole_one() {
    let breaking = frames(|mut frames, _| {
        while let Some(stream) = frames.request() {
            frames.send(&frame(1, NOT_END, stream, OK));
            frames.send(&frame(0, 0, stream, b"abc"));
            // INTERNAL_ERROR
            frames.send(&frame(3, 0, stream, &2_u32.to_be_bytes()));
        }
    });
    let reply = text(&gate_of(&[breaking], ""), "GET", "/a");
    assert!(reply.starts_with("HTTP/1.1 200 ") && !reply.ends_with("0\r\n\r\n"), "{reply}");
}

#[test]
fn a_server_that_replies_before_the_bodys_end_is_heard() {
    let hasty = frames(|mut frames, _| {
        while let Some(stream) = frames.request() {
            frames.send(&frame(1, END, stream, OK));
            // NO_ERROR: it wants no more of the body (RFC 9113, section 8.1).
            frames.send(&frame(3, 0, stream, &0_u32.to_be_bytes()));
        }
    });
    let request = [&b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n"[..], &big()].concat();
    let reply = ask(&gate_of(&[hasty], ""), &request);
    assert!(reply.starts_with(b"HTTP/1.1 200 "), "{:?}", String::from_utf8_lossy(&reply));
}

#[test]
fn a_server_that_does_not_speak_http2_or_says_nothing_is_found_out() {
    let silent = frames(|mut frames, _| while frames.request().is_some() {});
    let gate = gate_of(&[silent], "times.response_head = \"200ms\"");
    assert!(text(&gate, "GET", "/a").starts_with("HTTP/1.1 504 "));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let old = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 1000]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }
    });
    assert!(text(&gate_of(&[old], ""), "GET", "/a").starts_with("HTTP/1.1 502 "));
    let endless = frames(|mut frames, _| {
        while let Some(stream) = frames.request() {
            for _ in 0..100 {
                // `:status: 100`, by the index of `:status` with a value of its own.
                frames.send(&frame(1, NOT_END, stream, b"\x08\x03100"));
            }
        }
    });
    assert!(text(&gate_of(&[endless], ""), "GET", "/a").starts_with("HTTP/1.1 502 "));
}

#[test]
fn a_read_that_stalls_is_taken_back_when_another_server_has_answered() {
    let (tell, told) = std::sync::mpsc::channel();
    let count = Count::default();
    let one = || {
        let (tell, count) = (tell.clone(), count.clone());
        frames(move |mut frames, _| {
            while let Some((kind, _, stream, rest)) = frames.next() {
                match kind {
                    1 if count.fetch_add(1, Ordering::SeqCst) == 0 => drop(tell.send((stream, Vec::new()))),
                    1 => frames.send(&frame(1, 5, stream, &[0x88])),
                    3 => drop(tell.send((stream, rest))),
                    _ => {}
                }
            }
        })
    };
    let gate = gate_of(&[one(), one()], "hedge = { after = \"20ms\", budget = 100.0 }");
    assert!(text(&gate, "GET", "/").starts_with("HTTP/1.1 200"));
    let (stream, _) = told.recv_timeout(STUCK).expect("a request");
    let cancel = 8_u32.to_be_bytes().to_vec();
    assert_eq!(told.recv_timeout(STUCK).expect("a reset"), (stream, cancel));
    assert_eq!(count.load(Ordering::SeqCst), 2);
    for _ in 0..4 {
        assert!(text(&gate, "GET", "/").starts_with("HTTP/1.1 200"), "both connections serve on");
    }
}
