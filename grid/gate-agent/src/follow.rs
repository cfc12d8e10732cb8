//! A log that is written while it is read, through its rotations.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Longest line that is read; longer ones are left out.
const LONGEST_LINE: usize = 65_536;
/// Bytes read at a time, and at most in one look at a file.
const BLOCK: usize = 65_536;
const LOOK: usize = 4 << 20;
/// How long a log that got another name is still read: servers write to it until they are told to open the new one.
const LINGER: Duration = Duration::from_secs(30);
/// Bytes before the place read to that are compared to know whether it is still the same content.
const COMPARED: usize = 64;

/// Follows a log by its name.
///
/// A file that takes its name is read from its start, and the old one for another half minute; a file that was cut short
/// (copied and truncated) is read from its start again.
#[derive(Debug)]
pub struct Follower {
    path: PathBuf,
    current: Option<Reading>,
    former: Vec<(Reading, Instant)>,
}

/// An open file, read up to a place.
#[derive(Debug)]
struct Reading {
    file: File,
    identity: (u64, u64),
    position: u64,
    /// The beginning of a line whose end has not come.
    partial: Vec<u8>,
    /// Whether what comes up to the next line's end belongs to a line that is too long.
    skipping: bool,
    /// What stands before `position`.
    before: Vec<u8>,
}

