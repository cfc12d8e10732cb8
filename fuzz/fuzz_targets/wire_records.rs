//! Any bytes as records of the wire's daemon, and any words as a peer's half of a slot, at any time.

#![no_main]

use std::sync::atomic::Ordering::Relaxed;

use libfuzzer_sys::fuzz_target;
use pogson_ring::layout::Slot;
use pogson_ring::protocol::{Answer, Ask, RECORD_BYTES};
use pogson_ring::stream::{Rx, Stretches, Tx};
use pogson_ring::switch;

fuzz_target!(|bytes: &[u8]| {
    records(bytes);
    for record in bytes.chunks(RECORD_BYTES) {
        records(record);
    }
    peer(bytes);
});

fn records(bytes: &[u8]) {
    if let Some(ask) = Ask::decode(bytes) {
        assert_eq!(Ask::decode(&ask.encode()), Some(ask));
    }
    if let Some(answer) = Answer::decode(bytes) {
        assert_eq!(Answer::decode(&answer.encode()), Some(answer));
    }
}

/// A peer that writes what it likes into its half while this side sends and receives: nothing lies outside the ring, and what this
/// side says of itself stays true.
fn peer(bytes: &[u8]) {
    let Some((&power, steps)) = bytes.split_first() else { return };
    let size = 1_u32 << (power % 23);
    let (own, theirs) = (Slot::default(), Slot::default());
    switch::take_part(&own, 1);
    let (tx, rx) = (Tx { own: &own, peer: &theirs, size }, Rx { own: &own, peer: &theirs, size });
    for step in steps.chunks_exact(9) {
        let word = u64::from_le_bytes(std::array::from_fn(|at| step[at + 1]));
        let small = word as u32;
        match step[0] % 8 {
            0 => theirs.sending.tail.store(word, Relaxed),
            1 => theirs.receiving.head.store(word, Relaxed),
            2 => theirs.waiting.data.store(word, Relaxed),
            3 => theirs.waiting.space.store(word, Relaxed),
            4 => {
                let switching = &theirs.switching;
                let words = [&switching.offer, &switching.entered, &switching.epoch, &switching.recall];
                words[(word >> 32) as usize % 4].store(small, Relaxed);
            }
            5 => {
                if let Ok(room) = tx.room(small.min(size)) {
                    assert!(room <= size);
                    inside(tx.next(room), room, size);
                    tx.publish(room.min(small));
                    let _ = tx.wake();
                }
                let _ = tx.unread();
            }
            6 => {
                if let Ok(available) = rx.available(small.min(size)) {
                    assert!(available <= size);
                    inside(rx.next(available), available, size);
                    rx.consume(available.min(small));
                    let _ = (rx.worth_waking(), rx.wake());
                }
                assert!(rx.look().is_ok_and(|bytes| bytes <= size) || rx.look().is_err());
            }
            _ => {
                if let Some(epoch) = switch::next_epoch(&own, &theirs) {
                    assert_eq!(epoch, own.switching.epoch.load(Relaxed).wrapping_add(1));
                    switch::latch(&own, switch::Boundary { epoch, at: word });
                }
                let _ = switch::recalled(&own, &theirs);
                let entered = own.switching.entered.load(Relaxed);
                if let Some(boundary) = switch::boundary(&theirs, entered) {
                    assert_eq!(boundary.epoch, entered.wrapping_add(1));
                    switch::enter(&own, boundary.epoch);
                }
            }
        }
    }
}

fn inside(stretches: Stretches, length: u32, size: u32) {
    let Stretches { offset, first, second } = stretches;
    assert!(first + second == length as usize && offset + first <= size as usize && second <= offset);
}
