//! The gate's HTTP/2 in front, by the client of crate `h2` and by frames written by hand.

use std::future::poll_fn;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request};
use pogson_gate::config::Config;
use pogson_gate::serve::Gate;

/// What a server is asked, and how its connection ended.
#[derive(Debug, PartialEq)]
enum Seen {
    /// Head and body.
    Request(String, Vec<u8>),
    /// The gate closed in the middle of an exchange.
    LeftAlone,
}

/// A server of HTTP/1.1 that answers by path: `/echo` with the body it got, `/big` with 3 MB, `/never` not at all, `/late` when told to.
fn origin(seen: Sender<Seen>, go: Receiver<()>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let go = std::sync::Arc::new(std::sync::Mutex::new(go));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (seen, go) = (seen.clone(), go.clone());
            thread::spawn(move || {
                let mut stream = stream.expect("a connection");
                let mut input = Vec::new();
                while let Some((head, body)) = request(&mut stream, &mut input) {
                    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                    seen.send(Seen::Request(head, body.clone())).ok();
                    let reply = match path.as_str() {
                        "/big" => with_length(&big()),
                        "/trailers" => {
                            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 7\r\n\r\n"
                                .to_vec()
                        }
                        "/hints" => {
                            [&b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"[..], &with_length(b"ok")].concat()
                        }
                        "/short" => b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc".to_vec(),
                        "/never" => {
                            if stream.read(&mut [0; 1]).is_ok_and(|length| length == 0) {
                                seen.send(Seen::LeftAlone).ok();
                            }
                            return;
                        }
                        "/late" => {
                            go.lock().expect("one").recv().ok();
                            with_length(b"late")
                        }
                        _ => with_length(&body),
                    };
                    if stream.write_all(&reply).is_err() || path == "/short" {
                        return;
                    }
                }
            });
        }
    });
    address
}

fn big() -> Vec<u8> {
    (0..3_000_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

fn with_length(body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

fn more(stream: &mut TcpStream, input: &mut Vec<u8>) -> Option<()> {
    let mut room = [0; 65536];
    let length = stream.read(&mut room).ok().filter(|length| *length > 0)?;
    input.extend_from_slice(&room[..length]);
    Some(())
}

/// The next request of a connection, head and body.
fn request(stream: &mut TcpStream, input: &mut Vec<u8>) -> Option<(String, Vec<u8>)> {
    let end = loop {
        match input.windows(4).position(|four| four == b"\r\n\r\n") {
            Some(at) => break at + 4,
            None => more(stream, input)?,
        }
    };
    let head = String::from_utf8_lossy(&input[..end]).into_owned();
    input.drain(..end);
    let lower = head.to_lowercase();
    let length = lower.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse().ok());
    let mut body = Vec::new();
    if let Some(length) = length {
        while input.len() < length {
            more(stream, input)?;
        }
        body.extend(input.drain(..length));
    } else if lower.contains("transfer-encoding: chunked") {
        loop {
            let end = loop {
                match input.windows(2).position(|two| two == b"\r\n") {
                    Some(at) => break at,
                    None => more(stream, input)?,
                }
            };
            let size = usize::from_str_radix(std::str::from_utf8(&input[..end]).ok()?, 16).ok()?;
            if size == 0 {
                while !input.windows(4).any(|four| four == b"\r\n\r\n") {
                    more(stream, input)?;
                }
                // Trailers stand behind the body, so that tests see them.
                body.append(input);
                break;
            }
            while input.len() < end + size + 4 {
                more(stream, input)?;
            }
            input.drain(..end + 2);
            body.extend(input.drain(..size));
            input.drain(..2);
        }
    }
    Some((head, body))
}

struct World {
    gate: Gate,
    seen: Receiver<Seen>,
    go: Sender<()>,
}

fn world() -> World {
    world_with("")
}

/// - `keys`: more keys of the listener.
fn world_with(keys: &str) -> World {
    let ((seen, sees), (go, goes)) = (channel(), channel());
    let text = format!(
        "workers = 1\n[[listen]]\naddress = \"127.0.0.1:0\"\n{keys}\n[[pool]]\n[[pool.server]]\naddress = \"http://{}\"\n",
        origin(seen, goes)
    );
    let gate = Gate::start(Config::parse(&text).expect("a configuration")).expect("a gate");
    World { gate, seen: sees, go }
}

impl World {
    fn address(&self) -> SocketAddr {
        self.gate.addresses()[0]
    }

    fn seen(&self) -> Seen {
        self.seen.recv_timeout(Duration::from_secs(20)).expect("the server is asked")
    }
}

type Client = h2::client::SendRequest<Bytes>;

/// Runs a client of HTTP/2 beside its connection.
fn with_client<T, F: Future<Output = T>>(address: SocketAddr, work: impl FnOnce(Client) -> F) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let stream = tokio::net::TcpStream::connect(address).await.expect("a connection");
        let (client, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
        tokio::task::spawn_local(connection);
        tokio::time::timeout(Duration::from_secs(60), work(client)).await.expect("an end")
    })
}

