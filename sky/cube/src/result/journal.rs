//! The journal of a fit: each pixel is kept as soon as it is fitted, so that a run that ends early goes on later.
//!
//! A journal is a file that only grows: a header with the facts of the run, then records, each with its length and check
//! sum. Whatever a crash leaves behind is whole records and perhaps a torn one at the end, which [`Journal::open`] drops.

use std::fs::{File, TryLockError};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::codec::{decode, encode};
use super::error::ResultError;
use super::grid::{as_filed, check};
use super::{Facts, PixelRecord, ResultFile, Special};

mod identity;

const MAGIC: &[u8; 8] = b"POGSONJ2";
/// A record's frame: length, check sum.
const FRAME: usize = 8;

/// What a record is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// A pixel of the cube.
    Pixel,
    /// A bin of pixels.
    Bin,
    /// A sum.
    Special(Special),
}

/// A journal that is open for more records; no other process can open it meanwhile.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    every: Duration,
    synced: Instant,
}

/// What a journal held.
#[derive(Debug)]
pub struct Held {
    /// The records, with the facts of the run. Bins have no map.
    pub result: ResultFile,
    /// Bytes at the end that are no whole record.
    pub torn: u64,
}

impl Entry {
    fn tag(self) -> u8 {
        match self {
            Entry::Pixel => 0,
            Entry::Bin => 1,
            Entry::Special(Special::Integrated) => 2,
            Entry::Special(Special::Radial) => 3,
        }
    }

    fn of(tag: u8) -> Option<Entry> {
        let all = [Entry::Pixel, Entry::Bin, Entry::Special(Special::Integrated), Entry::Special(Special::Radial)];
        all.into_iter().find(|e| e.tag() == tag)
    }
}

