//! Time limits of a thread's connections: one look at all of them each [`TICK`] instead of a timer for each.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use slab::Slab;

/// How exact limits are.
pub(crate) const TICK: Duration = Duration::from_millis(50);

/// A limit has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expired;

#[derive(Default)]
struct Slot {
    /// Tick at which it is due, 0 if there is no limit now.
    due: u64,
    waker: Option<Waker>,
}

/// A thread's clock.
#[derive(Default)]
pub(crate) struct Clock {
    now: Cell<u64>,
    slots: RefCell<Slab<Slot>>,
}

/// A limit of a connection; one at a time.
pub(crate) struct Timer {
    clock: Rc<Clock>,
    key: usize,
}

impl Clock {
    /// Lets time go on for ever.
    pub(crate) async fn run(self: Rc<Self>) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.tick();
        }
    }

    fn tick(&self) {
        let now = self.now.get() + 1;
        self.now.set(now);
        for (_, slot) in self.slots.borrow_mut().iter_mut() {
            if slot.due != 0
                && slot.due <= now
                && let Some(waker) = slot.waker.take()
            {
                waker.wake();
            }
        }
    }

    pub(crate) fn timer(self: &Rc<Self>) -> Timer {
        Timer { clock: self.clone(), key: self.slots.borrow_mut().insert(Slot::default()) }
    }
}

impl Timer {
    /// From now on, so much time.
    pub(crate) fn set(&self, time: Duration) {
        let ticks = time.as_millis().div_ceil(TICK.as_millis()) as u64 + 1;
        if let Some(slot) = self.clock.slots.borrow_mut().get_mut(self.key) {
            slot.due = self.clock.now.get() + ticks;
        }
    }

    /// No limit.
    pub(crate) fn off(&self) {
        if let Some(slot) = self.clock.slots.borrow_mut().get_mut(self.key) {
            *slot = Slot::default();
        }
    }

    /// Whether the limit has passed; if not, the task is woken when it has.
    pub(crate) fn poll(&self, context: &mut Context<'_>) -> Poll<Expired> {
        let mut slots = self.clock.slots.borrow_mut();
        let Some(slot) = slots.get_mut(self.key) else { return Poll::Pending };
        if slot.due != 0 && slot.due <= self.clock.now.get() {
            return Poll::Ready(Expired);
        }
        if !slot.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            slot.waker = Some(context.waker().clone());
        }
        Poll::Pending
    }

    /// What `work` comes to within a time.
    pub(crate) async fn within<T>(&self, time: Duration, work: impl Future<Output = T>) -> Result<T, Expired> {
        let mut work = pin!(work);
        let mut begun = false;
        let result = poll_fn(|context| {
            if let Poll::Ready(value) = work.as_mut().poll(context) {
                return Poll::Ready(Ok(value));
            }
            if !begun {
                begun = true;
                self.set(time);
            }
            self.poll(context).map(Err)
        })
        .await;
        if begun {
            self.off();
        }
        result
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.clock.slots.borrow_mut().try_remove(self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_too_long_ends_and_what_does_not_does_not() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        tokio::task::LocalSet::new().block_on(&runtime, async {
            let clock = Rc::new(Clock::default());
            tokio::task::spawn_local(clock.clone().run());
            let timer = clock.timer();
            assert_eq!(timer.within(Duration::from_secs(60), async { 3 }).await, Ok(3));
            assert_eq!(timer.within(Duration::from_millis(20), std::future::pending::<u8>()).await, Err(Expired));
            let slow = tokio::time::sleep(Duration::from_millis(120));
            assert_eq!(timer.within(Duration::from_secs(60), slow).await, Ok(()));
            drop(timer);
            assert!(clock.slots.borrow().is_empty());
        });
    }
}
