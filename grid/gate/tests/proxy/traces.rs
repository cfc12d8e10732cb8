//! Traces of a gate at work.

use std::fs::File;
use std::io::BufReader;
use std::time::{Duration, Instant};

use pogson_dispatch::trace::{Reader, decisions};

use crate::world::{Client, fixed, gate};

#[test]
fn a_dispatcher_that_is_told_a_gates_trace_decides_as_the_gate_did() {
    for policy in pogson_dispatch::policy::NAMES {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("p.trace");
        let (one, _one) =
            fixed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Cache: HIT\r\nServer-Timing: total;dur=3\r\n\r\n");
        let (two, _two) = fixed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Cache: MISS\r\n\r\n");
        let gate = gate(&[one, two], &format!("policy = \"{policy}\"\ntrace = \"{}\"\n", path.display()));
        let mut clients: Vec<Client> = (0..4).map(|_| Client::of(&gate)).collect();
        for turn in 0..20 {
            for (at, client) in clients.iter_mut().enumerate() {
                client.send(format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", turn * at % 13));
            }
            clients.iter_mut().for_each(|client| assert_eq!(client.reply().expect("a reply").status, 200));
        }
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let reader = Reader::new(BufReader::new(File::open(&path).expect("a trace"))).expect("its beginning");
            let setup = reader.setup().clone();
            let compared = decisions(&setup, reader).expect("a trace that can be read");
            assert_eq!((setup.policy.as_str(), compared.first), (policy, None));
            if compared.same == 80 {
                break;
            }
            assert!(Instant::now() < until, "{} of 80 requests are in the trace of {policy}", compared.same);
        }
    }
}
