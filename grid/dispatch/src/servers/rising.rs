//! Slow start: the share of a server that joins or comes back rises to its own over a set time, whatever the policy.
//!
//! At a part r of the time, r of all contexts may go to it, more of them with time, so that those that do come back; and of each request
//! it gains r of its fair share, and pays 1 for one that it gets. Else a policy that looks for idle servers would send it all.

use super::{Server, Servers};

/// Most that is gained beforehand, or owed, requests.
const MOST_GAINED: f64 = 2.0;
/// Share at the beginning, so that it begins at all.
const FIRST: f64 = 0.02;

/// How far a server has risen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rise {
    from_s: f64,
    over_s: f64,
    gained: f64,
}

impl Default for Rise {
    /// It has.
    fn default() -> Self {
        Self { from_s: f64::NEG_INFINITY, over_s: 0.0, gained: 0.0 }
    }
}

impl Rise {
    /// Part of its own share that it has at `now_s`, above 0 and at most 1.
    fn part(&self, now_s: f64) -> f64 {
        if self.over_s > 0.0 { ((now_s - self.from_s) / self.over_s).clamp(FIRST, 1.0) } else { 1.0 }
    }
}

/// A number in [0, 1) of a context and a server, which has nothing to do with how much it is wanted.
fn lot(context: u64, id: u64) -> f64 {
    let mut bits = context.wrapping_add(id.rotate_left(32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    bits = (bits ^ (bits >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    ((bits ^ (bits >> 32)) >> 11) as f64 / (1_u64 << 53) as f64
}

impl Server {
    /// Whether it may have a request, where the others have risen by `top` at most.
    fn rises_to(&self, context: Option<u64>, now_s: f64, top: f64) -> bool {
        let part = self.rise.part(now_s);
        part >= top || (self.rise.gained > 0.0 && context.is_none_or(|context| lot(context, self.id) * top < part))
    }
}

impl Servers {
    /// Those that may have a request at `now_s`, with their places: they are up, not full, and have risen.
    pub fn open(&self, now_s: f64) -> impl Iterator<Item = (usize, &Server)> + Clone {
        self.risen(None, now_s)
    }

    /// Those that may have a request of `context`.
    pub fn open_to(&self, context: u64, now_s: f64) -> impl Iterator<Item = (usize, &Server)> + Clone {
        self.risen(Some(context), now_s)
    }

    fn risen(&self, context: Option<u64>, now_s: f64) -> impl Iterator<Item = (usize, &Server)> + Clone {
        let rising = now_s < self.rising_until_s;
        let free = self.all.iter().enumerate().filter(move |(_, server)| server.up && !server.is_full(now_s));
        let top =
            if rising { free.clone().map(|(_, server)| server.rise.part(now_s)).fold(0.0, f64::max) } else { 0.0 };
        free.filter(move |(_, server)| !rising || server.rises_to(context, now_s, top))
    }

    /// Whether the server at this place may have a request of `context`.
    #[must_use]
    pub fn is_open_to(&self, at: usize, context: u64, now_s: f64) -> bool {
        let Some(server) = self.all.get(at).filter(|server| server.up && !server.is_full(now_s)) else { return false };
        if now_s >= self.rising_until_s {
            return true;
        }
        let free = self.all.iter().filter(|server| server.up && !server.is_full(now_s));
        server.rises_to(Some(context), now_s, free.map(|server| server.rise.part(now_s)).fold(0.0, f64::max))
    }

    /// The server at this place begins to rise, unless there is no time for it.
    pub(super) fn rises(&mut self, at: usize, now_s: f64) {
        if self.slow_start_s > 0.0 {
            self.all[at].rise = Rise { from_s: now_s, over_s: self.slow_start_s, gained: 1.0 };
            self.rising_until_s = self.rising_until_s.max(now_s + self.slow_start_s);
        }
    }

    /// Servers rise in so many seconds from now on, those that have begun to, too.
    pub(crate) fn rise_in(&mut self, slow_start_s: f64, now_s: f64) {
        let rises = now_s < self.rising_until_s;
        self.slow_start_s = slow_start_s;
        self.rising_until_s = f64::NEG_INFINITY;
        for server in self.all.iter_mut().filter(|server| rises && server.rise.part(now_s) < 1.0) {
            server.rise.over_s = slow_start_s;
            self.rising_until_s = self.rising_until_s.max(server.rise.from_s + slow_start_s);
        }
    }

    /// A request goes to the server at this place: those that rise gain, and it pays.
    pub(super) fn rise(&mut self, to: usize, now_s: f64) {
        if now_s >= self.rising_until_s {
            return;
        }
        let weights: f64 = self.up().map(|(_, server)| server.weight).sum();
        for (at, server) in self.all.iter_mut().enumerate().filter(|(_, server)| server.rise.over_s > 0.0) {
            let gains = server.rise.part(now_s) * server.weight / weights;
            let pays = f64::from(u8::from(at == to));
            server.rise.gained = (server.rise.gained + gains - pays).clamp(-MOST_GAINED, MOST_GAINED);
        }
    }
}