fn get(path: &str) -> Request<()> {
    Request::get(format!("http://sky.example{path}")).body(()).expect("a request")
}

fn post(path: &str) -> http::request::Builder {
    Request::post(format!("http://sky.example{path}"))
}

/// Sends a request with its body and trailers; status, body and trailers of the reply.
async fn ask(
    client: &Client,
    request: Request<()>,
    body: Option<&[u8]>,
    trailers: Option<HeaderMap>,
) -> Result<(u16, Vec<u8>, Option<HeaderMap>), h2::Error> {
    let mut client = client.clone().ready().await?;
    let (reply, mut stream) = client.send_request(request, body.is_none())?;
    let sends = async {
        let mut rest = Bytes::copy_from_slice(body.unwrap_or_default());
        while !rest.is_empty() {
            stream.reserve_capacity(rest.len());
            if stream.capacity() == 0 {
                match poll_fn(|context| stream.poll_capacity(context)).await {
                    Some(Ok(_)) => continue,
                    _ => return,
                }
            }
            let piece = rest.split_to(stream.capacity().min(rest.len()));
            if stream.send_data(piece, rest.is_empty() && trailers.is_none()).is_err() {
                return;
            }
        }
        if let Some(trailers) = trailers {
            stream.send_trailers(trailers).ok();
        }
    };
    let takes = async {
        let (head, mut body) = reply.await?.into_parts();
        let mut bytes = Vec::new();
        while let Some(data) = body.data().await {
            let data = data?;
            body.flow_control().release_capacity(data.len())?;
            bytes.extend_from_slice(&data);
        }
        Ok((head.status.as_u16(), bytes, body.trailers().await?))
    };
    tokio::join!(sends, takes).1
}

#[test]
fn requests_reach_servers_as_http1_and_replies_come_back() {
    let world = world();
    with_client(world.address(), |client| async move {
        let mut request = get("/echo?a=1");
        for part in ["a=1", "b=2"] {
            request.headers_mut().append("cookie", part.parse().expect("a value"));
        }
        let reply = ask(&client, request, None, None).await.expect("a reply");
        assert_eq!((reply.0, reply.1), (200, vec![]));
        let reply = ask(&client, get("/big"), None, None).await.expect("a reply");
        assert!(reply.1 == big(), "3 MB come as they were sent");
        let reply =
            ask(&client, post("/echo").body(()).expect("a request"), Some(&big()), None).await.expect("a reply");
        assert!(reply.1.starts_with(&big()), "3 MB go as they were sent");
        let sized = post("/echo").header("content-length", "3").body(()).expect("a request");
        assert_eq!(ask(&client, sized, Some(b"abc"), None).await.expect("a reply").1, b"abc");
        let head = Request::head("http://sky.example/big").body(()).expect("a request");
        assert_eq!(
            ask(&client, head, None, None).await.map(|reply| (reply.0, reply.1)).expect("a reply"),
            (200, vec![])
        );
        assert_eq!(ask(&client, get("/hints"), None, None).await.expect("a reply").1, b"ok");
    });
    let Seen::Request(head, _) = world.seen() else { panic!("no request") };
    assert!(head.starts_with("GET /echo?a=1 HTTP/1.1\r\nHost: sky.example\r\n"), "{head}");
    assert!(head.to_lowercase().contains("\r\ncookie: a=1; b=2\r\n"), "{head}");
}

