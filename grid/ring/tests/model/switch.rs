//! A direction goes over to the ring and back, and no byte is lost, doubled or out of its order.
#![allow(unsafe_code)]

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicU64, Ordering, fence};
use loom::sync::{Arc, Mutex};
use loom::thread;
use pogson_ring::switch::{self, Boundary};
use pogson_ring::want;

use crate::ring::Direction;
use crate::{Futex, explore};

/// A connection of which one direction is modelled, with TCP as a queue.
#[derive(Default)]
struct World {
    direction: Direction,
    tcp: Mutex<VecDeque<u8>>,
    /// The boundary again, where loom sees when it is written while it may be read.
    latched: UnsafeCell<(u32, u64)>,
}

/// What the sender knows about itself.
#[derive(Default)]
struct Sender {
    epoch: u32,
    by_tcp: u64,
    by_ring: u64,
}

impl World {
    fn latch(&self, boundary: Boundary) {
        // SAFETY: loom checks that nobody else is at it.
        self.latched.with_mut(|at| unsafe { *at = (boundary.epoch, boundary.at) });
        switch::latch(&self.direction.sender, boundary);
    }

    fn boundary(&self, entered: u32) -> Option<Boundary> {
        let boundary = switch::boundary(&self.direction.sender, entered)?;
        // SAFETY: loom checks that nobody else is at it.
        let latched = self.latched.with(|at| unsafe { *at });
        assert_eq!((boundary.epoch, boundary.at), latched, "another epoch's boundary");
        Some(boundary)
    }

    /// Sends again what a receiver that has recalled the ring left there.
    fn go_back(&self, sender: &mut Sender) {
        fence(Ordering::SeqCst);
        // A ring that was left unasked is looked at too.
        if sender.epoch > 2 || !switch::was_recalled(&self.direction.receiver, 1) {
            return;
        }
        let (from, _) = self.direction.tx().to_resend().unwrap();
        while let Some(byte) = self.direction.resend() {
            self.tcp.lock().unwrap().push_back(byte);
            sender.by_tcp += 1;
        }
        if sender.epoch > 0 {
            sender.epoch = 2;
            self.latch(Boundary { epoch: 2, at: from });
        }
    }

    /// Sends a byte by whatever means it may, taking each chance to change; `back` says whether it may leave the ring unasked.
    fn send(&self, sender: &mut Sender, byte: u8, back: bool) {
        loop {
            let (own, peer) = (&self.direction.sender, &self.direction.receiver);
            self.go_back(sender);
            if let Some(next) = switch::next_epoch(own, peer)
                && (switch::by_ring(next) || back)
            {
                assert_eq!(next, sender.epoch + 1);
                let at = if switch::by_ring(next) { sender.by_tcp } else { sender.by_ring };
                self.latch(Boundary { epoch: next, at });
                sender.epoch = next;
                self.go_back(sender);
            }
            if !switch::by_ring(sender.epoch) {
                self.tcp.lock().unwrap().push_back(byte);
                sender.by_tcp += 1;
                return;
            }
            if self.direction.put(byte) {
                sender.by_ring += 1;
                self.go_back(sender);
                return;
            }
            thread::yield_now();
        }
    }

    /// Receives `count` bytes, which are 1, 2 ...; offers the ring at once and again whenever it is back on TCP, but for a ring that
    /// was recalled, which it does after `recall_after` bytes.
    fn receive(&self, count: u8, offers: u32, recall_after: u8) {
        let own = &self.direction.receiver;
        let (mut entered, mut by_tcp, mut by_ring) = (0, 0_u64, 0_u64);
        let (mut got, mut recalled) = (0, false);
        if offers >= 1 {
            switch::offer(own, 1);
        }
        while got < count {
            if got == recall_after && !recalled {
                recalled = true;
                switch::recall(own, 1);
                entered = 2;
                if !switch::is_back(&self.direction.sender, 1, by_ring) && self.direction.rx().look().unwrap() > 0 {
                    // The sender may be done, and would have to be woken.
                    return;
                }
            }
            let byte =
                if switch::by_ring(entered) { self.direction.take() } else { self.tcp.lock().unwrap().pop_front() };
            if let Some(byte) = byte {
                got += 1;
                assert_eq!(byte, got);
                if switch::by_ring(entered) {
                    by_ring += 1
                } else {
                    by_tcp += 1
                }
                continue;
            }
            if let Some(boundary) = self.boundary(entered) {
                let read = if switch::by_ring(entered) { by_ring } else { by_tcp };
                assert!(read <= boundary.at, "read beyond the boundary");
                if read == boundary.at {
                    entered = boundary.epoch;
                    switch::enter(own, entered);
                    if !switch::by_ring(entered) && entered < offers {
                        switch::offer(own, entered + 1);
                    }
                    continue;
                }
            }
            thread::yield_now();
        }
    }
}

fn over_epochs(preemptions: usize, count: u8, offers: u32, back: bool, recall_after: u8) {
    explore(preemptions, move || {
        let world = Arc::new(World::default());
        let sending = world.clone();
        let sender = thread::spawn(move || {
            let mut sender = Sender::default();
            for byte in 1..=count {
                sending.send(&mut sender, byte, back);
            }
        });
        world.receive(count, offers, recall_after);
        sender.join().unwrap();
    });
}

#[test]
fn every_byte_comes_once_and_in_order_when_the_ring_is_taken() {
    over_epochs(4, 3, 1, false, u8::MAX);
}

#[test]
fn every_byte_comes_once_and_in_order_to_the_ring_and_back_and_to_the_ring_again() {
    over_epochs(3, 5, 3, true, u8::MAX);
}

