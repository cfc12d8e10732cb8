//! Byte streams between two processes through shared memory: where each word lies, who writes it, in what order.
//!
//! A *pair* of processes shares *slabs*. A slab has two *halves*, one for each side: memory which that side alone can write and
//! the other can only read. A half holds a [`Head`](layout::Head), a [`Slot`](layout::Slot) of words for each connection, and
//! for each connection the bytes which that side sends:
//!
//! ```text
//!   half that A writes (B reads)          half that B writes (A reads)
//!   ┌──────────────────────────┐          ┌──────────────────────────┐
//!   │ head: stirs              │          │ head: stirs              │
//!   │ slot 0: tail head wants  │          │ slot 0: tail head wants  │
//!   │ slot 1 ...               │          │ slot 1 ...               │
//!   │ bytes A -> B, slot 0     │          │ bytes B -> A, slot 0     │
//!   │ bytes A -> B, slot 1 ... │          │ bytes B -> A, slot 1 ... │
//!   └──────────────────────────┘          └──────────────────────────┘
//! ```
//!
//! So nothing that a side trusts can be written by the other. What the other wrote is read once and checked ([`stream`]).
//! Nobody sleeps or calls the system here: whoever has to be woken is said by [`Wake`](want::Wake), and the caller does it.
//!
//! A connection begins on TCP. When and at which byte a direction goes over to the ring, and back, is in [`switch`].
//! What processes and the daemon that pairs them say to each other is in [`protocol`].

#![cfg_attr(not(any(test, loom, shuttle)), no_std)]

pub mod busy;
pub mod ending;
pub mod layout;
pub mod protocol;
pub mod stream;
pub mod switch;
mod sync;
pub mod want;
