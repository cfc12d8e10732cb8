//! poll, and what is like it.

use crate::{
    back,
    block::Block,
    connection::{Connection, Ring, flag},
    descriptors,
    hooks::wait::sleep_by_poll,
    kernel, leave, liveness, readiness, receive,
    sleep::{self, Woken},
    upgrade,
    waiter::Waiter,
};
use pogson_ring::{layout::fin, want};

/// How long a thread sleeps before it asks whether ends that said they would send no more still live.
const SLICE_NS: u64 = 100_000_000;

const READ_WRITE: i32 = libc::PROT_READ | libc::PROT_WRITE;
const PRIVATE: i32 = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;

/// Entries that a call may have on the stack; longer ones get memory of their own.
const FEW: usize = 64;

/// Polls `fds`, of which some may be connections that left TCP. `None`: none is, the C library's own function may do it, in the
/// permits that `bare` got.
pub(crate) fn poll(
    fds: &mut [libc::pollfd],
    timeout_ns: Option<u64>,
    mask: Option<&libc::sigset_t>,
) -> Option<Result<usize, i32>> {
    let mut rings = leave::look();
    for one in fds.iter() {
        if let descriptors::Kind::Set(number) = descriptors::kind(one.fd) {
            rings |= crate::set::is_polled(number);
        }
        if let Some(connection) = descriptors::connection(one.fd) {
            if let Some(ring) = connection.ring() {
                upgrade::offer(connection, &ring, one.fd);
                rings |= ring.looks() || ring.sends();
            } else if let Some(block) = connection.block() {
                upgrade::step(connection, block, one.fd);
            }
        }
    }
    if !rings {
        return bare(fds, timeout_ns, mask);
    }
    if fds.len() <= FEW {
        let mut places = [libc::pollfd { fd: -1, events: 0, revents: 0 }; FEW + 1];
        return Some(mixed(fds, &mut places, timeout_ns, mask));
    }
    let bytes = (fds.len() + 1) * size_of::<libc::pollfd>();
    let Some(memory) = kernel::map(bytes, READ_WRITE, PRIVATE, -1) else {
        return Some(Err(libc::ENOMEM));
    };
    // SAFETY: just mapped, as long as needed, zeros are valid, and aligned to a page.
    let places = unsafe { core::slice::from_raw_parts_mut(memory.cast::<libc::pollfd>(), fds.len() + 1) };
    let outcome = mixed(fds, places, timeout_ns, mask);
    // SAFETY: `places` is not used any more.
    unsafe { kernel::unmap(memory, bytes) };
    Some(outcome)
}

