//! Who decides where a request goes.

mod bounded;
mod context;
mod lard;
mod lately;
mod plain;
mod prefix;
mod priced;
mod rendezvous;

pub use bounded::BoundedLoad;
pub use context::{BindTable, Context, class_of, hits};
pub use lard::{Lard, LardSets};
pub use plain::{LeastWork, PeakEwma, RoundRobin, TwoRandom, Weighted};
pub use prefix::PrefixLoad;
pub use priced::Priced;
pub(crate) use rendezvous::most_wanted;
pub use rendezvous::{Rendezvous, TwoChoice};

use crate::Request;
use crate::servers::Servers;

/// What a server says of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Requests in its queue, the one that is worked on not counted: q of the paper.
    pub queue: u32,
    /// How many of them of each class: R.
    pub classes: Vec<u32>,
    /// Time that all of them will take, seconds: T.
    pub total_s: f64,
    /// How many its queue takes at most, if it is finite.
    pub limit: Option<u32>,
}

/// A way of dispatching.
pub trait Policy: Send {
    /// Where `request` goes, at `now_s` seconds of a clock that does not go back; `None` if no server is up.
    fn choose(&mut self, request: Request, servers: &Servers, now_s: f64) -> Option<usize>;

    /// A server has said how it is.
    fn report(&mut self, _server: usize, _report: &Report) {}

    /// Entries of the table by which it decides, if there is one.
    fn entries(&self, _servers: &Servers) -> usize {
        0
    }
}

/// The names that [`by_name`] knows.
pub const NAMES: [&str; 13] = [
    "round-robin",
    "weighted",
    "least-work",
    "p2c",
    "peak-ewma",
    "rendezvous",
    "two-choice",
    "bounded-load",
    "context",
    "lard",
    "lard-r",
    "prefix-load",
    "pogson",
];

/// What can be set, of all policies.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Most load of a server by the mean, of `bounded-load`.
    pub bound: f64,
    /// `lard`: connections below which a server has room.
    pub t_low: u32,
    /// `lard`: connections above which it has too many.
    pub t_high: u32,
    /// `lard-r`: seconds without a change after which a set shrinks.
    pub shrinks_after_s: f64,
    /// `context`: classes of the bind table.
    pub classes: usize,
    /// `context`: seconds of work by which a server may be behind the least loaded.
    pub t_load_s: f64,
    /// `prefix-load`: weight of load against having the context.
    pub beta: f64,
    /// `pogson`: price of a miss without pressure, in misses.
    pub price: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            bound: 2.0,
            t_low: 25,
            t_high: 65,
            shrinks_after_s: 20.0,
            classes: 20,
            t_load_s: 1.0,
            beta: 0.5,
            price: 2.0,
        }
    }
}

/// The policy of that name; `None` for names that are not in [`NAMES`].
#[must_use]
pub fn by_name(name: &str, settings: &Settings, seed: u64) -> Option<Box<dyn Policy>> {
    Some(match name {
        "round-robin" => Box::new(RoundRobin::default()),
        "weighted" => Box::new(Weighted::default()),
        "least-work" => Box::new(LeastWork),
        "p2c" => Box::new(TwoRandom::new(seed)),
        "peak-ewma" => Box::new(PeakEwma),
        "rendezvous" => Box::new(Rendezvous),
        "two-choice" => Box::new(TwoChoice),
        "bounded-load" => Box::new(BoundedLoad::new(settings.bound)),
        "context" => Box::new(Context::new(settings.classes, settings.t_load_s)),
        "lard" => Box::new(Lard::new(settings.t_low, settings.t_high)),
        "lard-r" => Box::new(LardSets::new(settings.t_low, settings.t_high, settings.shrinks_after_s)),
        "prefix-load" => Box::new(PrefixLoad::new(settings.beta)),
        "pogson" => Box::new(Priced::new(settings.price)),
        _ => return None,
    })
}

/// The place with the least of `value`; of equal ones the first.
fn least(of: impl Iterator<Item = (usize, f64)>) -> Option<usize> {
    of.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(at, _)| at)
}