#[test]
fn trailers_go_both_ways() {
    let world = world();
    with_client(world.address(), |client| async move {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-check", "9".parse().expect("a value"));
        trailers.insert("authorization", "no".parse().expect("a value"));
        let request = post("/trailers").body(()).expect("a request");
        let reply = ask(&client, request, Some(b"abc"), Some(trailers)).await.expect("a reply");
        assert_eq!(reply.1, b"abc");
        assert_eq!(reply.2.expect("trailers")["x-sum"], "7");
    });
    let Seen::Request(_, body) = world.seen() else { panic!("no request") };
    assert_eq!(String::from_utf8_lossy(&body), "abc0\r\nx-check: 9\r\n\r\n");
}

#[test]
fn trailers_behind_a_length_go_on_if_they_are_announced() {
    let world = world();
    with_client(world.address(), |client| async move {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-check", "9".parse().expect("a value"));
        let sized = || post("/echo").header("content-length", "3");
        let announced = sized().header("trailer", "x-check").body(()).expect("a request");
        assert_eq!(ask(&client, announced, Some(b"abc"), Some(trailers.clone())).await.expect("a reply").0, 200);
        let others = sized().body(()).expect("a request");
        assert_eq!(ask(&client, others, Some(b"abc"), Some(trailers)).await.expect("a reply").1, b"abc");
    });
    let Seen::Request(head, body) = world.seen() else { panic!("no request") };
    let head = head.to_lowercase();
    assert!(
        head.contains("\r\ntransfer-encoding: chunked\r\ntrailer: x-check\r\n") && !head.contains("content-length"),
        "{head}"
    );
    assert_eq!(String::from_utf8_lossy(&body), "abc0\r\nx-check: 9\r\n\r\n");
    let Seen::Request(head, body) = world.seen() else { panic!("no request") };
    assert!(head.to_lowercase().contains("\r\ncontent-length: 3\r\n"), "{head}");
    assert_eq!(body, b"abc", "HTTP/1.1 has no place for them");
}

#[test]
fn many_requests_go_side_by_side() {
    let world = world();
    with_client(world.address(), |client| async move {
        let mut set = tokio::task::JoinSet::new();
        for number in 0..90 {
            let client = client.clone();
            set.spawn_local(async move {
                let body = vec![number; 40_000];
                let request = post("/echo").header("content-length", "40000").body(()).expect("a request");
                ask(&client, request, Some(&body), None).await.expect("a reply").1 == body
            });
        }
        assert!(set.join_all().await.into_iter().all(|same| same));
    });
}

#[test]
fn a_reply_that_its_server_cuts_short_is_reset_and_not_ended() {
    let world = world();
    with_client(world.address(), |client| async move {
        let why = ask(&client, get("/short"), None, None).await.expect_err("no whole reply");
        assert_eq!(why.reason(), Some(h2::Reason::INTERNAL_ERROR));
        assert_eq!(ask(&client, get("/echo"), None, None).await.expect("a reply").0, 200);
    });
}

#[test]
fn a_request_that_its_client_takes_back_is_taken_back_from_the_server() {
    let world = world();
    with_client(world.address(), |client| async move {
        let mut client = client.ready().await.expect("room");
        let (reply, mut stream) = client.send_request(get("/never"), true).expect("sent");
        while world.seen.try_recv().is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        stream.send_reset(h2::Reason::CANCEL);
        drop(reply);
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(world.seen(), Seen::LeftAlone);
    });
}

