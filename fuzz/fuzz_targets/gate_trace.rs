//! Any bytes as a trace of decisions: what can be read is replayed, or refused with the number of its line.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pogson_dispatch::trace::{Reader, decisions};

fuzz_target!(|bytes: &[u8]| {
    // One that is right but for its events, too, so that these are reached.
    for bytes in [bytes, &[b"pogson-trace 1\nset policy lard-r\njoin 0 a3 5 1\njoin 0 b4 5 1\n", bytes].concat()] {
        let Ok(reader) = Reader::new(bytes) else { continue };
        let setup = reader.setup().clone();
        match decisions(&setup, reader) {
            Ok(_) => {}
            Err(why) => assert!(!why.to_string().is_empty()),
        }
    }
});
