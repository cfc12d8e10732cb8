//! Any bytes as heads of HTTP/1, read by the gate and by crate `httparse`: the gate reads the same or refuses; and what it sends on says
//! to a strict reader what was read. The first byte is left out.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pogson_gate::framing::{self, Framing};
use pogson_gate::head::{FIELDS, Head, Version};
use pogson_gate::reply::Reply;

fuzz_target!(|bytes: &[u8]| {
    let Some((_, bytes)) = bytes.split_first() else { return };
    if let Ok(Some((head, length))) = Head::parse(bytes) {
        request(bytes, &head, length);
    }
    if let Ok(Some((reply, length))) = Reply::parse(bytes) {
        let mut room = [httparse::EMPTY_HEADER; FIELDS];
        let mut other = httparse::Response::new(&mut room);
        assert_eq!(other.parse(bytes), Ok(httparse::Status::Complete(length)));
        assert_eq!(other.code, Some(reply.status()));
        let fields = other.headers.iter().map(|field| (field.name, field.value));
        assert!(fields.eq(reply.fields().map(|field| (field.name, field.value))));
    }
});

fn request(bytes: &[u8], head: &Head, length: usize) {
    let mut room = [httparse::EMPTY_HEADER; FIELDS];
    let mut other = httparse::Request::new(&mut room);
    assert_eq!(other.parse(bytes), Ok(httparse::Status::Complete(length)));
    assert_eq!(other.method, Some(head.method()));
    assert_eq!(other.version == Some(0), head.version() == Version::Http10);
    assert!(other.path.is_some_and(|target| target.ends_with(head.target())));
    let fields = other.headers.iter().map(|field| (field.name, field.value));
    assert!(fields.eq(head.fields().map(|field| (field.name, field.value))));
    // No line of it ends otherwise than by CR LF, so that no server sees other lines.
    let lines = bytes[..length].split(|&byte| byte == b'\n');
    assert!(lines.take_while(|line| !line.is_empty()).all(|line| line.ends_with(b"\r")));
    // A body has one end for all who read the fields one by one.
    let of = |name: &'static str| {
        head.fields().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
    };
    let (lengths, codings) = (of("content-length").count(), of("transfer-encoding").count());
    match framing::of_request(head, false) {
        Ok(Framing::None) => {
            assert!(codings == 0 && of("content-length").all(|value| value.iter().all(|&digit| digit == b'0')))
        }
        Ok(Framing::Length(_)) => assert_eq!((lengths, codings), (1, 0)),
        Ok(Framing::Chunked) => assert_eq!((lengths, codings), (0, 1)),
        Ok(Framing::UntilClose) => panic!("a request does not end with its connection"),
        Err(_) => {}
    }
}
