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
//! Under pressure that alone would let one server fall behind by as much as misses cost, and whoever waits there has the latest answers
//! of all. So what W exceeds the mean by more than two misses counts six times, less where W is known from reports, which are late.
//!
//! Dispatchers that do not know of each other would each bring a context to another server. So the more of the work comes from
//! others, the more a miss costs away from the context's home: a = 1 at home, else 1 + 2 x their share.

use super::{Policy, Request, Servers, rendezvous::Wish};

/// Most that pressure adds to the price.
const MOST_PRESSURE: f64 = 20.0;
/// Misses by which a server's work may exceed the mean before it counts more.
const AHEAD: f64 = 2.0;
/// How much more what exceeds that counts.
const LATE: f64 = 5.0;
/// How much more a miss costs away from home, where all work comes from other dispatchers.
const AWAY: f64 = 2.0;
/// Scores that differ by less, of the cost of a hit, are equal.
const EQUAL: f64 = 1e-3;

/// A server that may have the request.
struct Open {
    at: usize,
    /// Time until it comes to it, seconds of a server of slowness 1.
    own_s: f64,
    slowness: f64,
    wish: Wish,
}

/// The policy.
pub struct Priced {
    price: f64,
    /// In the order of their places; kept for its memory alone.
    open: Vec<Open>,
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
            // A division takes as long as all else together.
            let by_weight = |seconds: f64| if server.weight == 1.0 { seconds } else { seconds / server.weight };
            let own_s = by_weight(server.all_work_s());
            wait_s += own_s;
            hidden_s += by_weight(server.hidden_s);
            let one = Open { at, own_s, slowness: server.slowness, wish: Wish::of(context, server) };
            if home.is_none_or(|home: usize| one.wish.exceeds(self.open[home].wish)) {
                home = Some(self.open.len());
            }
            self.open.push(one);
        }
        let (home, open) = (home?, &self.open);
        let mean_s = wait_s / open.len() as f64;
        let pressure = (mean_s / servers.costs.mean_miss_s().max(f64::MIN_POSITIVE)).min(MOST_PRESSURE);
        let (hit_s, miss_s) = (servers.cost_s(request, true), servers.cost_s(request, false));
        let extra_s = (self.price + pressure) * (miss_s - hit_s);
        let others = if wait_s > 0.0 { hidden_s / wait_s } else { 0.0 };
        let (away, late) = (1.0 + AWAY * others, LATE * (1.0 - others));
        let [used, at_home, elsewhere] = servers.chances().map(|chance| 1.0 - chance);
        let most_s = mean_s + AHEAD * servers.costs.mean_miss_s();
        let mut best: Option<(f64, usize)> = None;
        let mut consider = |which: usize, misses: f64| {
            let Open { own_s, slowness, wish, .. } = open[which];
            let late_s = late * (own_s - most_s).max(0.0);
            let score = (own_s + late_s + hit_s + misses * extra_s) * slowness;
            best = match best {
                Some((least, _)) if score > least + EQUAL * hit_s => best,
                Some((least, before)) if score >= least - EQUAL * hit_s => {
                    Some((score.min(least), if wish.exceeds(open[before].wish) { which } else { before }))
                }
                _ => Some((score, which)),
            };
        };
        // As if none had it; those that may are better, and come once more.
        (0..open.len()).for_each(|which| consider(which, elsewhere * away));
        consider(home, at_home);
        for at in servers.shadows.holders(context) {
            if let Ok(found) = open.binary_search_by_key(&at, |one| one.at) {
                consider(found, used);
            }
        }
        best.map(|(_, which)| open[which].at)
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
