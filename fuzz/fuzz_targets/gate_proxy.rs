//! Any bytes as the beginning of a connection in the PROXY protocol; the first byte says where they are cut.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pogson_gate::config::ProxyProtocol;
use pogson_gate::proxy_protocol::parse;

fuzz_target!(|bytes: &[u8]| {
    let Some((cut, bytes)) = bytes.split_first() else { return };
    let cut = usize::from(*cut) % (bytes.len() + 1);
    let any = parse(bytes, ProxyProtocol::Any);
    let (v1, v2) = (parse(bytes, ProxyProtocol::V1), parse(bytes, ProxyProtocol::V2));
    // No bytes are of both versions, but for those that may still become either.
    assert!(any == v1 || any == v2);
    assert!(v1.is_err() || v2.is_err() || bytes.is_empty());
    let Ok(Some((length, client))) = any else { return };
    assert!(length <= bytes.len());
    assert_eq!(parse(&bytes[..length], ProxyProtocol::Any), Ok(Some((length, client))));
    if cut < length {
        assert_eq!(parse(&bytes[..cut], ProxyProtocol::Any), Ok(None));
    }
});
