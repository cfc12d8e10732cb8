//! Any bytes as a server's report of itself: as a body, as a header, as a mark, and as what is signed with the right key.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pogson_report::{Key, Ledger, Mark, Report, Verdict, orca};

/// When reports are said to have been sent, milliseconds since 1970 UTC.
const NOW: u64 = 1_700_000_000_000;

fuzz_target!(|bytes: &[u8]| {
    let body = orca::read_body(bytes);
    if let Ok(report) = &body {
        again(report);
    }
    if let Ok(report) = orca::read_header(bytes) {
        again(&report);
    }
    let mut ledger = Ledger::default();
    let (Ok(name), Ok(key)) = ("a".parse(), Key::new(&[7; 32])) else { return };
    ledger.know(name, key.clone());
    if let Ok((mark, signed, _)) = Mark::parse(bytes) {
        assert_eq!(mark.to_string(), signed);
    }
    assert!(!matches!(ledger.take(bytes, b"{}", NOW), Verdict::Fresh(_)));
    let mark = format!("v=1; name=a; boot=0000000000000001; sequence=1; time={NOW}");
    let signature = key.sign(&mark, bytes);
    let verdict = ledger.take(format!("{mark}; signature={signature}").as_bytes(), bytes, NOW);
    assert!(matches!(verdict, Verdict::Fresh(_) | Verdict::Malformed(_)));
    assert!(body.is_err() || matches!(verdict, Verdict::Fresh(_)));
});

/// What was read can be written and read again, but for what has no room.
fn again(report: &Report) {
    let body = orca::write_body(report);
    assert!(orca::read_body(body.as_bytes()).is_ok());
    let header = orca::write_header(report, 1000);
    assert!(header.len() <= 1000 && orca::read_header(header.as_bytes()).is_ok());
}
