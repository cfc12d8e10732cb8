//! Two ends of one connection become a pair.

use std::os::fd::{AsFd, BorrowedFd};

use pogson_ring::layout::Geometry;
use pogson_ring::protocol::{Answer, NEW_PEER, NEW_SLAB, Refusal};

use crate::desk::Desk;
use crate::ends::End;
use crate::slab::{self, Half, Seat, Slab};

/// Records of a process that are taken in to see whether it still has an end.
pub(crate) const AHEAD: usize = 4096;

/// A slot, and the memory of its slab if that is new.
struct Place {
    seat: Seat,
    halves: Option<[Half; 2]>,
}

/// Why one side could not be told.
enum Untold {
    /// The process does not listen.
    Deaf,
    /// There are not descriptors enough.
    Want,
}

impl Desk {
    /// Pairs `end` if its other end is known; else it waits.
    pub(crate) fn look_for_mirror(&mut self, end: End) {
        let Some(mirror) = self.ends.mirror(&end.stream) else {
            // Who does not hear it loses nothing.
            if let Some(session) = self.sessions.get(&end.session) {
                let _ = session.send(&Answer::Waiting { tag: end.tag }.encode(), &[]);
            }
            return;
        };
        // The mirror's process may have closed it, and another connection have got its addresses since. It says so before it
        // closes; so what it has said up to now has to be known first.
        let Some(session) = self.sessions.get_mut(&mirror.session) else { return };
        let all = session.hear(AHEAD, &mut self.closing);
        let left = session.has_left(mirror.tag, &mirror.stream.place);
        let users = session.caller.user;
        self.later.push_back(mirror.session);
        if left {
            return;
        }
        let Some(user) = self.sessions.get(&end.session).map(|session| session.caller.user) else { return };
        let reason = if !all {
            Refusal::Unproved
        } else if !self.policy.joins_users(users, user) {
            Refusal::Users
        } else if !is_proved((&mirror, users), (&end, user)) {
            Refusal::Unproved
        } else {
            match self.place(&mirror, &end) {
                Ok(place) => return self.pair(mirror, end, place),
                Err(reason) => reason,
            }
        };
        self.turn_down(&mirror, reason);
        self.turn_down(&end, reason);
    }

    /// Tells both sides.
    fn pair(&mut self, mirror: End, end: End, place: Place) {
        let sides = self.sides(&mirror, place.seat.slab);
        match self.tell(&mirror, &end, sides[0], &place) {
            Ok(()) => {}
            Err(untold) => {
                // Nobody knows of the slot. The end goes on waiting if only the mirror's process has gone.
                self.give_back(place);
                if matches!(untold, Untold::Want) {
                    self.turn_down(&mirror, Refusal::Full);
                    self.turn_down(&end, Refusal::Full);
                }
                return;
            }
        }
        self.ends.pair(mirror.session, mirror.tag, place.seat, sides[0]);
        self.ends.pair(end.session, end.tag, place.seat, sides[1]);
        self.totals.pairs += 1;
        if self.tell(&end, &mirror, sides[1], &place).is_err()
            && let Some(session) = self.sessions.get_mut(&end.session)
        {
            // The mirror's process holds the slot, which must not be half there: this session ends.
            session.give_up();
            self.later.push_back(end.session);
        }
    }

    /// Sides of the two ends: as the slab has their sessions; of a process with itself, one each.
    fn sides(&self, mirror: &End, slab: u64) -> [usize; 2] {
        let first = self.slabs.get(&slab).is_some_and(|slab| slab.sessions[0] == mirror.session);
        if first { [0, 1] } else { [1, 0] }
    }

    /// Tells `end` of its other end.
    fn tell(&mut self, end: &End, other: &End, side: usize, place: &Place) -> Result<(), Untold> {
        let (Some(session), Some(peer), Some(slab)) =
            (self.sessions.get(&end.session), self.sessions.get(&other.session), self.slabs.get(&place.seat.slab))
        else {
            return Err(Untold::Deaf);
        };
        let mut brings = 0;
        let mut descriptors: Vec<BorrowedFd<'_>> = Vec::new();
        if let Some(halves) = &place.halves {
            brings |= NEW_SLAB;
            descriptors.extend([halves[side].writer.as_fd(), halves[1 - side].reader.as_fd()]);
        }
        if !session.peers.contains(&peer.id) {
            let Some(member) = &peer.member else { return Err(Untold::Deaf) };
            brings |= NEW_PEER;
            descriptors.extend([member.page_reader.as_fd(), member.bell.as_fd(), peer.caller.process.as_fd()]);
        }
        let answer = Answer::Paired {
            tag: end.tag,
            slab: place.seat.slab,
            side: side as u32,
            slot: place.seat.slot,
            generation: place.seat.generation,
            slots: slab.geometry.slots(),
            ring_bytes: slab.geometry.ring_bytes(),
            peer: peer.id,
            brings,
            offsets: [0; 2],
        };
        let outcome = session.send(&answer.encode(), &descriptors);
        let (id, peer) = (session.id, peer.id);
        match outcome {
            Ok(()) => {
                if let Some(session) = self.sessions.get_mut(&id) {
                    session.peers.insert(peer);
                }
                Ok(())
            }
            Err(error) if slab::is_want(error) => Err(Untold::Want),
            Err(_) => {
                if let Some(session) = self.sessions.get_mut(&id) {
                    session.give_up();
                    self.later.push_back(id);
                }
                Err(Untold::Deaf)
            }
        }
    }

