//! What is not needed any more: records, segments, pieces of files that never came whole.

use super::scan::{Damage, Listed, scan};
use super::store::{Shared, Spool, disk_error, hold, md5_of, missing_or};
use super::{Location, SpoolError};

/// A file that was copied out of a segment in which little is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Its name.
    pub name: String,
    /// Where it was, and still is.
    pub from: Location,
    /// Where it is besides.
    pub to: Location,
}

impl Spool {
    /// A stored file is not needed any more; whether it was there until now. A segment in which nothing is needed goes.
    ///
    /// What is deleted may be back after a crash; see [`Spool::retain`].
    ///
    /// # Errors
    /// [`SpoolError::Damaged`], [`SpoolError::Disk`].
    pub fn delete(&self, location: &Location) -> Result<bool, SpoolError> {
        if location.segment.starts_with("whole/") {
            let path = self.shared.path_of(location)?;
            return match self.shared.disk.remove(&path) {
                Ok(()) => Ok(true),
                Err(error) => match missing_or(location, &path, &error) {
                    SpoolError::Missing { .. } => Ok(false),
                    error => Err(error),
                },
            };
        }
        match self.shared.mark_dead(location) {
            Ok(was) => {
                if was && self.shared.is_unwanted(&location.segment) {
                    self.shared.remove_empty();
                }
                Ok(was)
            }
            Err(SpoolError::Missing { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// All files that this process stored and that are needed, their bytes compared with their check sums; and what is damaged.
    ///
    /// # Errors
    /// [`SpoolError::Disk`].
    pub fn list(&self) -> Result<(Vec<Listed>, Vec<Damage>), SpoolError> {
        self.look(true)
    }

    fn look(&self, data: bool) -> Result<(Vec<Listed>, Vec<Damage>), SpoolError> {
        let (mut listed, mut damaged) = (Vec::new(), Vec::new());
        for number in self.shared.numbers(&self.shared.process)? {
            let segment = super::store::segment_name(&self.shared.process, number);
            let path = self.shared.segment_path(&segment);
            let file = match self.shared.disk.open(&path) {
                // It went since.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                file => file.map_err(|error| disk_error(&path, &error))?,
            };
            let found = scan(file.as_ref(), data).map_err(|error| disk_error(&path, &error))?;
            let damage = found.damage.into_iter();
            damaged.extend(damage.map(|(offset, bytes)| Damage { segment: segment.clone(), offset, bytes }));
            listed.extend(found.records.into_iter().filter(|record| record.head.live).map(|record| Listed {
                location: Location { segment: segment.clone(), offset: record.offset, bytes: record.head.bytes },
                name: record.head.name,
                md5: record.head.md5,
                sound: record.sound,
            }));
        }
        let folder = self.shared.folder.join("whole");
        let whole = self.shared.disk.entries(&folder).map_err(|error| disk_error(&folder, &error))?;
        let own = format!("{}-", self.shared.process);
        let ours = |name: &str| name.starts_with(&own) && super::check_name(name).is_ok();
        listed.extend(whole.into_iter().filter(|entry| ours(&entry.name)).map(|entry| Listed {
            location: Location { segment: format!("whole/{}", entry.name), offset: 0, bytes: entry.bytes },
            name: entry.name.splitn(3, '-').nth(2).unwrap_or(&entry.name).to_owned(),
            md5: [0; 16],
            sound: true,
        }));
        Ok((listed, damaged))
    }

    /// Deletes what this process stored and the database does not know: uploads that were not recorded before a crash, and deletions
    /// that it undid. To be called before uploads are taken. Returns how many went.
    ///
    /// # Errors
    /// [`SpoolError::Disk`].
    pub fn retain(&self, mut known: impl FnMut(&str, &Location) -> bool) -> Result<usize, SpoolError> {
        let mut gone = 0;
        for listed in self.look(false)?.0 {
            if !known(&listed.name, &listed.location) && self.delete(&listed.location)? {
                gone += 1;
            }
        }
        Ok(gone)
    }

    /// Removes pieces of files that nobody has added to since `before` (seconds of Unix time). Returns how many went.
    ///
    /// # Errors
    /// [`SpoolError::Disk`].
    pub fn sweep_partials(&self, before: i64) -> Result<usize, SpoolError> {
        let folder = self.shared.folder.join("partial");
        let entries = self.shared.disk.entries(&folder).map_err(|error| disk_error(&folder, &error))?;
        let mut gone = 0;
        for entry in entries.into_iter().filter(|entry| entry.modified < before) {
            match self.partial(&entry.name, entry.bytes) {
                Ok(partial) => {
                    partial.discard()?;
                    gone += 1;
                }
                // Names of others' making, and files that are being sent.
                Err(SpoolError::BadName(_) | SpoolError::Busy(_) | SpoolError::Gap { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(gone)
    }

    /// Copies what is needed out of closed segments of which less than `part` (0 to 1) is. When the database knows the new places, the
    /// old ones are to be [deleted](Spool::delete), which removes the segments.
    ///
    /// # Errors
    /// [`SpoolError`]: what was copied until then is dropped by [`Spool::retain`].
    pub fn compact(&self, part: f64) -> Result<Vec<Moved>, SpoolError> {
        let sparse: Vec<String> = {
            let segments = self.shared.segments();
            let sparse = segments.iter().filter(|(_, segment)| {
                segment.own && !segment.open && (segment.live_bytes as f64) < part * segment.bytes as f64
            });
            sparse.map(|(name, _)| name.clone()).collect()
        };
        let mut moved = Vec::new();
        if sparse.is_empty() {
            return Ok(moved);
        }
        for listed in self.look(false)?.0 {
            if !sparse.contains(&listed.location.segment) {
                continue;
            }
            let data = match self.read(&listed.location) {
                // It was deleted meanwhile, or cannot be moved: `list` names it.
                Err(SpoolError::Missing { .. } | SpoolError::Damaged { .. }) => continue,
                data => data?,
            };
            let md5 = md5_of(&data);
            let to = self.append(&listed.name, md5, data)?;
            moved.push(Moved { name: listed.name, from: listed.location, to });
        }
        Ok(moved)
    }

    /// Processes that left segments here and do not run any more: from now on this one looks after them. Returns their names.
    ///
    /// # Errors
    /// [`SpoolError::Disk`].
    pub fn adopt_left(&self) -> Result<Vec<String>, SpoolError> {
        let entries =
            self.shared.disk.entries(&self.shared.folder).map_err(|error| disk_error(&self.shared.folder, &error))?;
        let mut left = Vec::new();
        for process in entries.iter().filter_map(|entry| entry.name.strip_suffix(".lock")) {
            if process == self.shared.process {
                continue;
            }
            let Ok(_lock) = hold(&self.shared.folder, process) else { continue };
            let numbers = self.shared.numbers(process)?;
            for number in &numbers {
                self.shared.adopt(&super::store::segment_name(process, *number))?;
            }
            if !numbers.is_empty() {
                left.push(process.to_owned());
            }
        }
        self.shared.remove_empty();
        Ok(left)
    }

    /// Files that are needed, and their bytes, in segments that this process looks after.
    pub fn held(&self) -> (u64, u64) {
        self.shared.held()
    }
}

impl Shared {
    fn is_unwanted(&self, name: &str) -> bool {
        self.segments().get(name).is_some_and(|segment| segment.own && !segment.open && segment.live == 0)
    }

    fn held(&self) -> (u64, u64) {
        let segments = self.segments();
        let own = segments.values().filter(|segment| segment.own);
        own.fold((0, 0), |(files, bytes), segment| (files + segment.live, bytes + segment.live_bytes))
    }
}
