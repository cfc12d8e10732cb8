//! Two ends of one connection in two guests become a pair. Side 0 finds them and proposes a seat; side 1 tells its process and
//! says so; then side 0 tells its own.

use std::os::fd::{AsFd, BorrowedFd};

use pogson_ring::layout::{fin, held};
use pogson_ring::protocol::{Answer, FAR, NEW_PEER, NEW_SLAB};
use pogson_ring::switch;
use rustix::event::EventfdFlags;
use std::sync::atomic::Ordering::{Acquire, Release};

use super::forward::Sleeper;
use super::joint::Name;
use super::message::Message;
use crate::desk::Desk;
use crate::ends::End;
use crate::pair::{AHEAD, key};
use crate::slab::{self, Far, Seat, Slab};

/// The name here of a session there.
fn foreign(joint: usize, session: u64) -> u64 {
    1 << 63 | (joint as u64) << 48 | session & ((1 << 48) - 1)
}

impl Desk {
    /// Looks for the other end of `end` in other guests, if it has none here.
    pub(crate) fn look_afar(&mut self, end: End) {
        let Some(guests) = &self.guests else { return };
        if self.ends.tagged(end.session, end.tag) != Some(end) || end.paired.is_some() {
            return;
        }
        let may = self.sessions.get(&end.session).is_some_and(|session| {
            session.caller.user == guests.settings.user && session.member.as_ref().is_some_and(|member| member.far)
        });
        let Some(joint) = guests.joint_of(&end.stream.place).filter(|_| may) else { return };
        let side = guests.joints[joint].side;
        let Some(open) = self.open(joint) else { return };
        let name = (end.session, end.tag);
        if side == 0 {
            let waits = !open.pending.values().any(|(pending, _)| *pending == name);
            if let Some(other) = open.offers.get(&end.stream.place).copied().filter(|_| waits) {
                self.propose(joint, end, other);
            }
        } else if open.channel.is_answered() && open.offered.insert(name) {
            let place = end.stream.place;
            let (Some(local), Some(remote)) = (place.local.ip(), place.remote.ip()) else { return };
            open.channel.say(Message::Offer { session: end.session, tag: end.tag, local, remote });
        }
    }

    /// Whether the process of `end` still has it, by all that it has said up to now.
    fn still_has(&mut self, end: &End) -> bool {
        let Some(session) = self.sessions.get_mut(&end.session) else { return false };
        let all = session.hear(AHEAD, &mut self.closing);
        let left = session.has_left(end.tag, &end.stream.place);
        self.later.push_back(end.session);
        all && !left
    }

    /// Side 0 has found the two ends.
    fn propose(&mut self, joint: usize, end: End, other: Name) {
        if !self.still_has(&end) {
            return;
        }
        let peer = foreign(joint, other.0);
        let Some((seat, area)) = self.seat_far(joint, end.session, peer) else { return };
        let Some(open) = self.open(joint) else { return };
        open.forget(other);
        open.pending.insert(seat, ((end.session, end.tag), end.stream.cookie));
        let seat = Seat { slab: area, ..seat };
        open.channel.say(Message::Pair { session: other.0, tag: other.1, peer: end.session, seat });
    }

    /// Side 1 hears of a pair.
    pub(super) fn take_far(&mut self, joint: usize, name: Name, peer: u64, given: Seat) {
        let answer = match self.try_take(joint, name, peer, given) {
            Some(()) => Message::Taken(given),
            None => Message::Declined(given),
        };
        if let Some(open) = self.open(joint) {
            open.channel.say(answer);
        }
    }

    fn try_take(&mut self, joint: usize, name: Name, peer: u64, given: Seat) -> Option<()> {
        let open = self.open(joint)?;
        let possible = given.slab < open.region.areas()
            && given.slot < open.region.geometry.slots()
            && given.generation != 0
            && open.offered.remove(&name);
        let known = open.slabs.get(&given.slab).copied();
        let end = self.ends.tagged(name.0, name.1).filter(|end| possible && end.paired.is_none())?;
        let joins = self.guests.as_ref().is_some_and(|guests| guests.joint_of(&end.stream.place) == Some(joint));
        if !joins || !self.still_has(&end) {
            return None;
        }
        let peer = foreign(joint, peer);
        let sessions = [peer, end.session];
        // The area is another pair's from now on: side 0 knows that nobody uses it.
        let known = known.filter(|id| {
            let same = self.slabs.get(id).is_some_and(|slab| slab.sessions == sessions);
            if !same {
                self.forget_far(*id);
            }
            same
        });
        let id = known.or_else(|| self.new_far(joint, given.slab, sessions))?;
        let seat = Seat { slab: id, ..given };
        if !self.slabs.get_mut(&id)?.accept(seat) {
            return None;
        }
        if self.tell_far(joint, &end, seat, peer) {
            return Some(());
        }
        self.slabs.get_mut(&id)?.put_back(seat);
        None
    }

