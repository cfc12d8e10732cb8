//! How a connection leaves TCP: watched until it is busy, paired by the daemon, then each direction by [`pogson_ring::switch`].

use crate::{
    answer, back,
    block::{Block, stays},
    connection::{Connection, Ring, flag, phase},
    kernel,
    lock::{self, lock},
    session, set,
    slab::{SLABS, Slab},
    tcp, vsock,
};
use core::sync::atomic::Ordering;
use pogson_ring::{
    busy,
    layout::fin,
    switch::{self, Boundary},
};

/// Bytes that go by TCP before the daemon's answer is waited for.
const PATIENT_FOR: u64 = 192 << 10;
/// Bytes not sent that the kernel takes of who may leave TCP soon: what lies in the socket then has to be read from it.
const HELD: u32 = 128 << 10;
/// Bytes after which it takes more again, for no offer has come.
const HELD_FOR: u64 = 4 << 20;

/// Looks whether there is something to do for a connection that is on TCP. Called by each call that moves its bytes.
#[inline]
pub(crate) fn step(connection: &Connection, block: &Block, fd: i32) {
    match connection.phase.load(Ordering::Relaxed) {
        phase::WATCHED => {
            let messages = block.messages.load(Ordering::Relaxed);
            if messages >= busy::MESSAGES || carried(block) >= busy::BYTES {
                ask(connection, block, fd, messages);
            }
        }
        phase::ASKED => {
            if session::has_mail() {
                session::listen();
            }
            if connection.phase.load(Ordering::Relaxed) == phase::ASKED
                && carried(block) >= connection.patient_until.load(Ordering::Relaxed)
            {
                answer::wait(connection);
                connection.patient_until.store(u64::MAX, Ordering::Relaxed);
            }
        }
        _ => {}
    }
}

/// Whether the daemon has said nothing yet about a connection that it was asked about.
pub(crate) fn is_unanswered(connection: &Connection) -> bool {
    connection.phase.load(Ordering::Acquire) == phase::ASKED
        && connection.patient_until.load(Ordering::Relaxed) != u64::MAX
}

fn carried(block: &Block) -> u64 {
    block.sent.load(Ordering::Relaxed) + block.received.load(Ordering::Relaxed)
}

#[cold]
fn ask(connection: &Connection, block: &Block, fd: i32, messages: u32) {
    // After a failure again when as many calls or bytes have gone by as before.
    if u64::from(messages) < connection.asked_at.load(Ordering::Relaxed) * 2
        && carried(block) < connection.patient_until.load(Ordering::Relaxed)
    {
        return;
    }
    if block.stays.load(Ordering::Acquire) != 0 {
        // Not where another thread or a handler has asked meanwhile, and got a slot.
        let _ = connection.phase.compare_exchange(phase::WATCHED, phase::ALONE, Ordering::AcqRel, Ordering::Relaxed);
        return;
    }
    connection.asked_at.store(u64::from(messages.max(busy::MESSAGES / 2)), Ordering::Relaxed);
    // Answers for others, which would else fill the way from the daemon if those connections rest.
    if session::has_mail() {
        session::listen();
    }
    connection.patient_until.store(carried(block) + PATIENT_FOR, Ordering::Relaxed);
    if block.holders.load(Ordering::Acquire) == 1 && session::register(connection, fd) {
        hold(connection, block, fd);
    }
}

/// Whether what is sent should go bit by bit, for the connection may leave TCP in between.
pub(crate) fn may_leave_soon(connection: &Connection, block: &Block) -> bool {
    connection.phase.load(Ordering::Relaxed) != phase::ALONE && block.sent.load(Ordering::Relaxed) < HELD_FOR
}

/// Keeps the kernel from taking megabytes which nobody reads yet.
fn hold(connection: &Connection, block: &Block, fd: i32) {
    if connection.held_for.load(Ordering::Relaxed) == 0
        && kernel::socket_option(fd, libc::IPPROTO_TCP, libc::TCP_NOTSENT_LOWAT, HELD) == Ok(0)
    {
        kernel::set_socket_option(fd, libc::IPPROTO_TCP, libc::TCP_NOTSENT_LOWAT, &HELD);
        connection.held_for.store(block.sent.load(Ordering::Relaxed) + HELD_FOR, Ordering::Relaxed);
    }
}

/// Lets the kernel take as much as it does of others, if the connection stays on TCP or seems to.
#[inline]
pub(crate) fn hold_no_longer(connection: &Connection, block: &Block, fd: i32) {
    let most = connection.held_for.load(Ordering::Relaxed);
    let stays = connection.phase.load(Ordering::Relaxed) == phase::ALONE;
    if most != 0
        && (stays || block.sent.load(Ordering::Relaxed) >= most)
        && connection.held_for.swap(0, Ordering::Relaxed) != 0
    {
        kernel::set_socket_option(fd, libc::IPPROTO_TCP, libc::TCP_NOTSENT_LOWAT, &0_u32);
    }
}

