//! What clients connect to.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::address::{ListenAddress, Network};
use super::quantity::{de_bytes, de_list, de_time};

/// A listener: `[[listen]]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// Where it takes connections.
    pub address: ListenAddress,
    /// Certificate and key; without it connections are plain.
    pub tls: Option<Tls>,
    /// Whether HTTP/2 is served: on plain connections to clients that begin with it, over TLS to those that choose it.
    #[serde(default = "yes")]
    pub http2: bool,
    /// Whether connections begin with a line that says who the client is.
    #[serde(default)]
    pub proxy_protocol: ProxyProtocol,
    /// Networks of proxies whose `Forwarded`, `X-Forwarded-*` and PROXY lines are believed.
    #[serde(default, deserialize_with = "de_list")]
    pub trusted: Vec<Network>,
    /// How much a client may ask for.
    #[serde(default)]
    pub limits: Limits,
}

fn yes() -> bool {
    true
}

/// Certificates of a listener: `[listen.tls]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// File of the certificate with those that sign it, PEM.
    pub cert: PathBuf,
    /// File of its private key, PEM.
    pub key: PathBuf,
    /// Protocols that are offered, the first that the client knows is taken; empty: `h2` (if `http2` is on) and `http/1.1`.
    #[serde(default, deserialize_with = "de_list")]
    pub alpn: Vec<String>,
    /// More certificates, chosen by the name that the client asks for.
    #[serde(default)]
    pub also: Vec<Pair>,
}

/// One more certificate: `[[listen.tls.also]]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// File of the certificate with those that sign it, PEM.
    pub cert: PathBuf,
    /// File of its private key, PEM.
    pub key: PathBuf,
}

/// The line of the PROXY protocol at the beginning of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProxyProtocol {
    /// There is none.
    #[default]
    Off,
    /// Text.
    V1,
    /// Binary.
    V2,
    /// Either of them.
    Any,
}

/// How much a client may ask for: `[listen.limits]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of a request's head.
    #[serde(deserialize_with = "de_bytes")]
    pub head: u64,
    /// Connections at once.
    pub connections: usize,
    /// Connections at once of one client (an address, or a /64 of version 6); 0: as many as there are.
    pub connections_per_client: usize,
    /// Streams at once of one connection of HTTP/2.
    pub streams: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { head: 16 << 10, connections: 20_000, connections_per_client: 0, streams: 100 }
    }
}

/// How long clients are waited for: `[times]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Times {
    /// From the first byte of a request to the end of its head; also for TLS to begin.
    #[serde(deserialize_with = "de_time")]
    pub head: Duration,
    /// Between pieces of a request's body.
    #[serde(deserialize_with = "de_time")]
    pub body_idle: Duration,
    /// For which a client may be behind with an answer: that it was waited for, and has not made up for since.
    #[serde(deserialize_with = "de_time")]
    pub write_idle: Duration,
    /// Bytes of an answer by which a client makes up for a second; 0: any number makes up for all.
    #[serde(deserialize_with = "de_bytes")]
    pub write_rate: u64,
    /// Between requests of a connection.
    #[serde(deserialize_with = "de_time")]
    pub keep_alive: Duration,
    /// Between bytes of a connection that was upgraded, such as to WebSocket.
    #[serde(deserialize_with = "de_time")]
    pub upgraded_idle: Duration,
    /// From the word to stop until connections that are still open are closed.
    #[serde(deserialize_with = "de_time")]
    pub drain: Duration,
}

impl Default for Times {
    fn default() -> Self {
        let s = Duration::from_secs;
        Self {
            head: s(10),
            body_idle: s(30),
            write_idle: s(60),
            write_rate: 1 << 10,
            keep_alive: s(60),
            upgraded_idle: s(3600),
            drain: s(30),
        }
    }
}

/// What operators connect to: `[admin]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Admin {
    /// Where reports of back ends, metrics and the live page are; without it nowhere.
    pub address: Option<ListenAddress>,
    /// Path of the control socket, by which `pogson gate` commands reach the gate.
    pub socket: Option<PathBuf>,
    /// File of a secret word: those who read the admin pages from other machines have to know it.
    pub token_file: Option<PathBuf>,
}

/// What is written about each request: `[log]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// File of the access log; `-` is standard output; without it there is none.
    pub access: Option<PathBuf>,
    /// How its lines are written.
    pub format: LogFormat,
}

/// Forms of the access log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// The combined format of web servers, with pool, server and reason behind it.
    #[default]
    Combined,
    /// An object of JSON in each line.
    Json,
}
