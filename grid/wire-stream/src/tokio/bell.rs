//! A task in each runtime that waits for this process's bell, and wakes the tasks whose connections changed.

#![allow(unsafe_code, reason = "a descriptor is promised to stay")]

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, Waker};

use ::tokio::io::Interest;
use ::tokio::io::unix::AsyncFd;
use ::tokio::runtime::{Handle, Id};
use ::tokio::task::yield_now;
use pogson_ring::layout::{GROUP, GROUPS};
use pogson_ring::want;

use crate::connection::{Connection, lock};
use crate::home::Home;
use crate::slab::Slab;

/// Which of a connection's tasks.
pub(super) const READER: usize = 0;
/// The other one.
pub(super) const WRITER: usize = 1;

/// Slabs whose other sides a runtime's task is to wake at its next turn, each once for all that its other tasks have sent until then.
#[derive(Default)]
pub(crate) struct Later(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    slabs: Vec<Arc<Slab>>,
    waker: Option<Waker>,
    /// Nobody rings any more.
    over: bool,
}

impl Later {
    fn ring(&self) {
        let slabs = std::mem::take(&mut lock(&self.0).slabs);
        for slab in slabs {
            slab.ring();
        }
    }

    fn poll(&self, context: &Context<'_>) -> Poll<()> {
        let mut later = lock(&self.0);
        if later.slabs.is_empty() {
            later.waker = Some(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(())
    }
}

/// Wakes the other side of `slab` when the tasks of `runtime` that are ready have run; at once where nobody there would do it.
pub(crate) fn ring_later(slab: &Arc<Slab>, runtime: Id) {
    let later = lock(&slab.home.runtimes).iter().find(|one| one.0 == runtime).map(|one| Arc::clone(&one.1));
    let Some(later) = later else { return slab.ring() };
    let mut later = lock(&later.0);
    if later.over {
        drop(later);
        return slab.ring();
    }
    if !later.slabs.iter().any(|one| Arc::ptr_eq(one, slab)) {
        later.slabs.push(Arc::clone(slab));
    }
    let waker = later.waker.take();
    drop(later);
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// Makes sure that a task of this runtime waits for the bell of `home`.
pub(super) fn listen(home: &Arc<Home>, runtime: &Handle) -> io::Result<()> {
    let mut runtimes = lock(&home.runtimes);
    if runtimes.iter().any(|one| one.0 == runtime.id()) {
        return Ok(());
    }
    let bell = home.bell.try_clone()?;
    let _in = runtime.enter();
    // SAFETY: the descriptor is owned, and stays.
    let bell = unsafe { AsyncFd::register_with_interest(bell, Interest::READABLE) }?;
    let later = Arc::<Later>::default();
    runtimes.push((runtime.id(), Arc::clone(&later)));
    // A runtime that ends drops the task at once, which takes the lock.
    drop(runtimes);
    runtime.spawn(wait(Listening { home: Arc::downgrade(home), runtime: runtime.id(), later, is_armed: false }, bell));
    Ok(())
}

/// The task, also where its runtime ends before it does.
struct Listening {
    home: Weak<Home>,
    runtime: Id,
    later: Arc<Later>,
    /// Whether others are to ring.
    is_armed: bool,
}

impl Listening {
    fn arm(&mut self, armed: bool) {
        if let Some(home) = self.home.upgrade().filter(|_| self.is_armed != armed) {
            if armed { home.page().bell.arm() } else { home.page().bell.disarm() }
        }
        self.is_armed = armed;
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.arm(false);
        if let Some(home) = self.home.upgrade() {
            lock(&home.runtimes).retain(|other| other.0 != self.runtime);
        }
        lock(&self.later.0).over = true;
        self.later.ring();
    }
}

/// Counters of a slab as seen last.
struct Seen {
    /// Keeps others from the slab's place as long as it is known by that.
    _slab: Weak<Slab>,
    stir: u32,
    group: [u32; GROUPS],
}

async fn wait(mut listening: Listening, bell: AsyncFd<OwnedFd>) {
    let mut seen = BTreeMap::new();
    loop {
        listening.later.ring();
        let Some(home) = listening.home.upgrade() else { return };
        if wake(&home, &mut seen) {
            // Who is at work looks at each turn, and is not rung.
            listening.arm(false);
            drop(home);
            yield_now().await;
            continue;
        }
        drop(home);
        if !listening.is_armed {
            // A new sequence, from which on others ring anew, and then one more look.
            listening.arm(true);
            continue;
        }
        let rung = poll_fn(|context| {
            if listening.later.poll(context).is_ready() {
                return Poll::Ready(Ok(false));
            }
            bell.poll_read_ready(context).map_ok(|mut ready| {
                ready.clear_ready();
                true
            })
        });
        match rung.await {
            Ok(true) => listening.arm(false),
            Ok(false) => {}
            Err(_) => return,
        }
    }
}

/// Wakes the tasks whose connections changed; whether something did.
fn wake(home: &Home, seen: &mut BTreeMap<usize, Seen>) -> bool {
    let mut changed = false;
    let slabs: Vec<Arc<Slab>> = lock(&home.slabs).iter().filter_map(Weak::upgrade).collect();
    seen.retain(|place, _| slabs.iter().any(|slab| Arc::as_ptr(slab).addr() == *place));
    for slab in &slabs {
        let seen = seen.entry(Arc::as_ptr(slab).addr()).or_insert_with(|| Seen {
            _slab: Arc::downgrade(slab),
            stir: 0,
            group: [0; GROUPS],
        });
        let head = slab.peer.head();
        let stir = head.stir.load(Ordering::Acquire);
        if stir == seen.stir {
            continue;
        }
        seen.stir = stir;
        changed = true;
        let groups = slab.geometry.slots().div_ceil(GROUP) as usize;
        for (number, (group, seen)) in head.group.iter().zip(&mut seen.group).take(groups).enumerate() {
            let now = group.load(Ordering::Acquire);
            if now == *seen {
                continue;
            }
            *seen = now;
            for connection in slab.connections(number as u32 * GROUP, GROUP) {
                connection.wake_tasks();
            }
        }
    }
    changed
}

/// Whether a task has what it waits for. If it does not but the bell was rung for it, the other side was slow to ring for what
/// the task has taken already, and rings no more unless it is asked anew.
fn is_there(word: &AtomicU64, rung: &AtomicU64, there: impl Fn() -> bool) -> bool {
    there()
        || want::was_rung(word, rung) && {
            want::want_bell_once(word);
            there()
        }
}

impl Connection {
    /// Wakes those of the tasks that have what they wait for.
    fn wake_tasks(&self) {
        let Some(ring) = self.ring() else { return };
        let woken = {
            let mut wakers = lock(&self.wakers);
            let (waiting, peer) = (&ring.own().waiting, ring.peer());
            let reader =
                wakers[READER].take_if(|_| is_there(&waiting.data, &peer.sender.rung, || self.data_is_there(ring)));
            let writer =
                wakers[WRITER].take_if(|_| is_there(&waiting.space, &peer.receiver.rung, || self.room_is_there(ring)));
            [reader, writer]
        };
        for waker in woken.into_iter().flatten() {
            waker.wake();
        }
    }
}
