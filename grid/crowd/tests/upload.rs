//! The upload handler: every body that clients, broken connections and strangers send, in pieces of any size.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use md5::{Digest, Md5};
use pogson_crowd::sign::{Certificate, UploadSecret};
use pogson_crowd::spool::disk::{Fault, FaultyDisk, RealDisk};
use pogson_crowd::spool::{Options, Spool};
use pogson_crowd::upload::{Answer, Desk, Ending, Place, Step, Stored, Upload};
use pogson_crowd::wire::UploadStatus;
use proptest::prelude::*;

const NOW: i64 = 1_800_000_000;

struct Bench {
    _folder: tempfile::TempDir,
    disk: FaultyDisk,
    secret: UploadSecret,
    desk: Arc<Desk>,
}

fn bench(memory: u64) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::new(Arc::new(RealDisk));
    let options = Options { disk: Arc::new(disk.clone()), large_bytes: 20_000, reserve_bytes: 0, ..Options::default() };
    let spool = Arc::new(Spool::open(folder.path(), "p", options).unwrap());
    let secret = UploadSecret::new([3; 32]);
    Bench { _folder: folder, disk, desk: Arc::new(Desk::new(secret.clone(), spool, memory)), secret }
}

#[derive(Clone)]
struct Body {
    name: String,
    most: u64,
    bytes: u64,
    md5: String,
    offset: u64,
    certificate: String,
    data: Vec<u8>,
}

impl Bench {
    /// What a client sends of a file from an offset on.
    fn body(&self, name: &str, file: &[u8], offset: usize) -> Body {
        let certificate = Certificate { name: name.to_owned(), most: 100_000, host: 7, expires: NOW + 1 };
        let digits: String = Md5::digest(file).iter().map(|byte| format!("{byte:02x}")).collect();
        Body {
            name: name.to_owned(),
            most: 100_000,
            bytes: file.len() as u64,
            md5: digits,
            offset: offset as u64,
            certificate: self.secret.sign(&certificate),
            data: file[offset..].to_vec(),
        }
    }

    fn send(&self, body: &Body) -> Result<Stored, Answer> {
        self.send_in(body, 4096, Place::Wanted, true)
    }

    /// Sends a body in chunks; without an end the connection breaks.
    fn send_in(&self, body: &Body, chunk: usize, place: Place, ends: bool) -> Result<Stored, Answer> {
        let mut upload = Upload::new(&self.desk, NOW);
        for chunk in body.text().chunks(chunk) {
            if let Step::Reply(answer) = upload.push_known(chunk, |_| place) {
                return Err(answer);
            }
        }
        if !ends {
            drop(upload);
            return Err(Answer::refused(UploadStatus::Transient, "", "cut"));
        }
        match upload.end() {
            Ending::Reply(answer) => Err(answer),
            Ending::Store(whole) => whole.store(),
        }
    }

    fn size_of(&self, name: &str, place: Place) -> Answer {
        let body = format!(
            "<data_server_request>\n<core_client_major_version>7</core_client_major_version>\n<get_file_size>{name}</get_file_size>\n</data_server_request>\n"
        );
        match Upload::new(&self.desk, NOW).push_known(body.as_bytes(), |_| place) {
            Step::Reply(answer) => answer,
            step => panic!("{step:?}"),
        }
    }

    fn read(&self, stored: &Stored) -> Vec<u8> {
        self.desk.spool().read(&stored.location).unwrap()
    }

    fn files(&self) -> usize {
        self.desk.spool().list().unwrap().0.len()
    }
}

impl Body {
    fn text(&self) -> Vec<u8> {
        let Body { name, most, bytes, md5, offset, certificate, data } = self;
        let mut out = format!(
            "<data_server_request>\n    <core_client_major_version>7</core_client_major_version>\n<file_upload>\n<file_info>\n<name>{name}</name>\n\
             <xml_signature>\n{}</xml_signature>\n<max_nbytes>{most}.000000</max_nbytes>\n</file_info>\n<nbytes>{bytes}.000000</nbytes>\n\
             <md5_cksum>{md5}</md5_cksum>\n<offset>{offset}.000000</offset>\n<data>\n",
            certificate.trim_end()
        )
        .into_bytes();
        out.extend(data);
        out
    }
}

fn file(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|n| (n * 31 + n / 256) as u8).collect()
}

