//! What a real client (Debian's boinc-client 7.20.5) sent, where those captures are at hand.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::PathBuf;

use pogson_crowd::wire::{ClientState, Request, UploadRequest};

fn captured(name: &str) -> Option<Vec<u8>> {
    let shared = std::env::var("POGSON_SHARED").unwrap_or_else(|_| "../../../shared".to_owned());
    let path = PathBuf::from(shared).join("notes/boinc/exchange").join(name);
    let found = std::fs::read(&path).ok();
    if found.is_none() {
        println!("skipped: no {}", path.display());
    }
    found
}

#[test]
fn the_first_request_of_a_client_is_read() {
    let Some(bytes) = captured("request_001.xml") else { return };
    let request = Request::parse(&bytes).unwrap();
    assert_eq!((request.host, request.sequence, request.client_version), (0, 0, 72_005));
    assert_eq!(request.authenticator, "0123456789abcdef0123456789abcdef");
    assert_eq!((request.cpu.seconds, request.cpu.instances, request.cpu.count), (1.0, 0.0, 2.0));
    assert_eq!(request.platforms, ["x86_64-pc-linux-gnu"]);
    assert!(request.several_clients && request.lists_others && request.others.is_empty());
    assert!(request.code_sign_key.is_empty());
    assert_eq!(request.info.vendor, "AuthenticAMD");
    assert_eq!(request.info.memory, 25_276_518_400.0);
}

#[test]
fn a_report_is_read_with_its_output_and_words() {
    let Some(bytes) = captured("request_003.xml") else { return };
    let request = Request::parse(&bytes).unwrap();
    let result = &request.results[0];
    assert_eq!((result.name.as_str(), result.state, result.exit_status), ("toy_18015_0_0", ClientState::Uploaded, 0));
    assert!(result.succeeded());
    assert!(result.stderr.contains("toyapp done n=5"));
    assert_eq!(result.files[0].md5, "b2066803757059a23723dc00d3609313");
    assert_eq!(result.files[0].bytes, 14.0);
    assert_eq!(request.others, ["toy_18015_1_0", "toy_18015_2_0"]);
    assert!(request.code_sign_key.starts_with("1024\n"), "the client shows the key that it holds");
}

#[test]
fn an_upload_is_read() {
    let Some(body) = captured("upload_toy_18015_0_0_r000000_0.bin") else { return };
    let Ok(Some(UploadRequest::File(header))) = UploadRequest::parse(&body) else { panic!("no upload") };
    assert_eq!(
        (header.name.as_str(), header.most, header.bytes, header.offset),
        ("toy_18015_0_0_r000000_0", 2_000_000, 14, 0)
    );
    assert_eq!(body.len() - header.data_at, 14);
    assert!(header.certificate.ends_with("\n."));
}

#[test]
fn the_key_that_a_client_holds_is_read() {
    let Some(bytes) = captured("request_003.xml") else { return };
    let request = Request::parse(&bytes).unwrap();
    let key = pogson_crowd::sign::PublicKey::parse(&request.code_sign_key).unwrap();
    assert_eq!(key.text().trim(), request.code_sign_key);
}