/// The other end has not come: nobody knows when it will.
pub(crate) fn waits(connection: &Connection) {
    connection.patient_until.store(u64::MAX, Ordering::Relaxed);
}

/// The daemon leaves it on TCP.
pub(crate) fn refused(connection: &Connection) {
    connection.phase.store(phase::ALONE, Ordering::Release);
}

/// A slot was given for a connection that needs it no more.
pub(crate) fn decline(ring: Ring, generation: u32) {
    switch::take_part(ring.own, generation);
    ring.tx().end(fin::END | fin::CLOSED);
    switch::release(ring.own, generation);
}

/// The daemon gave a slot.
pub(crate) fn paired(connection: &Connection, (number, slab): (u32, &Slab), slot: u32, generation: u32, ring: Ring) {
    let Some(block) = connection.block() else { return decline(ring, generation) };
    if block.stays.load(Ordering::Acquire) != 0 || block.holders.load(Ordering::Acquire) != 1 {
        connection.phase.store(phase::ALONE, Ordering::Release);
        return decline(ring, generation);
    }
    connection.slab.store(number, Ordering::Relaxed);
    connection.slot.store(slot, Ordering::Relaxed);
    connection.generation.store(generation, Ordering::Relaxed);
    slab.occupy(slot, connection.number());
    switch::take_part(ring.own, generation);
    if connection.is_vsock() {
        ring.set_flags(flag::VSOCK);
        connection.patient_until.store(0, Ordering::Relaxed);
    }
    connection.pair(ring);
    crate::signal::catch_faults();
    session::count(|counters| &counters.upgraded, 1);
}

/// Offers to receive by the ring, if that can be done now. Called by a receiving call before it waits.
pub(crate) fn offer(connection: &Connection, ring: &Ring, fd: i32) {
    let Some(block) = connection.block() else { return };
    if block.stays.load(Ordering::Acquire) != 0 || block.holders.load(Ordering::Acquire) != 1 {
        return;
    }
    let Some(_guard) = lock::try_lock(&ring.own.receiver.lock) else { return };
    // Who is about to be handed on says so, and then takes the lock.
    if ring.has_offered()
        || block.stays.load(Ordering::Acquire) != 0
        || !switch::takes_part(ring.peer, connection.generation.load(Ordering::Relaxed))
        || !block.receiving.shut()
    {
        return;
    }
    let seen = block.received.load(Ordering::Acquire);
    // Whether a vsock's bytes were all seen, the sender finds out.
    let read = if ring.is_vsock() { Some(seen) } else { tcp::read(fd) };
    if read != Some(seen) {
        block.stays.fetch_or(if read.is_some() { stays::UNSEEN } else { stays::REFUSED }, Ordering::AcqRel);
        block.receiving.open();
        return;
    }
    settle(ring, fd);
    if !set::take_over(connection) {
        block.stays.fetch_or(stays::REFUSED, Ordering::AcqRel);
        block.receiving.open();
        return;
    }
    ring.own.receiver.by_tcp.store(seen, Ordering::Relaxed);
    switch::offer(ring.own, 1);
}

/// Copies what the kernel knows of how calls are to behave, which hooks keep up to date from here on.
pub(crate) fn settle(ring: &Ring, fd: i32) {
    if kernel::status_flags(fd).is_ok_and(|flags| flags as i32 & libc::O_NONBLOCK != 0) {
        ring.set_flags(flag::NONBLOCK);
    }
    let none = libc::timeval { tv_sec: 0, tv_usec: 0 };
    for (name, word) in
        [(libc::SO_RCVTIMEO, &ring.own.side.receive_timeout_us), (libc::SO_SNDTIMEO, &ring.own.side.send_timeout_us)]
    {
        if let Ok(time) = kernel::socket_option(fd, libc::SOL_SOCKET, name, none) {
            word.store(time.tv_sec as u64 * 1_000_000 + time.tv_usec as u64, Ordering::Relaxed);
        }
    }
    let low: i32 = kernel::socket_option(fd, libc::SOL_SOCKET, libc::SO_RCVLOWAT, 1).unwrap_or(1);
    ring.own.side.low_water.store(low.max(1) as u32, Ordering::Relaxed);
    let linger = libc::linger { l_onoff: 0, l_linger: 0 };
    if let Ok(linger) = kernel::socket_option(fd, libc::SOL_SOCKET, libc::SO_LINGER, linger)
        && linger.l_onoff != 0
        && linger.l_linger == 0
    {
        ring.set_flags(flag::LINGER_ZERO);
    }
}

