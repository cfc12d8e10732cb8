//! Any text as a filter's curve, a VOTable, and as the tables of spectra of BC03, FSPS and BPASS.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pogson_get::votable::Votable;
use pogson_sed::filter::Filter;
use pogson_sed::ssp::Ssp;

fuzz_target!(|bytes: &[u8]| {
    let Some((mode, rest)) = bytes.split_first() else { return };
    let text = String::from_utf8_lossy(rest);
    // Tables that go with others come after a NUL.
    let (first, second) = text.split_once('\0').unwrap_or((&text, &text));
    match mode % 5 {
        0 => {
            if let Ok(filter) = Filter::from_text("f", &text) {
                assert!(filter.pivot().is_finite());
            }
        }
        1 => {
            let _ = Votable::parse(&text);
        }
        2 => {
            let _ = Ssp::from_bc03(first, "f", None, Some(second));
            let _ = Ssp::from_bc03(first, "f", Some(0.02), None);
        }
        3 => {
            let _ = (Ssp::from_fsps(&text, "f", None), Ssp::from_fsps(&text, "f", Some(0.02)));
        }
        _ => {
            let _ = Ssp::from_bpass(first, second, "f", 0.02);
        }
    }
});
