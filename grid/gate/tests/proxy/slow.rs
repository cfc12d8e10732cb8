//! Clients that read slowly or not at all, and the servers that have answers for them.

use std::io::Read;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use crate::world::{Client, Taken, gate, server};

/// Time after which a test is stuck.
const STUCK: Duration = Duration::from_secs(20);
/// More than sockets hold.
const MUCH: usize = 24 << 20;
const GET: &str = "GET /small HTTP/1.1\r\nHost: a\r\n\r\n";

fn bytes(length: usize) -> Vec<u8> {
    (0..length as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

/// A server whose `/much` has so many bytes, in chunks or not; it tells when the last of them has gone.
fn serves(mut one: Taken, much: usize, chunks: bool, done: &Sender<()>) {
    while let Some(got) = one.head() {
        if !got.line.contains("/much") {
            one.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            continue;
        }
        if chunks {
            one.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            for piece in bytes(much).chunks(100_000) {
                one.send(format!("{:x}\r\n", piece.len()));
                one.send(piece);
                one.send("\r\n");
            }
            one.send("0\r\n\r\n");
        } else {
            one.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {much}\r\n\r\n"));
            one.send(bytes(much));
        }
        let _ = done.send(());
    }
}

fn much(length: usize, chunks: bool) -> (std::net::SocketAddr, Receiver<()>) {
    let (done, is_done) = channel();
    (server(move |one| serves(one, length, chunks, &done)), is_done)
}

/// Asks for much, and reads no more than the head of the answer.
fn asks_and_reads_nothing(client: &mut Client) {
    client.send("GET /much HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.head().expect("a head").status, 200);
}

#[test]
fn who_reads_nothing_does_not_keep_others_from_the_server() {
    for (top, pool, chunks) in [
        ("splice = \"off\"", "", false),
        ("splice = \"64KiB\"", "", false),
        ("splice = \"64KiB\"", "", true),
        ("", "admission = { t_high = 2, t_low = 1 }", false),
        ("read_ahead = 0", "admission = \"off\"", false),
    ] {
        let (one, _done) = much(MUCH, chunks);
        let one_at_a_time = if pool.contains("t_high") { "" } else { "max_active = 1\n" };
        let listed =
            format!("[[pool.server]]\nname = \"one\"\naddress = \"http://{one}\"\n{one_at_a_time}slow_start = \"0s\"");
        let gate = gate(&[], &format!("{top}\n---{pool}\nslow_readers = 3\n{listed}"));
        // Were they work, the first of them would be all that the server may have.
        let mut slow: Vec<Client> = (0..3).map(|_| Client::of(&gate)).collect();
        slow.iter_mut().for_each(asks_and_reads_nothing);
        for _ in 0..3 {
            assert_eq!(Client::of(&gate).ask(GET).body, b"ok", "{top} {pool}");
        }
        let mut body = vec![0; MUCH];
        if !chunks {
            slow[1].0.read_exact(&mut body).expect("all of it");
            assert!(body == bytes(MUCH), "who reads later gets every byte");
        }
    }
}

#[test]
fn a_server_is_done_when_it_has_sent_all_that_is_kept_for_the_client() {
    for (splice, chunks) in [("\"off\"", false), ("\"off\"", true), ("\"64KiB\"", false), ("\"64KiB\"", true)] {
        let (one, is_done) = much(MUCH, chunks);
        let gate = gate(&[one], &format!("splice = {splice}\nread_ahead = \"32MiB\"\n---"));
        let mut client = Client::of(&gate);
        asks_and_reads_nothing(&mut client);
        is_done.recv_timeout(STUCK).expect("the server has sent all, and nobody has read it");
        if chunks {
            let mut client_gets = Vec::new();
            let mut line = String::new();
            while client_gets.len() < MUCH {
                line.clear();
                std::io::BufRead::read_line(&mut client.0, &mut line).expect("a size");
                let length = usize::from_str_radix(line.trim_end(), 16).expect("a size");
                let begin = client_gets.len();
                client_gets.resize(begin + length, 0);
                client.0.read_exact(&mut client_gets[begin..]).expect("a chunk");
                client.0.read_exact(&mut [0; 2]).expect("its end");
            }
            client.0.read_exact(&mut [0; 5]).expect("the end");
            assert!(client_gets == bytes(MUCH));
        } else {
            let mut body = vec![0; MUCH];
            client.0.read_exact(&mut body).expect("all of it");
            assert!(body == bytes(MUCH));
        }
        assert_eq!(client.ask(GET).body, b"ok", "the connection goes on");
    }
}

/// By HTTP/2, asks for much and leaves its window as it is; then, where `then` says so, takes all.
async fn by_streams(address: std::net::SocketAddr, count: usize, then: impl AsyncFnOnce() -> bool) {
    let stream = tokio::net::TcpStream::connect(address).await.expect("a connection");
    let mut builder = h2::client::Builder::new();
    // One that is not read holds up no other one.
    let (mut requests, connection) =
        builder.initial_connection_window_size(1 << 20).handshake::<_, bytes::Bytes>(stream).await.expect("HTTP/2");
    tokio::spawn(connection);
    let mut bodies = Vec::new();
    for _ in 0..count {
        let request = http::Request::builder().uri("http://a/much").body(()).expect("a request");
        requests = requests.ready().await.expect("room");
        let (reply, _) = requests.send_request(request, true).expect("sent");
        bodies.push(reply.await.expect("a reply").into_body());
    }
    if !then().await {
        return;
    }
    for mut body in bodies {
        let mut got = Vec::new();
        while let Some(data) = body.data().await {
            let data = data.expect("bytes");
            body.flow_control().release_capacity(data.len()).expect("room");
            got.extend_from_slice(&data);
        }
        assert!(got == bytes(MUCH));
    }
}

#[test]
fn streams_of_http_2_that_nobody_reads_keep_nobody_from_the_server() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("threads");
    let (one, _done) = much(MUCH, false);
    let listed = format!("[[pool.server]]\nname = \"one\"\naddress = \"http://{one}\"\nmax_active = 1\n");
    let slow = Arc::new(gate(&[], &format!("\n---slow_readers = 2\n{listed}")));
    let other = slow.clone();
    runtime.block_on(by_streams(slow.addresses()[0], 2, async || {
        let asks = tokio::task::spawn_blocking(move || Client::of(&other).ask(GET).body == b"ok");
        asks.await.expect("a thread")
    }));
    let (one, is_done) = much(MUCH, false);
    let ahead = gate(&[one], "read_ahead = \"32MiB\"\n---");
    runtime.block_on(by_streams(ahead.addresses()[0], 1, async || {
        let done = tokio::task::spawn_blocking(move || is_done.recv_timeout(STUCK).is_ok());
        assert!(done.await.expect("a thread"), "the server has sent all, and nobody has read it");
        true
    }));
}

#[test]
fn who_takes_less_than_has_to_be_taken_is_left_and_who_takes_more_is_not() {
    let (one, _done) = much(MUCH, false);
    let gate = gate(&[one], "[times]\nwrite_idle = \"1s\"\nwrite_rate = \"4MiB\"\n---");
    let mut slow = Client::of(&gate);
    asks_and_reads_nothing(&mut slow);
    let (mut got, mut piece) = (0, vec![0; 128 << 10]);
    let began = Instant::now();
    // It never stops for long, and yet does not get all.
    while let Ok(length @ 1..) = slow.0.read(&mut piece) {
        got += length;
        assert!(got < MUCH, "all of it came");
        assert!(began.elapsed() < 3 * STUCK, "it still goes on");
        std::thread::sleep(Duration::from_millis(100));
    }
    let mut quick = Client::of(&gate);
    asks_and_reads_nothing(&mut quick);
    let mut body = vec![0; MUCH];
    quick.0.read_exact(&mut body).expect("all of it");
    assert!(body == bytes(MUCH));
}

#[test]
fn where_slow_readers_have_no_place_of_their_own_one_that_is_far_behind_makes_room() {
    let (one, _done) = much(MUCH, false);
    let listed = format!("[[pool.server]]\nname = \"one\"\naddress = \"http://{one}\"\nmax_active = 1\n");
    let gate = gate(&[], &format!("[times]\nwrite_idle = \"10s\"\n---slow_readers = 0\n{listed}"));
    let mut slow = Client::of(&gate);
    asks_and_reads_nothing(&mut slow);
    assert_eq!(Client::of(&gate).ask(GET).body, b"ok");
    let mut rest = Vec::new();
    let _ = slow.0.read_to_end(&mut rest);
    assert!(rest.len() < MUCH, "it had to go");
    // While nobody waits, a slow one may stay.
    let mut slow = Client::of(&gate);
    asks_and_reads_nothing(&mut slow);
    std::thread::sleep(Duration::from_millis(1500));
    let mut body = vec![0; MUCH];
    slow.0.read_exact(&mut body).expect("all of it");
}
