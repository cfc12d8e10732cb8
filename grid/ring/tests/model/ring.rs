//! A direction between two slots, whose bytes loom watches: two threads at one byte without an order between them is an error.
#![allow(unsafe_code)]

use loom::cell::UnsafeCell;
use pogson_ring::layout::Slot;
use pogson_ring::stream::{Rx, Tx};

/// Bytes of the ring.
pub(crate) const SIZE: u32 = 2;

/// The two halves of a connection of which one direction is modelled: from `sender` to `receiver`.
#[derive(Default)]
pub(crate) struct Direction {
    pub(crate) sender: Slot,
    pub(crate) receiver: Slot,
    bytes: [UnsafeCell<u8>; SIZE as usize],
}

impl Direction {
    pub(crate) fn tx(&self) -> Tx<'_> {
        Tx { own: &self.sender, peer: &self.receiver, size: SIZE }
    }

    pub(crate) fn rx(&self) -> Rx<'_> {
        Rx { own: &self.receiver, peer: &self.sender, size: SIZE }
    }

    /// Puts a byte into the ring, if it has room.
    pub(crate) fn put(&self, byte: u8) -> bool {
        let tx = self.tx();
        if tx.room(1).unwrap() == 0 {
            return false;
        }
        // SAFETY: loom checks that nobody else is at the byte.
        self.bytes[tx.next(1).offset].with_mut(|at| unsafe { *at = byte });
        tx.publish(1);
        true
    }

    /// Of a recalled ring, the next byte that is to be sent again.
    pub(crate) fn resend(&self) -> Option<u8> {
        let (from, left) = self.tx().to_resend().unwrap();
        if left == 0 {
            return None;
        }
        let at = from as usize % SIZE as usize;
        // SAFETY: loom checks that nobody writes it.
        let byte = self.bytes[at].with(|at| unsafe { *at });
        self.tx().resent(from.wrapping_add(1));
        Some(byte)
    }

    /// Takes a byte out of the ring, if there is one.
    pub(crate) fn take(&self) -> Option<u8> {
        let rx = self.rx();
        if rx.available(1).unwrap() == 0 {
            return None;
        }
        // SAFETY: loom checks that nobody else is at the byte.
        let byte = self.bytes[rx.next(1).offset].with(|at| unsafe { *at });
        rx.consume(1);
        Some(byte)
    }
}
