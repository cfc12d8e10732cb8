//! WebSockets of clients that speak HTTP/2 (RFC 8441), carried to servers of HTTP/1.1.

use std::future::poll_fn;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::ext::Protocol;
use h2::{Reason, RecvStream, SendStream};
use http::{Method, Request, StatusCode, Version};
use pogson_gate::config::Config;
use pogson_gate::serve::Gate;
use sha1::{Digest, Sha1};

/// Time after which a test is stuck.
const STUCK: Duration = Duration::from_secs(30);

/// What a server tells of its connections.
#[derive(Debug, PartialEq)]
enum Told {
    /// The head of a request.
    Head(String),
    /// All that came after it, once the other end said that nothing follows.
    Ended(usize),
}

/// The word of a server to a key (RFC 6455, section 4.2.2).
fn accept(head: &str) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let key = head.to_lowercase().find("sec-websocket-key: ").map(|at| &head[at + 19..at + 19 + 24]).expect("a key");
    let hash = Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
    let bits: Vec<bool> = hash.iter().flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1 == 1)).collect();
    let letter = |six: &[bool]| (0..6).fold(0, |sum, at| sum * 2 + usize::from(six.get(at) == Some(&true)));
    bits.chunks(6).map(|six| LETTERS[letter(six)] as char).chain(['=']).collect()
}

/// A server of HTTP/1.1 that opens WebSockets, and does then what the path says; `/page` is none.
fn origin(tell: Sender<Told>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let tell = tell.clone();
            thread::spawn(move || serve(stream, &tell));
        }
    });
    address
}

fn serve(mut stream: TcpStream, tell: &Sender<Told>) -> Option<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    let path = head.split(' ').nth(1)?.to_owned();
    tell.send(Told::Head(head.clone())).ok()?;
    let mut says = |text: &[u8]| stream.write_all(text).ok();
    match path.as_str() {
        "/page" => return says(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\npage"),
        "/forbidden" => return says(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"),
        "/liar" => says(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: AAAA\r\n\r\n",
        )?,
        _ => says(
            format!(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {}\r\n\
                 Sec-WebSocket-Protocol: sky\r\n\r\n",
                accept(&head)
            )
            .as_bytes(),
        )?,
    }
    match path.as_str() {
        "/ends" => return says(b"bye"),
        "/breaks" => {
            // Once the client has heard that it is open.
            thread::sleep(Duration::from_millis(300));
            socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).ok()?;
            return Some(());
        }
        "/deaf" => {
            thread::sleep(STUCK);
            return Some(());
        }
        _ => {}
    }
    let (mut room, mut count) = ([0; 65536], 0);
    while let Ok(length @ 1..) = stream.read(&mut room) {
        count += length;
        if path == "/echo" {
            stream.write_all(&room[..length]).ok()?;
        }
    }
    tell.send(Told::Ended(count)).ok()?;
    stream.write_all(b"last").ok()
}

struct World {
    gate: Gate,
    told: Receiver<Told>,
}

fn world(keys: &str) -> World {
    let (tell, told) = channel();
    let text = format!(
        "workers = 1\n{keys}\n[[listen]]\naddress = \"127.0.0.1:0\"\n[[pool]]\nqueue = {{ limit = 0 }}\n[[pool.server]]\naddress = \"http://{}\"\nmax_active = 1\n",
        origin(tell)
    );
    World { gate: Gate::start(Config::parse(&text).expect("a configuration")).expect("a gate"), told }
}

type Client = h2::client::SendRequest<Bytes>;

fn with_client<F: Future<Output = ()>>(gate: &Gate, work: impl FnOnce(Client) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let stream = tokio::net::TcpStream::connect(gate.addresses()[0]).await.expect("a connection");
        let (client, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
        tokio::task::spawn_local(connection);
        // The gate's settings come with its first frames.
        while !client.is_extended_connect_protocol_enabled() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::timeout(STUCK, work(client)).await.expect("an end");
    });
}

fn asks(path: &str, protocol: &'static str) -> Request<()> {
    Request::builder()
        .method(Method::CONNECT)
        .version(Version::HTTP_2)
        .uri(format!("http://sky.example{path}"))
        .extension(Protocol::from_static(protocol))
        .header("sec-websocket-version", "13")
        .header("sec-websocket-protocol", "sky")
        .header("sec-websocket-key", "of the client")
        .header("origin", "http://sky.example")
        .body(())
        .expect("a request")
}

