//! What a connection that has left TCP, in one direction or both, is ready for, as poll would say it of a socket.

use crate::{
    back,
    connection::{Ring, flag},
    ending, kernel, liveness,
};
use core::sync::atomic::Ordering;
use pogson_ring::{layout::fin, switch, want};

const IN: i16 = libc::POLLIN | libc::POLLRDNORM;
const OUT: i16 = libc::POLLOUT | libc::POLLWRNORM;

/// Events of `wanted` that hold now, and those that are always told. Where something wanted does not hold, the other end has been
/// told that the bell waits for it before the last look.
pub(crate) fn of(ring: &Ring, fd: i32, wanted: i16) -> i16 {
    let now = look(ring, fd, wanted);
    if now & wanted == wanted {
        return now;
    }
    let mut told = false;
    if wanted & (IN | libc::POLLRDHUP) != 0 && now & IN == 0 && !want::wants_bell(&ring.own.waiting.data) {
        want::want_bell_once(&ring.own.waiting.data);
        told = true;
    }
    if wanted & OUT != 0 && now & OUT == 0 && ring.sends() {
        want::want_bell_once(&ring.own.waiting.space);
        told = true;
    }
    if told { look(ring, fd, wanted) } else { now }
}

fn look(ring: &Ring, fd: i32, wanted: i16) -> i16 {
    let receives = ring.receives();
    let sends = ring.sends();
    let mut kernel_part = 0;
    if !receives && wanted & (IN | libc::POLLRDHUP | libc::POLLPRI) != 0 {
        kernel_part |= IN | libc::POLLRDHUP | libc::POLLPRI;
    }
    if !sends {
        kernel_part |= wanted & OUT;
    }
    let mut events = if kernel_part == 0 { 0 } else { kernel::poll_now(fd, kernel_part) };
    if !receives && events & (IN | libc::POLLRDHUP) != 0 && ends_by_tcp_but_goes_on(ring, fd) {
        events &= !(IN | libc::POLLRDHUP | libc::POLLHUP);
    }
    let said = ring.rx().ended();
    let flags = ring.flags();
    let ending = ending::of(ring);
    if said & (fin::END | fin::CLOSED) == fin::END && !ending.reset {
        liveness::half_closed();
    }
    if receives || all_taken_from_tcp(ring) {
        let low = ring.low_water();
        if ending.complete || ending.reset || flags & flag::NO_RECEIVING != 0 {
            events |= IN | libc::POLLRDHUP;
        } else if ring.rx().look().map_or(true, |bytes| bytes >= low) {
            events |= IN;
        }
    }
    if sends {
        // As the kernel does: room for a few bytes is not worth waking a program.
        let roomy =
            !back::is_wanted(ring) && ring.tx().unread().map_or(true, |unread| unread <= ring.size - ring.size / 4);
        // A vsock that has shut its sending is not writable.
        let over = ending.shut && ring.is_vsock();
        if !over && (roomy || ending.shut || ending.unheard || ending.reset) {
            events |= OUT;
        }
    }
    if ending.reset {
        events |= libc::POLLHUP | IN | libc::POLLRDHUP | OUT;
    }
    if ending.error.is_some() {
        events |= libc::POLLERR;
    }
    let reads_no_more = ending.complete || flags & flag::NO_RECEIVING != 0;
    if ending.shut && receives && reads_no_more {
        events |= libc::POLLHUP;
    }
    events & (wanted | libc::POLLHUP | libc::POLLERR | libc::POLLNVAL)
}

/// Whether the socket shows its end, but the other end went on by the ring before it.
fn ends_by_tcp_but_goes_on(ring: &Ring, fd: i32) -> bool {
    all_taken_from_tcp(ring) && kernel::unread(fd) == Ok(0)
}

/// Whether the boundary is known and the socket holds nothing before it.
fn all_taken_from_tcp(ring: &Ring) -> bool {
    let entered = ring.entered();
    entered == 0
        && switch::boundary(ring.peer, entered)
            .is_some_and(|boundary| boundary.at == ring.own.receiver.by_tcp.load(Ordering::Relaxed))
}