impl Journal {
    /// Opens the journal of a run, or begins it, and gives what it holds already. A torn record at its end is cut off.
    ///
    /// - `facts`: of this run; but for the header they have to be those of the journal.
    /// - `every`: how much time may pass until records are brought to the disk; what is younger may be lost when the
    ///   machine stops, nothing when the process ends.
    ///
    /// # Errors
    /// [`ResultError::OtherRun`] for the journal of another library, cube or other options, [`ResultError::NotJournal`],
    /// [`ResultError::Busy`], [`ResultError::Io`].
    pub fn open(path: &Path, facts: &Facts, every: Duration) -> Result<(Journal, Held), ResultError> {
        let io = |action| move |e| ResultError::io(path, action, e);
        let options = File::options().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = options.map_err(io("open the journal"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(ResultError::Busy { path: path.to_owned() }),
            // Not every file system knows locks.
            Err(TryLockError::Error(_)) => {}
        }
        let bytes = std::fs::read(path).map_err(io("read the journal"))?;
        let begun = identity::header(facts);
        // A crash may have torn the header itself: nothing was recorded then.
        let fresh = bytes.len() < begun.len() && begun.starts_with(&bytes);
        let held = if fresh {
            file.set_len(0).map_err(io("begin the journal"))?;
            file.write_all(&begun).map_err(io("begin the journal"))?;
            file.sync_data().map_err(io("begin the journal"))?;
            Held { result: ResultFile::new(facts.clone()), torn: 0 }
        } else {
            let (mut held, whole) = parse(path, &bytes)?;
            identity::compare(path, &held.result.facts, facts)?;
            held.result.facts.header = facts.header.clone();
            file.set_len(whole as u64).map_err(io("cut a torn record off the journal"))?;
            file.seek(SeekFrom::End(0)).map_err(io("read the journal"))?;
            held
        };
        Ok((Journal { path: path.to_owned(), file, every, synced: Instant::now() }, held))
    }

    /// Adds a record; of its histograms the bins that result files keep.
    ///
    /// # Errors
    /// [`ResultError::Io`], for instance on a full disk; what was recorded before is whole.
    pub fn append(&mut self, entry: Entry, record: &PixelRecord) -> Result<(), ResultError> {
        let mut record = record.clone();
        record.fit.marginals.iter_mut().for_each(|m| *m = m.trimmed());
        let mut payload = vec![0; FRAME];
        payload.push(entry.tag());
        payload.extend(encode(&record));
        let length = (payload.len() - FRAME) as u32;
        let sum = crc32(&payload[FRAME..]);
        payload[..4].copy_from_slice(&length.to_le_bytes());
        payload[4..FRAME].copy_from_slice(&sum.to_le_bytes());
        // One call for a record: a process that is killed leaves whole ones.
        self.file.write_all(&payload).map_err(|e| ResultError::io(&self.path, "add to the journal", e))?;
        if self.synced.elapsed() >= self.every { self.sync() } else { Ok(()) }
    }

    /// Brings all records to the disk.
    ///
    /// # Errors
    /// [`ResultError::Io`].
    pub fn sync(&mut self) -> Result<(), ResultError> {
        self.synced = Instant::now();
        self.file.sync_data().map_err(|e| ResultError::io(&self.path, "bring the journal to the disk", e))
    }

    /// Removes the journal, once the result file is there.
    ///
    /// # Errors
    /// [`ResultError::Io`].
    pub fn remove(self) -> Result<(), ResultError> {
        std::fs::remove_file(&self.path).map_err(|e| ResultError::io(&self.path, "remove the journal", e))
    }

    /// Removes the journal of an earlier run, if there is one.
    ///
    /// # Errors
    /// [`ResultError::NotJournal`] for a file of another kind, which stays; [`ResultError::Busy`], [`ResultError::Io`].
    pub fn discard(path: &Path) -> Result<(), ResultError> {
        let mut start = Vec::new();
        let file = match File::open(path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            opened => opened.map_err(|e| ResultError::io(path, "open the journal", e))?,
        };
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(ResultError::Busy { path: path.to_owned() });
        }
        let read = std::io::Read::take(&file, MAGIC.len() as u64);
        std::io::Read::read_to_end(&mut { read }, &mut start)
            .map_err(|e| ResultError::io(path, "read the journal", e))?;
        // A run that ended at once may have torn the first bytes.
        if !MAGIC.starts_with(&start) {
            return Err(ResultError::NotJournal { path: path.to_owned() });
        }
        std::fs::remove_file(path).map_err(|e| ResultError::io(path, "remove the journal", e))
    }

    /// Reads a journal without opening it for more.
    ///
    /// # Errors
    /// [`ResultError::NotJournal`], [`ResultError::Io`].
    pub fn read(path: &Path) -> Result<Held, ResultError> {
        let bytes = std::fs::read(path).map_err(|e| ResultError::io(path, "read the journal", e))?;
        Ok(parse(path, &bytes)?.0)
    }
}

/// The parts of a run, journals or result files, as one. Pixels that several parts hold have to be the same in all.
///
/// # Errors
/// [`ResultError::Join`] for parts of different runs, pixels that differ, or no part at all, and what reading them can yield.
pub fn join(paths: &[PathBuf]) -> Result<ResultFile, ResultError> {
    let mut joined: Option<ResultFile> = None;
    for path in paths {
        let part = if is_hdf5(path)? { ResultFile::read(path)? } else { Journal::read(path)?.result };
        let mut all =
            part.pixels.iter().chain(part.bins.iter().flat_map(|b| &b.records)).chain(part.special.values().flatten());
        // Where each may stand is seen when the whole is written.
        all.try_for_each(|record| check(record, &part.facts, (u32::MAX, u32::MAX)))?;
        let Some(whole) = &mut joined else {
            // A part's areas are not the whole's, but where people are named in them.
            let crowd = part.crowd.filter(|crowd| !crowd.users.is_empty());
            joined = Some(ResultFile { crowd, ..part });
            continue;
        };
        identity::compare(path, &part.facts, &whole.facts).map_err(|fault| match fault {
            ResultError::OtherRun { path, what, found, wanted } => {
                let problem = format!("its {what} is {found}, that of the other parts {wanted}; join parts of one run");
                ResultError::Join { path, problem }
            }
            other => other,
        })?;
        let facts = whole.facts.clone();
        merge(path, &facts, &mut whole.pixels, part.pixels)?;
        match (&mut whole.bins, part.bins) {
            (Some(bins), Some(more)) => merge(path, &facts, &mut bins.records, more.records)?,
            (bins @ None, Some(more)) => *bins = Some(more),
            (_, None) => {}
        }
        for (kind, records) in part.special {
            merge(path, &facts, whole.special.entry(kind).or_default(), records)?;
        }
    }
    joined.ok_or_else(|| ResultError::Join { path: PathBuf::new(), problem: "no parts to join were named".into() })
}

