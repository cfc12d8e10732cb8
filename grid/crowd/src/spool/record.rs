//! A segment's bytes.
//!
//! ```text
//! segment  "PGSPOOL1" | mark, 8 random bytes | records
//! record   mark, 8 bytes | state, 1 byte: L or D | version, 1 byte | length of name, 2 | length of data, 8
//!          | MD5 of data, 16 | CRC of version to MD5 and name, 4 | CRC of data, 4 | name | data
//! ```
//!
//! Numbers are little-endian. The mark is the segment's own, so that no file's bytes can pass for a record. The state is not under a
//! check sum: it changes in place when the file is not needed any more.

use super::check_name;

/// What segments begin with.
pub(super) const MAGIC: &[u8; 8] = b"PGSPOOL1";
/// Bytes before the first record.
pub(super) const SEGMENT_HEAD: u64 = 16;
/// Bytes of a record before its name.
pub(super) const HEAD: usize = 44;
/// Where the state stands in a record.
pub(super) const STATE: u64 = 8;
/// Bytes of a record's head and name at most.
pub(super) const MOST_HEAD: usize = HEAD + 255;
const VERSION: u8 = 1;

/// A segment's mark.
pub(super) type Mark = [u8; 8];

/// A record's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) live: bool,
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) md5: [u8; 16],
    pub(super) crc: u32,
}

impl Head {
    /// Bytes from the record's beginning to the next one's.
    pub(super) fn span(&self) -> u64 {
        self.data_at() as u64 + self.bytes
    }

    /// Where the data begins in the record.
    pub(super) fn data_at(&self) -> usize {
        HEAD + self.name.len()
    }

    /// The bytes before the data.
    pub(super) fn encode(&self, mark: &Mark) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEAD + self.name.len());
        out.extend(mark);
        out.push(if self.live { b'L' } else { b'D' });
        out.push(VERSION);
        out.extend((self.name.len() as u16).to_le_bytes());
        out.extend(self.bytes.to_le_bytes());
        out.extend(self.md5);
        let crc = head_crc(&out[9..36], self.name.as_bytes());
        out.extend(crc.to_le_bytes());
        out.extend(self.crc.to_le_bytes());
        out.extend(self.name.as_bytes());
        out
    }

    /// Of the bytes at a record's beginning; none where they are no record's.
    pub(super) fn decode(bytes: &[u8], mark: &Mark) -> Option<Head> {
        let head = bytes.get(..HEAD)?;
        if &head[..8] != mark || head[9] != VERSION {
            return None;
        }
        let number = |at: usize| head[at..at + 4].iter().rev().fold(0, |sum: u32, byte| sum << 8 | u32::from(*byte));
        let name_bytes = bytes.get(HEAD..HEAD + usize::from(u16::from_le_bytes([head[10], head[11]])))?;
        if head_crc(&head[9..36], name_bytes) != number(36) {
            return None;
        }
        let name = std::str::from_utf8(name_bytes).ok().filter(|name| check_name(name).is_ok())?.to_owned();
        let mut md5 = [0; 16];
        md5.copy_from_slice(&head[20..36]);
        let bytes = u64::from(number(12)) | u64::from(number(16)) << 32;
        Some(Head { live: head[8] != b'D', name, bytes, md5, crc: number(40) })
    }
}

fn head_crc(fields: &[u8], name: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(fields);
    hasher.update(name);
    hasher.finalize()
}

/// The mark of a segment that begins with these bytes; none where it is no segment.
pub(super) fn mark_of(head: &[u8]) -> Option<Mark> {
    let mark = head.get(8..16)?.try_into().ok()?;
    (head.get(..8)? == MAGIC).then_some(mark)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_head_is_read_as_it_was_written(name in "[A-Za-z0-9_+-]{1,255}", bytes: u64, md5: [u8; 16], crc: u32,
                                            live: bool, mark: Mark) {
            let head = Head { live, name, bytes, md5, crc };
            let mut written = head.encode(&mark);
            prop_assert_eq!(written.len(), head.data_at());
            written.extend(b"data");
            prop_assert_eq!(Head::decode(&written, &mark), Some(head));
        }

        #[test]
        fn a_head_with_one_bit_wrong_is_none(at in 0usize..54, bit in 0u8..8, mark: Mark) {
            let head = Head { live: true, name: "w_1_0_0_xy".to_owned(), bytes: 9, md5: [1; 16], crc: 7 };
            let mut written = head.encode(&mark);
            written[at] ^= 1 << bit;
            let read = Head::decode(&written, &mark);
            // The state is changed in place, and the data's check sum is held against the data.
            let free = at == 8 || (40..44).contains(&at);
            prop_assert_eq!(read.is_some(), free, "{}", at);
        }

        #[test]
        fn any_bytes_are_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mark = bytes.get(..8).and_then(|mark| mark.try_into().ok()).unwrap_or([0; 8]);
            let _ = Head::decode(&bytes, &mark);
            let _ = mark_of(&bytes);
        }
    }
}