    /// Side 0: the process there has its seat.
    pub(super) fn taken_far(&mut self, joint: usize, given: Seat) {
        let Some((seat, name, cookie)) = self.answered(joint, given) else { return };
        let end = self.ends.tagged(name.0, name.1);
        let end = end.filter(|end| end.stream.cookie == cookie && end.paired.is_none());
        let peer = self.slabs.get(&seat.slab).map(|slab| slab.sessions[1]);
        if let (Some(end), Some(peer)) = (end, peer)
            && self.still_has(&end)
            && self.tell_far(joint, &end, seat, peer)
        {
            return;
        }
        self.decline_far(joint, seat);
    }

    /// Side 0: the process there is not told of its seat.
    pub(super) fn declined_far(&mut self, joint: usize, given: Seat) {
        if let Some((seat, ..)) = self.answered(joint, given)
            && let Some(slab) = self.slabs.get_mut(&seat.slab)
        {
            slab.put_back(seat);
        }
    }

    fn answered(&mut self, joint: usize, given: Seat) -> Option<(Seat, Name, u64)> {
        let open = self.open(joint)?;
        let seat = Seat { slab: *open.slabs.get(&given.slab)?, ..given };
        open.pending.remove(&seat).map(|(name, cookie)| (seat, name, cookie))
    }

    /// Takes part in a seat and is done with it, in the place of a process that needs it no more.
    pub(super) fn decline_far(&mut self, joint: usize, seat: Seat) {
        let Some(side) = self.guests.as_ref().and_then(|guests| guests.joints.get(joint)).map(|joint| joint.side)
        else {
            return;
        };
        if let Some(slab) = self.slabs.get(&seat.slab) {
            let words = slab.far_words(seat.slot, side);
            switch::take_part(words, seat.generation);
            words.sending.fin.fetch_or(fin::END | fin::CLOSED, Release);
            switch::release(words, seat.generation);
        }
    }

    /// Tells the process of `end` of its seat; whether it was told.
    fn tell_far(&mut self, joint: usize, end: &End, seat: Seat, peer: u64) -> bool {
        let told = self.try_tell(joint, end, seat, peer).is_some();
        if told {
            let side = self.slabs.get(&seat.slab).and_then(|slab| slab.far).map_or(0, |far| far.side);
            self.ends.pair(end.session, end.tag, seat, side);
            self.totals.pairs += 1;
        }
        told
    }

