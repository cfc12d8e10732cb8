//! Figures for those who ask.

use std::sync::atomic::Ordering::Relaxed;

use rustix::process::geteuid;

use super::{Desk, Totals};
use crate::ends::End;
use crate::numbers::Unread;
use crate::remains::Remains;
use crate::report::{Connection, Direction, Process, Report, State};
use crate::session::{Refused, Session};
use crate::slab::Seat;

impl Totals {
    /// Adds what an ended process did.
    pub(super) fn add(&mut self, session: &Session, by_ring: u64) {
        let process = process(session, by_ring);
        self.connections = self.connections.wrapping_add(process.connections);
        self.upgraded = self.upgraded.wrapping_add(process.upgraded);
        self.bytes_tcp = self.bytes_tcp.wrapping_add(process.bytes_tcp);
        self.bytes_ring = self.bytes_ring.wrapping_add(process.bytes_ring);
        self.wakes = self.wakes.wrapping_add(process.wakes);
    }
}

impl Desk {
    /// All figures, with processes and connections as far as `user` may see them if `detail` is wanted.
    pub(super) fn figures(&self, user: u32, detail: bool) -> Report {
        let totals = &self.totals;
        let mut report = Report {
            version: env!("CARGO_PKG_VERSION").into(),
            connections: totals.connections,
            upgraded: totals.upgraded,
            pairs: totals.pairs,
            waiting: self.ends.waiting() as u64,
            refused: totals.refused.iter().map(|(reason, count)| ((*reason).into(), *count)).collect(),
            bytes_tcp: totals.bytes_tcp,
            bytes_ring: totals.bytes_ring,
            wakes: totals.wakes,
            slabs: self.slabs.len() as u64,
            guests: self
                .guests
                .as_ref()
                .map(|guests| guests.figures(|joint| self.connections_by(joint)))
                .unwrap_or_default(),
            ..Report::default()
        };
        let mut processes = Vec::new();
        for session in self.sessions.values().filter(|session| session.member.is_some()) {
            let mut process = process(session, self.bytes_by_ring(session));
            report.processes += 1;
            report.connections = report.connections.wrapping_add(process.connections);
            report.upgraded = report.upgraded.wrapping_add(process.upgraded);
            report.bytes_tcp = report.bytes_tcp.wrapping_add(process.bytes_tcp);
            report.bytes_ring = report.bytes_ring.wrapping_add(process.bytes_ring);
            report.wakes = report.wakes.wrapping_add(process.wakes);
            if detail && (user == 0 || user == geteuid().as_raw() || user == session.caller.user) {
                process.ends = self.ends.of_session(session.id).iter().map(|end| self.connection(end)).collect();
                process.ends.extend(session.refused.iter().map(refused));
                processes.push(process);
            }
        }
        processes.sort_unstable_by_key(|process| process.session);
        report.details = detail.then_some(processes);
        report
    }

    /// Bytes that the session has sent by slots that it still takes part in.
    pub(super) fn bytes_by_ring(&self, session: &Session) -> u64 {
        let keys = session.partners.iter().map(|peer| (session.id.min(*peer), session.id.max(*peer)));
        let slabs = keys.filter_map(|key| self.between.get(&key)).flatten().filter_map(|slab| self.slabs.get(slab));
        let mut bytes = session.remains.iter().filter_map(Remains::sent).fold(0, u64::wrapping_add);
        for slab in slabs {
            for side in (0..2).filter(|side| slab.sessions[*side] == session.id) {
                let sent = slab.seats().filter_map(|seat| slab.sending(seat, side));
                bytes = sent.fold(bytes, |sum, (sent, _)| sum.wrapping_add(sent));
            }
        }
        bytes
    }

    fn connection(&self, end: &End) -> Connection {
        let mut connection = Connection {
            tag: end.tag,
            local: end.stream.place.local.to_string(),
            remote: end.stream.place.remote.to_string(),
            state: State::Waiting,
            reason: end.stream.proof.err().and_then(Unread::text).map(Into::into),
            peer: None,
            sends: None,
            receives: None,
        };
        if let Some((seat, side)) = end.paired {
            (connection.state, connection.reason) = (State::Paired, None);
            connection.peer = self.slabs.get(&seat.slab).map(|slab| slab.sessions[1 - side]);
            connection.sends = self.direction(seat, side);
            connection.receives = self.direction(seat, 1 - side);
        }
        connection
    }

    fn direction(&self, seat: Seat, side: usize) -> Option<Direction> {
        let slab = self.slabs.get(&seat.slab).filter(|slab| slab.holds(seat))?;
        slab.sending(seat, side).map(|(bytes, epoch)| Direction { bytes, epoch })
    }
}

fn process(session: &Session, by_ring: u64) -> Process {
    let mut process = Process {
        session: session.id,
        pid: session.caller.pid,
        user: session.caller.user,
        bytes_ring: by_ring,
        ..Process::default()
    };
    if let Some(member) = &session.member {
        let counters = &member.page.page().counters;
        process.program.clone_from(&member.program);
        process.connections = counters.connections.load(Relaxed);
        process.upgraded = counters.upgraded.load(Relaxed);
        process.bytes_tcp = counters.bytes_tcp.load(Relaxed);
        process.bytes_ring = by_ring.wrapping_add(counters.bytes_ring.load(Relaxed));
        process.wakes = counters.wakes.load(Relaxed);
    }
    process
}

fn refused(refused: &Refused) -> Connection {
    let place = |address: fn(&crate::identify::Place) -> crate::identify::Address| {
        refused.place.as_ref().map(|place| address(place).to_string()).unwrap_or_default()
    };
    Connection {
        tag: refused.tag,
        local: place(|place| place.local),
        remote: place(|place| place.remote),
        state: State::Refused,
        reason: Some(refused.reason.text().into()),
        peer: None,
        sends: None,
        receives: None,
    }
}
