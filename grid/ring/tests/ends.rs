//! Two whole ends of a connection that send and receive at once, wait, change their means, close and die, by schedules that shuttle
//! draws at random. Empty without it:
//!
//! ```text
//! RUSTFLAGS="--cfg shuttle" cargo test -p pogson-ring --release --test ends
//! ```
#![cfg(shuttle)]
#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;

use pogson_ring::layout::{Slot, fin};
use pogson_ring::stream::{Rx, Tx};
use pogson_ring::switch::{self, Boundary};
use pogson_ring::want::{self, Bell};
use shuttle::rand::{Rng, thread_rng};
use shuttle::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use shuttle::sync::{Arc, Condvar, Mutex};
use shuttle::thread;

const SIZE: u32 = 4;
const BYTES: u8 = 12;

/// Sleep on a word, as the kernel has it.
#[derive(Default)]
struct Futex {
    lock: Mutex<()>,
    woken: Condvar,
}

impl Futex {
    /// Sleeps for a slice of time; as time stands still here, a death within it ends it.
    fn wait(&self, word: &AtomicU32, value: u32, dead: &AtomicBool) {
        let lock = self.lock.lock().unwrap();
        if word.load(Ordering::SeqCst) == value && !dead.load(Ordering::SeqCst) {
            drop(self.woken.wait(lock).unwrap());
        }
    }

    fn wake(&self) {
        let _lock = self.lock.lock().unwrap();
        self.woken.notify_all();
    }
}

/// What a process sleeps by: its socket and its bell, in one poll.
#[derive(Default)]
struct Poll {
    news: Mutex<u64>,
    come: Condvar,
}

impl Poll {
    fn now(&self) -> u64 {
        *self.news.lock().unwrap()
    }

    fn wait(&self, seen: u64) {
        let mut news = self.news.lock().unwrap();
        while *news == seen {
            news = self.come.wait(news).unwrap();
        }
    }

    fn raise(&self) {
        *self.news.lock().unwrap() += 1;
        self.come.notify_all();
    }
}

#[derive(Default)]
struct Tcp {
    bytes: VecDeque<u8>,
    ended: bool,
}

/// One process's side: all that it writes.
#[derive(Default)]
struct Side {
    slot: Slot,
    ring: Mutex<[u8; SIZE as usize]>,
    tcp: Mutex<Tcp>,
    /// Receivers of the other side that sleep until this one sends, and senders that sleep until it receives.
    data: Futex,
    space: Futex,
    bell: Bell,
    rung: AtomicU64,
    poll: Poll,
    closing: AtomicBool,
    dead: AtomicBool,
    /// Bytes may be lost: the ring was recalled when its sender had ended.
    cut: AtomicBool,
    stopped: AtomicU32,
}

type World = Arc<[Side; 2]>;

#[derive(Clone)]
struct End {
    world: World,
    side: usize,
    /// Steps that the process takes before it dies.
    lives: Option<Arc<AtomicU32>>,
}

/// The process is no more.
struct Dead;

impl End {
    fn own(&self) -> &Side {
        &self.world[self.side]
    }

    fn peer(&self) -> &Side {
        &self.world[1 - self.side]
    }

