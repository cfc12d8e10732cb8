//! The default: the time until the answer, and a price on what a miss costs all others, which rises with pressure.
//!
//! A miss takes time from whoever comes later, and throws something out of a cache. With little to do that hardly matters; with much
//! it decides how much can be done at all. So a server is charged
//!
//! (W + hit) s + (1 - p) a (b + min(20, mean W / mean miss)) (miss - hit) s
//!
//! with W its work under way by its weight, s its slowness, p the chance that the context is cached there, b the price without pressure. Of equal
//! servers the context's own order decides, so that it comes back to the same.
//!
//! Dispatchers that do not know of each other would each bring a context to another server. So the more of the work comes from
//! others, the more a miss costs away from the context's home: a = 1 at home, else 1 + 2 x their share.

use super::{Policy, Request, Servers, rendezvous::more_wanted};

/// Most that pressure adds to the price.
const MOST_PRESSURE: f64 = 20.0;
/// How much more a miss costs away from home, where all work comes from other dispatchers.
const AWAY: f64 = 2.0;
/// Scores that differ by less, of the cost of a hit, are equal.
const EQUAL: f64 = 1e-3;

/// The policy.
pub struct Priced {
    price: f64,
    /// Servers that may have the request: place, time until they come to it, slowness.
    open: Vec<(usize, f64, f64)>,
}

impl Priced {
    /// - `price`: of a miss without pressure, in misses.
    #[must_use]
    pub fn new(price: f64) -> Self {
        Self { price, open: Vec::new() }
    }
}

impl Policy for Priced {
    fn choose(&mut self, request: Request, servers: &Servers, now_s: f64) -> Option<usize> {
        let context = request.context;
        let (mut wait_s, mut hidden_s, mut home) = (0.0, 0.0, None);
        self.open.clear();
        for (at, server) in servers.open_to(context, now_s) {
            let own_s = server.all_work_s() / server.weight;
            wait_s += own_s;
            hidden_s += server.hidden_s / server.weight;
            home = more_wanted(context, servers, home, at);
            self.open.push((at, own_s, server.slowness));
        }
        let home = home?;
        let mean_s = wait_s / self.open.len() as f64;
        let pressure = (mean_s / servers.costs.mean_miss_s().max(f64::MIN_POSITIVE)).min(MOST_PRESSURE);
        let (hit_s, miss_s) = (servers.cost_s(request, true), servers.cost_s(request, false));
        let extra_s = (self.price + pressure) * (miss_s - hit_s);
        let away = 1.0 + if wait_s > 0.0 { AWAY * hidden_s / wait_s } else { 0.0 };
        let [used, at_home, elsewhere] = servers.chances().map(|chance| 1.0 - chance);
        let score = |own_s: f64, slowness: f64, misses: f64| (own_s + hit_s + misses * extra_s) * slowness;
        let mut best: Option<(f64, usize)> = None;
        let mut consider = |at: usize, score: f64| {
            best = match best {
                Some((least, _)) if score > least + EQUAL * hit_s => best,
                Some((least, before)) if score >= least - EQUAL * hit_s => {
                    more_wanted(context, servers, Some(before), at).map(|at| (score.min(least), at))
                }
                _ => Some((score, at)),
            };
        };
        // As if none had it; those that may are better, and come once more.
        for &(at, own_s, slowness) in &self.open {
            consider(at, score(own_s, slowness, elsewhere * away));
        }
        let holders = servers.shadows.holders(context).map(|at| (at, used));
        for (at, misses) in std::iter::once((home, at_home)).chain(holders) {
            // They are in the order of their places.
            if let Ok(found) = self.open.binary_search_by_key(&at, |(at, _, _)| *at) {
                let (_, own_s, slowness) = self.open[found];
                consider(at, score(own_s, slowness, misses));
            }
        }
        best.map(|(_, at)| at)
    }

    fn entries(&self, servers: &Servers) -> usize {
        servers.shadows.entries()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::costs::Costs;

    const REQUEST: Request = Request { context: 3, product: 0 };

    #[test]
    fn a_context_goes_where_it_is_cached_until_waiting_costs_more_than_a_miss() {
        let mut servers = Servers::new(&[10; 4], Costs::known(&[(1.0, 10.0)]));
        let mut policy = Priced::new(2.0);
        let first = policy.choose(REQUEST, &servers, 0.0).unwrap();
        servers.shadows.touch(first, REQUEST.context);
        // Work W there, none elsewhere: a miss costs (2 + W / 4 / 10) x 9, so that they are equal at W = 18 / (1 - 0.225).
        servers.all[first].work_s = 23.0;
        assert_eq!(policy.choose(REQUEST, &servers, 0.0), Some(first));
        servers.all[first].work_s = 24.0;
        assert_ne!(policy.choose(REQUEST, &servers, 0.0), Some(first));
    }

    #[test]
    fn new_contexts_of_idle_servers_come_back_to_the_same() {
        let servers = Servers::new(&[10; 8], Costs::known(&[(1.0, 10.0)]));
        let mut policy = Priced::new(2.0);
        let mut seen = [0; 8];
        for context in 0..800 {
            let request = Request { context, product: 0 };
            let at = policy.choose(request, &servers, 0.0).unwrap();
            assert_eq!(policy.choose(request, &servers, 1.0), Some(at));
            seen[at] += 1;
        }
        assert!(seen.iter().all(|count| *count > 50), "{seen:?}");
    }
}
