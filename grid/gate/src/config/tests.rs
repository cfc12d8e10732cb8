use std::time::Duration;

use super::*;

const SHORT: &str = r#"
[[listen]]
address = "127.0.0.1:8080"

[[pool]]
[[pool.server]]
address = "http://127.0.0.1:9001"
[[pool.server]]
address = "http://127.0.0.1:9002"
"#;

fn wrong(text: &str) -> Vec<Fault> {
    Config::parse(text).expect_err("an error").faults().to_vec()
}

/// The fault of a short file with `line` put at its end.
fn wrong_line(line: &str) -> String {
    let faults = wrong(&format!("{SHORT}{line}"));
    assert_eq!(faults.len(), 1, "{faults:?}");
    faults[0].to_string()
}

#[test]
fn ten_lines_are_enough() {
    let config = Config::parse(SHORT).expect("a configuration");
    let pool = &config.pool[0];
    assert_eq!((pool.name.as_str(), pool.policy.as_str(), pool.server.len()), ("main", "pogson", 2));
    assert_eq!(pool.server[1].name, "http://127.0.0.1:9002");
    assert_eq!(config.listen[0].limits, Limits { head: 16 << 10, ..Limits::default() });
    assert!(config.listen[0].http2 && config.merge_slashes);
    assert_eq!(pool.retries.on, [RetryOn::Connect, RetryOn::Reset]);
}

#[test]
fn all_keys_are_read() {
    let config = Config::parse(include_str!("whole.toml")).expect("a configuration");
    let pool = &config.pool[0];
    assert_eq!(pool.admission, Admission::Fixed { t_high: 65, t_low: 55 });
    assert_eq!((pool.server[0].cache, pool.server[1].cache), (Room::Bytes(2 << 30), Room::Contexts(5000)));
    assert_eq!(pool.server[0].cache.contexts(pool.block), 8192);
    assert_eq!(pool.server[2].address, ServerAddress::Wire("127.0.0.1".to_string(), 9003));
    assert_eq!(pool.health.expect, [Statuses { first: 200, last: 200 }, Statuses { first: 300, last: 399 }]);
    assert_eq!(pool.hedge.as_ref().and_then(|hedge| hedge.percentile), Some(95.0));
    assert_eq!(config.listen[1].proxy_protocol, ProxyProtocol::Any);
    assert_eq!(config.times.drain, Duration::from_secs(120));
    assert_eq!(config.members.by[1], Identity::Cookie("session".to_string()));
    assert_eq!(config.class[0].level, Level::High);
    assert_eq!(config.context[1].also, ["band"]);
}

#[test]
fn a_fault_shows_its_line_with_a_caret() {
    let faults = wrong("[[listen]]\naddress = \"127.0.0.1:8080\"\nprotocl = 1\n");
    assert_eq!((faults[0].line, faults[0].column, faults[0].width), (3, 1, 7));
    let text = wrong_line("weigth = 2.0\n");
    assert!(
        text.starts_with("gate.toml:10:1: \"weigth\" is not a key of this table; did you mean \"weight\"?"),
        "{text}"
    );
    assert!(text.ends_with(" 10 | weigth = 2.0\n    | ^^^^^^"), "{text}");
}

