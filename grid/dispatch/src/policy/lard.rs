//! Locality-aware request distribution (Pai et al. 1998, ASPLOS VIII, Figures 2 and 3). Load is the number of requests under way.

use super::lately::Lately;
use super::{Policy, Request, Servers, least};

/// Half the contexts that a table has at most.
const HALF: usize = 1 << 19;

/// A server's place, and which of those that had it after each other.
type Place = (usize, u32);

/// Requests under way, by the server's weight.
fn load(servers: &Servers, at: usize) -> f64 {
    f64::from(servers.all[at].active) / servers.all[at].weight
}

fn least_loaded(context: u64, servers: &Servers, now_s: f64) -> Option<usize> {
    least(servers.open_to(context, now_s).map(|(at, _)| (at, load(servers, at))))
}

/// Whether what was bound there may go there.
fn holds(servers: &Servers, (at, turn): Place, context: u64, now_s: f64) -> bool {
    servers.turn(at) == turn && servers.is_open_to(at, context, now_s)
}

/// Whether `at` has so much more to do than others that a context leaves it.
fn is_too_busy(servers: &Servers, at: usize, t_low: u32, t_high: u32) -> bool {
    let (own, t_low, t_high) = (load(servers, at), f64::from(t_low), f64::from(t_high));
    (own > t_high && servers.up().any(|(other, _)| load(servers, other) < t_low)) || own >= 2.0 * t_high
}

/// Each context stays on its server until that has too much to do.
pub struct Lard {
    t_low: u32,
    t_high: u32,
    server: Lately<Option<Place>>,
}

impl Lard {
    /// - `t_low`, `t_high`: requests under way below which a server has room, and above which it has too many.
    #[must_use]
    pub fn new(t_low: u32, t_high: u32) -> Self {
        Self { t_low, t_high, server: Lately::new(HALF) }
    }
}

impl Policy for Lard {
    fn choose(&mut self, request: Request, servers: &Servers, now_s: f64) -> Option<usize> {
        let context = request.context;
        let place = self.server.of(context, || None);
        let bound = place.filter(|&place| holds(servers, place, context, now_s));
        let at = match bound {
            Some((at, _)) if !is_too_busy(servers, at, self.t_low, self.t_high) => at,
            _ => least_loaded(context, servers, now_s)?,
        };
        *place = Some((at, servers.turn(at)));
        Some(at)
    }

    fn entries(&self, _servers: &Servers) -> usize {
        self.server.len()
    }
}

/// Each context has a set of servers, which grows when they have too much to do and shrinks after a while.
pub struct LardSets {
    t_low: u32,
    t_high: u32,
    shrinks_after_s: f64,
    sets: Lately<(Vec<Place>, f64)>,
}

impl LardSets {
    /// - `t_low`, `t_high`: as of [`Lard::new`].
    /// - `shrinks_after_s`: seconds after the set's last change; K of the paper, 20.
    #[must_use]
    pub fn new(t_low: u32, t_high: u32, shrinks_after_s: f64) -> Self {
        Self { t_low, t_high, shrinks_after_s, sets: Lately::new(HALF) }
    }
}

impl Policy for LardSets {
    fn choose(&mut self, request: Request, servers: &Servers, now_s: f64) -> Option<usize> {
        let context = request.context;
        let (set, changed_s) = self.sets.of(context, || (Vec::new(), now_s));
        set.retain(|&(at, turn)| servers.turn(at) == turn && servers.all[at].up);
        let open = set.iter().filter(|place| holds(servers, **place, context, now_s));
        let by_load = |a: &usize, b: &usize| load(servers, *a).total_cmp(&load(servers, *b));
        let Some(mut at) = open.map(|(at, _)| *at).min_by(by_load) else {
            let at = least_loaded(context, servers, now_s)?;
            set.push((at, servers.turn(at)));
            *changed_s = now_s;
            return Some(at);
        };
        let most = set.iter().map(|(at, _)| *at).max_by(by_load);
        let mut changed = false;
        if is_too_busy(servers, at, self.t_low, self.t_high) {
            at = least_loaded(context, servers, now_s)?;
            let place = (at, servers.turn(at));
            if !set.contains(&place) {
                set.push(place);
                changed = true;
            }
        }
        if set.len() > 1 && now_s - *changed_s > self.shrinks_after_s {
            set.retain(|&(one, _)| Some(one) != most || one == at);
            changed = true;
        }
        if changed {
            *changed_s = now_s;
        }
        Some(at)
    }

    fn entries(&self, _servers: &Servers) -> usize {
        self.sets.values().map(|(set, _)| set.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::costs::Costs;

    const REQUEST: Request = Request { context: 3, product: 0 };

    fn loaded(loads: &[u32]) -> Servers {
        let mut servers = Servers::new(&vec![10; loads.len()], Costs::known(&[(1.0, 2.0)]));
        for (server, load) in servers.all.iter_mut().zip(loads) {
            server.active = *load;
        }
        servers
    }

    #[test]
    fn a_context_stays_until_its_server_has_too_many_and_another_has_room() {
        let mut policy = Lard::new(25, 65);
        let mut choose = |loads: &[u32]| policy.choose(REQUEST, &loaded(loads), 0.0);
        assert_eq!(choose(&[5, 3, 4]), Some(1));
        assert_eq!(choose(&[0, 60, 0]), Some(1));
        assert_eq!(choose(&[30, 66, 26]), Some(1), "nobody has room");
        assert_eq!(choose(&[30, 66, 24]), Some(2));
        assert_eq!(choose(&[80, 90, 130]), Some(0), "twice too many");
    }

    #[test]
    fn a_set_grows_by_load_and_shrinks_with_time() {
        let mut policy = LardSets::new(25, 65, 20.0);
        let mut choose = |loads: &[u32], now_s: f64| policy.choose(REQUEST, &loaded(loads), now_s);
        assert_eq!(choose(&[5, 3, 4], 0.0), Some(1));
        assert_eq!(choose(&[20, 66, 24], 1.0), Some(0), "one more in the set");
        assert_eq!(choose(&[50, 10, 0], 2.0), Some(1), "the less loaded of the set");
        assert_eq!(choose(&[50, 10, 0], 22.0), Some(1), "the set loses its most loaded");
        assert_eq!(choose(&[0, 60, 0], 23.0), Some(1));
    }
}
