//! The spool itself: opened, appended to, read.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use md5::{Digest, Md5};

use super::disk::{Disk, DiskFile, RealDisk};
use super::record::{Head, MOST_HEAD, Mark, SEGMENT_HEAD, STATE, mark_of};
use super::scan::scan;
use super::writer::{self, Job};
use super::{Location, SpoolError, check_name};

/// How a spool is kept.
#[derive(Clone)]
pub struct Options {
    /// Where its files are.
    pub disk: Arc<dyn Disk>,
    /// Bytes of a segment, after which the next one begins.
    pub segment_bytes: u64,
    /// Files of more bytes are files of their own.
    pub large_bytes: u64,
    /// Bytes of the disk that uploads leave free.
    pub reserve_bytes: u64,
    /// Bytes that may wait to be written.
    pub queue_bytes: u64,
    /// Told how long each sync of a segment took; must not block.
    pub synced: Option<Synced>,
}

/// Takes how long a sync took.
pub type Synced = Arc<dyn Fn(Duration) + Send + Sync>;

impl Default for Options {
    fn default() -> Options {
        Options {
            disk: Arc::new(RealDisk),
            segment_bytes: 64 << 20,
            large_bytes: 1 << 20,
            reserve_bytes: 256 << 20,
            queue_bytes: 256 << 20,
            synced: None,
        }
    }
}

/// A segment of this process, or one that it reads.
pub(super) struct Segment {
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) mark: Mark,
    /// Records that are wanted, and their bytes; only of segments that this process writes or looks after.
    pub(super) live: u64,
    pub(super) live_bytes: u64,
    /// Bytes of all records.
    pub(super) bytes: u64,
    /// Whether this process looks after it.
    pub(super) own: bool,
    /// Whether it is being appended to.
    pub(super) open: bool,
}

/// What the spool's handles and its writer share.
pub(super) struct Shared {
    pub(super) folder: PathBuf,
    pub(super) process: String,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) options: Options,
    pub(super) segments: Mutex<BTreeMap<String, Segment>>,
    pub(super) sending: Mutex<HashSet<String>>,
    pub(super) queued: AtomicU64,
    next: AtomicU64,
}

/// Uploaded files that wait for their unit. Its calls block for the disk; it can be used by any number of threads.
///
/// From asynchronous code, [`Spool::append_then`] with the sending half of a one-shot channel costs no thread.
pub struct Spool {
    pub(super) shared: Arc<Shared>,
    jobs: Option<Sender<Job>>,
    writer: Option<JoinHandle<()>>,
    _lock: File,
}

impl Spool {
    /// Opens the spool of a process, with what it left behind: whole records are kept, what a crash tore is cut off.
    ///
    /// `process`: the process's name, of letters and digits; no other running one of this folder may have it.
    ///
    /// # Errors
    /// [`SpoolError::Held`], [`SpoolError::BadName`], [`SpoolError::Disk`].
    pub fn open(folder: &Path, process: &str, options: Options) -> Result<Spool, SpoolError> {
        let good = !process.is_empty() && process.len() <= 40 && process.bytes().all(|b| b.is_ascii_alphanumeric());
        if !good {
            return Err(SpoolError::BadName(process.to_owned()));
        }
        let disk = Arc::clone(&options.disk);
        for folder in [folder.to_owned(), folder.join("partial"), folder.join("whole")] {
            disk.create_folder(&folder).map_err(|error| disk_error(&folder, &error))?;
        }
        let lock = hold(folder, process)?;
        let shared = Arc::new(Shared {
            folder: folder.to_owned(),
            process: process.to_owned(),
            disk,
            options,
            segments: Mutex::new(BTreeMap::new()),
            sending: Mutex::new(HashSet::new()),
            queued: AtomicU64::new(0),
            next: AtomicU64::new(1),
        });
        for number in shared.numbers(process)? {
            shared.next.fetch_max(number + 1, Ordering::SeqCst);
            shared.adopt(&segment_name(process, number))?;
        }
        shared.remove_empty();
        let (jobs, receiver) = channel();
        let for_writer = Arc::clone(&shared);
        let writer = std::thread::Builder::new()
            .name("spool".to_owned())
            .spawn(move || writer::run(&for_writer, &receiver))
            .map_err(|error| disk_error(folder, &error))?;
        Ok(Spool { shared, jobs: Some(jobs), writer: Some(writer), _lock: lock })
    }

    /// Files of more bytes than this are files of their own.
    pub fn large_bytes(&self) -> u64 {
        self.shared.options.large_bytes
    }

