use std::time::Duration;

use super::*;

const HEAD: &str = r#"
[[listen]]
address = "127.0.0.1:8080"
[[pool]]
allow_empty = true
"#;
const NOW_S: u64 = 1_700_000_000;

fn classes(text: &str) -> Classes {
    let config = Config::parse(&format!("{HEAD}{text}")).expect("a configuration");
    Classes::with_key(&config, Some(key()))
}

fn key() -> TokenKey {
    TokenKey::new(b"0123456789abcdef").expect("a key")
}

fn of(classes: &Classes, client: &str, target: &str, fields: &[(&'static str, &str)]) -> Class {
    let fields = fields.iter().map(|&(name, value)| (name, value.as_bytes()));
    let head = Head::of_parts("GET", target, Some("sky.example"), fields).expect("a head");
    let path = NormalPath::of(head.path(), true).expect("a path");
    classes.of(Asker { head: &head, path: &path, client: client.parse().expect("an address"), now_s: NOW_S })
}

fn name(classes: &Classes, client: &str, target: &str, fields: &[(&'static str, &str)]) -> String {
    classes.names()[of(classes, client, target, fields).index].clone()
}

const TABLE: &str = r#"
[[class]]
name = "maps"
path = "/maps"
level = "low"
[[class]]
name = "house"
network = ["10.0.0.0/8", "2001:db8::/32"]
[[class]]
name = "lab"
network = "10.1.0.0/16"
level = "high"
weight = 3.0
[[class]]
name = "lab maps"
network = "10.1.2.0/24"
path = "/maps"
[[class]]
name = "team"
cookie = "team=a"
[[class]]
name = "partner"
token = ["correct horse", "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"]
level = "high"
host = "*.example"
"#;

#[test]
fn the_most_telling_condition_decides() {
    let classes = classes(TABLE);
    for (client, target, fields, wanted) in [
        ("192.0.2.1", "/", &[][..], "other"),
        ("192.0.2.1", "/maps/1", &[], "maps"),
        ("192.0.2.1", "/mapset", &[], "other"),
        ("192.0.2.1", "/x/%2e%2e/maps%2f1", &[], "maps"),
        ("10.2.0.1", "/maps/1", &[], "house"),
        ("2001:db8::1", "/", &[], "house"),
        ("10.1.0.1", "/", &[], "lab"),
        ("10.1.2.3", "/", &[], "lab"),
        ("10.1.2.3", "/maps", &[], "lab maps"),
        ("10.1.2.3", "/maps", &[("cookie", "x=y; team=a")], "team"),
        ("10.1.2.3", "/maps", &[("cookie", "team=b")], "lab maps"),
        ("10.1.2.3", "/", &[("authorization", "Bearer correct horse")], "partner"),
        // The hash of the configuration is that of "test" (FIPS 180-4).
        ("192.0.2.1", "/", &[("X-Api-Key", "test")], "partner"),
        ("192.0.2.1", "/", &[("X-Api-Key", "guess")], "other"),
        ("192.0.2.1", "/", &[("authorization", "Basic correct horse")], "other"),
    ] {
        assert_eq!(name(&classes, client, target, fields), wanted, "{client} {target} {fields:?}");
    }
    let lab = of(&classes, "10.1.0.1", "/", &[]);
    assert_eq!((lab.level, lab.weight), (Level::High, 3.0));
}

#[test]
fn a_signed_level_is_believed_and_no_other() {
    let classes = classes("");
    let token = key().sign(Level::High, "ada", NOW_S, Duration::from_secs(60)).expect("a token");
    let bearer = format!("Bearer {token}");
    let cookie = format!("pogson_priority={token}");
    let mut members = Vec::new();
    for field in [("Pogson-Priority", token.as_str()), ("cookie", &cookie), ("Authorization", &bearer)] {
        let class = of(&classes, "192.0.2.1", "/", &[field]);
        assert_eq!((class.level, class.refused), (Level::High, None), "{field:?}");
        assert_eq!(classes.names()[class.index], "token");
        members.push(class.member);
    }
    assert!(members.iter().all(|member| *member == members[0]));
    let forged = token.replace("ada", "eve");
    let old = key().sign(Level::High, "ada", NOW_S - 60, Duration::from_secs(60)).expect("a token");
    for (word, why) in [
        (forged.as_str(), TokenRefused::Forged),
        (&old, TokenRefused::Expired),
        ("high", TokenRefused::Malformed),
        ("p1.high.9999999999.ada.", TokenRefused::Malformed),
    ] {
        let class = of(&classes, "192.0.2.1", "/", &[("Pogson-Priority", word)]);
        assert_eq!((class.level, class.refused), (Level::Medium, Some(why)), "{word}");
    }
    let without = Classes::with_key(&Config::parse(HEAD).expect("a configuration"), None);
    let class = of(&without, "192.0.2.1", "/", &[("Pogson-Priority", &token)]);
    assert_eq!((class.level, class.refused), (Level::Medium, None));
}

#[test]
fn members_are_told_apart_as_the_configuration_says() {
    let by_address = classes("");
    let member =
        |classes: &Classes, client: &str, fields: &[(&'static str, &str)]| of(classes, client, "/", fields).member;
    assert_eq!(member(&by_address, "192.0.2.1", &[]), member(&by_address, "::ffff:192.0.2.1", &[]));
    assert_ne!(member(&by_address, "192.0.2.1", &[]), member(&by_address, "192.0.2.2", &[]));
    assert_eq!(member(&by_address, "2001:db8::1", &[]), member(&by_address, "2001:db8::ffff:1", &[]));
    assert_ne!(member(&by_address, "2001:db8::1", &[]), member(&by_address, "2001:db8:0:1::1", &[]));
    let by_cookie = classes(
        "[members]\nby = [\"token\", \"cookie:session\", \"address\"]\n[[class]]\nname = \"x\"\ntoken = \"correct horse\"",
    );
    let (ada, eve) = (("cookie", "session=ada"), ("cookie", "session=eve"));
    assert_eq!(member(&by_cookie, "192.0.2.1", &[ada]), member(&by_cookie, "192.0.2.2", &[ada]));
    assert_ne!(member(&by_cookie, "192.0.2.1", &[ada]), member(&by_cookie, "192.0.2.1", &[eve]));
    let word = ("X-Api-Key", "correct horse");
    assert_eq!(member(&by_cookie, "192.0.2.1", &[ada, word]), member(&by_cookie, "192.0.2.2", &[eve, word]));
    // A word that no class knows makes nobody a new member.
    let (a, b) = (("X-Api-Key", "made up 1"), ("X-Api-Key", "made up 2"));
    assert_eq!(member(&by_cookie, "192.0.2.1", &[a]), member(&by_cookie, "192.0.2.1", &[b]));
}
