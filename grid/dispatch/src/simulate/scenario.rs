//! What is asked, and of whom.

/// How requests come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arrivals {
    /// So many are always under way: each answer brings the next request.
    Saturated {
        /// Requests under way.
        population: usize,
    },
    /// At random times.
    Open {
        /// Requests a second.
        rate: f64,
    },
    /// Each of so many clients asks, waits for the answer or the refusal, thinks for a random time, and asks again.
    Clients {
        /// How many.
        clients: usize,
        /// Mean of the time that they think, seconds.
        think_s: f64,
    },
}

/// The paper's admission; see [`crate::paper`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Admission {
    /// T_low.
    pub t_low: u32,
    /// T_high.
    pub t_high: u32,
    /// Seconds of waiting after which a connection counts as of the level above.
    pub ages_s: f64,
}

/// Something that happens in the middle of a run, from 40 to 80 % of its requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Incident {
    /// Nothing.
    None,
    /// A context that nobody asked for before gets this share of requests.
    Flash(f64),
    /// The first server takes so many times as long.
    Slow(f64),
    /// The first server is away until 60 %, and comes back with nothing in its cache.
    Away,
}

/// A world.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Servers, one request at a time each.
    pub servers: usize,
    /// Contexts that fit into each one's cache.
    pub cache: usize,
    /// Seconds of an answer from the cache and not, of each product.
    pub products: Vec<(f64, f64)>,
    /// Product of each context, by its rank, over and over.
    pub product_of: Vec<u32>,
    /// Contexts.
    pub contexts: usize,
    /// Exponent of Zipf's law.
    pub exponent: f64,
    /// Addresses by which each context is asked for.
    pub addresses: u64,
    /// Whether the dispatcher knows the address alone, not the context.
    pub by_address: bool,
    /// How requests come.
    pub arrivals: Arrivals,
    /// What happens.
    pub incident: Incident,
    /// Requests in all.
    pub requests: usize,
    /// Requests at the beginning that are not counted.
    pub warm_up: usize,
    /// Seconds between reports.
    pub feedback_s: f64,
    /// Whether dispatchers are told what answers cost and how large caches are; else they learn it.
    pub knows: bool,
    /// Parts of the clients that are of the high, middle and low level.
    pub levels: [f64; 3],
    /// Who is let in, if not everybody.
    pub admission: Option<Admission>,
    /// Requests that a server's queue takes at most, if it is finite.
    pub queue: Option<u32>,
    /// Seconds in which the share of a server that comes back rises.
    pub slow_start_s: f64,
    /// Dispatchers side by side, which see each other's load by the servers' reports alone.
    pub gates: usize,
}

/// Requests under way that the paper's admission lets in: (N - 1) T_high + T_low - 1.
const POPULATION: usize = 7 * 65 + 55 - 1;

/// The names that [`Scenario::by_name`] knows.
pub const NAMES: [&str; 9] =
    ["saturated-1000", "saturated-500", "open", "flash", "slow", "cutouts", "away", "paper-1000", "paper-500"];

impl Scenario {
    /// The scenario of that name; `None` for names that are not in [`NAMES`].
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        let base = Self {
            servers: 8,
            cache: 100,
            products: vec![(0.004, 0.040), (0.004, 0.025), (0.001, 0.010)],
            // 60, 25 and 15 %, spread over the ranks.
            product_of: vec![0, 1, 0, 2, 0, 0, 1, 0, 0, 1, 0, 2, 0, 0, 1, 0, 0, 1, 0, 2],
            contexts: 1000,
            exponent: 0.8,
            addresses: 1,
            by_address: false,
            arrivals: Arrivals::Saturated { population: POPULATION },
            incident: Incident::None,
            requests: 60_000,
            warm_up: 6_000,
            feedback_s: 0.5,
            knows: true,
            levels: [1.0, 0.0, 0.0],
            admission: None,
            queue: None,
            slow_start_s: 0.0,
            gates: 1,
        };
        // The paper's clients, levels and limits. How fast they ask is not known: so that more are refused than by any policy must be.
        let paper = Self {
            arrivals: Arrivals::Clients { clients: 6000, think_s: 2.0 },
            levels: [0.6, 0.25, 0.15],
            admission: Some(Admission { t_low: 55, t_high: 65, ages_s: 1.0 }),
            ..base.clone()
        };
        let open = |rate| Self { arrivals: Arrivals::Open { rate }, ..base.clone() };
        Some(match name {
            "saturated-1000" => base,
            "saturated-500" => Self { contexts: 500, ..base },
            "open" => open(560.0),
            "flash" => Self { incident: Incident::Flash(0.3), ..open(700.0) },
            "slow" => Self { incident: Incident::Slow(4.0), ..open(600.0) },
            "away" => Self { incident: Incident::Away, ..open(560.0) },
            "paper-1000" => paper,
            "paper-500" => Self { contexts: 500, ..paper },
            // Blocks of storage, of which each cuts out many: two thirds of them fit into all caches together.
            "cutouts" => Self { contexts: 5000, cache: 400, addresses: 200, ..base },
            _ => return None,
        })
    }
}
