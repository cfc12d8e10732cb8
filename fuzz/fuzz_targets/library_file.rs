//! Any bytes as a model library, as its index, as a block of it, and as a compact table of spectra. Hashes are made to fit, so
//! that what lies behind them is reached.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pogson_sed::library::Band;
use pogson_sed::library_file::{BlockEntry, Index};
use pogson_sed::ssp::Ssp;
use sha2::{Digest, Sha256};

fuzz_target!(|bytes: &[u8]| {
    let Some((mode, rest)) = bytes.split_first() else { return };
    match mode % 4 {
        0 => read(rest),
        1 => {
            // An index with its end.
            let mut file = b"POGSLIB\x01".to_vec();
            file.extend(rest);
            file.extend((rest.len() as u64).to_le_bytes());
            file.extend(Sha256::digest(rest));
            file.extend(b"GILSGOP\x01");
            read(&file);
        }
        2 => {
            let bands = ["u", "r", "w"].map(|name| Band { name: name.into(), wavelength_um: 1.0, id: 0 });
            let block = BlockEntry {
                redshift: 0.01,
                stellar: 1,
                dust: 1,
                offset: 0,
                length: rest.len() as u64,
                hash: Sha256::digest(rest).into(),
            };
            let index =
                Index { source: "f".into(), seed: 1, bands: bands.to_vec(), blocks: vec![block], hash: [0; 32] };
            let _ = index.library(rest, 0, "f");
        }
        _ => {
            let mut table = b"POGSSP\0\x01".to_vec();
            table.extend(rest);
            let _ = Ssp::from_bytes(&table, "f");
        }
    }
});

fn read(file: &[u8]) {
    if let Ok(index) = Index::read(file, "f") {
        for block in 0..index.blocks.len().min(8) {
            let _ = index.library(file, block, "f");
        }
        let _ = index.nearest(0.01, 0.005, "f");
    }
}
