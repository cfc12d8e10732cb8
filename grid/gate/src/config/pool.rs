//! Back ends, in named pools.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use pogson_dispatch::policy::Settings;
use pogson_dispatch::waiting::{LEVELS, Rules};
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use super::address::ServerAddress;
use super::health::Health;
use super::quantity::{bytes, de_bytes, de_list, de_some_time, de_time};

/// Back ends that answer alike: `[[pool]]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// How routes call it.
    #[serde(default = "main")]
    pub name: String,
    /// Who decides: one of [`pogson_dispatch::policy::NAMES`].
    #[serde(default = "pogson")]
    pub policy: String,
    /// What can be set of policies.
    #[serde(default)]
    pub settings: PolicySettings,
    /// The back ends.
    #[serde(default)]
    pub server: Vec<Server>,
    /// Whether it may have none at the start: they are added at run time.
    #[serde(default)]
    pub allow_empty: bool,
    /// Mean size of what answers a context, by which rooms in bytes are counted.
    #[serde(default = "a_megabyte", deserialize_with = "de_bytes")]
    pub block: u64,
    /// File to which all is written that decisions come from.
    pub trace: Option<PathBuf>,
    /// How back ends are looked after.
    #[serde(default)]
    pub health: Health,
    /// Requests that wait for room.
    #[serde(default)]
    pub queue: Queue,
    /// How many requests go to a back end at once.
    #[serde(default)]
    pub admission: Admission,
    /// Requests of each back end whose clients do not take what it has for them, which count as no work there; without it as many as
    /// `max_active`, or 1000 where that is no limit.
    pub slow_readers: Option<u32>,
    /// When a request is sent again.
    #[serde(default)]
    pub retries: Retries,
    /// When it is sent to a second back end before the first has answered.
    pub hedge: Option<Hedge>,
    /// How long back ends are waited for.
    #[serde(default)]
    pub times: PoolTimes,
    /// How reports of back ends are believed.
    #[serde(default)]
    pub reports: Reports,
    /// How back ends of `https://` are checked.
    #[serde(default)]
    pub tls: PoolTls,
}

fn main() -> String {
    "main".to_string()
}

fn pogson() -> String {
    "pogson".to_string()
}

fn a_megabyte() -> u64 {
    1 << 20
}

/// A back end: `[[pool.server]]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// How logs and commands call it; empty: as its address.
    #[serde(default)]
    pub name: String,
    /// Where it is.
    pub address: ServerAddress,
    /// Share of requests where all else is equal; 0: none.
    #[serde(default = "one")]
    pub weight: f64,
    /// What is spoken to it.
    #[serde(default)]
    pub protocol: Protocol,
    /// Whether it may be lent clients' connections, to write bodies to them itself: a server of `unix:` that is made for it.
    #[serde(default)]
    pub direct: bool,
    /// Requests at once, however many admission would let; 0: no such limit.
    #[serde(default)]
    pub max_active: u32,
    /// What its cache has room for.
    #[serde(default)]
    pub cache: Room,
    /// Time over which its share grows after it came up.
    #[serde(default = "ten_seconds", deserialize_with = "de_time")]
    pub slow_start: Duration,
}

fn one() -> f64 {
    1.0
}

fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

/// What is spoken to a back end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2: over TLS by ALPN, else at once.
    H2,
}

/// What a cache has room for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Room {
    /// It is learned from answers and reports.
    #[default]
    Learned,
    /// So many contexts: a whole number in the file.
    Contexts(usize),
    /// So many bytes: a text with a unit in the file.
    Bytes(u64),
}

impl Room {
    /// Contexts that it is taken for at first, each of `block` bytes.
    #[must_use]
    pub fn contexts(self, block: u64) -> usize {
        match self {
            Self::Learned => pogson_dispatch::shadow::FIRST_ROOM,
            Self::Contexts(contexts) => contexts.max(1),
            Self::Bytes(bytes) => usize::try_from(bytes / block.max(1)).unwrap_or(usize::MAX).clamp(1, 1 << 24),
        }
    }
}