    fn tx(&self) -> Tx<'_> {
        Tx { own: &self.own().slot, peer: &self.peer().slot, size: SIZE }
    }

    fn rx(&self) -> Rx<'_> {
        Rx { own: &self.own().slot, peer: &self.peer().slot, size: SIZE }
    }

    /// One step; the last may be any.
    fn step(&self) -> Result<(), Dead> {
        let Some(lives) = &self.lives else { return Ok(()) };
        let spent = lives.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err();
        if spent { Err(Dead) } else { Ok(()) }
    }

    fn wake_reader(&self) {
        let wake = self.tx().wake();
        if wake.futex {
            self.own().data.wake();
        }
        if wake.bell && self.peer().bell.must_ring(&self.own().rung) {
            self.peer().poll.raise();
        }
    }

    fn wake_writer(&self) {
        if self.rx().wake().futex {
            self.own().space.wake();
        }
    }

    fn peer_left(&self) -> bool {
        self.rx().ended() & fin::CLOSED != 0 || self.peer().dead.load(Ordering::SeqCst)
    }

    /// Sends all bytes, unless one of the two goes; how many.
    fn send_all(&self) -> Result<u8, Dead> {
        let (mut by_tcp, mut by_ring) = (0, 0);
        for byte in 1..=BYTES {
            loop {
                self.step()?;
                if self.own().closing.load(Ordering::SeqCst) || self.peer_left() {
                    return Ok(byte - 1);
                }
                let (own, peer) = (&self.own().slot, &self.peer().slot);
                self.go_back(&mut by_tcp, false)?;
                if let Some(next) = switch::next_epoch(own, peer)
                    && (switch::by_ring(next) || thread_rng().gen_bool(0.2))
                {
                    let at = if switch::by_ring(next) { by_tcp } else { by_ring };
                    self.step()?;
                    switch::latch(own, Boundary { epoch: next, at });
                    self.step()?;
                    self.wake_reader();
                    self.go_back(&mut by_tcp, !switch::by_ring(next))?;
                }
                if !switch::by_ring(own.switching.epoch.load(Ordering::SeqCst)) {
                    self.own().tcp.lock().unwrap().bytes.push_back(byte);
                    by_tcp += 1;
                    self.peer().poll.raise();
                    break;
                }
                let tx = self.tx();
                if tx.room(1).unwrap() > 0 {
                    self.own().ring.lock().unwrap()[tx.next(1).offset] = byte;
                    self.step()?;
                    tx.publish(1);
                    by_ring += 1;
                    self.step()?;
                    self.wake_reader();
                    self.go_back(&mut by_tcp, false)?;
                    break;
                }
                let bell = &self.peer().slot.receiving.bell_space;
                let before = bell.load(Ordering::SeqCst);
                want::arm(&self.own().slot.waiting.space);
                let recalled = switch::recalled(own, peer);
                if tx.room(1).unwrap() == 0
                    && !recalled
                    && !self.peer_left()
                    && !self.own().closing.load(Ordering::SeqCst)
                {
                    self.peer().space.wait(bell, before, &self.peer().dead);
                }
                want::disarm(&self.own().slot.waiting.space);
            }
        }
        Ok(BYTES)
    }

    /// Sends again what a receiver that has recalled the ring left there.
    ///
    /// - `left`: this side has just left the ring unasked. What it sends by TCP later would come before what it sent again then.
    fn go_back(&self, by_tcp: &mut u64, left: bool) -> Result<(), Dead> {
        let (own, peer) = (&self.own().slot, &self.peer().slot);
        let epoch = own.switching.epoch.load(Ordering::SeqCst);
        if !(epoch == 1 || left && epoch == 2) || !switch::was_recalled(peer, 1) {
            return Ok(());
        }
        let tx = self.tx();
        let (first, _) = tx.to_resend().unwrap();
        while let Ok((from, 1..)) = tx.to_resend() {
            let byte = self.own().ring.lock().unwrap()[from as usize % SIZE as usize];
            self.own().tcp.lock().unwrap().bytes.push_back(byte);
            *by_tcp += 1;
            tx.resent(from + 1);
            self.step()?;
        }
        switch::latch(own, Boundary { epoch: 2, at: first });
        self.peer().poll.raise();
        Ok(())
    }

    fn end(&self, bits: u32) -> Result<(), Dead> {
        self.tx().end(bits);
        self.step()?;
        self.wake_reader();
        self.go_back(&mut 0, false)?;
        self.wake_reader();
        self.wake_writer();
        self.own().tcp.lock().unwrap().ended = true;
        self.peer().poll.raise();
        Ok(())
    }

    /// Receives until the end, or `most` bytes; how many, which have to be 1, 2 ...
    fn receive_all(&self, most: u8) -> Result<u8, Dead> {
        let (own, peer) = (&self.own().slot, &self.peer().slot);
        let (mut by_tcp, mut by_ring, mut got) = (0_u64, 0_u64, 0);
        let mut offers = thread_rng().gen_range(0..4);
        if offers > 0 {
            want::want_bell(&own.waiting.data);
            switch::offer(own, 1);
        }
        while got < most {
            self.step()?;
            let entered = own.switching.entered.load(Ordering::SeqCst);
            if entered < 2 && offers > 0 && thread_rng().gen_bool(0.05) {
                offers = 1;
                switch::recall(own, 1);
                self.step()?;
                let lost = !switch::is_back(peer, 1, by_ring) && self.rx().look().unwrap() > 0;
                if lost && peer.switching.epoch.load(Ordering::SeqCst) == 2 {
                    // Both left at once. The sender has seen the recall and sends again, or has not and never will.
                    for _ in 0..100 {
                        thread::yield_now();
                    }
                    if !switch::is_back(peer, 1, by_ring) {
                        self.own().cut.store(true, Ordering::SeqCst);
                        return Ok(got);
                    }
                }
                if lost && self.rx().ended() & fin::END != 0 {
                    // Who has ended its stream may be past sending anything again.
                    self.own().cut.store(true, Ordering::SeqCst);
                }
                self.step()?;
                self.wake_writer();
                continue;
            }
            let seen = self.own().poll.now();
            let bell = &peer.sending.bell_data;
            let before = bell.load(Ordering::SeqCst);
            self.own().bell.arm();
            want::arm(&own.waiting.data);
            // Ends first: they hold for the bytes that are seen after.
            let gone = self.peer().dead.load(Ordering::SeqCst);
            let ended = self.rx().ended() & fin::END != 0 || gone;
            let (byte, tcp_ended) = if switch::by_ring(entered) {
                (self.take()?, false)
            } else {
                let mut tcp = self.peer().tcp.lock().unwrap();
                (tcp.bytes.pop_front(), tcp.ended)
            };
            let boundary = switch::boundary(peer, entered);
            let mut over = false;
            let mut sleeps = false;
            if let Some(byte) = byte {
                got += 1;
                assert_eq!(byte, got, "a byte out of its order");
                if switch::by_ring(entered) { by_ring += 1 } else { by_tcp += 1 }
            } else if let Some(boundary) = boundary
                && boundary.at == if switch::by_ring(entered) { by_ring } else { by_tcp }
            {
                switch::enter(own, boundary.epoch);
                if !switch::by_ring(boundary.epoch) && boundary.epoch < offers {
                    switch::offer(own, boundary.epoch + 1);
                }
            } else if boundary.is_some() {
                sleeps = true;
            } else if switch::by_ring(entered) {
                over = ended;
                sleeps = !over;
            } else {
                over = tcp_ended || gone;
                sleeps = !over;
            }
            if sleeps && switch::by_ring(entered) {
                self.peer().data.wait(bell, before, &self.peer().dead);
            } else if sleeps {
                self.own().poll.wait(seen);
            }
            want::disarm(&own.waiting.data);
            self.own().bell.disarm();
            if over {
                break;
            }
        }
        Ok(got)
    }

    /// Receives all, unless it was cut.
    fn receives(&self, all: u8) {
        let got = self.receive_all(u8::MAX).ok().unwrap();
        assert!(got == all || got < all && self.own().cut.load(Ordering::SeqCst));
    }

    fn take(&self) -> Result<Option<u8>, Dead> {
        let rx = self.rx();
        if rx.available(1).unwrap() == 0 {
            return Ok(None);
        }
        let byte = self.peer().ring.lock().unwrap()[rx.next(1).offset];
        self.step()?;
        rx.consume(1);
        if rx.worth_waking(1) {
            self.step()?;
            self.wake_writer();
        }
        Ok(Some(byte))
    }

    /// A thread of a process has come to its end by death; the last to do so is the process's, and the kernel tells the other.
    fn died(&self) {
        if self.own().stopped.fetch_add(1, Ordering::SeqCst) == 1 {
            self.own().tcp.lock().unwrap().ended = true;
            self.own().dead.store(true, Ordering::SeqCst);
            self.peer().poll.raise();
            // Who sleeps on a futex asks after a while whether the other end lives.
            self.own().data.wake();
            self.own().space.wake();
        }
    }
}

