//! Clients, servers and the gate between them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use pogson_gate::config::Config;
use pogson_gate::serve::Gate;

/// Time after which a test is stuck.
const STUCK: Duration = Duration::from_secs(20);

/// A request as a server got it.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) line: String,
    pub(crate) fields: Vec<(String, String)>,
}

impl Got {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// A connection that a server accepted.
pub(crate) struct Taken(pub(crate) BufReader<TcpStream>);

impl Taken {
    /// The head of the next request; `None` when the connection ends.
    pub(crate) fn head(&mut self) -> Option<Got> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).ok()? == 0 {
                return None;
            }
            assert!(line.ends_with("\r\n"), "a line without CR LF: {line:?}");
            if line == "\r\n" {
                break;
            }
            lines.push(line.trim_end().to_owned());
        }
        let fields = lines[1..].iter().map(|line| {
            let (name, value) = line.split_once(':').expect("a field");
            (name.to_owned(), value.trim().to_owned())
        });
        Some(Got { line: lines[0].clone(), fields: fields.collect() })
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes).expect("bytes");
        bytes
    }

    pub(crate) fn send(&mut self, text: impl AsRef<[u8]>) {
        // The gate may be gone.
        let _ = self.0.get_mut().write_all(text.as_ref());
    }
}

/// Starts a server that gives each connection to `serve`, in a thread of its own.
pub(crate) fn server(serve: impl Fn(Taken) + Send + Sync + Clone + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            stream.set_read_timeout(Some(STUCK)).expect("a limit");
            let serve = serve.clone();
            thread::spawn(move || serve(Taken(BufReader::new(stream))));
        }
    });
    address
}

/// A server that replies `reply` to each request without a body, and tells what it got.
pub(crate) fn fixed(reply: &'static str) -> (SocketAddr, Receiver<Got>) {
    let (tell, told) = channel();
    let address = server(move |mut one| {
        while let Some(got) = one.head() {
            let _ = tell.send(got);
            one.send(reply);
        }
    });
    (address, told)
}

/// A gate before these servers.
pub(crate) fn gate(servers: &[SocketAddr], more: &str) -> Gate {
    let listed: String = servers.iter().map(|one| format!("[[pool.server]]\naddress = \"http://{one}\"\n")).collect();
    let (top, pool) = more.split_once("---").unwrap_or(("", more));
    let listen = if top.contains("[[listen]]") { "" } else { "[[listen]]\naddress = \"127.0.0.1:0\"\n" };
    let text = format!("workers = 1\n{top}\n{listen}[[pool]]\nname = \"p\"\n{pool}\n{listed}");
    let config = Config::parse(&text).unwrap_or_else(|why| panic!("{why}"));
    Gate::start(config).expect("a gate")
}

/// A client's connection.
pub(crate) struct Client(pub(crate) BufReader<TcpStream>);

/// A reply as a client got it.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

impl Client {
    pub(crate) fn of(gate: &Gate) -> Self {
        let stream = TcpStream::connect(gate.addresses()[0]).expect("a connection");
        stream.set_read_timeout(Some(STUCK)).expect("a limit");
        stream.set_nodelay(true).expect("no delay");
        Self(BufReader::new(stream))
    }

    pub(crate) fn send(&mut self, text: impl AsRef<[u8]>) {
        // The gate may have refused and gone.
        let _ = self.0.get_mut().write_all(text.as_ref());
    }

    /// Status and fields of the next reply; `None` if the connection ends.
    pub(crate) fn head(&mut self) -> Option<Reply> {
        let mut line = String::new();
        if self.0.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let status = line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest[..3].parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status line: {line:?}"));
        let mut fields = Vec::new();
        loop {
            line.clear();
            self.0.read_line(&mut line).expect("a line");
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            fields.push((name.to_owned(), value.to_owned()));
        }
        Some(Reply { status, fields, body: Vec::new() })
    }

    /// The next reply with its body.
    pub(crate) fn reply(&mut self) -> Option<Reply> {
        let mut reply = self.head()?;
        if let Some(length) = reply.field("content-length") {
            reply.body = vec![0; length.parse().expect("a length")];
            self.0.read_exact(&mut reply.body).ok()?;
        } else if reply.field("transfer-encoding") == Some("chunked") {
            loop {
                let mut line = String::new();
                if self.0.read_line(&mut line).ok()? == 0 {
                    return None;
                }
                let length = usize::from_str_radix(line.trim_end(), 16).expect("a size");
                let mut data = vec![0; length + 2];
                if length == 0 {
                    break;
                }
                self.0.read_exact(&mut data).ok()?;
                assert!(data.ends_with(b"\r\n"));
                reply.body.extend_from_slice(&data[..length]);
            }
            loop {
                let mut line = String::new();
                if self.0.read_line(&mut line).ok()? == 0 {
                    return None;
                }
                let Some((name, value)) = line.trim_end().split_once(": ") else { break };
                reply.fields.push((name.to_owned(), value.to_owned()));
            }
        } else if reply.status >= 200 && reply.status != 204 && reply.status != 304 {
            self.0.read_to_end(&mut reply.body).ok()?;
        }
        Some(reply)
    }

    pub(crate) fn ask(&mut self, text: &str) -> Reply {
        self.send(text);
        self.reply().expect("a reply")
    }

    /// Whether nothing more comes.
    pub(crate) fn ends(&mut self) -> bool {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).is_ok_and(|_| rest.is_empty())
    }
}
