//! What two daemons say to each other.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::card::WORDS;
use crate::slab::Seat;

/// Words of a message, after the number of whom it is for.
pub(crate) const SAID: usize = WORDS - 1;

/// A message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// The end `tag` of `session` here waits for its other end there.
    Offer {
        /// The session, as its own daemon names it.
        session: u64,
        /// The session's name for the end.
        tag: u64,
        /// Address of the end.
        local: SocketAddr,
        /// Address of the other one.
        remote: SocketAddr,
    },
    /// It waits no more.
    Withdraw {
        /// As offered.
        session: u64,
        /// As offered.
        tag: u64,
    },
    /// Side 0: the end that was offered belongs to an end of `peer`, and they get this seat; its `slab` is the area's number.
    Pair {
        /// As offered.
        session: u64,
        /// As offered.
        tag: u64,
        /// The session of side 0.
        peer: u64,
        /// The seat.
        seat: Seat,
    },
    /// Side 1: its process was told of the seat.
    Taken(Seat),
    /// Side 1: the end is no more, or may not be joined. The seat was not used.
    Declined(Seat),
    /// A process is no more.
    Gone {
        /// Its session.
        session: u64,
    },
    /// Whether connections are to leave the region.
    Leave(bool),
}

impl Message {
    /// As words.
    pub(crate) fn encode(self) -> [u64; SAID] {
        let mut words = [0; SAID];
        let mut put = |given: &[u64]| words[..given.len()].copy_from_slice(given);
        match self {
            Self::Offer { session, tag, local, remote } => {
                let ([a, b, c], [d, e, f]) = (address(local), address(remote));
                put(&[1, session, tag, a, b, c, d, e, f]);
            }
            Self::Withdraw { session, tag } => put(&[2, session, tag]),
            Self::Pair { session, tag, peer, seat } => {
                put(&[3, session, tag, peer, seat.slab, seat.slot.into(), seat.generation.into()]);
            }
            Self::Taken(seat) => put(&[4, seat.slab, seat.slot.into(), seat.generation.into()]),
            Self::Declined(seat) => put(&[5, seat.slab, seat.slot.into(), seat.generation.into()]),
            Self::Gone { session } => put(&[6, session]),
            Self::Leave(on) => put(&[7, on.into()]),
        }
        words
    }

    /// From words; `None` for what no daemon of this version says.
    pub(crate) fn decode(words: &[u64; SAID]) -> Option<Self> {
        let seat = |at: usize| {
            let (slot, generation) = (u32::try_from(words[at + 1]).ok()?, u32::try_from(words[at + 2]).ok()?);
            Some(Seat { slab: words[at], slot, generation })
        };
        let (session, tag) = (words[1], words[2]);
        match words[0] {
            1 => {
                let local = socket([words[3], words[4], words[5]])?;
                let remote = socket([words[6], words[7], words[8]])?;
                Some(Self::Offer { session, tag, local, remote })
            }
            2 => Some(Self::Withdraw { session, tag }),
            3 => Some(Self::Pair { session, tag, peer: words[3], seat: seat(4)? }),
            4 => Some(Self::Taken(seat(1)?)),
            5 => Some(Self::Declined(seat(1)?)),
            6 => Some(Self::Gone { session }),
            7 => Some(Self::Leave(words[1] != 0)),
            _ => None,
        }
    }
}

fn address(address: SocketAddr) -> [u64; 3] {
    let ip = match address.ip() {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    };
    let bits = u128::from(ip);
    [(bits >> 64) as u64, bits as u64, address.port().into()]
}

fn socket(words: [u64; 3]) -> Option<SocketAddr> {
    let ip = Ipv6Addr::from(u128::from(words[0]) << 64 | u128::from(words[1]));
    let ip = ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4);
    Some(SocketAddr::new(ip, u16::try_from(words[2]).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        let seat = Seat { slab: 3, slot: 7, generation: 9 };
        let addresses: [SocketAddr; 2] =
            [([192, 0, 2, 1], 80).into(), ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 5], 65535).into()];
        let messages = [
            Message::Offer { session: 5, tag: u64::MAX, local: addresses[0], remote: addresses[1] },
            Message::Withdraw { session: 1, tag: 2 },
            Message::Pair { session: 1, tag: 2, peer: 3, seat },
            Message::Taken(seat),
            Message::Declined(seat),
            Message::Gone { session: 8 },
            Message::Leave(true),
            Message::Leave(false),
        ];
        for message in messages {
            assert_eq!(Message::decode(&message.encode()), Some(message));
        }
    }

    #[test]
    fn words_that_say_nothing_are_no_message() {
        assert_eq!(Message::decode(&[0; SAID]), None);
        assert_eq!(Message::decode(&[99; SAID]), None);
        let mut words = Message::Taken(Seat { slab: 1, slot: 1, generation: 1 }).encode();
        words[2] = 1 << 40;
        assert_eq!(Message::decode(&words), None);
    }
}
