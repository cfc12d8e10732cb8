//! Packets on their way to another guest: in a region, a ring of words for each direction.

use std::array;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// Bytes of a side's part.
pub(crate) const PACKETS_BYTES: usize = 1 << 18;
/// Words of a side's ring.
const WORDS: usize = PACKETS_BYTES / 8 - 16;
/// Longest packet, bytes.
pub(crate) const LONGEST: usize = 1 << 16;
/// Begins a packet, above its length.
const MARK: u64 = 0x7061_636b << 32;

/// A side's part. Its own daemon writes it, the other reads it; neither believes what it reads.
#[repr(C, align(64))]
pub(crate) struct Packets {
    /// Words that were put.
    tail: AtomicU64,
    _apart: [AtomicU64; 7],
    /// Words of the other side that were taken.
    head: AtomicU64,
    _apart_too: [AtomicU64; 7],
    words: [AtomicU64; WORDS],
}

const _: () = assert!(size_of::<Packets>() == PACKETS_BYTES);

fn words_of(length: usize) -> u64 {
    1 + length.div_ceil(8) as u64
}

/// A daemon begins to serve this side: what lies there from earlier is for another one.
pub(crate) fn begin(own: &Packets, other: &Packets) {
    own.tail.store(other.head.load(Acquire), Release);
    own.head.store(other.tail.load(Acquire), Release);
}

/// Puts a packet; whether there was room. Without it is lost, as on any network.
pub(crate) fn put(own: &Packets, other: &Packets, packet: &[u8]) -> bool {
    let tail = own.tail.load(Relaxed);
    let used = tail.wrapping_sub(other.head.load(Acquire));
    // More taken than put is nonsense of the other side's; it gets nothing then.
    if packet.len() >= LONGEST || used > WORDS as u64 || WORDS as u64 - used < words_of(packet.len()) {
        return false;
    }
    let place = |at: u64| &own.words[(tail.wrapping_add(at) % WORDS as u64) as usize];
    place(0).store(MARK | packet.len() as u64, Relaxed);
    for (at, bytes) in packet.chunks(8).enumerate() {
        let word = u64::from_ne_bytes(array::from_fn(|byte| bytes.get(byte).copied().unwrap_or(0)));
        place(1 + at as u64).store(word, Relaxed);
    }
    own.tail.store(tail.wrapping_add(words_of(packet.len())), Release);
    true
}

/// Takes the next packet; its length, `None` if there is none.
pub(crate) fn take(own: &Packets, other: &Packets, into: &mut [u8; LONGEST]) -> Option<usize> {
    let tail = other.tail.load(Acquire);
    let head = own.head.load(Relaxed);
    let waiting = tail.wrapping_sub(head);
    if waiting == 0 {
        return None;
    }
    let place = |at: u64| other.words[(head.wrapping_add(at) % WORDS as u64) as usize].load(Relaxed);
    let first = place(0);
    let length = (first ^ MARK) as usize;
    if waiting > WORDS as u64 || length >= LONGEST || words_of(length) > waiting {
        // A daemon that is just beginning, or nonsense: nothing of it is read.
        own.head.store(tail, Release);
        return None;
    }
    for (at, bytes) in into[..length].chunks_mut(8).enumerate() {
        bytes.copy_from_slice(&place(1 + at as u64).to_ne_bytes()[..bytes.len()]);
    }
    own.head.store(head.wrapping_add(words_of(length)), Release);
    Some(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::Mapping;
    use crate::memfd;
    use std::os::fd::AsFd;

    fn memory() -> Mapping {
        let memory = memfd::fixed("packets", 2 * PACKETS_BYTES).unwrap();
        Mapping::new(memory.as_fd(), 2 * PACKETS_BYTES, true).unwrap()
    }

    fn packet(number: usize) -> Vec<u8> {
        (0..number * 7919 % 9000).map(|at| (at * 31 + number) as u8).collect()
    }

    #[test]
    fn packets_come_whole_and_in_order_and_those_without_room_not_at_all() {
        let memory = memory();
        let (one, other) = (memory.packets(0), memory.packets(1));
        let mut into = [0; LONGEST];
        let (mut sent, mut lost) = (std::collections::VecDeque::new(), 0);
        for number in 0..5000 {
            if put(one, other, &packet(number)) {
                sent.push_back(number);
            } else {
                lost += 1;
            }
            if number % 100 < 60 {
                continue;
            }
            for _ in 0..2 {
                let Some(number) = sent.pop_front() else { break };
                let length = take(other, one, &mut into).unwrap();
                assert!(into[..length] == packet(number));
            }
        }
        assert!(lost > 0 && sent.len() > 10);
        for number in sent {
            let length = take(other, one, &mut into).unwrap();
            assert!(into[..length] == packet(number));
        }
        assert_eq!(take(other, one, &mut into), None);
    }

    #[test]
    fn two_threads_pass_each_packet_once() {
        let memory = std::sync::Arc::new(memory());
        let putting = memory.clone();
        let putter = std::thread::spawn(move || {
            for number in 0..20_000 {
                while !put(putting.packets(0), putting.packets(1), &packet(number)) {
                    std::thread::yield_now();
                }
            }
        });
        let mut into = [0; LONGEST];
        for number in 0..20_000 {
            let length = loop {
                match take(memory.packets(1), memory.packets(0), &mut into) {
                    Some(length) => break length,
                    None => std::thread::yield_now(),
                }
            };
            assert!(into[..length] == packet(number));
        }
        putter.join().unwrap();
    }

    #[test]
    fn a_daemon_that_begins_hears_what_comes_next() {
        let memory = memory();
        let (one, other) = (memory.packets(0), memory.packets(1));
        let mut into = [0; LONGEST];
        assert!(put(one, other, b"for another"));
        begin(other, one);
        assert_eq!(take(other, one, &mut into), None);
        assert!(put(one, other, b"next"));
        assert_eq!(take(other, one, &mut into), Some(4));
        assert_eq!(&into[..4], b"next");
    }

    #[test]
    fn nonsense_is_passed_over() {
        let memory = memory();
        let (one, other) = (memory.packets(0), memory.packets(1));
        let mut into = [0; LONGEST];
        for (tail, word) in [(5, 0), (5, MARK | 40), (5, MARK | 70_000), (u64::MAX / 2, MARK), (5, u64::MAX)] {
            one.words[other.head.load(Relaxed) as usize % WORDS].store(word, Relaxed);
            one.tail.store(other.head.load(Relaxed).wrapping_add(tail), Relaxed);
            assert_eq!(take(other, one, &mut into), None);
            assert_eq!(other.head.load(Relaxed), one.tail.load(Relaxed));
        }
        other.head.store(one.tail.load(Relaxed).wrapping_add(1), Relaxed);
        assert!(!put(one, other, b"?"));
    }
}
