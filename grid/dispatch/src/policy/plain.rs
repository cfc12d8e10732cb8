//! Policies that ask nothing of the request.

use super::{Policy, Request, Servers, least};
use crate::servers::Server;

/// One after the other.
#[derive(Default)]
pub struct RoundRobin {
    next: usize,
}

impl Policy for RoundRobin {
    fn choose(&mut self, _request: Request, servers: &Servers, now_s: f64) -> Option<usize> {
        let open = servers.open(now_s).map(|(at, _)| at);
        let at = open.clone().find(|&at| at >= self.next).or_else(|| open.clone().next())?;
        self.next = at + 1;
        Some(at)
    }
}

/// In turn by weight, evenly spread: each turn all gain their weights, and the one that has most pays the sum (nginx's smooth
/// weighted round robin).
#[derive(Default)]
pub struct Weighted {
    gained: Vec<f64>,
}

impl Policy for Weighted {
    fn choose(&mut self, _request: Request, servers: &Servers, now_s: f64) -> Option<usize> {
        self.gained.resize(servers.all.len(), 0.0);
        for (at, server) in servers.open(now_s) {
            self.gained[at] += server.weight;
        }
        let at = least(servers.open(now_s).map(|(at, _)| (at, -self.gained[at])))?;
        self.gained[at] -= servers.open(now_s).map(|(_, server)| server.weight).sum::<f64>();
        Some(at)
    }
}

fn wait_s(server: &Server) -> f64 {
    server.all_work_s() * server.slowness / server.weight
}

/// The server that will be done first with what it has.
pub struct LeastWork;

impl Policy for LeastWork {
    fn choose(&mut self, _request: Request, servers: &Servers, now_s: f64) -> Option<usize> {
        least(servers.open(now_s).map(|(at, server)| (at, wait_s(server))))
    }
}

/// Of two servers at random the one with fewer requests (Mitzenmacher 2001, IEEE Trans. Parallel Distrib. Syst. 12, 1094).
pub struct TwoRandom {
    state: u64,
}

impl TwoRandom {
    /// - `seed`: of the random numbers.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    fn below(&mut self, count: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((u128::from(bits ^ (bits >> 31)) * count as u128) >> 64) as usize
    }
}

impl Policy for TwoRandom {
    fn choose(&mut self, _request: Request, servers: &Servers, now_s: f64) -> Option<usize> {
        let up: Vec<usize> = servers.open(now_s).map(|(at, _)| at).collect();
        if up.len() < 2 {
            return up.first().copied();
        }
        let first = self.below(up.len());
        let second = (first + 1 + self.below(up.len() - 1)) % up.len();
        let load = |at: usize| f64::from(servers.all[at].active) / servers.all[at].weight;
        least([up[first], up[second]].into_iter().map(|at| (at, load(at))))
    }
}

/// The least of requests under way times a mean of latencies that rises at once and falls slowly, with or without further answers
/// (Finagle's, Linkerd's).
pub struct PeakEwma;

impl Policy for PeakEwma {
    fn choose(&mut self, _request: Request, servers: &Servers, now_s: f64) -> Option<usize> {
        let cost =
            |server: &Server| server.latency_at_s(now_s).max(1e-6) * (f64::from(server.active) + 1.0) / server.weight;
        least(servers.open(now_s).map(|(at, server)| (at, cost(server))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::costs::Costs;

    const REQUEST: Request = Request { context: 0, product: 0 };

    #[test]
    fn weights_are_spread_evenly() {
        let mut servers = Servers::new(&[1; 3], Costs::known(&[(1.0, 2.0)]));
        servers.all[0].weight = 5.0;
        let mut policy = Weighted::default();
        let turns: Vec<_> = (0..7).map(|_| policy.choose(REQUEST, &servers, 0.0).unwrap()).collect();
        // nginx's example for weights 5, 1, 1.
        assert_eq!(turns, [0, 0, 1, 0, 2, 0, 0]);
    }

    #[test]
    fn one_that_was_slow_once_is_tried_again_after_a_while() {
        let mut servers = Servers::new(&[1; 2], Costs::known(&[(1.0, 2.0)]));
        for (at, took_s) in [(0, 10.0), (1, 0.01)] {
            let sent = servers.send(at, REQUEST, 0.0);
            servers.answered(&sent, crate::servers::Answer::default(), took_s);
        }
        assert_eq!(PeakEwma.choose(REQUEST, &servers, 10.0), Some(1));
        // The other answers each tenth of a second; ten halvings lie between 10 s and 10 ms.
        let mut first = None;
        for turn in 100..400 {
            let now_s = f64::from(turn) * 0.1;
            let at = PeakEwma.choose(REQUEST, &servers, now_s).unwrap();
            let sent = servers.send(at, REQUEST, now_s);
            servers.answered(&sent, crate::servers::Answer::default(), now_s + 0.01);
            if at == 0 {
                first = first.or(Some(now_s));
            }
        }
        assert!(first.is_some_and(|at_s| (25.0..35.0).contains(&at_s)), "{first:?}");
    }

    #[test]
    fn those_that_are_down_are_passed_over() {
        let mut servers = Servers::new(&[1; 4], Costs::known(&[(1.0, 2.0)]));
        servers.all[1].up = false;
        let mut policy = RoundRobin::default();
        let turns: Vec<_> = (0..6).map(|_| policy.choose(REQUEST, &servers, 0.0).unwrap()).collect();
        assert_eq!(turns, [0, 2, 3, 0, 2, 3]);
        servers.all.iter_mut().for_each(|server| server.up = false);
        assert_eq!(policy.choose(REQUEST, &servers, 0.0), None);
        assert_eq!(TwoRandom::new(1).choose(REQUEST, &servers, 0.0), None);
    }
}