#[test]
fn what_is_wrong_is_said_with_value_and_mend() {
    for (line, part) in [
        ("protocol = \"h3\"", "\"h3\" is not one of the values; did you mean \"h2\"?"),
        ("cache = \"2 lots\"", "\"2 lots\" is not a size"),
        ("cache = 0", "room for 1 context at least"),
        ("slow_start = \"soon\"", "\"soon\" is not a time"),
        ("weight = -1.0", "a weight is from 0"),
        ("[pool.health]\nexpect = \"999\"", "\"999\" is not a status"),
        ("[pool.queue]\nshares = [0.9, 0.9, 0.9]", "1 in all at most"),
        ("[pool.hedge]", "one of after and percentile"),
        ("[[route]]\npool = \"mian\"", "there is no pool \"mian\"; did you mean \"main\"?"),
        ("[[route]]\npath = \"/x\"", "one of pool, redirect and respond"),
        ("[[route]]\npool = \"main\"\nprefix = \"x\"", "a path begins with /"),
        ("[[route]]\npool = \"main\"\nstrip_prefix = true", "there is no prefix"),
        ("[[route]]\npool = \"main\"\nhost = \"a:80\"", "without a port"),
        ("[[route]]\npool = \"main\"\nmethods = [\"get\"]", "in capitals"),
        ("[[route]]\nredirect = { to = \"/x\", status = 200 }", "301, 302"),
        ("[[route]]\npool = \"main\"\nrequest.set = { \"A B\" = \"x\" }", "letters, digits"),
        ("[[route]]\npool = \"main\"\nresponse.remove = [\"Content-Length\"]", "leave it to the gate"),
        ("[[class]]\nname = \"a\"\nnetwork = \"10.0.0.1/8\"", "write \"10.0.0.0/8\""),
        ("[[class]]\nname = \"a\"\nlevel = \"hihg\"", "did you mean \"high\"?"),
        ("[[class]]\nname = \"a\"\ntoken = \"short\"", "8 characters"),
        ("[[class]]\nlevel = \"low\"", "the key \"name\" is missing"),
        ("[admin]\naddress = \"127.0.0.1:8080\"", "two listeners have the address 127.0.0.1:8080"),
        ("[[pool]]\nname = \"main\"\n[[pool.server]]\naddress = \"a:1\"\n[[route]]\npool = \"main\"", "two pools"),
        ("[[pool]]\nname = \"x\"\n[[route]]\npool = \"main\"", "has no back end"),
        ("[[context]]\nkind = \"hisp\"", "did you mean \"hips\"?"),
        ("workers = 2", "above the first [[...]]"),
        ("[log]\nacces = \"a\"", "did you mean \"access\"?"),
        ("[times]\ndrain = \"10 lightyears\"", "is not a time"),
        ("[members]\nlevel = 1", "words in quotes"),
        ("[members]\nformer_keys = [{ file = \"a\", until = 2026-12-24T00:00:00Z }]", "set members.key_file"),
        ("[members]\nformer_keys = [{ file = \"a\", until = \"soon\" }]", "this is not a moment"),
        ("[members]\nformer_keys = [{ file = \"a\", until = 2026-12-24 }]", "write it with its zone"),
        ("[members]\nformer_keys = [{ file = \"a\" }]", "the key \"until\" is missing"),
        ("splice = 1", "above the first [[...]]"),
        ("weight = \"heavy\"", "has to be a number"),
        ("max_active = -1", "has to be a whole number from 0"),
        ("address = 127.0.0.1:80", "put text in quotes"),
        ("name = text", "put text in quotes"),
        ("[route]\npool = \"main\"", "two pairs of brackets"),
        ("[[route]]\npool = \"main\"\nregex = \"/(a\"", "unclosed group"),
        ("[[route]]\npool = \"main\"\nprefix = \"/a\"\nglob = \"/b\"", "leave the others out"),
        ("[[class]]\nname = \"a\"\nnetwork = \"10.0.0.0/33\"", "is not a network"),
        ("[[class]]\nname = \"a\"\nweight = 0", "more than 0"),
        ("[[listen]]\naddress = \"localhost\"", "is not an address to listen on"),
        ("[[listen]]\naddress = \":1\"\ntls = { cert = \"c\" }", "the key \"key\" is missing"),
        ("[[listen]]\naddress = \":1\"\ntls = { cert = \"c\", key = \"k\", alpn = [\"h3\"] }", "is not served"),
        ("[[context]]\nkind = \"id\"\npath = \"/maps/{name}\"", "put {id} where it stands"),
        ("[[context]]\nkind = \"hips\"\npath = \"/{dataset}/Npix{cell}\"", "put {order}"),
        ("[times]\nwrite_idle = \"0s\"", "more than 0"),
        ("[pool.times]\nresponse_head = 0", "more than 0"),
        ("[pool.tls]\ncert = \"c.pem\"", "name both cert and key"),
        ("[pool.tls]\nkey = \"c.key\"", "name both cert and key"),
        ("x = ", "x ="),
    ] {
        let text = wrong_line(line);
        assert!(text.contains(part), "{line}: {text}");
        assert!(!text.contains('`'), "{text}");
    }
}

#[test]
fn what_is_hardly_meant_is_said_but_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("gate.toml");
    let doubts = |more: &str| {
        std::fs::write(&path, format!("{SHORT}{more}")).expect("a file");
        let (_, doubts) = Config::read_with_doubts(&path).unwrap_or_else(|why| panic!("{why}"));
        doubts.into_iter().map(|fault| (fault.line, fault.sentence)).collect::<Vec<_>>()
    };
    let route = |rest: &str| format!("[[route]]\npool = \"main\"\n{rest}\n");
    assert_eq!(doubts(""), []);
    let twice = doubts(&(route("prefix = \"/a\"") + &route("prefix = \"/a\"")));
    assert_eq!(twice.len(), 1);
    assert!(twice[0].0 == 13 && twice[0].1.contains("the 1st [[route]]"), "{twice:?}");
    let narrower = route("prefix = \"/a\"") + &route("prefix = \"/a\"\nmethods = [\"POST\"]");
    assert_eq!(doubts(&narrower), []);
    let hosts = route("host = [\"a.org\", \"b.org\"]\npath = \"/x\"") + &route("host = \"B.org\"\npath = \"/x\"");
    assert_eq!(doubts(&hosts).len(), 1);
    let unused = route("prefix = \"/\"") + "[[pool]]\nname = \"two\"\n[[pool.server]]\naddress = \"http://a:1\"\n";
    assert!(doubts(&unused)[0].1.contains("no route leads to the pool \"two\""));
    std::fs::write(folder.path().join("key"), "0123456789abcdef").expect("a file");
    let keys = "[members]\nkey_file = \"key\"\nformer_keys = [\n{ file = \"key\", until = 9999-12-24T00:00:00Z },\n{ file = \"key\", until = 2020-01-01T00:00:00Z }]\n";
    let old = doubts(keys);
    assert!(old.len() == 1 && old[0].0 == 14 && old[0].1.contains("time of this key is over"), "{old:?}");
}

