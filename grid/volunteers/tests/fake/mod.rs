//! A small project server for tests of the emulator: no database, no quorum, a thread for each connection.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use pogson_crowd::sign::PrivateKey;
use pogson_volunteers::output::md5_text;
use pogson_volunteers::scan::{elements, find};

/// What the server does to its clients.
#[derive(Debug, Clone, Default)]
pub struct Manner {
    /// The first upload of each file is answered with status 1.
    pub transient_once: bool,
    /// Every upload is refused for good.
    pub permanent: bool,
    /// The program is signed with another key.
    pub wrong_key: bool,
    /// Every second scheduler request is answered with status 503.
    pub busy: bool,
    /// Seconds between requests of a host.
    pub delay: f64,
}

/// What the server has seen.
#[derive(Debug, Default)]
pub struct Seen {
    pub hosts: i64,
    pub sent: u64,
    /// Files as far as they have come.
    pub files: BTreeMap<String, Vec<u8>>,
    /// MD5s as the uploads said them.
    pub md5s: HashMap<String, String>,
    /// State and exit status by result, and how often it was reported.
    pub reports: BTreeMap<String, (i64, i64, u32)>,
    /// Reports of results whose outputs are not here.
    pub without_file: u64,
    pub accounts: HashMap<String, String>,
    pub trickles: u64,
    pub sticky: u64,
    pub key_shown: u64,
    pub problems: Vec<String>,
    requests: u64,
}

pub struct Fake {
    pub url: String,
    pub seen: Arc<Mutex<Seen>>,
}

struct Server {
    url: String,
    manner: Manner,
    key: String,
    signature: String,
    seen: Arc<Mutex<Seen>>,
}

const PROGRAM: &[u8] = b"a program of no use";
const MODEL: &[u8] = b"a model that stays";

impl Fake {
    pub fn start(manner: Manner) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/fake/", listener.local_addr().unwrap());
        let key = PrivateKey::generate().unwrap();
        let signer = if manner.wrong_key { PrivateKey::generate().unwrap() } else { key.clone() };
        let seen = Arc::new(Mutex::new(Seen::default()));
        let server = Arc::new(Server {
            url: url.clone(),
            manner,
            key: key.public().text(),
            signature: signer.sign(PROGRAM).unwrap(),
            seen: Arc::clone(&seen),
        });
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = Arc::clone(&server);
                std::thread::spawn(move || server.serve(stream));
            }
        });
        Fake { url, seen }
    }
}

impl Server {
    fn serve(&self, stream: TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let path = line.split(' ').nth(1)?.to_owned();
        let mut length = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok()?;
            if header.trim().is_empty() {
                break;
            }
            if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = Vec::new();
        reader.take(length).read_to_end(&mut body).ok()?;
        let whole = body.len() as u64 == length;
        let (status, text) = self.answer(&path, &body, whole);
        let head = format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\n\r\n", text.len());
        (&stream).write_all(&[head.as_bytes(), &text].concat()).ok()
    }

    fn answer(&self, path: &str, body: &[u8], whole: bool) -> (u16, Vec<u8>) {
        let path = path.strip_prefix("/fake/").unwrap_or("");
        let seen = &mut *self.seen.lock().unwrap();
        if let Some(query) = path.strip_prefix("lookup_account.php?") {
            let email = query.split('&').next().unwrap();
            let key = seen.accounts.get(email);
            return (200, key.map_or("<error><error_num>-136</error_num></error>".into(), |key| account(key)).into());
        }
        if let Some(query) = path.strip_prefix("create_account.php?") {
            let email = query.split('&').next().unwrap();
            let key = md5_text(email.as_bytes());
            seen.accounts.insert(email.to_owned(), key.clone());
            return (200, account(&key).into());
        }
        match path {
            "" => (200, format!("<html>\n<scheduler>{}cgi</scheduler>\n</html>", self.url).into()),
            "get_project_config.php" => (200, "<project_config><name>Fake</name></project_config>".into()),
            "download/program" => (200, PROGRAM.into()),
            "download/model" => (200, MODEL.into()),
            "cgi" if !whole => (400, Vec::new()),
            "cgi" => self.schedule(seen, std::str::from_utf8(body).unwrap()),
            "file_upload_handler" => (200, self.upload(seen, body, whole).into()),
            _ => (404, Vec::new()),
        }
    }

    fn schedule(&self, seen: &mut Seen, text: &str) -> (u16, Vec<u8>) {
        seen.requests += 1;
        if self.manner.busy && seen.requests % 2 == 1 {
            return (503, Vec::new());
        }
        let mut reply = format!("<scheduler_reply>\n<request_delay>{}</request_delay>\n", self.manner.delay);
        if find(text, "hostid") == Some("0") {
            seen.hosts += 1;
            reply.push_str(&format!("<hostid>{}</hostid>\n", seen.hosts));
        }
        match find(text, "code_sign_key") {
            Some(key) if key == self.key.trim() => seen.key_shown += 1,
            Some(_) => seen.problems.push("another key".into()),
            None => reply.push_str(&format!("<code_sign_key>\n{}</code_sign_key>\n", self.key)),
        }
        let request = text.trim().strip_prefix("<scheduler_request>").unwrap();
        for (name, value) in elements(request) {
            match name {
                "result" => self.report(seen, value, &mut reply),
                "msg_from_host" => seen.trickles += 1,
                "file_info" => seen.sticky += 1,
                _ => {}
            }
        }
        let instances: f64 = find(text, "cpu_req_instances").unwrap().parse().unwrap();
        let seconds: f64 = find(text, "cpu_req_secs").unwrap().parse().unwrap();
        let wanted = if seconds > 0.0 { instances.max(1.0) as u64 } else { 0 };
        if wanted > 0 {
            reply.push_str(&self.version());
        }
        for _ in 0..wanted {
            seen.sent += 1;
            reply.push_str(&self.job(seen.sent));
        }
        reply.push_str("</scheduler_reply>\n");
        (200, reply.into())
    }

