//! Carries wakes from another guest: a thread that looks at what the other side stirs, for those who sleep.

use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use crate::mapping::{self, Mapping};

/// A slab whose process may sleep.
pub(crate) struct Sleeper {
    /// The slab.
    pub(crate) slab: u64,
    /// The beginning of the other side's half.
    pub(crate) head: Mapping,
    /// Its counter as last seen.
    pub(crate) seen: u32,
    /// The process's page.
    pub(crate) page: Arc<Mapping>,
    /// Its eventfd.
    pub(crate) bell: Arc<OwnedFd>,
    /// Sequence of its bell that was rung.
    pub(crate) rung: Arc<AtomicU64>,
}

impl Sleeper {
    /// Wakes the process if something changed; whether it did.
    fn look(&mut self) -> bool {
        let stir = self.head.head().stir.load(Acquire);
        if stir == self.seen {
            return false;
        }
        self.seen = stir;
        let page = self.page.page();
        if page.bell.must_ring(&self.rung) {
            page.far.stirred.fetch_add(1, Release);
            mapping::wake_all(&page.far.stirred);
            ring(&self.bell);
        }
        true
    }
}

/// A region's cards, and the side that is here.
struct Control {
    cards: Arc<Mapping>,
    side: usize,
    seen: [u64; 3],
}

impl Control {
    /// Whether the other daemon has said or heard something, or is another one.
    fn look(&mut self) -> bool {
        let card = self.cards.card(1 - self.side);
        let now = [card.incarnation.load(Acquire), card.tail.load(Acquire), card.head.load(Acquire)];
        std::mem::replace(&mut self.seen, now) != now
    }
}

#[derive(Default)]
struct Looked {
    sleepers: Vec<Sleeper>,
    controls: Vec<Control>,
}

/// The thread, as the daemon sees it.
pub(crate) struct Forwarder {
    looked: Arc<Mutex<Looked>>,
    stop: Arc<AtomicBool>,
    /// Rung when there is something to do for the daemon, and each second.
    pub(crate) bell: Arc<OwnedFd>,
}

impl Forwarder {
    /// Begins to look.
    pub(crate) fn begin() -> Result<Self, Errno> {
        use rustix::event::EventfdFlags;
        let bell = Arc::new(rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let forwarder = Self { looked: Arc::default(), stop: Arc::default(), bell };
        let (looked, stop, bell) =
            (Arc::clone(&forwarder.looked), Arc::clone(&forwarder.stop), Arc::clone(&forwarder.bell));
        let begun = thread::Builder::new().name("guests".into()).stack_size(256 << 10);
        begun.spawn(move || run(&looked, &stop, &bell)).map_err(|_| Errno::AGAIN)?;
        Ok(forwarder)
    }

    /// Lets the daemon hear the other daemons once more.
    pub(crate) fn again(&self) {
        ring(&self.bell);
    }

    /// Looks for `sleeper` from now on.
    pub(crate) fn add(&self, sleeper: Sleeper) {
        locked(&self.looked).sleepers.push(sleeper);
    }

    /// Looks at a slab no more; its memory is not touched after this.
    pub(crate) fn remove(&self, slab: u64) {
        locked(&self.looked).sleepers.retain(|sleeper| sleeper.slab != slab);
    }

    /// Looks at what another daemon says.
    pub(crate) fn hear(&self, cards: Arc<Mapping>, side: usize) {
        locked(&self.looked).controls.push(Control { cards, side, seen: [0; 3] });
    }

    /// Hears it no more; the memory is not touched after this.
    pub(crate) fn hear_no_more(&self, cards: &Arc<Mapping>) {
        locked(&self.looked).controls.retain(|control| !Arc::ptr_eq(&control.cards, cards));
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        // Its memory may go: whoever holds the lock looks at nothing.
        *locked(&self.looked) = Looked::default();
    }
}

fn locked(looked: &Mutex<Looked>) -> MutexGuard<'_, Looked> {
    looked.lock().unwrap_or_else(PoisonError::into_inner)
}

fn ring(bell: &OwnedFd) {
    // It fails only when nobody has read it for as often as a 64-bit number can count.
    let _ = rustix::io::write(bell, &1_u64.to_ne_bytes());
}

fn run(looked: &Mutex<Looked>, stop: &AtomicBool, bell: &OwnedFd) {
    mapping::wake_on_time();
    let mut news = Instant::now();
    let mut second = Instant::now();
    while !stop.load(Relaxed) {
        let now = Instant::now();
        let turn = now.duration_since(second) >= Duration::from_secs(1);
        let (mut said, mut stirred) = (turn, false);
        let some = {
            let mut looked = locked(looked);
            for control in &mut looked.controls {
                said |= control.look();
                if turn {
                    control.cards.card(control.side).beat.fetch_add(1, Relaxed);
                }
            }
            for sleeper in &mut looked.sleepers {
                stirred |= sleeper.look();
            }
            !looked.sleepers.is_empty()
        };
        if said {
            ring(bell);
        }
        if turn {
            second = now;
        }
        if stirred || (said && !turn) {
            news = now;
        }
        thread::sleep(pause(now.duration_since(news), some));
    }
}

/// How long nobody looks when nothing has happened for `idle`.
fn pause(idle: Duration, some: bool) -> Duration {
    let micros = match idle.as_micros() {
        0..2_000 => 10,
        2_000..50_000 => 50,
        _ if some => 500,
        _ => 5_000,
    };
    Duration::from_micros(micros)
}