#[test]
fn a_gate_that_ends_says_so_and_lets_replies_come() {
    let World { gate, seen, go } = world();
    let address = gate.addresses()[0];
    with_client(address, |client| async move {
        let mut client = client.ready().await.expect("room");
        let (reply, _) = client.send_request(get("/late"), true).expect("sent");
        tokio::time::sleep(Duration::from_millis(100)).await;
        seen.recv_timeout(Duration::from_secs(20)).expect("the server is asked");
        let ends = thread::spawn(move || gate.finish());
        while client.clone().ready().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        go.send(()).expect("the server waits");
        let mut body = reply.await.expect("a reply").into_body();
        assert_eq!(body.data().await.expect("a body").expect("whole"), "late");
        drop((client, body));
        tokio::time::sleep(Duration::from_millis(50)).await;
        ends.join().expect("no panic").expect("an end");
    });
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    [&(payload.len() as u32).to_be_bytes()[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Fields as literals without indexing (RFC 7541, section 6.2.2).
fn fields(pairs: &[(&str, &str)]) -> Vec<u8> {
    let text = |text: &str| [&[text.len() as u8], text.as_bytes()].concat();
    pairs.iter().flat_map(|(name, value)| [vec![0], text(name), text(value)].concat()).collect()
}

const HEAD: [(&str, &str); 4] = [(":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", "/echo")];
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

/// Sends frames on a new connection, and returns those that come until the connection ends or one of the kinds comes.
fn exchange(address: SocketAddr, frames: &[u8], until: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a limit");
    let mut writer = stream.try_clone().expect("a second handle");
    let all = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(4, 0, 0, &[]), frames].concat();
    // The gate may close before it has taken all of it.
    thread::spawn(move || writer.write_all(&all));
    let mut came = Vec::new();
    let mut head = [0; 9];
    while stream.read_exact(&mut head).is_ok() {
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        if stream.read_exact(&mut payload).is_err() {
            break;
        }
        came.push((head[3], payload));
        if until.contains(&head[3]) {
            break;
        }
    }
    came
}

fn code(payload: &[u8]) -> u32 {
    payload.last_chunk::<4>().map_or(0, |last| u32::from_be_bytes(*last))
}

#[test]
fn a_body_that_is_not_as_long_as_its_head_says_is_refused() {
    for (said, sent) in [("5", "abc"), ("2", "abc"), ("0", "abc"), ("5", ""), ("+3", "abc"), ("3, 3", "abc")] {
        let world = world();
        let head = fields(&[&HEAD[..], &[("content-length", said)]].concat());
        let both = [frame(HEADERS, 4, 1, &head), frame(0, 1, 1, sent.as_bytes())].concat();
        let came = exchange(world.address(), &both, &[RESET, HEADERS, GOAWAY]);
        let (kind, payload) = came.last().expect("an answer");
        match *kind {
            RESET => assert_eq!(code(payload), 1, "{said}"),
            // 0x8c is `:status: 400` in HPACK's static table.
            HEADERS => assert_eq!(payload[0], 0x8c, "{said}"),
            kind => panic!("{said}: a frame of kind {kind}"),
        }
        world.gate.finish().expect("an end");
        // Whatever of it reached the server was not a request that ended.
        assert!(!world.seen.try_iter().any(|seen| matches!(seen, Seen::Request(_, body) if body == b"abc")), "{said}");
    }
}

#[test]
fn fields_of_http1_connections_are_refused_in_http2() {
    for (name, value) in [
        ("transfer-encoding", "chunked"),
        ("connection", "close"),
        ("upgrade", "h2c"),
        ("keep-alive", "5"),
        ("te", "gzip"),
        ("X-Upper", "1"),
        (":path", "/other"),
        (":odd", "1"),
        ("x", "a\r\nb: c"),
        ("x y", "1"),
        ("host", "other"),
    ] {
        let world = world();
        let head = fields(&[&HEAD[..], &[(name, value)]].concat());
        let came = exchange(world.address(), &frame(HEADERS, 5, 1, &head), &[RESET, HEADERS, GOAWAY]);
        let (kind, payload) = came.last().expect("an answer");
        assert!(*kind != HEADERS || payload[0] == 0x8c, "{name}: {payload:?}");
        world.gate.finish().expect("an end");
        assert_eq!(world.seen.try_iter().count(), 0, "{name}");
    }
}

#[test]
fn a_client_that_takes_back_all_it_asks_is_told_to_be_calm() {
    let world = world();
    let head = fields(&HEAD);
    let flood: Vec<u8> = (0..5000)
        .flat_map(|at| {
            [frame(HEADERS, 5, 2 * at + 1, &head), frame(RESET, 0, 2 * at + 1, &8u32.to_be_bytes())].concat()
        })
        .collect();
    let came = exchange(world.address(), &flood, &[GOAWAY]);
    let (kind, payload) = came.last().expect("an answer");
    assert_eq!((*kind, payload.get(4..8)), (GOAWAY, Some(&[0, 0, 0, 0xb][..])));
    let asked = world.seen.try_iter().count();
    assert!(asked < 1000, "{asked} of 5000 were asked for");
}

#[test]
fn a_head_that_never_ends_ends_the_connection() {
    let world = world();
    let piece = fields(&[("x", &"y".repeat(100))]).repeat(100);
    let flood = frame(CONTINUATION, 0, 1, &piece).repeat(2000);
    let all = [frame(HEADERS, 1, 1, &fields(&HEAD)), flood].concat();
    let came = exchange(world.address(), &all, &[GOAWAY]);
    assert!(came.iter().all(|(kind, _)| *kind != HEADERS), "nothing was served");
    // Others are served on.
    with_client(world.address(), |client| async move {
        assert_eq!(ask(&client, get("/echo"), None, None).await.expect("a reply").0, 200);
    });
}

#[test]
fn http1_is_served_beside_http2() {
    let world = world();
    for pause in [false, true] {
        let mut stream = TcpStream::connect(world.address()).expect("a connection");
        for piece in [&b"P"[..], b"RI", b"NT /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"] {
            stream.write_all(piece).expect("sent");
            if pause {
                thread::sleep(Duration::from_millis(30));
            }
        }
        let mut reply = String::new();
        stream.read_to_string(&mut reply).expect("a reply");
        assert!(reply.starts_with("HTTP/1.1 200 OK\r\n"), "{reply}");
    }
}

#[test]
fn a_trusted_proxy_says_who_the_client_is_and_others_do_not() {
    let line = "PROXY TCP4 192.0.2.7 198.51.100.1 4000 80\r\n";
    let binary =
        [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"[..], &[192, 0, 2, 7, 198, 51, 100, 1, 15, 160, 0, 80]].concat();
    let get = b"GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    for (trusted, start, believed) in [
        ("127.0.0.0/8", line.as_bytes(), Some("192.0.2.7")),
        ("127.0.0.0/8", &binary, Some("192.0.2.7")),
        ("127.0.0.0/8", b"PROXY UNKNOWN\r\n", Some("127.0.0.1")),
        ("127.0.0.0/8", b"", None),
        ("10.0.0.0/8", line.as_bytes(), None),
        ("10.0.0.0/8", b"", Some("127.0.0.1")),
    ] {
        let world = world_with(&format!("proxy_protocol = \"any\"\ntrusted = [\"{trusted}\"]"));
        let mut stream = TcpStream::connect(world.address()).expect("a connection");
        // The gate may close before it has taken all of it.
        stream.write_all(&[start, get].concat()).ok();
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).ok();
        let seen = world.seen.try_recv().ok();
        match believed {
            Some(client) => {
                let Some(Seen::Request(head, _)) = seen else { panic!("no request after {start:?}") };
                assert!(head.contains(&format!("x-forwarded-for: {client}\r\n")), "{head}");
            }
            None => assert_eq!(seen, None, "{start:?}"),
        }
    }
}