    /// Stores a whole file; `done` is called from the writer's thread when it is safe, or not, and must not block.
    ///
    /// `md5`: of `data`; it is not computed again.
    pub fn append_then(
        &self,
        name: &str,
        md5: [u8; 16],
        data: Vec<u8>,
        done: impl FnOnce(Result<Location, SpoolError>) + Send + 'static,
    ) {
        if let Err(error) = check_name(name) {
            return done(Err(error));
        }
        let bytes = data.len() as u64;
        if self.shared.queued.fetch_add(bytes, Ordering::SeqCst) > self.shared.options.queue_bytes {
            self.shared.queued.fetch_sub(bytes, Ordering::SeqCst);
            return done(Err(SpoolError::Overloaded));
        }
        let head = Head { live: true, name: name.to_owned(), bytes, md5, crc: crc32fast::hash(&data) };
        let job = Job { head, data, done: Box::new(done) };
        let refused = match &self.jobs {
            Some(jobs) => jobs.send(job).err().map(|refused| refused.0),
            None => Some(job),
        };
        if let Some(job) = refused {
            self.shared.queued.fetch_sub(bytes, Ordering::SeqCst);
            (job.done)(Err(SpoolError::Closed));
        }
    }

    /// Stores a whole file, and waits until it is safe.
    ///
    /// # Errors
    /// [`SpoolError`]; nothing is stored then.
    pub fn append(&self, name: &str, md5: [u8; 16], data: Vec<u8>) -> Result<Location, SpoolError> {
        let (sender, receiver) = channel();
        self.append_then(name, md5, data, move |result| {
            // Who asked waits for it.
            let _ = sender.send(result);
        });
        receiver.recv().unwrap_or(Err(SpoolError::Closed))
    }

    /// The bytes of a stored file, of this process or another of the same folder.
    ///
    /// # Errors
    /// [`SpoolError::Missing`], [`SpoolError::Damaged`] where they are not those that were written, [`SpoolError::Disk`].
    pub fn read(&self, location: &Location) -> Result<Vec<u8>, SpoolError> {
        if location.segment.starts_with("whole/") {
            return self.read_whole(location);
        }
        let (file, mark) = self.shared.segment(location)?;
        let damaged = || SpoolError::Damaged { what: location.to_string() };
        let length = usize::try_from(location.bytes).map_err(|_| damaged())?;
        let failed = |error: io::Error| disk_error(&self.shared.segment_path(&location.segment), &error);
        let mut first = [0; MOST_HEAD];
        let read = file.read_at(&mut first, location.offset).map_err(failed)?;
        if read == 0 {
            return Err(SpoolError::Missing { what: location.to_string() });
        }
        let head =
            Head::decode(&first[..read], &mark).filter(|head| head.bytes == location.bytes).ok_or_else(damaged)?;
        if head.span() > file.len().map_err(failed)?.saturating_sub(location.offset) {
            return Err(damaged());
        }
        let mut data = vec![0; length];
        let early = (read - head.data_at().min(read)).min(length);
        data[..early].copy_from_slice(&first[head.data_at()..head.data_at() + early]);
        let at = location.offset + (head.data_at() + early) as u64;
        let read = file.read_at(&mut data[early..], at).map_err(failed)?;
        if early + read < length || crc32fast::hash(&data) != head.crc {
            return Err(damaged());
        }
        Ok(data)
    }

    fn read_whole(&self, location: &Location) -> Result<Vec<u8>, SpoolError> {
        let path = self.shared.path_of(location)?;
        let file = self.shared.disk.open(&path).map_err(|error| missing_or(location, &path, &error))?;
        let failed = |error: io::Error| disk_error(&path, &error);
        let damaged = || SpoolError::Damaged { what: location.to_string() };
        if file.len().map_err(failed)? != location.bytes {
            return Err(damaged());
        }
        let mut data = vec![0; usize::try_from(location.bytes).map_err(|_| damaged())?];
        let read = file.read_at(&mut data, 0).map_err(failed)?;
        if read < data.len() { Err(damaged()) } else { Ok(data) }
    }

    /// Whether so many bytes can be taken, without what is kept in reserve.
    ///
    /// # Errors
    /// [`SpoolError::NoSpace`].
    pub fn room_for(&self, bytes: u64) -> Result<(), SpoolError> {
        self.shared.room_for(bytes.saturating_add(self.shared.queued.load(Ordering::SeqCst)))
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has nothing left to write.
            let _ = writer.join();
        }
    }
}