#[test]
fn keys_words_and_certificates_of_no_use_are_wrong_at_their_lines() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("gate.toml");
    std::fs::write(folder.path().join("short"), "x\n").expect("a file");
    std::fs::write(folder.path().join("good"), "0123456789abcdef\n").expect("a file");
    for (more, part) in [
        ("[members]\nkey_file = \"short\"\n", "16"),
        ("[members]\nkey_file = \"good\"\nformer_keys = [{ file = \"short\", until = 2026-12-24T00:00:00Z }]\n", "16"),
        (
            "[members]\nkey_file = \"good\"\nformer_keys = [{ file = \"none\", until = 2026-12-24T00:00:00Z }]\n",
            "name a file that can be read",
        ),
        ("[admin]\ntoken_file = \"short\"\n", "16"),
        ("[[listen]]\naddress = \":1\"\ntls = { cert = \"short\", key = \"short\" }\n", "certificate"),
        ("[log]\naccess = \"nowhere/access.log\"\n", "there is no such folder"),
        ("[admin]\nsocket = \"nowhere/gate.sock\"\n", "there is no such folder"),
    ] {
        std::fs::write(&path, format!("{SHORT}{more}")).expect("a file");
        let error = Config::read(&path).expect_err(more);
        let [fault] = error.faults() else { panic!("{more}: {error}") };
        assert!(fault.line > 10 && fault.column > 1 && fault.sentence.contains(part), "{error}");
    }
}

#[test]
fn a_name_of_a_policy_is_checked() {
    let faults = wrong(&SHORT.replace("[[pool]]", "[[pool]]\npolicy = \"lrad\""));
    assert!(faults[0].sentence.contains("did you mean \"lard\"?"), "{faults:?}");
    assert_eq!((faults[0].line, faults[0].column), (6, 10));
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let faults =
        wrong("[[pool]]\n[[pool.server]]\naddress = \"http://a\"\nweight = -1.0\n[[pool.server]]\naddress = \"a\"\n");
    let lines: Vec<_> = faults.iter().map(|fault| fault.line).collect();
    assert_eq!(lines, [1, 4, 6], "{faults:?}");
}

#[test]
fn files_count_from_the_folder_of_the_configuration() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("gate.toml");
    std::fs::write(&path, format!("{SHORT}[members]\nkey_file = \"priority.key\"\n")).expect("a file");
    let error = Config::read(&path).expect_err("no key yet");
    assert!(error.to_string().contains("priority.key"), "{error}");
    assert_eq!(error.faults()[0].line, 11);
    std::fs::write(folder.path().join("priority.key"), "x").expect("a file");
    let error = Config::read(&path).expect_err("a key that is too short");
    assert_eq!((error.faults()[0].line, error.faults()[0].column), (11, 12), "{error}");
    std::fs::write(folder.path().join("priority.key"), "0123456789abcdef").expect("a file");
    let config = Config::read(&path).expect("a configuration");
    assert_eq!(config.members.key_file, Some(folder.path().join("priority.key")));
    assert!(matches!(Config::read(&folder.path().join("none.toml")), Err(ConfigError::Unreadable { .. })));
}

proptest::proptest! {
    #[test]
    fn any_text_is_a_configuration_or_refused(text in "(?s).{0,200}") {
        let _ = Config::parse(&text).map_err(|error| error.to_string());
    }

    #[test]
    fn a_file_with_a_letter_changed_is_read_or_refused(at in 0_usize..4000, letter in proptest::char::any()) {
        let whole = include_str!("whole.toml");
        let mut letters: Vec<char> = whole.chars().collect();
        let at = at % letters.len();
        letters[at] = letter;
        let text: String = letters.into_iter().collect();
        let _ = Config::parse(&text).map_err(|error| error.to_string());
    }
}
