//! How this process leaves memory that it shares with another guest, when the daemon says so (`leave` in the half's `Head`): the
//! device that the memory belongs to is about to be taken away, or the other guest moves to another host.
//!
//! Each direction goes back to TCP at a byte of its own, by its sender, in the next call that concerns the connection or as soon as a
//! thread that sleeps there looks around. The other side is told to by its own daemon. What lies in the ring is read first, as ever:
//! no byte is sent twice. When neither side writes to the other's rings any more, memory of the process's own takes the place of
//! both halves, with what is still to be read, so that calls which look there find it.

use crate::{
    back,
    block::stays,
    connection::{Connection, Ring, flag},
    critical::Critical,
    descriptors, kernel, lock,
    party::{PARTIES, Party},
    session, set,
    slab::{SLABS, Slab},
    sleep,
};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use pogson_ring::{
    layout::{Slot, fin},
    stream::Stretches,
    switch,
};

/// How often all connections are looked at, and not only the one that a call is about.
const EVERY_NS: u64 = 2_000_000;

/// How long the other side has to leave a ring that it writes to before this one takes nothing more out of it, if nothing lies there.
const PATIENCE_NS: u64 = 1_000_000_000;

static NOT_BEFORE_NS: AtomicU64 = AtomicU64::new(0);
/// When it began, 0 while nothing is to be left.
static SINCE_NS: AtomicU64 = AtomicU64::new(0);

/// Whether the memory of the connection's rings is to be left.
#[inline]
pub(crate) fn is_wanted(connection: &Connection) -> bool {
    crate::slab::some_far() && is_to_be_left(connection)
}

#[cold]
fn is_to_be_left(connection: &Connection) -> bool {
    SLABS.get(connection.slab.load(Ordering::Relaxed)).is_some_and(Slab::is_to_be_left)
}

fn to_be_left() -> impl Iterator<Item = (u32, &'static Slab)> {
    let all = (1..=SLABS.reach()).filter_map(|number| Some((number, SLABS.get(number)?)));
    all.filter(|(_, slab)| slab.is_to_be_left())
}

/// Does what can be done for one connection, and now and then for all. No lock is held.
#[cold]
pub(crate) fn step(connection: &Connection, ring: &Ring, fd: i32) {
    go_back(connection, ring, fd);
    look();
}

/// Does what can be done for all connections, if some are in memory that is to be left; whether there is such.
#[inline]
pub(crate) fn look() -> bool {
    crate::slab::some_far() && look_around()
}

#[cold]
fn look_around() -> bool {
    if to_be_left().next().is_none() {
        SINCE_NS.store(0, Ordering::Relaxed);
        return false;
    }
    let now = kernel::now_ns();
    let _ = SINCE_NS.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
    let due = NOT_BEFORE_NS.load(Ordering::Relaxed);
    if now >= due && NOT_BEFORE_NS.compare_exchange(due, now + EVERY_NS, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
        descriptors::for_each(0, u32::MAX, |fd, kind| {
            if let descriptors::Kind::Connection(connection) = kind
                && let Some(ring) = connection.ring()
                && is_to_be_left(connection)
            {
                go_back(connection, &ring, fd);
            }
        });
        for (number, slab) in to_be_left() {
            leave(number, slab);
        }
    }
    true
}

/// Brings both directions back to TCP, as far as this side can.
fn go_back(connection: &Connection, ring: &Ring, fd: i32) {
    let Some(block) = connection.block() else { return };
    block.stays.fetch_or(stays::LEAVES, Ordering::AcqRel);
    let recalled = {
        let _guard = lock::lock(&ring.own.receiver.lock);
        let unused = ring.looks() && nothing_comes(ring);
        if unused {
            switch::recall(ring.own, 1);
            set::hear_socket(connection);
            block.receiving.open();
        } else if ring.looks() && ring.is_read() {
            back::enter(connection, ring);
        }
        unused.then(|| ring.rx().wake())
    };
    if let Some(wake) = recalled {
        // It may have gone there just now.
        sleep::wake_writer(connection, ring, wake);
    }
    let before = ring.sends();
    if back::is_wanted(ring) {
        back::go(connection, ring, fd);
    }
    if back::send_by_tcp(connection, ring, fd) && before != ring.sends() {
        sleep::wake_own(connection, ring);
    }
}

/// Whether the ring that this side receives by may be recalled, for nothing lies there which would have to be sent again: the other
/// side was offered it and has not gone there yet, or it sleeps on and on. What it is just writing it will send again at once.
fn nothing_comes(ring: &Ring) -> bool {
    let since = SINCE_NS.load(Ordering::Relaxed);
    match (ring.peer.switching.epoch.load(Ordering::Acquire), ring.entered()) {
        (0, 0) => true,
        (1, 1) => {
            since != 0
                && kernel::now_ns().saturating_sub(since) > PATIENCE_NS
                && ring.rx().ended() == 0
                && ring.rx().look() == Ok(0)
        }
        _ => false,
    }
}

