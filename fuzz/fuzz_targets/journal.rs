//! Any bytes as the journal of a fit, as a record of one (with the check sum that fits), and as a result's HDF5 file.

#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use pogson_cube::fitting::facts_of_list;
use pogson_cube::result::ResultFile;
use pogson_cube::result::journal::{Journal, join};
use pogson_sed::library::Band;

static PLACE: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let folder = if memory.is_dir() { memory } else { std::env::temp_dir() };
    folder.join(format!("pogson-fuzz-journal-{}", std::process::id()))
});

/// A journal without records.
static BEGUN: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let bands = ["u", "r"].map(|name| Band { name: name.into(), wavelength_um: 0.5, id: 0 });
    let facts = facts_of_list(2, &bands, ("library", "list"), Default::default());
    let _ = std::fs::remove_file(&*PLACE);
    drop(Journal::open(&PLACE, &facts, Duration::from_secs(9)).expect("a journal begins"));
    std::fs::read(&*PLACE).expect("it was written")
});

fuzz_target!(|bytes: &[u8]| {
    let Some((mode, rest)) = bytes.split_first() else { return };
    let file = match mode % 3 {
        0 => rest.to_vec(),
        1 => {
            let mut file = BEGUN.clone();
            file.extend((rest.len() as u32).to_le_bytes());
            file.extend(crc32(rest).to_le_bytes());
            file.extend(rest);
            file
        }
        _ => {
            if std::fs::write(&*PLACE, rest).is_ok() {
                let _ = ResultFile::read(&PLACE);
            }
            return;
        }
    };
    if std::fs::write(&*PLACE, file).is_ok() {
        let _ = Journal::read(&PLACE);
        let _ = join(&[PLACE.clone(), PLACE.clone()]);
    }
});

fn crc32(bytes: &[u8]) -> u32 {
    let step = |c: u32, _| if c & 1 == 1 { 0xedb8_8320 ^ (c >> 1) } else { c >> 1 };
    !bytes.iter().fold(!0, |c: u32, b| (0..8).fold(c ^ u32::from(*b), step))
}
