//! Files that clients download: each has its place by its name, and stands for its bytes for ever.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use md5::{Digest, Md5};

use super::folder::{Project, ProjectError, file_error};
use crate::sign::md5_hex;

/// A file in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Where.
    pub path: PathBuf,
    /// Bytes.
    pub bytes: u64,
    /// MD5, hexadecimal.
    pub md5: String,
}

/// The folder of a name, so that none has too many files: two hexadecimal digits.
pub fn fan_out(name: &str) -> String {
    md5_hex(name.as_bytes())[..2].to_owned()
}

/// Makes a folder, and those above it, so that none is lost with the power: each is synced into the one above.
///
/// # Errors
/// Those of the system.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => match folder.parent() {
            Some(above) => {
                make_folder(above)?;
                fs::create_dir(folder).or_else(|error| if folder.is_dir() { Ok(()) } else { Err(error) })?;
            }
            None => return Err(error),
        },
        other => other?,
    }
    let above = folder.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(above)?.sync_all()
}

impl Project {
    /// Where a file of a name is, or would be.
    pub fn download_path(&self, name: &str) -> PathBuf {
        self.dir.join("download").join(fan_out(name)).join(name)
    }

    /// Brings a file into the project: linked where that can be, else copied; whole, synced, then named.
    ///
    /// # Errors
    /// [`ProjectError::File`]: among others, where the name stands for other bytes.
    pub fn place(&self, name: &str, from: &Path) -> Result<Placed, ProjectError> {
        let path = self.download_path(name);
        let (bytes, md5) = sum(from).map_err(|error| file_error(from, &error))?;
        if let Ok((old, old_md5)) = sum(&path) {
            if (old, &old_md5) == (bytes, &md5) {
                return Ok(Placed { path, bytes, md5 });
            }
            let cause = "a file of this name and other bytes is there already; choose another name".to_owned();
            return Err(ProjectError::File { path, cause });
        }
        self.put(&path, |part| fs::copy(from, part).map(|_| ()))?;
        Ok(Placed { path, bytes, md5 })
    }

    /// Brings bytes into the project as a file.
    ///
    /// # Errors
    /// As [`Project::place`].
    pub fn place_bytes(&self, name: &str, data: &[u8]) -> Result<Placed, ProjectError> {
        let path = self.download_path(name);
        let placed = Placed { path: path.clone(), bytes: data.len() as u64, md5: md5_hex(data) };
        if sum(&path).is_ok_and(|(bytes, md5)| (bytes, md5) == (placed.bytes, placed.md5.clone())) {
            return Ok(placed);
        }
        self.put(&path, |part| fs::write(part, data))?;
        Ok(placed)
    }

    fn put(&self, path: &Path, write: impl FnOnce(&Path) -> io::Result<()>) -> Result<(), ProjectError> {
        let folder = path.parent().unwrap_or(&self.dir);
        let name = path.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned());
        let part = folder.join(format!(".{name}.{}.part", std::process::id()));
        let made = (|| {
            make_folder(folder)?;
            write(&part)?;
            File::open(&part)?.sync_all()?;
            fs::rename(&part, path)?;
            File::open(folder)?.sync_all()
        })();
        made.map_err(|error| {
            // What is left of a failed copy is of no use.
            let _ = fs::remove_file(&part);
            file_error(path, &error)
        })
    }
}

/// Bytes and MD5 of a file.
fn sum(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let (mut hash, mut bytes) = (Md5::new(), 0);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
        bytes += read as u64;
    }
    Ok((bytes, hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
}
