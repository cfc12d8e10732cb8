//! Highest random weight (Thaler & Ravishankar 1998, IEEE/ACM Trans. Netw. 6, 1): each context has its own order of servers, from
//! which one that joins or leaves takes only its own share.

use super::{Policy, Request, Servers, least};
use crate::servers::Server;

/// Work beyond the mean, by it, at which a second choice is too busy as well.
const SPILLS_AT: f64 = 2.0;

/// How much the server of that identity is wanted by `context` where all weigh the same: larger is more.
fn mixed(context: u64, id: u64) -> u64 {
    let mut bits = context ^ id.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// The same, with weights: Schindelhauer & Schomaker 2005 (SPAA).
fn wanted(bits: u64, weight: f64) -> f64 {
    // In (0, 1): 53 bits and a half.
    let uniform = ((bits >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    weight.max(f64::MIN_POSITIVE) / -libm::log(uniform)
}

/// How much a server is wanted by a context.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    bits: u64,
    weight: f64,
}

impl Wish {
    pub(super) fn of(context: u64, server: &Server) -> Self {
        Self { bits: mixed(context, server.id), weight: server.weight }
    }

    /// Whether it is more than another.
    pub(super) fn exceeds(self, other: Self) -> bool {
        // Of equal weights the logarithm changes no order, and takes longer than all else.
        if self.weight == other.weight {
            self.bits > other.bits
        } else {
            wanted(self.bits, self.weight) > wanted(other.bits, other.weight)
        }
    }
}

/// The one that `context` wants most of some servers; of equal ones the first.
fn favourite<'a>(context: u64, of: impl Iterator<Item = (usize, &'a Server)>) -> Option<usize> {
    let wishes = of.map(|(at, server)| (at, Wish::of(context, server)));
    wishes.reduce(|best, one| if one.1.exceeds(best.1) { one } else { best }).map(|(at, _)| at)
}

/// The server that `context` wants most.
pub(crate) fn most_wanted(context: u64, servers: &Servers) -> Option<usize> {
    favourite(context, servers.up())
}

/// The servers that may have a request of `context`, with a number each that is larger where it is wanted more.
pub(super) fn wishes(context: u64, servers: &Servers, now_s: f64) -> Vec<(f64, usize, &Server)> {
    let open = servers.open_to(context, now_s);
    let mut weights = open.clone().map(|(_, server)| server.weight);
    let first = weights.next();
    let alike = weights.all(|weight| Some(weight) == first);
    let wish = |server: &Server| {
        let bits = mixed(context, server.id);
        if alike { (bits >> 11) as f64 } else { wanted(bits, server.weight) }
    };
    open.map(|(at, server)| (wish(server), at, server)).collect()
}

/// The two that are wanted most, the first first.
fn two(context: u64, servers: &Servers, now_s: f64) -> impl Iterator<Item = (usize, &Server)> {
    let mut best: [Option<(f64, usize, &Server)>; 2] = [None; 2];
    for one in wishes(context, servers, now_s) {
        if best[0].is_none_or(|best| one.0 > best.0) {
            best = [Some(one), best[0]];
        } else if best[1].is_none_or(|best| one.0 > best.0) {
            best[1] = Some(one);
        }
    }
    best.into_iter().flatten().map(|(_, at, server)| (at, server))
}

/// Each context has its server.
pub struct Rendezvous;

impl Policy for Rendezvous {
    fn choose(&mut self, request: Request, servers: &Servers, now_s: f64) -> Option<usize> {
        favourite(request.context, servers.open_to(request.context, now_s))
    }
}

/// Each context has two servers, of which the one takes the request that has less to do; if both have much, the one of all does.
pub struct TwoChoice;

impl Policy for TwoChoice {
    fn choose(&mut self, request: Request, servers: &Servers, now_s: f64) -> Option<usize> {
        let load = |server: &Server| (f64::from(server.active) + 1.0) / server.weight;
        let best = least(two(request.context, servers, now_s).map(|(at, server)| (at, load(server))))?;
        let open = servers.open_to(request.context, now_s);
        let mean = open.clone().map(|(_, server)| load(server)).sum::<f64>() / open.clone().count() as f64;
        if load(&servers.all[best]) > SPILLS_AT * mean {
            return least(open.map(|(at, server)| (at, load(server))));
        }
        Some(best)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::costs::Costs;

    fn at(context: u64) -> Request {
        Request { context, product: 0 }
    }

    #[test]
    fn servers_have_shares_by_their_weights() {
        let mut servers = Servers::new(&[1; 4], Costs::known(&[(1.0, 2.0)]));
        servers.all[3].weight = 3.0;
        let mut shares = [0.0_f64; 4];
        for context in 0..60_000 {
            shares[Rendezvous.choose(at(context), &servers, 0.0).unwrap()] += 1.0 / 10_000.0;
        }
        // Four standard deviations of the count.
        for (share, expected) in shares.into_iter().zip([1.0, 1.0, 1.0, 3.0]) {
            assert!((share - expected).abs() < 0.05, "{shares:?}");
        }
    }

    #[test]
    fn one_that_leaves_takes_only_its_own_share_with_it() {
        let mut servers = Servers::new(&[1; 8], Costs::known(&[(1.0, 2.0)]));
        let before: Vec<_> = (0..5000).map(|context| Rendezvous.choose(at(context), &servers, 0.0).unwrap()).collect();
        servers.all[5].up = false;
        for (context, before) in before.into_iter().enumerate() {
            let now = Rendezvous.choose(at(context as u64), &servers, 0.0).unwrap();
            assert!(now == before || before == 5, "context {context} went from {before} to {now}");
        }
    }

    #[test]
    fn of_two_choices_the_idle_one_is_taken() {
        let mut servers = Servers::new(&[1; 8], Costs::known(&[(1.0, 2.0)]));
        let of_nine: Vec<usize> = two(9, &servers, 0.0).map(|(at, _)| at).collect();
        let (first, second) = (of_nine[0], of_nine[1]);
        servers.all[first].active = 1;
        assert_eq!(TwoChoice.choose(at(9), &servers, 0.0), Some(second));
    }
}
