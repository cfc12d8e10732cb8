//! Connections go back to TCP, and a region is let go of, when the map parts two guests: here or there.

use std::time::{Duration, Instant};

use pogson_ring::switch;
use std::sync::atomic::Ordering::{Acquire, Release};

use super::joint::Open;
use super::message::Message;
use super::users;
use crate::desk::Desk;

/// How often it is looked at who still uses a region that is to be left.
const EVERY: Duration = Duration::from_millis(250);

/// How a region is used.
pub(super) enum Stage {
    /// Connections are joined by it.
    Joins,
    /// Those that were are to leave it.
    Leaves {
        /// When it was last looked at.
        looked: Option<Instant>,
        /// Processes that had memory of it, then.
        users: Vec<u32>,
    },
    /// Nobody here uses it.
    Left,
}

impl Open {
    /// Whether nobody uses the region, and nobody is about to.
    pub(super) fn is_left(&self) -> bool {
        matches!(self.stage, Stage::Left)
    }

    /// Processes that still have memory of a region that is to be left.
    pub(super) fn users(&self) -> Vec<u32> {
        if let Stage::Leaves { users, .. } = &self.stage { users.clone() } else { Vec::new() }
    }

    /// Tells all processes here that have memory of the region to leave it.
    fn tell_to_leave(&self, side: usize) {
        for half in (0..self.region.areas()).filter_map(|area| self.region.half(area, side).ok()) {
            half.head().leave.store(1, Release);
        }
    }

    /// Frees this side's slots for whoever may come later: those who had them are no more, or use them no more.
    fn free(&self, side: usize) {
        for half in (0..self.region.areas()).filter_map(|area| self.region.half(area, side).ok()) {
            for slot in 0..self.region.geometry.slots() {
                let words = half.slot(self.region.geometry, slot);
                switch::release(words, words.switching.generation.load(Acquire));
            }
        }
    }
}

impl Desk {
    /// Goes on leaving a region, if the guests are parted.
    pub(super) fn leave(&mut self, number: usize) {
        let Some(joint) = self.guests.as_mut().and_then(|guests| guests.joints.get_mut(number)) else { return };
        let (side, parted) = (joint.side, !joint.shares || joint.parted_there);
        let Some(open) = joint.open.as_mut() else { return };
        match &mut open.stage {
            Stage::Joins if parted => open.stage = Stage::Leaves { looked: None, users: Vec::new() },
            Stage::Joins => return,
            Stage::Left => {
                if !parted {
                    open.stage = Stage::Joins;
                    self.look_again(number);
                }
                return;
            }
            Stage::Leaves { looked, .. } => {
                if looked.is_some_and(|looked| looked.elapsed() < EVERY) {
                    return;
                }
            }
        }
        // Anew each time: who was given memory just now is to know of it, too.
        open.tell_to_leave(side);
        let now = users::of(&open.region);
        let done = now.is_empty() && open.pending.is_empty();
        if let Stage::Leaves { looked, users } = &mut open.stage {
            (*looked, *users) = (Some(Instant::now()), now);
        }
        if done && self.connections_by(number) == 0 {
            self.forget_all_far(number);
            if let Some(open) = self.open(number) {
                open.free(side);
                open.stage = Stage::Left;
            }
        }
    }

    /// Connections here that use a region.
    pub(crate) fn connections_by(&self, joint: usize) -> u64 {
        let slabs = self.slabs.values().filter_map(|slab| Some((slab, slab.far.filter(|far| far.joint == joint)?)));
        let takes_part =
            slabs.map(|(slab, far)| slab.seats().filter(|seat| slab.sending(*seat, far.side).is_some()).count());
        takes_part.sum::<usize>() as u64
    }

    fn forget_all_far(&mut self, joint: usize) {
        let Some(open) = self.open(joint) else { return };
        let slabs: Vec<u64> = open.slabs.values().copied().collect();
        open.deaths.clear();
        for id in slabs {
            let Some((sessions, far)) = self.slabs.get(&id).and_then(|slab| Some((slab.sessions, slab.far?))) else {
                continue;
            };
            let (here, there) = (sessions[far.side], sessions[1 - far.side]);
            for end in self.ends.of_session(here) {
                if end.paired.is_some_and(|(seat, _)| seat.slab == id) {
                    self.forget(&end);
                }
            }
            self.forget_far(id);
            if let Some(session) = self.sessions.get_mut(&here) {
                session.partners.remove(&there);
                session.peers.remove(&there);
            }
        }
    }

    /// Says to the other guest's daemon whether connections are to leave the region.
    pub(super) fn say_whether_to_leave(&mut self, number: usize) {
        let Some(joint) = self.guests.as_mut().and_then(|guests| guests.joints.get_mut(number)) else { return };
        let leave = !joint.shares;
        if let Some(open) = joint.open.as_mut() {
            open.channel.say(Message::Leave(leave));
        }
    }
}
