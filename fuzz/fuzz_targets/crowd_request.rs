//! Any bytes as a scheduler request, as an upload's header, and as preferences and replies that are read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pogson_crowd::wire::{Node, Request, UploadRequest};

fuzz_target!(|bytes: &[u8]| {
    let Some((mode, rest)) = bytes.split_first() else { return };
    match mode % 3 {
        0 => {
            let _ = Request::parse(rest);
        }
        1 => {
            // Within a request, so that its elements are met.
            let mut document = b"<scheduler_request>\n".to_vec();
            document.extend(rest);
            document.extend(b"\n</scheduler_request>\n");
            if let Ok(request) = Request::parse(&document) {
                let shown = format!("{request:?}");
                assert!(!shown.is_empty());
            }
        }
        _ => {
            let _ = UploadRequest::parse(rest);
            let _ = Node::parse(rest, "data_server_request");
        }
    }
});
