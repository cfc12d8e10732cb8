//! Looking, sleeping and waking, and whether the other end still lives.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use pogson_ring::ending::flag;
use pogson_ring::layout::fin;
use pogson_ring::switch;
use pogson_ring::want::{self, Wake};
use rustix::event::Timespec;
use rustix::io::Errno;
use rustix::thread::futex;

use crate::connection::Connection;
use crate::memory::Ring;
use crate::{slab, tcp};

/// Longest time that a thread looks before it sleeps.
const PATIENCE_NS: u32 = 50_000;
/// How often a connection on which looking was in vain is looked at again, in waits.
const RETRY_WAITS: u32 = 64;
/// Time between two looks that tells of others who need the processor.
const PUSHED_ASIDE: Duration = Duration::from_micros(20);
/// How long a thread sleeps, at first and at most, before it asks whether the other end still lives. It is told when the process
/// dies; only one that lives and closed past its library needs this.
const SLICES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(1600)];

static PROCESSORS: LazyLock<usize> =
    LazyLock::new(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get));

/// A task's looks before it sleeps: between them its runtime runs others.
#[cfg(feature = "tokio")]
#[derive(Default)]
pub(crate) struct Looks {
    /// When the first and the last was, and for how long there will be others.
    under_way: Option<(Instant, Instant, u32)>,
}

#[cfg(feature = "tokio")]
impl Looks {
    /// It has found something, or sleeps no more.
    pub(crate) fn end(&mut self, connection: &Connection) {
        if self.under_way.take().is_some() {
            connection.patience_ns.store(PATIENCE_NS, Ordering::Relaxed);
        }
    }

    /// It has found nothing. Whether it is to look again before it sleeps.
    pub(crate) fn go_on(&mut self, connection: &Connection) -> bool {
        let now = Instant::now();
        let (start, before, patience) = match self.under_way {
            Some(looks) => looks,
            None => match connection.patience() {
                0 => return false,
                patience => (now, now, patience),
            },
        };
        let pushed_aside = now - before > PUSHED_ASIDE;
        let over = pushed_aside || now - start > Duration::from_nanos(patience.into());
        self.under_way = if over { None } else { Some((start, now, patience)) };
        if over {
            connection.looked_in_vain(patience, pushed_aside);
        }
        !over
    }
}

/// What a thread waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// Bytes to receive.
    Data,
    /// Room to send.
    Space,
}

impl Ring {
    /// Wakes the other end's receivers.
    #[inline]
    pub(crate) fn wake_reader(&self, wake: Wake) {
        self.wake(wake, &self.own().sending.bell_data);
    }

    /// Wakes the other end's senders.
    #[inline]
    pub(crate) fn wake_writer(&self, wake: Wake) {
        self.wake(wake, &self.own().receiving.bell_space);
    }

    #[inline]
    fn wake(&self, wake: Wake, bell: &AtomicU32) {
        if wake.futex {
            rouse_all(bell);
            self.slab.home.page().counters.wakes.fetch_add(1, Ordering::Relaxed);
        }
        if wake.bell {
            self.slab.stir(self.slot);
        }
    }

    /// Whether the boundary is known and the socket holds nothing before it.
    pub(crate) fn may_enter(&self, received: u64) -> bool {
        switch::boundary(self.peer(), self.entered()).is_some_and(|boundary| boundary.at == received)
    }

    /// Whether a receiver may go on, or has to know of an end. Only for the ring's part.
    pub(crate) fn has_bytes(&self) -> bool {
        if self.rx().look().map_or(true, |bytes| bytes > 0) || switch::boundary(self.peer(), self.entered()).is_some() {
            return true;
        }
        let ending = self.ending();
        ending.complete || ending.reset || self.flags() & flag::NO_RECEIVING != 0
    }

    /// Whether a sender that waits for room may go on, or has to know of an end.
    pub(crate) fn has_room(&self) -> bool {
        let ending = self.ending();
        self.tx().unread().map_or(true, |unread| unread < self.size())
            || !self.sends()
            || ending.unheard
            || ending.shut
            || ending.reset
    }
}

fn rouse_all(bell: &AtomicU32) {
    // It fails only for words that are not mapped.
    let _ = futex::wake(bell, futex::Flags::empty(), i32::MAX as u32);
}

impl Connection {
    /// Whether a receiver has something new in the ring, of a connection that looks there.
    pub(crate) fn data_is_there(&self, ring: &Ring) -> bool {
        if self.is_to_go_back(ring) {
            true
        } else if switch::by_ring(ring.entered()) {
            ring.has_bytes()
        } else {
            ring.may_enter(self.received.load(Ordering::Acquire)) || ring.flags() & flag::NO_RECEIVING != 0
        }
    }

    /// Whether a sender that waits for room in the ring may go on.
    pub(crate) fn room_is_there(&self, ring: &Ring) -> bool {
        ring.has_room() || self.is_to_go_back(ring)
    }

    /// Waits for bytes, by the ring or both ways; whether there may be some, and not only the time is over.
    ///
    /// - `until`: end of the wait, `None` for never.
    pub(crate) fn wait_for_data(&self, ring: &Ring, until: Option<Instant>) -> bool {
        if switch::by_ring(ring.entered()) {
            return self.wait(ring, Which::Data, until, || self.data_is_there(ring));
        }
        if self.look(|| self.data_is_there(ring) || rustix::io::ioctl_fionread(&self.socket) != Ok(0)) {
            return true;
        }
        want::want_bell_once(&ring.own().waiting.data);
        let Some(time) = slice(SLICES[0], until) else { return false };
        // Whatever came of it: the caller looks.
        let _ = ring.slab.home.sleep(&self.socket, &timespec(time), || self.data_is_there(ring));
        true
    }

