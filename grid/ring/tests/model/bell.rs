//! A process's bell wakes whoever sleeps, and is not rung twice for one sleep.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use loom::sync::{Condvar, Mutex};
use loom::thread;
use pogson_ring::layout::{Head, Slot};
use pogson_ring::stream::{Rx, Tx};
use pogson_ring::want::{self, Bell};

use crate::explore;

/// An eventfd that epoll sets hold edge-triggered, as many sets as there are sleepers.
struct Eventfd {
    edges: Mutex<Vec<bool>>,
    risen: Condvar,
}

impl Eventfd {
    fn new(sets: usize) -> Self {
        Self { edges: Mutex::new(vec![false; sets]), risen: Condvar::new() }
    }

    fn write(&self) {
        self.edges.lock().unwrap().fill(true);
        self.risen.notify_all();
    }

    fn wait(&self, set: usize) {
        let mut edges = self.edges.lock().unwrap();
        while !edges[set] {
            edges = self.risen.wait(edges).unwrap();
        }
        edges[set] = false;
    }
}

/// A process that sleeps until slots of its peer change.
struct World {
    bell: Bell,
    eventfd: Eventfd,
    head: Head,
    slots: [(Slot, Slot); 2],
    rings: AtomicUsize,
}

impl World {
    fn new(sets: usize) -> Self {
        let world = Self {
            bell: Bell::default(),
            eventfd: Eventfd::new(sets),
            head: Head::default(),
            slots: Default::default(),
            rings: AtomicUsize::new(0),
        };
        for (_, receiver) in &world.slots {
            want::want_bell(&receiver.waiting.data);
        }
        world
    }

    /// Writes into a slot and rings.
    fn write(&self, slot: usize, rung: &AtomicU64) {
        let (own, peer) = &self.slots[slot];
        let tx = Tx { own, peer, size: 4 };
        tx.publish(1);
        if tx.wake().bell {
            self.head.stir.fetch_add(1, Ordering::Release);
            if self.bell.must_ring(rung) {
                self.rings.fetch_add(1, Ordering::Relaxed);
                self.eventfd.write();
            }
        }
    }

    /// Sleeps until `count` bytes lie in the slots; looks at them only if there was a stir.
    fn sleep(&self, set: usize, count: u64) {
        let mut stirs = 0;
        loop {
            self.bell.arm();
            let now = self.head.stir.load(Ordering::Acquire);
            let there = self.slots.iter().map(|(own, _)| own.sending.tail.load(Ordering::Acquire)).sum::<u64>();
            let enough = now != stirs && there >= count;
            if enough {
                self.bell.disarm();
                return;
            }
            if now == stirs {
                self.eventfd.wait(set);
            }
            stirs = now;
            self.bell.disarm();
        }
    }
}

#[test]
fn a_sleeper_hears_of_two_writers_of_other_processes() {
    explore(3, || {
        let world = Arc::new(World::new(1));
        let writers = [0, 1].map(|slot| {
            let world = world.clone();
            thread::spawn(move || world.write(slot, &AtomicU64::new(0)))
        });
        world.sleep(0, 2);
        for writer in writers {
            writer.join().unwrap();
        }
    });
}

#[test]
fn a_sleeper_hears_of_two_writers_of_one_process() {
    explore(3, || {
        let world = Arc::new(World::new(1));
        let rung = Arc::new(AtomicU64::new(0));
        let writers = [0, 1].map(|slot| {
            let (world, rung) = (world.clone(), rung.clone());
            thread::spawn(move || world.write(slot, &rung))
        });
        world.sleep(0, 2);
        for writer in writers {
            writer.join().unwrap();
        }
    });
}

#[test]
fn two_sleepers_hear_of_two_writers() {
    explore(2, || {
        let world = Arc::new(World::new(2));
        let rung = Arc::new(AtomicU64::new(0));
        let second = world.clone();
        let sleeper = thread::spawn(move || second.sleep(1, 2));
        let writers = [0, 1].map(|slot| {
            let (world, rung) = (world.clone(), rung.clone());
            thread::spawn(move || world.write(slot, &rung))
        });
        world.sleep(0, 2);
        sleeper.join().unwrap();
        for writer in writers {
            writer.join().unwrap();
        }
    });
}

#[test]
fn one_sleep_is_rung_once_by_one_thread() {
    explore(4, || {
        let world = Arc::new(World::new(1));
        let writing = world.clone();
        let writer = thread::spawn(move || {
            let rung = AtomicU64::new(0);
            writing.write(0, &rung);
            writing.write(1, &rung);
        });
        world.bell.arm();
        writer.join().unwrap();
        assert!(world.rings.load(Ordering::Relaxed) <= 1);
        world.bell.disarm();
    });
}

