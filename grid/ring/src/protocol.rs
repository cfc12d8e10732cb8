//! What processes and the daemon say to each other: records over a SOCK_SEQPACKET Unix socket, with descriptors beside them.
//!
//! Every record is [`WORDS`] little-endian 64-bit words, the first of which is its kind; so any version can tell that it does not
//! know one. Neither side waits for the other: a process asks and goes on by TCP.

/// Words of a record.
pub const WORDS: usize = 12;
/// Bytes of a record.
pub const RECORD_BYTES: usize = WORDS * 8;

/// A process's page, in a memfd which the daemon makes: the process and the daemon write it, other processes only read it.
#[repr(C)]
pub struct Page {
    /// Whether the process sleeps until its eventfd is rung.
    pub bell: crate::want::Bell,
    /// Grows when the daemon has sent something.
    pub mail: crate::layout::Mail,
    /// What the process did.
    pub counters: crate::layout::Counters,
    /// What the daemon says of rings that reach into another guest.
    pub far: crate::layout::Far,
}

/// Bytes of the memfd of a [`Page`].
pub const PAGE_BYTES: usize = 4096;

/// What a process says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// First of all. The daemon answers with [`Answer::Welcome`].
    Hello {
        /// [`crate::layout::VERSION`].
        version: u32,
        /// Beginning of the program's name, zeros after it.
        program: [u8; 16],
        /// What else the process can do: [`CAN_FAR`].
        abilities: u32,
    },
    /// Here is a socket, as the one descriptor of this record: is its other end here too?
    Register {
        /// The process's own name for the connection; answers carry it.
        tag: u64,
        /// Bytes of ring that would be of use, 0 for the daemon's choice.
        ring_bytes: u32,
    },
    /// The connection `tag` is no more.
    Cancel {
        /// As registered.
        tag: u64,
    },
    /// A person asks for figures: the answer is text in records of any length, an empty one last.
    Report {
        /// 0: totals, 1: each connection too.
        detail: u32,
    },
}

/// What the daemon says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Descriptors: the process's page (to read and write), its eventfd.
    Welcome {
        /// [`crate::layout::VERSION`] of the daemon.
        version: u32,
        /// The daemon's name for the process.
        session: u64,
    },
    /// Both ends are known. Descriptors, by `brings`: [`NEW_SLAB`]: own half (to read and write), the other's half (to read);
    /// [`NEW_PEER`]: the other's page (to read), its eventfd, its pidfd.
    Paired {
        /// As registered.
        tag: u64,
        /// The slab, and which side of it this process has (a process may be both).
        slab: u64,
        /// 0 or 1.
        side: u32,
        /// Slot in the slab.
        slot: u32,
        /// Use of the slot.
        generation: u32,
        /// Slots of the slab.
        slots: u32,
        /// Bytes of each ring.
        ring_bytes: u32,
        /// Session of the other process.
        peer: u64,
        /// What comes with it.
        brings: u32,
        /// Where the two halves begin, this process's own first: bytes from the start of what the descriptors name.
        offsets: [u64; 2],
    },
    /// The other end has not come. When it does, [`Answer::Paired`] follows.
    Waiting {
        /// As registered.
        tag: u64,
    },
    /// The connection stays on TCP.
    Refused {
        /// As registered.
        tag: u64,
        /// Why.
        reason: Refusal,
    },
}

/// Bit of [`Answer::Paired`]'s `brings`.
pub const NEW_SLAB: u32 = 1;
/// Bit of [`Answer::Paired`]'s `brings`.
pub const NEW_PEER: u32 = 2;
/// Bit of [`Answer::Paired`]'s `brings`: the other process is in another guest. The daemons carry the wakes.
pub const FAR: u32 = 4;

/// How many descriptors come with [`Answer::Paired`] of these `brings`. Where fewer arrive the process had no numbers left for them,
/// and only the daemon's next session with it brings them again.
#[must_use]
pub fn brought(brings: u32) -> usize {
    let slab = if brings & NEW_SLAB != 0 { 2 } else { 0 };
    let peer = match brings & (NEW_PEER | FAR) {
        NEW_PEER => 3,
        0 | FAR => 0,
        _ => 1,
    };
    slab + peer
}

/// Bit of [`Ask::Hello`]'s `abilities`: the process understands [`FAR`].
pub const CAN_FAR: u32 = 1;

/// Why a connection stays on TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Refusal {
    /// The descriptor is no connected stream socket that the daemon can read.
    NoStream = 1,
    /// The two users may not share memory.
    Users = 2,
    /// Policy leaves this port on TCP.
    Port = 3,
    /// The pair cannot be proved.
    Unproved = 4,
    /// Two processes hold the same end.
    Shared = 5,
    /// No more memory or descriptors.
    Full = 6,
    /// The versions differ.
    Version = 7,
}

impl Refusal {
    /// From its number.
    #[must_use]
    pub fn from_number(number: u64) -> Option<Self> {
        [Self::NoStream, Self::Users, Self::Port, Self::Unproved, Self::Shared, Self::Full, Self::Version]
            .into_iter()
            .find(|reason| *reason as u64 == number)
    }

