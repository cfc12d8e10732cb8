//! What emulated hosts send, beside what Debian's boinc-client 7.20.5 sent, where those captures are at hand.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::PathBuf;

use pogson_volunteers::draw::Draw;
use pogson_volunteers::habits::Habits;
use pogson_volunteers::host::{Host, Stage, Want};
use pogson_volunteers::output::md5_text;
use pogson_volunteers::profile::{Kinds, Profile};
use pogson_volunteers::reply::Reply;
use pogson_volunteers::upload::Upload;
use pogson_volunteers::verify::is_signed;

fn captured(name: &str) -> Option<Vec<u8>> {
    let shared = std::env::var("POGSON_SHARED").unwrap_or_else(|_| "../../../shared".to_owned());
    let path = PathBuf::from(shared).join("notes/boinc/exchange").join(name);
    let found = std::fs::read(&path).ok();
    if found.is_none() {
        println!("skipped: no {}", path.display());
    }
    found
}

fn text(name: &str) -> Option<String> {
    captured(name).map(|bytes| String::from_utf8(bytes).unwrap())
}

/// A text's elements in order, with their indentation, values left out; lines of words between tags become one.
fn skeleton(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let mut bare = String::new();
        let mut inside = false;
        for c in line.chars() {
            inside |= c == '<';
            if inside || c == ' ' && bare.trim().is_empty() {
                bare.push(c);
            }
            inside &= c != '>';
        }
        let bare = if line.contains('<') || line.contains(']') { bare } else { "words".to_owned() };
        if bare != "words" || lines.last().is_none_or(|last| last != "words") {
            lines.push(bare);
        }
    }
    lines
}

/// Elements that the client writes only where it has something to say, and that no server needs.
const OPTIONAL: [&str; 1] = ["final_peak_disk_usage"];

fn assert_equal_but_for_values(ours: &str, theirs: &str) {
    let theirs: String = theirs
        .lines()
        .filter(|line| !OPTIONAL.iter().any(|name| line.contains(name)))
        .map(|l| format!("{l}\n"))
        .collect();
    let (ours, theirs) = (skeleton(ours), skeleton(&theirs));
    for (line, (our, their)) in ours.iter().zip(&theirs).enumerate() {
        assert_eq!(our, their, "line {line}, after {:?}", &theirs[line.saturating_sub(3)..line]);
    }
    assert_eq!(ours.len(), theirs.len());
}

fn host() -> Host {
    let kinds = Kinds { processors: Some(2), ..Kinds::default() };
    let draw = Draw::new(1);
    Host::new(0, Profile::new(draw, 0, &kinds), "0123456789abcdef0123456789abcdef".into(), draw, 1_795_216_945.3)
}

const FIRST: Want = Want { cpu: (1.0, 0.0), gpu: (0.0, 0.0), none: false };
const LATER: Want = Want { cpu: (360.0, 2.0), gpu: (0.0, 0.0), none: false };

/// The task has run and its outputs were taken.
fn finish(host: &mut Host, name: &str) {
    let task = host.tasks.iter_mut().find(|task| task.name == name).unwrap();
    task.stage = Stage::Ready;
    for output in &mut task.outputs {
        output.made = Some((14, md5_text(b"n 5\nsum_sq 30\n")));
        output.settled = Some(true);
    }
}