#[test]
fn who_is_awake_is_not_rung() {
    explore(4, || {
        let world = Arc::new(World::new(1));
        world.bell.arm();
        world.bell.disarm();
        let writing = world.clone();
        let writer = thread::spawn(move || writing.write(0, &AtomicU64::new(0)));
        writer.join().unwrap();
        assert_eq!(world.rings.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn what_was_written_before_the_bell_was_wanted_is_seen_by_the_look_after_it() {
    explore(4, || {
        let slots = Arc::new((Slot::default(), Slot::default(), AtomicU32::new(0)));
        let writing = slots.clone();
        let writer = thread::spawn(move || {
            let (own, peer, rings) = &*writing;
            let tx = Tx { own, peer, size: 4 };
            tx.publish(1);
            if tx.wake().bell {
                rings.store(1, Ordering::Relaxed);
            }
        });
        let (own, peer, rings) = &*slots;
        want::want_bell(&peer.waiting.data);
        let seen = own.sending.tail.load(Ordering::Relaxed) == 1;
        writer.join().unwrap();
        assert!(seen || rings.load(Ordering::Relaxed) == 1);
    });
}

#[test]
fn two_threads_that_wait_for_room_by_the_bell_are_both_woken() {
    explore(3, || {
        let world = Arc::new(World::new(1));
        let (own, peer) = &world.slots[0];
        peer.sending.tail.store(4, Ordering::Relaxed);
        let consuming = world.clone();
        let receiver = thread::spawn(move || {
            let (own, peer) = &consuming.slots[0];
            let rx = Rx { own, peer, size: 4 };
            let rung = AtomicU64::new(0);
            for _ in 0..2 {
                rx.consume(2);
                if rx.wake().bell {
                    consuming.head.stir.fetch_add(1, Ordering::Release);
                    if consuming.bell.must_ring(&rung) {
                        consuming.eventfd.write();
                    }
                }
            }
        });
        let looking = world.clone();
        let looker = thread::spawn(move || {
            let (own, peer) = &looking.slots[0];
            if (Tx { own: peer, peer: own, size: 4 }).unread() != Ok(0) {
                want::want_bell_once(&peer.waiting.space);
            }
        });
        let room = || (Tx { own: peer, peer: own, size: 4 }).unread() == Ok(0);
        let mut stirs = 0;
        loop {
            want::want_bell_once(&peer.waiting.space);
            if room() {
                break;
            }
            world.bell.arm();
            let now = world.head.stir.load(Ordering::Acquire);
            if now == stirs {
                world.eventfd.wait(0);
            }
            stirs = now;
            world.bell.disarm();
        }
        receiver.join().unwrap();
        looker.join().unwrap();
    });
}

#[test]
fn a_bell_that_is_wanted_once_is_rung_once() {
    explore(4, || {
        let slots = Arc::new((Slot::default(), Slot::default(), AtomicU32::new(0)));
        let (_, sender, rings) = &*slots;
        sender.sending.tail.store(4, Ordering::Relaxed);
        want::want_bell_once(&sender.waiting.space);
        let consuming = slots.clone();
        let receiver = thread::spawn(move || {
            let (own, peer, rings) = &*consuming;
            let rx = Rx { own, peer, size: 4 };
            for _ in 0..2 {
                rx.consume(2);
                rings.fetch_add(u32::from(rx.wake().bell), Ordering::Relaxed);
            }
        });
        receiver.join().unwrap();
        assert_eq!(rings.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn a_task_that_was_rung_late_for_what_it_had_taken_hears_of_what_comes_next() {
    explore(3, || {
        let world = Arc::new(World::new(1));
        let (own, peer) = &world.slots[1];
        // The bell is wanted once, not always.
        peer.waiting.data.store(0, Ordering::Relaxed);
        let writing = world.clone();
        let writer = thread::spawn(move || {
            let (own, peer) = &writing.slots[1];
            let tx = Tx { own, peer, size: 4 };
            let rung = AtomicU64::new(0);
            for _ in 0..2 {
                tx.publish(1);
                if tx.wake().bell {
                    writing.head.stir.fetch_add(1, Ordering::Release);
                    if writing.bell.must_ring(&rung) {
                        writing.eventfd.write();
                    }
                }
            }
        });
        let rx = Rx { own: peer, peer: own, size: 4 };
        let there = || rx.look() != Ok(0);
        let mut stirs = 0;
        for _ in 0..2 {
            if !there() {
                want::want_bell_once(&peer.waiting.data);
                while !there() {
                    world.bell.arm();
                    let now = world.head.stir.load(Ordering::Acquire);
                    if now == stirs {
                        world.eventfd.wait(0);
                    } else if !there() && want::was_rung(&peer.waiting.data, &own.sender.rung) {
                        want::want_bell_once(&peer.waiting.data);
                    }
                    stirs = now;
                    world.bell.disarm();
                }
            }
            rx.consume(1);
        }
        writer.join().unwrap();
    });
}

#[test]
fn a_bell_that_is_wanted_always_is_rung_again_after_a_sleeper_was_woken() {
    explore(1, || {
        let (own, peer) = (Slot::default(), Slot::default());
        want::want_bell(&peer.waiting.data);
        want::arm(&peer.waiting.data);
        let tx = Tx { own: &own, peer: &peer, size: 4 };
        for first in [true, false] {
            tx.publish(1);
            let wake = tx.wake();
            assert!(wake.bell && wake.futex == first);
        }
    });
}
