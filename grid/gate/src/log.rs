//! The access log: lines go to a thread of their own by a queue that is never waited for; what does not fit is counted instead.

mod line;

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::config::{self, LogFormat};
pub(crate) use line::{Line, now_s};

/// Lines that wait to be written.
const LINES: usize = 16_384;
/// Bytes that are written at once, and bytes that are kept while a disk is full.
const PIECE: usize = 64 << 10;
/// How often the thread looks whether all is over.
const LOOK: Duration = Duration::from_millis(50);

/// The log, for those who write lines.
#[derive(Clone)]
pub(crate) struct Log {
    lines: SyncSender<String>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    is_on: AtomicBool,
    format: AtomicU8,
    /// Lines that were not written.
    lost: AtomicU64,
    written: AtomicU64,
    path: Mutex<Option<PathBuf>>,
    /// What is written to from now on.
    next: Mutex<Option<Target>>,
}

enum Target {
    Nowhere,
    To(Box<dyn Write + Send>),
}

/// What is to be written, as it came; a disk that is full for a while tears no line.
#[derive(Default)]
struct Unsaved {
    bytes: Vec<u8>,
    lines: u64,
}

/// The end of the queue at which lines are written.
pub(crate) struct Writer {
    lines: Receiver<String>,
    shared: Arc<Shared>,
}

/// A log, and what writes it.
pub(crate) fn new() -> (Log, Writer) {
    let (sender, receiver) = mpsc::sync_channel(LINES);
    let shared = Arc::<Shared>::default();
    (Log { lines: sender, shared: shared.clone() }, Writer { lines: receiver, shared })
}

fn open(path: &Path) -> io::Result<Target> {
    if path.as_os_str() == "-" {
        return Ok(Target::To(Box::new(io::stdout())));
    }
    let file: io::Result<File> = OpenOptions::new().append(true).create(true).open(path);
    let file = file.map_err(|why| io::Error::new(why.kind(), format!("{}: {why}", path.display())))?;
    Ok(Target::To(Box::new(file)))
}

impl Log {
    /// Writes as a configuration says from now on; its file is opened anew.
    ///
    /// # Errors
    /// A file that cannot be opened; the log goes on as it was.
    pub(crate) fn goes_on_as(&self, config: &config::Log) -> io::Result<()> {
        let target = config.access.as_deref().map(open).transpose()?;
        let shared = &self.shared;
        shared.format.store(config.format as u8, Ordering::Relaxed);
        *lock(&shared.path) = config.access.clone();
        shared.is_on.store(target.is_some(), Ordering::Release);
        *lock(&shared.next) = Some(target.unwrap_or(Target::Nowhere));
        Ok(())
    }

    /// Opens the file anew: the old one has been moved away.
    ///
    /// # Errors
    /// A file that cannot be opened; lines go to the old one.
    pub(crate) fn reopen(&self) -> io::Result<()> {
        let target = lock(&self.shared.path).as_deref().map(open).transpose()?;
        if target.is_some() {
            *lock(&self.shared.next) = target;
        }
        Ok(())
    }

    /// In which form lines are written, if they are.
    pub(crate) fn format(&self) -> Option<LogFormat> {
        let is_json = self.shared.format.load(Ordering::Relaxed) == LogFormat::Json as u8;
        let format = if is_json { LogFormat::Json } else { LogFormat::Combined };
        self.shared.is_on.load(Ordering::Relaxed).then_some(format)
    }

    /// Hands a line over, with its end.
    pub(crate) fn write(&self, line: String) {
        if self.lines.try_send(line).is_err() {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Lines that were written, and lines that were lost because they came faster than they could be, or could not be.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.shared.written.load(Ordering::Relaxed), self.shared.lost.load(Ordering::Relaxed))
    }
}

impl Writer {
    /// Writes until `is_over`, and all lines that are there then.
    pub(crate) fn run(self, is_over: impl Fn() -> bool) {
        let mut target = Target::Nowhere;
        let mut unsaved = Unsaved::default();
        loop {
            let over = is_over();
            let line = match self.lines.try_recv() {
                Ok(line) => Some(line),
                Err(_) => {
                    self.flush(&mut target, &mut unsaved);
                    match self.lines.recv_timeout(if over { Duration::ZERO } else { LOOK }) {
                        Ok(line) => Some(line),
                        Err(RecvTimeoutError::Timeout) if !over => None,
                        Err(_) => {
                            self.gives_up(&mut unsaved);
                            return;
                        }
                    }
                }
            };
            if let Some(next) = lock(&self.shared.next).take() {
                self.flush(&mut target, &mut unsaved);
                self.gives_up(&mut unsaved);
                target = next;
            }
            if let Some(line) = line {
                self.put(&mut target, &line, &mut unsaved);
            }
        }
    }

