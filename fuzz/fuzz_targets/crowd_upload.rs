//! An upload in chunks of any size, of any bytes: it ends with an answer, stores nothing but what was announced, and keeps no memory.

#![no_main]

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use pogson_crowd::sign::{Certificate, UploadSecret};
use pogson_crowd::spool::{Options, Spool};
use pogson_crowd::upload::{Desk, Ending, Place, Step, Upload};

static DESK: LazyLock<Arc<Desk>> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let folder = if memory.is_dir() { memory } else { std::env::temp_dir() };
    let folder = folder.join(format!("pogson-fuzz-upload-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    let options = Options { reserve_bytes: 0, large_bytes: 2000, segment_bytes: 1 << 20, ..Options::default() };
    let spool = Spool::open(&folder, "p", options).expect("a spool opens");
    Arc::new(Desk::new(UploadSecret::new([1; 32]), Arc::new(spool), 4000))
});

fuzz_target!(|bytes: &[u8]| {
    let [mode, chunk, size, rest @ ..] = bytes else { return };
    let mut body = Vec::new();
    if mode % 4 != 0 {
        // A header whose certificate is right, with what follows it from the input.
        let (name, most) = (format!("w_{}", mode % 8), 10_000);
        let secret = UploadSecret::new([1; 32]);
        let certificate = Certificate { name: name.clone(), most, host: 1, expires: 10 };
        let announced = u64::from(*size) * 40;
        let offset = if mode % 3 == 0 { u64::from(*chunk) } else { 0 };
        body.extend(
            format!(
                "<data_server_request>\n<file_upload>\n<file_info>\n<name>{name}</name>\n<xml_signature>\n{}</xml_signature>\n\
                 <max_nbytes>{most}</max_nbytes>\n</file_info>\n<nbytes>{announced}</nbytes>\n<md5_cksum></md5_cksum>\n\
                 <offset>{offset}</offset>\n<data>\n",
                secret.sign(&certificate)
            )
            .bytes(),
        );
    }
    body.extend(rest);
    let mut upload = Upload::new(&DESK, 5);
    let mut over = false;
    for piece in body.chunks(usize::from(*chunk) + 1) {
        let place = if mode % 16 == 15 { Place::Unwanted } else { Place::Wanted };
        if let Step::Reply(answer) = upload.push_known(piece, |_| place) {
            assert!(answer.text.contains("<status>"));
            over = true;
            break;
        }
    }
    if mode % 5 == 0 && !over {
        drop(upload);
    } else if let Ending::Store(whole) = upload.end()
        && let Ok(stored) = whole.store()
    {
        let data = DESK.spool().read(&stored.location).expect("what was stored is there");
        assert_eq!(data.len() as u64, stored.location.bytes);
        DESK.spool().delete(&stored.location).expect("it goes");
    }
    assert_eq!(DESK.memory(), 0);
});