/// Polls sockets as they are, with a permit for each connection, so that none leaves TCP meanwhile.
fn bare(
    fds: &mut [libc::pollfd],
    timeout_ns: Option<u64>,
    mask: Option<&libc::sigset_t>,
) -> Option<Result<usize, i32>> {
    if timeout_ns == Some(0) {
        return None;
    }
    // Those that were entered, for a socket may become a connection while it is polled.
    let mut few = [None; FEW];
    let bytes = fds.len() * size_of::<Option<&'static Block>>();
    let memory = if fds.len() > FEW { Some(kernel::map(bytes, READ_WRITE, PRIVATE, -1)?) } else { None };
    let entered = match memory {
        // SAFETY: just mapped, as long as needed, zeros are `None`, and aligned to a page.
        Some(memory) => unsafe { core::slice::from_raw_parts_mut(memory.cast::<Option<&'static Block>>(), fds.len()) },
        None => &mut few[..],
    };
    let mut all = true;
    for (one, entered) in fds.iter().zip(entered.iter_mut()) {
        let block = descriptors::connection(one.fd).and_then(Connection::block);
        *entered = block.filter(|block| block.receiving.enter());
        if block.is_some() && entered.is_none() {
            all = false;
            break;
        }
    }
    let entered = &*entered;
    let leave = || {
        for block in entered.iter().flatten() {
            block.receiving.leave();
        }
        if let Some(memory) = memory {
            // SAFETY: `entered` is not used any more.
            unsafe { kernel::unmap(memory, bytes) };
        }
    };
    // Where one is about to leave TCP in another thread, a short look will do.
    let outcome = sleep_by_poll(&leave, fds, if all { timeout_ns } else { Some(0) }, mask);
    leave();
    match outcome {
        Ok(0) if !all => poll(fds, timeout_ns, mask),
        outcome => Some(outcome),
    }
}

fn mixed(
    fds: &mut [libc::pollfd],
    places: &mut [libc::pollfd],
    timeout_ns: Option<u64>,
    mask: Option<&libc::sigset_t>,
) -> Result<usize, i32> {
    let until_ns = timeout_ns.map(|timeout| kernel::now_ns().saturating_add(timeout));
    let waiter = Waiter::take();
    loop {
        leave::look();
        let armed = sleep::arm_bells();
        let mut ready = 0;
        let mut half_closed = false;
        for (one, place) in fds.iter_mut().zip(places.iter_mut()) {
            *place = libc::pollfd { fd: one.fd, events: one.events, revents: 0 };
            one.revents = 0;
            let Some((connection, ring)) = left_tcp(one.fd) else {
                if let Some(revents) = of_set(one) {
                    one.revents = revents;
                    ready += usize::from(revents != 0);
                }
                continue;
            };
            let goes_back = back::is_wanted(&ring) && !back::go(connection, &ring, one.fd);
            one.revents = readiness::of(&ring, one.fd, one.events);
            ready += usize::from(one.revents != 0);
            half_closed |= ring.rx().ended() & (fin::END | fin::CLOSED) == fin::END;
            // What comes by the ring is not looked for at the socket, but for its end as long as that is news.
            let by_ring = ring.receives();
            // A killed process whose bytes came by TCP shows an end there, of which a wait for room is not told.
            half_closed |= !by_ring && ring.sends();
            // One whose program shut the receiving side looks ended to the kernel, whatever the other end does.
            let deaf = ring.flags() & flag::NO_RECEIVING != 0;
            half_closed |= deaf;
            let known = deaf || ring.flags() & flag::GONE != 0 || ring.rx().ended() != 0;
            let mut events = if by_ring { 0 } else { one.events & !libc::POLLOUT };
            if !ring.sends() {
                events |= one.events & libc::POLLOUT;
            }
            if goes_back {
                events |= libc::POLLOUT;
            }
            if by_ring && !known {
                events |= libc::POLLRDHUP;
            }
            place.events = events;
            if by_ring && known && !goes_back {
                place.fd = -1;
            }
        }
        let last = fds.len();
        places[last] = waiter.entry();
        let left = until_ns.map(|until| until.saturating_sub(kernel::now_ns()));
        let slice = if half_closed || crate::slab::some_far() {
            Some(left.map_or(SLICE_NS, |left| left.min(SLICE_NS)))
        } else {
            left
        };
        let time = if ready > 0 { Some(0) } else { waiter.longest_ns(slice) };
        let undo = || {
            sleep::disarm_bells(armed);
            waiter.give_back();
        };
        let outcome = sleep_by_poll(&undo, &mut places[..=last], time, mask);
        sleep::disarm_bells(armed);
        if ready == 0 {
            outcome?;
        }
        let rung = places[last].revents != 0;
        if rung {
            waiter.quiet();
        }
        let mut total = 0;
        for (one, place) in fds.iter_mut().zip(places.iter()) {
            match left_tcp(one.fd) {
                Some((connection, ring)) => {
                    let end = libc::POLLRDHUP | libc::POLLHUP | libc::POLLERR;
                    // As long as bytes may come by TCP, the socket is readable at its end too.
                    let by_tcp = !ring.receives() && place.revents & libc::POLLIN != 0;
                    if place.revents & end != 0 || by_tcp || half_closed {
                        liveness::check(connection, &ring, one.fd);
                    }
                    one.revents = readiness::of(&ring, one.fd, one.events);
                }
                None => one.revents = of_set(one).unwrap_or(place.revents),
            }
            total += usize::from(one.revents != 0);
        }
        if total > 0 || left == Some(0) {
            return Ok(total);
        }
    }
}

/// What an epoll set is ready for of which connections left TCP.
fn of_set(one: &libc::pollfd) -> Option<i16> {
    match descriptors::kind(one.fd) {
        descriptors::Kind::Set(number) if crate::set::is_polled(number) => {
            let ready = if crate::set::is_ready(number) { libc::POLLIN | libc::POLLRDNORM } else { 0 };
            Some(ready & one.events)
        }
        _ => None,
    }
}

fn left_tcp(fd: i32) -> Option<(&'static Connection, Ring)> {
    match descriptors::kind(fd) {
        descriptors::Kind::Connection(connection) => {
            let ring = connection.ring()?;
            (ring.looks() || ring.sends()).then_some((connection, ring))
        }
        _ => None,
    }
}

/// Waits for bytes of a connection of which some may come by TCP still.
pub(crate) fn wait_for_both(ring: &Ring, fd: i32, until_ns: Option<u64>, low: usize) -> Woken {
    let waiter = Waiter::take();
    want::want_bell_once(&ring.own.waiting.data);
    let armed = sleep::arm_bells();
    let mut places = [libc::pollfd { fd, events: libc::POLLIN | libc::POLLRDHUP, revents: 0 }, waiter.entry()];
    let outcome = if receive::may_go_on(ring, low) || back::is_news(ring) {
        Ok(1)
    } else {
        let left = until_ns.map_or(SLICE_NS, |until| until.saturating_sub(kernel::now_ns()).min(SLICE_NS));
        let undo = || {
            sleep::disarm_bells(armed);
            waiter.give_back();
        };
        sleep_by_poll(&undo, &mut places, waiter.longest_ns(Some(left)), None)
    };
    sleep::disarm_bells(armed);
    match outcome {
        Err(libc::EINTR) => Woken::Interrupted,
        Ok(0) if until_ns.is_some_and(|until| kernel::now_ns() >= until) => Woken::Late,
        _ => Woken::Look,
    }
}