#[test]
fn every_byte_comes_once_and_in_order_when_the_receiver_recalls_the_ring() {
    for recall_after in 0..3 {
        over_epochs(3, 3, 1, false, recall_after);
    }
}

#[test]
fn every_byte_comes_once_and_in_order_when_both_leave_the_ring_at_once() {
    for recall_after in 0..2 {
        over_epochs(3, 3, 1, true, recall_after);
    }
}

#[test]
#[should_panic(expected = "Concurrent read and write")]
fn a_sender_that_does_not_wait_until_the_ring_was_entered_overwrites_a_boundary_that_is_read() {
    explore(3, || {
        let world = Arc::new(World::default());
        let sending = world.clone();
        let sender = thread::spawn(move || {
            for (epoch, at) in [(1, 7), (2, 9)] {
                sending.latch(Boundary { epoch, at });
            }
        });
        world.boundary(0);
        sender.join().unwrap();
    });
}

#[test]
fn a_ring_that_was_recalled_is_not_latched_but_in_the_slots_next_use() {
    explore(1, || {
        let world = World::default();
        let (own, peer) = (&world.direction.sender, &world.direction.receiver);
        for generation in 1..3 {
            switch::take_part(own, generation);
            switch::take_part(peer, generation);
            switch::offer(peer, 1);
            assert_eq!(switch::next_epoch(own, peer), Some(1));
            switch::recall(peer, 1);
            assert_eq!(switch::next_epoch(own, peer), None);
        }
    });
}

#[test]
fn who_sees_that_the_sender_has_left_the_ring_sees_where() {
    explore(4, || {
        let world = Arc::new(World::default());
        let sending = world.clone();
        let sender = thread::spawn(move || {
            // As many bytes by TCP as the receiver has taken when it looks.
            sending.latch(Boundary { epoch: 1, at: 1 });
            assert!(sending.direction.put(1) && sending.direction.put(2));
            switch::latch(&sending.direction.sender, Boundary { epoch: 2, at: 2 });
        });
        while world.direction.take().is_none() {
            thread::yield_now();
        }
        assert!(!switch::is_back(&world.direction.sender, 1, 1), "a byte lies in the ring still");
        sender.join().unwrap();
    });
}

#[test]
fn a_receiver_that_sleeps_hears_of_a_latch() {
    explore(4, || {
        let world = Arc::new((World::default(), Futex::default()));
        let sending = world.clone();
        let sender = thread::spawn(move || {
            let (world, futex) = &*sending;
            let (own, peer) = (&world.direction.sender, &world.direction.receiver);
            while switch::next_epoch(own, peer).is_none() {
                thread::yield_now();
            }
            world.latch(Boundary { epoch: 1, at: 0 });
            if world.direction.tx().wake().futex {
                futex.wake_all();
            }
        });
        let (world, futex) = &*world;
        let bell = &world.direction.sender.sending.bell_data;
        let word = &world.direction.receiver.waiting.data;
        switch::offer(&world.direction.receiver, 1);
        loop {
            let before = bell.load(Ordering::Acquire);
            want::arm(word);
            let there = world.boundary(0).is_some();
            if !there {
                futex.wait(bell, before);
            }
            want::disarm(word);
            if there {
                break;
            }
        }
        sender.join().unwrap();
    });
}

/// A slot's second use, by a sender of which the first left words behind. Whether any of them was taken for the second's.
fn takes_words_of_the_first_use(looks_at_generation: bool) -> bool {
    let found = std::sync::Arc::new(AtomicBool::new(false));
    let any = found.clone();
    explore(4, move || {
        let world = Arc::new(World::default());
        let stale = &world.direction.sender;
        switch::take_part(stale, 1);
        switch::latch(stale, Boundary { epoch: 1, at: 77 });
        stale.sending.tail.store(99, Ordering::Relaxed);
        stale.switching.offer.store(1, Ordering::Relaxed);
        stale.switching.recall.store(1, Ordering::Relaxed);
        switch::release(stale, 1);
        let sending = world.clone();
        let sender = thread::spawn(move || {
            let own = &sending.direction.sender;
            switch::take_part(own, 2);
            switch::latch(own, Boundary { epoch: 1, at: 3 });
            assert!(sending.direction.put(5));
        });
        let (own, peer) = (&world.direction.receiver, &world.direction.sender);
        switch::take_part(own, 2);
        if !looks_at_generation || switch::takes_part(peer, 2) {
            let offered = switch::next_epoch(own, peer).is_some();
            let boundary = switch::boundary(peer, 0).is_some_and(|boundary| boundary.at != 3);
            let tail = peer.sending.tail.load(Ordering::Acquire) > 1;
            any.fetch_or(offered || boundary || tail, SeqCst);
        }
        sender.join().unwrap();
    });
    found.load(SeqCst)
}

#[test]
fn words_of_an_earlier_use_of_the_slot_never_count() {
    assert!(!takes_words_of_the_first_use(true));
    assert!(takes_words_of_the_first_use(false), "the model shows nothing");
}

#[test]
fn who_sees_a_slot_released_sees_its_user_gone() {
    explore(4, || {
        let world = Arc::new(World::default());
        let using = world.clone();
        let used = Arc::new(AtomicU64::new(0));
        let uses = used.clone();
        let user = thread::spawn(move || {
            uses.store(1, Ordering::Relaxed);
            switch::release(&using.direction.sender, 1);
        });
        if world.direction.sender.switching.released.load(Ordering::Acquire) == 1 {
            assert_eq!(used.load(Ordering::Relaxed), 1);
        }
        user.join().unwrap();
    });
}