async fn opens(client: &Client, path: &str) -> (http::Response<RecvStream>, SendStream<Bytes>) {
    let mut client = client.clone().ready().await.expect("a connection");
    let (reply, stream) = client.send_request(asks(path, "websocket"), false).expect("a request");
    (reply.await.expect("a reply"), stream)
}

/// Sends bytes as there is room; how many went before the time was over.
async fn sends(stream: &mut SendStream<Bytes>, count: usize, time: Duration) -> usize {
    let mut sent = 0;
    let all = async {
        while sent < count {
            stream.reserve_capacity(count - sent);
            let room = poll_fn(|context| stream.poll_capacity(context)).await.expect("a stream").expect("room");
            let piece: Vec<u8> = (sent..sent + room.min(count - sent)).map(|at| (at % 251) as u8).collect();
            sent += piece.len();
            stream.send_data(piece.into(), false).expect("room");
        }
    };
    // Whoever has no room waits.
    let _ = tokio::time::timeout(time, all).await;
    sent
}

/// Takes so many bytes.
async fn takes(body: &mut RecvStream, count: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < count {
        let data = body.data().await.expect("more").expect("bytes");
        body.flow_control().release_capacity(data.len()).expect("room");
        bytes.extend_from_slice(&data);
    }
    bytes
}

/// Whether nothing more comes but the end.
async fn ends(body: &mut RecvStream) -> bool {
    while let Some(data) = body.data().await {
        if !data.is_ok_and(|data| data.is_empty()) {
            return false;
        }
    }
    body.is_end_stream()
}

#[test]
fn bytes_go_both_ways_until_the_client_ends() {
    let world = world("");
    with_client(&world.gate, |client| async move {
        let (reply, mut stream) = opens(&client, "/echo").await;
        assert_eq!(reply.status(), StatusCode::OK);
        assert_eq!(reply.headers()["sec-websocket-protocol"], "sky");
        for name in ["sec-websocket-accept", "connection", "upgrade", "content-length"] {
            assert!(!reply.headers().contains_key(name), "{name}");
        }
        let mut body = reply.into_body();
        let (sent, came) = tokio::join!(sends(&mut stream, 3_000_000, STUCK), takes(&mut body, 3_000_000));
        assert_eq!(sent, 3_000_000);
        assert!(came.iter().enumerate().all(|(at, byte)| *byte == (at % 251) as u8));
        stream.send_data(Bytes::new(), true).expect("an end");
        assert_eq!(takes(&mut body, 4).await, b"last", "the server's last word comes after the client's");
        assert!(ends(&mut body).await);
    });
    let Ok(Told::Head(head)) = world.told.recv_timeout(STUCK) else { panic!("no head") };
    let lower = head.to_lowercase();
    assert!(head.starts_with("GET /echo HTTP/1.1\r\n"), "{head}");
    for line in [
        "host: sky.example",
        "connection: upgrade",
        "upgrade: websocket",
        "sec-websocket-version: 13",
        "sec-websocket-protocol: sky",
        "origin: http://sky.example",
        "x-forwarded-for: 127.0.0.1",
    ] {
        assert_eq!(lower.matches(&format!("\r\n{line}\r\n")).count(), 1, "{line}: {head}");
    }
    assert!(!lower.contains("of the client") && lower.matches("sec-websocket-key").count() == 1, "{head}");
    assert_eq!(world.told.recv_timeout(STUCK), Ok(Told::Ended(3_000_000)));
}

#[test]
fn an_end_of_the_server_is_an_end_and_a_break_is_a_reset() {
    let world = world("");
    with_client(&world.gate, |client| async move {
        let (reply, _stream) = opens(&client, "/ends").await;
        let mut body = reply.into_body();
        assert_eq!(takes(&mut body, 3).await, b"bye");
        assert!(ends(&mut body).await);
        let (reply, _stream) = opens(&client, "/breaks").await;
        let why = reply.into_body().data().await.expect("a word").expect_err("a reset");
        assert_eq!(why.reason(), Some(Reason::CANCEL));
    });
}

