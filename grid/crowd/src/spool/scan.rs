//! What a segment holds, read from beginning to end.

use std::io;

use super::Location;
use super::disk::DiskFile;
use super::record::{HEAD, Head, MOST_HEAD, Mark, SEGMENT_HEAD, mark_of};

/// A stored file, as a list of all has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Where it is.
    pub location: Location,
    /// Its name.
    pub name: String,
    /// Its MD5 as it was received; zeros for files of their own, whose bytes are not read again.
    pub md5: [u8; 16],
    /// Whether its bytes are those that were written.
    pub sound: bool,
}

/// Bytes of a segment that are no record: what a crash left, or what the disk lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The segment.
    pub segment: String,
    /// Where the bytes begin.
    pub offset: u64,
    /// How many there are.
    pub bytes: u64,
}

/// A record as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) offset: u64,
    pub(super) head: Head,
    pub(super) sound: bool,
}

/// What a segment holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Scan {
    pub(super) mark: Option<Mark>,
    pub(super) records: Vec<Found>,
    /// Offset and number of bytes that are no record, in order.
    pub(super) damage: Vec<(u64, u64)>,
    /// Where the last record ends.
    pub(super) end: u64,
}

const BLOCK: usize = 1 << 20;

/// Reads a segment; with `data`, the files' bytes too, so that damage to them is seen.
///
/// A record whose bytes are damaged is passed by its length, and after a damaged head the next mark is looked for: what is whole is
/// found, whatever lies before it.
pub(super) fn scan(file: &dyn DiskFile, data: bool) -> io::Result<Scan> {
    let length = file.len()?;
    let mut head = [0; SEGMENT_HEAD as usize];
    let read = file.read_at(&mut head, 0)?;
    let mut scan = Scan { mark: mark_of(&head[..read]), ..Scan::default() };
    let Some(mark) = scan.mark else {
        if length > 0 {
            scan.damage.push((0, length));
        }
        return Ok(scan);
    };
    let mut at = SEGMENT_HEAD;
    scan.end = at;
    let mut buffer = vec![0; BLOCK];
    while at < length {
        let mut first = [0; MOST_HEAD];
        let read = file.read_at(&mut first, at)?;
        let head =
            Head::decode(&first[..read], &mark).filter(|head| head.bytes <= length && head.span() <= length - at);
        let Some(head) = head else {
            let next = next_mark(file, &mark, at + 1, length, &mut buffer)?.unwrap_or(length);
            match scan.damage.last_mut() {
                Some((from, bytes)) if *from + *bytes == at => *bytes += next - at,
                _ => scan.damage.push((at, next - at)),
            }
            at = next;
            continue;
        };
        let sound = !data || crc_of(file, at + head.data_at() as u64, head.bytes, &mut buffer)? == head.crc;
        let span = head.span();
        scan.records.push(Found { offset: at, head, sound });
        at += span;
        scan.end = at;
    }
    Ok(scan)
}

fn crc_of(file: &dyn DiskFile, mut at: u64, mut left: u64, buffer: &mut [u8]) -> io::Result<u32> {
    let mut hasher = crc32fast::Hasher::new();
    while left > 0 {
        let wanted = left.min(buffer.len() as u64) as usize;
        let read = file.read_at(&mut buffer[..wanted], at)?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        at += read as u64;
        left -= read as u64;
    }
    Ok(hasher.finalize())
}

/// Where the mark stands next, from a place on.
fn next_mark(file: &dyn DiskFile, mark: &Mark, from: u64, to: u64, buffer: &mut [u8]) -> io::Result<Option<u64>> {
    let mut at = from;
    while at + HEAD as u64 <= to {
        let read = file.read_at(buffer, at)?;
        if let Some(place) = buffer[..read].windows(mark.len()).position(|window| window == mark) {
            return Ok(Some(at + place as u64));
        }
        if read < buffer.len() {
            break;
        }
        // The mark may lie over the border of two blocks.
        at += (read - mark.len() + 1) as u64;
    }
    Ok(None)
}
