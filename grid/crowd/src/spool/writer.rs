//! The thread that appends: all that waits goes out in one write and one sync.

use std::path::Path;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, atomic::Ordering};
use std::time::Instant;

use super::disk::DiskFile;
use super::record::{Head, MAGIC, Mark, SEGMENT_HEAD};
use super::store::Shared;
use super::{Location, SpoolError};

/// Bytes of one write at most, but for a single file that is larger.
const MOST_BATCH: usize = 32 << 20;

/// Called when a file is safe, or not, from the writer's thread.
pub(super) type Done = Box<dyn FnOnce(Result<Location, SpoolError>) + Send>;

/// A file that is to be appended.
pub(super) struct Job {
    pub(super) head: Head,
    pub(super) data: Vec<u8>,
    pub(super) done: Done,
}

/// The segment that is being written.
struct Current {
    name: String,
    file: Arc<dyn DiskFile>,
    mark: Mark,
    end: u64,
}

/// Appends until nobody can send any more.
pub(super) fn run(shared: &Shared, jobs: &Receiver<Job>) {
    let mut current: Option<Current> = None;
    while let Ok(first) = jobs.recv() {
        let mut bytes = first.data.len();
        let mut batch = vec![first];
        while bytes < MOST_BATCH
            && let Ok(job) = jobs.try_recv()
        {
            bytes += job.data.len();
            batch.push(job);
        }
        let result = append(shared, &mut current, &batch);
        for (at, job) in batch.into_iter().enumerate() {
            shared.queued.fetch_sub(job.data.len() as u64, Ordering::SeqCst);
            (job.done)(match &result {
                Ok(locations) => locations.get(at).cloned().ok_or(SpoolError::Closed),
                Err(error) => Err(error.clone()),
            });
        }
    }
    if let Some(current) = current {
        shared.close(&current.name);
    }
}

/// Appends a batch and makes it safe; where that fails, cuts off what was written and gives the segment up: after a failed sync nothing
/// is known of its tail.
fn append(shared: &Shared, current: &mut Option<Current>, batch: &[Job]) -> Result<Vec<Location>, SpoolError> {
    let bytes: u64 = batch.iter().map(|job| job.head.span()).sum();
    shared.room_for(bytes)?;
    if let Some(full) = current.take_if(|current| current.end >= shared.options.segment_bytes) {
        shared.close(&full.name);
    }
    let is_new = current.is_none();
    let mut writing = match current.take() {
        Some(current) => current,
        None => begin(shared)?,
    };
    let start = if is_new { 0 } else { writing.end };
    let mut out = Vec::with_capacity(bytes as usize + SEGMENT_HEAD as usize);
    if is_new {
        out.extend(MAGIC);
        out.extend(writing.mark);
    }
    let mut locations = Vec::with_capacity(batch.len());
    for job in batch {
        locations.push(Location {
            segment: writing.name.clone(),
            offset: start + out.len() as u64,
            bytes: job.head.bytes,
        });
        out.extend(job.head.encode(&writing.mark));
        out.extend(&job.data);
    }
    let path = shared.segment_path(&writing.name);
    let written = writing
        .file
        .write_at(&out, start)
        .and_then(|()| timed_sync(shared, writing.file.as_ref()))
        .and_then(|()| if is_new { shared.disk.sync_folder(&shared.folder) } else { Ok(()) });
    match written {
        Ok(()) => {
            writing.end = start + out.len() as u64;
            shared.add(&writing.name, &writing.file, writing.mark, batch);
            *current = Some(writing);
            Ok(locations)
        }
        Err(error) => {
            // What cannot be cut off now is left out when the segment is read again, or is not known to the database.
            let _ = writing.file.set_len(start);
            if is_new {
                let _ = shared.disk.remove(&path);
            } else {
                shared.close(&writing.name);
            }
            Err(shared.write_error(&path, &error))
        }
    }
}

fn timed_sync(shared: &Shared, file: &dyn DiskFile) -> std::io::Result<()> {
    let began = Instant::now();
    file.sync()?;
    if let Some(told) = &shared.options.synced {
        told(began.elapsed());
    }
    Ok(())
}

fn begin(shared: &Shared) -> Result<Current, SpoolError> {
    let (name, path) = shared.next_segment();
    let file = shared.disk.create(&path).map_err(|error| shared.write_error(&path, &error))?;
    file.set_len(0).map_err(|error| shared.write_error(&path, &error))?;
    Ok(Current { name, file, mark: new_mark(&path), end: 0 })
}

/// Eight bytes that no sender can know.
fn new_mark(path: &Path) -> Mark {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(path).to_le_bytes()
}