struct RoomVisitor;

impl Visitor<'_> for RoomVisitor {
    type Value = Room;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a number of contexts such as 5000, a size such as \"2GiB\", or \"learned\"")
    }

    fn visit_i64<E: de::Error>(self, contexts: i64) -> Result<Room, E> {
        match usize::try_from(contexts) {
            Ok(contexts @ 1..) => Ok(Room::Contexts(contexts.min(1 << 24))),
            _ => Err(E::custom(format!("a cache has room for 1 context at least, not for {contexts}"))),
        }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Room, E> {
        if text == "learned" { Ok(Room::Learned) } else { bytes(text).map(Room::Bytes).map_err(E::custom) }
    }
}

impl<'de> Deserialize<'de> for Room {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(RoomVisitor)
    }
}

/// What can be set of policies: `[pool.settings]`; [`Settings`] says what each is.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "Settings says it")]
pub struct PolicySettings {
    pub bound: f64,
    pub t_low: u32,
    pub t_high: u32,
    #[serde(deserialize_with = "de_time")]
    pub shrinks_after: Duration,
    pub classes: usize,
    #[serde(deserialize_with = "de_time")]
    pub t_load: Duration,
    pub beta: f64,
    pub price: f64,
}

impl Default for PolicySettings {
    fn default() -> Self {
        let of = Settings::default();
        Self {
            bound: of.bound,
            t_low: of.t_low,
            t_high: of.t_high,
            shrinks_after: Duration::from_secs_f64(of.shrinks_after_s),
            classes: of.classes,
            t_load: Duration::from_secs_f64(of.t_load_s),
            beta: of.beta,
            price: of.price,
        }
    }
}

impl PolicySettings {
    /// As policies take them.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings {
            bound: self.bound,
            t_low: self.t_low,
            t_high: self.t_high,
            shrinks_after_s: self.shrinks_after.as_secs_f64(),
            classes: self.classes,
            t_load_s: self.t_load.as_secs_f64(),
            beta: self.beta,
            price: self.price,
        }
    }
}

/// Requests that wait for room: `[pool.queue]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Queue {
    /// Requests that wait, at most.
    pub limit: usize,
    /// Share of the work that each level has for sure while it waits: high, medium, low.
    pub shares: [f64; LEVELS],
    /// Time after which a request that waits counts as of the level above.
    #[serde(deserialize_with = "de_time")]
    pub ages: Duration,
    /// Time that one may be expected to wait; else it is answered 503 at once.
    #[serde(deserialize_with = "de_time")]
    pub longest: Duration,
    /// Time after which one that waits is answered 503.
    #[serde(deserialize_with = "de_time")]
    pub timeout: Duration,
}

impl Default for Queue {
    fn default() -> Self {
        let rules = Rules::default();
        Self {
            limit: rules.room,
            shares: rules.least,
            ages: Duration::from_secs_f64(rules.ages_s),
            longest: Duration::from_secs_f64(rules.longest_s),
            timeout: Duration::from_secs(30),
        }
    }
}

impl Queue {
    /// As the waiting room takes them.
    #[must_use]
    pub fn rules(&self) -> Rules {
        Rules {
            room: self.limit,
            least: self.shares,
            ages_s: self.ages.as_secs_f64(),
            longest_s: self.longest.as_secs_f64(),
        }
    }
}