fn ends(lives: Option<u32>) -> [End; 2] {
    let world = World::default();
    let lives = lives.map(|steps| Arc::new(AtomicU32::new(steps)));
    let ends = [0, 1].map(|side| End { world: world.clone(), side, lives: lives.clone().filter(|_| side == 1) });
    for end in &ends {
        switch::take_part(&end.own().slot, 1);
    }
    ends
}

#[test]
fn both_ends_receive_all_that_the_other_sends() {
    shuttle::check_random(
        || {
            let threads = ends(None).map(|end| {
                let sending = end.clone();
                let sender = thread::spawn(move || {
                    assert_eq!(sending.send_all().ok(), Some(BYTES));
                    assert!(sending.end(fin::END).is_ok());
                });
                (sender, thread::spawn(move || end.receives(BYTES)))
            });
            for (sender, receiver) in threads {
                sender.join().unwrap();
                receiver.join().unwrap();
            }
        },
        4000,
    );
}

#[test]
fn an_end_that_closes_at_any_byte_leaves_the_other_with_all_that_it_sent_and_nobody_waiting() {
    shuttle::check_random(
        || {
            let [first, second] = ends(None);
            let (sending, closing) = (first.clone(), second.clone());
            let sender = thread::spawn(move || {
                assert!(sending.send_all().is_ok());
                assert!(sending.end(fin::END).is_ok());
            });
            let most = thread_rng().gen_range(0..=BYTES);
            let closer = thread::spawn(move || {
                let sending = closing.clone();
                let sender = thread::spawn(move || sending.send_all().ok());
                assert!(closing.receive_all(most).is_ok());
                closing.own().closing.store(true, Ordering::SeqCst);
                closing.peer().space.wake();
                let sent = sender.join().unwrap().unwrap();
                assert!(closing.end(fin::END | fin::CLOSED).is_ok());
                sent
            });
            let got = first.receive_all(u8::MAX).ok().unwrap();
            let sent = closer.join().unwrap();
            assert!(got == sent || got < sent && first.own().cut.load(Ordering::SeqCst));
            sender.join().unwrap();
        },
        4000,
    );
}

#[test]
fn an_end_that_dies_at_any_step_leaves_the_other_with_what_was_shown_and_nobody_waiting() {
    shuttle::check_random(
        || {
            let [first, second] = ends(Some(thread_rng().gen_range(0..150)));
            let sending = first.clone();
            let sender = thread::spawn(move || {
                assert!(sending.send_all().is_ok());
                assert!(sending.end(fin::END).is_ok());
            });
            let receiving = second.clone();
            let dying = [
                thread::spawn(move || {
                    let _ = second.send_all().is_ok_and(|_| second.end(fin::END).is_ok());
                    second.died();
                }),
                thread::spawn(move || {
                    let _ = receiving.receive_all(u8::MAX);
                    receiving.died();
                }),
            ];
            assert!(first.receive_all(u8::MAX).ok().unwrap() <= BYTES);
            sender.join().unwrap();
            for thread in dying {
                thread.join().unwrap();
            }
        },
        4000,
    );
}