    /// A slot for the connection between two ends.
    fn place(&mut self, mirror: &End, end: &End) -> Result<Place, Refusal> {
        let sizes = self.policy.geometry([mirror.ring_bytes, end.ring_bytes]).ok_or(Refusal::Full)?;
        let key = key(mirror.session, end.session);
        let slabs = self.between.get(&key).cloned().unwrap_or_default();
        // Slots that are known to be free first, then those that both sides are done with, for which all have to be looked at.
        for look in [false, true] {
            for id in &slabs {
                let Some(slab) = self.slabs.get_mut(id).filter(|slab| slab.geometry == sizes) else { continue };
                if look {
                    slab.reclaim_all();
                }
                if let Some(seat) = slab.take() {
                    return Ok(Place { seat, halves: None });
                }
            }
        }
        self.new_slab(key, sizes)
    }

    fn new_slab(&mut self, key: (u64, u64), sizes: Geometry) -> Result<Place, Refusal> {
        let sessions = [key.0, key.1];
        let user = |id: u64| self.sessions.get(&id).map(|session| session.caller.user).ok_or(Refusal::Full);
        let users = [user(key.0)?, user(key.1)?];
        if users.iter().any(|user| self.accounts.of(*user).slabs >= self.policy.bounds.slabs) {
            return Err(Refusal::Full);
        }
        let (mut slab, halves) = Slab::new(self.next_slab + 1, sessions, users, sizes).map_err(|_| Refusal::Full)?;
        let seat = slab.take().ok_or(Refusal::Full)?;
        self.next_slab += 1;
        self.slabs.insert(seat.slab, slab);
        self.between.entry(key).or_default().push(seat.slab);
        for (side, id) in sessions.iter().enumerate() {
            self.accounts.change(users[side], |account| account.slabs += 1);
            if let Some(session) = self.sessions.get_mut(id) {
                session.partners.insert(sessions[1 - side]);
            }
        }
        Ok(Place { seat, halves: Some(halves) })
    }

    /// Nobody was told of the slot.
    fn give_back(&mut self, place: Place) {
        if place.halves.is_none() {
            if let Some(slab) = self.slabs.get_mut(&place.seat.slab) {
                slab.put_back(place.seat);
            }
            return;
        }
        let Some(slab) = self.slabs.get(&place.seat.slab) else { return };
        let key = key(slab.sessions[0], slab.sessions[1]);
        if let Some(slabs) = self.between.get_mut(&key) {
            slabs.retain(|id| *id != place.seat.slab);
            if slabs.is_empty() {
                self.between.remove(&key);
            }
        }
        self.drop_slab(place.seat.slab);
    }

    /// Forgets all that the ended session `id` shared with `partner`.
    pub(crate) fn part(&mut self, id: u64, partner: u64) {
        let slabs = self.between.remove(&key(id, partner)).unwrap_or_default();
        for end in self.ends.of_session(partner) {
            if end.paired.is_some_and(|(seat, _)| slabs.contains(&seat.slab)) {
                self.forget(&end);
            }
        }
        for slab in slabs {
            if self.slabs.get(&slab).is_some_and(|slab| slab.far.is_some()) {
                self.drop_slab(slab);
            } else {
                self.leave_to(partner, slab);
            }
        }
        if let Some(session) = self.sessions.get_mut(&partner) {
            session.partners.remove(&id);
            session.peers.remove(&id);
        }
    }

    /// The slab is no more, but for what `partner` still does there.
    fn leave_to(&mut self, partner: u64, id: u64) {
        let Some(slab) = self.slabs.remove(&id) else { return };
        let (users, side) = (slab.users, usize::from(slab.sessions[1] == partner));
        self.accounts.change(users[1 - side], |account| account.slabs -= 1);
        match (self.sessions.get_mut(&partner), slab.leave_to(side)) {
            (Some(session), Some(remains)) => {
                session.remains.push(remains);
                self.remaining.insert(partner);
            }
            _ => self.accounts.change(users[side], |account| account.slabs -= 1),
        }
    }

    /// Forgets what is left of slabs where nobody does anything any more.
    pub(crate) fn clear_away(&mut self) {
        let Self { remaining, sessions, accounts, .. } = self;
        remaining.retain(|id| {
            let Some(session) = sessions.get_mut(id) else { return false };
            let before = session.remains.len();
            session.remains.retain(|remains| remains.sent().is_some());
            let gone = before - session.remains.len();
            accounts.change(session.caller.user, |account| account.slabs -= gone);
            !session.remains.is_empty()
        });
    }

    /// Forgets a slab.
    pub(crate) fn drop_slab(&mut self, id: u64) {
        self.drop_far(id);
        for user in self.slabs.remove(&id).map(|slab| slab.users).into_iter().flatten() {
            self.accounts.change(user, |account| account.slabs -= 1);
        }
    }
}

/// Whether the ends of two users are one connection's: by their addresses, or by numbers that each may believe the other.
fn is_proved((one, user): (&End, u32), (other, others): (&End, u32)) -> bool {
    if one.stream.place.mirror() == other.stream.place {
        return true;
    }
    match (&one.stream.proof, &other.stream.proof) {
        (Ok(proof), Ok(others_proof)) => proof.convinces(others, others_proof) && others_proof.convinces(user, proof),
        _ => false,
    }
}

/// How slabs between two sessions are found.
pub(crate) fn key(one: u64, other: u64) -> (u64, u64) {
    (one.min(other), one.max(other))
}
