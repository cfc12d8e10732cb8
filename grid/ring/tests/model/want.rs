//! Nobody sleeps on beside what it waits for, and nobody is woken twice for one sleep.

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread;
use pogson_ring::want;

use crate::ring::Direction;
use crate::{Futex, explore};

#[derive(Default)]
struct World {
    direction: Direction,
    data: Futex,
    space: Futex,
    receiving: Mutex<()>,
    woken: AtomicUsize,
}

impl World {
    /// Sends a byte, and wakes. Whoever calls is the only sender.
    fn send(&self, byte: u8) {
        while !self.direction.put(byte) {
            let (word, bell) = (&self.direction.sender.waiting.space, &self.direction.receiver.receiving.bell_space);
            let before = bell.load(Ordering::Acquire);
            want::arm(word);
            if self.direction.tx().room(1).unwrap() == 0 {
                self.space.wait(bell, before);
            }
            want::disarm(word);
        }
        if self.direction.tx().wake().futex {
            self.woken.fetch_add(1, Ordering::Relaxed);
            self.data.wake_all();
        }
    }

    /// Takes a byte, and wakes.
    fn take(&self) -> Option<u8> {
        let _lock = self.receiving.lock().unwrap();
        let byte = self.direction.take()?;
        if self.direction.rx().wake().futex {
            self.space.wake_all();
        }
        Some(byte)
    }

    /// Receives a byte.
    fn receive(&self) -> u8 {
        loop {
            if let Some(byte) = self.take() {
                return byte;
            }
            let (word, bell) = (&self.direction.receiver.waiting.data, &self.direction.sender.sending.bell_data);
            let before = bell.load(Ordering::Acquire);
            want::arm(word);
            if self.direction.rx().look().unwrap() == 0 {
                self.data.wait(bell, before);
            }
            want::disarm(word);
        }
    }
}

#[test]
fn a_receiver_that_sleeps_is_woken() {
    explore(4, || {
        let world = Arc::new(World::default());
        let other = world.clone();
        let sender = thread::spawn(move || {
            other.send(1);
            other.send(2);
        });
        assert_eq!(world.receive(), 1);
        assert_eq!(world.receive(), 2);
        sender.join().unwrap();
    });
}

#[test]
fn a_sender_that_waits_for_room_is_woken() {
    explore(3, || {
        let world = Arc::new(World::default());
        world.send(1);
        world.send(2);
        let other = world.clone();
        let sender = thread::spawn(move || {
            other.send(3);
            other.send(4);
        });
        for byte in 1..=4 {
            assert_eq!(world.receive(), byte);
        }
        sender.join().unwrap();
    });
}

#[test]
fn two_receivers_that_sleep_are_both_woken() {
    explore(2, || {
        let world = Arc::new(World::default());
        let others = [world.clone(), world.clone()];
        let receivers = others.map(|other| thread::spawn(move || other.receive()));
        world.send(1);
        world.send(2);
        let bytes = receivers.map(|receiver| receiver.join().unwrap());
        assert_eq!(bytes[0] + bytes[1], 3);
    });
}

#[test]
fn one_sleep_is_woken_once() {
    explore(4, || {
        let world = Arc::new(World::default());
        let other = world.clone();
        let sender = thread::spawn(move || {
            other.send(1);
            other.send(2);
        });
        let (word, bell) = (&world.direction.receiver.waiting.data, &world.direction.sender.sending.bell_data);
        let before = bell.load(Ordering::Acquire);
        want::arm(word);
        if world.direction.rx().look().unwrap() == 0 {
            world.data.wait(bell, before);
        }
        // Still armed: it has not come to say that it is awake.
        sender.join().unwrap();
        assert!(world.woken.load(Ordering::Relaxed) <= 1);
        want::disarm(word);
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_sleep_that_was_not_announced_anew_is_not_woken() {
    explore(3, || {
        let world = Arc::new(World::default());
        let other = world.clone();
        let sender = thread::spawn(move || {
            other.send(1);
            other.send(2);
        });
        let (word, bell) = (&world.direction.receiver.waiting.data, &world.direction.sender.sending.bell_data);
        want::arm(word);
        for _ in 0..2 {
            while world.take().is_none() {
                let before = bell.load(Ordering::Acquire);
                if world.direction.rx().look().unwrap() == 0 {
                    world.data.wait(bell, before);
                }
            }
        }
        want::disarm(word);
        sender.join().unwrap();
    });
}
