//! The work from its beginning, or from its checkpoint, to its answer.

use std::path::Path;
use std::time::Duration;

use pogson_sed::library::Library;
use pogson_sed::library_file::Index;
use pogson_sed::work::{Answered, Bench, Work, head_of, tail_of};

use crate::arguments::Arguments;
use crate::checkpoint::{self, Checkpoint};
use crate::client::{Client, Wish};
use crate::fault::Fault;
use crate::slot;

/// How far a library's redshift may be from the work's.
const WITHIN: f64 = 0.005;
/// How much longer a worker that is to end may take.
const LONGER: Duration = Duration::from_secs(12);
/// Seconds until a task whose slot is taken is begun again.
const BUSY: u32 = 600;
/// Seconds until a task that had no room is begun again.
const NO_ROOM: u32 = 3600;

/// Does the work; gives the exit code.
///
/// # Errors
/// [`Fault`]: inputs that cannot be used, files that cannot be written.
pub(crate) fn run(arguments: &Arguments) -> Result<u8, Fault> {
    let client = Client::listen(Path::new("boinc_mmap_file"), arguments.silence);
    // Clients write this into each slot, also those whose memory we do not share.
    let slot = ["boinc_mmap_file", "init_data.xml"].iter().any(|name| Path::new(name).exists());
    // A worker that its client lost ends when it has heard nothing for so long.
    let lock = if slot { slot::lock(arguments.silence + LONGER)? } else { None };
    if slot && lock.is_none() {
        eprintln!("pogson-worker: another one works in this slot; tries again in {BUSY} s");
        return slot::come_back(BUSY, "another worker is in the slot").map(|()| 0);
    }
    let outcome = work(arguments, &client);
    drop(lock);
    if !slot {
        if outcome.is_ok() {
            checkpoint::remove(&arguments.checkpoint);
        }
        return outcome.map(|_| 0);
    }
    match outcome {
        Ok(Wish::Work) => {
            client.last_words();
            slot::finish(0)?;
            Ok(0)
        }
        Ok(Wish::Quit) => Ok(0),
        Err(fault) if fault.is_of_room() => {
            eprintln!("pogson-worker: {fault}; tries again in {NO_ROOM} s");
            slot::come_back(NO_ROOM, "no room on the disk").map(|()| 0)
        }
        Err(fault) => {
            slot::finish(fault.code())?;
            Err(fault)
        }
    }
}

/// Does the work, and tells whether it came to its end.
fn work(arguments: &Arguments, client: &Client) -> Result<Wish, Fault> {
    let path = slot::resolve(&arguments.work)?;
    let bytes = std::fs::read(&path).map_err(Fault::io(&path, "read the work"))?;
    let text = String::from_utf8(bytes).map_err(|_| Fault::Text { path: path.clone() })?;
    let work = Work::parse(&text).map_err(|source| Fault::Work { path, source })?;
    let hash = work.hash();
    let (mut checkpoint, earlier) = Checkpoint::open(&arguments.checkpoint, &hash, arguments.every)?;
    let count = work.places.len();
    client.earlier(earlier);
    client.done(checkpoint.done as f64 / count.max(1) as f64);
    let (from, level) = (checkpoint.done, pogson_lanes::level());
    eprintln!(
        "pogson-worker {} ({level:?}): {}, {count} places, {from} of them done before in {earlier:.1} CPU s",
        env!("CARGO_PKG_VERSION"),
        work.unit
    );
    if from < count {
        let path = slot::resolve(&arguments.library)?;
        let (library, name) = read_library(&path, work.redshift)?;
        let bench = Bench::new(&work, &library, &name).map_err(|source| Fault::Work { path: path.clone(), source })?;
        drop(library);
        for place in &work.places[from.min(count)..] {
            if client.wish() == Wish::Quit {
                return keep(&mut checkpoint, client).map(|()| Wish::Quit);
            }
            let outcome = bench.fit(place).map_err(|source| Fault::Work { path: path.clone(), source })?;
            let due = checkpoint.add(&Answered::new(place, outcome).text());
            client.done(checkpoint.done as f64 / count as f64);
            if due && checkpoint.done < count {
                keep(&mut checkpoint, client)?;
            }
        }
    }
    let output = slot::resolve(&arguments.output)?;
    let head = head_of(&hash, count);
    let pieces = [head.as_bytes(), checkpoint.text.as_bytes(), tail_of().as_bytes()];
    // Beside the link, for what is unknown in a project's folder may be removed or stay for ever.
    slot::write(&output, &slot::part_of(&arguments.output), &pieces)?;
    eprintln!("pogson-worker: done in {:.1} CPU s", client.cpu_seconds());
    Ok(Wish::Work)
}

/// Writes the checkpoint. A full disk is no reason to stop: the answer needs less room than to begin again.
fn keep(checkpoint: &mut Checkpoint, client: &Client) -> Result<(), Fault> {
    match checkpoint.write(client.cpu_seconds()) {
        Ok(()) => client.kept(),
        Err(fault) if fault.is_of_room() => eprintln!("pogson-worker: {fault}; goes on without"),
        Err(fault) => return Err(fault),
    }
    Ok(())
}

/// The models of a library's file nearest to a redshift, and the file's name.
fn read_library(path: &Path, redshift: f64) -> Result<(Library, String), Fault> {
    let bytes = std::fs::read(path).map_err(Fault::io(path, "read the library"))?;
    let file = path.display().to_string();
    let index = Index::read(&bytes, &file)?;
    let block = index.nearest(redshift, WITHIN, &file)?;
    Ok((index.library(&bytes, block, &file)?, index.name()))
}