/// Whether the other side does nothing any more with the slot: it has left it, closed, or is dead.
fn is_over(connection: &Connection, ring: &Ring) -> bool {
    let generation = connection.generation.load(Ordering::Relaxed);
    if !switch::takes_part(ring.peer, generation) {
        return false;
    }
    let party = || {
        let slab = SLABS.get(connection.slab.load(Ordering::Relaxed));
        slab.and_then(|slab| PARTIES.get(slab.party.load(Ordering::Relaxed))).is_none_or(Party::is_dead)
    };
    ring.peer.switching.released.load(Ordering::Acquire) == generation
        || ring.rx().ended() & (fin::CLOSED | fin::RESET) != 0
        || ring.flags() & flag::GONE != 0
        || party()
}

/// Whether all that is still to be read or told of the connection lies in the slot as it is now, or comes by TCP.
fn is_settled(connection: &Connection, ring: &Ring) -> bool {
    let Some(block) = connection.block() else { return false };
    if block.stays.load(Ordering::Acquire) == 0 {
        return false;
    }
    let over = is_over(connection, ring);
    let ended = ring.own.sending.fin.load(Ordering::Acquire) & fin::END != 0;
    let sent = !ring.sends() || ((ended || over) && !back::is_wanted(ring));
    let complete = over || ring.peer_has_gone_back() || (ring.has_offered() && ring.rx().ended() & fin::END != 0);
    // What a family shares must not be copied by each of it.
    let alone = block.holders.load(Ordering::Acquire) == 1;
    let received = !ring.has_offered() || ring.entered() > 1 || (complete && (alone || ring.rx().look() == Ok(0)));
    sent && received
}

/// Leaves the slab if all its connections have gone back.
fn leave(number: u32, slab: &Slab) {
    let Some(_session) = session::hold() else { return };
    let _critical = Critical::enter();
    if slab.is_idle() {
        // It has neither connections nor sleepers.
        slab.forget_file(number);
        return crate::slab::sweep();
    }
    let rings = || slab.connections().filter_map(|(slot, connection)| Some((slot, connection, connection.ring()?)));
    let all = || rings().flat_map(|(_, _, ring)| locks(ring.own));
    let taken = all().take_while(|word| lock::take_if_free(word)).count();
    if taken == all().count() && rings().all(|(_, connection, ring)| is_settled(connection, &ring)) {
        for (_, connection, ring) in rings() {
            let alone = connection.block().is_some_and(|block| block.holders.load(Ordering::Acquire) == 1);
            if alone && ring.flags() & flag::COUNTED == 0 {
                ring.set_flags(flag::COUNTED);
                let bytes = ring.own.sending.tail.load(Ordering::Relaxed);
                session::count(|counters| &counters.bytes_ring, bytes);
            }
        }
        slab.leave(
            number,
            |slot| slab.ring(slot).map_or(NOTHING, |ring| unread(&ring)),
            mend,
            |own| {
                switch::release(own, own.switching.generation.load(Ordering::Relaxed));
                locks(own).into_iter().for_each(lock::give_back);
            },
        );
    }
    all().take(taken).for_each(lock::give_back);
}

const NOTHING: Stretches = Stretches { offset: 0, first: 0, second: 0 };

fn locks(own: &Slot) -> [&AtomicU32; 2] {
    [&own.sender.lock, &own.receiver.lock]
}

/// What lies in the other side's ring still to be read.
fn unread(ring: &Ring) -> Stretches {
    match ring.rx().look() {
        Ok(bytes) if ring.looks() => Stretches::at(ring.own.receiving.head.load(Ordering::Relaxed), bytes, ring.size),
        _ => NOTHING,
    }
}

/// Makes the copies say what the other side would have said later.
fn mend(own: &Slot, peer: &Slot) {
    if own.switching.entered.load(Ordering::Relaxed) > 1 {
        // All else comes by TCP.
        switch::latch(peer, switch::Boundary { epoch: 2, at: own.receiving.head.load(Ordering::Relaxed) });
    }
    let ended = own.sending.fin.load(Ordering::Relaxed) & fin::END != 0;
    let gone = own.side.flags.load(Ordering::Relaxed) & flag::GONE != 0;
    if ended && !gone {
        // The other side reads on elsewhere. What it leaves unread TCP's reset tells.
        peer.receiving.head.store(own.sending.tail.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}