fn size_in(answer: &Answer) -> Option<u64> {
    answer.text.split("<file_size>").nth(1)?.split('<').next()?.parse().ok()
}

#[test]
fn files_of_any_size_are_stored_in_chunks_of_any_size() {
    let bench = bench(1 << 20);
    for bytes in [0, 1, 8191, 8192, 20_000, 20_001, 90_000] {
        for chunk in [1, 333, 100_000] {
            let file = file(bytes);
            let stored = bench.send_in(&bench.body("w_0_0", &file, 0), chunk, Place::Wanted, true).unwrap();
            assert_eq!(bench.read(&stored), file);
            assert_eq!((stored.host, stored.name.as_str()), (7, "w_0_0"));
            assert_eq!(stored.md5, <[u8; 16]>::from(Md5::digest(&file)));
            assert!(stored.answer().text.contains("<status>0</status>"));
        }
    }
    assert_eq!(bench.desk.memory(), 0);
}

#[test]
fn without_memory_left_files_go_to_the_disk_and_are_stored_all_the_same() {
    let bench = bench(5000);
    let file = file(19_000);
    let stored = bench.send_in(&bench.body("w", &file, 0), 1000, Place::Wanted, true).unwrap();
    assert_eq!(bench.read(&stored), file);
    assert_eq!(bench.desk.memory(), 0);
    assert_eq!(bench.desk.spool().partial_size("w"), Ok(0));
}

#[test]
fn a_broken_connection_is_resumed_where_it_broke() {
    let bench = bench(1 << 20);
    for (name, bytes) in [("small", 15_000), ("large", 50_000)] {
        let file = file(bytes);
        for ends in [true, false] {
            let mut body = bench.body(name, &file, 0);
            body.data.truncate(9000);
            let answer = bench.send_in(&body, 1000, Place::Wanted, ends).unwrap_err();
            assert_eq!(answer.status, UploadStatus::Transient);
            // The last byte is asked for again.
            assert_eq!(size_in(&bench.size_of(name, Place::Wanted)), Some(8999));
        }
        // A piece beyond what is here leaves a hole.
        let answer = bench.send(&bench.body(name, &file, 9001)).unwrap_err();
        assert_eq!(answer.status, UploadStatus::Transient, "{answer:?}");
        // An older piece again, and the rest.
        let stored = bench.send(&bench.body(name, &file, 8000)).unwrap();
        assert_eq!(bench.read(&stored), file);
        assert_eq!(size_in(&bench.size_of(name, Place::Wanted)), Some(0));
        assert_eq!(size_in(&bench.size_of(name, Place::Here(bytes as u64))), Some(bytes as u64));
    }
}

#[test]
fn a_file_that_came_whole_is_not_said_to_be_here_before_it_is_recorded() {
    let bench = bench(1 << 20);
    for (name, bytes) in [("small", 15_000), ("large", 50_000)] {
        let file = file(bytes);
        // The connection ends with the last byte, before anybody stored the file: a client that reads its full size would not
        // send it again.
        let body = bench.body(name, &file, 0);
        let answer = bench.send_in(&body, 1000, Place::Wanted, false).unwrap_err();
        assert_eq!(answer.status, UploadStatus::Transient);
        let here = size_in(&bench.size_of(name, Place::Wanted)).unwrap() as usize;
        assert!(here < bytes, "{here}");
        let stored = bench.send(&bench.body(name, &file, here)).unwrap();
        assert_eq!(bench.read(&stored), file);
    }
}

#[test]
fn a_small_file_that_broke_off_is_not_kept_for_clients_send_it_again() {
    let bench = bench(1 << 20);
    let mut body = bench.body("w", &file(8000), 0);
    body.data.truncate(4000);
    assert_eq!(bench.send(&body).unwrap_err().status, UploadStatus::Transient);
    assert_eq!(bench.desk.spool().partial_size("w"), Ok(0));
    assert_eq!(bench.desk.memory(), 0);
}

