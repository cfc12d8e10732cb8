//! Any bytes as a request's body, of which a beginning is at hand: what a rule finds in a beginning that settles it stays the same,
//! whatever follows. The first byte says what the body is said to be, the second how much of it is there.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use pogson_gate::config::Config;
use pogson_gate::context::{Asked, Contexts};
use pogson_gate::head::Head;
use pogson_gate::route::NormalPath;

const RULES: &str = r#"
[[listen]]
address = "127.0.0.1:1"
[[pool]]
allow_empty = true
[[context]]
kind = "body"
path = "/p"
name = "/a/0"
[[context]]
kind = "body"
path = "/n"
name = "a"
[[context]]
kind = "cone"
path = "/c"
[[context]]
kind = "cutout"
path = "/i"
also = ["band"]
"#;
const KINDS: [&str; 4] = [
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "multipart/form-data; boundary=\"--\"",
];

static CONTEXTS: LazyLock<Contexts> = LazyLock::new(|| {
    let config = Config::parse(RULES).expect("a configuration");
    Contexts::compile(&config, Vec::new()).expect("rules")
});

fuzz_target!(|bytes: &[u8]| {
    let [kind, cut, body @ ..] = bytes else { return };
    let kind = KINDS[usize::from(*kind) % KINDS.len()];
    for target in ["/p", "/n", "/c", "/i"] {
        let fields = [("content-type", kind.as_bytes())];
        let head = Head::of_parts("POST", target, Some("a"), fields.into_iter()).expect("a head");
        let path = NormalPath::of(head.path(), true).expect("a path");
        let asked = |body, whole| Asked { body: Some(body), whole, ..Asked::new(&head, &path) };
        let found = CONTEXTS.of(&asked(body, true));
        assert_eq!(CONTEXTS.of(&asked(body, true)), found);
        let begun = asked(&body[..usize::from(*cut) * body.len() / 255], false);
        if CONTEXTS.settled(&begun) {
            assert_eq!(CONTEXTS.of(&begun), found, "{target} as {kind}");
        }
    }
});