#[test]
fn requests_are_those_of_a_real_client_but_for_values() {
    let Some(replies) = (1..=4).map(|n| text(&format!("reply_00{n}.xml"))).collect::<Option<Vec<_>>>() else { return };
    let theirs: Vec<String> = (1..=4).map(|n| text(&format!("request_00{n}.xml")).unwrap()).collect();
    let (mut host, habits) = (host(), Habits::default());
    let take =
        |host: &mut Host, n: usize| host.take(1_795_216_960.0, &Reply::parse(&replies[n]).unwrap(), &habits, false);

    let first = host.request(1_795_216_954.6, FIRST, true, &Habits::default());
    assert_equal_but_for_values(&first, &theirs[0]);
    assert_eq!(take(&mut host, 0).tasks.len(), 1);
    assert_eq!((host.id, host.not_before), (1, 1_795_216_961.0));

    assert_equal_but_for_values(&host.request(1_795_216_961.8, LATER, true, &Habits::default()), &theirs[1]);
    assert_eq!(take(&mut host, 1).tasks.len(), 2);

    finish(&mut host, "toy_18015_0_0");
    assert_equal_but_for_values(&host.request(1_795_216_969.0, LATER, true, &Habits::default()), &theirs[2]);
    let acks = take(&mut host, 2).acks;
    assert_eq!(acks, [("toy_18015_0_0".to_owned(), Some((5, 0)))]);

    finish(&mut host, "toy_18015_1_0");
    finish(&mut host, "toy_18015_2_0");
    assert_equal_but_for_values(&host.request(1_795_216_976.1, LATER, true, &Habits::default()), &theirs[3]);
    assert_eq!(take(&mut host, 3).acks.len(), 2);
    assert!(host.tasks.is_empty());
}

#[test]
fn the_sequence_starts_again_when_the_server_names_the_host() {
    let (Some(one), Some(two)) = (text("reply_001.xml"), text("reply_002.xml")) else { return };
    let mut host = host();
    let sequence = |host: &mut Host| {
        let request = host.request(0.0, FIRST, true, &Habits::default());
        let at = request.find("<rpc_seqno>").unwrap() + "<rpc_seqno>".len();
        request[at..at + 1].to_owned()
    };
    // As the captures have it: 0, 0, 1, 2.
    assert_eq!(sequence(&mut host), "0");
    host.take(0.0, &Reply::parse(&one).unwrap(), &Habits::default(), false);
    assert_eq!(sequence(&mut host), "0");
    host.take(0.0, &Reply::parse(&two).unwrap(), &Habits::default(), false);
    assert_eq!(sequence(&mut host), "1");
    assert_eq!(sequence(&mut host), "2");
}

#[test]
fn an_upload_is_the_real_client_s_byte_for_byte() {
    let (Some(reply), Some(theirs)) = (text("reply_001.xml"), captured("upload_toy_18015_0_0_r000000_0.bin")) else {
        return;
    };
    let reply = Reply::parse(&reply).unwrap();
    let file = reply.files.iter().find(|file| file.made_here).unwrap();
    let bytes = b"n 5\nsum_sq 30\n";
    let md5 = md5_text(bytes);
    let upload =
        Upload { name: file.name, certificate: file.certificate, most: file.most, md5: &md5, offset: 0, bytes };
    assert_eq!(String::from_utf8(upload.body()).unwrap(), String::from_utf8(theirs).unwrap());
}

#[test]
fn a_reply_that_a_real_client_took_is_read() {
    let Some(text) = text("reply_002.xml") else { return };
    let reply = Reply::parse(&text).unwrap();
    assert_eq!(reply.tasks.iter().map(|task| task.name).collect::<Vec<_>>(), ["toy_18015_1_0", "toy_18015_2_0"]);
    let task = &reply.tasks[0];
    assert_eq!((task.unit, task.deadline, task.version, task.at_once), ("toy_18015_1", 1_795_476_162.0, 100, true));
    assert_eq!(reply.units[0].inputs, ["toy_18015_1.in"]);
    assert_eq!(reply.versions[0].1, ["toyapp_1.0_x86_64-pc-linux-gnu"]);
    assert_eq!(reply.files.len(), 5);
    assert_eq!(reply.delay, 1.0);
}

#[test]
fn an_upload_certificate_of_boinc_s_own_form_is_checked_by_its_key_alone() {
    let Some(text) = text("reply_001.xml") else { return };
    let reply = Reply::parse(&text).unwrap();
    let program = reply.files.iter().find(|file| !file.signature.is_empty()).unwrap();
    let key = reply.key.unwrap();
    // The signed program is not among the captures: any MD5 but its own has to be refused, and so has a damaged signature.
    assert!(!is_signed(key, &md5_text(b"another program"), program.signature));
    assert!(!is_signed(key, &md5_text(b""), "not hex"));
    assert!(!is_signed("", &md5_text(b""), program.signature));
}