    fn try_tell(&mut self, joint: usize, end: &End, seat: Seat, peer: u64) -> Option<()> {
        let guests = self.guests.as_mut()?;
        let open = guests.joints.get_mut(joint)?.open.as_mut()?;
        let session = self.sessions.get_mut(&end.session)?;
        let member = session.member.as_ref()?;
        let slab = self.slabs.get_mut(&seat.slab)?;
        let geometry = slab.geometry;
        let far = slab.far.as_mut()?;
        let mut brings = FAR;
        let mut descriptors: Vec<BorrowedFd<'_>> = Vec::new();
        if !far.told {
            brings |= NEW_SLAB;
            descriptors.extend([open.region.file().as_fd(); 2]);
            let head = open.region.head(far.area, 1 - far.side).ok()?;
            let seen = head.head().stir.load(Acquire).wrapping_sub(1);
            let (page, bell, rung) = (member.page.clone(), member.bell.clone(), member.rung.clone());
            guests.forwarder.add(Sleeper { slab: seat.slab, head, seen, page, bell, rung });
        }
        let death;
        if !session.peers.contains(&peer) {
            brings |= NEW_PEER;
            death = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).ok()?;
            descriptors.push(death.as_fd());
            open.deaths.insert((end.session, peer), death.try_clone().ok()?);
        }
        let answer = Answer::Paired {
            tag: end.tag,
            slab: seat.slab,
            side: far.side as u32,
            slot: seat.slot,
            generation: seat.generation,
            slots: geometry.slots(),
            ring_bytes: geometry.ring_bytes(),
            peer,
            brings,
            offsets: [far.side, 1 - far.side].map(|side| open.region.offset(far.area, side)),
        };
        if session.send(&answer.encode(), &descriptors).is_err() {
            guests.forwarder.remove(seat.slab);
            session.give_up();
            self.later.push_back(end.session);
            return None;
        }
        far.told = true;
        session.peers.insert(peer);
        Some(())
    }

    /// A seat for two sessions on side 0, and its area.
    fn seat_far(&mut self, joint: usize, session: u64, peer: u64) -> Option<(Seat, u64)> {
        for id in self.between.get(&key(session, peer)).cloned().unwrap_or_default() {
            let slab = self.slabs.get_mut(&id)?;
            let mut seat = slab.take();
            if seat.is_none() {
                slab.reclaim_all();
                seat = slab.take();
            }
            if let (Some(seat), Some(far)) = (seat, slab.far) {
                return Some((seat, far.area));
            }
        }
        let area = self.free_area(joint)?;
        let id = self.new_far(joint, area, [session, peer])?;
        Some((self.slabs.get_mut(&id)?.take()?, area))
    }

    /// An area that nobody uses, by its own words; from a slab of others if there is no other.
    fn free_area(&mut self, joint: usize) -> Option<u64> {
        let open = self.open(joint)?;
        let free = (0..open.region.areas()).find(|area| {
            !open.slabs.contains_key(area)
                && open.region.words(*area).is_ok_and(|halves| slab::is_empty(&halves, open.region.geometry))
        });
        if free.is_some() {
            return free;
        }
        let taken: Vec<(u64, u64)> = open.slabs.iter().map(|(area, id)| (*area, *id)).collect();
        let pending: Vec<u64> = open.pending.keys().map(|seat| seat.slab).collect();
        let (area, id) = taken
            .into_iter()
            .find(|(_, id)| !pending.contains(id) && self.slabs.get(id).is_some_and(Slab::is_empty))?;
        self.forget_far(id);
        Some(area)
    }

    fn new_far(&mut self, joint: usize, area: u64, sessions: [u64; 2]) -> Option<u64> {
        let side = self.guests.as_ref()?.joints.get(joint)?.side;
        let id = self.next_slab + 1;
        let (here, there) = (sessions[side], sessions[1 - side]);
        let user = self.sessions.get(&here)?.caller.user;
        if self.accounts.of(user).slabs >= self.policy.bounds.slabs {
            return None;
        }
        let open = self.open(joint)?;
        let halves = open.region.words(area).ok()?;
        // Who had the area before may have been told to leave it.
        halves[side].head().leave.store(0, Release);
        let far = Far { joint, area, side, told: false };
        let slab = Slab::far(id, sessions, user, open.region.geometry, halves, far);
        open.slabs.insert(area, id);
        self.next_slab = id;
        self.slabs.insert(id, slab);
        self.between.entry(key(here, there)).or_default().push(id);
        self.accounts.change(user, |account| account.slabs += 2);
        self.sessions.get_mut(&here)?.partners.insert(there);
        Some(id)
    }

    /// Forgets a slab that nobody uses.
    pub(super) fn forget_far(&mut self, id: u64) {
        if let Some(slab) = self.slabs.get(&id) {
            let key = key(slab.sessions[0], slab.sessions[1]);
            if let Some(slabs) = self.between.get_mut(&key) {
                slabs.retain(|other| *other != id);
            }
            self.drop_slab(id);
        }
    }

    /// A slab is forgotten: nobody is woken by it any more.
    pub(crate) fn drop_far(&mut self, id: u64) {
        let Some(far) = self.slabs.get(&id).and_then(|slab| slab.far) else { return };
        if let Some(guests) = &self.guests {
            guests.forwarder.remove(id);
        }
        if let Some(open) = self.open(far.joint) {
            open.slabs.remove(&far.area);
            open.pending.retain(|seat, _| seat.slab != id);
        }
    }

    /// An end here waits no more.
    pub(crate) fn withdraw(&mut self, end: &End) {
        let name = (end.session, end.tag);
        for open in self.guests.iter_mut().flat_map(|guests| &mut guests.joints).filter_map(|joint| joint.open.as_mut())
        {
            if open.offered.remove(&name) {
                open.channel.say(Message::Withdraw { session: end.session, tag: end.tag });
            }
        }
    }

    /// A process here is no more: its seats are free, unless children of it may use them.
    pub(crate) fn gone_far(&mut self, session: u64) {
        for slab in self.slabs.values() {
            let Some(far) = slab.far.filter(|far| slab.sessions[far.side] == session) else { continue };
            for seat in slab.seats().filter(|seat| !slab.is_released(*seat, far.side)) {
                let words = slab.far_words(seat.slot, far.side);
                let takes_part = switch::takes_part(words, seat.generation);
                if takes_part && words.side.flags.load(Acquire) & held::BY_CHILDREN != 0 {
                    continue;
                }
                if !takes_part {
                    switch::take_part(words, seat.generation);
                }
                switch::release(words, seat.generation);
            }
        }
        for open in self.guests.iter_mut().flat_map(|guests| &mut guests.joints).filter_map(|joint| joint.open.as_mut())
        {
            open.offered.retain(|(other, _)| *other != session);
            open.deaths.retain(|(here, _), _| *here != session);
            open.channel.say(Message::Gone { session });
        }
    }

    /// A process there is no more.
    pub(super) fn gone_there(&mut self, joint: usize, session: u64) {
        let peer = foreign(joint, session);
        let Some(open) = self.open(joint) else { return };
        let names: Vec<Name> = open.places.keys().filter(|(other, _)| *other == session).copied().collect();
        for name in names {
            open.forget(name);
        }
        let here: Vec<u64> = open.deaths.keys().filter(|(_, there)| *there == peer).map(|(here, _)| *here).collect();
        for here in here {
            if let Some(death) = self.open(joint).and_then(|open| open.deaths.remove(&(here, peer))) {
                // A new eventfd has room for one.
                let _ = rustix::io::write(&death, &1_u64.to_ne_bytes());
            }
            self.part(peer, here);
        }
    }
}
