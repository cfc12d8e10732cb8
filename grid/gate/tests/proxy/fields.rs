//! Fields that the gate sets, and those that routes set and remove.

use std::thread::sleep;
use std::time::Duration;

use crate::world::{Client, Got, fixed, gate, server};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

fn all(got: &Got, name: &str) -> Vec<String> {
    let of_name = got.fields.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
    of_name.map(|(_, value)| value.clone()).collect()
}

#[test]
fn what_a_route_sets_or_removes_is_there_once_or_not_at_all() {
    let (one, told) = fixed(OK);
    let route = "[[route]]\nprefix = \"/\"\npool = \"p\"\n\
        request = { set = { host = \"inner.example\", X-Forwarded-For = \"hidden\" }, remove = [\"X-Request-Id\"] }\n---\n";
    let gate = gate(&[one], route);
    Client::of(&gate)
        .ask("GET / HTTP/1.1\r\nHost: outer.example\r\nX-Request-Id: 5\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n");
    let got = told.recv().expect("a request");
    assert_eq!(all(&got, "host"), ["inner.example"]);
    assert_eq!(all(&got, "x-forwarded-for"), ["hidden"]);
    assert!(all(&got, "x-request-id").is_empty(), "{got:?}");
}

#[test]
fn clients_cannot_say_what_proxies_say() {
    let (one, told) = fixed(OK);
    let gate = gate(&[one], "");
    Client::of(&gate).ask(
        "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Ssl: on\r\nX-Forwarded-Prefix: /x\r\nX_Forwarded_For: 192.0.2.1\r\n\
         Forwarded: for=192.0.2.1\r\nPogson-Class: 3\r\nX-Forward: stays\r\n\r\n",
    );
    let got = told.recv().expect("a request");
    assert_eq!(all(&got, "x-forwarded-for"), ["127.0.0.1"]);
    for name in ["x-forwarded-ssl", "x-forwarded-prefix", "x_forwarded_for", "forwarded", "pogson-class"] {
        assert_eq!(got.field(name), None, "{name}");
    }
    assert_eq!(got.field("x-forward"), Some("stays"));
}

#[test]
fn a_believed_proxys_way_is_told_with_one_more_hop() {
    let (one, told) = fixed(OK);
    let listen = "[[listen]]\naddress = \"127.0.0.1:0\"\ntrusted = [\"127.0.0.0/8\"]\n---\n";
    let gate = gate(&[one], listen);
    Client::of(&gate).ask("GET / HTTP/1.1\r\nHost: a\r\nForwarded: for=\"[2001:db8::1]\"\r\n\r\n");
    let got = told.recv().expect("a request");
    assert_eq!(all(&got, "forwarded"), ["for=\"[2001:db8::1]\"", "for=127.0.0.1;proto=http"]);
}

#[test]
fn the_papers_policy_tells_servers_the_class_by_which_they_count() {
    let (one, told) = fixed(OK);
    let gate = gate(&[one], "policy = \"context\"\nsettings = { classes = 3 }\n");
    let mut client = Client::of(&gate);
    let mut classes = Vec::new();
    for number in 0..30 {
        client.ask(&format!("GET /{number} HTTP/1.1\r\nHost: a\r\nPogson-Class: 77\r\n\r\n"));
        let got = told.recv().expect("a request");
        assert_eq!(all(&got, "pogson-class").len(), 1);
        classes.push(got.field("pogson-class").and_then(|class| class.parse::<u32>().ok()).expect("a class"));
    }
    assert!((0..3).all(|class| classes.contains(&class)) && classes.iter().all(|class| *class < 3), "{classes:?}");
    // The same context is of the same class.
    client.ask("GET /7 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(told.recv().expect("a request").field("pogson-class"), Some(classes[7].to_string().as_str()));
}

#[test]
fn an_answer_of_the_gates_own_without_content_has_no_length() {
    let (one, _) = fixed(OK);
    let route = "[[route]]\nprefix = \"/\"\nrespond = { status = 204, body = \"x\" }\n---\n";
    let gate = gate(&[one], route);
    let mut client = Client::of(&gate);
    for _ in 0..2 {
        let reply = client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!((reply.status, reply.field("content-length")), (204, None));
    }
}

#[test]
fn connections_to_servers_are_kept_for_as_long_as_the_pool_says() {
    for (keeps, connections) in [("\"60s\"", 1), ("\"50ms\"", 3)] {
        let (tell, told) = std::sync::mpsc::channel();
        let one = server(move |mut one| {
            let _ = tell.send(());
            while one.head().is_some() {
                one.send(OK);
            }
        });
        let gate = gate(&[one], &format!("times = {{ keep_alive = {keeps} }}\n"));
        let mut client = Client::of(&gate);
        for _ in 0..3 {
            client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            sleep(Duration::from_millis(100));
        }
        assert_eq!(told.try_iter().count(), connections, "{keeps}");
    }
}
