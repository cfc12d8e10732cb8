//! Consistent hashing with bounded loads (Mirrokni, Thorup & Zadimoghaddam 2018, SODA): no server gets more than so many times the
//! mean, what it does not get goes on to the next in the context's order.

use super::{Policy, Request, Servers, rendezvous::wishes};

/// The policy.
pub struct BoundedLoad {
    bound: f64,
}

impl BoundedLoad {
    /// - `bound`: most load of a server by the mean, above 1.
    #[must_use]
    pub fn new(bound: f64) -> Self {
        Self { bound: bound.max(1.0) }
    }
}

impl Policy for BoundedLoad {
    fn choose(&mut self, request: Request, servers: &Servers, now_s: f64) -> Option<usize> {
        let open = wishes(request.context, servers, now_s);
        let weights: f64 = open.iter().map(|(_, _, server)| server.weight).sum();
        let total: f64 = open.iter().map(|(_, _, server)| f64::from(server.active)).sum::<f64>() + 1.0;
        let fits = |active: u32, weight: f64| f64::from(active) + 1.0 <= (self.bound * total * weight / weights).ceil();
        // The next in the context's order that fits is the most wanted of those that do.
        let fitting = open.iter().filter(|(_, _, server)| fits(server.active, server.weight));
        let found = fitting.max_by(|a, b| a.0.total_cmp(&b.0));
        found.or_else(|| open.iter().max_by(|a, b| a.0.total_cmp(&b.0))).map(|(_, at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::costs::Costs;

    #[test]
    fn no_server_gets_more_than_its_bound() {
        let mut servers = Servers::new(&[1; 8], Costs::known(&[(1.0, 2.0)]));
        let mut policy = BoundedLoad::new(1.25);
        for sent in 1..=1000_u32 {
            let request = Request { context: 1, product: 0 };
            let at = policy.choose(request, &servers, 0.0).unwrap();
            servers.send(at, request, 0.0);
            let most = (1.25 * f64::from(sent) / 8.0).ceil() as u32;
            assert!(servers.all.iter().all(|server| server.active <= most));
        }
    }
}
