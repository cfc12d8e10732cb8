//! Any bytes as a request: its head, its path, where it goes, who asks, and what it needs cached; the first byte chooses a configuration.

#![no_main]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use pogson_gate::classify::{Asker, Classes, TokenKey, Trusted};
use pogson_gate::config::Config;
use pogson_gate::context::{Asked, Contexts};
use pogson_gate::head::Head;
use pogson_gate::route::{Found, Routes};

struct Gate {
    routes: Routes,
    classes: Classes,
    contexts: Contexts,
    trusted: Trusted,
}

const COMMON: &str = "[[listen]]\naddress = \"127.0.0.1:1\"\n[[pool]]\nallow_empty = true\n";
const RULES: &str = r#"
[[route]]
prefix = "/a"
strip_prefix = true
pool = "main"
[[route]]
glob = "/b/*/c"
redirect = { to = "{rest}{path}{query}" }
[[route]]
pool = "main"
[members]
by = ["token", "cookie:s", "address"]
[[class]]
name = "n"
network = "10.0.0.0/8"
[[class]]
name = "w"
token = "correct horse"
[[context]]
kind = "builtin"
name = "portal"
[[context]]
kind = "cone"
[[context]]
kind = "body"
name = "a"
"#;

static GATES: LazyLock<Vec<Gate>> = LazyLock::new(|| {
    let of = |rules: &str| {
        let config = Config::parse(&format!("{COMMON}{rules}")).expect("a configuration");
        Gate {
            routes: Routes::compile(&config).expect("routes"),
            classes: Classes::with_key(&config, TokenKey::new(b"0123456789abcdef").ok()),
            contexts: Contexts::compile(&config, Vec::new()).expect("rules"),
            trusted: Trusted::new(&["10.0.0.0/8".parse().expect("a network")]),
        }
    };
    vec![of(""), of(RULES)]
});

fuzz_target!(|bytes: &[u8]| {
    let Some((mode, bytes)) = bytes.split_first() else { return };
    let gate = &GATES[usize::from(mode % 2)];
    let Ok(Some((head, length))) = Head::parse(bytes) else { return };
    let Ok(path) = gate.routes.path(&head) else { return };
    if let Found::Route(route, _) = gate.routes.find(&head, &path) {
        let mut out = Vec::new();
        route.write_target(&head, &path, &mut out);
        assert!(!out.iter().any(|byte| byte.is_ascii_control() || *byte == b' '));
        out.clear();
        route.write_location(&head, &path, &mut out);
        assert!(!out.starts_with(b"//"));
    }
    let client = gate.trusted.client(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), &head);
    let class = gate.classes.of(Asker { head: &head, path: &path, client, now_s: 1 });
    assert!(class.index < gate.classes.names().len());
    let context = gate.contexts.of(&Asked { body: Some(&bytes[length..]), ..Asked::new(&head, &path) });
    assert!((context.request.product as usize) < gate.contexts.products().len());
    assert!(!gate.contexts.readable(&context).to_string().contains('\n'));
});
