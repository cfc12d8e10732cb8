//! What the default policy is said to do beside the published ones, each of them at the setting of a few that does best.

use pogson_dispatch::policy::Settings;
use pogson_dispatch::simulate::{Outcome, Scenario, run};

/// A figure of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Figure {
    /// Answers a second: more is better.
    Throughput,
    /// 99th percentile of the time to an answer: less is better.
    P99,
}

/// How a world is other than its scenario says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Key {
    /// Not at all.
    Context,
    /// Dispatchers know the address alone.
    Address,
}

/// The default policy's figure against that of peers.
pub(crate) struct Claim {
    pub(crate) world: &'static str,
    pub(crate) figure: Figure,
    pub(crate) peers: Vec<(&'static str, Settings)>,
    /// By what the peers know a request; the default knows its context.
    pub(crate) key: Key,
    /// At least this, of throughputs; at most, of times.
    pub(crate) ratio: f64,
    /// Whether the default learns costs and sizes of caches.
    pub(crate) learns: bool,
}

/// What came of a claim.
pub(crate) struct Found {
    pub(crate) own: f64,
    /// Of the peer that comes nearest to it or passes it, by its name and setting.
    pub(crate) peer: f64,
    pub(crate) name: String,
    pub(crate) ratio: f64,
    pub(crate) met: bool,
}

/// A policy at each of the settings at which it may do best.
pub(crate) fn settings(policy: &'static str) -> Vec<(&'static str, Settings)> {
    let of = |change: fn(&mut Settings, f64), values: &[f64]| {
        let one = |value: &f64| {
            let mut settings = Settings::default();
            change(&mut settings, *value);
            (policy, settings)
        };
        values.iter().map(one).collect()
    };
    match policy {
        "lard" | "lard-r" => of(|settings, value| settings.t_low = value as u32, &[25.0, 55.0]),
        "bounded-load" => of(|settings, value| settings.bound = value, &[1.25, 1.5, 2.0, 3.0]),
        "prefix-load" => of(|settings, value| settings.beta = value, &[0.25, 0.5, 1.0]),
        _ => vec![(policy, Settings::default())],
    }
}

/// How a policy with its setting is called.
pub(crate) fn called(policy: &str, settings: &Settings) -> String {
    match policy {
        "lard" | "lard-r" => format!("{policy}, T_low {}", settings.t_low),
        "bounded-load" => format!("{policy}, {}", settings.bound),
        "prefix-load" => format!("{policy}, beta {}", settings.beta),
        _ => policy.to_string(),
    }
}

/// All claims.
pub(crate) fn all() -> Vec<Claim> {
    use Figure::{P99, Throughput};
    let claim = |world, figure, peer, ratio| Claim {
        world,
        figure,
        peers: settings(peer),
        key: Key::Context,
        ratio,
        learns: false,
    };
    let every: Vec<_> =
        ["two-choice", "lard", "lard-r", "bounded-load", "prefix-load"].into_iter().flat_map(settings).collect();
    let mut claims = vec![
        claim("saturated-1000", Throughput, "lard", 1.05),
        claim("saturated-1000", Throughput, "lard-r", 1.0),
        claim("saturated-1000", Throughput, "bounded-load", 1.2),
        claim("saturated-1000", Throughput, "prefix-load", 0.95),
        claim("saturated-1000", P99, "lard", 0.7),
        claim("saturated-1000", P99, "lard-r", 0.7),
        claim("saturated-1000", P99, "bounded-load", 0.7),
        claim("saturated-1000", P99, "prefix-load", 0.75),
        claim("open", P99, "two-choice", 0.8),
        claim("flash", P99, "two-choice", 0.8),
        claim("slow", P99, "two-choice", 0.6),
        Claim { key: Key::Address, peers: every.clone(), ..claim("cutouts", Throughput, "lard", 2.2) },
        Claim { peers: every, ..claim("cutouts", Throughput, "lard", 0.97) },
        claim("cutouts", P99, "lard-r", 0.75),
    ];
    for world in ["saturated-1000", "saturated-500", "open", "flash", "slow", "cutouts"] {
        for (figure, ratio) in [(Throughput, 0.95), (P99, 1.05)] {
            claims.push(Claim { learns: true, ..claim(world, figure, "pogson", ratio) });
        }
    }
    claims
}

/// Runs worlds, each once.
pub(crate) struct Runs {
    seeds: u64,
    known: Vec<(String, Outcome)>,
}

impl Runs {
    /// - `seeds`: runs of which figures are means, with the seeds from 1.
    pub(crate) fn new(seeds: u64) -> Self {
        Self { seeds, known: Vec::new() }
    }

    fn of(&mut self, world: &str, change: fn(&mut Scenario), policy: &str, settings: &Settings, key: &str) -> Outcome {
        let key = format!("{world} {key} {}", called(policy, settings));
        if let Some((_, outcome)) = self.known.iter().find(|(one, _)| *one == key) {
            return outcome.clone();
        }
        let mut scenario = Scenario::by_name(world).expect("a known name");
        change(&mut scenario);
        let runs: Vec<_> = (1..=self.seeds).filter_map(|seed| run(&scenario, policy, settings, seed)).collect();
        self.known.push((key, Outcome::mean(&runs)));
        Outcome::mean(&runs)
    }

    /// What comes of a claim.
    pub(crate) fn check(&mut self, claim: &Claim) -> Found {
        let figure = |outcome: &Outcome| match claim.figure {
            Figure::Throughput => outcome.throughput,
            Figure::P99 => outcome.p99_ms,
        };
        let own = match claim.learns {
            true => self.of(claim.world, |world| world.knows = false, "pogson", &Settings::default(), "learned"),
            false => self.of(claim.world, |_| {}, "pogson", &Settings::default(), ""),
        };
        let own = figure(&own);
        let peers = claim.peers.iter().map(|(policy, settings)| {
            let peer = match claim.key {
                Key::Context => self.of(claim.world, |_| {}, policy, settings, ""),
                Key::Address => self.of(claim.world, |world| world.by_address = true, policy, settings, "by address"),
            };
            (figure(&peer), called(policy, settings))
        });
        let more = |a: &(f64, String), b: &(f64, String)| a.0.total_cmp(&b.0);
        let best = match claim.figure {
            Figure::Throughput => peers.max_by(more),
            Figure::P99 => peers.min_by(more),
        };
        let (peer, name) = best.expect("a claim is against somebody");
        let ratio = own / peer;
        let met = match claim.figure {
            Figure::Throughput => ratio >= claim.ratio,
            Figure::P99 => ratio <= claim.ratio,
        };
        Found { own, peer, name, ratio, met }
    }
}
