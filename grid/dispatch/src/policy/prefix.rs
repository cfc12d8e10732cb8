//! What routers of language models do: a point for a server that has the context, against its load by the mean.

use super::{Policy, Request, Servers, least};

/// The policy.
pub struct PrefixLoad {
    beta: f64,
}

impl PrefixLoad {
    /// - `beta`: weight of a server's requests under way, by the mean of all servers, against having the context.
    #[must_use]
    pub fn new(beta: f64) -> Self {
        Self { beta }
    }
}

impl Policy for PrefixLoad {
    fn choose(&mut self, request: Request, servers: &Servers, now_s: f64) -> Option<usize> {
        let load = |active: u32, weight: f64| f64::from(active) / weight;
        let (mut sum, mut count) = (0.0, 0.0);
        let open = servers.open_to(request.context, now_s);
        for (_, server) in open.clone() {
            sum += load(server.active, server.weight);
            count += 1.0;
        }
        let mean = if sum > 0.0 { sum / count } else { 1.0 };
        least(open.map(|(at, server)| {
            let has = f64::from(u8::from(servers.shadows.has(at, request.context)));
            (at, self.beta * load(server.active, server.weight) / mean - has)
        }))
    }

    fn entries(&self, servers: &Servers) -> usize {
        servers.shadows.entries()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::costs::Costs;

    #[test]
    fn a_server_that_has_the_context_is_left_when_its_load_exceeds_the_others_by_the_mean_over_beta() {
        let mut servers = Servers::new(&[10; 2], Costs::known(&[(1.0, 2.0)]));
        let request = Request { context: 5, product: 0 };
        servers.shadows.touch(1, 5);
        let mut policy = PrefixLoad::new(1.0);
        // The mean is 10: 14 against 6 is 0.8 of it, 16 against 4 is 1.2.
        (servers.all[0].active, servers.all[1].active) = (6, 14);
        assert_eq!(policy.choose(request, &servers, 0.0), Some(1));
        (servers.all[0].active, servers.all[1].active) = (4, 16);
        assert_eq!(policy.choose(request, &servers, 0.0), Some(0));
    }
}