impl Follower {
    /// Follows the log at `path`, from its present end, or from its start. It need not exist yet.
    ///
    /// # Errors
    /// The system's, where it exists and cannot be opened.
    pub fn open(path: &Path, from_start: bool) -> io::Result<Self> {
        let current = match Reading::open(path) {
            Ok(mut reading) => {
                if !from_start {
                    reading.skip_what_is_there()?;
                }
                Some(reading)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(Self { path: path.into(), current, former: Vec::new() })
    }

    /// Hands on each whole line that came, without its end. Says whether there is more to read at once.
    ///
    /// # Errors
    /// The system's; the next look tries again.
    pub fn look(&mut self, now: Instant, mut each: impl FnMut(&[u8])) -> io::Result<bool> {
        let mut more = false;
        for (former, _) in &mut self.former {
            more |= former.read(&mut each)?;
        }
        self.former.retain(|(_, until)| now < *until);
        if let Some(current) = &mut self.current {
            more |= current.read(&mut each)?;
        }
        match std::fs::metadata(&self.path) {
            Ok(found) if self.current.as_ref().is_none_or(|own| own.identity != (found.dev(), found.ino())) => {
                // Between the look and the opening it may be renamed once more; then the next look finds that.
                let new = match Reading::open(&self.path) {
                    Ok(new) => new,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(more),
                    Err(error) => return Err(error),
                };
                // A former file that got its name back goes on where it was.
                let again = self.former.iter().position(|(former, _)| former.identity == new.identity);
                let mut new = again.map_or(new, |at| self.former.remove(at).0);
                more |= new.read(&mut each)?;
                self.former.extend(self.current.replace(new).map(|old| (old, now + LINGER)));
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        Ok(more)
    }
}

impl Reading {
    fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let found = file.metadata()?;
        let identity = (found.dev(), found.ino());
        Ok(Self { file, identity, position: 0, partial: Vec::new(), skipping: false, before: Vec::new() })
    }

    /// Leaves out what is there: of the last line, too, if it has begun.
    fn skip_what_is_there(&mut self) -> io::Result<()> {
        self.position = self.file.metadata()?.len();
        let mut last = vec![0; COMPARED.min(self.position as usize)];
        let at = self.position - last.len() as u64;
        self.file.read_exact_at(&mut last, at)?;
        self.skipping = last.last().is_some_and(|byte| *byte != b'\n');
        self.before = last;
        Ok(())
    }

    fn read(&mut self, each: &mut impl FnMut(&[u8])) -> io::Result<bool> {
        let length = self.file.metadata()?.len();
        // As long as before, it may still be other lines: those of a file that was cut short and has grown by as much.
        if length < self.position || !self.is_the_same()? {
            (self.position, self.skipping) = (0, false);
            self.partial.clear();
            self.before.clear();
        }
        if length == self.position {
            return Ok(false);
        }
        let mut block = vec![0; BLOCK];
        let mut left = LOOK;
        while left > 0 {
            let count = match self.file.read_at(&mut block, self.position) {
                Ok(0) => return Ok(false),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            self.position += count as u64;
            left = left.saturating_sub(count);
            self.take(&block[..count], each);
        }
        Ok(true)
    }

    /// A file that was cut short and has grown beyond the place again since holds something else there.
    fn is_the_same(&self) -> io::Result<bool> {
        let mut found = vec![0; self.before.len()];
        let at = self.position - found.len() as u64;
        match self.file.read_exact_at(&mut found, at) {
            Ok(()) => Ok(found == self.before),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn take(&mut self, bytes: &[u8], each: &mut impl FnMut(&[u8])) {
        self.before.extend_from_slice(&bytes[bytes.len().saturating_sub(COMPARED)..]);
        self.before.drain(..self.before.len().saturating_sub(COMPARED));
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, behind) = (&rest[..end], &rest[end + 1..]);
            if std::mem::take(&mut self.skipping) {
                self.partial.clear();
            } else if self.partial.is_empty() {
                each(line.strip_suffix(b"\r").unwrap_or(line));
            } else {
                self.partial.extend_from_slice(line);
                each(self.partial.strip_suffix(b"\r").unwrap_or(&self.partial));
                self.partial.clear();
            }
            rest = behind;
        }
        if !self.skipping {
            self.partial.extend_from_slice(rest);
            if self.partial.len() > LONGEST_LINE {
                self.skipping = true;
                self.partial.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::*;

    /// A log in a folder of its own, and what was read of it.
    struct Log {
        folder: tempfile::TempDir,
        file: File,
        follower: Follower,
        now: Instant,
        read: Vec<String>,
    }

    impl Log {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let file = File::create(folder.path().join("log")).expect("a file");
            let follower = Follower::open(&folder.path().join("log"), false).expect("it can be opened");
            Self { folder, file, follower, now: Instant::now(), read: Vec::new() }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn write(&mut self, text: &str) {
            self.file.write_all(text.as_bytes()).expect("it is written");
        }

        fn look(&mut self) -> Vec<String> {
            let (read, follower) = (&mut self.read, &mut self.follower);
            while follower
                .look(self.now, |line| read.push(String::from_utf8_lossy(line).into()))
                .expect("it can be read")
            {}
            std::mem::take(read)
        }

        fn rename(&mut self) {
            std::fs::rename(self.path("log"), self.path("log.1")).expect("it is renamed");
        }

        fn create(&mut self) {
            self.file = File::create(self.path("log")).expect("a file");
        }
    }

    #[test]
    fn whole_lines_are_read_once_they_are_whole() {
        let mut log = Log::new();
        log.write("a\nb");
        assert_eq!(log.look(), ["a"]);
        log.write("c\r\n\nd\n");
        assert_eq!(log.look(), ["bc", "", "d"]);
        assert!(log.look().is_empty());
    }

    #[test]
    fn what_was_there_before_is_left_out_unless_it_is_asked_for() {
        let mut log = Log::new();
        log.write("old\nbegun");
        log.follower = Follower::open(&log.path("log"), false).unwrap();
        log.write(" before\nnew\n");
        assert_eq!(log.look(), ["new"]);
        log.follower = Follower::open(&log.path("log"), true).unwrap();
        assert_eq!(log.look(), ["old", "begun before", "new"]);
    }

    #[test]
    fn nothing_is_lost_or_read_twice_when_the_log_is_renamed() {
        let mut log = Log::new();
        log.write("1\n");
        assert_eq!(log.look(), ["1"]);
        log.write("2\n");
        log.rename();
        log.write("3\n");
        assert_eq!(log.look(), ["2", "3"]);
        let mut old = log.file.try_clone().unwrap();
        log.create();
        // The server writes to the old file until it is told to open the new one.
        log.write("new 1\n");
        old.write_all(b"4\n").unwrap();
        let mut both = log.look();
        both.sort();
        assert_eq!(both, ["4", "new 1"]);
        old.write_all(b"5\n").unwrap();
        log.write("new 2\n");
        assert_eq!(log.look(), ["5", "new 2"]);
        log.now += LINGER;
        log.look();
        old.write_all(b"6\n").unwrap();
        log.write("new 3\n");
        assert_eq!(log.look(), ["new 3"]);
        assert!(log.follower.former.is_empty());
    }

    #[test]
    fn a_log_that_is_copied_and_truncated_is_read_from_its_start_again() {
        let mut log = Log::new();
        log.file = File::options().append(true).open(log.path("log")).unwrap();
        log.write("some line\nanother\n");
        assert_eq!(log.look().len(), 2);
        log.file.set_len(0).unwrap();
        log.write("short\n");
        assert_eq!(log.look(), ["short"]);
        // Longer than before when it is looked at next.
        log.file.set_len(0).unwrap();
        log.write("1\n2\n3\n4\n5\n");
        assert_eq!(log.look(), ["1", "2", "3", "4", "5"]);
        // As long as before.
        log.file.set_len(0).unwrap();
        log.write("6\n7\n8\n9\n0\n");
        assert_eq!(log.look(), ["6", "7", "8", "9", "0"]);
    }

    #[test]
    fn a_log_may_begin_to_exist_later() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("later");
        let mut follower = Follower::open(&path, false).unwrap();
        let mut read = 0;
        follower.look(Instant::now(), |_| read += 1).unwrap();
        std::fs::write(&path, "a\nb\n").unwrap();
        follower.look(Instant::now(), |_| read += 1).unwrap();
        assert_eq!(read, 2);
    }

    #[test]
    fn a_line_that_is_too_long_is_left_out_and_the_next_one_read() {
        let mut log = Log::new();
        log.write(&"x".repeat(3 * LONGEST_LINE));
        assert!(log.look().is_empty() && log.follower.current.as_ref().unwrap().partial.is_empty());
        log.write("\nnext\n");
        assert_eq!(log.look(), ["next"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Writes, looks and rotations by renaming in any order: every line is read once, and lines of one file in their order.
        #[test]
        fn every_line_is_read_once(steps in prop::collection::vec(0_u8..5, 1..60)) {
            let (mut log, mut written, mut read) = (Log::new(), 0, Vec::new());
            for step in steps {
                match step {
                    0 => read.extend(log.look()),
                    // A look at least between two rotations: a file that is gone before anybody saw it cannot be read.
                    1 if log.path("log").exists() => {
                        read.extend(log.look());
                        log.rename();
                    }
                    1 => log.create(),
                    _ => {
                        log.write(&format!("{written}\n"));
                        written += 1;
                    }
                }
            }
            read.extend(log.look());
            let numbers: Vec<u32> = read.iter().map(|line| line.parse().expect("a number")).collect();
            prop_assert_eq!(numbers, (0..written).collect::<Vec<u32>>());
        }
    }
}