#[test]
fn certificates_that_are_missing_forged_or_expired_end_the_upload_for_good() {
    let bench = bench(1 << 20);
    let file = file(100);
    let good = bench.body("w", &file, 0);
    let sign = |name: &str, most: u64, expires: i64, secret: &UploadSecret| {
        secret.sign(&Certificate { name: name.to_owned(), most, host: 7, expires })
    };
    let bad = [
        String::new(),
        sign("w", 100_000, NOW - 1, &bench.secret),
        sign("v", 100_000, NOW + 1, &bench.secret),
        sign("w", 99_999, NOW + 1, &bench.secret),
        sign("w", 100_000, NOW + 1, &UploadSecret::new([4; 32])),
    ];
    for certificate in bad {
        // Refused when the header is there, before a byte of the file.
        let body = Body { certificate, data: Vec::new(), ..good.clone() };
        let answer = bench.send(&body).unwrap_err();
        assert_eq!(answer.status, UploadStatus::Permanent);
        assert!(answer.text.contains("<message>") && answer.text.contains("certificate"), "{}", answer.text);
    }
    assert_eq!(bench.files(), 0);
    assert!(bench.send(&good).is_ok());
}

#[test]
fn more_than_the_task_allows_is_refused_after_the_header() {
    let bench = bench(1 << 20);
    let mut body = bench.body("w", &file(100), 0);
    body.bytes = 100_001;
    body.data.clear();
    let answer = bench.send(&body).unwrap_err();
    assert_eq!(answer.status, UploadStatus::Permanent);
    assert!(answer.text.contains("100001"), "{}", answer.text);
}

#[test]
fn more_bytes_than_announced_are_refused_and_dropped() {
    let bench = bench(1 << 20);
    for bytes in [9000, 50_000] {
        let file = file(bytes);
        let mut body = bench.body("w", &file, 0);
        body.data.push(0);
        assert_eq!(bench.send(&body).unwrap_err().status, UploadStatus::Permanent);
        assert_eq!(bench.desk.spool().partial_size("w"), Ok(0));
    }
    assert_eq!((bench.files(), bench.desk.memory()), (0, 0));
}

#[test]
fn a_wrong_md5_drops_the_file_so_that_the_next_try_begins_anew() {
    let bench = bench(1 << 20);
    for bytes in [100, 9000, 50_000] {
        let file = file(bytes);
        let mut body = bench.body("w", &file, 0);
        body.data[50] ^= 1;
        let answer = bench.send(&body).unwrap_err();
        assert_eq!(answer.status, UploadStatus::Transient);
        assert!(answer.text.contains("MD5"));
        assert_eq!(size_in(&bench.size_of("w", Place::Wanted)), Some(0));
        assert_eq!(bench.read(&bench.send(&bench.body("w", &file, 0)).unwrap()), file);
    }
    let body = Body { md5: "zz".repeat(16), ..bench.body("w", &file(10), 0) };
    assert_eq!(bench.send(&body).unwrap_err().status, UploadStatus::Permanent);
    // Clients that send none are believed.
    let body = Body { md5: String::new(), ..bench.body("w", &file(10), 0) };
    assert!(bench.send(&body).is_ok());
}

#[test]
fn what_is_here_already_is_acknowledged_and_what_nobody_waits_for_is_refused() {
    let bench = bench(1 << 20);
    let body = bench.body("w", &file(100), 0);
    let answer = |place| bench.send_in(&body, 4096, place, true).unwrap_err();
    assert_eq!(answer(Place::Here(100)).status, UploadStatus::Done);
    assert_eq!(answer(Place::Unwanted).status, UploadStatus::Permanent);
    assert_eq!(answer(Place::Unknown).status, UploadStatus::Transient);
    assert_eq!(bench.files(), 0);
    assert_eq!(bench.size_of("w", Place::Unknown).status, UploadStatus::Transient);
}

#[test]
fn a_full_disk_is_said_at_once_and_nothing_is_lost() {
    let bench = bench(1 << 20);
    let file = file(50_000);
    let mut first = bench.body("w", &file, 0);
    first.data.truncate(30_000);
    bench.send(&first).unwrap_err();
    bench.disk.set_free(0);
    let answer = bench.send(&Body { data: Vec::new(), ..bench.body("w", &file, 30_000) }).unwrap_err();
    assert_eq!(answer.status, UploadStatus::Transient);
    assert!(answer.text.contains("full") && !answer.text.contains("/tmp"), "{}", answer.text);
    bench.disk.set_free(u64::MAX);
    for fault in [Fault::Full, Fault::ReadOnly] {
        bench.disk.set(fault);
        for body in [bench.body("w", &file, 30_000), bench.body("small", &file[..100], 0)] {
            assert_eq!(bench.send(&body).unwrap_err().status, UploadStatus::Transient);
        }
        bench.disk.set(Fault::None);
        assert_eq!(size_in(&bench.size_of("w", Place::Wanted)), Some(29_999));
    }
    assert_eq!(bench.read(&bench.send(&bench.body("w", &file, 30_000)).unwrap()), file);
}