    /// Waits until `ready` on the futex that the other end rings; whether it may be, and not only the time is over.
    pub(crate) fn wait(&self, ring: &Ring, which: Which, until: Option<Instant>, ready: impl Fn() -> bool) -> bool {
        if self.look(&ready) {
            return true;
        }
        let (own, peer) = (ring.own(), ring.peer());
        let (word, bell) = match which {
            Which::Data => (&own.waiting.data, &peer.sending.bell_data),
            Which::Space => (&own.waiting.space, &peer.receiving.bell_space),
        };
        let mut patience = SLICES[0];
        loop {
            let rung = bell.load(Ordering::Acquire);
            want::arm(word);
            if ready() {
                want::disarm(word);
                return true;
            }
            let slept = slice(patience, until)
                .map(|time| futex::wait(bell, futex::Flags::empty(), rung, Some(&timespec(time))));
            want::disarm(word);
            match slept {
                None => return false,
                Some(Err(Errno::TIMEDOUT)) if !self.check_life(ring) => patience = (patience * 2).min(SLICES[1]),
                Some(Err(Errno::INTR)) => {}
                Some(_) => return true,
            }
        }
    }

    /// How long to look before sleeping, 0 for not at all.
    fn patience(&self) -> u32 {
        match self.patience_ns.load(Ordering::Relaxed) {
            _ if *PROCESSORS < 2 => 0,
            0 if self.waits.fetch_add(1, Ordering::Relaxed).is_multiple_of(RETRY_WAITS) => PATIENCE_NS / 4,
            patience => patience,
        }
    }

    /// Remembers that looking was in vain.
    ///
    /// - `pushed_aside`: somebody else needed the processor meanwhile, so that looking takes it from those that one waits for.
    fn looked_in_vain(&self, patience: u32, pushed_aside: bool) {
        let less = if pushed_aside { 0 } else { patience / 2 };
        self.patience_ns.store(if less < 3_000 { 0 } else { less }, Ordering::Relaxed);
    }

    /// Looks for a while, as long as that has paid. Whether it did.
    fn look(&self, ready: impl Fn() -> bool) -> bool {
        let patience = self.patience();
        if patience == 0 {
            return false;
        }
        let start = Instant::now();
        let mut before = start;
        loop {
            for _ in 0..16 {
                if ready() {
                    self.patience_ns.store(PATIENCE_NS, Ordering::Relaxed);
                    return true;
                }
                std::hint::spin_loop();
            }
            let now = Instant::now();
            let pushed_aside = now - before > PUSHED_ASIDE;
            if pushed_aside || now - start > Duration::from_nanos(patience.into()) {
                self.looked_in_vain(patience, pushed_aside);
                return ready();
            }
            before = now;
        }
    }

    /// Wakes threads and tasks of this side: what they wait for will not come. Threads sleep on a word of the other side, which
    /// this one can wake but not change, so that who is just about to sleep finds out a little later.
    pub(crate) fn rouse(&self, ring: &Ring) {
        rouse_all(&ring.peer().sending.bell_data);
        rouse_all(&ring.peer().receiving.bell_space);
        slab::ring(&ring.slab.home.bell);
        #[cfg(feature = "tokio")]
        for waker in crate::connection::lock(&self.wakers).iter_mut().filter_map(Option::take) {
            waker.wake();
        }
    }

    /// Asks the kernel whether the other end lives, and notes if it is gone; whether that is news.
    ///
    /// As long as the other end has not ended its stream, the kernel tells its death by the FIN or RST that the socket gets. After
    /// that, and if the socket got its FIN then, only the process itself can tell.
    pub(crate) fn check_life(&self, ring: &Ring) -> bool {
        let said = ring.rx().ended();
        if ring.peer_has_gone_back() || ring.flags() & flag::GONE != 0 || said & (fin::CLOSED | fin::RESET) != 0 {
            return false;
        }
        let over = ring.own().sending.fin.load(Ordering::Acquire) & fin::END != 0;
        let gone = match tcp::state(&self.socket) {
            // With both ends shut the socket is closed although they may read on.
            Ok(_) if said & fin::END != 0 && over => ring.slab.party.is_dead(),
            Ok(tcp::CLOSED) => true,
            Ok(_) if said & fin::END != 0 => ring.slab.party.is_dead(),
            // It may have said so between the two looks.
            Ok(state) if tcp::got_fin(state) => ring.rx().ended() & fin::END == 0,
            Ok(_) => false,
            Err(_) => true,
        };
        if gone {
            ring.set_flags(flag::GONE);
        }
        gone
    }
}

/// The time until the end of a wait, `longest` at most; `None` if it is over.
fn slice(longest: Duration, until: Option<Instant>) -> Option<Duration> {
    let left = until.map_or(longest, |until| until.saturating_duration_since(Instant::now()).min(longest));
    (!left.is_zero()).then_some(left)
}

/// As the system takes it.
pub(crate) fn timespec(time: Duration) -> Timespec {
    Timespec { tv_sec: time.as_secs() as i64, tv_nsec: time.subsec_nanos().into() }
}