/// How many requests go to a back end at once: `admission`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Admission {
    /// It is learned.
    #[default]
    Learned,
    /// As many as there are.
    Off,
    /// As the dispatching paper has it: (N - 1) t_high + t_low - 1 in all of N back ends.
    Fixed {
        /// Most of one back end.
        t_high: u32,
        /// Most of the last one.
        t_low: u32,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FixedAdmission {
    t_high: u32,
    t_low: u32,
}

struct AdmissionVisitor;

impl<'de> Visitor<'de> for AdmissionVisitor {
    type Value = Admission;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("\"learned\", \"off\" or { t_high = 65, t_low = 55 }")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Admission, E> {
        match text {
            "learned" => Ok(Admission::Learned),
            "off" => Ok(Admission::Off),
            _ => Err(E::unknown_variant(text, &["learned", "off"])),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Admission, A::Error> {
        let FixedAdmission { t_high, t_low } = Deserialize::deserialize(de::value::MapAccessDeserializer::new(map))?;
        Ok(Admission::Fixed { t_high, t_low })
    }
}

impl<'de> Deserialize<'de> for Admission {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(AdmissionVisitor)
    }
}

/// When a request is sent again: `[pool.retries]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retries {
    /// How often, at most.
    pub attempts: u32,
    /// After what.
    #[serde(deserialize_with = "de_list")]
    pub on: Vec<RetryOn>,
    /// Most of them by the requests of the last ten seconds, percent.
    pub budget: f64,
}

impl Default for Retries {
    fn default() -> Self {
        Self { attempts: 2, on: vec![RetryOn::Connect, RetryOn::Reset], budget: 20.0 }
    }
}

/// What a request is sent again after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RetryOn {
    /// No connection came about: any request, for none was sent.
    Connect,
    /// The connection ended before an answer began: requests that may be sent twice.
    Reset,
    /// The answer was 502, 503 or 504: requests that may be sent twice.
    #[serde(rename = "5xx")]
    ServerError,
}

/// When a request is sent to a second back end before the first has answered: `[pool.hedge]`. Off without it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hedge {
    /// After this time.
    #[serde(default, deserialize_with = "de_some_time")]
    pub after: Option<Duration>,
    /// After the time that so many percent of answers take.
    pub percentile: Option<f64>,
    /// Most of them by requests, percent.
    #[serde(default = "five")]
    pub budget: f64,
}

fn five() -> f64 {
    5.0
}

/// How long back ends are waited for: `[pool.times]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PoolTimes {
    /// Until a connection is there, TLS included.
    #[serde(deserialize_with = "de_time")]
    pub connect: Duration,
    /// From the end of a request to the head of its answer.
    #[serde(deserialize_with = "de_time")]
    pub response_head: Duration,
    /// Between pieces of an answer's body.
    #[serde(deserialize_with = "de_time")]
    pub response_idle: Duration,
    /// That a connection without a request is kept.
    #[serde(deserialize_with = "de_time")]
    pub keep_alive: Duration,
}

impl Default for PoolTimes {
    fn default() -> Self {
        let s = Duration::from_secs;
        Self { connect: s(2), response_head: s(60), response_idle: s(30), keep_alive: s(60) }
    }
}

/// How reports of back ends are believed: `[pool.reports]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Reports {
    /// File of the key that reports are signed with; without it those in answers count, and pushed ones do not.
    pub key_file: Option<PathBuf>,
    /// Time after which a report says nothing any more.
    #[serde(deserialize_with = "de_time")]
    pub stale_after: Duration,
}

impl Default for Reports {
    fn default() -> Self {
        Self { key_file: None, stale_after: Duration::from_secs(3) }
    }
}

/// How back ends of `https://` are checked: `[pool.tls]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PoolTls {
    /// File of certificates that are trusted, PEM; without it those of the system.
    pub ca: Option<PathBuf>,
    /// Name that the certificate has to have; without it the address's host.
    pub name: Option<String>,
    /// Whether certificates are checked.
    pub verify: bool,
    /// File of the gate's own certificate with those that sign it, PEM, for back ends that ask for one.
    pub cert: Option<PathBuf>,
    /// File of its private key, PEM.
    pub key: Option<PathBuf>,
}

impl Default for PoolTls {
    fn default() -> Self {
        Self { ca: None, name: None, verify: true, cert: None, key: None }
    }
}