    fn put(&self, target: &mut Target, line: &str, unsaved: &mut Unsaved) {
        if matches!(target, Target::Nowhere) {
            return;
        }
        if unsaved.bytes.len() + line.len() > PIECE {
            self.flush(target, unsaved);
        }
        if unsaved.lines > 0 && unsaved.bytes.len() + line.len() > PIECE {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        unsaved.bytes.extend_from_slice(line.as_bytes());
        unsaved.lines += 1;
    }

    /// Writes what can be written; what cannot stays for the next time.
    fn flush(&self, target: &mut Target, unsaved: &mut Unsaved) {
        let Target::To(file) = target else { return };
        let mut done = 0;
        while done < unsaved.bytes.len() {
            match file.write(&unsaved.bytes[done..]) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        let ended = unsaved.bytes.drain(..done).filter(|&byte| byte == b'\n').count() as u64;
        unsaved.lines -= ended.min(unsaved.lines);
        self.shared.written.fetch_add(ended, Ordering::Relaxed);
        // Where that is buffered again, as standard output is; its errors come with what is written next.
        let _ = file.flush();
    }

    /// What could not be written is not written to another file.
    fn gives_up(&self, unsaved: &mut Unsaved) {
        self.shared.lost.fetch_add(std::mem::take(&mut unsaved.lines), Ordering::Relaxed);
        unsaved.bytes.clear();
    }
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk of some bytes, which takes as much as fits.
    struct Disk {
        bytes: Arc<Mutex<Vec<u8>>>,
        room: Arc<AtomicU64>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let room = self.room.load(Ordering::Relaxed) as usize;
            let count = bytes.len().min(room);
            if count == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            lock(&self.bytes).extend_from_slice(&bytes[..count]);
            self.room.fetch_sub(count as u64, Ordering::Relaxed);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_disk_that_is_full_for_a_while_tears_no_line_and_each_is_written_or_counted() {
        let (log, writer) = new();
        let (bytes, room) = (Arc::<Mutex<Vec<u8>>>::default(), Arc::new(AtomicU64::new(1050)));
        let mut target = Target::To(Box::new(Disk { bytes: bytes.clone(), room: room.clone() }));
        let mut unsaved = Unsaved::default();
        let line = |number: u64| format!("{number:099}\n");
        for number in 0..2000 {
            writer.put(&mut target, &line(number), &mut unsaved);
        }
        writer.flush(&mut target, &mut unsaved);
        let (written, lost) = log.counts();
        assert_eq!(written, 10);
        assert!(lost > 1000, "{lost}");
        room.store(1 << 20, Ordering::Relaxed);
        writer.put(&mut target, &line(2000), &mut unsaved);
        writer.flush(&mut target, &mut unsaved);
        writer.gives_up(&mut unsaved);
        let (written, lost) = log.counts();
        let text = String::from_utf8(lock(&bytes).clone()).expect("a text");
        let numbers: Vec<u64> = text.lines().map(|line| line.parse().expect("a whole line")).collect();
        assert!(text.lines().all(|line| line.len() == 99) && numbers.is_sorted());
        assert_eq!((numbers.len() as u64, numbers.last()), (written, Some(&2000)));
        assert_eq!(written + lost, 2001);
    }

    #[test]
    fn lines_of_a_disk_that_stays_full_are_counted_when_the_file_is_changed() {
        let (log, writer) = new();
        let mut target = Target::To(Box::new(Disk { bytes: Arc::default(), room: Arc::default() }));
        let mut unsaved = Unsaved::default();
        writer.put(&mut target, "a line\n", &mut unsaved);
        writer.flush(&mut target, &mut unsaved);
        assert_eq!(log.counts(), (0, 0));
        writer.gives_up(&mut unsaved);
        assert_eq!(log.counts(), (0, 1));
    }
}
