//! Any text as a gate's configuration, whole and behind a beginning that is right: what is read can be compiled or is refused.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pogson_gate::classify::Classes;
use pogson_gate::config::Config;
use pogson_gate::context::Contexts;
use pogson_gate::route::Routes;

const BEGINNING: &str = "[[listen]]\naddress = \"127.0.0.1:1\"\n[[pool]]\nallow_empty = true\n";

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for text in [text.to_owned(), format!("{BEGINNING}{text}"), format!("{text}\n{BEGINNING}")] {
        match Config::parse(&text) {
            Ok(config) => {
                let _ = Routes::compile(&config);
                let _ = Contexts::compile(&config, Vec::new());
                let _ = Classes::with_key(&config, None);
            }
            Err(why) => assert!(!why.to_string().is_empty()),
        }
    }
});
