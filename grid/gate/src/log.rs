//! The access log: lines go to a thread of their own by a queue that is never waited for; what does not fit is counted instead.

mod line;

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::config::{self, LogFormat};
pub(crate) use line::{Line, now_s};

/// Lines that wait to be written.
const LINES: usize = 16_384;
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
    Ok(Target::To(Box::new(BufWriter::with_capacity(64 << 10, file))))
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
        let mut unsaved = 0;
        loop {
            let over = is_over();
            let line = match self.lines.try_recv() {
                Ok(line) => Some(line),
                Err(_) => {
                    self.flush(&mut target, &mut unsaved);
                    match self.lines.recv_timeout(if over { Duration::ZERO } else { LOOK }) {
                        Ok(line) => Some(line),
                        Err(RecvTimeoutError::Timeout) if !over => None,
                        Err(_) => return,
                    }
                }
            };
            if let Some(next) = lock(&self.shared.next).take() {
                self.flush(&mut target, &mut unsaved);
                target = next;
            }
            if let Some(line) = line {
                self.put(&mut target, &line, &mut unsaved);
            }
        }
    }

    fn put(&self, target: &mut Target, line: &str, unsaved: &mut u64) {
        let Target::To(file) = target else { return };
        if file.write_all(line.as_bytes()).is_ok() {
            *unsaved += 1;
        } else {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn flush(&self, target: &mut Target, unsaved: &mut u64) {
        let Target::To(file) = target else { return };
        let count = if file.flush().is_ok() { &self.shared.written } else { &self.shared.lost };
        count.fetch_add(std::mem::take(unsaved), Ordering::Relaxed);
    }
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
