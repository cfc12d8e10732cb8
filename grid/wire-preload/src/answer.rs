//! Waiting for the daemon's answer, a moment. Two ends that are busy with each other would else leave it none of the processors, and
//! send megabytes by TCP meanwhile.

use crate::{connection::Connection, kernel, session, upgrade};
use core::sync::atomic::{AtomicU64, Ordering};

/// Time that the daemon has.
const MOMENT_NS: u64 = 20_000_000;
/// Time in which no call waits after one did in vain.
const PAUSE_NS: u64 = 1_000_000_000;

static NOT_BEFORE_NS: AtomicU64 = AtomicU64::new(0);

/// Waits for what the daemon says of `connection`.
#[cold]
pub(crate) fn wait(connection: &Connection) {
    let begin = kernel::now_ns();
    if begin < NOT_BEFORE_NS.load(Ordering::Relaxed) {
        return;
    }
    // What comes first may be about the process, or about another connection.
    while upgrade::is_unanswered(connection) && session::socket() >= 0 {
        let left = MOMENT_NS.saturating_sub(kernel::now_ns() - begin);
        let mut one = [libc::pollfd { fd: session::socket(), events: libc::POLLIN, revents: 0 }];
        if kernel::poll(&mut one, Some(left), None) == Ok(0) {
            return NOT_BEFORE_NS.store(begin + PAUSE_NS, Ordering::Relaxed);
        }
        session::listen();
        if one[0].revents != libc::POLLIN {
            return;
        }
    }
}
