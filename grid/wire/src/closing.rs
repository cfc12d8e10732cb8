//! Closing descriptors that may take time to close, by threads that have nothing else to do.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread;

/// Descriptors of one user that may wait to be closed before nothing more is taken from that user.
const WAITING: usize = 64;

/// One thread for each user that passed such a descriptor: a user whose files never close holds up nobody else.
#[derive(Default)]
pub(crate) struct Closing {
    users: HashMap<u32, Closer>,
}

struct Closer {
    way: Sender<OwnedFd>,
    waiting: Arc<AtomicUsize>,
}

impl Closing {
    /// Closes `descriptor`, which came from `user`.
    pub(crate) fn close(&mut self, user: u32, descriptor: OwnedFd) {
        let closer = self.users.entry(user).or_insert_with(Closer::begin);
        closer.waiting.fetch_add(1, Ordering::Relaxed);
        // Without a thread the send fails, and the descriptor is closed here after all.
        if closer.way.send(descriptor).is_err() {
            closer.waiting.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Whether `user` is to be heard no more for now.
    pub(crate) fn is_behind(&self, user: u32) -> bool {
        self.users.get(&user).is_some_and(|closer| closer.waiting.load(Ordering::Relaxed) > WAITING)
    }

    /// `user` has no session any more: the thread ends when all is closed.
    pub(crate) fn forget(&mut self, user: u32) {
        // A user who is behind would come back with a new thread and a new account.
        if !self.is_behind(user) {
            self.users.remove(&user);
        }
    }
}

impl Closer {
    fn begin() -> Self {
        let (way, come) = mpsc::channel::<OwnedFd>();
        let waiting = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&waiting);
        // If no thread can be had, `come` drops, and each send fails and closes.
        let _ = thread::Builder::new().name("closing".into()).stack_size(64 << 10).spawn(move || {
            for descriptor in come {
                drop(descriptor);
                count.fetch_sub(1, Ordering::Relaxed);
            }
        });
        Self { way, waiting }
    }
}