    /// In words.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::NoStream => "not a connected stream socket",
            Self::Users => "the other end belongs to another user",
            Self::Port => "policy leaves the port on TCP",
            Self::Unproved => "the other end could not be proved",
            Self::Shared => "several processes hold the same end",
            Self::Full => "no more memory or descriptors",
            Self::Version => "the daemon has another version",
        }
    }
}

const HELLO: u64 = 1;
const REGISTER: u64 = 2;
const CANCEL: u64 = 3;
const REPORT: u64 = 4;
const WELCOME: u64 = 101;
const PAIRED: u64 = 102;
const REFUSED: u64 = 103;
const WAITING: u64 = 104;

impl Ask {
    /// As a record.
    #[must_use]
    pub fn encode(self) -> [u8; RECORD_BYTES] {
        match self {
            Self::Hello { version, program, abilities } => {
                let [low, high] = [0, 8].map(|at| u64::from_le_bytes(core::array::from_fn(|i| program[at + i])));
                record(&[HELLO, version.into(), low, high, abilities.into()])
            }
            Self::Register { tag, ring_bytes } => record(&[REGISTER, tag, ring_bytes.into()]),
            Self::Cancel { tag } => record(&[CANCEL, tag]),
            Self::Report { detail } => record(&[REPORT, detail.into()]),
        }
    }

    /// From a record; `None` for what no process of this version says.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let words = words(bytes)?;
        match words[0] {
            HELLO => {
                let mut program = [0; 16];
                program[..8].copy_from_slice(&words[2].to_le_bytes());
                program[8..].copy_from_slice(&words[3].to_le_bytes());
                Some(Self::Hello { version: small(words[1])?, program, abilities: small(words[4])? })
            }
            REGISTER => Some(Self::Register { tag: words[1], ring_bytes: small(words[2])? }),
            CANCEL => Some(Self::Cancel { tag: words[1] }),
            REPORT => Some(Self::Report { detail: small(words[1])? }),
            _ => None,
        }
    }
}

impl Answer {
    /// As a record.
    #[must_use]
    pub fn encode(self) -> [u8; RECORD_BYTES] {
        match self {
            Self::Welcome { version, session } => record(&[WELCOME, version.into(), session]),
            Self::Paired { tag, slab, side, slot, generation, slots, ring_bytes, peer, brings, offsets } => record(&[
                PAIRED,
                tag,
                slab,
                side.into(),
                slot.into(),
                generation.into(),
                slots.into(),
                ring_bytes.into(),
                peer,
                brings.into(),
                offsets[0],
                offsets[1],
            ]),
            Self::Waiting { tag } => record(&[WAITING, tag]),
            Self::Refused { tag, reason } => record(&[REFUSED, tag, reason as u64]),
        }
    }

    /// From a record; `None` for what no daemon of this version says.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let words = words(bytes)?;
        match words[0] {
            WELCOME => Some(Self::Welcome { version: small(words[1])?, session: words[2] }),
            PAIRED => Some(Self::Paired {
                tag: words[1],
                slab: words[2],
                side: small(words[3]).filter(|side| *side < 2)?,
                slot: small(words[4])?,
                generation: small(words[5])?,
                slots: small(words[6])?,
                ring_bytes: small(words[7])?,
                peer: words[8],
                brings: small(words[9])?,
                offsets: [words[10], words[11]],
            }),
            WAITING => Some(Self::Waiting { tag: words[1] }),
            REFUSED => Some(Self::Refused { tag: words[1], reason: Refusal::from_number(words[2])? }),
            _ => None,
        }
    }
}

fn record(given: &[u64]) -> [u8; RECORD_BYTES] {
    core::array::from_fn(|at| given.get(at / 8).map_or(0, |word| word.to_le_bytes()[at % 8]))
}

fn words(bytes: &[u8]) -> Option<[u64; WORDS]> {
    let bytes: &[u8; RECORD_BYTES] = bytes.try_into().ok()?;
    Some(core::array::from_fn(|word| u64::from_le_bytes(core::array::from_fn(|i| bytes[word * 8 + i]))))
}

fn small(word: u64) -> Option<u32> {
    u32::try_from(word).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(tag: u64, slab: u64, numbers: [u32; 6], peer: u64, program: [u8; 16], side in 0..2_u32) {
            let [slot, generation, slots, ring_bytes, brings, version] = numbers;
            let (abilities, offsets) = (slot, [peer, tag]);
            let asks = [
                Ask::Hello { version, program, abilities },
                Ask::Register { tag, ring_bytes },
                Ask::Cancel { tag },
                Ask::Report { detail: slot },
            ];
            for ask in asks {
                prop_assert_eq!(Ask::decode(&ask.encode()), Some(ask));
            }
            let answers = [
                Answer::Welcome { version, session: peer },
                Answer::Paired { tag, slab, side, slot, generation, slots, ring_bytes, peer, brings, offsets },
                Answer::Waiting { tag },
                Answer::Refused { tag, reason: Refusal::Unproved },
            ];
            for answer in answers {
                prop_assert_eq!(Answer::decode(&answer.encode()), Some(answer));
            }
        }

        #[test]
        fn no_bytes_upset_the_decoders(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Ask::decode(&bytes);
            let _ = Answer::decode(&bytes);
        }
    }
}