#[test]
fn a_full_disk_answers_the_question_for_a_size() {
    let bench = bench(1 << 20);
    let folder = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::new(Arc::new(RealDisk));
    let options = Options { disk: Arc::new(disk.clone()), reserve_bytes: 100, ..Options::default() };
    let spool = Arc::new(Spool::open(folder.path(), "p", options).unwrap());
    let bench = Bench { desk: Arc::new(Desk::new(bench.secret.clone(), spool, 1000)), ..bench };
    disk.set_free(50);
    let answer = bench.size_of("w", Place::Wanted);
    assert_eq!(answer.status, UploadStatus::Transient);
    assert!(answer.text.contains("full"), "{}", answer.text);
    disk.set_free(200);
    assert_eq!(size_in(&bench.size_of("w", Place::Wanted)), Some(0));
}

#[test]
fn names_that_lead_elsewhere_end_the_upload_for_good() {
    let bench = bench(1 << 20);
    for name in ["../w", "/etc/passwd", "a/b", ".w", "a..b"] {
        assert_eq!(bench.send(&bench.body(name, &file(10), 0)).unwrap_err().status, UploadStatus::Permanent);
        assert_eq!(bench.size_of(name, Place::Wanted).status, UploadStatus::Permanent);
    }
}

#[test]
fn two_connections_with_one_large_file_do_not_mix() {
    let bench = bench(1 << 20);
    let file = file(50_000);
    let text = bench.body("w", &file, 0).text();
    let mut slow = Upload::new(&bench.desk, NOW);
    assert_eq!(slow.push_known(&text[..2000], |_| Place::Wanted), Step::More);
    assert_eq!(bench.send(&bench.body("w", &file, 0)).unwrap_err().status, UploadStatus::Transient);
    assert_eq!(slow.push(&text[2000..]), Step::More);
    let Ending::Store(whole) = slow.end() else { panic!("not whole") };
    assert_eq!(bench.read(&whole.store().unwrap()), file);
}

#[test]
fn what_is_no_upload_is_refused_and_what_is_cut_off_is_to_be_sent_again() {
    let bench = bench(1 << 20);
    let mut upload = Upload::new(&bench.desk, NOW);
    let Step::Reply(answer) = upload.push(&[b'x'; 9000]) else { panic!("taken") };
    assert_eq!(answer.status, UploadStatus::Permanent);
    assert_eq!(upload.push(b"more"), Step::Reply(answer));
    let mut upload = Upload::new(&bench.desk, NOW);
    assert_eq!(upload.push(b"<data_server_request>\n<file_up"), Step::More);
    assert!(matches!(upload.end(), Ending::Reply(answer) if answer.status == UploadStatus::Transient));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_file_arrives_however_often_its_connection_breaks(
        bytes in 0usize..60_000, cuts in proptest::collection::vec(0usize..60_000, 0..5), chunk in 1usize..9000,
    ) {
        let bench = bench(30_000);
        let file = file(bytes);
        for cut in cuts {
            let here = size_in(&bench.size_of("w", Place::Wanted)).unwrap() as usize;
            let mut body = bench.body("w", &file, here);
            body.data.truncate(cut);
            if body.data.len() as u64 + body.offset < body.bytes {
                bench.send_in(&body, chunk, Place::Wanted, cut % 2 == 0).unwrap_err();
            }
        }
        let here = size_in(&bench.size_of("w", Place::Wanted)).unwrap() as usize;
        let stored = bench.send_in(&bench.body("w", &file, here), chunk, Place::Wanted, true).unwrap();
        prop_assert_eq!(bench.read(&stored), file);
        prop_assert_eq!(bench.files(), 1);
    }

    #[test]
    fn any_byte_changed_never_stores_another_file(at: proptest::sample::Index, byte: u8) {
        let bench = bench(30_000);
        let file = file(300);
        let mut text = bench.body("w", &file, 0).text();
        let at = at.index(text.len());
        text[at] = byte;
        let mut upload = Upload::new(&bench.desk, NOW);
        upload.push_known(&text, |_| Place::Wanted);
        if let Ending::Store(whole) = upload.end() && let Ok(stored) = whole.store() {
            prop_assert_eq!(bench.read(&stored), file);
        }
    }
}
