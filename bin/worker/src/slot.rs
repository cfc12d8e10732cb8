//! Files of a BOINC client's slot: links of its own kind, and what tells it how a task ended.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::fault::Fault;

/// Longest link that a client writes.
const LONGEST_LINK: u64 = 4096;

/// Where a file's contents are: what a link of BOINC's kind names, or the file itself.
///
/// # Errors
/// [`Fault::Io`] for a file that is there and cannot be read.
pub(crate) fn resolve(path: &Path) -> Result<PathBuf, Fault> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(path.to_owned()),
        opened => opened.map_err(Fault::io(path, "open the file"))?,
    };
    let mut start = Vec::new();
    file.take(LONGEST_LINK).read_to_end(&mut start).map_err(Fault::io(path, "read the file"))?;
    let link = std::str::from_utf8(&start).ok().and_then(|text| {
        let (link, _) = text.trim_start().strip_prefix("<soft_link>")?.split_once("</soft_link>")?;
        Some(link.trim())
    });
    Ok(match link {
        Some(link) => path.with_file_name("").join(link),
        None => path.to_owned(),
    })
}

/// Writes a file that has its name only when it is whole and on the disk.
///
/// - `part`: its name until then, on the same file system where possible.
///
/// # Errors
/// [`Fault::Io`].
pub(crate) fn write(path: &Path, part: &Path, pieces: &[&[u8]]) -> Result<(), Fault> {
    let write = || {
        let mut file = File::create(part)?;
        pieces.iter().try_for_each(|piece| file.write_all(piece))?;
        file.sync_all()
    };
    if let Err(error) = write() {
        // What is left of it only takes room.
        let _ = fs::remove_file(part);
        return Err(Fault::io(part, "write the file")(error));
    }
    match fs::rename(part, path) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            fs::copy(part, path)
                .and_then(|_| File::open(path)?.sync_all())
                .map_err(Fault::io(path, "write the file"))?;
            let _ = fs::remove_file(part);
        }
        renamed => renamed.map_err(Fault::io(path, "give the file its name"))?,
    }
    sync_folder(path);
    Ok(())
}

/// Brings a folder's names to the disk, where the system can.
fn sync_folder(path: &Path) {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // Some file systems know no such thing; the file itself is on the disk.
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
}

/// The name of a file while it is written.
pub(crate) fn part_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    path.with_file_name(name)
}

/// Waits until no other worker is in the slot, for one that a client lost may live on for a while. The slot is ours as long as the file is
/// open; none where another stays.
///
/// - `patience`: how long to wait.
///
/// # Errors
/// [`Fault::Io`].
pub(crate) fn lock(patience: Duration) -> Result<Option<File>, Fault> {
    // BOINC's name (lib/filesys.h), so that its own programs see it too.
    let path = Path::new("boinc_lockfile");
    let file = File::options().write(true).create(true).truncate(false).open(path);
    let file = file.map_err(Fault::io(path, "open the file"))?;
    let began = Instant::now();
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if began.elapsed() < patience => {
                std::thread::sleep(Duration::from_millis(200))
            }
            Err(TryLockError::WouldBlock) => return Ok(None),
            // Not every file system knows locks.
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(Some(file)),
        }
    }
}

/// Tells the client that the task has ended and need not be begun again.
///
/// # Errors
/// [`Fault::Io`].
pub(crate) fn finish(code: u8) -> Result<(), Fault> {
    let path = Path::new("boinc_finish_called");
    fs::write(path, format!("{code}\n")).map_err(Fault::io(path, "write the file"))
}

/// Tells the client to begin the task again after a time.
///
/// # Errors
/// [`Fault::Io`].
pub(crate) fn come_back(seconds: u32, why: &str) -> Result<(), Fault> {
    let path = Path::new("boinc_temporary_exit");
    fs::write(path, format!("{seconds}\n{why}\n")).map_err(Fault::io(path, "write the file"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn links_of_boincs_kind_lead_to_the_projects_folder_and_files_are_themselves() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("a"), "<soft_link>../../projects/p/a_1.work</soft_link>\n").unwrap();
        fs::write(at("b"), "pogson work 1\n").unwrap();
        fs::write(at("c"), [0xff, 0xfe, b'<']).unwrap();
        assert_eq!(resolve(&at("a")).unwrap(), at("../../projects/p/a_1.work"));
        assert_eq!(resolve(&at("b")).unwrap(), at("b"));
        assert_eq!(resolve(&at("c")).unwrap(), at("c"));
        assert_eq!(resolve(&at("absent")).unwrap(), at("absent"));
    }
}