#[test]
fn a_client_that_resets_or_goes_leaves_no_connection_to_the_server() {
    let world = world("");
    with_client(&world.gate, |client| async move {
        let (_reply, mut stream) = opens(&client, "/reads").await;
        sends(&mut stream, 10, STUCK).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        stream.send_reset(Reason::CANCEL);
        tokio::time::sleep(Duration::from_millis(200)).await;
    });
    assert!(matches!(world.told.recv_timeout(STUCK), Ok(Told::Head(_))));
    assert_eq!(world.told.recv_timeout(STUCK), Ok(Told::Ended(10)));
    with_client(&world.gate, |client| async move {
        opens(&client, "/reads").await;
    });
    assert!(matches!(world.told.recv_timeout(STUCK), Ok(Told::Head(_))));
    assert_eq!(world.told.recv_timeout(STUCK), Ok(Told::Ended(0)));
}

#[test]
fn what_opens_no_websocket_is_told_so_and_blames_no_server() {
    let world = world("");
    with_client(&world.gate, |client| async move {
        // More often than a server may fail before it is left out.
        for _ in 0..10 {
            for (path, status) in [("/page", 502), ("/liar", 502), ("/forbidden", 403)] {
                assert_eq!(opens(&client, path).await.0.status(), status, "{path}");
            }
        }
        let mut ready = client.clone().ready().await.expect("a connection");
        let (reply, _stream) = ready.send_request(asks("/echo", "connect-udp"), false).expect("a request");
        assert_eq!(reply.await.expect("a reply").status(), 501);
        let (reply, _) = ready.send_request(asks("/echo", "websocket"), true).expect("a request");
        assert_eq!(reply.await.expect("a reply").status(), 400);
        assert_eq!(opens(&client, "/echo").await.0.status(), 200);
    });
}

#[test]
fn what_asks_a_server_of_http2_for_a_websocket_is_told_that_it_cannot_have_one() {
    // Nobody is there: no connection is even tried.
    let text = "workers = 1\n[[listen]]\naddress = \"127.0.0.1:0\"\n[[pool]]\n[[pool.server]]\naddress = \"http://127.0.0.1:9\"\nprotocol = \"h2\"\n";
    let gate = Gate::start(Config::parse(text).expect("a configuration")).expect("a gate");
    with_client(&gate, |client| async move {
        assert_eq!(opens(&client, "/echo").await.0.status(), 501);
    });
    let mut stream = TcpStream::connect(gate.addresses()[0]).expect("a connection");
    stream.set_read_timeout(Some(STUCK)).expect("a limit");
    let asked = "GET /echo HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(asked.as_bytes()).expect("a request");
    let mut told = String::new();
    stream.read_to_string(&mut told).expect("a reply");
    assert!(told.starts_with("HTTP/1.1 501 ") && told.contains("WebSockets are not passed on"), "{told}");
}

#[test]
fn a_server_that_takes_nothing_holds_its_client_up_and_no_other_stream() {
    let world = world("");
    with_client(&world.gate, |client| async move {
        let (_deaf, mut stream) = opens(&client, "/deaf").await;
        let sent = sends(&mut stream, 64 << 20, Duration::from_secs(2)).await;
        assert!(sent < 32 << 20, "{sent} bytes went to nobody");
        let (reply, mut other) = opens(&client, "/echo").await;
        let mut body = reply.into_body();
        let (_, came) = tokio::join!(sends(&mut other, 100_000, STUCK), takes(&mut body, 100_000));
        assert_eq!(came.len(), 100_000);
    });
}

#[test]
fn open_websockets_are_no_work_and_end_with_the_gates_time() {
    // A server has room for one request at once.
    let world = world("times.drain = \"500ms\"");
    with_client(&world.gate, |client| async {
        let client = client;
        let mut open = Vec::new();
        for _ in 0..5 {
            open.push(opens(&client, "/echo").await);
        }
        assert!(open.iter().all(|(reply, _)| reply.status() == 200));
        world.gate.drain();
        let start = Instant::now();
        let (reply, mut stream) = open.pop().expect("one");
        let mut body = reply.into_body();
        let (_, came) = tokio::join!(sends(&mut stream, 1000, STUCK), takes(&mut body, 1000));
        assert_eq!(came.len(), 1000, "it goes on while there is time");
        while let Some(Ok(_)) = body.data().await {}
        assert!(start.elapsed() < STUCK);
    });
    world.gate.finish().expect("an end");
}
