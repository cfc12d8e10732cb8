//! A task in each runtime that waits for this process's bell, and wakes the tasks whose connections changed.

#![allow(unsafe_code, reason = "a descriptor is promised to stay")]

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use ::tokio::io::Interest;
use ::tokio::io::unix::AsyncFd;
use ::tokio::runtime::{Handle, Id};
use pogson_ring::layout::{GROUP, GROUPS};
use pogson_ring::want;

use crate::connection::{Connection, lock};
use crate::home::Home;
use crate::slab::Slab;

/// Which of a connection's tasks.
pub(super) const READER: usize = 0;
/// The other one.
pub(super) const WRITER: usize = 1;

/// Makes sure that a task of this runtime waits for the bell of `home`.
pub(super) fn listen(home: &Arc<Home>, runtime: &Handle) -> io::Result<()> {
    let mut runtimes = lock(&home.runtimes);
    if runtimes.contains(&runtime.id()) {
        return Ok(());
    }
    let bell = home.bell.try_clone()?;
    let _in = runtime.enter();
    // SAFETY: the descriptor is owned, and stays.
    let bell = unsafe { AsyncFd::register_with_interest(bell, Interest::READABLE) }?;
    runtimes.push(runtime.id());
    // A runtime that ends drops the task at once, which takes the lock.
    drop(runtimes);
    home.page().bell.arm();
    runtime.spawn(wait(Listening { home: Arc::downgrade(home), runtime: runtime.id() }, bell));
    Ok(())
}

/// The task, also where its runtime ends before it does.
struct Listening {
    home: Weak<Home>,
    runtime: Id,
}

impl Drop for Listening {
    fn drop(&mut self) {
        if let Some(home) = self.home.upgrade() {
            home.page().bell.disarm();
            lock(&home.runtimes).retain(|other| *other != self.runtime);
        }
    }
}

/// Counters of a slab as seen last.
#[derive(Default)]
struct Seen {
    /// Keeps others from the slab's place as long as it is known by that.
    _slab: Weak<Slab>,
    stir: u32,
    group: [u32; GROUPS],
}

async fn wait(listening: Listening, bell: AsyncFd<OwnedFd>) {
    let mut seen = BTreeMap::new();
    loop {
        match listening.home.upgrade() {
            Some(home) => wake(&home, &mut seen),
            None => return,
        }
        match bell.readable().await {
            Ok(mut ready) => ready.clear_ready(),
            Err(_) => return,
        }
        if let Some(home) = listening.home.upgrade() {
            // A new sequence, from which on others ring anew, before the look.
            home.page().bell.arm();
            home.page().bell.disarm();
        }
    }
}

fn wake(home: &Home, seen: &mut BTreeMap<usize, Seen>) {
    let slabs: Vec<Arc<Slab>> = lock(&home.slabs).iter().filter_map(Weak::upgrade).collect();
    seen.retain(|place, _| slabs.iter().any(|slab| Arc::as_ptr(slab).addr() == *place));
    for slab in &slabs {
        let seen = seen
            .entry(Arc::as_ptr(slab).addr())
            .or_insert_with(|| Seen { _slab: Arc::downgrade(slab), ..Seen::default() });
        let head = slab.peer.head();
        let stir = head.stir.load(Ordering::Acquire);
        if stir == seen.stir {
            continue;
        }
        seen.stir = stir;
        for (number, (group, seen)) in head.group.iter().zip(&mut seen.group).enumerate() {
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