fn is_hdf5(path: &Path) -> Result<bool, ResultError> {
    use std::io::Read;
    let mut start = Vec::new();
    let file = File::open(path).map_err(|e| ResultError::io(path, "open the part", e))?;
    file.take(8).read_to_end(&mut start).map_err(|e| ResultError::io(path, "read the part", e))?;
    Ok(start == b"\x89HDF\r\n\x1a\n")
}

/// Adds records that are not there yet.
fn merge(path: &Path, facts: &Facts, whole: &mut Vec<PixelRecord>, part: Vec<PixelRecord>) -> Result<(), ResultError> {
    // By bytes, for undefined numbers are equal then, and to what files keep.
    let filed = |record: &PixelRecord| encode(&as_filed(facts, record));
    let known: std::collections::BTreeMap<(u32, u32), usize> =
        whole.iter().enumerate().map(|(k, r)| ((r.y, r.x), k)).collect();
    for record in part {
        match known.get(&(record.y, record.x)).and_then(|k| whole.get(*k)) {
            None => whole.push(record),
            Some(other) if filed(other) == filed(&record) => {}
            Some(_) => {
                let problem = format!(
                    "pixel {}, {} differs from that of another part; fit both parts with one program and library",
                    record.x, record.y
                );
                return Err(ResultError::Join { path: path.to_owned(), problem });
            }
        }
    }
    Ok(())
}

/// The records of a journal, and how many of its bytes are whole.
fn parse(path: &Path, bytes: &[u8]) -> Result<(Held, usize), ResultError> {
    let (facts, begin) = identity::parse(path, bytes)?;
    let mut result = ResultFile::new(facts);
    let mut at = begin;
    while let Some((entry, record, next)) = next_record(bytes, at) {
        match entry {
            Entry::Pixel => result.pixels.push(record),
            Entry::Bin => {
                let bins = result.bins.get_or_insert(super::Bins { map: Vec::new(), records: Vec::new() });
                bins.records.push(record);
            }
            Entry::Special(kind) => result.special.entry(kind).or_default().push(record),
        }
        at = next;
    }
    Ok((Held { result, torn: (bytes.len() - at) as u64 }, at))
}

/// The record at a place and where the next one begins; None at the end or at a torn record.
fn next_record(bytes: &[u8], at: usize) -> Option<(Entry, PixelRecord, usize)> {
    let rest = bytes.get(at..)?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    let payload = rest.get(..u32::from_le_bytes(*length) as usize)?;
    if crc32(payload) != u32::from_le_bytes(*sum) {
        return None;
    }
    let (tag, record) = payload.split_first()?;
    Some((Entry::of(*tag)?, decode(record)?, at + FRAME + payload.len()))
}

/// CRC-32 (IEEE 802.3), as in gzip and PNG.
fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0u32; 256];
        let mut n = 0;
        while n < 256 {
            let mut c = n as u32;
            let mut k = 0;
            while k < 8 {
                c = if c & 1 == 1 { 0xedb8_8320 ^ (c >> 1) } else { c >> 1 };
                k += 1;
            }
            table[n] = c;
            n += 1;
        }
        table
    };
    !bytes.iter().fold(!0, |c, b| TABLE[usize::from((c as u8) ^ b)] ^ (c >> 8))
}

#[cfg(test)]
mod tests;
