//! A receiver that is as fast as the sender looks after each message whether there is one more. Each look takes the sender's words
//! from its processor, so that both wait for each other's caches, and each message costs several times as much. Who finds few bytes
//! time and again, and never none, falls back a little; then there are many.

use crate::{
    connection::{Connection, Ring},
    kernel,
};
use core::sync::atomic::Ordering;

/// Looks that found few bytes before the receiver falls back.
const CLOSE: u32 = 16;
/// Fewer bytes are few.
const FEW: u32 = 16_384;
/// How far it falls back, at first and at most: further each time that this was not far enough.
const BEHIND_NS: core::ops::RangeInclusive<u32> = 600..=10_000;

/// Before a look.
#[inline]
pub(crate) fn fall_back(connection: &Connection) {
    let heels = connection.heels.load(Ordering::Relaxed);
    if heels >= CLOSE {
        wait(heels);
    }
}

#[cold]
fn wait(behind_ns: u32) {
    let start = kernel::now_ns();
    while kernel::now_ns() - start < behind_ns.into() {
        core::hint::spin_loop();
    }
}

/// After a look that found `bytes` more.
#[inline]
pub(crate) fn found(connection: &Connection, ring: &Ring, bytes: u32) {
    // Of one that answers, somebody waits for the answer.
    let sent = ring.own.sending.tail.load(Ordering::Relaxed);
    let heels = if bytes == 0 || sent != connection.heels_sent.load(Ordering::Relaxed) {
        connection.heels_sent.store(sent, Ordering::Relaxed);
        0
    } else {
        let heels = connection.heels.load(Ordering::Relaxed);
        match heels {
            0..CLOSE if bytes < FEW => heels + 1,
            CLOSE => *BEHIND_NS.start(),
            further if further > CLOSE && bytes < FEW => (further * 2).min(*BEHIND_NS.end()),
            enough => enough,
        }
    };
    connection.heels.store(heels, Ordering::Relaxed);
}
