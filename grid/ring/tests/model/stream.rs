//! Bytes come out of the ring as they went in.

use loom::sync::Arc;
use loom::thread;
use pogson_ring::layout::fin;

use crate::explore;
use crate::ring::{Direction, SIZE};

#[test]
fn no_byte_is_wrong_or_lost_while_the_ring_wraps() {
    explore(3, || {
        let direction = Arc::new(Direction::default());
        let sending = direction.clone();
        let sender = thread::spawn(move || {
            for byte in 1..=5 {
                while !sending.put(byte) {
                    thread::yield_now();
                }
            }
        });
        for expected in 1..=5 {
            let byte = loop {
                match direction.take() {
                    Some(byte) => break byte,
                    None => thread::yield_now(),
                }
            };
            assert_eq!(byte, expected);
        }
        sender.join().unwrap();
        assert_eq!(direction.tx().unread(), Ok(0));
    });
}

#[test]
fn who_sees_the_end_sees_all_bytes_before_it() {
    explore(3, || {
        let direction = Arc::new(Direction::default());
        let sending = direction.clone();
        let sender = thread::spawn(move || {
            assert!(sending.put(1));
            assert!(sending.put(2));
            sending.tx().end(fin::END);
        });
        let mut bytes = Vec::new();
        loop {
            // The order that `Rx::ended` asks for: first the end, then the bytes.
            let ended = direction.rx().ended() & fin::END != 0;
            while let Some(byte) = direction.take() {
                bytes.push(byte);
            }
            if ended {
                break;
            }
            thread::yield_now();
        }
        assert_eq!(bytes, [1, 2]);
        sender.join().unwrap();
    });
}

#[test]
#[should_panic(expected = "left: [")]
fn who_looks_at_the_bytes_before_the_end_loses_some() {
    explore(3, || {
        let direction = Arc::new(Direction::default());
        let sending = direction.clone();
        let sender = thread::spawn(move || {
            assert!(sending.put(1));
            sending.tx().end(fin::END);
        });
        let mut bytes = Vec::new();
        loop {
            while let Some(byte) = direction.take() {
                bytes.push(byte);
            }
            if direction.rx().ended() & fin::END != 0 {
                break;
            }
            thread::yield_now();
        }
        assert_eq!(bytes, [1]);
        sender.join().unwrap();
    });
}

#[test]
fn a_look_without_the_lock_never_shows_what_cannot_be() {
    explore(3, || {
        let direction = Arc::new(Direction::default());
        let sending = direction.clone();
        let sender = thread::spawn(move || {
            for byte in 1..=3 {
                while !sending.put(byte) {
                    thread::yield_now();
                }
            }
        });
        let looking = direction.clone();
        let looker = thread::spawn(move || assert!(looking.rx().look().unwrap() <= SIZE));
        for _ in 0..3 {
            while direction.take().is_none() {
                thread::yield_now();
            }
        }
        sender.join().unwrap();
        looker.join().unwrap();
    });
}