    fn report(&self, seen: &mut Seen, result: &str, reply: &mut String) {
        let name = find(result, "name").unwrap();
        let number = |of: &str| find(result, of).unwrap().parse::<i64>().unwrap();
        let (state, exit) = (number("state"), number("exit_status"));
        let output = format!("{name}_0");
        let here = seen.files.get(&output).is_some_and(|file| Some(&md5_text(file)) == seen.md5s.get(&output));
        if state == 5 && !here {
            seen.without_file += 1;
        }
        let entry = seen.reports.entry(name.to_owned()).or_insert((state, exit, 0));
        entry.2 += 1;
        reply.push_str(&format!("<result_ack>\n    <name>{name}</name>\n</result_ack>\n"));
    }

    fn version(&self) -> String {
        let (url, signature) = (&self.url, &self.signature);
        format!(
            "<app><name>toy</name></app>\n<file_info>\n<name>program</name>\n<url>{url}download/program</url>\n<executable/>\n\
             <file_signature>\n{signature}</file_signature>\n<nbytes>{}</nbytes>\n</file_info>\n<app_version>\n\
             <app_name>toy</app_name>\n<version_num>100</version_num>\n<platform>x86_64-pc-linux-gnu</platform>\n\
             <file_ref>\n<file_name>program</file_name>\n<main_program/>\n</file_ref>\n<flops>1e9</flops>\n</app_version>\n\
             <file_info>\n<name>model</name>\n<url>{url}download/model</url>\n<sticky/>\n<md5_cksum>{}</md5_cksum>\n\
             <nbytes>{}</nbytes>\n</file_info>\n",
            PROGRAM.len(),
            md5_text(MODEL),
            MODEL.len(),
        )
    }

    fn job(&self, n: u64) -> String {
        let url = &self.url;
        format!(
            "<file_info>\n<name>u{n}_0_0</name>\n<generated_locally/>\n<upload_when_present/>\n<max_nbytes>1000000</max_nbytes>\n\
             <url>{url}file_upload_handler</url>\n<xml_signature>\nabc\n.\n</xml_signature>\n</file_info>\n<workunit>\n\
             <rsc_fpops_est>1e12</rsc_fpops_est>\n<name>u{n}</name>\n<app_name>toy</app_name>\n<file_ref>\n\
             <file_name>model</file_name>\n<open_name>m</open_name>\n</file_ref>\n</workunit>\n<result>\n\
             <report_deadline>4e9</report_deadline>\n<wu_name>u{n}</wu_name>\n<name>u{n}_0</name>\n<file_ref>\n\
             <file_name>u{n}_0_0</file_name>\n</file_ref>\n<platform>x86_64-pc-linux-gnu</platform>\n\
             <version_num>100</version_num>\n</result>\n"
        )
    }

    fn upload(&self, seen: &mut Seen, body: &[u8], whole: bool) -> String {
        let status =
            |n: i64, more: &str| format!("<data_server_reply>\n<status>{n}</status>\n{more}\n</data_server_reply>\n");
        let at = body.windows(7).position(|window| window == b"<data>\n");
        let head = String::from_utf8_lossy(&body[..at.unwrap_or(body.len())]).into_owned();
        if let Some(name) = find(&head, "get_file_size") {
            let size = seen.files.get(name).map_or(0, Vec::len);
            return status(0, &format!("<file_size>{size}</file_size>"));
        }
        let Some(at) = at else { return status(1, "") };
        let name = find(&head, "name").unwrap().to_owned();
        let number = |of: &str| find(&head, of).unwrap().parse::<usize>().unwrap();
        if self.manner.permanent {
            return status(-1, "");
        }
        let first = !seen.md5s.contains_key(&name);
        seen.md5s.insert(name.clone(), find(&head, "md5_cksum").unwrap().to_owned());
        if self.manner.transient_once && first {
            return status(1, "");
        }
        if !head.contains("\nabc\n.</xml_signature>") {
            seen.problems.push("certificate".into());
        }
        let file = seen.files.entry(name).or_default();
        if number("offset") > file.len() {
            seen.problems.push("a gap".into());
        }
        file.truncate(number("offset"));
        file.extend_from_slice(&body[at + 7..]);
        if !whole || file.len() != number("nbytes") {
            return status(1, "");
        }
        status(0, "")
    }
}

fn account(key: &str) -> String {
    format!("<account_out>\n<authenticator>{key}</authenticator>\n</account_out>\n")
}
