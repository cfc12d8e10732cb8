//! Requests as servers get them, however clients write them.

use std::time::Duration;

use crate::world::{Client, Got, fixed, gate};

/// What a server gets of a request.
fn got(text: &str, keys: &str) -> Got {
    let (one, told) = fixed("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let gate = gate(&[one], keys);
    assert_eq!(Client::of(&gate).ask(text).status, 200, "{text:?}");
    told.recv_timeout(Duration::from_secs(20)).expect("a request")
}

#[test]
fn all_spellings_of_a_target_are_one_to_servers() {
    for (request, line, host) in [
        ("GET http://b/x?y HTTP/1.1\r\nHost: a\r\n\r\n", "GET /x?y HTTP/1.1", "b"),
        ("GET HTTP://B:80 HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1", "B:80"),
        ("GET http://[::1]:80?y HTTP/1.1\r\nHost: a\r\n\r\n", "GET /?y HTTP/1.1", "[::1]:80"),
        ("GET /a/./b/../c HTTP/1.1\r\nHost: a\r\n\r\n", "GET /a/c HTTP/1.1", "a"),
        ("GET /a/%2e%2E/b HTTP/1.1\r\nHost: a\r\n\r\n", "GET /b HTTP/1.1", "a"),
        ("GET /%61%2f%c3%a9 HTTP/1.1\r\nHost: a\r\n\r\n", "GET /a%2F%C3%A9 HTTP/1.1", "a"),
        ("GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n", "GET /a%5Cb HTTP/1.1", "a"),
        ("GET /x?a=/../b&c=%2e HTTP/1.1\r\nHost: a\r\n\r\n", "GET /x?a=/../b&c=%2e HTTP/1.1", "a"),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS * HTTP/1.1", "a"),
        ("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1", "a"),
        ("GET / HTTP/1.1\r\nhOsT:\ta \t\r\n\r\n", "GET / HTTP/1.1", "a"),
        ("GET / HTTP/1.0\r\nHost: a\r\n\r\n", "GET / HTTP/1.1", "a"),
        ("PROPFIND /x HTTP/1.1\r\nHost: a\r\n\r\n", "PROPFIND /x HTTP/1.1", "a"),
    ] {
        let got = got(request, "");
        assert_eq!((got.line.as_str(), got.field("host")), (line, Some(host)), "{request:?}");
        assert_eq!(got.fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case("host")).count(), 1, "{request:?}");
    }
}

#[test]
fn a_body_has_one_length_whatever_its_method() {
    for (request, name, value) in [
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0005\r\n\r\nhello", "content-length", "5"),
        ("DELETE / HTTP/1.1\r\nHost: a\r\ncontent-length:5\r\n\r\nhello", "content-length", "5"),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\tCHUNKED\t\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            "transfer-encoding",
            "chunked",
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello",
            "content-length",
            "5",
        ),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent_Length: 50\r\nContent-Length: 5\r\n\r\nhello", "content-length", "5"),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nConnection: close, Content-Length\r\nContent-Length: 5\r\n\r\nhello",
            "content-length",
            "5",
        ),
        ("POST / HTTP/1.1\r\nHost: a\r\n\r\n", "content-length", "0"),
    ] {
        let got = got(request, "");
        let framing: Vec<_> = got
            .fields
            .iter()
            .map(|(key, value)| (key.to_lowercase().replace('_', "-"), value.clone()))
            .filter(|(key, _)| key == "content-length" || key == "transfer-encoding")
            .collect();
        assert_eq!(framing, [(name.to_owned(), value.to_owned())], "{request:?}");
    }
}

#[test]
fn what_the_gate_says_of_a_client_is_said_once_however_names_are_written() {
    let got = got(
        "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.1.1.1\r\nX_Forwarded_For: 1.1.1.1\r\nx-forwarded_for: 1.1.1.1\r\nForwarded: for=1.1.1.1\r\n\
         X-Real-IP: 1.1.1.1\r\nX_Real_IP: 1.1.1.1\r\nX-Request-Id: mine\r\nX_Request_Id: mine\r\nPogson-Report: x\r\nPogson_Report: x\r\nX_Own: kept\r\n\r\n",
        "",
    );
    let said: Vec<_> =
        got.fields.iter().filter(|(_, value)| value.contains("1.1.1.1") || value == "mine" || value == "x").collect();
    assert!(said.is_empty(), "{said:?}");
    assert_eq!((got.field("x-forwarded-for"), got.field("x_own")), (Some("127.0.0.1"), Some("kept")));
}

#[test]
fn no_client_talks_http2_to_a_server_past_the_gate() {
    for fields in [
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
        "Connection: Upgrade\r\nUpgrade: h2c",
        "Connection: Upgrade\r\nUpgrade: websocket, H2C",
        "Upgrade: websocket",
    ] {
        let got = got(&format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n"), "");
        let hop = ["upgrade", "http2-settings", "connection"];
        assert!(hop.iter().all(|name| got.field(name).is_none()), "{fields:?}: {got:?}");
    }
}