/// Goes over to sending by the ring, if the other end offers it and no call sends by TCP now.
pub(crate) fn latch(connection: &Connection, ring: &Ring, fd: i32) {
    let generation = connection.generation.load(Ordering::Relaxed);
    if !switch::takes_part(ring.peer, generation) || switch::next_epoch(ring.own, ring.peer) != Some(1) {
        return;
    }
    let Some(block) = connection.block() else { return };
    if block.stays.load(Ordering::Acquire) != 0 || block.holders.load(Ordering::Acquire) != 1 {
        return;
    }
    if ring.is_vsock() && !vsock::is_taken(connection, block, ring) {
        return;
    }
    let wake = {
        let _guard = lock(&ring.own.sender.lock);
        if ring.sends() || block.stays.load(Ordering::Acquire) != 0 || !block.sending.shut() {
            return;
        }
        let sent = block.sent.load(Ordering::Acquire);
        if ring.is_vsock() {
            // Others may have sent since.
            if !vsock::counts_agree(block, ring) {
                block.sending.open();
                return;
            }
        } else if tcp::written(fd) != Some(sent) {
            block.stays.fetch_or(stays::UNSEEN, Ordering::AcqRel);
            block.sending.open();
            return;
        }
        if !ring.has_offered() {
            settle(ring, fd);
            // Who only sends waits for room in the ring from here on, by its sets too.
            if !set::take_over(connection) {
                block.stays.fetch_or(stays::REFUSED, Ordering::AcqRel);
                block.sending.open();
                return;
            }
        }
        switch::latch(ring.own, Boundary { epoch: 1, at: sent });
        ring.tx().wake()
    };
    crate::sleep::wake_reader(connection, ring, wake);
    if back::is_wanted(ring) {
        back::go(connection, ring, fd);
    }
    if !ring.is_vsock() {
        kernel::acknowledge(fd);
    }
}

/// The last descriptor of this process is about to be closed: `fd`.
pub(crate) fn close(connection: &Connection, fd: i32) {
    set::forget_connection(connection);
    let last = connection.block().is_some_and(|block| block.holders.load(Ordering::Acquire) == 1);
    match connection.phase.load(Ordering::Acquire) {
        phase::ASKED => {
            session::cancel(connection);
            // The daemon may hold a copy of the socket still, which would keep the FIN, or the reset, back.
            let handed_on = |block: &Block| block.stays.load(Ordering::Acquire) & stays::INHERITED != 0;
            if last && !connection.block().is_some_and(handed_on) {
                shut_before_close(connection, fd);
            }
        }
        phase::PAIRED => {
            if let Some(ring) = connection.ring() {
                // Other threads in calls on it find out before the other end does: its end would be theirs.
                connection.serial.fetch_add(1, Ordering::AcqRel);
                leave(connection, &ring, fd, last);
            }
        }
        _ => {}
    }
    connection.end();
}

fn shut_before_close(connection: &Connection, fd: i32) {
    // With bytes unread, or without lingering, a close by TCP resets, as a shutdown does not.
    let resets = || kernel::unread(fd) != Ok(0) || kernel::resets_on_close(fd);
    if !connection.is_vsock() && resets() {
        kernel::dissolve(fd);
    } else {
        let _ = kernel::shutdown(fd, libc::SHUT_RDWR);
    }
}

fn leave(connection: &Connection, ring: &Ring, fd: i32, last: bool) {
    let (slab, slot) = (connection.slab.load(Ordering::Relaxed), connection.slot.load(Ordering::Relaxed));
    if last {
        let unread = switch::by_ring(ring.entered()) && ring.rx().look().is_ok_and(|bytes| bytes > 0);
        let returned = back::finish(connection, ring, fd);
        let abrupt = !ring.is_vsock() && (unread || !returned || ring.flags() & flag::LINGER_ZERO != 0);
        if abrupt && (!ring.sends() || !returned) {
            // What the other end still gets comes by TCP, so that the reset must too.
            reset_on_close(fd);
        }
        let bits = if abrupt { fin::CLOSED | fin::RESET } else { fin::END | fin::CLOSED };
        let (to_reader, to_writer) = {
            let _guard = lock(&ring.own.sender.lock);
            // A connection that has gone back ends by TCP.
            if !ring.has_gone_back() {
                ring.tx().end(bits);
            }
            (ring.tx().wake(), ring.rx().wake())
        };
        crate::sleep::wake_reader(connection, ring, to_reader);
        crate::sleep::wake_writer(connection, ring, to_writer);
        // It may have been recalled meanwhile; the socket is open still.
        if returned && !abrupt && !back::finish(connection, ring, fd) {
            reset_on_close(fd);
        }
        if ring.flags() & flag::COUNTED == 0 {
            session::count(|counters| &counters.bytes_ring, ring.own.sending.tail.load(Ordering::Relaxed));
        }
        switch::release(ring.own, connection.generation.load(Ordering::Relaxed));
    }
    if let Some(slab) = SLABS.get(slab) {
        slab.vacate(slot);
        session::tidy(slab);
    }
}

fn reset_on_close(fd: i32) {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    kernel::set_socket_option(fd, libc::SOL_SOCKET, libc::SO_LINGER, &linger);
}
