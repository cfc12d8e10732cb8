//! Any text as a signed word of a client, and as a change of one that is right: nothing is believed but what the key signed, as it was
//! signed.

#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use pogson_gate::classify::TokenKey;
use pogson_gate::config::Level;

fuzz_target!(|bytes: &[u8]| {
    let Ok(key) = TokenKey::new(b"0123456789abcdef") else { return };
    if let Ok(text) = std::str::from_utf8(bytes) {
        assert!(key.read(text, 0).is_err(), "{text} was never signed");
    }
    let [level, lasts, at, change, member @ ..] = bytes else { return };
    let level = [Level::High, Level::Medium, Level::Low][usize::from(*level) % 3];
    let Ok(member) = std::str::from_utf8(member) else { return };
    let lasts = Duration::from_secs(u64::from(*lasts));
    let Ok(token) = key.sign(level, member, 1000, lasts) else { return };
    let ends_s = 1000 + lasts.as_secs();
    let read = key.read(&token, 1000);
    assert_eq!(read.is_ok(), !lasts.is_zero());
    if let Ok(read) = read {
        assert_eq!((read.level, read.member, read.ends_s), (level, member, ends_s));
    }
    assert!(key.read(&token, ends_s).is_err(), "its time is over");
    let mut changed = token.clone().into_bytes();
    let at = usize::from(*at) % changed.len();
    changed[at] ^= change;
    if let Ok(text) = std::str::from_utf8(&changed)
        && !text.eq_ignore_ascii_case(&token)
    {
        assert!(key.read(text, 1000).is_err(), "{text}");
    }
});
