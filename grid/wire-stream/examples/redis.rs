//! Speaks as much of redis's protocol as its benchmark does: `redis serve PORT` answers, `redis serve-tasks PORT` does so with tokio,
//! `redis ask PORT ROUNDS` sets a key and gets it back. `redis echo PORT BYTES` compares what comes back with what it sends to any
//! server that echoes. The daemon is that of the environment. For a port an address and a port may stand.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;

use ::tokio::io::{AsyncReadExt, AsyncWriteExt};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let address = |place: &str| if place.contains(':') { place.parse() } else { format!("127.0.0.1:{place}").parse() };
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", port] => serve(address(port)?)?,
        ["serve-tasks", port] => ::tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?
            .block_on(serve_tasks(address(port)?))?,
        ["ask", port, rounds] => ask(address(port)?, rounds.parse()?)?,
        ["echo", port, bytes] => echo(address(port)?, bytes.parse()?)?,
        _ => return Err("usage: redis serve|serve-tasks PORT, redis ask PORT ROUNDS, redis echo PORT BYTES".into()),
    }
    Ok(())
}

/// What one client has sent, as far as it was not answered.
#[derive(Default)]
struct Conversation {
    heard: Vec<u8>,
    value: Vec<u8>,
}

impl Conversation {
    /// Answers to all commands that are complete.
    fn answers(&mut self, heard: &[u8]) -> Vec<u8> {
        self.heard.extend_from_slice(heard);
        let (mut answers, mut at) = (Vec::new(), 0);
        while let Some((command, length)) = command(&self.heard[at..]) {
            at += length;
            match command.first().map(|name| name.to_ascii_uppercase()).as_deref() {
                Some(b"PING") => answers.extend_from_slice(b"+PONG\r\n"),
                Some(b"SET") => {
                    self.value = command.get(2).map_or_else(Vec::new, |value| value.to_vec());
                    answers.extend_from_slice(b"+OK\r\n");
                }
                Some(b"GET") => {
                    answers.extend_from_slice(format!("${}\r\n", self.value.len()).as_bytes());
                    answers.extend_from_slice(&self.value);
                    answers.extend_from_slice(b"\r\n");
                }
                _ => answers.extend_from_slice(b"-ERR not known here\r\n"),
            }
        }
        self.heard.drain(..at);
        answers
    }
}

/// The words of the first command and its length, if it is complete.
fn command(bytes: &[u8]) -> Option<(Vec<&[u8]>, usize)> {
    let line = |from: usize| {
        let end = bytes.get(from..)?.windows(2).position(|two| two == b"\r\n")? + from;
        Some((bytes.get(from..end)?, end + 2))
    };
    let (first, mut at) = line(0)?;
    if first.first() != Some(&b'*') {
        return Some((first.split(|byte| *byte == b' ').collect(), at));
    }
    let number = |line: &[u8]| std::str::from_utf8(line.get(1..)?).ok()?.parse::<usize>().ok();
    let mut words = Vec::new();
    for _ in 0..number(first)? {
        let (length, start) = line(at)?;
        let end = start + number(length)?;
        words.push(bytes.get(start..end)?);
        at = end + 2;
    }
    (at <= bytes.len()).then_some((words, at))
}

fn serve(address: SocketAddr) -> io::Result<()> {
    let listener = wire::Listener::bind(address)?;
    for stream in listener.incoming() {
        let mut stream = stream?;
        stream.set_nodelay(true)?;
        std::thread::spawn(move || {
            let (mut conversation, mut bytes) = (Conversation::default(), vec![0; 65536]);
            while let Ok(length @ 1..) = stream.read(&mut bytes) {
                if stream.write_all(&conversation.answers(&bytes[..length])).is_err() {
                    return;
                }
            }
        });
    }
    Ok(())
}

async fn serve_tasks(address: SocketAddr) -> io::Result<()> {
    let listener = wire::tokio::Listener::bind(address).await?;
    loop {
        let (mut stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        ::tokio::spawn(async move {
            let (mut conversation, mut bytes) = (Conversation::default(), vec![0; 65536]);
            while let Ok(length @ 1..) = stream.read(&mut bytes).await {
                if stream.write_all(&conversation.answers(&bytes[..length])).await.is_err() {
                    return;
                }
            }
        });
    }
}

fn ask(address: SocketAddr, rounds: u32) -> Result<(), Box<dyn std::error::Error>> {
    let stream = wire::Stream::connect(address)?;
    stream.set_nodelay(true)?;
    let (mut reader, mut writer) = (BufReader::new(stream.try_clone()?), stream);
    let mut line = String::new();
    for round in 0..rounds {
        let value = format!("{round:0width$}", width = 1 + round as usize * 37 % 5000);
        let length = value.len();
        write!(writer, "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n${length}\r\n{value}\r\n*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n")?;
        line.clear();
        reader.read_line(&mut line)?;
        reader.read_line(&mut line)?;
        if line != format!("+OK\r\n${length}\r\n") {
            return Err(format!("an answer of another kind: {line:?}").into());
        }
        let mut got = vec![0; length + 2];
        reader.read_exact(&mut got)?;
        if got != format!("{value}\r\n").as_bytes() {
            return Err("another value came back".into());
        }
    }
    println!("{}", if writer.writes_to_memory() { "memory" } else { "tcp" });
    Ok(())
}

fn echo(address: SocketAddr, bytes: u32) -> Result<(), Box<dyn std::error::Error>> {
    let mut stream = wire::Stream::connect(address)?;
    let sent: Vec<u8> = (0..bytes).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let (mut writer, to_send) = (stream.try_clone()?, sent.clone());
    let writes = std::thread::spawn(move || {
        let mut by_memory = 0;
        for piece in to_send.chunks(3000) {
            writer.write_all(piece)?;
            by_memory += u32::from(writer.writes_to_memory());
        }
        writer.shutdown(std::net::Shutdown::Write)?;
        Ok::<_, io::Error>((by_memory > 0, writer.writes_to_memory()))
    });
    let mut got = Vec::new();
    stream.read_to_end(&mut got)?;
    let ways = writes.join().map_err(|_| "the thread that writes ended")??;
    if got != sent {
        return Err("other bytes came back".into());
    }
    println!("{}", if ways == (true, false) { "memory, then tcp" } else { "one way" });
    Ok(())
}