/// Takes a process's lock.
pub(super) fn hold(folder: &Path, process: &str) -> Result<File, SpoolError> {
    let path = folder.join(format!("{process}.lock"));
    let failed = |error: &io::Error| disk_error(&path, error);
    // On a disk that was made read-only the lock of last time still serves.
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .or_else(|_| File::open(&path))
        .map_err(|error| failed(&error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(SpoolError::Held { path: path.display().to_string() }),
        Err(std::fs::TryLockError::Error(error)) => Err(failed(&error)),
    }
}

pub(super) fn segment_name(process: &str, number: u64) -> String {
    format!("{process}-{number:06}")
}

/// Process and number of a segment's name; none where the name only looks like one.
fn parts(name: &str) -> Option<(&str, u64)> {
    let (process, number) = name.rsplit_once('-')?;
    let number = number.parse().ok()?;
    (segment_name(process, number) == name).then_some((process, number))
}

impl Shared {
    pub(super) fn segments(&self) -> MutexGuard<'_, BTreeMap<String, Segment>> {
        self.segments.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn segment_path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.seg"))
    }

    /// Where a location's file is.
    pub(super) fn path_of(&self, location: &Location) -> Result<PathBuf, SpoolError> {
        match location.segment.strip_prefix("whole/") {
            Some(name) => check_name(name).map(|()| self.folder.join("whole").join(name)),
            None => check_name(&location.segment).map(|()| self.segment_path(&location.segment)),
        }
    }

    /// Numbers of a process's segments.
    pub(super) fn numbers(&self, process: &str) -> Result<Vec<u64>, SpoolError> {
        let entries = self.disk.entries(&self.folder).map_err(|error| disk_error(&self.folder, &error))?;
        let number = |name: &str| {
            let (of, number) = parts(name.strip_suffix(".seg")?)?;
            (of == process).then_some(number)
        };
        Ok(entries.iter().filter_map(|entry| number(&entry.name)).collect())
    }

    pub(super) fn next_segment(&self) -> (String, PathBuf) {
        let name = segment_name(&self.process, self.next.fetch_add(1, Ordering::SeqCst));
        let path = self.segment_path(&name);
        (name, path)
    }

    /// Takes a closed segment into this process's care: cuts off its torn tail.
    pub(super) fn adopt(&self, name: &str) -> Result<(), SpoolError> {
        let path = self.segment_path(name);
        let failed = |error: io::Error| disk_error(&path, &error);
        let file = self.disk.open(&path).map_err(failed)?;
        let scan = scan(file.as_ref(), false).map_err(failed)?;
        let length = file.len().map_err(failed)?;
        let Some(mark) = scan.mark else {
            // Without a mark there are no records; a longer file that is none of ours is left for `check` to name.
            if length <= SEGMENT_HEAD {
                let _ = self.disk.remove(&path);
            }
            return Ok(());
        };
        if scan.end < length {
            // A tail that stays is passed over whenever the segment is read.
            let _ = file.set_len(scan.end);
        }
        let mut segment = Segment { file, mark, live: 0, live_bytes: 0, bytes: scan.end, own: true, open: false };
        for record in scan.records.iter().filter(|record| record.head.live) {
            segment.live += 1;
            segment.live_bytes += record.head.bytes;
        }
        self.segments().insert(name.to_owned(), segment);
        Ok(())
    }

    /// Enters records that are safe.
    pub(super) fn add(&self, name: &str, file: &Arc<dyn DiskFile>, mark: Mark, batch: &[Job]) {
        let mut segments = self.segments();
        let is_new = !segments.contains_key(name);
        let segment = segments.entry(name.to_owned()).or_insert_with(|| Segment {
            file: Arc::clone(file),
            mark,
            live: 0,
            live_bytes: 0,
            bytes: SEGMENT_HEAD,
            own: true,
            open: true,
        });
        for job in batch {
            segment.live += 1;
            segment.live_bytes += job.head.bytes;
            segment.bytes += job.head.span();
        }
        drop(segments);
        if is_new {
            self.remove_empty();
        }
    }

    /// A segment is not appended to any more.
    pub(super) fn close(&self, name: &str) {
        if let Some(segment) = self.segments().get_mut(name) {
            segment.open = false;
        }
        self.remove_empty();
    }

    /// Removes closed segments in which nothing is wanted. The newest of a process is only emptied: its number must not come again, for
    /// the database may still know places in it.
    pub(super) fn remove_empty(&self) {
        let mut segments = self.segments();
        let mut newest: BTreeMap<&str, u64> = BTreeMap::new();
        for (process, number) in segments.iter().filter(|(_, segment)| segment.own).filter_map(|(name, _)| parts(name))
        {
            let last = newest.entry(process).or_default();
            *last = number.max(*last);
        }
        let unwanted = |segment: &Segment| segment.own && !segment.open && segment.live == 0;
        let is_newest = |name: &str| parts(name).is_some_and(|(process, number)| newest.get(process) == Some(&number));
        let (kept, gone): (Vec<String>, Vec<String>) = segments
            .iter()
            .filter(|(_, segment)| unwanted(segment))
            .map(|(name, _)| name.clone())
            .partition(|name| is_newest(name));
        for name in gone {
            segments.remove(&name);
            // One that stays is removed when the spool is opened again.
            let _ = self.disk.remove(&self.segment_path(&name));
        }
        for segment in kept.iter().filter_map(|name| segments.get(name)) {
            let _ = segment.file.set_len(SEGMENT_HEAD);
        }
    }

    /// A segment's file and mark; one of another process is opened, and kept for the next time.
    pub(super) fn segment(&self, location: &Location) -> Result<(Arc<dyn DiskFile>, Mark), SpoolError> {
        let path = self.path_of(location)?;
        if let Some(segment) = self.segments().get(&location.segment) {
            return Ok((Arc::clone(&segment.file), segment.mark));
        }
        let file = match self.disk.open(&path) {
            Ok(file) => file,
            Err(error) => return Err(missing_or(location, &path, &error)),
        };
        let mut head = [0; SEGMENT_HEAD as usize];
        let read = file.read_at(&mut head, 0).map_err(|error| disk_error(&path, &error))?;
        let mark = mark_of(&head[..read]).ok_or_else(|| SpoolError::Damaged { what: location.to_string() })?;
        let mut segments = self.segments();
        // Handles of other processes' segments are few, so that none is held long after its file went.
        let others: Vec<String> =
            segments.iter().filter(|(_, segment)| !segment.own).map(|(name, _)| name.clone()).collect();
        if others.len() >= 16 {
            for name in others {
                segments.remove(&name);
            }
        }
        let segment =
            Segment { file: Arc::clone(&file), mark, live: 0, live_bytes: 0, bytes: 0, own: false, open: false };
        segments.entry(location.segment.clone()).or_insert(segment);
        Ok((file, mark))
    }

    pub(super) fn room_for(&self, bytes: u64) -> Result<(), SpoolError> {
        let free = self.disk.free(&self.folder).map_err(|error| disk_error(&self.folder, &error))?;
        if free < self.options.reserve_bytes.saturating_add(bytes) {
            return Err(self.no_space(free));
        }
        Ok(())
    }

    fn no_space(&self, free: u64) -> SpoolError {
        SpoolError::NoSpace { folder: self.folder.display().to_string(), free, reserve: self.options.reserve_bytes }
    }

    /// The error of a failed write.
    pub(super) fn write_error(&self, path: &Path, error: &io::Error) -> SpoolError {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => self.no_space(0),
            _ => disk_error(path, error),
        }
    }

    /// Marks a record as not wanted; whether it was until now.
    pub(super) fn mark_dead(&self, location: &Location) -> Result<bool, SpoolError> {
        let (file, mark) = self.segment(location)?;
        let path = self.segment_path(&location.segment);
        let failed = |error: io::Error| disk_error(&path, &error);
        // The counts follow what stands in the file, so that both change under one lock.
        let mut segments = self.segments();
        let mut first = [0; MOST_HEAD];
        let read = file.read_at(&mut first, location.offset).map_err(failed)?;
        if read == 0 {
            return Ok(false);
        }
        let head = Head::decode(&first[..read], &mark)
            .filter(|head| head.bytes == location.bytes)
            .ok_or_else(|| SpoolError::Damaged { what: location.to_string() })?;
        if !head.live {
            return Ok(false);
        }
        file.write_at(b"D", location.offset + STATE).map_err(failed)?;
        if let Some(segment) = segments.get_mut(&location.segment).filter(|segment| segment.own) {
            segment.live = segment.live.saturating_sub(1);
            segment.live_bytes = segment.live_bytes.saturating_sub(head.bytes);
        }
        Ok(true)
    }
}

pub(super) fn disk_error(path: &Path, error: &io::Error) -> SpoolError {
    SpoolError::Disk { path: path.display().to_string(), message: error.to_string() }
}

pub(super) fn missing_or(location: &Location, path: &Path, error: &io::Error) -> SpoolError {
    match error.kind() {
        io::ErrorKind::NotFound => SpoolError::Missing { what: location.to_string() },
        _ => disk_error(path, error),
    }
}

/// The MD5 of bytes.
pub(super) fn md5_of(bytes: &[u8]) -> [u8; 16] {
    Md5::digest(bytes).into()
}
