//! The control channel: records of two daemons in a region's cards.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use pogson_ring::layout;

use super::card::{Card, RECORDS, WORDS};
use super::message::{Message, SAID};
use crate::mapping::Mapping;

/// Version of all that lies in a region. Daemons of different versions leave connections on TCP.
pub(crate) const VERSION: u64 = 2 << 32 | layout::VERSION as u64;

/// Messages that wait for room; a daemon that reads so slowly is taken for one that does not serve.
const WAITING: usize = 1 << 16;

/// This side's end of it.
pub(crate) struct Channel {
    control: Arc<Mapping>,
    side: usize,
    /// Number of the other daemon, 0 for none.
    peer: u64,
    waiting: VecDeque<[u64; SAID]>,
}

/// What was heard.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Another daemon serves there since; what the last one said is void.
    Anew,
    /// It says something.
    Said(Message),
    /// There is nothing more.
    Nothing,
}

impl Channel {
    /// Shows this daemon in its card.
    ///
    /// - `side`: 0 or 1, which no other daemon has.
    /// - `number`: one that no other daemon had, not 0.
    pub(crate) fn open(control: Arc<Mapping>, side: usize, number: u64) -> Self {
        let channel = Self { control, side, peer: 0, waiting: VecDeque::new() };
        let (own, peer) = (channel.own(), channel.other());
        own.incarnation.store(0, Release);
        own.version.store(VERSION, Relaxed);
        // The rings begin where the other side is; what lies there from earlier is for another number than this one's.
        own.tail.store(peer.head.load(Acquire), Relaxed);
        own.head.store(peer.tail.load(Acquire), Relaxed);
        own.incarnation.store(number, Release);
        channel
    }

    fn own(&self) -> &Card {
        self.control.card(self.side)
    }

    fn other(&self) -> &Card {
        self.control.card(1 - self.side)
    }

    /// Whether a daemon serves on the other side.
    pub(crate) fn is_answered(&self) -> bool {
        self.peer != 0
    }

    /// Says something, if anybody is there to hear it.
    pub(crate) fn say(&mut self, message: Message) {
        if self.peer != 0 {
            self.waiting.push_back(message.encode());
            self.go_on();
        }
    }

    /// Writes what waits for room.
    pub(crate) fn go_on(&mut self) {
        while let Some(words) = self.waiting.front() {
            let (own, other) = (self.own(), self.other());
            let tail = own.tail.load(Relaxed);
            // More taken than put is nonsense of the other side's; it hears nothing then.
            if tail.wrapping_sub(other.head.load(Acquire)) >= RECORDS as u64 {
                break;
            }
            let record = &own.records[(tail % RECORDS as u64) as usize];
            record[0].store(self.peer, Relaxed);
            for (to, from) in record[1..].iter().zip(words) {
                to.store(*from, Relaxed);
            }
            own.tail.store(tail.wrapping_add(1), Release);
            self.waiting.pop_front();
        }
        if self.waiting.len() > WAITING {
            self.waiting.clear();
            self.peer = 0;
        }
    }

    /// The next that the other side says.
    pub(crate) fn hear(&mut self) -> Heard {
        let (own, other) = (self.own(), self.other());
        let number = if other.version.load(Relaxed) == VERSION { other.incarnation.load(Acquire) } else { 0 };
        if number != self.peer {
            self.peer = number;
            self.waiting.clear();
            return Heard::Anew;
        }
        let me = own.incarnation.load(Relaxed);
        let tail = other.tail.load(Acquire);
        loop {
            let own = self.own();
            let head = own.head.load(Relaxed);
            let waiting = tail.wrapping_sub(head);
            if waiting == 0 || waiting > RECORDS as u64 {
                // Impossible counts come of a daemon that is just beginning, or of nonsense: nothing of it is read.
                if waiting != 0 {
                    own.head.store(tail, Release);
                }
                return Heard::Nothing;
            }
            let record = &self.other().records[(head % RECORDS as u64) as usize];
            let words: [u64; WORDS] = std::array::from_fn(|word| record[word].load(Relaxed));
            own.head.store(head.wrapping_add(1), Release);
            let said: [u64; SAID] = std::array::from_fn(|word| words[word + 1]);
            if words[0] == me
                && let Some(message) = Message::decode(&said)
            {
                return Heard::Said(message);
            }
        }
    }

    /// The daemon does not serve here any more.
    pub(crate) fn close(&self) {
        self.own().incarnation.store(0, Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::region::CONTROL_BYTES;
    use crate::memfd;
    use std::os::fd::AsFd;

    fn control() -> Arc<Mapping> {
        let memory = memfd::fixed("control", CONTROL_BYTES).unwrap();
        Arc::new(Mapping::new(memory.as_fd(), CONTROL_BYTES, true).unwrap())
    }

    #[test]
    fn all_is_heard_once_and_in_order_however_much_waits() {
        let control = control();
        let (mut one, mut other) = (Channel::open(control.clone(), 0, 11), Channel::open(control, 1, 22));
        assert_eq!((one.hear(), other.hear()), (Heard::Anew, Heard::Anew));
        for session in 0..1000 {
            one.say(Message::Gone { session });
        }
        for session in 0..1000 {
            let heard = match other.hear() {
                Heard::Nothing => {
                    one.go_on();
                    other.hear()
                }
                heard => heard,
            };
            assert_eq!(heard, Heard::Said(Message::Gone { session }));
        }
        assert_eq!(other.hear(), Heard::Nothing);
    }

    #[test]
    fn what_was_said_to_an_earlier_daemon_is_not_heard() {
        let control = control();
        let (mut one, mut other) = (Channel::open(control.clone(), 0, 11), Channel::open(control.clone(), 1, 22));
        assert_eq!((one.hear(), other.hear()), (Heard::Anew, Heard::Anew));
        one.say(Message::Gone { session: 1 });
        let mut next = Channel::open(control, 1, 33);
        assert_eq!(next.hear(), Heard::Anew);
        one.say(Message::Gone { session: 2 });
        assert_eq!(next.hear(), Heard::Nothing);
        assert_eq!(one.hear(), Heard::Anew);
        one.say(Message::Gone { session: 3 });
        assert_eq!(next.hear(), Heard::Said(Message::Gone { session: 3 }));
        next.close();
        assert_eq!(one.hear(), Heard::Anew);
        assert!(!one.is_answered());
    }

    #[test]
    fn counts_that_cannot_be_are_not_followed() {
        let control = control();
        let (mut one, mut other) = (Channel::open(control.clone(), 0, 11), Channel::open(control.clone(), 1, 22));
        assert_eq!((one.hear(), other.hear()), (Heard::Anew, Heard::Anew));
        control.card(0).tail.store(u64::MAX / 2, Relaxed);
        assert_eq!(other.hear(), Heard::Nothing);
        control.card(1).head.store(u64::MAX, Relaxed);
        one.say(Message::Leave(true));
    }
}
