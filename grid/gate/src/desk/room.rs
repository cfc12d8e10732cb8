//! Who may go to a server now, and who waits.

use std::sync::Arc;

use pogson_dispatch::Request;
use pogson_dispatch::paper::connections;
use pogson_dispatch::servers::Sent;
use pogson_dispatch::waiting::{Entered, Entry};

use super::ticket::Waits;
use super::{Choice, Inner, Refusal};
use crate::pool::Endpoint;

impl Inner {
    /// Chooses a server for a request. Where all say that their queues are full it is to wait here, for the one with least to do.
    pub(super) fn send(&mut self, request: Request, tried: &[usize], now_s: f64) -> Option<Sent> {
        if let Some(sent) = self.dispatcher.dispatch(request, tried, now_s) {
            return Some(sent);
        }
        let up = self.dispatcher.servers().up().filter(|(at, _)| !tried.contains(at));
        let least = up.min_by(|(_, a), (_, b)| (a.all_work_s() * a.slowness).total_cmp(&(b.all_work_s() * b.slowness)));
        let at = least?.0;
        Some(self.dispatcher.send_to(at, request, now_s))
    }

    /// Whether one more request may go to the server at this place now.
    pub(super) fn has_room(&self, at: usize, now_s: f64) -> bool {
        let line = &self.lines[at];
        line.has_room()
            && !line.is_full(now_s)
            && self.most.is_none_or(|(t_low, t_high)| {
                let running: u64 = self.lines.iter().map(|line| u64::from(line.running)).sum();
                let up = self.lines.iter().filter(|line| line.is_up()).count();
                // Even a T_low of 1 lets one go.
                running < (connections(up, t_low, t_high) as u64).max(1)
            })
    }

    /// Lets a request wait for the server that it was sent to; returns who goes instead, and why.
    pub(super) fn wait(&mut self, entry: Entry<Waits>, now_s: f64) -> Option<(Waits, Refusal)> {
        let line = &mut self.lines[entry.item.sent.server];
        line.waiting_s += entry.work_s;
        let (gone, why) = match line.waiting.enter(entry, now_s) {
            Entered::Waits => return None,
            Entered::InPlaceOf(gone) => (gone, Refusal::Replaced),
            Entered::Full(gone) => (gone, Refusal::Full),
        };
        line.waiting_s -= gone.work_s;
        self.dispatcher.withdrawn(&gone.item.sent, now_s);
        Some((gone.item, why))
    }

    /// Who goes to a server that has room: of those that wait for it, else of those that wait for the one with most to do.
    pub(super) fn next_for(&mut self, server: usize, now_s: f64) -> Option<(Waits, Arc<Endpoint>)> {
        if !self.dispatcher.servers().all[server].up || !self.has_room(server, now_s) {
            return None;
        }
        let (from, entry) = self.of_higher_level(server, now_s).or_else(|| {
            if !self.lines[server].waiting.is_empty() {
                return Some((server, self.lines[server].waiting.next(now_s)?));
            }
            let from = self.overloaded(server)?;
            let number = self.lines[server].endpoint.number;
            // One that this server has failed waits on for another.
            Some((from, self.lines[from].waiting.next_of(now_s, |waits| !waits.not.contains(&number))?))
        })?;
        self.lines[from].waiting_s -= entry.work_s;
        let mut waits = entry.item;
        if from != server {
            self.dispatcher.withdrawn(&waits.sent, now_s);
            waits.choice = Choice::TakenOver;
            waits.sent = self.dispatcher.send_to(server, waits.sent.request, now_s);
        }
        let line = &mut self.lines[server];
        line.running += 1;
        Some((waits, line.endpoint.clone()))
    }

    /// A request of a higher level than those that wait for `server`, which waits for another that has much of that level to do. Without
    /// it one server would work on lower levels while higher ones wait for another.
    fn of_higher_level(&mut self, server: usize, now_s: f64) -> Option<(usize, Entry<Waits>)> {
        let (own, _) = self.lines[server].waiting.highest()?;
        if own == 0 || self.lines[server].waiting.owes() {
            return None;
        }
        let servers = self.dispatcher.servers();
        let waits_s = |at: usize| {
            let (level, work_s) = self.lines[at].waiting.highest()?;
            (level < own).then_some((level, work_s * servers.all[at].slowness))
        };
        let others = (0..self.lines.len()).filter(|&at| at != server);
        let others = others.filter_map(|at| waits_s(at).map(|(level, waits_s)| (at, level, waits_s)));
        let (from, _, waits_s) = others.min_by(|a, b| a.1.cmp(&b.1).then(b.2.total_cmp(&a.2)))?;
        if waits_s <= 2.0 * servers.costs.mean_miss_s() * servers.all[server].slowness {
            return None;
        }
        let number = self.lines[server].endpoint.number;
        let entry = self.lines[from].waiting.give(now_s, |waits| !waits.not.contains(&number))?;
        self.lines[server].waiting.lets_pass(entry.work_s);
        Some((from, entry))
    }

    /// The server for which most work waits, if that is more than what `server` would need to begin anew with one of it.
    fn overloaded(&self, server: usize) -> Option<usize> {
        let waits_s = |at: usize| self.lines[at].waiting_s * self.dispatcher.servers().all[at].slowness;
        let most = (0..self.lines.len()).filter(|&at| at != server && !self.lines[at].waiting.is_empty());
        let most = most.max_by(|&a, &b| waits_s(a).total_cmp(&waits_s(b)))?;
        let servers = self.dispatcher.servers();
        (waits_s(most) > 2.0 * servers.costs.mean_miss_s() * servers.all[server].slowness).then_some(most)
    }
}
